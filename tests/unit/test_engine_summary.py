"""What the terminal says of each engine adds up to the run, and to what the engine noticed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simsnn.costs import Observed
from simsnn.results.engine_summary import engine_summaries
from simsnn.results.engine_table import engine_notes, engine_table, shows_engines
from simsnn.results.report import Report
from simsnn.results.terminal import print_report
from tests.naive.pipeline_reports import PIPEDREAM, make_pipeline
from tests.naive.reports import make_report


def noticing(report: Report, array: str, *pairs: tuple[Observed, int]) -> Report:
    """The same report whose first task on an engine noticed something."""
    first = next(index for index, task in enumerate(report.tasks) if task.array == array)
    task = report.tasks[first].model_copy(update={"observations": {what.value: count for what, count in pairs}})
    return report.model_copy(update={"tasks": (*report.tasks[:first], task, *report.tasks[first + 1 :])})


def text_of(report: Report) -> str:
    console = Console(file=io.StringIO(), width=160, no_color=True, color_system=None)
    print_report(report, console)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


@pytest.mark.parametrize("groups", [1, 4])
def test_busy_idle_and_stalled_add_up_to_the_run(groups: int) -> None:
    report = make_report(groups=groups)
    engines = engine_summaries(report)
    assert [engine.name for engine in engines] == ["array0", "vector0"]
    for engine in engines:
        assert engine.busy_cycles + engine.idle_cycles + engine.stall_cycles == pytest.approx(engine.total_cycles)
        assert sum(cycles for _, cycles in engine.causes) == pytest.approx(engine.stall_cycles)
        assert sum(energy for _, energy in engine.energy_by_component) == pytest.approx(engine.dynamic_energy_pj)
    assert sum(e.dynamic_energy_pj for e in engines) == pytest.approx(sum(t.total_energy_pj for t in report.tasks))


def test_two_dense_engines_need_no_table_of_their_own() -> None:
    report = make_report()
    assert not shows_engines(report)
    assert "stalled by" not in text_of(report)


def test_engines_of_a_pipeline_are_in_order_of_their_processors() -> None:
    report = make_report().model_copy(update={"pipeline": make_pipeline(PIPEDREAM)})
    names = ["core2.array10", "core2.array2", "core0.vector0", "core0.array0"]
    rows = [
        task.model_copy(update={"array": names[number % 4], "engine": names[number % 4][6:11]})
        for number, task in enumerate(report.tasks)
    ]
    first = rows[0].model_copy(update={"energy_pj": {"core2.memory": 3.0, "pe": 1.0}})
    alone = [row for row in rows[1:] if row.array != first.array]
    report = report.model_copy(update={"tasks": (first, *alone), "area": ()})
    engines = engine_summaries(report)
    assert [engine.name for engine in engines] == ["core0.array0", "core0.vector0", "core2.array2", "core2.array10"]
    assert sum(len(engine.tasks) for engine in engines) == len(report.tasks)
    headings = [column.header for column in engine_table(report).columns]
    assert headings == ["engine", "busy", "idle", "stalled", "stalled by", "energy", "most energy in"]
    assert " memory 75% " in text_of(report)
    assert "core2.memory" not in text_of(report)


def test_a_lut_engine_says_what_its_tables_saved() -> None:
    pairs = (
        (Observed.DENSE_OPERATIONS, 1000), (Observed.OPERATIONS, 400), (Observed.TILES, 10),
        (Observed.BYPASSED_TILES, 1), (Observed.TABLE_BUILDS, 20), (Observed.TABLE_READS, 250),
        (Observed.ZERO_ADDRESS_READS, 50), (Observed.ADDS_DONE, 300), (Observed.POSITION_GROUPS, 8),
        (Observed.POSITION_GROUPS_DROPPED, 2),
    )  # fmt: skip
    text = text_of(noticing(make_report(), "array0", *pairs))
    assert "400 of 1000 dense operations have non-zero operands (40%)" in text
    assert "20 tables built, 250 reads (20% of address zero), 300 adds: 70% fewer than dense, 25% fewer" in text
    assert "10% of the tiles bypass the tables" in text
    assert "25% of the position groups dropped" in text


def test_a_backward_engine_accounts_for_its_lane_cycles() -> None:
    pairs = (
        (Observed.PIXELS, 100), (Observed.ACTIVE_PIXELS, 25), (Observed.SLICES, 3), (Observed.LANE_CYCLES_USED, 60),
        (Observed.LANE_CYCLES_ROUNDING, 30), (Observed.LANE_CYCLES_BANK_CONFLICT, 10),
    )  # fmt: skip
    report = noticing(make_report(groups=4), "array0", *pairs)
    (note,) = engine_notes(report)
    assert "array0: 25% of 100 pixels active, 3 weight slices" in note.plain
    assert "60% used, 30% lost to lane rounding, 10% to bank conflicts" in note.plain
    assert engine_table(report).row_count == 2
