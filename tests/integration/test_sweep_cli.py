"""``simsnn sweep`` and ``simsnn query`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simsnn.cli import main
from simsnn.results.sweep_store import INFO, LOG, POINTS, TIMING
from tests.sweep_files import AXES, BASE, sweep_file

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sweep(*words: str) -> int:
    return main(["sweep", "files/sweep.yaml", "--executor", "serial", *words])


def test_a_sweep_says_what_it_does_and_what_came_out(tmp_path: Path, capsys: Capture) -> None:
    sweep_file(tmp_path / "files", AXES.replace("[4, 8]", "[0, 8]"), 'where: "rows < 64"\n')
    assert sweep() == 0
    out, err = capsys.readouterr()
    assert "small: 6 points: rows (3) x columns (2) where rows < 64; level closed_form" in err
    assert "0 of 6 points are stored; 6 to run" in err
    assert "with 1 worker" in err
    assert "small: 3 ok, 0 failed, 3 refused of 6 points" in out
    assert "Pareto front, min total_cycles and min total_energy_pj:" in out
    assert "refused, point 0 and 2 more: hardware.arrays.0.columns: " in out
    assert "written to results/sweeps/small" in out
    names = {path.name for path in (tmp_path / "results/sweeps/small").iterdir()}
    assert {INFO, POINTS, LOG, TIMING} <= names
    assert sweep() == 0
    assert "6 of 6 points are stored; 0 to run" in capsys.readouterr().err


def test_json_is_one_document(tmp_path: Path, capsys: Capture) -> None:
    sweep_file(tmp_path / "files")
    assert sweep("--json", "-o", "out") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert (found["points"], found["ok"], found["failed"], found["refused"]) == (6, 6, 0, 0)
    assert found["folder"] == "out"
    assert [entry["metric"] for entry in found["objectives"]] == ["total_cycles", "total_energy_pj"]
    assert found["pareto"]
    assert all(row["pareto"] == 1 for row in found["pareto"])


def test_a_failed_point_is_exit_code_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("simsnn.sweep.evaluator.PointEvaluator.evaluate", broken)
    sweep_file(tmp_path / "files")
    assert sweep("-o", "out") == 1
    assert "failed, point 0 and 5 more: RuntimeError: a bug" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert sweep("-o", "out") == 1
    assert sweep("-o", "out", "--retry-failed") == 0


def test_a_dry_run_stores_nothing(tmp_path: Path, capsys: Capture) -> None:
    statistics = "rate: 0.2, temporal_correlation: 0, spatial_correlation: 0, channel_correlation: 0"
    activity = f"activity: {{kind: synthetic, {statistics}, mask_density: 0.3, gradient_density: 0.3}}\n"
    network = "network: {preset: digits_mlp}\nmapping: {F: {engine: array0, dataflow: ws}, neuron: {engine: vector0}}\n"
    kept = [line for line in BASE.splitlines(keepends=True) if not line.startswith(("network", "mapping"))]
    sweep_file(tmp_path / "files", base="".join(kept) + network + activity)
    assert sweep("--dry-run") == 0
    assert capsys.readouterr().out.startswith("6 points, about ")
    assert sweep("--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["points"] == 6
    assert {path.name for path in tmp_path.iterdir()} == {"files"}


def test_a_point_alone_is_a_run(tmp_path: Path, capsys: Capture) -> None:
    sweep_file(tmp_path / "files")
    assert sweep("-o", "out", "-q") == 0
    capsys.readouterr()
    assert sweep("--point", "4") == 0
    folder = Path(capsys.readouterr().out.strip())
    report = json.loads((folder / "report.json").read_text())
    assert main(["query", "out", "point == 4", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert report["totals"]["total_cycles"] == row["total_cycles"]
    assert sweep("--point", "6") == 2
    assert "no point 6 in this sweep" in capsys.readouterr().err


def test_questions_to_a_sweep(tmp_path: Path, capsys: Capture) -> None:
    sweep_file(tmp_path / "files")
    assert sweep("-q") == 0
    capsys.readouterr()
    words = ["query", "small", "rows>=16 and total_energy_pj<1e12", "--sort", "total_cycles"]
    assert main([*words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 4
    assert [row["total_cycles"] for row in rows] == sorted(row["total_cycles"] for row in rows)
    assert main([*words, "--columns", "rows,total_cycles", "--limit", "1"]) == 0
    header, line = capsys.readouterr().out.splitlines()[:2]
    assert header.split() == ["rows", "total_cycles"]
    assert line.split() == [str(rows[0]["rows"]), f"{rows[0]['total_cycles']:,}"]
    assert main(["query", "latest", "rows > 99"]) == 0
    assert "no point meets this" in capsys.readouterr().out
    assert main(["query", "latest", "-o", "all.csv"]) == 0
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "nothing.yaml"], "no such file: nothing.yaml"),
        (["sweep", "arraysize"], "no file and no shipped sweep 'arraysize'"),
        (["sweep", "files/sweep.yaml", "--executor", "serail"], "no executor 'serail'"),
        (["sweep", "files/sweep.yaml", "--set", "rows"], "is not PATH=VALUE"),
        (["sweep", "files/sweep.yaml", "--workers", "0"], "--workers"),
        (["sweep", "files/sweep.yaml", "-o", "files/base.yaml"], "cannot write files/base.yaml"),
        (["query", "nothing"], "no sweep 'nothing'"),
        (["query", "files"], "no sweep 'files'"),
        (["query", "small", "rows =="], "is not a condition"),
        (["query", "small", "rowz == 3"], "unknown name 'rowz'"),
        (["query", "small", "--sort", "cycles"], "no column 'cycles'"),
        (["query", "small", "-o", "x.xlsx"], "unknown ending"),
        (["query", "small", "-o", "no/where.csv"], "cannot write no/where.csv"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(tmp_path: Path, capsys: Capture, words: list[str], said: str) -> None:
    sweep_file(tmp_path / "files")
    assert sweep("-q", "--no-figures") == 0
    capsys.readouterr()
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first = next(line for line in err.splitlines() if line.startswith("error: "))
    assert said in first
    assert len(err.splitlines()) <= 3
    assert "Traceback" not in err
    assert main([*words, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["message"]


def test_stored_sweeps_are_listed(tmp_path: Path, capsys: Capture) -> None:
    sweep_file(tmp_path / "files")
    assert main(["runs", "--only-sweeps"]) == 0
    assert "no sweeps here" in capsys.readouterr().out
    assert sweep("-q", "--no-figures") == 0
    damaged = tmp_path / "results/sweeps/damaged"
    damaged.mkdir()
    (damaged / INFO).write_text("{}")
    (damaged / POINTS).write_text("")
    capsys.readouterr()
    assert main(["runs", "--only-sweeps", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["points"], row["ok"], row["axes"]) == ("small", 6, 6, ["rows", "columns"])
    assert main(["runs"]) == 0
    assert "rows x columns" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_sweep_files_have_a_schema_and_are_listed(capsys: Capture) -> None:
    assert main(["schema", "sweep"]) == 0
    assert "axes" in json.loads(capsys.readouterr().out)["properties"]
    assert main(["list", "sweeps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sweeps": ["array_size"]}
