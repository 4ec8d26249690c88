"""The page of a sweep: its words, its best points, its table, its figures, nothing that runs or loads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from simsnn.results.sweep_store import StoredSweep, read_sweep
from simsnn.results.sweep_table import ObjectiveInfo, PointStatus, SweepRow, SweepTable
from simsnn.viz.html.sweep_columns import cell, known_metrics, scatter_columns
from simsnn.viz.html.sweep_figures import figure_files, stored_figures
from simsnn.viz.html.sweep_page import sweep_page
from simsnn.viz.html.sweep_tables import best_points, points_table, refusals_table, shown_points, summary_table
from tests.sweeps import made_info, made_table, write_sweep
from tests.unit.test_html_element import HOSTILE, Reader

INFO, TABLE = made_info(), made_table()
PIXEL = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def stored(tmp_path: Path, table: SweepTable = TABLE, **changes: object) -> StoredSweep:
    return StoredSweep(tmp_path, INFO.model_copy(update=changes), table)


def test_the_best_point_of_each_objective_is_the_best() -> None:
    for objective, row, equals in best_points(INFO, TABLE):
        values = [getattr(one.metrics, objective.metric) for one in TABLE.done]
        assert getattr(row.metrics, objective.metric) == min(values)
        assert equals == values.count(min(values))
    info = INFO.model_copy(update={"objectives": (ObjectiveInfo(metric="utilisation", goal="max"),)})
    ((_, row, _),) = best_points(info, TABLE)
    assert row.metrics is not None
    assert row.metrics.utilisation == max(one.metrics.utilisation for one in TABLE.done if one.metrics is not None)
    unknown = INFO.model_copy(update={"objectives": (ObjectiveInfo(metric="accuracy", goal="max"),)})
    assert best_points(unknown, TABLE) == ()


def test_every_point_is_a_row_with_its_status_and_error() -> None:
    text = points_table(INFO, TABLE)
    assert text.count("<tr") == 1 + len(TABLE.rows)
    assert text.count('class="marked"') == sum(row.pareto for row in TABLE.rows)
    assert text.count("weight_buffer is too small") == 2
    (refused, failed) = refusals_table(TABLE).rows
    assert [refused[0].text, failed[0].text] == ["refused", "failed"]
    assert "<td" in refusals_table(TABLE).to_markup()


def test_of_many_points_the_front_and_failures_are_kept() -> None:
    rows = tuple(
        SweepRow(number, "x", (1, 1, "ws"), row.status, row.error, row.metrics, row.pareto)
        for number, row in enumerate(TABLE.rows * 100)
    )
    kept = shown_points(SweepTable(TABLE.axes, rows), 1600)
    assert len(kept) == 1600
    assert list(kept) == sorted(set(kept))
    front = {row.point for row in rows if row.pareto or row.status is not PointStatus.OK}
    assert front <= set(kept)


def test_the_page_says_what_was_swept(tmp_path: Path) -> None:
    text = sweep_page(stored(tmp_path, synthetic=True, points=40))
    plain = re.sub(r"<[^>]*>", "", text)
    for part in (
        "The sweep array_size changes 3 things of quickstart.yaml: rows (8, 16, 32, 64, 128), columns (16, 32, 64),",
        "Only points with rows * columns &lt;= 4096 are in it.",
        "chosen by grid and simulated at level critical path; it looks for least total cycles and least total energy.",
        "10 points of 40 did not run yet; 1 point failed; 1 point refused by a machine.",
    ):
        assert part in plain
    assert "SYNTHETIC" in text
    assert "SYNTHETIC" not in sweep_page(stored(tmp_path))


def test_the_scatter_holds_every_value_that_is_known() -> None:
    done = tuple(number for number, row in enumerate(TABLE.rows) if row.metrics is not None)
    columns = {column["name"]: column for column in scatter_columns(TABLE, done)}
    assert "accuracy" not in columns, "no point has one"
    assert list(columns) == [*TABLE.axes, *known_metrics(TABLE)]
    assert columns["rows"]["values"] == [TABLE.rows[number].values[0] for number in done]
    assert columns["dataflow"]["words"]
    assert columns["total_cycles"]["values"] == [row.metrics.total_cycles for row in TABLE.done if row.metrics]
    assert columns["area_um2"]["values"][0] == pytest.approx(1.192)


def test_odd_numbers_are_shown_and_not_drawn(tmp_path: Path) -> None:
    assert TABLE.rows[0].metrics is not None
    odd = replace(TABLE.rows[0].metrics, time_ns=float("nan"), total_energy_pj=float("inf"))
    table = SweepTable(TABLE.axes, (replace(TABLE.rows[0], metrics=odd), *TABLE.rows[1:]))
    assert cell("time_ns", float("nan")).text == "nan"
    text = sweep_page(stored(tmp_path, table))
    (data,) = re.findall(r'id="scatter-data">(.*?)</script>', text)
    energies = next(column for column in json.loads(data)["columns"] if column["name"] == "total_energy_pj")
    assert energies["values"][0] is None
    assert all(row.point != 0 for _, row, _ in best_points(INFO, table))


def test_a_sweep_without_points_has_a_page(tmp_path: Path) -> None:
    text = sweep_page(stored(tmp_path, SweepTable(TABLE.axes, ())))
    assert "No point has run yet." in text
    assert "scatter-data" not in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    table = made_table(error=HOSTILE)
    text = sweep_page(stored(tmp_path, table, name=HOSTILE, base=HOSTILE, where=HOSTILE, sampling=HOSTILE))
    found = Reader(text)
    assert found.tags.count("script") == 2
    assert "img" not in found.tags


def test_figures_are_pictures_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "pareto_front.png").write_bytes(PIXEL)
    (folder / "pareto_front.svg").write_bytes(b"<svg/>")
    (folder / "odd.png").write_bytes(b"no picture")
    (tmp_path / "seeds.svg").write_bytes(b"<svg><script>alert(1)</script></svg>")
    (tmp_path / "notes.txt").write_text("x")
    assert [path.name for path in figure_files(tmp_path)] == ["odd.png", "pareto_front.svg", "seeds.svg"]
    text = stored_figures(tmp_path)
    assert text.count("<img") == 2
    assert 'src="data:image/svg+xml;base64,' in text
    assert "<script" not in text
    assert "<figcaption>pareto front</figcaption>" in text
    assert "Left out, too large or not pictures: odd.png." in text
    monkeypatch.setattr("simsnn.viz.html.sweep_figures.MOST_BYTES", 5)
    assert "<img" not in stored_figures(tmp_path)


def test_the_summary_is_a_table_as_it_stands(tmp_path: Path) -> None:
    table = summary_table("rows,flow,total_cycles_mean,total_cycles_std\n8,ws,1000.5,2.25\n16,os,,\n")
    assert [column.number for column in table.columns] == [True, False, True, True]
    assert [cell.text for cell in table.rows[0]] == ["8", "ws", "1,000.5", "2.25"]
    assert table.rows[1][2].number is None
    assert "Mean and spread over seeds" in sweep_page(stored(tmp_path), "a,b\n1,2\n")
    assert summary_table("").to_markup() == ""
    with pytest.raises(ConfigError, match=r"summary\.csv is not a table"):
        summary_table('a,b\n1,"' + "x" * 200_000 + '"\n')


def test_a_stored_sweep_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "array_size", INFO, TABLE)
    first, second = sweep_page(read_sweep(folder)), sweep_page(read_sweep(folder))
    assert first == second
    assert len(first) < 1_000_000
    outside = re.sub(r"<(script|style)>.*?</\1>", "", first, flags=re.DOTALL)
    assert "http:" not in outside
