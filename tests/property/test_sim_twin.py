"""Event engine against its cycle-by-cycle twin: all times, all stalls, all grants, exactly."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

import pytest

from simsnn.schedule.graph import TaskGraph
from simsnn.sim.executor import execute
from simsnn.sim.trace import Kind
from tests.naive.executor import FlatChannel, NaiveExecutor
from tests.naive.sim_graphs import Shape, random_channels, random_graph

SHAPES = {
    "contended": Shape(),
    "plain": Shape(edges=False, slowdown=False, groups=False),
    "memories": Shape(channels=3),
    "entangled": Shape(tasks=8, chunks=3, engines=4),
    "long": Shape(tasks=2, chunks=14, engines=2),
    "slow_memory": Shape(longest=3, largest_bytes=40, engines=4),
}
CASES = 120


def assert_equal(graph: TaskGraph, channels: tuple[FlatChannel, ...]) -> None:
    naive = NaiveExecutor(graph, channels)
    expected = naive.run()
    run = execute(graph, channels[0], True, channels[1:])
    for record, twin in zip(run.tasks, expected, strict=True):
        assert (record.start, record.end, record.done) == (twin.start, twin.end, twin.done)
        assert asdict(record.stalls) == twin.stalls
        assert record.cycles == twin.cycles
        assert record.stalls.total == record.cycles.stall
        assert record.cycles.accounted == record.cycles.groups * (record.end - record.start)
    assert run.makespan_cycles == max(twin.done for twin in expected)
    steps = [step for task in graph.tasks for step in naive.steps[task.id]]
    for name in ("admitted", "issue_end", "result_end"):
        assert run.moments[name].tolist() == [getattr(step, name) for step in steps]
    assert run.moments["loaded"].tolist() == [step.loads_seen for step in steps]
    assert run.trace is not None
    run.trace.check()
    rows = run.trace.intervals
    moved = rows[(rows["kind"] == Kind.LOAD) | (rows["kind"] == Kind.STORE)]
    engine = [graph.tasks[task].engine for task in moved["task"]]
    requester = [2 * e + int(kind == Kind.STORE) for e, kind in zip(engine, moved["kind"], strict=True)]
    grants = sorted(
        zip(moved["start"].tolist(), (moved["resource"] - len(graph.engines)).tolist(), requester, strict=True)
    )
    assert grants == sorted(naive.grants)


@pytest.mark.parametrize("name", SHAPES)
def test_equals_the_cycle_by_cycle_twin(name: str) -> None:
    for seed in range(CASES):
        rng = Random(f"{name}{seed}")
        assert_equal(random_graph(rng, SHAPES[name]), random_channels(rng, SHAPES[name]))
