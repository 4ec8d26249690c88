"""Temporal reversibility: forwards the last states of the levels stay, backwards every step is made again.

Levels remember without a reset, all other neurons forget (:mod:`simsnn.workload.levels`). At step t, last to first,
with the states v[t] of the levels at hand, the layers run again in order: a level fires where v[t] reaches its
threshold, a layer that forgets fires from its current alone. With the current I[t] of a level made again its
state goes one step back, v[t-1] = (v[t] - I[t]) / leak. The gradient of step t follows, with the carry over time of the
levels: that of backpropagation through time, summed step by step.

On a grid of values that the float holds, with a leak that is a power of two, this is bit-equal. Else what rounding
left grows by 1/leak a step (:mod:`simsnn.workload.levels`); over 6 steps of leak 0.5 to 1 the gradient was within 4e-16
of its largest entry in fp64 and 2e-7 in fp32 (the tests ask for 1e-9 and 1e-5). A state within that rounding of
the threshold may flip a spike, and the gradient with it.

``leftover`` is the largest state that this leaves before the first step, where every state is zero.

Which networks allow it: :mod:`simsnn.workload.mode_checks`. Proof: ``tests/unit/test_temporal_reversible.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsnn.costs import OperandClass
from simsnn.training.backpropagation import StoredTapes, backpropagate, over_time
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.loss import Labels, LossName, loss_function
from simsnn.training.membrane import rows
from simsnn.training.model import Model
from simsnn.training.modes.online import joined_gradients
from simsnn.training.modes.step import ModeStep, StepInputs, mean_readout
from simsnn.training.tape import Array, Gradients, LayerTape
from simsnn.workload.levels import is_level, level_leak
from simsnn.workload.network import Layer


def temporal_step(
    step: StepInputs, labels: Labels, loss: LossName, parameters: Array, *, keep: bool = False
) -> ModeStep:
    """Run a training step with levels.

    Parameters
    ----------
    step : StepInputs
        What it reads.
    labels : NDArray[int64], shape (B,)
        Targets.
    loss : str
        Which loss.
    parameters : array, shape (P,)
        Weights that the backward products read.
    keep : bool
        Return the gradients at every layer as well.
    """
    run, steps = _Levels(step), step.model.timesteps
    last: tuple[LayerTape, ...] = ()
    readouts = []
    for t in range(steps):
        last = run.forward(t)
        readouts.append(last[-1].output)
    readout, kept, moments = np.concatenate(readouts), run.kept, tuple(tape.normalised for tape in last)
    logits = readout.mean(axis=0).reshape(readout.shape[1], -1)
    value, d_logits = loss_function(loss)(logits, labels)
    towards = over_time(d_logits, steps)
    vector, parts = np.zeros(run.model.layout.size, run.model.dtype), list[Gradients]()
    for t in reversed(range(steps)):
        source = run.back(t)
        parts.append(backpropagate(run.model, parameters, source, towards[t : t + 1], keep=keep))
        vector += parts[-1].vector
        parts = parts if keep else parts[-1:]
    layers = joined_gradients(tuple(reversed(parts))) if keep else parts[-1].layers
    return ModeStep(value, mean_readout(readout), Gradients(vector, layers), kept, moments, run.leftover)


class _Levels:
    """States of the levels, and what the gradient carries over time."""

    def __init__(self, step: StepInputs) -> None:
        self.given = step
        self.model = Model(step.model.network, 1, step.model.dtype, step.model.rounding)
        self.states: dict[int, Array] = {}
        self.carries: dict[int, Array] = {}

    @property
    def kept(self) -> Kept:
        """Inputs and states."""
        layers = self.model.network.layers
        inputs = KeptTensor("input", OperandClass.INPUTS, self.given.x.size)
        states = [KeptTensor(layers[i].name, OperandClass.MEMBRANE, state.size) for i, state in self.states.items()]
        return Kept((inputs, *states))

    @property
    def leftover(self) -> float:
        """Largest state, before the first step once all of them were taken back."""
        return max((float(np.abs(state).max(initial=0)) for state in self.states.values()), default=0.0)

    def forward(self, t: int) -> tuple[LayerTape, ...]:
        """All layers of one step; the states of the levels go one step on."""
        return self._step(t, back=False)

    def back(self, t: int) -> _OneStep:
        """The same layers again; the states of the levels go one step back."""
        return _OneStep(self.model, self.given.parameters, self._step(t, back=True), self.carries)

    def _step(self, t: int, back: bool) -> tuple[LayerTape, ...]:
        given = replace(self.given, model=self.model, x=self.given.x[t : t + 1])
        tapes: list[LayerTape] = []
        for layer in self.model.network.layers:
            tape = given.value(layer, given.inputs(layer, tapes))
            if layer.neuron is not None:
                undone = back and is_level(layer)
                output, v = self._undone(layer, tape.current) if undone else self._fired(layer, tape.current)
                tape = replace(tape, output=output, v=v)
            tapes.append(tape)
        return tuple(tapes)

    def _fired(self, layer: Layer, current: Array) -> tuple[Array, Array]:
        """Spikes and potentials of a step forward; a layer that forgets starts from nothing."""
        neurons = self.model.membrane(layer, self.given.parameters)
        state = neurons.empty_state(current)
        if is_level(layer):
            state = self.states.setdefault(layer.index, state)
        output, v = np.empty_like(current), np.empty_like(current)
        neurons.forward_from(current, state, output, v)
        return output, v

    def _undone(self, layer: Layer, current: Array) -> tuple[Array, Array]:
        """Spikes and potentials of a step whose state is at hand, which becomes that of the step before."""
        assert layer.neuron is not None
        state, scalar = self.states[layer.index], current.dtype.type
        v = state.reshape(current.shape)
        output = (v >= scalar(layer.neuron.threshold)).astype(current.dtype)
        self.states[layer.index] = (state - rows(current)) / scalar(level_leak(layer))
        return output, v


class _OneStep(StoredTapes):
    """Tapes of one step, and the carry of the levels from the step behind it."""

    def __init__(
        self, model: Model, parameters: Array, tapes: tuple[LayerTape, ...], carries: dict[int, Array]
    ) -> None:
        super().__init__(model, parameters, tapes)
        self.carries = carries

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        tape = self.tapes[layer.index]
        assert tape.v is not None
        neurons, dx = self.model.membrane(layer, self.parameters), np.empty_like(tape.v)
        carry = neurons.empty_carry(tape.v)
        if is_level(layer):
            carry = self.carries.setdefault(layer.index, carry)
        neurons.backward_from(output, tape.v, tape.output, tape.current, carry, dx, dlearned)
        return dx
