"""The page of a run: the numbers of the report, one file, bounded, escaped, the same bytes every time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from simsnn.results.report import Report
from simsnn.results.store import read_run
from simsnn.viz.html import run_tables as tables
from simsnn.viz.html.pipeline_tables import pipeline_content, processors_table
from simsnn.viz.html.run_page import RunContent, run_page
from simsnn.viz.html.table import Table
from simsnn.viz.html.trace_file import read_tracks
from tests.naive.pipeline_reports import SPIKEPIPE, make_pipeline
from tests.naive.reports import deep_layers, make_report
from tests.run_folders import made_memory, write_made_trace
from tests.unit.test_html_element import HOSTILE, Reader

MOST_BYTES = 4_000_000
QUICK = make_report(warnings=("the accuracy is low",), approximations=("nothing is late",))


def page(report: Report, tree: dict[str, object] | None = None, config: str = "") -> str:
    return run_page(RunContent(report, tree or {}, config, None, None))


def texts(table: Table, column: str) -> list[str]:
    place = [each.name for each in table.columns].index(column)
    return [str(row[place].text) for row in table.rows]


def test_tables_add_up_to_the_report() -> None:
    operations = tables.operations_table(QUICK)
    place = [column.name for column in operations.columns].index("cycles")
    assert [row[place].number for row in operations.rows] == [task.cycles for task in QUICK.tasks]
    assert operations.sums[place].number == sum(task.cycles for task in QUICK.tasks)
    energies = tables.energy_table(QUICK)
    assert sum(row[2].number or 0 for row in energies.rows) == pytest.approx(QUICK.totals.total_energy_pj)
    assert "spike_buffer" in texts(energies, "component")
    traffic = tables.traffic_table(QUICK)
    moved = sum(row.read_bytes + row.write_bytes for task in QUICK.tasks for row in task.traffic)
    assert sum(row[4].number or 0 for row in traffic.rows) == moved
    layers = tables.layers_table(QUICK)
    assert sum(row[2].number or 0 for row in layers.rows) == operations.sums[place].number
    assert len(tables.rates_table(QUICK).rows) == len(QUICK.activity.rates)


def test_a_page_says_totals_warnings_and_approximations() -> None:
    text = page(QUICK, {"network": {"layers": [{"kind": "linear"}]}}, "name: quickstart\n")
    assert f"{QUICK.totals.total_cycles:,}" in text
    assert "Warning: the accuracy is low" in text
    assert "<li>nothing is late</li>" in text
    assert "config.resolved.yaml" in text
    assert "0" * 64 in text
    assert text.count("<svg ") >= 3
    order = [text.index(f'<section id="{name}"') for name in ("totals", "timeline", "operations", "energy", "figures")]
    assert order == sorted(order)
    assert text.index('id="assumptions"') > order[-1]


def test_synthetic_activity_is_marked_in_words_and_figures() -> None:
    text = page(make_report(synthetic=True))
    assert "SYNTHETIC" in text
    assert ">synthetic activity<" in text
    assert "SYNTHETIC" not in page(QUICK)


def test_pipelined_runs_have_a_section_of_their_own() -> None:
    run = make_pipeline(SPIKEPIPE)
    report = QUICK.model_copy(update={"pipeline": run})
    text = page(report)
    assert '<section id="pipeline"' in text
    assert '<section id="pipeline"' not in page(QUICK)
    content = pipeline_content(run)
    for name in ("processors", "processor-memory", "pipeline-layers", "links", "messages", "candidates"):
        assert f'id="{name}-table"' in content
    assert texts(processors_table(run), "processor") == [row.name for row in run.processors]
    assert content.count('class="marked"') == 1


def test_hostile_names_stay_text_everywhere() -> None:
    tasks = tuple(task.model_copy(update={"layer": HOSTILE, "array": HOSTILE}) for task in QUICK.tasks[:3])
    report = QUICK.model_copy(update={"name": HOSTILE, "tasks": tasks, "approximations": (HOSTILE,)})
    tree = {"hardware": {"name": HOSTILE, "arrays": [{"name": HOSTILE}]}, "schedule": {"kind": HOSTILE}}
    text = page(report, tree, HOSTILE)
    found = Reader(text)
    assert found.tags.count("script") == 2  # the data of the timeline, and the page's own script
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_nothing_is_loaded_and_names_are_used_once() -> None:
    text = page(QUICK)
    outside = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert "http:" not in outside
    assert "https:" not in outside
    assert not re.findall(r'(?:src|href)="(?!#|data:)', outside)
    names = re.findall(r' id="([^"]*)"', outside)
    assert len(names) == len(set(names))


def test_pages_are_bounded_and_say_what_they_leave_out(tmp_path: Path) -> None:
    report = make_report(deep_layers(300))
    write_made_trace(tmp_path / "t.json.gz", report, chunks=12)
    tracks = read_tracks(tmp_path / "t.json.gz", 4000, False)
    content = RunContent(report, {}, "x" * 500_000, tracks, made_memory(report.totals.total_cycles))
    text = run_page(content)
    assert len(text.encode()) <= MOST_BYTES
    assert "The first 1,000 of" in text
    assert "bars" in text
    (data,) = re.findall(r'id="timeline-data">(.*?)</script>', text)
    assert sum(len(lane["bars"]) for lane in json.loads(data)["lanes"]) <= 7 * 8_000


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(QUICK.to_json(), encoding="utf-8")
    first, second = page(read_run(tmp_path).report), page(read_run(tmp_path).report)
    assert first == second
