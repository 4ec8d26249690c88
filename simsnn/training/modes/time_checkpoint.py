"""Time checkpointing: the state of every neuron each ``segment`` steps; potentials are made again from there.

With ``currents: recompute`` a neuron directly behind a layer with weights has its currents made again run by
run; behind a normalisation or a sum they are kept, since statistics span all steps. A product over the
slots of one run must round like the same rows of one over all steps for the gradient to be bit-equal.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from simsnn.costs import OperandClass
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.modes.step import KeptOutputs, StepInputs, stored_values
from simsnn.training.tape import Array, LayerTape
from simsnn.workload.backward_modes import TimeCheckpoint, run_bounds
from simsnn.workload.network import Layer


class TimeCheckpointed(KeptOutputs):
    """A forward pass that kept outputs, and states at the starts of runs of steps."""

    def __init__(self, step: StepInputs, mode: TimeCheckpoint) -> None:
        super().__init__(step)
        self.bounds = run_bounds(step.model.timesteps, mode.segment)
        self.states: dict[int, list[Array]] = {}
        for layer in step.model.network.layers:
            tape = step.value(layer, step.inputs(layer, self.tapes))
            if layer.neuron is not None:
                tape = replace(tape, output=self._run(layer, tape.current))
                if layer.has_weights and mode.currents == "recompute":
                    tape = replace(tape, current=tape.current[:0])
            self.tapes.append(tape)

    @property
    def kept(self) -> Kept:
        """Inputs, states at the starts of runs, currents where they are kept."""
        tensors = stored_values(self.step, neurons=False)
        for index, states in self.states.items():
            layer, current = self.step.model.network.layers[index], self.tapes[index].current.size
            tensors.append(KeptTensor(layer.name, OperandClass.MEMBRANE, sum(state.size for state in states)))
            if current:
                tensors.append(KeptTensor(layer.name, OperandClass.CURRENTS, current))
        return Kept(tuple(tensors))

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        tape = self.tapes[layer.index]
        neurons = self.step.model.membrane(layer, self.step.parameters)
        dx, carry = np.empty_like(tape.output), neurons.empty_carry(tape.output)
        for (start, stop), state in reversed(list(zip(pairwise(self.bounds), self.states[layer.index], strict=True))):
            part = slice(start, stop)
            current = tape.current[part] if len(tape.current) else self._current_again(layer, tape, part)
            spikes, v = np.empty_like(current), np.empty_like(current)
            neurons.forward_from(current, state.copy(), spikes, v)
            neurons.backward_from(output[part], v, spikes, current, carry, dx[part], dlearned)
        return dx

    def _run(self, layer: Layer, current: Array) -> Array:
        """Output of a layer's neurons, run after run."""
        neurons = self.step.model.membrane(layer, self.step.parameters)
        output, state = np.empty_like(current), neurons.empty_state(current)
        self.states[layer.index] = []
        for start, stop in pairwise(self.bounds):
            self.states[layer.index].append(state.copy())
            v = np.empty_like(current[start:stop])
            neurons.forward_from(current[start:stop], state, output[start:stop], v)
        return output

    def _current_again(self, layer: Layer, tape: LayerTape, part: slice) -> Array:
        return self.step.value(layer, tuple(value[part] for value in tape.inputs)).current
