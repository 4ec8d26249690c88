"""Vector work that follows from how an engine does a product: scatter-adds and re-adds."""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass, OperationCounts
from simsnn.workload.lowering import BLowering, scatter_adds
from simsnn.workload.operation import GemmOperation, Operand, Pass, TaskPart, VectorOperation

WIDEST_ADDITION = 16
"""Partial weight gradients that one re-add takes at once."""


def split_col2im(operation: GemmOperation, lowering: BLowering) -> tuple[GemmOperation, VectorOperation | None]:
    """A B product lowered by col2im leaves a column matrix, which the vector unit scatter-adds.

    The scatter is one add per column element (docs/machines section 3.1).
    """
    geometry = operation.geometry
    if operation.pass_ is not Pass.B or lowering is not BLowering.COL2IM or geometry is None:
        return operation, None
    adds = scatter_adds(geometry, operation.slots)
    bits = operation.output.bits
    name = f"{operation.layer}.columns"
    columns = Operand(name, OperandClass.PARTIAL_SUMS, adds, bits, slots=operation.slots)
    scatter = VectorOperation(
        operation.layer,
        Pass.B,
        TaskPart.SCATTER,
        adds,
        1,
        OperationCounts(add=1),
        bits,
        reads=(columns,),
        writes=(operation.output,),
        slots=operation.slots,
        timesteps=operation.timesteps,
        extent=operation.extent,
    )
    return replace(operation, output=columns), scatter


def split_accumulation(operation: GemmOperation) -> tuple[GemmOperation, VectorOperation]:
    """A W product whose engine does not add to what stands in memory: its own gradient, and the re-add of it."""
    total, extent = operation.output, operation.extent
    place = f"@{extent.steps[0]}.{extent.samples[0]}" if extent is not None else ""
    partial = replace(total, tensor=f"{total.tensor}{place}")
    add = VectorOperation(
        operation.layer,
        Pass.W,
        TaskPart.REDUCE,
        total.elements,
        1,
        OperationCounts(add=1),
        total.bits,
        reads=(partial, total),
        writes=(total,),
        extent=extent,
    )
    return replace(operation, output=partial, accumulates=False), add


def reductions_of_partials(operation: GemmOperation, partials: int) -> tuple[VectorOperation, ...]:
    """Adds up the weight gradients that a product cut along K has left in memory, in a tree.

    Parameters
    ----------
    operation : GemmOperation
        The product of pass W; its output is the sum.
    partials : int
        Partial gradients it leaves, two or more. At most ``WIDEST_ADDITION`` of them are added at
        once (where their number divides so), which bounds what a chunk must hold.
    """
    left, level, found = partials, 0, list[VectorOperation]()
    while left > 1:
        group = max((d for d in range(2, WIDEST_ADDITION + 1) if left % d == 0), default=left)
        source = _pieces(operation, left, level)
        left, level = left // group, level + 1
        target = _pieces(operation, left, level) if left > 1 else operation.output
        counts = OperationCounts(add=group - 1)
        found.append(
            VectorOperation(
                operation.layer,
                Pass.W,
                TaskPart.REDUCE,
                target.elements,
                1,
                counts,
                target.bits,
                reads=(source,),
                writes=(target,),
                extent=operation.extent,
            )
        )
    return tuple(found)


def _pieces(operation: GemmOperation, count: int, level: int) -> Operand:
    total = operation.output
    return replace(total, tensor=f"{total.tensor}.partials{level}", elements=total.elements * count)
