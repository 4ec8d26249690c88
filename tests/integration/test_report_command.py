"""``simsnn report``: runs and sweeps by folder, id, name or latest; JSON; errors of one line; nothing half-written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from simsnn.cli import main
from simsnn.results import store, sweep_store
from tests.naive.reports import make_report
from tests.run_folders import write_run_folder
from tests.sweeps import made_info, made_table, write_sweep

REPORT = make_report()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_run_folder(tmp_path / "results" / "runs" / f"quickstart-{REPORT.id}", REPORT, "quickstart")
    write_sweep(tmp_path / "results" / "sweeps" / "array_size", made_info(), made_table())
    return tmp_path


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Message of a refusal: exit code 2, nothing on stdout, one line and perhaps a remedy on stderr."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) <= 2
    return captured.err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert "Example: simsnn report" in capsys.readouterr().out


def test_a_run_by_folder_id_and_latest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "results" / "runs" / f"quickstart-{REPORT.id}"
    assert main(["report", str(folder), "--json"]) == 0
    page = folder / "report.html"
    assert document(capsys) == {"file": str(page), "bytes": page.stat().st_size}
    first = page.read_bytes()
    assert b"<h1>quickstart</h1>" in first
    assert b"array0 - systolic" in first
    assert b"Live bytes over time" in first
    assert main(["report", REPORT.id[:5], "-o", "one/two.html"]) == 0
    assert capsys.readouterr().out == "one/two.html\n"
    assert (here / "one" / "two.html").read_bytes() == first
    os.utime(folder / store.REPORT, (2e9, 2e9))
    assert main(["report", "-o", "latest.html"]) == 0
    assert (here / "latest.html").read_bytes() == first
    assert not leftovers(here)


def test_a_sweep_by_folder_name_and_latest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "results" / "sweeps" / "array_size"
    assert main(["report", str(folder)]) == 0
    first = (folder / "report.html").read_bytes()
    assert b"sweep report" in first
    assert main(["report", "array_size", "--json", "-o", "b.html"]) == 0
    assert (here / "b.html").read_bytes() == first
    os.utime(folder / sweep_store.POINTS, (2e9, 2e9))
    assert main(["report", "latest", "-o", "c.html"]) == 0
    assert (here / "c.html").read_bytes() == first
    capsys.readouterr()


def test_a_run_folder_of_the_report_alone_has_a_page(here: Path) -> None:
    write_run_folder(here / "bare", REPORT, traced=False)
    assert main(["report", "bare"]) == 0
    text = (here / "bare" / "report.html").read_text(encoding="utf-8")
    assert "no config.resolved.yaml" in text
    assert "No trace is stored" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "no run 'nothing' in results/runs and no such sweep in results/sweeps"),
        ("array_sizes", "array_size"),
        ("results", "results is neither a run nor a sweep folder"),
        ("a" * 5000, "cannot be looked up"),
        ("results/runs/none", "no run"),
    ],
)
def test_what_is_neither_is_refused(here: Path, capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    assert said in refused(["report", name, "-o", "x.html"], capsys)
    assert not (here / "x.html").exists()


def test_latest_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no run in results/runs and no sweep in results/sweeps" in refused(["report"], capsys)


def test_places_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").write_text("kept")
    assert "is a folder" in refused(["report", REPORT.id, "-o", "results"], capsys)
    assert "cannot write" in refused(["report", REPORT.id, "-o", "file/x.html"], capsys)
    assert (here / "file").read_text() == "kept"
    assert not leftovers(here)


def test_a_full_disk_leaves_what_was_there(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "x.html").write_text("before")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "No space left on device" in refused(["report", REPORT.id, "-o", "x.html"], capsys)
    assert (here / "x.html").read_text() == "before"
    assert not leftovers(here)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (store.CONFIG, b"- a list\n", "expected keys and values"),
        (store.CONFIG, b"\xff\xfe", "not text in UTF-8"),
        (store.CONFIG, b"a: [", "not YAML"),
        (store.TRACE, b"no gzip", "not a trace of a run"),
        (store.LIVE_BYTES, b"no npz", store.LIVE_BYTES),
        (store.REPORT, b"{}", "not a report of this version"),
    ],
)
def test_broken_files_of_a_run_are_named(
    here: Path, capsys: pytest.CaptureFixture[str], file: str, content: bytes, said: str
) -> None:
    folder = here / "results" / "runs" / f"quickstart-{REPORT.id}"
    (folder / file).write_bytes(content)
    assert said in refused(["report", str(folder)], capsys)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (sweep_store.INFO, b"{}", "not a sweep of this version"),
        (sweep_store.POINTS, b"point,id\n0,x\n", "not a row of this sweep"),
        (sweep_store.POINTS, b"\xff\xfe", "not text"),
        (sweep_store.SUMMARY, b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_broken_files_of_a_sweep_are_named(
    here: Path, capsys: pytest.CaptureFixture[str], file: str, content: bytes, said: str
) -> None:
    folder = here / "results" / "sweeps" / "array_size"
    (folder / file).write_bytes(content)
    assert said in refused(["report", str(folder)], capsys)
    assert not (folder / "report.html").exists()


@pytest.mark.usefixtures("here")
def test_errors_are_json_where_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nothing", "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"]["value"] == "nothing"
