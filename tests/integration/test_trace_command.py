"""``simsnn trace``: valid documents whose numbers are those of the report; what cannot be is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from simsnn.cli import main
from simsnn.results import store
from tests.experiments import SYNTHETIC
from tests.pipelines import overrides, schedule
from tests.trace_events import check_document, counters
from tests.vcd_reader import parse

SMALL = ("--set", SYNTHETIC, "--set", "workload.batch=4", "--set", "workload.timesteps=2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One stored run, in a folder of runs."""
    root = tmp_path_factory.mktemp("runs")
    assert main(["run", "quickstart", *SMALL, "-q", "-o", str(root)]) == 0
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report_of(root: Path) -> dict[str, Any]:
    (path,) = root.glob(f"*/{store.REPORT}")
    return dict(json.loads(path.read_text()))


def document_of(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt") as file:
        return dict(json.load(file))


def traced(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["trace", "latest", "--runs", str(root), "--json", *words]) == 0
    return dict(json.loads(capsys.readouterr().out))


def check_numbers(document: dict[str, Any], report: dict[str, Any], per_us: int) -> None:
    """Bytes moved are the sum over the bandwidth counters, peak live bytes the largest value of theirs."""
    series, totals = counters(document, per_us), report["totals"]
    moved = sum(value for name, found in series.items() if ": bytes per " in name for _, value in found)
    assert moved == totals["dram_bytes"] > 0
    assert max(value for _, value in series["live bytes: all"]) == totals["peak_live_bytes"]
    classes = [max(v for _, v in found) for name, found in series.items() if name.startswith("live bytes: ")]
    assert max(classes) == totals["peak_live_bytes"]
    assert document["metadata"]["makespan_cycles"] == totals["total_cycles"]


def test_the_run_folder_has_a_valid_trace_with_the_numbers_of_the_report(runs: Path) -> None:
    (path,) = runs.glob(f"*/{store.TRACE}")
    document = document_of(path)
    check_document(document)
    check_numbers(document, report_of(runs), 1)


def test_perfetto_in_ns_comes_from_the_stored_trace(here: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, report = traced(capsys, runs), report_of(runs)
    path = here / f"quickstart-{report['id']}.json.gz"
    assert told["path"] == path.name
    assert (told["time"], told["origin"]) == ("ns", "from the stored trace")
    document = document_of(path)
    check_document(document, 1000)
    check_numbers(document, report, 1000)
    (stored,) = runs.glob(f"*/{store.TRACE}")
    ns = report["totals"]["time_ns"] / report["totals"]["total_cycles"]
    pairs = zip(document["traceEvents"], document_of(stored)["traceEvents"], strict=True)
    times = [(now[key], before[key]) for now, before in pairs for key in ("ts", "dur") if key in before]
    assert times
    assert all(now * 1000 == pytest.approx(before * ns, abs=1e-6) for now, before in times)
    assert document["metadata"]["time"] == "real"
    widths = [e["name"] for e in document["traceEvents"] if ": bytes per " in e["name"]]
    assert all(name.endswith(" ns") for name in widths)
    assert told["intervals"] == told["slices"] == document["metadata"]["intervals"]


def test_cycles_are_the_stored_file(here: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traced(capsys, runs, "--time", "cycles", "-o", "c.json.gz")
    (stored,) = runs.glob(f"*/{store.TRACE}")
    assert (here / "c.json.gz").read_bytes() == stored.read_bytes()


def test_without_a_stored_trace_the_run_is_simulated_again_to_the_same_bytes(
    here: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored,) = runs.glob(f"*/{store.TRACE}")
    content = stored.read_bytes()
    stored.unlink()
    try:
        told = traced(capsys, runs, "--time", "cycles", "-o", "c.json.gz")
    finally:
        stored.write_bytes(content)
    assert told["origin"].startswith("simulated again")
    assert (here / "c.json.gz").read_bytes() == content


@pytest.mark.parametrize("most", [5, 60])
def test_a_bound_is_kept_and_said(most: int, here: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = traced(capsys, runs, "--most", str(most), "-o", "m.json.gz")
    document = document_of(here / "m.json.gz")
    check_document(document, 1000)
    check_numbers(document, report_of(runs), 1000)
    slices = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert len(slices) == told["slices"] <= most < told["intervals"]
    assert sum(event["args"]["joined"] for event in slices) == told["intervals"]
    assert main(["trace", "latest", "--runs", str(runs), "--most", str(most), "-o", "m.json.gz"]) == 0
    assert f"{told['intervals']:,} intervals shown as {told['slices']}: " in capsys.readouterr().out


def test_vcd_has_the_numbers_of_the_report(here: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, report = traced(capsys, runs, "--format", "vcd", "-o", "t.vcd"), report_of(runs)
    dump = parse((here / "t.vcd").read_text())
    assert dump.units_per_second == 10**9
    assert told["time"] == "ns"
    assert dump.end == report["totals"]["time_ns"]
    live = [value or 0 for _, value in dump.changes["simsnn.run.live_bytes"]]
    assert max(live) == report["totals"]["peak_live_bytes"]
    work = 0
    for name in ("array0", "vector0"):
        changes = dump.changes[f"simsnn.engines.{name}_state"]
        ends = [time for time, _ in changes[1:]] + [dump.end]
        work += sum(end - start for (start, value), end in zip(changes, ends, strict=True) if value == 2)
    ns = 10**9 // report["clock_hz"]
    assert work == ns * sum(row["cycles"] - row["parts"]["stall"] for row in report["tasks"])


def test_a_pipelined_run_has_tracks_of_every_processor(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for setting in (*overrides(), schedule("pipedream")) for word in ("--set", setting)]
    assert main(["run", "quickstart", *words, "-q", "-o", "p"]) == 0
    traced(capsys, here / "p", "-o", "p.json.gz")
    document = document_of(here / "p.json.gz")
    check_document(document, 1000)
    traced(capsys, here / "p", "--format", "vcd", "-o", "p.vcd")
    changes = parse((here / "p.vcd").read_text()).changes
    assert {"simsnn.engines.core0_array0_state", "simsnn.engines.core1_array0_state"} <= set(changes)
    assert any(name.startswith("simsnn.links.") and len(changes[name]) > 2 for name in changes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "no run 'nothing'"),
        (("latest", "--format", "vdc"), "did you mean 'vcd'?"),
        (("latest", "--time", "ms"), "unknown time 'ms'"),
        (("latest", "--format", "vcd", "--time", "ns"), "a VCD has the unit of time"),
        (("latest", "--most", "0"), "nothing to show"),
        (("latest", "--most", "2"), "too few"),
        (("latest", "--format", "vcd", "--most", "2"), "too few"),
        (("latest", "-o", "no/such/folder.json.gz"), "cannot write"),
        (("latest", "-o", "."), "cannot write"),
    ],
)
def test_bad_words_exit_2_in_two_lines(
    words: tuple[str, ...], message: str, here: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["trace", *words, "--runs", str(runs)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""
    assert len(shown.err.splitlines()) <= 2
    assert list(here.iterdir()) == []


def test_runs_without_events_and_damaged_ones_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *SMALL, "--set", "simulation.level=closed_form", "-q", "-o", "c"]) == 0
    assert main(["trace", "latest", "--runs", "c"]) == 2
    assert "only level event has a trace" in capsys.readouterr().err
    assert main(["run", "quickstart", *SMALL, "-q", "-o", "e"]) == 0
    (folder,) = (here / "e").iterdir()
    for content in (b"", b"not gzip", gzip.compress(b"{"), gzip.compress(b"[]"), gzip.compress(b'{"metadata": 3}')):
        (folder / store.TRACE).write_bytes(content)
        capsys.readouterr()
        assert main(["trace", "latest", "--runs", "e"]) == 2
        assert len(capsys.readouterr().err.splitlines()) <= 2
    config = folder / store.CONFIG
    config.write_text(config.read_text().replace("batch: 4", "batch: 3"))
    assert main(["trace", "latest", "--runs", "e", "--format", "vcd"]) == 2
    assert "when it is simulated again" in capsys.readouterr().err
    assert sorted(path.name for path in here.iterdir()) == ["c", "e"]
