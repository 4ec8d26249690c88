"""Operations that undo couplings: branches once more (R), streams given back (I).

In front of the backward operations of a coupling stand its branch's forward operations once more and the
subtraction of what they leave from the sum. ``fused``: they leave what the branch's gradient reads as well.
``separate``: once for the subtraction alone (suffix ``inverse``) and, behind it, once for the gradient. Statistics of
normalisations inside a branch are taken again. The first coupling of a sequence is undone like every other,
although nothing reads the stream that had entered there.

Source: :mod:`simsnn.workload.couplings`. Proof: ``tests/unit/test_mode_operations.py``.
"""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperationCounts
from simsnn.workload.backward_modes import BlockReversible, Bptt
from simsnn.workload.couplings import Coupling, ReversibleSequence, reversible_sequences
from simsnn.workload.forward_pass import ForwardPass
from simsnn.workload.operation import Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.segments import AGAIN, Segment
from simsnn.workload.step_tensors import StepTensors

INVERSE = "inverse"


class BlockReversal(StepTensors):
    """Builds what undoes couplings."""

    def with_blocks(self, stages: list[list[Operation]], mode: BlockReversible) -> list[list[Operation]]:
        """Backward operations per layer, last to first, branches on tensors made again, behind what makes them."""
        found, last = [list(stage) for stage in stages], len(stages) - 1
        storing = ForwardPass(self.network, replace(self.scope, backward=Bptt()), self.widths, buffer=self.buffer)
        made = storing.build()
        for sequence in reversible_sequences(self.network.layers):
            for coupling in sequence.couplings:
                segment = self._branch(sequence, coupling, made)
                behind = list[Operation]()
                for index in reversed(coupling.branch):
                    found[last - index] = [segment.renamed(operation) for operation in found[last - index]]
                    behind += found[last - index]
                found[last - coupling.sum][:0] = self._undo(sequence, coupling, segment, behind, mode)
        return found

    def _branch(self, sequence: ReversibleSequence, coupling: Coupling, made: list[Operation]) -> Segment:
        """The layers of a branch, their forward operations, the streams that were not kept."""
        names = frozenset(self.network.layers[index].name for index in coupling.branch)
        own = tuple(operation for operation in made if operation.layer in names)
        streams = frozenset(self.edge(index).tensor for index in sequence.given_back)
        return Segment(names, own, frozenset(), given_back=streams)

    def _undo(
        self,
        sequence: ReversibleSequence,
        coupling: Coupling,
        segment: Segment,
        behind: list[Operation],
        mode: BlockReversible,
    ) -> list[Operation]:
        """The branch again and the subtraction; ``behind``: backward operations of the branch."""
        if mode.form == "fused":
            subtract = self._subtract(sequence, coupling, AGAIN)
            return [*segment.operations([*behind, subtract]), subtract]
        subtract = self._subtract(sequence, coupling, INVERSE)
        probe = replace(segment, suffix=INVERSE)
        end = self.edge(self._end(coupling)).tensor
        whole = segment.operations(behind, (f"{end}.{AGAIN}",))  # a branch runs to its end, whoever reads that
        return [*probe.operations([subtract]), subtract, *whole]

    def _subtract(self, sequence: ReversibleSequence, coupling: Coupling, suffix: str) -> VectorOperation:
        """What the branch delivered, taken off the sum."""
        layer, end = self.network.layers[coupling.sum], self.edge(self._end(coupling))
        reads = (self._stream(sequence, coupling.sum), replace(end, tensor=f"{end.tensor}.{suffix}"))
        writes, counts = (self._stream(sequence, coupling.stream),), OperationCounts(add=1)
        part, size, bits = TaskPart.RESIDUAL, layer.out_elements, self.widths.partial_sum
        return self.vector(layer.name, Pass.I, part, size, counts, reads, writes, bits=bits)

    def _stream(self, sequence: ReversibleSequence, index: int) -> Operand:
        """A stream where it stands: kept behind the sequence, or given back."""
        stream = self.edge(index)
        return replace(stream, tensor=f"{stream.tensor}.{AGAIN}") if index in sequence.given_back else stream

    def _end(self, coupling: Coupling) -> int:
        return self.network.layers[coupling.sum].inputs[1]
