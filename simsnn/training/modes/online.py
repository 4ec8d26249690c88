"""SLTT and OTTT: one time step forward, its loss, its gradient; then the next.

The loss is the mean over steps of the loss of each step's readout. The gradient of a step passes its layers
at that step alone; what neurons carry from step to step is a constant for it. With OTTT the weights of a layer
whose current reaches a neuron of leak a read the trace of their input, x^[t] = a x^[t-1] + x[t], which is what the
carry through a linear membrane would bring: the two agree with backpropagation through time for one layer
of neurons whose reset is detached or absent.

Of earlier steps there stay the neurons' states, the traces, and the summed gradient.

Which networks allow it: :mod:`simsnn.workload.mode_checks`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsnn.costs import OperandClass
from simsnn.training.backpropagation import StoredTapes, backpropagate
from simsnn.training.kept import Kept, KeptTensor
from simsnn.training.loss import Labels, LossName, loss_function
from simsnn.training.model import Model
from simsnn.training.modes.step import ModeStep, StepInputs, mean_readout
from simsnn.training.tape import Array, Gradients, LayerGradient, LayerTape
from simsnn.workload.mode_checks import trace_leak
from simsnn.workload.network import Layer


def online_step(step: StepInputs, labels: Labels, loss: LossName, *, traces: bool, keep: bool) -> ModeStep:
    """Run a training step online.

    Parameters
    ----------
    step : StepInputs
        What it reads.
    labels : NDArray[int64], shape (B,)
        Targets.
    loss : str
        Which loss.
    traces : bool
        OTTT; otherwise SLTT.
    keep : bool
        Return the gradients at every layer as well.
    """
    run = _Online(step, traces)
    done = [run.step(t, labels, loss, keep) for t in range(step.model.timesteps)]
    losses, tapes, gradients = zip(*done, strict=True)
    readout = np.concatenate([tape[-1].output for tape in tapes])
    found = Gradients(run.vector, joined_gradients(gradients) if keep else gradients[0].layers)
    moments = tuple(tape.normalised for tape in tapes[-1])
    return ModeStep(float(np.mean(losses)), mean_readout(readout), found, run.kept, moments)


class _Online:
    """What passes from one time step to the next."""

    def __init__(self, step: StepInputs, traces: bool) -> None:
        self.given = step
        self.model = Model(step.model.network, 1, step.model.dtype, step.model.rounding)
        self.states: dict[int, Array] = {}
        self.leaks = {
            layer.index: leak
            for layer in step.model.network.weight_layers
            if traces and (leak := trace_leak(step.model.network, layer))
        }
        self.traces: dict[int, Array] = {}
        self.vector = np.zeros(self.model.layout.size, self.model.dtype)

    @property
    def kept(self) -> Kept:
        """States and traces."""
        layers = self.model.network.layers
        states = [KeptTensor(layers[i].name, OperandClass.MEMBRANE, state.size) for i, state in self.states.items()]
        traces = [KeptTensor(layers[i].name, OperandClass.INPUTS, trace.size) for i, trace in self.traces.items()]
        return Kept((*states, *traces))

    def step(
        self, t: int, labels: Labels, loss: LossName, keep: bool
    ) -> tuple[float, tuple[LayerTape, ...], Gradients]:
        """Forward, loss and gradient of one time step."""
        given = replace(self.given, model=self.model, x=self.given.x[t : t + 1])
        tapes: list[LayerTape] = []
        for layer in self.model.network.layers:
            tape = given.value(layer, given.inputs(layer, tapes))
            tapes.append(tape if layer.neuron is None else self._fired(layer, tape))
        value, d_logits = loss_function(loss)(self.model.logits(tuple(tapes)), labels)
        towards = (d_logits / d_logits.dtype.type(self.given.model.timesteps)).reshape(tapes[-1].output.shape)
        source = StoredTapes(self.model, given.parameters, self._traced(tapes))
        gradients = backpropagate(self.model, given.parameters, source, towards, keep=keep)
        self.vector += gradients.vector
        return value, tuple(tapes), gradients

    def _fired(self, layer: Layer, tape: LayerTape) -> LayerTape:
        neurons = self.model.membrane(layer, self.given.parameters)
        state = self.states.setdefault(layer.index, neurons.empty_state(tape.current))
        output, v = np.empty_like(tape.current), np.empty_like(tape.current)
        neurons.forward_from(tape.current, state, output, v)
        return replace(tape, output=output, v=v)

    def _traced(self, tapes: list[LayerTape]) -> tuple[LayerTape, ...]:
        """Tapes whose inputs are traces, where the layer's weights read one."""
        found = list(tapes)
        for index, leak in self.leaks.items():
            x = tapes[index].inputs[0]
            before = self.traces.get(index)
            self.traces[index] = x if before is None else x.dtype.type(leak) * before + x
            found[index] = replace(tapes[index], inputs=(self.traces[index],))
        return tuple(found)


def joined_gradients(parts: tuple[Gradients, ...]) -> tuple[LayerGradient | None, ...]:
    """Gradients at every layer of time steps in their order, as those of the whole sequence."""
    found: list[LayerGradient | None] = []
    for entries in zip(*(part.layers for part in parts), strict=True):
        steps = [entry for entry in entries if entry is not None]
        output, current = ([getattr(entry, name) for entry in steps] for name in ("output", "current"))
        found.append(LayerGradient(np.concatenate(output), np.concatenate(current)) if steps else None)
    return tuple(found)
