"""Small task graphs with times that can be worked out by hand."""

from __future__ import annotations

from simsnn.costs import OperandClass
from simsnn.schedule.graph import Chunk, Task, TaskGraph, Transfer
from simsnn.workload.operation import Pass, TaskPart
from tests.naive.executor import FlatChannel, PipelinePlan

ONE_BYTE = FlatChannel(1, 1, 3)
"""One byte per cycle, three cycles of latency."""


def load(size: int, channel: int = 0) -> tuple[Transfer, ...]:
    return (Transfer(OperandClass.SPIKES, 0, size, channel),)


def store(size: int, channel: int = 0) -> tuple[Transfer, ...]:
    return (Transfer(OperandClass.CURRENTS, 1, size, channel),)


def flat_plan(*lengths: int, drain: int = 2, groups: int = 1) -> PipelinePlan:
    """No head, a stream per chunk, the same drain for all."""
    return PipelinePlan((0,) * len(lengths), lengths, (drain,) * len(lengths), groups)


def task(
    number: int,
    chunks: tuple[Chunk, ...],
    plan: PipelinePlan | None = None,
    engine: int = 0,
    after: tuple[int, ...] = (),
    slowdown: int = 1,
) -> Task:
    plan = plan or flat_plan(*(10 for _ in chunks))
    return Task(
        number, f"layer{number}", Pass.F, TaskPart.SYNAPSE, engine, "ws", plan, chunks, after, slowdown, plan.lengths
    )


def graph(*tasks: Task, slots: int = 2) -> TaskGraph:
    engines = 1 + max(t.engine for t in tasks)
    names = tuple(f"engine{e}" for e in range(engines))
    return TaskGraph(tasks, names, ("inputs", "outputs"), (slots,) * engines)
