"""``simsnn plot``: which run or sweep is meant, which figures are drawn, what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simsnn.api import load
from simsnn.cli import main
from simsnn.config.dump import to_yaml
from simsnn.results.store import CONFIG, REPORT
from simsnn.results.sweep_store import POINTS
from simsnn.viz.run_figures import RUN_FIGURES
from tests.naive.reports import make_report
from tests.naive.sweeps import COLUMNS, DATAFLOW, ROWS, made_sweep, store

RUN = make_report()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "runs" / f"quickstart-{RUN.id}"
    folder.mkdir(parents=True)
    (folder / REPORT).write_text(RUN.to_json())
    (folder / CONFIG).write_text(to_yaml(load("quickstart")[0]))
    sweep = tmp_path / "results" / "sweeps" / "array_size"
    store(made_sweep((ROWS, COLUMNS, DATAFLOW)), sweep)
    os.utime(sweep / POINTS, ns=(10**18, 10**18))  # older than the run
    return tmp_path


def drawn(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [Path(line).name for line in capsys.readouterr().out.splitlines()]


def test_only_the_figures_that_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "latest", "--only", "roofline,passes", "--only", "cycles", "-o", "out"]) == 0
    assert drawn(capsys) == ["roofline.png", "passes.png", "cycles.png"]
    assert sorted(path.name for path in (here / "out").iterdir()) == ["cycles.png", "passes.png", "roofline.png"]


def test_a_sweep_by_name_and_by_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "array_size", "--only", "pareto", "--format", "svg"]) == 0
    assert drawn(capsys) == ["pareto.svg"]
    assert (here / "results" / "sweeps" / "array_size" / "pareto.svg").is_file()
    words = ["plot", "results/sweeps/array_size", "--metric", "area_um2", "--x", "columns", "--y", "dataflow"]
    assert main([*words, "-o", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["out/lines_area_um2.png", "out/heat_area_um2.png"]
    (here / "results" / "sweeps").rename(here / "elsewhere")
    assert main(["plot", "array_size", "--sweeps", "elsewhere", "--only", "heat", "-o", "out"]) == 0
    assert drawn(capsys) == ["heat_total_cycles.png", "heat_total_energy_pj.png"]


def test_latest_is_the_newest_unless_a_sweep_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "--only", "cycles"]) == 0
    assert drawn(capsys) == ["cycles.png"]
    assert main(["plot", "--metric", "total_cycles", "--only", "lines"]) == 0
    assert drawn(capsys) == ["lines_total_cycles.png"]
    assert main(["plot", "--runs", "nowhere", "--only", "pareto"]) == 0
    assert drawn(capsys) == ["pareto.png"]
    os.utime(here / "results" / "sweeps" / "array_size" / POINTS)
    assert main(["plot", "--only", "pareto"]) == 0
    assert drawn(capsys) == ["pareto.png"]


def test_a_name_of_both_needs_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = RUN.id[:6]
    store(made_sweep((ROWS,), name=name), here / "results" / "sweeps" / name)
    assert main(["plot", name]) == 2
    error = capsys.readouterr().err
    assert f"{name!r} is a run in results/runs and a sweep in results/sweeps" in error
    assert f"give the folder, as results/sweeps/{name}" in error
    assert main(["plot", f"results/sweeps/{name}", "--only", "lines_total_cycles"]) == 0


def test_names_are_listed_without_anything_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plot", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[: len(RUN_FIGURES)]] == [figure.name for figure in RUN_FIGURES]
    assert main(["plot", "--list", "--json"]) == 0
    assert {row["of"] for row in json.loads(capsys.readouterr().out)} == {"run", "sweep"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "cycels"], "unknown figure 'cycels'"),
        (["--only", "memory"], "no figure 'memory' here: the run kept no trace"),
        (["--only", ","], "--only names no figure"),
        (["nowhere"], "no run 'nowhere' in results/runs and no such sweep"),
        (["aray_size"], "did you mean 'array_size'?"),
        (["array_size", "--metric", "cycles"], "unknown metric 'cycles'"),
        (["array_size", "--metric", "accuracy", "--x", "row"], "no axis 'row' in this sweep"),
        (["array_size", "--x", "rows", "--y", "rows"], "cannot be both --x and --y"),
        (["array_size", "--only", "roofline"], "no figure 'roofline' of this sweep"),
        (["nowhere", "--x", "rows"], "no sweep 'nowhere'"),
        (["array_size", "--format", "gif"], "unknown figure format 'gif'"),
        (["3f9c", "--metric", "total_cycles"], "no sweep '3f9c'"),
        (["results/runs/quickstart-3f9c0d1e5a7b2468", "--x", "rows"], "is a run"),
        (["array_size", "-o", "results/runs/quickstart-3f9c0d1e5a7b2468/report.json"], "cannot write to"),
    ],
)
def test_wrong_words_are_refused_in_one_message(
    words: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    assert main(["plot", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert len(printed.err.splitlines()) <= 2
    assert main(["plot", *words, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["message"]
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("text", ["", "point,id\n1,2\n", "\x00\x01", "{}"])
def test_a_broken_table_is_refused(text: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "results" / "sweeps" / "array_size" / "points.csv").write_text(text)
    assert main(["plot", "array_size"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error


def test_a_broken_run_does_not_hide_a_sweep(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "results" / "runs" / f"quickstart-{RUN.id}" / REPORT).write_text("{}")
    assert main(["plot", "array_size", "--only", "pareto", "-o", "out"]) == 0
    assert drawn(capsys) == ["pareto.png"]
    assert main(["plot", "latest"]) == 2
    assert "is not a report of this version" in capsys.readouterr().err
