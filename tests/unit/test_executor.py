"""Event engine on graphs small enough to work out by hand; faults are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.costs import CycleBreakdown, StallCause
from simsnn.errors import ExitCode, ModelDisagreement
from simsnn.schedule.graph import Chunk, ChunkEdge, Event, TaskGraph
from simsnn.sim.critical_path import critical_path
from simsnn.sim.execution import Deadlock, Execution, Stalls
from simsnn.sim.executor import execute
from simsnn.sim.wait import BUFFER_FULL, DEPENDENCY, LINK, Wait, idle_cycles
from tests.naive.executor import FlatChannel, PipelinePlan
from tests.unit.sim_samples import ONE_BYTE, flat_plan, graph, load, store, task


def run(sample: TaskGraph) -> Execution:
    return execute(sample, ONE_BYTE, trace=False)


def test_double_buffering_hides_all_loads_but_the_first() -> None:
    result = run(graph(task(0, (Chunk(load(4)),) * 3)))
    assert result.moments["admitted"].tolist() == [0, 0, 17]
    assert result.moments["loaded"].tolist() == [7, 11, 24]
    assert result.moments["issue_end"].tolist() == [17, 27, 37]
    assert result.makespan_cycles == 39
    assert result.tasks[0].stalls == Stalls(dram=7)
    assert result.tasks[0].cycles == CycleBreakdown(stream=30, drain=2, stall=7)
    assert (result.dram.busy_cycles, result.dram.read_bytes, result.dram.write_bytes) == (12, 12, 0)
    assert result.engine_busy_cycles == (32,)


def test_single_buffering_shows_every_load() -> None:
    result = run(graph(task(0, (Chunk(load(4)),) * 3), slots=1))
    assert result.moments["admitted"].tolist() == [0, 17, 34]
    assert result.moments["issue_end"].tolist() == [17, 34, 51]
    assert result.tasks[0].stalls == Stalls(dram=21)
    assert result.makespan_cycles == 53


def test_chunk_waits_for_its_output_slot() -> None:
    result = run(graph(task(0, (Chunk(stores=store(30)),) * 3), slots=1))
    assert result.moments["ready"].tolist() == [0, 45, 90]
    assert result.moments["stored"].tolist() == [45, 90, 135]
    assert result.tasks[0].stalls == Stalls(buffer_full=70)
    assert (result.tasks[0].end, result.tasks[0].done, result.makespan_cycles) == (102, 135, 135)
    assert result.stalls.largest is StallCause.BUFFER_FULL


def test_next_task_prefetches_while_the_previous_computes() -> None:
    result = run(graph(task(0, (Chunk(load(4)),)), task(1, (Chunk(load(4)),))))
    first, second = result.tasks
    assert (first.start, first.end) == (0, 19)
    assert (second.start, second.end) == (19, 31)
    assert second.cycles.stall == 0
    assert result.moments["loaded"].tolist() == [7, 11]
    assert result.moments["ready"].tolist() == [7, 19]


def test_task_edge_waits_for_the_stores_and_holds_back_the_loads() -> None:
    sample = graph(task(0, (Chunk(stores=store(8)),)), task(1, (Chunk(load(4)),), engine=1, after=(0,)))
    result = run(sample)
    assert result.tasks[0].done == 12 + 8 + 3
    assert result.moments["admitted"].tolist() == [0, 23]
    assert (result.tasks[1].start, result.tasks[1].end) == (23, 23 + 7 + 12)
    assert result.tasks[1].stalls == Stalls(dram=7)


def test_task_starts_after_the_last_of_the_tasks_before_it() -> None:
    # The end of task 0 is known from the start of the run, that of task 1 once its load is granted.
    before = task(0, (Chunk(),), flat_plan(100)), task(1, (Chunk(load(4)),), engine=1)
    result = run(graph(*before, task(2, (Chunk(),), engine=2, after=(0, 1))))
    assert [record.end for record in result.tasks] == [102, 19, 114]
    assert (result.tasks[2].start, result.moments["admitted"].tolist()[2]) == (102, 102)


def test_task_ends_with_its_last_result_whichever_chunk_it_is_of() -> None:
    plan = PipelinePlan((0, 0), (10, 10), (50, 2))
    result = run(graph(task(0, (Chunk(stores=store(4)), Chunk(stores=store(4))), plan), task(1, (Chunk(),))))
    assert result.moments["result_end"].tolist() == [60, 22, 72]
    assert result.moments["stored"].tolist() == [67, 71, 72]
    assert [(record.start, record.end) for record in result.tasks] == [(0, 60), (60, 72)]


@pytest.mark.parametrize(
    ("load_edge", "input_slot", "before", "held_by"),
    [
        (5, 5, 5, DEPENDENCY),
        (4, 5, 5, BUFFER_FULL),
        (4, 4, 5, LINK),
        (5, 4, 4, DEPENDENCY),
        (4, 5, 4, BUFFER_FULL),
    ],
)
def test_ties_of_what_holds_back_a_load(load_edge: int, input_slot: int, before: int, held_by: int) -> None:
    wait, earlier = Wait(), Wait()
    wait.load_edge, wait.input_slot = load_edge, input_slot
    earlier.admitted, earlier.held_by = before, LINK
    wait.admit(earlier)
    assert (wait.admitted, wait.held_by, wait.load) == (5, held_by, 5)


@pytest.mark.parametrize(
    ("load_edge", "arrivals", "input_slot", "held_by", "held_since"),
    [
        (5, ((5, 1),), 5, DEPENDENCY, 0),
        (4, ((5, 1),), 5, LINK, 1),
        (4, ((5, 3), (5, 1), (5, 2)), 4, LINK, 1),
        (4, ((4, 1), (5, 3)), 4, LINK, 3),
        (4, ((4, 1),), 5, BUFFER_FULL, 0),
    ],
)
def test_ties_of_arrivals(
    load_edge: int, arrivals: tuple[tuple[int, int], ...], input_slot: int, held_by: int, held_since: int
) -> None:
    wait = Wait()
    wait.load_edge, wait.input_slot = load_edge, input_slot
    for time, sent in arrivals:
        wait.deliver(time, sent)
    wait.admit(None)
    assert (wait.admitted, wait.held_by) == (5, held_by)
    if held_by == LINK:
        assert wait.held_since == held_since


def test_stall_of_an_arrival_is_the_links_since_it_was_sent() -> None:
    wait = Wait()
    wait.deliver(20, 12)
    wait.admit(None)
    wait.load = 23
    causes = [0] * 5
    wait.blame(13, 1, causes)
    assert causes == [3, 0, 0, 2, 8]
    behind = Wait()
    behind.admit(wait)
    causes = [0] * 5
    behind.blame(20, 2, causes)
    assert causes == [0, 0, 0, 4, 16]


@pytest.mark.parametrize(
    ("free", "after_done", "idle"), [(0, 9, (12, 8)), (0, 20, (20, 0)), (15, 9, (0, 5)), (25, 9, (0, 0))]
)
def test_empty_engine_waits_for_a_task_or_for_the_links(free: int, after_done: int, idle: tuple[int, int]) -> None:
    wait = Wait()
    wait.deliver(20, 12)
    assert idle_cycles(free, after_done, wait) == idle


def test_chunk_edges_wait_for_the_event_they_name() -> None:
    for event, moment in ((Event.ISSUED, 10), (Event.RESULT, 12), (Event.STORED, 12 + 8 + 3)):
        consumer = Chunk(compute_after=(ChunkEdge(0, 0, event),))
        result = run(graph(task(0, (Chunk(stores=store(8)),)), task(1, (consumer,), engine=1)))
        assert result.moments["ready"].tolist() == [0, moment]
        assert result.tasks[1].stalls == Stalls(dependency=moment)
    without_stores = Chunk(compute_after=(ChunkEdge(0, 0, Event.STORED),))
    assert run(graph(task(0, (Chunk(),)), task(1, (without_stores,), engine=1))).moments["ready"].tolist() == [0, 12]


def test_load_that_an_edge_held_back_blames_the_edge_for_the_rest() -> None:
    consumer = Chunk(load(4), load_after=(ChunkEdge(0, 0, Event.ISSUED),))
    result = run(graph(task(0, (Chunk(),)), task(1, (consumer,), engine=1)))
    assert result.moments["loaded"].tolist() == [0, 17]
    assert result.tasks[1].stalls == Stalls(dram=7, dependency=10)


def test_load_behind_a_held_back_load_inherits_its_cause() -> None:
    chunks = (Chunk(load(4), load_after=(ChunkEdge(0, 0, Event.ISSUED),)), Chunk(load(400)))
    result = run(graph(task(0, (Chunk(),)), task(1, chunks, engine=1)))
    assert result.moments["admitted"].tolist() == [0, 10, 10]
    assert result.tasks[1].stalls == Stalls(dram=7 + 390, dependency=10)


def test_a_local_memory_stalls_like_the_dram() -> None:
    result = execute(graph(task(0, (Chunk(load(4, channel=1)),))), ONE_BYTE, False, (FlatChannel(2, 1, 1),))
    assert result.tasks[0].stalls == Stalls(dram=3)
    assert [use.busy_cycles for use in result.channels] == [0, 2]


def test_slot_is_kept_by_the_chunks_that_load_nothing_new() -> None:
    chunks = (Chunk(load(4)), Chunk(), Chunk(load(4)))
    result = run(graph(task(0, chunks), slots=1))
    assert result.moments["admitted"].tolist() == [0, 0, 27]


def test_group_cycles_are_stalled_together() -> None:
    result = run(graph(task(0, (Chunk(load(4)),), flat_plan(10, groups=3))))
    assert result.tasks[0].stalls == Stalls(dram=21)
    assert result.tasks[0].cycles.accounted == 3 * result.makespan_cycles
    assert result.engine_busy_cycles == (12,)


@pytest.mark.parametrize("level", [execute, critical_path])
def test_circle_is_refused_and_named(level: object) -> None:
    first = Chunk(compute_after=(ChunkEdge(1, 0, Event.RESULT),))
    second = Chunk(compute_after=(ChunkEdge(0, 0, Event.RESULT),))
    sample = graph(task(0, (first,)), task(1, (second,), engine=1))
    with pytest.raises(Deadlock, match="engine0 at chunk 0 of task 0; engine1 at chunk 0 of task 1") as caught:
        critical_path(sample, ONE_BYTE) if level is critical_path else run(sample)
    assert caught.value.exit_code is ExitCode.BUG


def test_back_pressure_edge_to_a_later_task_is_no_circle() -> None:
    producer = (Chunk(), Chunk(), Chunk(compute_after=(ChunkEdge(1, 0, Event.ISSUED),)))
    consumer = tuple(Chunk(compute_after=(ChunkEdge(0, c, Event.RESULT),)) for c in range(3))
    result = run(graph(task(0, producer), task(1, consumer, flat_plan(40, 40, 40), engine=1)))
    assert result.moments["ready"].tolist() == [0, 0, 52, 12, 22, 64]
    assert result.tasks[0].stalls == Stalls(dependency=32)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"chunks": (), "plan": flat_plan()}, "no chunks"),
        ({"engine": 3}, "engine 3"),
        ({"slowdown": 2, "issues": ()}, "issue counts"),
        ({"chunks": (Chunk(load(4, channel=2)),)}, "channel"),
        ({"chunks": (Chunk(load_after=(ChunkEdge(7, 0, Event.ISSUED),)),)}, "does not exist"),
        ({"chunks": (Chunk(load_after=(ChunkEdge(0, 0, Event.ISSUED),)),)}, "its own later chunk"),
        ({"after": (0,)}, "not before it"),
    ],
)
def test_graph_that_is_not_well_formed_is_refused(fault: dict[str, object], message: str) -> None:
    good = task(0, (Chunk(),))
    with pytest.raises(ValueError, match=message):
        run(replace(graph(good), tasks=(replace(good, **fault),)))  # type: ignore[arg-type]


def test_engine_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="load slot"):
        run(graph(task(0, (Chunk(),)), slots=0))


class ResultBeforeReady(PipelinePlan):
    def advance(self, state: np.ndarray, chunk: int, ready: int) -> tuple[int, int]:
        issue_end, _ = super().advance(state, chunk, ready)
        return issue_end, ready - 1


class ForgetsCycles(PipelinePlan):
    def parts(self, state: np.ndarray) -> CycleBreakdown:
        return replace(super().parts(state), drain=0)


class StallsUnasked(PipelinePlan):
    def parts(self, state: np.ndarray) -> CycleBreakdown:
        parts = super().parts(state)
        return replace(parts, drain=0, stall=parts.stall + parts.drain)


@pytest.mark.parametrize(
    ("plan", "message"),
    [(ResultBeforeReady, "has its result"), (ForgetsCycles, "add up"), (StallsUnasked, "waited for 0")],
)
def test_plan_that_breaks_its_contract_is_found(plan: type[PipelinePlan], message: str) -> None:
    with pytest.raises(ModelDisagreement, match=message):
        run(graph(task(0, (Chunk(),), plan((0,), (10,), (2,)))))
