"""The coarse formula: by hand, exact where nothing contends, never below the work of an engine."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.mapping.pipeline_bound import Place, Role, coarse_pipeline_cycles
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.sim.bounds import find_bounds
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.executor import execute
from tests.naive.executor import FlatChannel
from tests.unit.sim_samples import flat_plan, graph, task

FREE = FlatChannel(0)
"""No transfer takes time; these graphs have none."""

Group = tuple[int, int, int]
"""Cycles of forward, backward and weight tasks of a group."""


def pipeline(
    groups: list[Group], update: int, buffers: int, *, serial: bool = False, engines: tuple[int, int, int] = (0, 1, 2)
) -> tuple[TaskGraph, tuple[Place, ...]]:
    """One task per engine and group; a forward task waits for the readers of its buffer."""
    tasks: list[Task] = []
    places: list[Place] = []
    ids: dict[tuple[Role, int], int] = {}

    def add(role: Role, group: int, engine: int, cycles: int, after: list[tuple[Role, int]]) -> None:
        number = len(tasks)
        before = tuple(range(number)) if serial else tuple(sorted(ids[key] for key in after if key in ids))
        tasks.append(task(number, (Chunk(),), flat_plan(cycles, drain=0), engine, before))
        places.append(Place(role, group))
        ids[role, group] = number

    def forward(group: int) -> None:
        if group < len(groups):
            waits = [(Role.BACKWARD, group - buffers), (Role.WEIGHTS, group - buffers)]
            add(Role.FORWARD, group, engines[0], groups[group][0], waits)

    forward(0)
    for number, (_, backward, weights) in enumerate(groups):
        if buffers > 1 and not serial:
            forward(number + 1)
        add(Role.BACKWARD, number, engines[1], backward, [(Role.FORWARD, number)])
        add(Role.WEIGHTS, number, engines[2], weights, [(Role.FORWARD, number)])
        if buffers == 1 or serial:
            forward(number + 1)
    last = [(role, g) for g in range(len(groups)) for role in (Role.BACKWARD, Role.WEIGHTS)]
    add(Role.UPDATE, 0, engines[0], update, last)
    return graph(*tasks), tuple(places)


def coarse(groups: list[Group], update: int, buffers: int, *, serial: bool = False) -> int:
    built, places = pipeline(groups, update, buffers, serial=serial)
    return coarse_pipeline_cycles(built, FREE, places, in_flight=buffers, serial=serial)


def by_hand(groups: list[Group], update: int, buffers: int, *, serial: bool = False) -> int:
    if serial:
        return sum(map(sum, groups)) + update
    if buffers == 1:
        return sum(f + max(b, w) for f, b, w in groups) + update
    following = [f for f, _, _ in groups[1:]] + [0]
    return groups[0][0] + sum(max(f, b, w) for f, (_, b, w) in zip(following, groups, strict=True)) + update


def test_three_groups_by_hand() -> None:
    groups = [(10, 7, 3), (10, 7, 12), (4, 3, 5)]
    assert coarse(groups, 6, 2) == 10 + 10 + 12 + 5 + 6
    assert coarse(groups, 6, 1) == (10 + 7) + (10 + 12) + (4 + 5) + 6
    assert coarse(groups, 6, 2, serial=True) == 20 + 29 + 12 + 6


CYCLES = st.integers(1, 30)
GROUP = st.tuples(CYCLES, CYCLES, CYCLES)


@settings(max_examples=40, deadline=None)
@given(GROUP, st.integers(1, 5), st.integers(1, 4), CYCLES)
def test_exact_for_equal_groups_where_nothing_contends(group: Group, count: int, buffers: int, update: int) -> None:
    """With two buffers F(i+1) and B(i) start together; so for every engine that is the slowest."""
    groups = [group] * count
    built, places = pipeline(groups, update, buffers)
    cycles = coarse_pipeline_cycles(built, FREE, places, in_flight=buffers, serial=False)
    assert cycles == by_hand(groups, update, buffers)
    simulated = execute(built, FREE, False).makespan_cycles
    assert critical_path(built, FREE).makespan_cycles == simulated
    if buffers <= 2:
        assert simulated == cycles
    else:
        assert simulated <= cycles  # more buffers let the forward engine run ahead of the slowest


@settings(max_examples=40, deadline=None)
@given(st.lists(GROUP, min_size=1, max_size=5), st.booleans(), CYCLES)
def test_one_buffer_and_no_pipeline_are_exact_for_any_groups(groups: list[Group], serial: bool, update: int) -> None:
    built, places = pipeline(groups, update, 1, serial=serial)
    cycles = coarse_pipeline_cycles(built, FREE, places, in_flight=1, serial=serial)
    assert cycles == by_hand(groups, update, 1, serial=serial) == execute(built, FREE, False).makespan_cycles
    assert cycles == closed_form(built, FREE).makespan_cycles


@settings(max_examples=60, deadline=None)
@given(
    st.lists(GROUP, min_size=1, max_size=5),
    st.integers(1, 4),
    st.tuples(*[st.integers(0, 2)] * 3),
    CYCLES,
)
def test_never_below_the_work_of_an_engine_and_above_a_run_without_barriers(
    groups: list[Group], buffers: int, engines: tuple[int, int, int], update: int
) -> None:
    built, places = pipeline(groups, update, buffers, engines=engines)
    cycles = coarse_pipeline_cycles(built, FREE, places, in_flight=buffers, serial=False)
    work = [0, 0, 0]
    for each, record in zip(built.tasks, closed_form(built, FREE).tasks, strict=True):
        work[each.engine] += record.end - record.start
    assert cycles >= max(work)
    simulated = execute(built, FREE, False).makespan_cycles
    assert simulated >= find_bounds(built, FREE).lower_cycles >= max(work)
    if len(set(engines)) == 3:
        assert simulated <= cycles


def test_one_engine_for_all_is_no_faster_than_its_work() -> None:
    groups = [(10, 7, 3), (10, 7, 12)]
    built, places = pipeline(groups, 6, 2, engines=(0, 0, 0))
    assert coarse_pipeline_cycles(built, FREE, places, in_flight=2, serial=False) == sum(map(sum, groups)) + 6


@pytest.mark.parametrize("serial", [False, True])
def test_a_task_that_follows_another_runs_beside_it(serial: bool) -> None:
    tasks = (task(0, (Chunk(),), flat_plan(10, drain=0), 0), task(1, (Chunk(),), flat_plan(8, drain=0), 1))
    places = (Place(Role.FORWARD, 0), Place(Role.FORWARD, 0, follows=True))
    assert coarse_pipeline_cycles(graph(*tasks), FREE, places, in_flight=2, serial=serial) == 10
