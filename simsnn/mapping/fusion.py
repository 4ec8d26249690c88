"""Producer and consumer that meet in SRAM: a product on an array, the vector work that reads it.

The tensor between them is neither stored to nor loaded from DRAM. Its consumer runs chunk by chunk
behind its producer (docs/machines section 6: producer-consumer overlap is chunk overlap, nothing
finer), and the producer may run ahead by as many chunks as the buffering holds.

A pair is fused where nothing else reads the tensor and the producer completes boxes of slots and
channels one after another (whole samples, where the consumer is a recurrence over time). Of the
fused ways that fit, and the best way of doing the two apart, the fastest pair alone on the
machine is kept; so a larger buffer can only add candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from simsnn.engines.base import Box, Plan
from simsnn.mapping.blocking import Choice, Shares, moves_that_fit, too_fine
from simsnn.mapping.machine import Machine
from simsnn.mapping.transfers import ChunkMoves, chunk_moves
from simsnn.schedule.graph import Chunk, ChunkEdge, Event
from simsnn.workload.operation import GemmOperation, Operation, TaskPart, VectorOperation

Follow = Callable[[VectorOperation, tuple[Box, ...], int], Plan]
"""How an engine cuts vector work along boxes of so many channels."""


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


Fuse = Callable[[Plan, VectorOperation, Follow, str, Machine, tuple[Shares, Shares]], Fused | None]
"""Finds how a pair runs whose producer is cut so."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Boxes that a producer completes, the box of each of its chunks, and the channels of them all."""

    boxes: tuple[Box, ...]
    group: tuple[int, ...]
    channels: int


def linked_tensor(producer: Operation, consumer: Operation) -> str | None:
    """Tensor that passes from a product to vector work, if it does."""
    if not isinstance(producer, GemmOperation) or not isinstance(consumer, VectorOperation):
        return None
    name = producer.output.tensor
    return name if any(operand.tensor == name for operand in consumer.reads) and consumer.slots > 1 else None


def candidates(
    options: tuple[Plan, ...],
    consumer: VectorOperation,
    follow: Follow,
    tensor: str,
    machine: Machine,
    shares: tuple[Shares, Shares],
    most_chunks: int,
    fuse: Fuse | None = None,
) -> Iterator[Fused]:
    """Every way to run the pair that fits: a plan of the producer, and the consumer cut along it.

    ``fuse`` stands for :func:`fused`.
    """
    for plan in options:
        if not too_fine(plan, most_chunks):
            pair = fuse or fused
            found = pair(plan, consumer, follow, tensor, machine, shares)
            if found is not None:
                yield found


def fused(
    plan: Plan,
    consumer: VectorOperation,
    follow: Follow,
    tensor: str,
    machine: Machine,
    shares: tuple[Shares, Shares],
) -> Fused | None:
    """The pair with its producer cut so; None where that completes no boxes, or does not fit."""
    resident = frozenset({tensor})
    completion = completed_boxes(plan, tensor, consumer)
    if completion is None:
        return None
    moves, excess = moves_that_fit(_with_boxes(plan, completion, tensor, machine), shares[0])
    if excess is not None:
        return None
    follower = follow(consumer, completion.boxes, completion.channels)
    theirs, excess = moves_that_fit(chunk_moves(follower, machine, resident, elsewhere=resident), shares[1])
    return None if excess is not None else Fused(Choice(plan, moves, 0), Choice(follower, theirs, 0), completion.group)


def _with_boxes(plan: Plan, completion: Completion, tensor: str, machine: Machine) -> Iterator[ChunkMoves]:
    """Moves of the producer, every chunk with room for its whole box, which stays until the consumer has read it."""
    tiles = [[tile for tile in plan.leaves(chunk) if tile.tensor == tensor] for chunk in range(plan.chunk_count)]
    sizes = [0] * len(completion.boxes)
    for left, group in zip(tiles, completion.group, strict=True):
        sizes[group] += sum(tile.bytes for tile in left)
    sram = machine.sram_of(next(tile.role for left in tiles for tile in left))
    moves = chunk_moves(plan, machine, frozenset({tensor}))
    for move, left, group in zip(moves, tiles, completion.group, strict=True):
        occupies = list(move.occupies)
        occupies[sram] += sizes[group] - sum(tile.bytes for tile in left)
        yield replace(move, occupies=tuple(occupies))


def completed_boxes(plan: Plan, tensor: str, consumer: VectorOperation) -> Completion | None:
    """Boxes in the order in which a producer completes them, or None where it completes none in one piece.

    Chunks that complete neighbouring slots of the same channels are joined until whole samples are
    there, where the consumer is a recurrence.
    """
    joint = consumer.part is TaskPart.LOSS  # over all classes and time steps of a sample
    unit = consumer.timesteps if consumer.steps > 1 or joint else 1
    boxes: list[Box] = []
    group: list[int] = []
    open_: Box | None = None
    for chunk in range(plan.chunk_count):
        group.append(len(boxes))
        if not any(tile.tensor == tensor for tile in plan.leaves(chunk)):
            continue
        box = plan.completes(chunk)
        if box is not None and open_ is not None:
            box = open_.joined(box)
        if box is None:
            return None
        open_ = box
        if box.slots[0] % unit == 0 and box.slots[1] % unit == 0:
            boxes.append(box)
            open_ = None
    channels = max((box.channels[1] for box in boxes), default=0)
    covered = sum((box.slots[1] - box.slots[0]) * (box.channels[1] - box.channels[0]) for box in boxes)
    if open_ is not None or covered != consumer.slots * channels:
        return None
    if joint and any(box.channels != (0, channels) for box in boxes):
        return None
    return Completion(tuple(boxes), tuple(min(g, len(boxes) - 1) for g in group), channels)


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
