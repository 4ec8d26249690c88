"""Operations on their way to the task graph: placed on an engine, then cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan
from simsnn.mapping.blocking import Choice
from simsnn.mapping.fusion import Fused
from simsnn.mapping.place import Placement
from simsnn.workload.operation import GemmOperation, Operand, Operation


@dataclass(frozen=True, slots=True)
class Placed:
    """An operation and the engine that runs it."""

    operation: Operation
    placement: Placement


@dataclass(frozen=True, slots=True)
class MappedOperation:
    """An operation with its engine, its plan and its moves.

    Parameters
    ----------
    operation, placement : Operation, Placement
        What runs where.
    options : tuple of Plan
        Every way to cut it, while pairs are still to be found; empty afterwards, and where an
        operation of the same shape was cut before.
    choice : Choice
        How it is cut, and what each chunk moves.
    across : frozenset of OperandClass
        Operand classes read across the axis along which they are packed.
    slowdown : int
        Rho of docs/machines section 7.
    fused : Fused or None
        The pair it belongs to; producer and consumer stand next to one another.
    consumes : bool
        True for the consumer of a pair.
    resident : frozenset of str
        Tensors that never leave SRAM.
    """

    operation: Operation
    placement: Placement
    options: tuple[Plan, ...]
    choice: Choice
    across: frozenset[OperandClass]
    slowdown: int
    fused: Fused | None = None
    consumes: bool = False
    resident: frozenset[str] = frozenset()


def reads(operation: Operation) -> tuple[Operand, ...]:
    """Tensors that an operation reads."""
    if not isinstance(operation, GemmOperation):
        return operation.reads
    before = (operation.output,) if operation.accumulates else ()
    return (operation.left, operation.right, *operation.masks, *before)


def writes(operation: Operation) -> tuple[Operand, ...]:
    """Tensors that an operation writes."""
    return (operation.output,) if isinstance(operation, GemmOperation) else operation.writes
