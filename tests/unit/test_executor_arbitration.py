"""Round-robin arbitration, grant by grant."""

from __future__ import annotations

from simsnn.schedule.graph import Chunk, ChunkEdge, Event, TaskGraph
from simsnn.sim.executor import execute
from simsnn.sim.trace import Kind
from tests.naive.executor import FlatChannel
from tests.unit.sim_samples import flat_plan, graph, load, store, task

BYTE_PER_CYCLE = FlatChannel(1)


def grants(sample: TaskGraph, memories: tuple[FlatChannel, ...] = ()) -> list[tuple[int, int, str]]:
    """(start, engine, what) of every grant, in order of time."""
    trace = execute(sample, BYTE_PER_CYCLE, True, memories).trace
    assert trace is not None
    rows = trace.intervals[trace.intervals["resource"] >= trace.engines]
    rows = rows[rows["start"].argsort(kind="stable")]
    return [(int(r["start"]), sample.tasks[r["task"]].engine, Kind(r["kind"]).name) for r in rows]


def test_requesters_take_turns_request_by_request() -> None:
    sample = graph(*(task(e, (Chunk(load(2) * 3),), engine=e) for e in range(3)))
    assert grants(sample) == [(2 * i, i % 3, "LOAD") for i in range(9)]


def test_first_grant_goes_to_the_lowest_requester() -> None:
    sample = graph(task(0, (Chunk(load(5)),), engine=1), task(1, (Chunk(load(5)),), engine=0))
    assert grants(sample) == [(0, 0, "LOAD"), (5, 1, "LOAD")]


def test_turn_is_remembered_while_the_channel_idles() -> None:
    late = Chunk(load(5), load_after=(ChunkEdge(2, 0, Event.ISSUED),))
    sample = graph(
        task(0, (Chunk(load(5)), late), engine=0),
        task(1, (late,), engine=1),
        task(2, (Chunk(),), flat_plan(50), engine=2),
    )
    assert grants(sample) == [(0, 0, "LOAD"), (50, 1, "LOAD"), (55, 0, "LOAD")]


def test_request_that_arrives_as_the_channel_frees_takes_part() -> None:
    sample = graph(
        task(0, (Chunk(load(4) * 2),), engine=0),
        task(1, (Chunk(load(4), load_after=(ChunkEdge(2, 0, Event.ISSUED),)),), engine=1),
        task(2, (Chunk(),), flat_plan(4), engine=2),
    )
    assert grants(sample) == [(0, 0, "LOAD"), (4, 1, "LOAD"), (8, 0, "LOAD")]


def test_stores_of_an_engine_are_a_requester_after_its_loads() -> None:
    # At cycle 12 the store of engine 0 (requester 1) and loads of engines 0 and 1 (0 and 2) wait.
    sample = graph(
        task(0, (Chunk(stores=store(3)), Chunk(load(12) + load(2))), flat_plan(10, 10), engine=0),
        task(1, (Chunk(load(3)),), engine=1),
    )
    assert grants(sample) == [(0, 0, "LOAD"), (12, 0, "STORE"), (15, 1, "LOAD"), (18, 0, "LOAD")]


def test_latency_does_not_occupy_the_channel() -> None:
    sample = graph(task(0, (Chunk(load(4)), Chunk(load(4)))))
    run = execute(sample, FlatChannel(1, 1, 100), trace=True)
    assert run.moments["loaded"].tolist() == [104, 108]
    assert run.dram.busy_cycles == 8


def test_occupancy_is_rounded_up_per_request() -> None:
    run = execute(graph(task(0, (Chunk(load(4) * 3),))), FlatChannel(3), trace=False)
    assert run.dram.busy_cycles == 3 * 2
    assert run.moments["loaded"].tolist() == [6]


def test_channels_do_not_wait_for_one_another() -> None:
    sample = graph(task(0, (Chunk(load(8) + load(8, channel=1)),)))
    assert grants(sample, (BYTE_PER_CYCLE,)) == [(0, 0, "LOAD"), (0, 0, "LOAD")]
