"""Forward pass of parallel units, form by form.

Products: the rows of all neurons meet one or two T x T matrices; where a reset is estimated, an elementwise pass
reads the sigmoid table and a second product sums it up; a last pass adds, compares and fires. The sigmoid
IPSU adds its bias in both passes rather than writing the sum back.
"""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperationCounts
from simsnn.neurons.parallel_work import UnitProduct
from simsnn.workload.network import Layer
from simsnn.workload.operation import Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.parallel_forms import ParallelForm, unit_of
from simsnn.workload.parallel_tensors import ParallelTensors

RESET = "reset"
LEARNED = "unit"
"""Name of a learned matrix among a layer's tensors: what the layer of units has learned."""
CHAINED = 2
"""Recurrences of a PSU, one behind the other."""


class ParallelForward(ParallelTensors):
    """Builds the forward operations of parallel units."""

    def unit_forward(self, layer: Layer) -> list[Operation]:
        """From the currents to spikes and what backward reads again."""
        form = self.scope.parallel.of(layer)
        if form is ParallelForm.PRODUCT:
            return self._by_products(layer)
        unit = unit_of(layer)
        reads = (self.current(layer), *self.learned(layer))
        writes = (self.delivered(layer), *(self.written_stash(layer) if self.training else ()))
        return [self.swept(layer, Pass.F, unit.forward_counts, reads, writes)]

    def swept(
        self,
        layer: Layer,
        pass_: Pass,
        counts: OperationCounts,
        reads: tuple[Operand, ...],
        writes: tuple[Operand, ...],
    ) -> VectorOperation:
        """All steps in one pass of the vector unit; on scan networks these do the adds of the recurrences."""
        words, size = unit_of(layer).recurrence_words, layer.out_elements
        scans = self.scope.parallel.of(layer) is ParallelForm.SCAN
        done = counts - OperationCounts(add=CHAINED) if scans else counts
        operation = self.vector(layer.name, pass_, TaskPart.NEURON, size, done, reads, writes, state_words=words)
        return replace(operation, scan=CHAINED) if scans else operation

    def _by_products(self, layer: Layer) -> list[Operation]:
        first, *rest = self.products(layer, backward=False)
        names = _matrices(first)
        summed = [self.mixed(layer, f"mixed{number}") for number in range(len(names))]
        found: list[Operation] = [
            self.apply(layer, first, name, self.current(layer), out, backward=False)
            for name, out in zip(names, summed, strict=True)
        ]
        terms: tuple[Operand, ...] = (summed[0],)
        for product in rest:
            estimate, total = self.estimate(layer), self.mixed(layer, RESET)
            found.append(self._estimated(layer, summed[-1], estimate))
            found.append(self.apply(layer, product, f"{RESET}_matrix", estimate, total, backward=False))
            terms = (*terms, total)
        return [*found, self._fired(layer, terms)]

    def _estimated(self, layer: Layer, guess: Operand, estimate: Operand) -> VectorOperation:
        reads, size = (guess, *self.learned(layer)), layer.out_elements
        return self.vector(layer.name, Pass.F, TaskPart.ESTIMATE, size, self.estimate_counts(layer), reads, (estimate,))

    def estimate_counts(self, layer: Layer) -> OperationCounts:
        """Table read of the estimated reset, behind a learned bias if there is one."""
        biased = self.learned_count(layer) > 1  # one number alone is a slope
        return OperationCounts(add=int(biased), lookup=1)

    def _fired(self, layer: Layer, terms: tuple[Operand, ...]) -> VectorOperation:
        whole = unit_of(layer).elementwise_counts(False)
        summed_before = 1 if unit_of(layer).kind == "rpsu" else 0
        counts = whole - OperationCounts(add=summed_before, lookup=whole.lookup)
        kept = (self.stash(layer),) if self.training and self.stash(layer) in self.stashed(layer) else ()
        reads, writes = (*terms, *self.learned(layer)), (self.delivered(layer), *kept)
        return self.vector(layer.name, Pass.F, TaskPart.NEURON, layer.out_elements, counts, reads, writes)


def _matrices(product: UnitProduct) -> tuple[str, ...]:
    """Names of the matrices that the first product applies."""
    own = "integration_matrix" if product.name == "integration" else LEARNED
    return ("integration_matrix", LEARNED) if product.stacked > 1 else (own,)
