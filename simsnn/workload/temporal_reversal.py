"""Operations that take one time step back: its layers once more (R), the states of levels one step back (I).

The forward operations of a step run again in order from its kept input. Where a level stands, one pass over its
neurons reads the state behind the step and the current made again: what fired and the potential follow from the
state alone, and the state of the step before replaces it. Layers that forget run as they did. What the backward
operations of the step read is what this leaves. The first step is taken back like every other: it leaves zeros.

Source: :mod:`simsnn.workload.levels`. Proof: ``tests/unit/test_mode_operations.py``.
"""

from __future__ import annotations

from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.levels import inverse_counts, is_level
from simsnn.workload.network import Layer
from simsnn.workload.operation import Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.segments import Segment
from simsnn.workload.step_tensors import StepTensors


class StepAgain(ForwardPass):
    """Forward operations of one step when it runs again: they leave what its backward operations read."""

    def leaves_nothing(self, layer: Layer) -> bool:  # noqa: ARG002 - it is no first pass for any
        """Nothing is left for later this time."""
        return False

    def kept_by_neuron(self, layer: Layer) -> tuple[Operand, ...]:
        """Potentials, or one mask bit of each, for the backward operations of this step."""
        return (self.stash(layer),)

    def _neuron_forward(self, layer: Layer) -> VectorOperation:
        if not is_level(layer):
            return super()._neuron_forward(layer)
        assert layer.neuron is not None
        state = self.state(layer, "state")
        reads, writes = (self.current(layer), *state), (self.delivered(layer), self.stash(layer), *state)
        counts, words, size = inverse_counts(layer), layer.neuron.forward_state_words, layer.out_elements
        return self.vector(layer.name, Pass.I, TaskPart.NEURON, size, counts, reads, writes, state_words=words)


class TemporalReversal(StepTensors):
    """Builds what takes a step back."""

    def with_step(self, stages: list[list[Operation]]) -> list[list[Operation]]:
        """Backward operations of one step per layer, last to first, behind what makes the step again."""
        made = tuple(StepAgain(self.network, self.scope, self.widths, self.step).build())
        levels = [layer for layer in self.network.layers if is_level(layer)]
        states = frozenset(state.tensor for layer in levels for state in self.state(layer, "state"))
        names = frozenset(layer.name for layer in self.network.layers)
        segment = Segment(names, made, frozenset((self.edge(-1).tensor,)), carried=states)
        found = [[segment.renamed(operation) for operation in stage] for stage in stages]
        found[0][:0] = segment.operations(operation for stage in found for operation in stage)
        return found
