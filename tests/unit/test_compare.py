"""Comparing runs: metrics and ratios, differences of configurations, the command over stored runs."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from simsnn.cli import main
from simsnn.commands.compare import compare_runs, print_comparison
from simsnn.commands.listing import print_runs, run_rows
from simsnn.errors import ConfigError
from simsnn.results.compare import compare, differences, metrics_of
from simsnn.results.report import ActivitySummary, Report
from simsnn.results.store import CONFIG, REPORT
from tests.naive.pipeline_reports import GPIPE, PIPEDREAM, SPIKEPIPE, Made, make_pipeline
from tests.naive.reports import make_report

PLAIN = make_report()
CONFIGURATION: dict[str, Any] = {"name": "quickstart", "schedule": {"kind": "layer_by_layer"}, "seed": 0}


def pipelined(made: Made, id_: str) -> Report:
    return make_report(name="spike").model_copy(update={"pipeline": make_pipeline(made), "id": id_})


def test_numbers_of_an_ordinary_run_are_its_totals() -> None:
    found = metrics_of(PLAIN)
    assert found.cycles_per_iteration == found.total_cycles == PLAIN.totals.total_cycles
    assert (found.period_is_exact, found.link_bytes, found.peak_memory_bytes, found.weight_versions) == (None,) * 4
    assert found.accuracy == PLAIN.activity.accuracy


def test_numbers_of_a_pipelined_run_are_those_of_its_steady_state() -> None:
    report = pipelined(SPIKEPIPE, "a")
    assert report.pipeline is not None
    found = metrics_of(report)
    assert (found.cycles_per_iteration, found.period_is_exact) == (238_600, True)
    assert found.samples_per_s == report.pipeline.samples_per_s
    assert found.link_bytes == sum(link.bytes for link in report.pipeline.links)
    assert found.weight_versions == max(layer.weight_versions for layer in report.pipeline.layers)
    rows = report.pipeline.processors
    assert (found.processor_count, found.settled) == (4, True)
    assert found.distance == report.pipeline.distance
    assert found.bubble_share == sum(row.bubble_cycles for row in rows) / 4 / report.pipeline.makespan_cycles
    assert found.peak_stash_bytes == sum(row.peak_stash_bytes for row in rows)
    assert found.overhead_share == report.pipeline.overhead.share
    assert found.link_bytes_per_iteration == found.link_bytes / 48


def test_a_guess_is_marked_and_has_no_distance() -> None:
    report = pipelined(SPIKEPIPE, "a")
    assert report.pipeline is not None
    update = {"period_cycles": None, "period_iterations": None, "pace_cycles": 250_000.0}
    guess, settled = (
        report.model_copy(update={"pipeline": report.pipeline.model_copy(update={**update, "settled": sure})})
        for sure in (False, True)
    )
    assert metrics_of(guess).distance is None
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_comparison(compare([report, guess, settled], [CONFIGURATION] * 3), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"cycles per iteration +238\.6k +guess 250\.0k  x1\.048 +250\.0k  x1\.048", text)
    assert re.search(r"over the lower bound +x1\.165 +- +x1\.\d+", text)
    assert "2 has no exact period: its cycles per iteration are a guess from a short run" in text
    assert "3 has no exact period: its cycles per iteration are those once settled" in text


def test_activity_none_is_not_called_real(tmp_path: Path) -> None:
    none = PLAIN.model_copy(update={"activity": ActivitySummary(kind="none", synthetic=False)})
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_comparison(compare([PLAIN, none], [CONFIGURATION] * 2), console)
    stored(tmp_path, none, CONFIGURATION, 1)
    print_runs(run_rows(tmp_path), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "level event, schedule layer_by_layer, activity none" in text
    assert "activity none is held against real activity" in text
    assert re.search(r"quickstart +event +none ", text)
    assert "processors" not in text


def test_ratios_are_to_the_first_run() -> None:
    reports = [pipelined(PIPEDREAM, "a"), pipelined(SPIKEPIPE, "b"), PLAIN]
    found = compare(reports, [CONFIGURATION] * 3)
    first, second, third = found.runs
    assert all(ratio == 1 for ratio in first.ratios.values() if ratio is not None)
    assert second.ratios["cycles_per_iteration"] == 238_600 / 292_800
    assert third.ratios["link_bytes"] is None
    assert "period_is_exact" not in second.ratios
    assert found.differences == ()
    assert first.schedule == "layer_by_layer"


def test_a_ratio_to_nothing_is_none() -> None:
    none = PLAIN.model_copy(update={"totals": PLAIN.totals.model_copy(update={"dram_bytes": 0})})
    assert compare([none, PLAIN], [CONFIGURATION] * 2).runs[1].ratios["dram_bytes"] is None


def test_differences_are_dotted_places() -> None:
    first = {"a": 1, "list": [{"x": 1}, {"x": 2}], "shape": [1, 8], "flag": 1, "same": "s"}
    second = {"a": 1.0, "list": [{"x": 1}], "shape": [3, 8], "flag": True, "same": "s", "new": {"deep": "v"}}
    found = {difference.path: difference.values for difference in differences([first, second])}
    assert found == {"list.1.x": (2, None), "shape": ("[1, 8]", "[3, 8]"), "flag": (1, True), "new.deep": (None, "v")}


def test_one_run_is_no_comparison() -> None:
    with pytest.raises(ConfigError, match="needs two runs or more, 1 given"):
        compare([PLAIN], [CONFIGURATION])


def stored(root: Path, report: Report, configuration: dict[str, Any], age: int) -> None:
    folder = root / f"{report.name}-{report.id}"
    folder.mkdir(parents=True)
    (folder / REPORT).write_text(report.to_json())
    (folder / CONFIG).write_text(json.dumps(configuration))
    os.utime(folder / REPORT, ns=(age, age))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for age, (made, id_) in enumerate(((PIPEDREAM, "aa1"), (GPIPE, "bb2"), (SPIKEPIPE, "cc3"))):
        chosen = {**CONFIGURATION, "schedule": {"kind": made.schedule}, "shapes": [1, age]}
        stored(tmp_path, pipelined(made, id_), chosen, 10**9 * (age + 1))
    stored(tmp_path, PLAIN, CONFIGURATION, 1)
    return tmp_path


def test_json_is_one_document(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "aa", "latest", str(root / f"quickstart-{PLAIN.id}"), "--json", "--runs", str(root)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["id"] for run in found["runs"]] == ["aa1", "cc3", PLAIN.id]
    assert found["differences"][0] == {
        "path": "schedule.kind",
        "values": ["pipedream", "spikepipe", "layer_by_layer"],
    }
    assert found["runs"][1]["metrics"]["cycles_per_iteration"] == 238_600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["aa"], "needs two runs or more"), (["aa", "zz9"], "no run 'zz9'"), ([], "RUN")],
)
def test_too_few_and_unknown_runs_are_refused(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["compare", *arguments, "--runs", str(root), "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in json.loads(printed.err)["error"]["message"]


@pytest.mark.parametrize("width", [100, 80])
def test_the_tables_fit(root: Path, width: int) -> None:
    names = ["aa", "bb", "cc", PLAIN.id]
    console = Console(file=io.StringIO(), width=width, no_color=True, color_system=None)
    print_comparison(compare_runs(names, root), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "mean" not in text
    assert re.search(r"cycles per iteration +292\.8k +386\.\dk  x1\.321 +238\.6k  x0\.815", text)
    assert "schedule.kind" in text
    assert "[1, 0]" in text
    assert text.count("total cycles") == (2 if width == 80 else 1)


def test_notes_on_what_should_not_be_held_together() -> None:
    other = make_report(synthetic=True).model_copy(update={"level": "critical_path"})
    console = Console(file=io.StringIO(), width=100, no_color=True, color_system=None)
    print_comparison(compare([PLAIN, other], [CONFIGURATION] * 2), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "the runs were simulated at different levels" in text
    assert "synthetic activity is held against real activity" in text
    assert "the configurations are the same" in text
