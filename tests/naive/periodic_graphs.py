"""Random programs that do the same in every iteration: a template of jobs, unrolled in the order of periods.

Jobs of iteration n stand in period n + offset of their template; periods follow one another on every
engine. An edge (u, v, lag) makes v of iteration n wait for u of iteration n - lag: as a task edge on
one processor, as a message between two. The first job waits for the last of some iterations before,
so no processor runs away from the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.schedule.graph import Arrival, Chunk, Message, Task, TaskGraph, Transfer
from simsnn.workload.operation import Pass, TaskPart
from tests.naive.executor import FlatChannel, PipelinePlan
from tests.naive.sim_graphs import random_links


@dataclass(frozen=True)
class Traffic:
    """How much a random program moves: jobs, processors, most cycles of a chunk, bytes of transfers and messages."""

    jobs: int = 6
    processors: int = 3
    longest: int = 12
    largest_bytes: int = 12
    largest_message: int = 30
    shared_dram: bool = True


@dataclass(frozen=True)
class Template:
    """One iteration, and the machine that runs it."""

    plans: tuple[PipelinePlan, ...]
    chunks: tuple[tuple[Chunk, ...], ...]
    processor: tuple[int, ...]
    offsets: tuple[int, ...]
    edges: tuple[tuple[int, int, int], ...]
    sizes: tuple[int, ...]
    slots: tuple[int, ...]
    channels: tuple[FlatChannel, ...]
    links: Interconnect

    @property
    def reach(self) -> int:
        return 1 + max(self.offsets) + max(lag for _, _, lag in self.edges)


@dataclass(frozen=True)
class Unrolled:
    """A program of so many iterations: its graph, and which job of which iteration each task is."""

    graph: TaskGraph
    iteration: tuple[int, ...]
    place: tuple[int, ...]


def random_template(rng: Random, traffic: Traffic) -> Template:
    jobs, processors = rng.randint(2, traffic.jobs), rng.randint(2, traffic.processors)
    processor = tuple(rng.randrange(processors) for _ in range(jobs))
    counts = [rng.randint(1, 3) for _ in range(jobs)]
    edges = [(u, v, 0) for v in range(1, jobs) for u in {rng.randrange(v), rng.randrange(v)}]
    offsets = [0] * jobs
    for _, v, _ in edges:
        least = max(offsets[u] for u, w, _ in edges if w == v)
        offsets[v] = max(offsets[v], least + (rng.random() < 0.3))
    for _ in range(rng.randint(0, 3)):
        u, v, lag = rng.randrange(jobs), rng.randrange(jobs), rng.randint(1, 2)
        if (offsets[u] - lag, u) < (offsets[v], v):
            edges.append((u, v, lag))
    edges.append((jobs - 1, 0, offsets[jobs - 1] + rng.randint(1, 3)))
    return Template(
        tuple(_plan(rng, traffic, count) for count in counts),
        tuple(
            tuple(Chunk(_moves(rng, traffic, p), _moves(rng, traffic, p)) for _ in range(n))
            for p, n in zip(processor, counts, strict=True)
        ),
        processor,
        tuple(offsets),
        tuple(sorted(set(edges))),
        tuple(rng.randint(1, traffic.largest_message) for _ in range(jobs)),
        tuple(rng.randint(1, 2) for _ in range(processors)),
        tuple(
            FlatChannel(rng.choice((0, 1, 2, 3)), rng.randint(1, 2), rng.randint(0, 5)) for _ in range(1 + processors)
        ),
        random_links(rng, processors),
    )


def _plan(rng: Random, traffic: Traffic, chunks: int) -> PipelinePlan:
    heads, lengths, drains = (tuple(rng.randint(0, traffic.longest) for _ in range(chunks)) for _ in range(3))
    return PipelinePlan(heads, tuple(length + 1 for length in lengths), drains)


def _moves(rng: Random, traffic: Traffic, processor: int) -> tuple[Transfer, ...]:
    def channel() -> int:
        return 0 if traffic.shared_dram and rng.random() < 0.5 else processor + 1

    count = rng.choice((0, 1, 1, 2))
    return tuple(
        Transfer(OperandClass.SPIKES, processor, rng.randint(1, traffic.largest_bytes), channel()) for _ in range(count)
    )


def unroll(template: Template, iterations: int) -> Unrolled:
    jobs = range(len(template.plans))
    order = sorted(
        ((n, j) for n in range(iterations) for j in jobs), key=lambda s: (s[0] + template.offsets[s[1]], s[1])
    )
    number = {step: task for task, step in enumerate(order)}
    messages: list[Message] = []
    tasks: list[Task] = []
    receives: dict[int, list[Arrival]] = {}
    after: dict[int, list[int]] = {}
    for task, (n, u) in enumerate(order):
        here, ends = template.processor[u], set()
        for source, v, lag in template.edges:
            reader = number.get((n + lag, v))
            if source != u or reader is None:
                continue
            if template.processor[v] == here:
                after.setdefault(reader, []).append(task)
            else:
                ends.add(template.processor[v])
                receives.setdefault(reader, []).append(Arrival(len(messages), template.processor[v]))
        if ends:
            size = template.sizes[u]
            messages.append(Message(len(messages), task, here, tuple(sorted(ends)), OperandClass.SPIKES, size))
    for task, (_, j) in enumerate(order):
        plan, chunks = template.plans[j], template.chunks[j]
        bare = Task(task, f"job{j}", Pass.F, TaskPart.SYNAPSE, template.processor[j], "ws", plan, chunks)
        edges = {"after": tuple(after.get(task, ())), "receives": tuple(receives.get(task, ()))}
        tasks.append(replace(bare, **edges))  # type: ignore[arg-type]
    engines = tuple(f"array{p}" for p in range(len(template.slots)))
    graph = TaskGraph(tuple(tasks), engines, engines, template.slots, tuple(messages))
    return Unrolled(graph, tuple(n for n, _ in order), tuple(j for _, j in order))
