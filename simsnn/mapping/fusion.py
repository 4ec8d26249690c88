"""Producer and consumer that meet in SRAM: a product on an array, the vector work that reads it.

The tensor between them is neither stored to nor loaded from DRAM. Its consumer runs chunk by chunk
behind its producer (docs/machines section 6: producer-consumer overlap is chunk overlap, nothing
finer), and the producer may run ahead by as many chunks as the buffering holds.

A pair is fused where nothing else reads the tensor, the producer completes whole samples of all
channels before it starts the next ones, and the chunks of both are cut at the same samples. Of
the fused ways that fit, and the best way of doing the two apart, the fastest pair alone on the
machine is kept; so a larger buffer can only add candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simsnn.engines.base import Plan
from simsnn.mapping.blocking import MOST_CHUNKS, Choice, Shares, fits
from simsnn.mapping.machine import Machine
from simsnn.mapping.transfers import ChunkMoves, chunk_moves
from simsnn.schedule.graph import Chunk, ChunkEdge, Event
from simsnn.workload.operation import GemmOperation, Operation, VectorOperation


@dataclass(frozen=True, slots=True)
class Fused:
    """How two operations run as a pair.

    Parameters
    ----------
    producer, consumer : Choice
        Their plans and moves, the tensor between them in neither.
    group : tuple of int
        For every chunk of the producer the chunk of the consumer that reads its results.
    """

    producer: Choice
    consumer: Choice
    group: tuple[int, ...]


def linked_tensor(producer: Operation, consumer: Operation) -> str | None:
    """Tensor that passes from a product to vector work, if it does."""
    if not isinstance(producer, GemmOperation) or not isinstance(consumer, VectorOperation):
        return None
    name = producer.output.tensor
    return name if any(operand.tensor == name for operand in consumer.reads) and consumer.slots > 1 else None


def candidates(
    first: tuple[Plan, ...],
    second: tuple[Plan, ...],
    tensor: str,
    machine: Machine,
    shares: tuple[Shares, Shares],
) -> Iterator[Fused]:
    """Pairs of plans that are cut at the same samples and fit."""
    resident = frozenset({tensor})
    followers = [Follower(plan, tensor) for plan in second if _by_slots(plan)]
    theirs: dict[int, tuple[ChunkMoves, ...]] = {}
    for plan in first:
        if plan.chunk_count > MOST_CHUNKS:
            continue
        finished = completions(plan, tensor)
        moves: tuple[ChunkMoves, ...] | None = None
        for index, follower in enumerate(followers):
            group = chunk_groups(finished, follower.wanted)
            if group is None:
                continue
            if index not in theirs:
                theirs[index] = chunk_moves(follower.plan, machine, resident, elsewhere=resident)
            moves = moves if moves is not None else chunk_moves(plan, machine, resident)
            if fits(moves, shares[0]) and fits(theirs[index], shares[1]):
                yield Fused(Choice(plan, moves, 0), Choice(follower.plan, theirs[index], 0), group)


def _by_slots(plan: Plan) -> bool:
    """True for a plan whose chunks are whole slots, and not too many."""
    return plan.chunk_count <= MOST_CHUNKS and plan.output_slots(0) is not None


Slots = tuple[int, int, int]
"""First slot, end slot, bytes of the tensor."""


class Follower:
    """A way to cut the consumer, with the slots that each of its chunks reads."""

    def __init__(self, plan: Plan, tensor: str) -> None:
        self.plan = plan
        self.wanted = tuple(_slots_read(plan, chunk, tensor) for chunk in range(plan.chunk_count))


def completions(plan: Plan, tensor: str) -> tuple[Slots | None, ...]:
    """Per chunk of the producer: nothing (0 bytes), the slots it completes, or None where they are no whole slots."""
    found: list[Slots | None] = []
    for chunk in range(plan.chunk_count):
        finished = sum(tile.bytes for tile in plan.leaves(chunk) if tile.tensor == tensor)
        slots = plan.output_slots(chunk) if finished else (0, -1)
        found.append(None if slots is None else (slots[0], slots[1] + 1, finished))
    return tuple(found)


def chunk_groups(finished: tuple[Slots | None, ...], wanted: tuple[Slots, ...]) -> tuple[int, ...] | None:
    """Chunk of the consumer for every chunk of the producer, or None where they do not meet.

    The producer's chunks must fall, in order, into runs that complete exactly the slots that one
    chunk of the consumer reads.

    Parameters
    ----------
    finished : tuple
        What each chunk of the producer completes, see :func:`completions`.
    wanted : tuple
        What each chunk of the consumer reads.
    """
    if len(wanted) > len(finished):
        return None
    group: list[int] = []
    current, done = 0, 0
    for made in finished:
        if made is None or current == len(wanted):
            return None
        start, stop, size = wanted[current]
        group.append(current)
        if not made[2]:
            continue
        if not start <= made[0] <= made[1] <= stop:
            return None
        done += made[2]
        if done == size:
            current, done = current + 1, 0
    return tuple(group) if current == len(wanted) else None


def _slots_read(plan: Plan, chunk: int, tensor: str) -> Slots:
    """(first slot, end slot, bytes) of the tensor that a chunk of vector work reads."""
    for tile in plan.needs(chunk):
        if tile.tensor == tensor:
            return (tile.key[0], tile.key[1], tile.bytes)
    return (0, 0, 0)


def pair_chunks(fused: Fused, ids: tuple[int, int], slots: int) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...]]:
    """Chunks of both tasks with the edges between them.

    Parameters
    ----------
    fused : Fused
        The pair.
    ids : tuple of int
        Task ids of producer and consumer.
    slots : int
        Chunks of the tensor that SRAM holds: 2 when double-buffered, else 1.
    """
    last = {group: chunk for chunk, group in enumerate(fused.group)}
    consumer = tuple(
        Chunk(move.loads, move.stores, compute_after=(ChunkEdge(ids[0], last[chunk], Event.RESULT),))
        for chunk, move in enumerate(fused.consumer.moves)
    )
    producer = []
    for chunk, move in enumerate(fused.producer.moves):
        free = fused.group[chunk] - slots
        edges = (ChunkEdge(ids[1], free, Event.ISSUED),) if free >= 0 else ()
        producer.append(Chunk(move.loads, move.stores, compute_after=edges))
    return tuple(producer), consumer
