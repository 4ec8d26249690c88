"""Random task graphs for the event engine, every one of which can finish.

Chunks are laid in a random line that respects the order of each engine; every edge leads back in
that line, so nothing waits in a circle, slots included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig, Topology
from simsnn.schedule.graph import Arrival, Chunk, ChunkEdge, Event, Message, Task, TaskGraph, Transfer
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
    processors: int = 0
    largest_message: int = 20


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


def random_links(rng: Random, processors: int) -> Interconnect:
    """One or two components that join all processors, narrow and slow enough to be contended."""
    names = tuple(f"core{p}" for p in range(processors))

    def component(name: str, kind: Topology) -> LinkConfig:
        return LinkConfig(
            name=name,
            kind=kind,
            bandwidth=f"{rng.choice((1, 1, 2, 3))} B/cycle",
            latency_cycles=rng.choice((0, 0, 1, 5)),
            packet=f"{rng.randint(1, 8)} B",  # type: ignore[arg-type]
            multicast=rng.random() < 0.6,
        )

    kinds: tuple[Topology, ...] = ("bus", "ring", "mesh", "crossbar")
    links = [component("net", rng.choice(kinds))]
    if rng.random() < 0.3:
        links.append(component("side", rng.choice(kinds)))
    return Interconnect.of(tuple(links), names, 10**9)


def with_messages(rng: Random, shape: Shape, graph: TaskGraph) -> TaskGraph:
    """The same graph with engines dealt out to processors, and some task edges across them as messages."""
    place = [engine % shape.processors for engine in range(len(graph.engines))]
    messages: list[Message] = []
    receives: dict[int, list[Arrival]] = {}
    for task in graph.tasks:
        here = place[task.engine]
        readers = [t for t in graph.tasks if task.id in t.after and place[t.engine] != here]
        for _ in range(rng.choice((1, 1, 2))):
            chosen = [t for t in readers if rng.random() < 0.8]
            extra = {p for p in range(shape.processors) if p != here and rng.random() < 0.1}
            ends = tuple(sorted(extra | {place[t.engine] for t in chosen}))
            if ends:
                size = rng.randint(1, shape.largest_message)
                messages.append(Message(len(messages), task.id, here, ends, OperandClass.SPIKES, size))
            for reader in chosen:
                receives.setdefault(reader.id, []).append(Arrival(messages[-1].id, place[reader.engine]))
    tasks = tuple(replace(task, receives=tuple(receives.get(task.id, ()))) for task in graph.tasks)
    thinned = tuple(
        replace(task, after=tuple(t for t in task.after if not task.receives or rng.random() < 0.5)) for task in tasks
    )
    return replace(graph, tasks=thinned, messages=tuple(messages))


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
