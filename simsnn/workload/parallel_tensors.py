"""Tensors and T x T products of parallel units (:mod:`simsnn.workload.parallel_forms`)."""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass
from simsnn.neurons.parallel_work import ProductKind, Stashed, UnitProduct
from simsnn.workload.network import Layer
from simsnn.workload.operation import GemmOperation, Mixing, Operand, Pass
from simsnn.workload.parallel_forms import unit_of
from simsnn.workload.step_tensors import StepTensors


class ParallelTensors(StepTensors):
    """Tensors of parallel units."""

    accumulates = False
    """True where an earlier operation already left gradients that this one is added to."""

    def stashed(self, layer: Layer) -> tuple[Operand, ...]:
        """What backward reads again, besides spikes: currents where the synapses left them, potentials, estimates."""
        found = {
            Stashed.CURRENT: self.current(layer),
            Stashed.POTENTIAL: self.stash(layer),
            Stashed.RESET_ESTIMATE: self.estimate(layer),
        }
        return tuple(found[what] for what in unit_of(layer).stash)

    def written_stash(self, layer: Layer) -> tuple[Operand, ...]:
        """The part of it that the unit itself writes."""
        return tuple(o for o in self.stashed(layer) if o.tensor != self.current(layer).tensor)

    def estimate(self, layer: Layer) -> Operand:
        """Estimated reset of every step."""
        return self.unit_value(layer, "estimate", OperandClass.MEMBRANE, self.widths.membrane)

    def mixed(self, layer: Layer, name: str) -> Operand:
        """Result of a T x T product forward."""
        return self.unit_value(layer, name, OperandClass.CURRENTS, self.widths.partial_sum)

    def unit_gradient(self, layer: Layer, name: str) -> Operand:
        """A gradient inside the unit."""
        return self.unit_value(layer, name, OperandClass.GRADIENTS, self.widths.gradient)

    def unit_value(self, layer: Layer, name: str, role: OperandClass, bits: int) -> Operand:
        """A value of every neuron and step."""
        return self.tensor(f"{layer.name}.{name}", role, layer.out_elements, bits)

    def learned(self, layer: Layer) -> tuple[Operand, ...]:
        """What the layer of units has learned; nothing where it learns nothing."""
        count = self.learned_count(layer)
        return (Operand(f"{layer.name}.unit", OperandClass.WEIGHTS, count, self.widths.weight),) if count else ()

    def learned_gradient(self, layer: Layer) -> tuple[Operand, ...]:
        """Gradient of it, beside that of a whole matrix."""
        count, bits = self.learned_count(layer), self.widths.partial_sum
        return (Operand(f"{layer.name}.dunit", OperandClass.WEIGHT_GRADIENTS, count, bits),) if count else ()

    def learned_count(self, layer: Layer) -> int:
        """Numbers that the layer of units learns."""
        shape = unit_of(layer).learned_shape(self.scope.timesteps)
        return shape[0] if shape else 0

    def products(self, layer: Layer, *, backward: bool) -> tuple[UnitProduct, ...]:
        """T x T products of the layer's units."""
        return unit_of(layer).products(self.scope.timesteps, layer.out_elements, backward)

    def apply(
        self, layer: Layer, product: UnitProduct, name: str, rows: Operand, out: Operand, *, backward: bool
    ) -> GemmOperation:
        """Matrix times the rows of all neurons; ``name`` is that of the matrix."""
        steps, mixing = self.scope.timesteps, self._mixing(layer, product)
        matrix = Operand(f"{layer.name}.{name}", OperandClass.WEIGHTS, steps * steps, self.widths.weight)
        pass_ = Pass.B if backward else Pass.F
        common = (layer.name, pass_, self.scope.batch, None, None)
        return GemmOperation(*common, matrix, rows, out, steps, self.extent, mixing=mixing)

    def matrix_gradient(self, layer: Layer, product: UnitProduct, towards: Operand, rows: Operand) -> GemmOperation:
        """Gradient of the learned matrix: rows times rows, summed over the neurons."""
        steps, (out,) = self.scope.timesteps, self.learned_gradient(layer)
        common = (layer.name, Pass.W, self.scope.batch, None, None)
        made = GemmOperation(*common, towards, rows, out, steps, self.extent, mixing=self._mixing(layer, product))
        return replace(made, accumulates=self.accumulates)

    def _mixing(self, layer: Layer, product: UnitProduct) -> Mixing:
        steps, neurons, shape = self.scope.timesteps, layer.out_elements, product.shape
        copies = self.scope.parallel.copies if product.kind is ProductKind.APPLY else 1
        return Mixing(steps, neurons, shape, product.kind, copies)
