"""Operations that differ in names alone are cut and fused alike, so that is found out once.

The sample groups of a step, and the equal blocks of a deep network, ask for the same cut again and
again. How an operation is cut depends on its shape, its operands' roles, widths and sizes, on which
of its operands are the same tensor, and on its place in the machine; neither on what its tensors
and its layer are called nor on which samples it covers. Proof: ``tests/unit/test_alike.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Protocol

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan
from simsnn.mapping.blocking import Choice, LayOut
from simsnn.mapping.fusion import Fuse, Fused, completed_boxes
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.place import Placement
from simsnn.mapping.transfers import ChunkMoves
from simsnn.workload.operation import Extent, GemmOperation, Operand, Operation, Sparsity, VectorOperation

Shape = tuple[tuple[Operation, Placement], ...]
"""Operations without their names, and where they run."""


@dataclass(frozen=True, slots=True)
class KnownCut:
    """Which of the ways to cut an operation was taken, what it moves, how it reads and what slow ports make of it."""

    plan: Plan
    option: int
    moves: tuple[ChunkMoves, ...]
    cycles: int
    across: frozenset[OperandClass]
    slowdown: int


@dataclass(frozen=True, slots=True)
class KnownPair:
    """How a pair is fused: the way its producer is cut, what both move, which chunk follows which."""

    plan: Plan
    follower: Plan
    option: int
    moves: tuple[tuple[ChunkMoves, ...], tuple[ChunkMoves, ...]]
    group: tuple[int, ...]


def options_of(operation: Operation, placement: Placement, machine: Machine) -> tuple[Plan, ...]:
    """Every way to cut an operation on its engine."""
    return tuple(machine.engines[placement.engine].candidates(operation, placement.dataflow))


def coarse_options(operation: Operation, placement: Placement, machine: Machine, most_chunks: int) -> tuple[Plan, ...]:
    """The first of :func:`options_of` and those of at most so many chunks; empty where an engine cannot tell."""
    coarse = getattr(machine.engines[placement.engine], "coarse", None)
    return () if coarse is None else tuple(coarse(operation, placement.dataflow, most_chunks))


def option(operation: Operation, placement: Placement, machine: Machine, number: int) -> Plan:
    """One way of :func:`options_of`."""
    candidates = machine.engines[placement.engine].candidates(operation, placement.dataflow)
    return next(islice(candidates, number, None))


def position(plans: tuple[Plan, ...], wanted: Plan) -> int:
    """Which of the plans this very one is."""
    return next(number for number, plan in enumerate(plans) if plan is wanted)


def cut_again(known: KnownCut, operation: Operation, placement: Placement, machine: Machine) -> Choice:
    """The known cut of an operation of the same shape."""
    plan = _again(known.plan, known.option, operation, placement, machine)
    return Choice(plan, known.moves, known.cycles)


def fused_again(
    known: KnownPair, producer: MappedOperation, consumer: MappedOperation, tensor: str, machine: Machine
) -> Fused:
    """The known way to fuse a pair of the same shape."""
    plan = _again(known.plan, known.option, producer.operation, producer.placement, machine)
    first, second = known.moves
    renamed = getattr(known.follower, "renamed", None)
    if renamed is None:
        assert isinstance(consumer.operation, VectorOperation)
        completion = completed_boxes(plan, tensor, consumer.operation)
        assert completion is not None
        follow = getattr(machine.engines[consumer.placement.engine], "follow", None)
        assert follow is not None
        follower = follow(consumer.operation, completion.boxes, completion.channels)
    else:
        follower = renamed(consumer.operation)
    return Fused(Choice(plan, first, 0), Choice(follower, second, 0), known.group)


def _again(known: Plan, number: int, operation: Operation, placement: Placement, machine: Machine) -> Plan:
    """The same plan of another operation: under its names, or found anew where a plan has no way to change them."""
    renamed = getattr(known, "renamed", None)
    plan: Plan = option(operation, placement, machine, number) if renamed is None else renamed(operation)
    return plan


def shape_of(*placed: tuple[Operation, Placement]) -> Shape:
    """Operations without their names: tensors are numbered as they are first met."""
    names: dict[str, str] = {}
    return tuple((_nameless(operation, names), placement) for operation, placement in placed)


class Layouts(Protocol):
    """Moves of operations and pairs whose plans have the same layout (``layout``: their tiles, chunk by chunk)."""

    def moves(self, operation: Operation, placement: Placement) -> LayOut:
        """Finds the moves of a plan of this operation."""

    def pair(self, producer: MappedOperation, consumer: MappedOperation) -> Fuse:
        """Finds how this pair runs."""


@dataclass(frozen=True)
class Known:
    """What was found out while one program was mapped; None where a pair is better apart.

    Parameters
    ----------
    cuts, pairs : mutable mapping
        By what ``key`` makes of an operation, or of the two of a pair.
    key : callable
        By default the shape; whoever keeps cuts from one machine to the next adds what else they depend on.
    paths : mutable mapping
        By the identity of an operation's moves (kept alive with them): its longest path alone on the machine.
    layouts : Layouts or None
        What chunks of equal layouts move, where that is kept as well.
    """

    cuts: MutableMapping[Hashable, KnownCut] = field(default_factory=dict)
    pairs: MutableMapping[Hashable, KnownPair | None] = field(default_factory=dict)
    key: Callable[..., Hashable] = shape_of
    paths: MutableMapping[int, tuple[tuple[ChunkMoves, ...], int]] = field(default_factory=dict)
    layouts: Layouts | None = None


def _nameless(operation: Operation, names: dict[str, str]) -> Operation:
    plain = partial(_renamed, names)
    extent = _from_zero(operation.extent)
    if isinstance(operation, VectorOperation):
        read, written = tuple(map(plain, operation.reads)), tuple(map(plain, operation.writes))
        return replace(operation, layer="", reads=read, writes=written, extent=extent)
    left, right, output = map(plain, (operation.left, operation.right, operation.output))
    masks = tuple(map(plain, operation.masks))
    operands = replace(operation, left=left, right=right, output=output, masks=masks)
    return replace(operands, layer="", extent=extent, sparsity=_plain_sparsity(operation, names))


def _plain_sparsity(operation: GemmOperation, names: dict[str, str]) -> Sparsity | None:
    known = operation.sparsity
    if known is None:
        return None
    needed = None if known.needed is None else _renamed(names, known.needed)
    source = names.setdefault(known.source, str(len(names))) if known.source else ""
    return Sparsity(_renamed(names, known.gradient), needed, source, known.refusal)


def _renamed(names: dict[str, str], operand: Operand) -> Operand:
    return replace(operand, tensor=names.setdefault(operand.tensor, str(len(names))))


def _from_zero(extent: Extent | None) -> Extent | None:
    """An extent of the same length that starts at the first sample and step."""
    if extent is None:
        return None
    samples, steps = (bounds[1] - bounds[0] for bounds in (extent.samples, extent.steps))
    return Extent((0, samples), (0, steps))
