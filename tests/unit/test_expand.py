"""Vector work that follows from products: re-adds of weight gradients, scatter-adds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simsnn.costs import OperandClass
from simsnn.mapping.expand import reductions_of_partials, split_accumulation, split_col2im
from simsnn.mapping.mapped import reads, writes
from simsnn.workload.lowering import BLowering
from simsnn.workload.operation import ConvGeometry, Extent, GemmOperation, Operand, Pass, TaskPart

SPIKES = Operand("a.spikes", OperandClass.SPIKES, 128, 1, binary=True, slots=4)
GRADIENT = Operand("b.dcurrent", OperandClass.GRADIENTS, 256, 16, slots=4)
WEIGHTS = Operand("b.weights", OperandClass.WEIGHTS, 2 * 4 * 9, 8)
DWEIGHTS = Operand("b.dweights", OperandClass.WEIGHT_GRADIENTS, 2 * 4 * 9, 32)
DINPUT = Operand("b.dinput", OperandClass.GRADIENTS, 128, 16, slots=4)
GEOMETRY = ConvGeometry(2, 4, 4, 4, 3, 3, padding_h=1, padding_w=1)
EXTENT = Extent((8, 10), (0, 2))


def weight_product(*, accumulates: bool = True, extent: Extent | None = EXTENT) -> GemmOperation:
    operands = (SPIKES, GRADIENT, DWEIGHTS)
    return GemmOperation("b", Pass.W, 4, GEOMETRY, None, *operands, timesteps=2, extent=extent, accumulates=accumulates)


def test_a_product_that_accumulates_reads_what_it_adds_to() -> None:
    assert "b.dweights" in [o.tensor for o in reads(weight_product())]
    assert "b.dweights" not in [o.tensor for o in reads(weight_product(accumulates=False))]


def test_the_product_leaves_its_own_gradient_and_the_re_add_sums_it_up() -> None:
    product, add = split_accumulation(weight_product())
    assert not product.accumulates
    assert product.output.tensor == "b.dweights@0.8"
    assert (product.output.role, product.output.bytes) == (DWEIGHTS.role, DWEIGHTS.bytes)
    assert [o.tensor for o in reads(add)] == ["b.dweights@0.8", "b.dweights"]
    assert [o.tensor for o in writes(add)] == ["b.dweights"]
    assert (add.pass_, add.part, add.layer) == (Pass.W, TaskPart.REDUCE, "b")
    assert (add.elements, add.steps, add.counts.add, add.counts.total) == (72, 1, 1, 1)
    assert (add.bits, add.extent) == (32, EXTENT)


def test_partial_gradients_of_other_samples_and_steps_have_other_names() -> None:
    extents = [Extent((a, a + 2), (t, t + 1)) for a in (0, 2) for t in (0, 1)]
    names = {split_accumulation(weight_product(extent=extent))[0].output.tensor for extent in extents}
    assert len(names) == 4


@pytest.mark.parametrize("partials", [2, 3, 16, 17, 34, 48])
def test_partials_are_added_up_with_one_addition_less_than_there_are(partials: int) -> None:
    operation = weight_product(accumulates=False)
    found = reductions_of_partials(operation, partials)
    assert sum(op.counts.add * op.elements for op in found) == (partials - 1) * DWEIGHTS.elements
    assert writes(found[-1]) == (operation.output,)
    assert all(op.extent == EXTENT for op in found)
    for before, after in pairwise(found):
        assert writes(before)[0].tensor == reads(after)[0].tensor


def test_only_col2im_leaves_columns_to_scatter() -> None:
    product = GemmOperation("b", Pass.B, 4, GEOMETRY, None, GRADIENT, WEIGHTS, DINPUT, timesteps=2, extent=EXTENT)
    for lowering in (BLowering.PHASES, BLowering.ZEROS):
        assert split_col2im(product, lowering) == (product, None)
    columns, scatter = split_col2im(product, BLowering.COL2IM)
    assert scatter is not None
    assert scatter.elements == 4 * GEOMETRY.out_pixels * GEOMETRY.taps * GEOMETRY.in_channels
    assert reads(scatter) == (columns.output,)
    assert writes(scatter) == (DINPUT,)
    assert scatter.extent == EXTENT
