"""What the modes share: what a step reads, what stays kept of outputs and inputs, tapes whose outputs are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from simsnn.costs import OperandClass
from simsnn.training.backpropagation import TapeSource
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.model import Model, Statistics
from simsnn.training.normalisation import Normalised
from simsnn.training.tape import Array, LayerTape
from simsnn.workload.network import Layer


@dataclass(frozen=True, slots=True, eq=False)
class StepInputs:
    """What the forward pass of a step reads.

    Parameters
    ----------
    model : Model
        The network.
    parameters : array, shape (P,)
        At their stored width.
    statistics : Statistics
        Stored moments.
    x : array, shape (T, B, H, W, C)
        Encoded input of every step.
    """

    model: Model
    parameters: Array
    statistics: Statistics
    x: Array

    def inputs(self, layer: Layer, tapes: list[LayerTape]) -> tuple[Array, ...]:
        """What a layer reads, from the tapes of the layers before."""
        return tuple(self.x if i < 0 else tapes[i].output for i in layer.inputs)

    def value(self, layer: Layer, inputs: tuple[Array, ...]) -> LayerTape:
        """A layer before its neuron, with batch statistics."""
        return self.model.layer_value(layer, inputs, self.parameters, self.statistics, training=True)

    def tape(self, layer: Layer, inputs: tuple[Array, ...]) -> LayerTape:
        """A layer with its neuron, with batch statistics."""
        return self.model.layer_tape(layer, inputs, self.parameters, self.statistics, training=True)


class ForwardRun(TapeSource, Protocol):
    """A forward pass that has run, and what it kept for the backward pass."""

    @property
    def readout(self) -> Array:
        """What the last layer delivered, (T, B, 1, 1, classes)."""

    @property
    def kept(self) -> Kept:
        """What it kept."""

    @property
    def moments(self) -> tuple[Normalised | None, ...]:
        """State of the normalisation of every layer; None where it is none."""


class KeptOutputs:
    """Part of modes in which every layer's output is kept, and potentials are not.

    A neuron's current counts as forgotten where ``tapes`` hold it with no time step.
    """

    def __init__(self, step: StepInputs) -> None:
        self.step = step
        self.tapes: list[LayerTape] = []

    @property
    def readout(self) -> Array:
        """See :class:`ForwardRun`."""
        return self.tapes[-1].output

    @property
    def moments(self) -> tuple[Normalised | None, ...]:
        """See :class:`ForwardRun`."""
        return tuple(tape.normalised for tape in self.tapes)

    def tape(self, layer: Layer) -> LayerTape:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        tape = self.tapes[layer.index]
        return tape if len(tape.current) else replace(tape, current=tape.output)  # only its shape is read

    def steps(self, index: int) -> int:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        return len(self.tapes[index].output)


def delivered(layer: Layer, elements: int) -> KeptTensor:
    """What a layer delivers, kept."""
    binary = layer.out_format.binary
    return KeptTensor(layer.name, OperandClass.SPIKES if binary else OperandClass.INPUTS, elements, binary)


def stored_values(step: StepInputs, tapes: Iterable[LayerTape], *, neurons: bool) -> list[KeptTensor]:
    """What layers with weights read, for the weight gradients, and where asked for what ``neurons`` delivered, once."""
    network, sizes = step.model.network, [tape.output.size for tape in tapes]
    inputs = {_behind_flatten(network.layers, layer.inputs[0]) for layer in network.weight_layers}
    outputs = {layer.index for layer in network.layers if neurons and layer.neuron is not None}
    read = sorted(inputs | outputs)
    first = [KeptTensor("input", OperandClass.INPUTS, step.x.size)] if read[0] < 0 else []
    return [*first, *(delivered(network.layers[index], sizes[index]) for index in read if index >= 0)]


def _behind_flatten(layers: tuple[Layer, ...], index: int) -> int:
    while index >= 0 and layers[index].kind == "flatten":
        index = layers[index].inputs[0]
    return index
