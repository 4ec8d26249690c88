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
from simsnn.mapping.transfers import chunk_moves
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
    first: Iterator[Plan],
    second: Iterator[Plan],
    tensor: str,
    machine: Machine,
    shares: tuple[Shares, Shares],
) -> Iterator[Fused]:
    """Pairs of plans that are cut at the same samples and fit."""
    resident = frozenset({tensor})
    followers = [Choice(plan, chunk_moves(plan, machine, resident, elsewhere=resident), 0) for plan in second]
    followers = [choice for choice in followers if fits(choice.moves, shares[1])]
    for plan in first:
        if plan.chunk_count > MOST_CHUNKS:
            continue
        moves = None
        for choice in followers:
            if choice.plan.chunk_count > plan.chunk_count:
                continue
            group = chunk_groups(plan, choice.plan, tensor)
            if group is None:
                continue
            moves = moves if moves is not None else chunk_moves(plan, machine, resident)
            if fits(moves, shares[0]):
                yield Fused(Choice(plan, moves, 0), choice, group)


def chunk_groups(producer: Plan, consumer: Plan, tensor: str) -> tuple[int, ...] | None:
    """Chunk of the consumer for every chunk of the producer, or None where they do not meet.

    The producer's chunks must fall, in order, into runs that complete exactly the slots that one
    chunk of the consumer reads.
    """
    wanted = [_slots_read(consumer, chunk, tensor) for chunk in range(consumer.chunk_count)]
    group: list[int] = []
    current, done = 0, 0
    for chunk in range(producer.chunk_count):
        if current == len(wanted):
            return None
        start, stop, size = wanted[current]
        group.append(current)
        finished = sum(tile.bytes for tile in producer.leaves(chunk) if tile.tensor == tensor)
        if not finished:
            continue
        slots = producer.output_slots(chunk)
        if slots is None or not start <= slots[0] <= slots[1] < stop:
            return None
        done += finished
        if done == size:
            current, done = current + 1, 0
    return tuple(group) if current == len(wanted) else None


def _slots_read(plan: Plan, chunk: int, tensor: str) -> tuple[int, int, int]:
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
