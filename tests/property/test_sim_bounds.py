"""What must hold between the levels: D = P without contention, bounds otherwise, monotone bandwidth."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.costs import OperandClass
from simsnn.schedule.graph import Arrival, Message, TaskGraph
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from tests.naive.executor import FlatChannel
from tests.naive.sim_graphs import Shape, random_channels, random_graph, random_links, with_messages

SHAPES = st.builds(
    Shape,
    tasks=st.integers(1, 7),
    chunks=st.integers(1, 8),
    engines=st.integers(1, 4),
    channels=st.integers(1, 3),
    longest=st.integers(0, 30),
    largest_bytes=st.sampled_from((1, 12, 60)),
    edges=st.booleans(),
    stores=st.booleans(),
    slowdown=st.booleans(),
    groups=st.booleans(),
)
RANDOMS = st.integers(0, 2**32 - 1).map(Random)


def assert_same(first: Execution, second: Execution) -> None:
    assert first.tasks == second.tasks
    assert first.makespan_cycles == second.makespan_cycles
    assert first.engine_busy_cycles == second.engine_busy_cycles
    assert first.channels == second.channels
    assert first.links == second.links
    assert first.messages == second.messages
    assert (first.moments == second.moments).all()


def run(graph: TaskGraph, channels: tuple[FlatChannel, ...]) -> Execution:
    return execute(graph, channels[0], False, channels[1:])


@settings(max_examples=300, deadline=None)
@given(RANDOMS, SHAPES)
def test_bounds_hold_under_contention(rng: Random, shape: Shape) -> None:
    graph, channels = random_graph(rng, shape), random_channels(rng, shape)
    execution = run(graph, channels)
    bounds = find_bounds(graph, channels[0], channels[1:])
    assert bounds.lower_cycles == max(bounds.roofline_cycles, bounds.critical_path_cycles)
    check_bounds(execution, bounds)
    closed = closed_form(graph, channels[0], channels[1:])
    assert closed.makespan_cycles <= bounds.critical_path_cycles
    path = critical_path(graph, channels[0], channels[1:])
    for name in ("admitted", "ready", "issue_end", "result_end", "stored"):
        assert (execution.moments[name] >= path.moments[name]).all()


@settings(max_examples=150, deadline=None)
@given(RANDOMS, SHAPES, st.integers(2, 5), st.sampled_from((1, 20, 90)))
def test_bounds_hold_with_messages(rng: Random, shape: Shape, processors: int, largest: int) -> None:
    shape = replace(shape, processors=processors, largest_message=largest)
    graph, channels = with_messages(rng, shape, random_graph(rng, shape)), random_channels(rng, shape)
    links = random_links(rng, processors)
    execution = execute(graph, channels[0], False, channels[1:], links)
    path = critical_path(graph, channels[0], channels[1:], links)
    closed = closed_form(graph, channels[0], channels[1:], links)
    bounds = find_bounds(graph, channels[0], channels[1:], links)
    assert bounds == find_bounds(graph, channels[0], channels[1:], links, path)
    assert bounds.lower_cycles >= max((use.busy_cycles for use in execution.links), default=0)
    check_bounds(execution, bounds)
    assert closed.makespan_cycles <= path.makespan_cycles == bounds.critical_path_cycles
    assert execution.links == path.links == closed.links
    for early, late in ((closed, path), (path, execution)):
        for first, second in zip(early.messages, late.messages, strict=True):
            assert first.sent <= second.sent
            assert all(a <= b for a, b in zip(first.arrived, second.arrived, strict=True))


@settings(max_examples=100, deadline=None)
@given(RANDOMS, SHAPES, st.integers(2, 5))
def test_equals_critical_path_when_one_message_follows_another(rng: Random, shape: Shape, processors: int) -> None:
    """A line of tasks with messages from each to the next: never two under way, nothing to contend for."""
    shape = replace(shape, channels=1, engines=1)
    graph = random_graph(rng, shape)
    tasks, messages = [], []
    for task in graph.tasks:
        here, before = task.id % processors, (task.id - 1) % processors
        receives = (Arrival(task.id - 1, here),) if task.id else ()
        tasks.append(replace(task, engine=here, receives=receives))
        if task.id:
            size = rng.randint(1, 40)
            messages.append(Message(task.id - 1, task.id - 1, before, (here,), OperandClass.SPIKES, size))
    names = tuple(f"engine{p}" for p in range(processors))
    graph = replace(graph, tasks=tuple(tasks), messages=tuple(messages), engines=names, load_slots=(1,) * processors)
    links, dram = random_links(rng, processors), FlatChannel(0, 1, rng.randint(0, 9))
    assert_same(execute(graph, dram, False, (), links), critical_path(graph, dram, (), links))


@settings(max_examples=200, deadline=None)
@given(RANDOMS, SHAPES)
def test_equals_critical_path_when_transfers_occupy_nothing(rng: Random, shape: Shape) -> None:
    graph = random_graph(rng, shape)
    channels = tuple(FlatChannel(0, 1, rng.randint(0, 9)) for _ in range(shape.channels))
    assert_same(run(graph, channels), critical_path(graph, channels[0], channels[1:]))


@settings(max_examples=200, deadline=None)
@given(RANDOMS, SHAPES)
def test_equals_critical_path_with_one_requester(rng: Random, shape: Shape) -> None:
    shape = replace(shape, engines=1, stores=False)
    graph, channels = random_graph(rng, shape), random_channels(rng, shape)
    assert_same(run(graph, channels), critical_path(graph, channels[0], channels[1:]))


@settings(max_examples=200, deadline=None)
@given(RANDOMS, SHAPES)
def test_equals_closed_form_when_nothing_is_waited_for(rng: Random, shape: Shape) -> None:
    shape = replace(shape, engines=1)
    graph = random_graph(rng, shape)
    bare = tuple(
        replace(
            task, chunks=tuple(replace(c, loads=(), stores=(), load_after=(), compute_after=()) for c in task.chunks)
        )
        for task in graph.tasks
    )
    graph = replace(graph, tasks=bare)
    execution = run(graph, (FlatChannel(0),))
    closed = closed_form(graph, FlatChannel(0))
    assert execution.tasks == closed.tasks
    for task, record in zip(graph.tasks, execution.tasks, strict=True):
        frozen = (task.slowdown - 1) * sum(task.issues)
        assert record.end - record.start == task.plan.cost().cycles.total + frozen
        assert record.cycles.stall == record.stalls.sram_bank == frozen * record.cycles.groups


@settings(max_examples=200, deadline=None)
@given(RANDOMS, SHAPES, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_more_bandwidth_never_hurts_one_requester(
    rng: Random, shape: Shape, narrow: int, extra: int, denominator: int
) -> None:
    shape = replace(shape, engines=1, stores=False, channels=1)
    graph = random_graph(rng, shape)
    slow = run(graph, (FlatChannel(narrow, denominator, 3),))
    fast = run(graph, (FlatChannel(narrow + extra, denominator, 3),))
    for name in ("admitted", "ready", "issue_end", "result_end", "stored"):
        assert (fast.moments[name] <= slow.moments[name]).all()
    assert fast.makespan_cycles <= slow.makespan_cycles


@settings(max_examples=100, deadline=None)
@given(RANDOMS, SHAPES)
def test_more_slots_never_hurt_the_critical_path(rng: Random, shape: Shape) -> None:
    graph, channels = random_graph(rng, shape), random_channels(rng, shape)
    wider = replace(graph, load_slots=tuple(slots + 1 for slots in graph.load_slots))
    few = critical_path(graph, channels[0], channels[1:]).makespan_cycles
    assert critical_path(wider, channels[0], channels[1:]).makespan_cycles <= few
