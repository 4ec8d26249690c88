"""Store-all: every tape stays; the reference of all other modes."""

from __future__ import annotations

from simsnn.training.backpropagation import StoredTapes
from simsnn.training.kept import Kept
from simsnn.training.modes.step import StepInputs, stored_potentials, stored_values
from simsnn.training.normalisation import Normalised
from simsnn.training.tape import Array, LayerTape


class StoreAll(StoredTapes):
    """A forward pass that kept everything."""

    def __init__(self, step: StepInputs) -> None:
        self.step = step
        tapes: list[LayerTape] = []
        for layer in step.model.network.layers:
            tapes.append(step.tape(layer, step.inputs(layer, tapes)))
        self.all = tuple(tapes)
        super().__init__(step.model, step.parameters, self.all)

    @property
    def readout(self) -> Array:
        """See :class:`simsnn.training.modes.step.ForwardRun`."""
        return self.all[-1].output

    @property
    def moments(self) -> tuple[Normalised | None, ...]:
        """See :class:`simsnn.training.modes.step.ForwardRun`."""
        return tuple(tape.normalised for tape in self.all)

    @property
    def kept(self) -> Kept:
        """Inputs of layers with weights and of normalisations, what neurons delivered, and potentials or mask bits."""
        layers, slots = self.step.model.network.layers, self.step.x.shape[0] * self.step.x.shape[1]
        return Kept((*stored_values(self.step, neurons=True), *stored_potentials(layers, slots)))
