"""Backward pass of parallel units, form by form: nothing recurs over time in the product form, either.

Products: the gradient towards the potential; where a reset was estimated, its transposed product and a
pass through the sigmoid's derivative; the transposed product towards the currents; for learned matrices rows
times rows over all neurons. Source: equations at the heads of ``simsnn/neurons/parallel*.py``.
"""

from __future__ import annotations

from simsnn.costs import OperationCounts
from simsnn.neurons.parallel_work import ProductKind
from simsnn.workload.network import Layer
from simsnn.workload.operation import Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.parallel_forms import ParallelForm, unit_of
from simsnn.workload.parallel_forward import LEARNED, RESET, ParallelForward


class ParallelBackward(ParallelForward):
    """Builds the backward operations of parallel units."""

    def unit_backward(self, layer: Layer, incoming: Operand) -> list[Operation]:
        """From the gradient towards the spikes to the one towards the currents, and those of what is learned."""
        if self.scope.parallel.of(layer) is ParallelForm.PRODUCT:
            return self._back_by_products(layer, incoming)
        reads = (incoming, *self.stashed(layer), *self.learned(layer))
        writes = (self.gradient(f"{layer.name}.dcurrent", layer.out_elements), *self.learned_gradient(layer))
        return [self.swept(layer, Pass.B, unit_of(layer).backward_counts, reads, writes)]

    def _back_by_products(self, layer: Layer, incoming: Operand) -> list[Operation]:
        products = self.products(layer, backward=True)
        applied = [product for product in products if product.kind is ProductKind.APPLY]
        towards = self.unit_gradient(layer, "dpotential")
        found: list[Operation] = [self._through_surrogate(layer, incoming, towards)]
        inner = towards
        if applied[0].name == RESET:
            through = self.unit_gradient(layer, "dreset")
            inner = self.unit_gradient(layer, "destimate")
            found.append(self.apply(layer, applied[0], f"{RESET}_matrix", towards, through, backward=True))
            found.append(self._through_sigmoid(layer, through, towards, inner))
        found += self._back_to_currents(layer, (towards, inner))
        gradients = [product for product in products if product.kind is ProductKind.GRADIENT]
        if Pass.W in self.scope.passes:
            found += [self.matrix_gradient(layer, product, inner, self.current(layer)) for product in gradients]
        return found

    def _back_to_currents(self, layer: Layer, towards: tuple[Operand, Operand]) -> list[Operation]:
        """The last transposed product, or two of them and their sum."""
        last = [product for product in self.products(layer, backward=True) if product.kind is ProductKind.APPLY][-1]
        out = self.gradient(f"{layer.name}.dcurrent", layer.out_elements)
        if last.stacked == 1:
            name = "integration_matrix" if last.name == "integration" else LEARNED
            return [self.apply(layer, last, name, towards[1], out, backward=True)]
        parts = tuple(self.unit_gradient(layer, f"dmixed{number}") for number in range(2))
        names = ("integration_matrix", LEARNED)
        found: list[Operation] = [
            self.apply(layer, last, name, rows, part, backward=True)
            for name, rows, part in zip(names, towards, parts, strict=True)
        ]
        counts, bits = OperationCounts(add=1), self.widths.gradient
        size, part = layer.out_elements, TaskPart.RESIDUAL
        return [*found, self.vector(layer.name, Pass.B, part, size, counts, parts, (out,), bits=bits)]

    def _through_surrogate(self, layer: Layer, incoming: Operand, towards: Operand) -> VectorOperation:
        counts = unit_of(layer).elementwise_counts(True) - self._sigmoid_counts(layer)
        reads = (incoming, self.stash(layer), *self.learned(layer))
        writes, size = (towards, *self.learned_gradient(layer)), layer.out_elements
        return self.vector(layer.name, Pass.B, TaskPart.NEURON, size, counts, reads, writes)

    def _through_sigmoid(self, layer: Layer, through: Operand, towards: Operand, inner: Operand) -> VectorOperation:
        joins = () if unit_of(layer).kind == "rpsu" else (towards,)
        reads, counts = (through, self.estimate(layer), *joins), self._sigmoid_counts(layer)
        return self.vector(layer.name, Pass.B, TaskPart.ESTIMATE, layer.out_elements, counts, reads, (inner,))

    def _sigmoid_counts(self, layer: Layer) -> OperationCounts:
        """s (1 - s), its product with the gradient and, unless two matrices read X, the sum with dV."""
        if all(product.name != RESET for product in self.products(layer, backward=True)):
            return OperationCounts()
        return OperationCounts(add=1 if unit_of(layer).kind == "rpsu" else 2, multiply=2)
