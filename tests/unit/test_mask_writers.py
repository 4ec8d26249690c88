"""Masks that engines scan: who reads them, who writes them, also where groups share buffers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.costs import OperandClass, OperationCounts
from simsnn.engines.base import Capabilities
from simsnn.mapping.mapped import Placed, reads
from simsnn.mapping.masks import with_mask_writers, with_masks
from simsnn.mapping.place import Placement
from simsnn.workload.operation import (
    ConvGeometry,
    GemmOperation,
    Operand,
    Operation,
    Pass,
    Sparsity,
    TaskPart,
    VectorOperation,
)

SPIKES = Operand("a.spikes", OperandClass.SPIKES, 64, 1, binary=True, slots=4)
GRADIENT = Operand("b.dcurrent", OperandClass.GRADIENTS, 128, 16, slots=4)
WEIGHTS = Operand("b.weights", OperandClass.WEIGHTS, 512, 8)
DINPUT = Operand("b.dinput", OperandClass.GRADIENTS, 64, 16, slots=4)
DWEIGHTS = Operand("b.dweights", OperandClass.WEIGHT_GRADIENTS, 512, 32)
BOTH = Capabilities(mask_passes=frozenset({Pass.B, Pass.W}))


def mask_of(operand: Operand, name: str) -> Operand:
    return replace(operand, tensor=name, role=OperandClass.MASKS, bits=1, binary=True)


def product(pass_: Pass, slots: int = 4, *, refused: bool = False) -> GemmOperation:
    spikes, gradient, dinput = (
        replace(o, elements=o.elements * slots // 4, slots=slots) for o in (SPIKES, GRADIENT, DINPUT)
    )
    mask = mask_of(gradient, "b.dcurrent.mask")
    needed = None if refused else mask_of(spikes, "a.spikes.needed")
    geometry = ConvGeometry(16, 1, 1, 32, 1, 1)
    if pass_ is Pass.W:
        return GemmOperation("b", pass_, slots, geometry, None, spikes, gradient, DWEIGHTS, sparsity=Sparsity(mask))
    known = Sparsity(mask, needed, "a.spikes", "residual" if refused else "")
    return GemmOperation("b", pass_, slots, geometry, None, gradient, WEIGHTS, dinput, sparsity=known)


def neuron(pass_: Pass, read: Operand, written: Operand, slots: int = 4) -> VectorOperation:
    source, result = (replace(o, elements=o.elements * slots // 4, slots=slots) for o in (read, written))
    size = result.elements // slots
    counts = OperationCounts(add=1)
    return VectorOperation("n", pass_, TaskPart.NEURON, size, slots, counts, 16, (source,), (result,), slots=slots)


def placed(*operations: Operation) -> tuple[Placed, ...]:
    return with_mask_writers(tuple(Placed(op, Placement(0, None)) for op in operations))


def written(piece: Placed) -> list[str]:
    assert isinstance(piece.operation, VectorOperation)
    return [operand.tensor for operand in piece.operation.writes]


def test_engines_that_scan_nothing_get_no_masks() -> None:
    for pass_ in (Pass.B, Pass.W):
        assert with_masks(product(pass_), Capabilities()).masks == ()
    only_w = Capabilities(mask_passes=frozenset({Pass.W}))
    assert with_masks(product(Pass.B), only_w).masks == ()
    assert [m.tensor for m in with_masks(product(Pass.W), only_w).masks] == ["b.dcurrent.mask"]


@pytest.mark.parametrize("refused", [False, True])
def test_masks_are_one_bit_per_element_and_read_by_the_product(refused: bool) -> None:
    operation = with_masks(product(Pass.B, refused=refused), BOTH)
    expected = ["b.dcurrent.mask"] + ([] if refused else ["a.spikes.needed"])
    assert [mask.tensor for mask in operation.masks] == expected
    assert [o.tensor for o in reads(operation)] == ["b.dcurrent", "b.weights", *expected]
    assert [mask.elements for mask in operation.masks] == [128, 64][: len(expected)]
    assert all((mask.bits, mask.binary, mask.role) == (1, True, OperandClass.MASKS) for mask in operation.masks)


def test_the_writer_of_a_tensor_writes_its_mask_too() -> None:
    forward = neuron(Pass.F, replace(SPIKES, tensor="a.current"), SPIKES)
    backward = neuron(Pass.B, replace(GRADIENT, tensor="b.doutput"), GRADIENT)
    pieces = placed(forward, backward, with_masks(product(Pass.B), BOTH), with_masks(product(Pass.W), BOTH))
    assert written(pieces[0]) == ["a.spikes", "a.spikes.needed"]
    assert written(pieces[1]) == ["b.dcurrent", "b.dcurrent.mask"]  # once, though B and W both scan it
    assert pieces[2].operation.masks == with_masks(product(Pass.B), BOTH).masks  # type: ignore[union-attr]


def test_nobody_writes_a_mask_that_nobody_scans() -> None:
    forward = neuron(Pass.F, replace(SPIKES, tensor="a.current"), SPIKES)
    assert placed(forward, product(Pass.B), product(Pass.W))[0].operation == forward


def test_a_group_writes_the_mask_of_its_own_size() -> None:
    """A smaller last group stands in the same buffer, and its masks have the same names."""
    operations: list[Operation] = []
    for slots in (4, 2):
        operations.append(neuron(Pass.B, replace(GRADIENT, tensor="b.doutput"), GRADIENT, slots))
        operations.append(with_masks(product(Pass.W, slots), BOTH))
    pieces = placed(*operations)
    for piece, slots in zip(pieces[::2], (4, 2), strict=True):
        assert isinstance(piece.operation, VectorOperation)
        assert [(o.tensor, o.elements) for o in piece.operation.writes] == [
            ("b.dcurrent", 32 * slots),
            ("b.dcurrent.mask", 32 * slots),
        ]
