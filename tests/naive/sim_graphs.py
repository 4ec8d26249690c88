"""Random task graphs for the event engine, every one of which can finish.

Chunks are laid in a random line that respects the order of each engine; every edge leads back in
that line, so nothing waits in a circle, slots included.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from simsnn.costs import OperandClass
from simsnn.schedule.graph import Chunk, ChunkEdge, Event, Task, TaskGraph, Transfer
from simsnn.workload.operation import Pass, TaskPart
from tests.naive.executor import FlatChannel, PipelinePlan


@dataclass(frozen=True)
class Shape:
    """How large and how entangled a random graph is."""

    tasks: int = 4
    chunks: int = 5
    engines: int = 3
    channels: int = 1
    longest: int = 9
    largest_bytes: int = 12
    edges: bool = True
    stores: bool = True
    slowdown: bool = True
    groups: bool = True


def transfers(rng: Random, shape: Shape) -> tuple[Transfer, ...]:
    return tuple(
        Transfer(
            OperandClass.SPIKES, rng.randrange(2), rng.randint(0, shape.largest_bytes), rng.randrange(shape.channels)
        )
        for _ in range(rng.choice((0, 1, 1, 2, 3)))
    )


def random_plan(rng: Random, shape: Shape, chunks: int) -> PipelinePlan:
    def numbers(low: int) -> tuple[int, ...]:
        return tuple(rng.randint(low, shape.longest) for _ in range(chunks))

    return PipelinePlan(numbers(0), numbers(0), numbers(0), rng.randint(1, 3) if shape.groups else 1)


def random_graph(rng: Random, shape: Shape) -> TaskGraph:
    """A task graph in which every edge leads back along one random line of chunks."""
    engines = rng.randint(1, shape.engines)
    tasks = rng.randint(1, shape.tasks)
    engine = [rng.randrange(engines) for _ in range(tasks)]
    counts = [rng.randint(1, shape.chunks) for _ in range(tasks)]
    queues = [[(t, c) for t in range(tasks) if engine[t] == e for c in range(counts[t])] for e in range(engines)]
    line: list[tuple[int, int]] = []
    chunks: dict[tuple[int, int], Chunk] = {}
    after: dict[int, tuple[int, ...]] = {}
    while any(queues):
        task, chunk = rng.choice([queue for queue in queues if queue]).pop(0)
        if chunk == 0:
            finished = [t for t in range(task) if (t, counts[t] - 1) in line]
            after[task] = tuple(t for t in finished if shape.edges and rng.random() < 0.5)
        chunks[task, chunk] = Chunk(
            transfers(rng, shape),
            transfers(rng, shape) if shape.stores else (),
            _edges(rng, shape, line),
            _edges(rng, shape, line),
        )
        line.append((task, chunk))
    return TaskGraph(
        tuple(
            _task(rng, shape, t, engine[t], tuple(chunks[t, c] for c in range(counts[t])), after[t])
            for t in range(tasks)
        ),
        tuple(f"engine{e}" for e in range(engines)),
        ("inputs", "outputs"),
        tuple(rng.randint(1, 3) for _ in range(engines)),
    )


def _edges(rng: Random, shape: Shape, line: list[tuple[int, int]]) -> tuple[ChunkEdge, ...]:
    if not shape.edges or not line:
        return ()
    picked = [rng.choice(line[-8:]) for _ in range(rng.choice((0, 0, 0, 1, 1, 2)))]
    return tuple(ChunkEdge(task, chunk, rng.choice(list(Event))) for task, chunk in picked)


def _task(
    rng: Random, shape: Shape, number: int, engine: int, chunks: tuple[Chunk, ...], after: tuple[int, ...]
) -> Task:
    slowdown = rng.choice((1, 1, 2, 4)) if shape.slowdown else 1
    plan = random_plan(rng, shape, len(chunks))
    return Task(
        number, f"layer{number}", Pass.F, TaskPart.SYNAPSE, engine, "ws", plan, chunks, after, slowdown, plan.lengths
    )


def random_channels(rng: Random, shape: Shape) -> tuple[FlatChannel, ...]:
    return tuple(
        FlatChannel(rng.choice((0, 1, 1, 2, 3, 5)), rng.randint(1, 3), rng.randint(0, 7)) for _ in range(shape.channels)
    )
