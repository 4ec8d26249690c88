"""Vector work that follows from how an engine does a product: scatter-adds and re-adds."""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass, OperationCounts
from simsnn.workload.lowering import BLowering, scatter_adds
from simsnn.workload.operation import GemmOperation, Operand, Pass, TaskPart, VectorOperation


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
    )
    return replace(operation, output=columns), scatter


def reduction_of_partials(operation: GemmOperation, partials: int) -> VectorOperation:
    """Adds up the ``partials`` weight gradients that a product cut along K has left in memory."""
    total = operation.output
    pieces = replace(total, tensor=f"{total.tensor}.partials", elements=total.elements * partials)
    return VectorOperation(
        operation.layer,
        Pass.W,
        TaskPart.REDUCE,
        total.elements,
        1,
        OperationCounts(add=partials - 1),
        total.bits,
        reads=(pieces,),
        writes=(total,),
    )
