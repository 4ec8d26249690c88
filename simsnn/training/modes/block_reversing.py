"""Block-reversible mode: of a sequence of couplings only the last values of its two streams are kept.

Going back, a coupling y = x + F(z) makes its branch F again from z, with everything that the branch's gradient
needs, and gives x = y - F(z) back; then the coupling before it can go on (``fused``). With ``separate`` F is
made once for the subtraction and once more for the gradient. Both make the same values: statistics of
normalisations are those of the same batch, neurons start from an empty state; stored moments are updated by
the forward pass alone. Layers outside branches are stored as in store-all.

On a grid of values that the float holds nothing is rounded, and the gradient is that of store-all bit for bit. Else
fl(fl(x + f) - f) may differ from x by a rounding of x + f, once per coupling and not growing with T: with no spike
flipped the gradient was within 1e-15 of its largest entry in fp64 and 4e-7 in fp32 (11 layers; the tests ask for 1e-9
and 1e-5). A potential within that rounding of the threshold may flip a spike, and the gradient with it.

``leftover`` is the largest difference between a stream given back at the start of its sequence and what the
stored layer before it delivers: the check that this inverse brings along.

Proof: ``tests/unit/test_block_reversible.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsnn.training.backpropagation import StoredTapes
from simsnn.training.kept import Kept
from simsnn.training.modes.step import StepInputs, stored_potentials, stored_values
from simsnn.training.normalisation import Normalised
from simsnn.training.tape import Array, LayerTape
from simsnn.workload.backward_modes import BlockReversible
from simsnn.workload.couplings import Coupling, ReversibleSequence, reversible_sequences
from simsnn.workload.network import Layer


class BlockReversed:
    """A forward pass that kept what lies outside sequences, and the streams behind them."""

    def __init__(self, step: StepInputs, mode: BlockReversible) -> None:
        self.step = step
        self.separate = mode.form == "separate"
        self.layers = step.model.network.layers
        sequences = reversible_sequences(self.layers)
        self.couplings = {coupling.sum: coupling for sequence in sequences for coupling in sequence.couplings}
        self.sequences = {sequence.couplings[0].sum: sequence for sequence in sequences}
        self.outputs = {index for sequence in sequences for index in sequence.outputs}
        self.given_back = {index for sequence in sequences for index in sequence.given_back}
        self.stored: dict[int, LayerTape] = {}
        self.streams: dict[int, Array] = {}
        self.leftover = 0.0
        self._live: dict[int, LayerTape] = {}
        self._forward()

    @property
    def outside(self) -> tuple[Layer, ...]:
        """Layers in no branch and no coupling."""
        inside = {i for coupling in self.couplings.values() for i in (coupling.sum, *coupling.branch)}
        return tuple(layer for layer in self.layers if layer.index not in inside)

    @property
    def kept(self) -> Kept:
        """As store-all outside branches, and the streams behind every sequence."""
        slots = self.step.x.shape[0] * self.step.x.shape[1]
        values = stored_values(self.step, neurons=True, layers=self.outside, also=self.outputs)
        return Kept((*values, *stored_potentials(self.outside, slots)))

    def towards_current(self, layer: Layer, output: Array, dlearned: Array) -> Array:
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        tape = self._live.get(layer.index) or self.stored[layer.index]
        tapes = StoredTapes(self.step.model, self.step.parameters, {layer.index: tape})
        return tapes.towards_current(layer, output, dlearned)

    def tape(self, layer: Layer) -> LayerTape:
        """The layer's tape; a coupling is undone when it is asked for, a branch's tape is dropped behind its use."""
        if layer.index in self.couplings:
            shape = self.streams[layer.index].shape
            self._undo(self.couplings[layer.index])
            nothing = self._nothing(shape)
            return LayerTape((nothing, nothing), nothing, nothing)
        return self._live.pop(layer.index) if layer.index in self._live else self.stored[layer.index]

    def steps(self, index: int) -> int:  # noqa: ARG002 - the input of a step comes for every one
        """See :class:`simsnn.training.backpropagation.TapeSource`."""
        return self.step.model.timesteps

    def _forward(self) -> None:
        """All layers in order; a value is forgotten behind its last reader unless something keeps it."""
        values: dict[int, Array] = {-1: self.step.x}
        outside, moments = {layer.index for layer in self.outside}, list[Normalised | None]()
        for layer in self.layers:
            tape = self.step.tape(layer, tuple(values[i] for i in layer.inputs))
            values[layer.index] = tape.output
            moments.append(_without_values(tape.normalised))
            if layer.index in outside:
                self.stored[layer.index] = self._emptied(tape) if layer.index in self.given_back else tape
            for index in layer.inputs:
                if index >= 0 and index not in self.outputs and max(self.layers[index].consumers) <= layer.index:
                    values.pop(index, None)
        self.streams = {index: values[index] for index in self.outputs}
        self.readout = values[self.layers[-1].index]
        self.moments = tuple(moments)

    def _undo(self, coupling: Coupling) -> None:
        """Make the branch again, give its stream back."""
        end = self.layers[coupling.sum].inputs[1]
        tapes = self._branch(coupling)
        self.streams[coupling.stream] = self.streams.pop(coupling.sum) - tapes[end].output
        self._live |= self._branch(coupling) if self.separate else tapes
        sequence = self.sequences.get(coupling.sum)
        if sequence is not None:
            self._finish(sequence)

    def _branch(self, coupling: Coupling) -> dict[int, LayerTape]:
        """Tapes of a branch, from the stream it reads."""
        values, tapes = {coupling.source: self.streams[coupling.source]}, dict[int, LayerTape]()
        for index in coupling.branch:
            layer = self.layers[index]
            tapes[index] = self.step.tape(layer, tuple(values[i] for i in layer.inputs))
            values[index] = tapes[index].output
        return tapes

    def _finish(self, sequence: ReversibleSequence) -> None:
        """Compare what was given back at the start of a sequence with what had entered it, and drop it."""
        for index in set(sequence.entries):
            stream = self.streams.pop(index)
            if index in self.given_back:
                had = self.step.value(self.layers[index], self.stored[index].inputs).output
                self.leftover = max(self.leftover, float(np.abs(stream - had).max(initial=0)))

    def _emptied(self, tape: LayerTape) -> LayerTape:
        """The tape of a layer whose value is given back, without that value."""
        nothing = self._nothing(tape.output.shape)
        normalised = tape.normalised and replace(tape.normalised, y=nothing)
        return replace(tape, current=nothing, output=nothing, normalised=normalised)

    def _nothing(self, shape: tuple[int, ...]) -> Array:
        """An array of a shape that holds one number."""
        return np.broadcast_to(np.zeros((), self.step.model.dtype), shape)


def _without_values(state: Normalised | None) -> Normalised | None:
    """What the update of stored moments needs of a normalisation."""
    if state is None:
        return None
    nothing = np.empty(0, state.y.dtype)
    return replace(state, y=nothing, x_hat=nothing)
