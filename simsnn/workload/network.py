"""A network: layers as a directed acyclic graph, shapes checked, neurons placed.

Where a neuron stands, unless a layer says otherwise: behind every layer that carries a current
(convolution, linear, normalisation, residual sum), except the last layer of the network, which
is a readout of mean current, and except where every consumer is itself a normalisation, a
residual sum or a layer of kind ``neuron`` (the neuron then stands behind that one). ``neuron: none`` removes
it, ``neuron: {...}`` puts another one. A layer of kind ``neuron`` always has one, a sum marked
``reversible`` never.

The width of an operand is a property of the edge: spikes are one bit, average pooling of spikes
gives small integers, residual sums of spikes count; currents, analog inputs and what a reversible node
delivers are real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from simsnn.config.quantities import Count, Name, StrictModel
from simsnn.errors import ConfigError, Where, nearest
from simsnn.neurons import Neuron
from simsnn.workload.couplings import check_couplings
from simsnn.workload.formats import Format as Format
from simsnn.workload.formats import delivered_format
from simsnn.workload.layer import Layer as Layer
from simsnn.workload.layers import (
    AddLayer,
    AnyLayer,
    GemmLayer,
    NeuronLayer,
    Shape,
)

INPUT = "input"
CURRENT_TAKERS = ("batch_norm", "add", "neuron")
"""Kinds of layers that take over a current, and bring the neuron it reaches or pass it on."""


class NetworkConfig(StrictModel):
    """A network file: input shape, default neuron, layers."""

    schema_: Annotated[Literal["simsnn/network/1"], Field(alias="schema")] = "simsnn/network/1"
    name: Name = "network"
    input: tuple[Count, ...] = ()
    neuron: Neuron | None = None
    layers: tuple[AnyLayer, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in an order in which every input stands before its reader."""

    name: str
    input_shape: Shape
    input_format: Format
    layers: tuple[Layer, ...]

    @property
    def weight_layers(self) -> tuple[Layer, ...]:
        """Layers with weights, first to last."""
        return tuple(layer for layer in self.layers if layer.has_weights)

    @property
    def bare_gemms(self) -> bool:
        """True for a list of independent matrix products."""
        return all(isinstance(layer.config, GemmLayer) for layer in self.layers)

    @property
    def output(self) -> Layer:
        """The readout: the last layer."""
        return self.layers[-1]

    @property
    def parameters(self) -> int:
        """Weights of all layers (normalisation adds two per channel)."""
        weights = sum(layer.geometry.weights for layer in self.weight_layers)
        return weights + sum(2 * layer.out_shape[0] for layer in self.layers if layer.kind == "batch_norm")

    def layer(self, name: str) -> Layer:
        """Layer of that name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = tuple(layer.name for layer in self.layers)
        raise ConfigError(f"no layer {name!r}", value=name, allowed=names, nearest=nearest(name, names))

    def needs_input_gradient(self, layer: Layer) -> bool:
        """True when a layer with trained parameters stands before this one."""
        return any(self._trainable_before(index) for index in layer.inputs)

    def _trainable_before(self, index: int) -> bool:
        if index < 0:
            return False
        layer = self.layers[index]
        return layer.learns or any(map(self._trainable_before, layer.inputs))


def neuron_behind(network: Network, layer: Layer) -> Layer | None:
    """The layer whose neuron a current reaches through normalisations and residual sums; None for a readout."""
    while layer.neuron is None:
        onward = [network.layers[i] for i in layer.consumers if network.layers[i].kind in CURRENT_TAKERS]
        if not onward:
            return None
        layer = onward[0]
    return layer


def build_network(config: NetworkConfig, input_format: Format, current_bits: int) -> Network:
    """Place the layers of a network file.

    Parameters
    ----------
    config : NetworkConfig
        The file's content.
    input_format : Format
        What the encoding delivers: spikes or analog values.
    current_bits : int
        Width of currents, where a layer passes them on without a neuron.

    Raises
    ------
    ConfigError
        For an empty network, duplicate or unknown names, shapes that do not fit, or a sum marked
        ``reversible`` that is no coupling.
    """
    if not config.layers:
        raise _error("the network has no layers", "list at least one layer")
    gemms = [isinstance(layer, GemmLayer) for layer in config.layers]
    if any(gemms) and not all(gemms):
        raise _error("gemm layers are independent products and cannot be mixed with other kinds", "split the network")
    inputs = _wire(config)
    shapes: list[Shape] = []
    source = _input_shape(config, all(gemms))
    for layer, wires in zip(config.layers, inputs, strict=True):
        shapes.append(layer.output_shape(tuple(source if i < 0 else shapes[i] for i in wires)))
    consumers = [tuple(i for i, wires in enumerate(inputs) if j in wires) for j in range(len(inputs))]
    _check_used(config, consumers)
    neurons = [_neuron(config, index, consumers[index]) for index in range(len(inputs))]
    _check_neurons(config, neurons, shapes)
    formats: list[Format] = []
    layers = []
    for index, (layer, wires) in enumerate(zip(config.layers, inputs, strict=True)):
        in_formats = tuple(input_format if i < 0 else formats[i] for i in wires)
        formats.append(delivered_format(layer, neurons[index], in_formats, current_bits))
        in_shapes = tuple(source if i < 0 else shapes[i] for i in wires)
        layers.append(
            Layer(
                index,
                layer,
                wires,
                in_shapes,
                shapes[index],
                neurons[index],
                in_formats,
                formats[index],
                consumers[index],
            )
        )
    check_couplings(tuple(layers))
    return Network(config.name, source, input_format, tuple(layers))


def _error(message: str, remedy: str) -> ConfigError:
    return ConfigError(message, where=Where(path="network.layers"), remedy=remedy)


def _input_shape(config: NetworkConfig, bare: bool) -> Shape:
    sizes = config.input
    if bare:
        return (1, 1, 1)
    if not 1 <= len(sizes) <= 3:
        raise ConfigError(
            f"input must be [features], [channels, length] or [channels, height, width], got {list(sizes)}",
            where=Where(path="network.input"),
        )
    if len(sizes) == 3:
        return (sizes[0], sizes[1], sizes[2])
    return (sizes[0], 1, sizes[1]) if len(sizes) == 2 else (sizes[0], 1, 1)


def _wire(config: NetworkConfig) -> list[tuple[int, ...]]:
    positions = {INPUT: -1}
    wired: list[tuple[int, ...]] = []
    for index, layer in enumerate(config.layers):
        path = f"network.layers.{index}"
        names = layer.inputs
        if names is None:
            wires: tuple[int, ...] = () if layer.input_count == 0 else (index - 1,)
        else:
            unknown = [name for name in names if name not in positions]
            if unknown:
                raise ConfigError(
                    f"layer {layer.name!r} reads {unknown[0]!r}, which is not an earlier layer",
                    where=Where(path=f"{path}.inputs"),
                    value=unknown[0],
                    allowed=tuple(positions),
                    nearest=nearest(unknown[0], positions),
                )
            wires = tuple(positions[name] for name in names)
        if len(wires) != layer.input_count:
            raise ConfigError(
                f"layer {layer.name!r} of kind {layer.kind} takes {layer.input_count} inputs, got {len(wires)}",
                where=Where(path=f"{path}.inputs"),
                remedy="name them: inputs: [first, second]",
            )
        if layer.name in positions:
            raise ConfigError(
                f"two layers are called {layer.name!r}", where=Where(path=f"{path}.name"), value=layer.name
            )
        positions[layer.name] = index
        wired.append(wires)
    return wired


def _check_used(config: NetworkConfig, consumers: list[tuple[int, ...]]) -> None:
    for index, layer in enumerate(config.layers[:-1]):
        if not consumers[index] and not isinstance(layer, GemmLayer):
            where = Where(path=f"network.layers.{index}")
            raise ConfigError(
                f"nothing reads layer {layer.name!r}", where=where, remedy="only the last layer is an output"
            )


def _neuron(config: NetworkConfig, index: int, consumers: tuple[int, ...]) -> Neuron | None:
    layer = config.layers[index]
    if layer.neuron == "none":
        if isinstance(layer, NeuronLayer):
            raise ConfigError(
                f"layer {layer.name!r} of kind neuron is nothing without its neuron",
                where=Where(path=f"network.layers.{index}.neuron"),
                value="none",
                remedy="leave the layer out",
            )
        return None
    if isinstance(layer, AddLayer) and layer.reversible:
        _refuse_on_stream(layer, index)
        return None
    if layer.neuron is not None:
        if not layer.carries_current:
            raise ConfigError(
                f"layer {layer.name!r} of kind {layer.kind} carries no current, so no neuron can stand behind it",
                where=Where(path=f"network.layers.{index}.neuron"),
                remedy="put the neuron on the convolution, linear, batch_norm or add layer before it",
            )
        return layer.neuron
    taken = all(config.layers[i].kind in CURRENT_TAKERS for i in consumers)
    if not isinstance(layer, NeuronLayer) and (not layer.carries_current or not consumers or taken):
        return None
    if config.neuron is None:
        raise ConfigError(
            f"layer {layer.name!r} needs a neuron and the network names none",
            where=Where(path="network.neuron"),
            remedy="add neuron: {kind: lif, ...} to the network, or"
            f" {'one' if isinstance(layer, NeuronLayer) else 'neuron: none'} to the layer",
        )
    return config.neuron


def _refuse_on_stream(layer: AddLayer, index: int) -> None:
    """What a neuron has fired gives no stream back."""
    if layer.neuron is not None:
        raise ConfigError(
            f"layer {layer.name!r} is marked reversible and has a neuron: its spikes do not give the stream back",
            where=Where(path=f"network.layers.{index}.neuron"),
            remedy="put the neuron on a layer of kind neuron that reads the sum",
        )


def _check_neurons(config: NetworkConfig, neurons: list[Neuron | None], shapes: list[Shape]) -> None:
    """Every neuron has the channels it needs."""
    for index, (neuron, shape) in enumerate(zip(neurons, shapes, strict=True)):
        if neuron is None:
            continue
        refusal = neuron.channels_refusal(shape[0])
        if refusal:
            raise ConfigError(
                f"layer {config.layers[index].name!r} with {shape[0]} channels: {refusal}",
                where=Where(path=f"network.layers.{index}"),
                value=shape[0],
                remedy="give the layer one channel more, or another neuron",
            )
