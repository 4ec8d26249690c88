"""Where cycles and energy went: shares against counting cycle by cycle, sums that are exact, figures, command."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from simsnn.cli import main
from simsnn.commands.compare_waterfall import MOST_ROWS, shown_rows
from simsnn.results.compare import compare
from simsnn.results.cycle_shares import cycle_shares, spans
from simsnn.results.report import Report
from simsnn.results.waterfall import LEAKAGE, LINKS, NO_TASK, OTHER, Waterfall, waterfall
from simsnn.viz.run_comparison import MOST_RUNS, figures_of_comparison
from simsnn.viz.waterfall import MOST_STEPS, steps_of, waterfall_figure
from tests.naive.pipeline_reports import GPIPE, PIPEDREAM, SPIKEPIPE, make_pipeline
from tests.naive.reports import QUICKSTART, deep_layers, make_report
from tests.unit.test_compare import CONFIGURATION, stored

QUICK = make_report()
FASTER = make_report(
    tuple(replace(layer, m=layer.m // 2) if layer.name == "conv2" else layer for layer in QUICKSTART)
).model_copy(update={"id": "f00d"})
OTHERS = make_report((*QUICKSTART[:3], replace(QUICKSTART[4], name="head")), synthetic=True)
DEEP = make_report(deep_layers(20))


def pipelined(schedule: object, id_: str) -> Report:
    made = make_pipeline(replace(schedule, iterations=6))  # type: ignore[type-var]
    links = tuple(link.model_copy(update={"energy_pj": 5e6}) for link in made.links)
    extra = 5e6 * len(links)
    totals = QUICK.totals.model_copy(
        update={"total_cycles": made.makespan_cycles, "total_energy_pj": QUICK.totals.total_energy_pj + extra}
    )
    update = {"pipeline": made.model_copy(update={"links": links}), "totals": totals, "id": id_}
    return QUICK.model_copy(update=update)


RUNS = (QUICK, FASTER, OTHERS, DEEP, pipelined(PIPEDREAM, "aa"), pipelined(SPIKEPIPE, "bb"))


def slow_shares(report: Report) -> tuple[dict[tuple[str, str], Fraction], int]:
    """Cycle by cycle: who is under way."""
    found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    all_spans, none = list(spans(report)), 0
    for cycle in range(report.totals.total_cycles):
        rows = {key for key, start, stop in all_spans if start <= cycle < stop}
        none += not rows
        for key in rows:
            found[key] += Fraction(1, len(rows))
    return found, none


def small(seed: int) -> Report:
    """A handful of tasks at random places of a run of 300 cycles."""
    rng = random.Random(seed)
    tasks = []
    for task in QUICK.tasks[:9]:
        start = rng.randrange(0, 290)
        moved = {"start_cycle": start, "end_cycle": start + rng.randrange(0, 60)}
        tasks.append(task.model_copy(update={**moved, "layer": rng.choice(("a", "b", "c"))}))
    totals = QUICK.totals.model_copy(update={"total_cycles": 300})
    return QUICK.model_copy(update={"tasks": tuple(tasks), "totals": totals})


@pytest.mark.parametrize("seed", range(12))
def test_shares_against_counting_cycle_by_cycle(seed: int) -> None:
    report = small(seed)
    exact, none = slow_shares(report)
    found = cycle_shares(report)
    assert found.no_task == none
    assert found.rows.keys() == exact.keys()
    assert all(abs(found.rows[key] - share) < 1 for key, share in exact.items())
    assert sum(found.rows.values()) + none == 300


@pytest.mark.parametrize("report", RUNS)
def test_shares_add_up_to_the_run(report: Report) -> None:
    found = cycle_shares(report)
    assert sum(found.rows.values()) + found.no_task == report.totals.total_cycles
    assert min(found.rows.values()) >= 0
    assert found.no_task >= 0


@pytest.mark.parametrize(("first", "second"), list(product(range(len(RUNS)), repeat=2)))
def test_differences_add_up_exactly(first: int, second: int) -> None:
    a, b = RUNS[first], RUNS[second]
    found = waterfall(a, b)
    assert sum(row.cycles_change for row in found.rows) == b.totals.total_cycles - a.totals.total_cycles
    for side, report in enumerate((a, b)):
        assert sum(row.cycles[side] for row in found.rows) == report.totals.total_cycles
        assert math.fsum(row.energy_pj[side] for row in found.rows) == pytest.approx(
            report.totals.total_energy_pj, rel=1e-9, abs=0
        )
    change = b.totals.total_energy_pj - a.totals.total_energy_pj
    off = math.fsum(row.energy_change_pj for row in found.rows) - change
    assert abs(off) <= 1e-9 * max(found.total_energy_pj)
    assert OTHER not in {row.name for row in found.rows}
    back = waterfall(b, a)
    assert {row.name: -row.cycles_change for row in found.rows} == {row.name: row.cycles_change for row in back.rows}


def test_rows_are_those_of_the_reports() -> None:
    found = waterfall(QUICK, FASTER)
    by_name = {row.name: row for row in found.rows}
    for row in found.rows:
        if row.layer is None:
            continue
        for side, report in enumerate((QUICK, FASTER)):
            tasks = [task for task in report.tasks if (task.layer, task.pass_) == (row.layer, row.pass_)]
            assert row.task_cycles[side] == sum(task.cycles for task in tasks)
            assert row.energy_pj[side] == pytest.approx(sum(task.total_energy_pj for task in tasks), rel=1e-12)
    assert by_name[LEAKAGE].energy_pj[0] == pytest.approx(sum(QUICK.static_energy_pj.values()), rel=1e-12)
    assert by_name["conv2 F"].cycles_change < 0
    assert [row.name for row in found.rows[:3]] == ["conv1 F", "conv1 B", "conv1 W"]


def test_what_is_in_one_run_alone_says_so() -> None:
    rows = {row.name: row for row in waterfall(QUICK, OTHERS).rows}
    assert (rows["fc F"].present, rows["head F"].present, rows["conv1 F"].present) == ("first", "second", "both")
    assert rows["fc F"].cycles[1] == rows["head F"].cycles[0] == 0
    assert rows["fc F"].energy_change_pj == -rows["fc F"].energy_pj[0] < 0


def test_links_and_whatever_else_have_rows() -> None:
    piped = pipelined(GPIPE, "cc")
    assert piped.pipeline is not None
    rows = {row.name: row for row in waterfall(QUICK, piped).rows}
    assert rows[LINKS].energy_pj == (0.0, 5e6 * len(piped.pipeline.links))
    assert rows[LINKS].present == "second"
    more = QUICK.totals.model_copy(update={"total_energy_pj": QUICK.totals.total_energy_pj + 7e6})
    rows = {row.name: row for row in waterfall(QUICK, QUICK.model_copy(update={"totals": more})).rows}
    assert rows[OTHER].energy_change_pj == pytest.approx(7e6, rel=1e-6)


def test_a_run_without_tasks() -> None:
    empty = QUICK.model_copy(update={"tasks": ()})
    rows = {row.name: row for row in waterfall(empty, QUICK).rows}
    assert rows[NO_TASK].cycles[0] == QUICK.totals.total_cycles
    assert waterfall(empty, empty).cycles_change == 0


def test_the_table_keeps_the_largest_and_adds_up() -> None:
    found = waterfall(QUICK, DEEP)
    shown = shown_rows(found)
    named = [row for row in shown if row.layer is not None]
    assert len(named) == MOST_ROWS - 1
    assert sum(row.cycles_change for row in shown) == found.cycles_change
    largest = max((row for row in found.rows if row.layer), key=lambda row: abs(row.cycles_change))
    assert largest in named
    assert shown_rows(waterfall(OTHERS, OTHERS), 100) == waterfall(OTHERS, OTHERS).rows


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


@pytest.mark.parametrize("what", ["cycles", "energy"])
@pytest.mark.parametrize(("first", "second"), [(QUICK, FASTER), (QUICK, OTHERS), (QUICK, DEEP), (QUICK, QUICK)])
def test_bars_lead_from_total_to_total(first: Report, second: Report, what: str) -> None:
    found = waterfall(first, second)
    totals = found.total_cycles if what == "cycles" else found.total_energy_pj
    steps = steps_of(found, what)  # type: ignore[arg-type]
    assert len(steps) <= MOST_STEPS
    at: float = totals[0]
    for step in steps:
        assert step.start == pytest.approx(at, rel=1e-9)
        at = step.start + step.change
    assert at == pytest.approx(totals[1], rel=1e-9)
    figure = waterfall_figure(found, (first, second), what)  # type: ignore[arg-type]
    axes = figure.axes[0]
    factor = 1e3 if what == "cycles" and max(totals) < 1e6 else None
    widths = [patch.get_width() for patch in axes.patches[2:]]  # type: ignore[attr-defined]
    assert len(widths) == len(steps)
    if factor is not None:
        assert widths == pytest.approx([step.change / factor for step in steps], rel=1e-9)
    ends = [patch.get_x() + patch.get_width() for patch in axes.patches[:2]]  # type: ignore[attr-defined]
    assert ends[1] / ends[0] == pytest.approx(totals[1] / totals[0], rel=1e-9)
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.02
    assert ("synthetic activity" in texts(figure)) == (second is OTHERS)


def test_an_axis_that_begins_late_says_so() -> None:
    nearly = QUICK.model_copy(
        update={"totals": QUICK.totals.model_copy(update={"total_cycles": QUICK.totals.total_cycles + 900})}
    )
    figure = waterfall_figure(waterfall(QUICK, nearly), (QUICK, nearly), "cycles")
    assert figure.axes[0].get_xlim()[0] > 0
    assert "does not begin at 0" in figure.axes[0].get_xlabel()
    assert "+900, <1%" in texts(figure)


def test_many_runs_share_the_bars_and_none_is_lost() -> None:
    reports = [QUICK.model_copy(update={"id": f"{number:04d}"}) for number in range(2 + MOST_RUNS)]
    found = compare(reports, [CONFIGURATION] * len(reports))
    waterfalls = [waterfall(reports[0], other) for other in reports[1:]]
    figures = {figure.name: figure for figure in figures_of_comparison(found, waterfalls, reports)}
    assert [name for name in figures if name.startswith("ratios")] == ["ratios_1", "ratios_2"]
    assert {f"waterfall_cycles_{number}" for number in range(2, 3 + MOST_RUNS)} <= set(figures)
    shown = texts(figures["ratios_2"].draw())
    assert any(text.startswith(f"{len(reports)} quickstart") for text in shown)
    bars = figures["ratios_1"].draw().axes[0].containers
    assert all(patch.get_width() == 1 for bar in bars for patch in bar)  # type: ignore[attr-defined]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "results" / "runs"
    for age, report in enumerate((QUICK, FASTER, pipelined(PIPEDREAM, "aa11"))):
        stored(runs, report, CONFIGURATION, 10**9 * (age + 1))
    return tmp_path


def again(report: Report) -> Report:
    """As it is read back: components in another order, which moves the last bit of a sum."""
    return Report.from_json(report.to_json())


def test_the_command_prints_draws_and_adds_to_its_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", QUICK.id, "f00d", "-o", "out", "--format", "svg"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-3:] == ["out/ratios.svg", "out/waterfall_cycles.svg", "out/waterfall_energy.svg"]
    assert any(line.startswith("where it went") for line in printed)
    assert any(line.startswith("total  ") for line in printed)
    assert sorted(path.name for path in (root / "out").iterdir()) == [line.split("/")[1] for line in printed[-3:]]
    assert main(["compare", QUICK.id, "f00d", "aa11", "--json", "-o", "all"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Waterfall.model_validate_json(json.dumps(one)) for one in found["waterfalls"]] == [
        waterfall(again(QUICK), again(FASTER)),
        waterfall(again(QUICK), again(pipelined(PIPEDREAM, "aa11"))),
    ]
    assert {"runs", "differences"} < found.keys()
    assert found["waterfalls"][0]["rows"][0]["pass"] == "F"
    assert len(list((root / "all").iterdir())) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["f00d"], "needs two runs or more"),
        (["f00d", "nowhere", "-o", "out"], "no run 'nowhere'"),
        (["f00d", "aa11", "--format", "bmp", "-o", "out"], "unknown figure format 'bmp'"),
        (["f00d", "aa11", "-o", "results/runs/quickstart-f00d/report.json"], "cannot write to"),
    ],
)
def test_bad_words_write_nothing(
    words: list[str], message: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(root.rglob("*"))
    assert main(["compare", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert len(printed.err.splitlines()) <= 2
    assert sorted(root.rglob("*")) == before
