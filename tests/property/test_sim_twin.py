"""Event engine against its cycle-by-cycle twin: all times, all stalls, all grants, exactly."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

import numpy as np
import pytest

from simsnn.memory.interconnect import Interconnect
from simsnn.schedule.graph import TaskGraph
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.sim.messages import link_uses
from simsnn.sim.trace import Kind
from tests.naive.executor import FlatChannel, NaiveExecutor, NaiveNetwork
from tests.naive.sim_graphs import Shape, random_channels, random_graph, random_links, with_messages

SHAPES = {
    "contended": Shape(),
    "plain": Shape(edges=False, slowdown=False, groups=False),
    "memories": Shape(channels=3),
    "entangled": Shape(tasks=8, chunks=3, engines=4),
    "long": Shape(tasks=2, chunks=14, engines=2),
    "slow_memory": Shape(longest=3, largest_bytes=40, engines=4),
}
CASES = 120


def assert_equal(
    graph: TaskGraph, channels: tuple[FlatChannel, ...], interconnect: Interconnect | None = None
) -> Execution:
    naive = NaiveExecutor(graph, channels, interconnect)
    expected = naive.run()
    run = execute(graph, channels[0], True, channels[1:], interconnect)
    for record, twin in zip(run.tasks, expected, strict=True):
        assert (record.start, record.end, record.done) == (twin.start, twin.end, twin.done)
        assert asdict(record.stalls) == twin.stalls
        assert record.cycles == twin.cycles
        assert {"dependency": record.idle.dependency, "link": record.idle.link} == twin.idle
        assert record.idle.total == sum(twin.idle.values())
        assert record.stalls.total == record.cycles.stall
        assert record.cycles.accounted == record.cycles.groups * (record.end - record.start)
    arrivals = [time for record in run.messages for time in record.arrived]
    assert run.makespan_cycles == max([*(twin.done for twin in expected), *arrivals])
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
    if naive.network is not None:
        check_messages(graph, run, naive.network, naive.sent)
    return run


def check_messages(graph: TaskGraph, run: Execution, network: NaiveNetwork, sent: dict[int, int]) -> None:
    for message, record in zip(graph.messages, run.messages, strict=True):
        assert (record.message, record.sent) == (message.id, sent[message.id])
        assert record.arrived == tuple(network.arrivals[message.id, end] for end in message.destinations)
    assert [(use.busy_cycles, use.packets) for use in run.links] == network.uses
    assert run.links == link_uses(graph, network.interconnect)
    assert run.trace is not None
    expected = [
        (graph.messages[a.message].after, t.id, run.messages[a.message].sent, a.message)
        for t in graph.tasks
        for a in t.receives
    ]
    flows = run.trace.flows
    assert [(f["task"], f["to_task"], f["sent"], f["message"]) for f in flows] == expected
    assert all(f["arrived"] <= run.moments["admitted"][run.moments["task"] == f["to_task"]].min() for f in flows)
    # Pauses of a message on a link belong to its interval.
    first = run.trace.engines + run.trace.channels
    assert (run.trace.busy()[first:] >= [use.busy_cycles for use in run.links]).all()
    moved = np.bincount(run.trace.intervals["resource"], run.trace.intervals["bytes"], run.trace.resources)[first:]
    assert moved.tolist() == [use.bytes for use in run.links]


@pytest.mark.parametrize("name", SHAPES)
def test_equals_the_cycle_by_cycle_twin(name: str) -> None:
    for seed in range(CASES):
        rng = Random(f"{name}{seed}")
        assert_equal(random_graph(rng, SHAPES[name]), random_channels(rng, SHAPES[name]))


MESSAGES = {
    "messages": Shape(tasks=8, chunks=2, engines=4, channels=3, processors=3),
    "large": Shape(tasks=8, chunks=2, engines=5, channels=1, processors=4, largest_message=60, longest=3),
    "bare": Shape(tasks=10, chunks=1, engines=5, processors=5, edges=True, stores=False, groups=False),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_equal_the_cycle_by_cycle_twin(name: str) -> None:
    idle = 0
    for seed in range(CASES // 2):
        rng = Random(f"{name}{seed}")
        shape = MESSAGES[name]
        links = random_links(rng, shape.processors)
        run = assert_equal(with_messages(rng, shape, random_graph(rng, shape)), random_channels(rng, shape), links)
        idle += sum(record.idle.link for record in run.tasks)
    assert idle > 0
