"""Backpropagation through the layers of a network, last to first, all T of a layer at once.

What a layer left in the forward pass comes from a :class:`TapeSource`: stored tapes (store-all), or whatever a
backward mode makes them again from (:mod:`simsnn.training.modes`). The gradients are those of the
equations in ``simsnn/neurons/``, ``simsnn/training/normalisation.py`` and ``simsnn/workload/lowering.py``.

Proof: ``tests/kernels/test_gradients.py`` (finite differences of whole networks).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simsnn.training.model import Model
from simsnn.training.normalisation import normalise_backward
from simsnn.training.pooling import pool_backward
from simsnn.training.quantise import symmetric
from simsnn.training.synapse import Synapse
from simsnn.training.tape import Array, Gradients, LayerGradient, LayerTape, slots_of, steps_of, unflattened
from simsnn.workload.layers import AvgPoolLayer, MaxPoolLayer
from simsnn.workload.network import Layer


class TapeSource(Protocol):
    """Where the backward pass has from what the forward pass computed; asked layer by layer, last to first."""

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """Gradient towards the current of a layer with a neuron, from the one towards its output."""

    def tape(self, layer: Layer) -> LayerTape:
        """What the layer's own gradients need; asked behind :meth:`towards_current`."""

    def steps(self, index: int) -> int:
        """Time steps of what layer ``index`` delivered: T, or 1 where all are equal."""


Tapes = tuple[LayerTape, ...] | dict[int, LayerTape]


class StoredTapes:
    """Everything was stored."""

    def __init__(self, model: Model, parameters: Array, tapes: Tapes) -> None:
        self.model = model
        self.parameters = parameters
        self.tapes = tapes

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`TapeSource`."""
        tape = self.tapes[layer.index]
        assert tape.v is not None
        neurons = self.model.membrane(layer, self.parameters)
        return neurons.backward(output, tape.v, tape.output, tape.current, dlearned)

    def tape(self, layer: Layer) -> LayerTape:
        """See :class:`TapeSource`."""
        return self.tapes[layer.index]

    def steps(self, index: int) -> int:
        """See :class:`TapeSource`."""
        return len(self.tapes[index].output)


def gradients_of(
    model: Model, parameters: Array, tapes: tuple[LayerTape, ...], d_logits: Array, *, keep: bool = False
) -> Gradients:
    """Backpropagate through layers and time, everything stored.

    Parameters
    ----------
    model : Model
        The network.
    parameters : array, shape (P,)
        Those of the forward pass.
    tapes : tuple of LayerTape
        What the forward pass returned.
    d_logits : array, shape (B, classes)
        Gradient of the loss towards the readout.
    keep : bool
        True returns the gradients at every layer as well.
    """
    rounded = model.rounded(parameters)
    towards = over_time(d_logits, len(tapes[-1].output))
    return backpropagate(model, rounded, StoredTapes(model, rounded, tapes), towards, keep=keep)


def backpropagate(
    model: Model, parameters: Array, source: TapeSource, towards_readout: Array, *, keep: bool = False
) -> Gradients:
    """Gradient of the loss towards every parameter.

    Parameters
    ----------
    model : Model
        The network.
    parameters : array, shape (P,)
        Those that backward reads, at their stored width.
    source : TapeSource
        What the forward pass computed.
    towards_readout : array, shape (T, B, 1, 1, classes)
        Gradient of the loss towards what the last layer delivers.
    keep : bool
        True returns the gradients at every layer as well.
    """
    layers, layout = model.network.layers, model.layout
    vector = np.zeros(layout.size, model.dtype)
    towards: list[Array | None] = [None] * len(layers)
    kept: list[LayerGradient | None] = [None] * len(layers)
    towards[-1] = towards_readout
    for layer in reversed(layers):
        output, towards[layer.index] = towards[layer.index], None
        if output is None:
            continue
        current = output
        if layer.neuron is not None:
            current = source.towards_current(layer, output, layout.neuron_view(vector, layer.index))
        if model.rounding is not None:
            current = symmetric(current, model.rounding.gradient_bits)
        kept[layer.index] = LayerGradient(output, current) if keep else None
        tape = source.tape(layer)
        current = _match(current, len(tape.current))
        gradients = layer_gradients(model, layer, tape, parameters, current, layout.view(vector, layer.index))
        for index, gradient in zip(layer.inputs, gradients, strict=True):
            if index >= 0 and gradient is not None:
                _accumulate(towards, index, _match(gradient, source.steps(index)))
    return Gradients(vector, tuple(kept))


def layer_gradients(
    model: Model, layer: Layer, tape: LayerTape, parameters: Array, gradient: Array, view: Array
) -> tuple[Array | None, ...]:
    """Gradients towards the inputs of a layer; writes its parameters' gradient into ``view``."""
    x, config, wanted = tape.inputs[0], layer.config, model.network.needs_input_gradient(layer)
    weights = model.layout.view(parameters, layer.index)
    if layer.has_weights:
        synapse = Synapse(layer.geometry)
        view[...] = synapse.weight_gradient(slots_of(x), slots_of(gradient))
        return (steps_of(synapse.input_gradient(slots_of(gradient), weights), x.shape[1]) if wanted else None,)
    if tape.normalised is not None:
        dx, view[0], view[1] = normalise_backward(tape.normalised, weights[0], gradient)
        return (dx if wanted else None,)
    if not wanted:
        return tuple(None for _ in layer.inputs)
    if isinstance(config, MaxPoolLayer | AvgPoolLayer):
        return (steps_of(pool_backward(slots_of(gradient), config, tape.winner, slots_of(x).shape), x.shape[1]),)
    if config.kind == "flatten":
        return (unflattened(gradient, x.shape),)
    return tuple(gradient for _ in layer.inputs)


def over_time(d_logits: Array, steps: int) -> Array:
    """Gradient (T, B, 1, 1, classes) towards the readout's steps: every one has the same share of the mean."""
    share = (d_logits / d_logits.dtype.type(steps)).reshape(1, len(d_logits), 1, 1, -1)
    return np.repeat(share, steps, axis=0)


def _match(gradient: Array, steps: int) -> Array:
    """Sum a gradient over time where its value is the same in every step."""
    if steps < len(gradient):
        total: Array = gradient.sum(axis=0, keepdims=True)
        return total
    return np.broadcast_to(gradient, (steps, *gradient.shape[1:]))


def _accumulate(towards: list[Array | None], index: int, gradient: Array) -> None:
    held = towards[index]
    towards[index] = gradient if held is None else held + gradient
