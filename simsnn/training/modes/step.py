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
from simsnn.training.tape import Array, Gradients, LayerTape
from simsnn.workload.layers import BatchNormLayer
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


@dataclass(frozen=True, slots=True, eq=False)
class ModeStep:
    """A training step.

    Parameters
    ----------
    loss : float
        Its loss.
    logits : array, shape (B, classes)
        Readout, the mean over time.
    gradients : Gradients
        Towards every parameter.
    kept : Kept
        What lay stored between forward and backward (online: between time steps).
    moments : tuple of Normalised or None, per layer
        States of normalisations with batch statistics.
    leftover : float or None
        What the inverse left before the first step, where it should be zero, or how far streams were given back
        from what they had been; None where nothing was inverted.
    """

    loss: float
    logits: Array
    gradients: Gradients
    kept: Kept
    moments: tuple[Normalised | None, ...]
    leftover: float | None = None


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
    binary, role = layer.out_format.binary, OperandClass.INPUTS
    if layer.neuron is None and layer.config.carries_current and not layer.out_format.levels:
        role = OperandClass.CURRENTS
    return KeptTensor(layer.name, OperandClass.SPIKES if binary else role, elements, binary)


def stored_values(
    step: StepInputs, *, neurons: bool, layers: tuple[Layer, ...] | None = None, also: Iterable[int] = ()
) -> list[KeptTensor]:
    """What layers with weights and normalisations with batch statistics read, once each.

    Parameters
    ----------
    step : StepInputs
        The step.
    neurons : bool
        What neurons delivered as well.
    layers : tuple of Layer or None
        Whose; those of the whole network without.
    also : iterable of int
        Layers whose output is kept in any case.
    """
    network, slots = step.model.network, step.x.shape[0] * step.x.shape[1]
    chosen = network.layers if layers is None else layers
    readers = [layer for layer in chosen if layer.has_weights or _takes_statistics(layer)]
    inputs = {_behind_flatten(network.layers, layer.inputs[0]) for layer in readers}
    outputs = {layer.index for layer in chosen if neurons and layer.neuron is not None}
    read = sorted(inputs | outputs | set(also))
    first = [KeptTensor("input", OperandClass.INPUTS, step.x.size)] if read[0] < 0 else []
    kept = [network.layers[index] for index in read if index >= 0]
    return [*first, *(delivered(layer, layer.out_elements * slots) for layer in kept)]


def stored_potentials(layers: Iterable[Layer], slots: int) -> list[KeptTensor]:
    """Potentials of neurons, or one mask bit of each where that is all their backward pass needs."""
    found = []
    for layer in layers:
        if layer.neuron is not None:
            masks = layer.neuron.stashes_mask_only
            role = OperandClass.MASKS if masks else OperandClass.MEMBRANE
            found.append(KeptTensor(layer.name, role, layer.out_elements * slots, masks))
    return found


def _takes_statistics(layer: Layer) -> bool:
    return isinstance(layer.config, BatchNormLayer) and layer.config.mode == "training"


def _behind_flatten(layers: tuple[Layer, ...], index: int) -> int:
    while index >= 0 and layers[index].kind == "flatten":
        index = layers[index].inputs[0]
    return index


def mean_readout(readout: Array) -> Array:
    """Readout (B, classes)."""
    logits: Array = readout.mean(axis=0).reshape(readout.shape[1], -1)
    return logits
