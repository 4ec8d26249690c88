"""Recorder: hooks on every convolution, linear layer and neuron of a model during one forward and backward pass.

Which neuron a layer's current reaches, and whose spikes a layer reads, comes from the graph that torch itself built
for the backward pass. A surrogate mask says where the model's own surrogate function has a derivative that is not
exactly zero. Which inputs need a gradient comes from passing that mask through what lies between (pooling,
flattening) with torch's own derivatives: those are sums of products of what is not negative, so none cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from simsnn.errors import ConfigError
from simsnn.importers.frameworks.modules import (
    Module,
    Seen,
    Tensor,
    neuron_modules,
    surrogate_attribute,
    surrogate_of,
    surrogate_title,
    watched,
    weight_modules,
)
from simsnn.importers.frameworks.packing import packed
from simsnn.importers.npz import write_trace
from simsnn.workload.activity import Activity


def record(model: Module, timesteps: int, names: Sequence[str] | None = None, *, values: bool = False) -> Recorder:
    """Record one forward and backward pass of a model.

    Parameters
    ----------
    model : torch.nn.Module
        Built of torch's convolutions and linear layers and of neurons of SpikingJelly or snnTorch. Layers may run
        once per time step, once for a (T, B, ...) sequence, or once with time folded into the batch.
    timesteps : int
        T, the steps of the pass.
    names : sequence of str, optional
        Names of the layers with weights, in the order in which they run; without, those that the model gives them.
    values : bool
        Also keep the values of currents and gradients.

    Returns
    -------
    Recorder
        To be used as a context manager around the pass.

    Raises
    ------
    ConfigError
        If the model has layers that cannot be recorded.
    """
    return Recorder(model, timesteps, names, values=values)


class Recorder:
    """Watches a model while it is open; see :func:`record`."""

    def __init__(
        self, model: Module, timesteps: int, names: Sequence[str] | None = None, *, values: bool = False
    ) -> None:
        if not isinstance(timesteps, int) or timesteps < 1:
            raise ConfigError(f"timesteps is {timesteps!r}", value=str(timesteps), allowed=("1 or more",))
        self.timesteps = timesteps
        self.values = values
        self.names = None if names is None else tuple(names)
        self.layers = weight_modules(model)
        self.neurons = neuron_modules(model)
        if not self.layers or not self.neurons:
            missing = "convolution or linear layer" if not self.layers else "neuron of SpikingJelly or snnTorch"
            raise ConfigError(f"the model has no {missing}", remedy="give the module that holds all layers")
        self._order: list[Seen] = []
        self._made: dict[Any, tuple[Seen, int]] = {}
        self._current: Seen | None = None
        self._probing = False
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Recorder:
        for seen in self.layers:
            self._undo.append(seen.module.register_forward_hook(self._layer_hook(seen)).remove)
        for seen in self.neurons:
            self._undo.append(seen.module.register_forward_pre_hook(self._neuron_begins(seen)).remove)
            self._undo.append(seen.module.register_forward_hook(self._neuron_hook(seen)).remove)
        self._watch_surrogates()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def activity(self, accuracy: float | None = None) -> Activity:
        """What was recorded, layer by layer in the order in which they ran.

        Raises
        ------
        ConfigError
            If the pass was not one forward and backward pass of ``timesteps`` steps.
        """
        for seen in (*self.layers, *self.neurons):
            if not seen.outputs:
                remedy = "run the whole model inside the with block"
                raise ConfigError(f"{seen.name!r} did not run", value=seen.name, remedy=remedy)
        if not any(seen.output_gradients for seen in self.layers):
            remedy = "call loss.backward() inside the with block, with gradients enabled"
            raise ConfigError("no gradient was recorded", remedy=remedy)
        ran = [seen for seen in self._order if seen.dimensions]
        return packed(ran, self._names(ran), self.neurons, self.timesteps, self.values, accuracy)

    def save(self, path: str | Path, accuracy: float | None = None) -> Path:
        """Write what was recorded as a trace (``simsnn/trace/1``) and return its path."""
        neurons = ", ".join(sorted({type(seen.module).__name__ for seen in self.neurons}))
        surrogates = ", ".join(sorted({surrogate_title(seen.module) for seen in self.neurons}))
        target = Path(path)
        write_trace(target, self.activity(accuracy), neurons, surrogates)
        return target

    def _names(self, ran: list[Seen]) -> tuple[str, ...]:
        if self.names is None:
            return tuple(seen.name if seen.name[:1].isalpha() else f"layer{seen.name}" for seen in ran)
        if len(self.names) != len(ran):
            order = ", ".join(seen.name for seen in ran)
            raise ConfigError(f"{len(self.names)} names for {len(ran)} layers, which ran in this order: {order}")
        return self.names

    def _layer_hook(self, seen: Seen) -> Callable[..., None]:
        def hook(module: Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG001 - torch's hooks
            if not self._probing:
                seen.needed.append(self._needed(inputs[0]))
                self._keep(seen, inputs[0], output)

        return hook

    def _neuron_begins(self, seen: Seen) -> Callable[..., None]:
        def hook(module: Module, inputs: tuple[Tensor, ...]) -> None:  # noqa: ARG001 - torch's hooks
            if not self._probing:
                self._current = seen
                seen.shifted.clear()

        return hook

    def _neuron_hook(self, seen: Seen) -> Callable[..., None]:
        def hook(module: Module, inputs: tuple[Tensor, ...], output: Any) -> None:  # noqa: ARG001 - torch's hooks
            if self._probing:
                return
            self._current = None
            spikes = output[0] if isinstance(output, tuple) else output
            if not seen.outputs:
                sources, seen.normalised = self._before(inputs[0])
                seen.sources = tuple(source for source, _ in sources)
            seen.derivatives.append(self._derivative(seen, spikes))
            seen.spikes.append(spikes)
            self._keep(seen, inputs[0], spikes)

        return hook

    def _keep(self, seen: Seen, given: Tensor, made: Tensor) -> None:
        """Values now, gradients when they come."""
        if seen not in self._order:
            self._order.append(seen)
        call = len(seen.outputs)
        seen.inputs.append(given.detach())
        seen.outputs.append(made.detach())
        for tensor, kept in ((given, seen.input_gradients), (made, seen.output_gradients)):
            if tensor.requires_grad:
                tensor.register_hook(self._saver(kept, call))
        if made.grad_fn is not None:
            self._made[made.grad_fn] = (seen, call)

    def _saver(self, kept: dict[int, Tensor], call: int) -> Callable[[Tensor], None]:
        def save(gradient: Tensor) -> None:
            if not self._probing:
                kept[call] = gradient.detach()

        return save

    def _watch_surrogates(self) -> None:
        """Put in place of every surrogate function one that also tells what it is given.

        SpikingJelly has fused operators for its own surrogate functions, which do not call them; with another one it
        computes by its reference formulas.
        """
        for seen in self.neurons:
            attribute, function = surrogate_attribute(seen.module), surrogate_of(seen.module)
            setattr(seen.module, attribute, watched(function, self._shifted))
            self._undo.append(partial(setattr, seen.module, attribute, function))

    def _shifted(self, given: Tensor) -> None:
        if self._current is not None and not self._probing:
            self._current.shifted.append(given.detach())

    def _before(self, tensor: Tensor) -> tuple[tuple[tuple[Seen, int], ...], bool]:
        """Layers and neurons that a tensor was made from, with their calls; whether a normalisation lies between."""
        found: list[tuple[Seen, int]] = []
        normalised, ahead, done = False, [tensor.grad_fn], set()
        while ahead:
            node = ahead.pop()
            if node is None or node in done:
                continue
            done.add(node)
            if node in self._made:
                if self._made[node] not in found:
                    found.append(self._made[node])
                continue
            normalised = normalised or "BatchNorm" in node.name()
            ahead += [before for before, _ in node.next_functions]
        return tuple(found), normalised

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """What is computed here is no part of the pass."""
        probing, self._probing = self._probing, True
        try:
            yield
        finally:
            self._probing = probing

    def _needed(self, tensor: Tensor) -> Tensor | None:
        """Elements of a layer's input whose gradient reaches a spike with a surrogate derivative; None for all."""
        import torch

        sources, normalised = self._before(tensor)
        if not sources or normalised or any(seen.dimensions for seen, _ in sources):
            return None
        total = torch.zeros_like(tensor, requires_grad=False)
        with self._apart():
            for seen, call in sources:
                weight = torch.ones_like(tensor, requires_grad=True)
                (back,) = torch.autograd.grad(tensor, seen.spikes[call], weight, create_graph=True)
                (through,) = torch.autograd.grad(back, weight, seen.derivatives[call].to(back.dtype))
                total += through
        return total != 0

    def _derivative(self, seen: Seen, spikes: Tensor) -> Tensor:
        """Where the surrogate derivative of the call under way is not exactly zero, in the shape of its spikes."""
        import torch

        masks, made = [], seen.shifted
        with self._apart(), torch.enable_grad():
            for given in made:
                x = given.clone().requires_grad_()
                (derivative,) = torch.autograd.grad(surrogate_of(seen.module)(x).sum(), x)
                masks.append(derivative != 0)
        if masks and masks[-1].shape == spikes.shape:
            return masks[-1]  # of several the last fires; those before it decide on resets
        if masks and len(masks) == spikes.shape[0] and masks[0].shape == spikes.shape[1:]:
            return torch.stack(masks)
        raise ConfigError(
            f"neuron {seen.name!r} called its surrogate function {len(masks)} times for spikes {tuple(spikes.shape)}",
            remedy="record on the CPU, with the neuron's plain torch code",
        )
