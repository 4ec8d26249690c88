"""Contention-free levels, and the bounds built on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.errors import ExitCode, ModelDisagreement
from simsnn.schedule.graph import Chunk, ChunkEdge, Event
from simsnn.sim.bounds import Bounds, check_bounds, find_bounds, serial_sum
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Stalls
from simsnn.sim.executor import execute
from tests.naive.executor import FlatChannel, PipelinePlan
from tests.unit.sim_samples import ONE_BYTE, flat_plan, graph, load, store, task


def test_two_engines_that_share_the_dram_do_not_wait_for_one_another() -> None:
    sample = graph(*(task(e, (Chunk(load(20)),), engine=e) for e in range(2)))
    path = critical_path(sample, ONE_BYTE)
    assert [record.end for record in path.tasks] == [23 + 12, 23 + 12]
    assert path.tasks[0].stalls == Stalls(dram=23)
    assert execute(sample, ONE_BYTE, False).makespan_cycles == 43 + 12


def test_one_requester_serves_its_own_transfers_one_by_one() -> None:
    path = critical_path(graph(task(0, (Chunk(load(4) * 3),))), ONE_BYTE)
    assert path.moments["loaded"].tolist() == [12 + 3]


def test_loads_and_stores_of_an_engine_do_not_wait_for_one_another() -> None:
    path = critical_path(graph(task(0, (Chunk(stores=store(50)), Chunk(load(15))))), ONE_BYTE)
    assert path.moments["loaded"].tolist() == [0, 18]
    assert path.moments["stored"].tolist() == [12 + 53, 18 + 12]


def test_closed_form_leaves_out_transfers_and_chunk_edges() -> None:
    late = Chunk(load(100), store(100), compute_after=(ChunkEdge(0, 0, Event.STORED),))
    sample = graph(
        task(0, (Chunk(load(9)), Chunk())), task(1, (late,), engine=1), task(2, (Chunk(),), engine=1, after=(0,))
    )
    closed = closed_form(sample, ONE_BYTE)
    assert [(r.start, r.end) for r in closed.tasks] == [(0, 22), (0, 12), (22, 34)]
    assert [r.cycles for r in closed.tasks] == [t.plan.cost().cycles for t in sample.tasks]
    assert closed.makespan_cycles == 34 < critical_path(sample, ONE_BYTE).makespan_cycles


def test_serial_sum_pays_fill_and_drain_per_chunk() -> None:
    # Single-buffered, one chunk at a time: the pipeline runs empty before every chunk.
    plan = PipelinePlan((6, 6, 6), (4, 4, 4), (5, 5, 5))
    sample = graph(task(0, (Chunk(load(3)),) * 3, plan), slots=1)
    transfers = 3 * (3 + 3)
    assert serial_sum(sample, (ONE_BYTE,)) == transfers + 3 * (6 + 4 + 5)
    makespan = execute(sample, ONE_BYTE, False).makespan_cycles
    assert transfers + plan.cost().cycles.total < makespan <= serial_sum(sample, (ONE_BYTE,))


def test_roofline_is_the_busiest_resource() -> None:
    sample = graph(task(0, (Chunk(load(70)),)), task(1, (Chunk(load(50)),), engine=1))
    assert find_bounds(sample, ONE_BYTE).roofline_cycles == 120
    assert find_bounds(sample, FlatChannel(0)).roofline_cycles == 12
    slow = graph(task(0, (Chunk(),), flat_plan(10), slowdown=3))
    assert find_bounds(slow, ONE_BYTE).roofline_cycles == 12 + 20


def test_run_outside_its_bounds_is_found() -> None:
    sample = graph(task(0, (Chunk(load(4)),) * 3))
    run = execute(sample, ONE_BYTE, False)
    bounds = find_bounds(sample, ONE_BYTE)
    assert bounds == Bounds(32, 39, 3 * 7 + 3 * 12, 12, True)
    check_bounds(run, bounds)
    for cycles in (bounds.lower_cycles, bounds.serial_cycles):
        check_bounds(replace(run, makespan_cycles=cycles), bounds)
    for cycles, words in ((bounds.lower_cycles - 1, "lower bound of 39"), (bounds.serial_cycles + 1, "in series: 57")):
        with pytest.raises(ModelDisagreement, match=words) as caught:
            check_bounds(replace(run, makespan_cycles=cycles), bounds)
        assert caught.value.exit_code is ExitCode.BUG


class Anomalous(PipelinePlan):
    monotone = False


def test_plan_that_is_not_monotone_is_bounded_by_its_traffic_alone() -> None:
    sample = graph(task(0, (Chunk(load(4)),) * 3, Anomalous((0,) * 3, (10,) * 3, (2,) * 3)))
    bounds = find_bounds(sample, ONE_BYTE)
    assert (bounds.monotone, bounds.lower_cycles) == (False, 12)
    run = execute(sample, ONE_BYTE, False)
    check_bounds(replace(run, makespan_cycles=12), bounds)
    with pytest.raises(ModelDisagreement):
        check_bounds(replace(run, makespan_cycles=11), bounds)
