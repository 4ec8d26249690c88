"""Slow SRAM ports: frozen edges add (rho - 1) * issues, and the frozen engine's clock stands still."""

from __future__ import annotations

import pytest

from simsnn.schedule.graph import Chunk, ChunkEdge, Event
from simsnn.sim.execution import Stalls
from simsnn.sim.executor import execute
from tests.naive.executor import PipelinePlan
from tests.unit.sim_samples import ONE_BYTE, flat_plan, graph, task


@pytest.mark.parametrize("rho", [1, 2, 3, 7])
def test_uncontended_task_takes_total_plus_frozen_edges(rho: int) -> None:
    plan = PipelinePlan((2, 2), (10, 6), (3, 3))
    total = plan.cost().cycles.total
    assert total == 21
    record = execute(graph(task(0, (Chunk(), Chunk()), plan, slowdown=rho)), ONE_BYTE, False).tasks[0]
    assert record.end - record.start == total + (rho - 1) * 16
    assert record.stalls == Stalls(sram_bank=(rho - 1) * 16)
    assert record.cycles.accounted == record.end


@pytest.mark.parametrize(
    ("arrival", "issue_end", "dependency"), [(5, 40, 0), (10, 40, 0), (15, 40, 0), (20, 40, 0), (23, 43, 3)]
)
def test_data_that_arrives_while_frozen_costs_nothing(arrival: int, issue_end: int, dependency: int) -> None:
    # Chunk 0 issues on engine edges 0..9 and is frozen until real cycle 20.
    chunks = (Chunk(), Chunk(compute_after=(ChunkEdge(1, 0, Event.ISSUED),)))
    sample = graph(task(0, chunks, flat_plan(10, 10), slowdown=2), task(1, (Chunk(),), flat_plan(arrival), engine=1))
    run = execute(sample, ONE_BYTE, True)
    assert run.moments["issue_end"].tolist()[:2] == [20, issue_end]
    assert run.tasks[0].stalls == Stalls(dependency=dependency, sram_bank=20)
    assert run.tasks[0].end == 2 * 20 + 2 + dependency


def test_group_engines_freeze_all_groups() -> None:
    record = execute(graph(task(0, (Chunk(),), flat_plan(10, groups=4), slowdown=3)), ONE_BYTE, False).tasks[0]
    assert record.stalls == Stalls(sram_bank=4 * 20)
    assert record.cycles.accounted == 4 * (record.end - record.start)
