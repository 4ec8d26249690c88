"""Choosing how an operation is cut into chunks: the cheapest candidate that fits.

The candidates do not depend on the buffer sizes; a size only rules candidates out. So a larger
buffer can only add candidates, and by the cost used here never makes an operation slower
(``tests/property/test_blocking.py``). The cost is the operation alone on the machine: one DRAM
channel in order, double buffers, nothing else running.

An SRAM that several engines use is shared evenly among them, and a double-buffered share is
halved again: that much a chunk may occupy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simsnn.engines.base import Plan
from simsnn.errors import CapacityError, Where
from simsnn.mapping.expand import reductions_of_partials
from simsnn.mapping.machine import Machine
from simsnn.mapping.transfers import ChunkMoves, chunk_moves
from simsnn.memory.dram import FixedRateDram
from simsnn.workload.operation import GemmOperation, Operation

MOST_CHUNKS = 256
"""Candidates with more chunks are considered only while nothing coarser fits."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Bytes that one chunk of one engine may occupy in each SRAM."""

    bytes_: tuple[int, ...]
    sharers: tuple[int, ...]

    @classmethod
    def of(cls, machine: Machine, users: tuple[frozenset[int], ...], engine: int) -> Shares:
        """Even shares; ``users`` holds, per SRAM, the engines that touch it."""
        sharers = tuple(max(1, len(who | {engine})) for who in users)
        sizes = tuple(s.chunk_bytes // n for s, n in zip(machine.srams, sharers, strict=True))
        return cls(sizes, sharers)


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan that fits, its moves, and its cost alone on the machine."""

    plan: Plan
    moves: tuple[ChunkMoves, ...]
    cycles: int


LaidOut = tuple[tuple[ChunkMoves, ...], tuple[int, int] | None]
"""Moves of the chunks that fit, and (SRAM, bytes) of the first that does not."""
LayOut = Callable[[Plan, Machine, Shares], LaidOut]
"""Finds what the chunks of a plan move on a machine within shares."""


def choose(
    operation: Operation,
    candidates: Iterable[Plan],
    machine: Machine,
    shares: Shares,
    most_chunks: int = MOST_CHUNKS,
    lay_out: LayOut | None = None,
) -> Choice:
    """Cheapest feasible candidate; the first of equals. ``lay_out`` stands for :func:`laid_out`.

    Raises
    ------
    CapacityError
        If none fits: names the SRAM, what the smallest chunk needs, and what would make it fit.
    """
    search = _Cheapest(operation, machine, shares, most_chunks, lay_out)
    for plan in candidates:
        search.offer(plan)
    if search.best is None:
        raise _does_not_fit(operation, machine, shares, search.tightest)
    return search.best


def choose_coarse(
    operation: Operation,
    coarse: Iterable[Plan],
    machine: Machine,
    shares: Shares,
    most_chunks: int,
    lay_out: LayOut | None = None,
) -> Choice | None:
    """What :func:`choose` finds, from the first candidate and the coarse ones alone; None where the first is too large.

    Once something fits, finer cuts are not looked at. So where the first fits, none of them is missed.
    """
    search = _Cheapest(operation, machine, shares, most_chunks, lay_out)
    for plan in coarse:
        search.offer(plan)
        if search.best is None:
            return None
    return search.best


def laid_out(plan: Plan, machine: Machine, shares: Shares) -> LaidOut:
    """Moves of a plan, as far as they fit."""
    return moves_that_fit(chunk_moves(plan, machine), shares)


class _Cheapest:
    """The cheapest feasible plan so far, the first of equals, and the tightest fit of those that are too large."""

    def __init__(
        self, operation: Operation, machine: Machine, shares: Shares, most_chunks: int, lay_out: LayOut | None
    ) -> None:
        self._operation, self._machine, self._shares, self._most = operation, machine, shares, most_chunks
        self._lay_out = lay_out or laid_out
        self.best: Choice | None = None
        self.tightest: tuple[int, int] | None = None

    def offer(self, plan: Plan) -> None:
        """Look at one more plan."""
        best, machine, shares = self.best, self._machine, self._shares
        if best is not None and (too_fine(plan, self._most) or alone_at_least(plan) >= best.cycles):
            return
        moves, excess = self._lay_out(plan, machine, shares)
        if excess is not None:
            known = self.tightest
            self.tightest = excess if known is None else min(known, excess, key=lambda e: e[1] / shares.bytes_[e[0]])
            return
        readd = _readd_cycles(plan, self._operation, machine.dram)
        if best is not None and busy_cycles(moves, machine.dram) + readd >= best.cycles:
            return
        cycles = alone_cycles(plan, moves, machine.dram) + readd
        if best is None or cycles < best.cycles:
            self.best = Choice(plan, moves, cycles)


def busy_cycles(moves: Iterable[ChunkMoves], dram: FixedRateDram) -> int:
    """Cycles for which transfers occupy the channel."""
    return sum(dram.occupancy_cycles(t.bytes) for move in moves for t in move.loads + move.stores)


def alone_at_least(plan: Plan) -> int:
    """Cycles of a plan with nothing late; some plans know them without counting actions."""
    cycles = getattr(plan, "cycles", None)
    return int((plan.cost().cycles if cycles is None else cycles).total)


def too_fine(plan: Plan, most_chunks: int) -> bool:
    """Whether a plan has more chunks; some plans know how many at least without laying them out."""
    return getattr(plan, "least_chunks", 0) > most_chunks or plan.chunk_count > most_chunks


def _readd_cycles(plan: Plan, operation: Operation, dram: FixedRateDram) -> int:
    """Transfers of the re-add that follows a product which leaves partial results."""
    partials = getattr(plan, "partial_outputs", 0)
    if not partials or not isinstance(operation, GemmOperation):
        return 0
    moved = sum(o.bytes for r in reductions_of_partials(operation, partials + 1) for o in (*r.reads, *r.writes))
    return dram.occupancy_cycles(moved) + 2 * dram.latency_cycles


def moves_that_fit(moves: Iterable[ChunkMoves], shares: Shares) -> LaidOut:
    """Moves up to the first chunk that exceeds a share, and that (SRAM, bytes); None where all fit."""
    fitting: list[ChunkMoves] = []
    for move in moves:
        over = [(size / shares.bytes_[i], i, size) for i, size in enumerate(move.occupies) if size > shares.bytes_[i]]
        if over:
            _, sram, size = max(over)
            return tuple(fitting), (sram, size)
        fitting.append(move)
    return tuple(fitting), None


def _does_not_fit(
    operation: Operation, machine: Machine, shares: Shares, tightest: tuple[int, int] | None
) -> CapacityError:
    if tightest is None:
        raise AssertionError(f"no candidate for {operation.layer} {operation.pass_}")
    sram, demand = tightest
    config, sharers = machine.srams[sram].config, shares.sharers[sram]
    factor = sharers * (config.size // machine.srams[sram].chunk_bytes)
    work = f"{operation.layer} {operation.pass_.value} {operation.part.value}"
    sram_text = f"{config.name} ({config.size} B, {config.buffering}-buffered, shared by {sharers})"
    return CapacityError(
        f"{work}: the smallest chunk does not fit {sram_text}",
        demand=demand,
        bound=shares.bytes_[sram],
        unit="B",
        levers=(f"size: {demand * factor} B or more", "buffering: single", "a narrower precision"),
        where=Where(path=f"hardware.srams.{sram}.size"),
    )


def alone_cycles(plan: Plan, moves: tuple[ChunkMoves, ...], dram: FixedRateDram) -> int:
    """Cycles of one operation with the machine to itself, loads and stores in order on one channel."""
    state = plan.start()
    channel = 0
    issue_ends = [0, 0]
    end = 0
    pending: list[tuple[int, int]] = []
    for chunk, move in enumerate(moves):
        start = max(channel, issue_ends[-2])
        while pending and pending[0][0] <= start:
            channel = max(channel, pending[0][0]) + pending.pop(0)[1]
            start = max(channel, issue_ends[-2])
        occupied = sum(dram.occupancy_cycles(t.bytes) for t in move.loads)
        channel = start + occupied if occupied else channel
        ready = channel + dram.latency_cycles if occupied else 0
        issue_end, result_end = plan.advance(state, chunk, ready)
        issue_ends.append(issue_end)
        pending.append((result_end, sum(dram.occupancy_cycles(t.bytes) for t in move.stores)))
        end = max(end, result_end)
    for result_end, occupied in pending:
        channel = max(channel, result_end) + occupied
    return max(end, channel)
