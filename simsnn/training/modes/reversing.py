"""Reversible mode: outputs and last states are kept; the inverse of the neuron gives back the rest.

``plain``: inverse, forward again from what it gave, gradient. ``streamlined``: one pass from the last step to
the first that inverts a step and takes its gradient at once. A neuron whose inverse needs the currents has
them made again first, by the operations that made them. Anchors cut the steps into runs, each inverted
from a kept state of its own, so that rounding of a float inverse does not pile up over all T.

``leftover`` is the largest state that inverting the first run leaves before the first step, where it should be
zero: the check that every inverse brings along.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from simsnn.costs import OperandClass
from simsnn.neurons import Reversible
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.membrane import rows
from simsnn.training.modes.step import KeptOutputs, StepInputs, stored_values
from simsnn.training.tape import Array, LayerTape
from simsnn.workload.backward_modes import ReversibleMode
from simsnn.workload.network import Layer


class Reversed(KeptOutputs):
    """A forward pass that kept outputs, states at the ends of runs, and side bits."""

    def __init__(self, step: StepInputs, mode: ReversibleMode) -> None:
        super().__init__(step)
        self.streamlined = mode.form == "streamlined"
        self.bounds = mode.bounds(step.model.timesteps)
        self.states: dict[int, list[Array]] = {}
        self.sides: dict[int, Array] = {}
        self.leftover = 0.0
        for layer in step.model.network.layers:
            tape = step.value(layer, step.inputs(layer, self.tapes))
            if layer.neuron is not None:
                tape = replace(tape, output=self._run(layer, tape.current), current=tape.current[:0])
            self.tapes.append(tape)

    @property
    def kept(self) -> Kept:
        """Inputs of layers with weights, what neurons delivered, states, side bits."""
        tensors = stored_values(self.step, neurons=True)
        for index, states in self.states.items():
            name, side = self.step.model.network.layers[index].name, self.sides[index].size
            tensors.append(KeptTensor(name, OperandClass.MEMBRANE, sum(state.size for state in states)))
            if side:
                tensors.append(KeptTensor(name, OperandClass.SIDE_BITS, side))
        return Kept(tuple(tensors))

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        neuron, tape = _reversible(layer), self.tapes[layer.index]
        given, towards = rows(tape.output), rows(output)
        dx, carry = np.empty_like(given), np.zeros((neuron.backward_state_words, given.shape[1]), given.dtype)
        current = self._currents(neuron, layer, tape)
        for (start, stop), kept in reversed(list(zip(pairwise(self.bounds), self.states[layer.index], strict=True))):
            part, state = slice(start, stop), kept.copy()
            behind = (given[part], self.sides[layer.index][part], state)
            if self.streamlined:
                neuron.invert_backward(towards[part], *behind, carry, current[part], dx[part])
            else:
                _plain(neuron, behind, towards[part], current[part], carry, dx[part], dlearned)
            if not start:
                self.leftover = max(self.leftover, float(np.abs(state).max(initial=0)))
        return dx.reshape(tape.output.shape)

    def _run(self, layer: Layer, current: Array) -> Array:
        """Output of a layer's neurons, run after run."""
        neuron, given = _reversible(layer), rows(current)
        output = np.empty_like(given)
        side = np.empty((len(given), given.shape[1] if neuron.side_bits else 0), np.uint8)
        state = np.zeros((neuron.forward_state_words, given.shape[1]), given.dtype)
        self.states[layer.index], self.sides[layer.index] = [], side
        for start, stop in pairwise(self.bounds):
            neuron.run(given[start:stop], state, output[start:stop], side[start:stop])
            self.states[layer.index].append(state.copy())
        return output.reshape(current.shape)

    def _currents(self, neuron: Reversible, layer: Layer, tape: LayerTape) -> Array:
        """Room for the currents (T, n), filled where the inverse reads them."""
        if not neuron.needs_current:
            return np.empty_like(rows(tape.output))
        return rows(self._value_again(layer))

    def _value_again(self, layer: Layer) -> Array:
        """A layer's value before its neuron, made again from kept outputs of neurons."""
        layers, inputs = self.step.model.network.layers, []
        for index in layer.inputs:
            if index < 0:
                inputs.append(self.step.x)
            elif layers[index].neuron is not None or layers[index].kind not in ("conv2d", "conv1d", "linear"):
                inputs.append(self.tapes[index].output)
            else:
                inputs.append(self._value_again(layers[index]))
        return self.step.value(layer, tuple(inputs)).current


def _reversible(layer: Layer) -> Reversible:
    assert isinstance(layer.neuron, Reversible)
    return layer.neuron


def _plain(
    neuron: Reversible,
    behind: tuple[Array, Array, Array],
    towards: Array,
    current: Array,
    carry: Array,
    dx: Array,
    dlearned: Array,
) -> None:
    """Inverse of a run, the run forward again from what it gave, its gradient."""
    nothing = np.empty(0, dx.dtype)
    v, output = np.empty_like(dx), np.empty_like(dx)
    neuron.invert(*behind, current, v)
    neuron.forward(current, nothing, output, v, behind[2].copy())
    neuron.backward(towards, current, nothing, v, output, carry, dx, dlearned)
