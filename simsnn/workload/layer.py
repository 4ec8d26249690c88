"""One layer in its place in a network: its parameters, shapes, neuron, and what its edges carry."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.neurons import Neuron
from simsnn.workload.formats import Format
from simsnn.workload.layers import AnyLayer, Conv1dLayer, Conv2dLayer, LinearLayer, Shape
from simsnn.workload.operation import ConvGeometry


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in place.

    Parameters
    ----------
    index : int
        Position in ``Network.layers``.
    config : AnyLayer
        Its parameters.
    inputs : tuple of int
        Positions of the layers it reads; -1 is the network's input.
    in_shapes, out_shape : Shape
        (channels, height, width).
    neuron : Neuron or None
        Neuron behind it.
    in_formats, out_format : Format
        What its edges carry; the output is taken behind the neuron.
    consumers : tuple of int
        Layers that read it.
    """

    index: int
    config: AnyLayer
    inputs: tuple[int, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    neuron: Neuron | None
    in_formats: tuple[Format, ...]
    out_format: Format
    consumers: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.config.name

    @property
    def kind(self) -> str:
        """Kind of the layer, as in its file."""
        return self.config.kind

    @property
    def has_weights(self) -> bool:
        """True for convolution and linear layers."""
        return self.config.has_weights

    @property
    def learns(self) -> bool:
        """True where the layer, or its neurons, have trained parameters."""
        return self.has_weights or self.kind == "batch_norm" or self.learning_neurons

    @property
    def learning_neurons(self) -> bool:
        """True where its neurons learn numbers of their own."""
        return self.neuron is not None and self.neuron.learned_shape(1) != ()

    @property
    def geometry(self) -> ConvGeometry:
        """Convolution shape of a layer with weights."""
        if not isinstance(self.config, Conv2dLayer | Conv1dLayer | LinearLayer):
            raise TypeError(f"layer {self.name!r} of kind {self.kind} has no convolution shape")
        return self.config.geometry(self.in_shapes[0])

    @property
    def out_elements(self) -> int:
        """Values per slot."""
        channels, height, width = self.out_shape
        return channels * height * width
