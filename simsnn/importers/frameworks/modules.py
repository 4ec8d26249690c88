"""Which modules of a model are layers with weights, which are neurons, and what is known of each after a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simsnn.errors import ConfigError

Module = Any
Tensor = Any

FRAMEWORKS = {"spikingjelly": "surrogate_function", "snntorch": "spike_grad"}
"""Packages, and what their neurons call their surrogate function."""


@dataclass(eq=False)
class Seen:
    """A layer or neuron, call by call: what went in and came out, and the gradients towards both.

    Parameters
    ----------
    name : str
        Its name in the model.
    module : torch.nn.Module
        Itself.
    dimensions : int
        Dimensions of one sample: 1 of a linear layer, 2 and 3 of convolutions; 0 for a neuron, which takes any.
    """

    name: str
    module: Module
    dimensions: int = 0
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    input_gradients: dict[int, Tensor] = field(default_factory=dict)
    output_gradients: dict[int, Tensor] = field(default_factory=dict)
    spikes: list[Tensor] = field(default_factory=list)
    """Of a neuron: its outputs with their history."""
    shifted: list[Tensor] = field(default_factory=list)
    """Of a neuron: what its surrogate function was given in the call under way."""
    derivatives: list[Tensor] = field(default_factory=list)
    """Of a neuron: where the surrogate derivative is not exactly zero."""
    needed: list[Tensor | None] = field(default_factory=list)
    """Of a layer: inputs that need a gradient; None where all do."""
    sources: tuple[Seen, ...] = ()
    """Of a neuron: the layers and neurons that its first input was made from."""
    normalised: bool = False
    """Of a neuron: whether a normalisation lies between."""

    def towards_outputs(self) -> list[Tensor]:
        """Gradients towards what came out of every call; zeros where none came."""
        return _filled(self.outputs, self.output_gradients)

    def towards_inputs(self) -> list[Tensor]:
        """The same for what went in."""
        return _filled(self.inputs, self.input_gradients)

    def calls_error(self, timesteps: int, shape: Sequence[int]) -> ConfigError:
        """It did not run as often, or on such shapes, as the time steps make it."""
        return ConfigError(
            f"{self.name!r} ran {len(self.outputs)} times on {tuple(shape)}, which does not make {timesteps} time"
            " steps of a batch",
            remedy="record one batch, run every layer in every step, and give the T of the pass as timesteps",
        )


def _filled(values: list[Tensor], gradients: dict[int, Tensor]) -> list[Tensor]:
    import torch

    return [gradients[call] if call in gradients else torch.zeros_like(value) for call, value in enumerate(values)]


def weight_modules(model: Module) -> list[Seen]:
    """Convolutions and linear layers by name.

    Raises
    ------
    ConfigError
        For other modules with matrices.
    """
    import torch

    kinds = ((torch.nn.Linear, 1), (torch.nn.Conv1d, 2), (torch.nn.Conv2d, 3))
    inside = {id(child) for neuron in neuron_modules(model) for child in neuron.module.modules()}
    found = []
    for name, module in model.named_modules():
        dimensions = next((count for kind, count in kinds if isinstance(module, kind)), 0)
        if dimensions and id(module) not in inside:
            found.append(Seen(name or type(module).__name__.lower(), module, dimensions))
        elif any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            raise ConfigError(
                f"{name!r} of type {type(module).__name__} cannot be recorded",
                value=type(module).__name__,
                allowed=("Conv1d", "Conv2d", "Linear"),
                remedy="recurrent, transposed and attention layers have no counterpart in a network file",
            )
    return found


def neuron_modules(model: Module) -> list[Seen]:
    """Neurons by name."""
    return [Seen(name or "neuron", module) for name, module in model.named_modules() if surrogate_attribute(module)]


def surrogate_attribute(module: Module) -> str:
    """What a neuron calls its surrogate function; empty for what is no neuron."""
    for cls in type(module).__mro__:
        attribute = FRAMEWORKS.get(cls.__module__.split(".")[0], "")
        if attribute and hasattr(module, attribute):
            return attribute
    return ""


def surrogate_of(module: Module) -> Any:
    """Its surrogate function."""
    return getattr(module, surrogate_attribute(module))


def surrogate_title(module: Module) -> str:
    """Name of its surrogate function, for the reader of a trace."""
    function = surrogate_of(module)
    return str(getattr(function, "__qualname__", type(function).__name__)).split(".")[0]


def watched(function: Any, tell: Callable[[Tensor], None]) -> Any:
    """A surrogate function that tells what it is given; a module in place of a module, else a plain function."""
    import torch

    def call(given: Tensor) -> Any:
        tell(given)
        return function(given)

    if not isinstance(function, torch.nn.Module):
        return call

    class Watched(torch.nn.Module):
        """Stands in for a module; what else is asked of it, the module answers."""

        def forward(self, given: Tensor) -> Any:
            return call(given)

        def __getattr__(self, name: str) -> Any:
            return getattr(function, name)

    return Watched()
