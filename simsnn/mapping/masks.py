"""Masks that engines scan: who reads them, and who writes them.

A mask is one bit per element and is made where the tensor it describes is written (the neuron that
knows its surrogate, the recurrence that knows which gradients are zero), so its writing is an
extra result of that operation. Masks of tensors that nothing in the step writes (the encoded
input) come from outside.
"""

from __future__ import annotations

from dataclasses import replace

from simsnn.engines.base import Capabilities
from simsnn.mapping.mapped import Placed
from simsnn.workload.operation import GemmOperation, Operand, VectorOperation


def with_masks(operation: GemmOperation, capabilities: Capabilities) -> GemmOperation:
    """The product with the masks that its engine scans."""
    known = operation.sparsity
    if known is None or operation.pass_ not in capabilities.mask_passes:
        return operation
    gradient = (known.gradient,) if capabilities.gradient_masks else ()
    needed = () if known.needed is None or not capabilities.needed_masks else (known.needed,)
    return replace(operation, masks=(*gradient, *needed))


def with_mask_writers(pieces: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """The same program in which every scanned mask is written by the writer of what it describes."""
    wanted: dict[str, list[Operand]] = {}
    for piece in pieces:
        for described, mask in _scanned(piece):
            if mask not in wanted.setdefault(described, []):
                wanted[described].append(mask)
    return tuple(_writing(piece, wanted) for piece in pieces)


def _scanned(piece: Placed) -> list[tuple[str, Operand]]:
    """Tensor and mask for every mask that a product scans."""
    operation = piece.operation
    if not isinstance(operation, GemmOperation) or operation.sparsity is None:
        return []
    gradient = operation.right if operation.pass_.value == "W" else operation.left
    known = operation.sparsity
    return [(gradient.tensor if mask == known.gradient else known.source, mask) for mask in operation.masks]


def _writing(piece: Placed, wanted: dict[str, list[Operand]]) -> Placed:
    operation = piece.operation
    if not isinstance(operation, VectorOperation) or not wanted:
        return piece
    extra = tuple(
        mask
        for operand in operation.writes
        for mask in wanted.get(operand.tensor, ())
        # sample groups of different sizes use one buffer: a group's masks are as large as what they describe
        if (mask.elements, mask.slots) == (operand.elements, operand.slots)
    )
    return replace(piece, operation=replace(operation, writes=(*operation.writes, *extra))) if extra else piece
