"""The timeline shows every cycle of the report or trace, in few enough bars."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simsnn.errors import TraceError
from simsnn.results.report import Report
from simsnn.sim.trace import Kind
from simsnn.viz.html import timeline as module
from simsnn.viz.html.timeline import Timeline, run_timeline
from simsnn.viz.html.trace_file import read_tracks
from tests.naive.pipeline_reports import SPIKEPIPE, make_pipeline
from tests.naive.reports import ARRAY, DRAM, VECTOR, deep_layers, make_report, make_trace
from tests.run_folders import write_made_trace

QUICK = make_report()


def pipelined() -> Report:
    run = make_pipeline(SPIKEPIPE)
    totals = QUICK.totals.model_copy(update={"total_cycles": run.makespan_cycles})
    return QUICK.model_copy(update={"pipeline": run, "totals": totals})


def test_every_task_is_a_bar_where_it_ran() -> None:
    found = run_timeline(QUICK, None)
    assert [lane.name for lane in found.lanes] == [ARRAY, VECTOR]
    for lane in found.lanes:
        tasks = sorted((t for t in QUICK.tasks if t.array == lane.name), key=lambda t: t.start_cycle)
        assert [(bar.start, bar.end, bar.kind) for bar in lane.bars] == [
            (t.start_cycle, t.end_cycle, t.pass_) for t in tasks
        ]
        assert [bar.stalled_cycles for bar in lane.bars] == [t.parts.stall for t in tasks]
    assert "No trace is stored" in found.notes[0]


def test_waits_and_channels_of_a_trace_add_up(tmp_path: Path) -> None:
    write_made_trace(tmp_path / "t.json.gz", QUICK)
    trace = make_trace(QUICK)
    tracks = {track.name: track for track in read_tracks(tmp_path / "t.json.gz", 4000, False).tracks}
    assert set(tracks) == {ARRAY, VECTOR, DRAM}
    stalled = trace.cycles(Kind.STALL)
    for number, name in enumerate((ARRAY, VECTOR)):
        assert sum(piece.stalled_cycles for piece in tracks[name].slices) == stalled[number]
        assert {piece.kind for piece in tracks[name].slices} == {"stall"}
    assert tracks[DRAM].busy_cycles == trace.busy()[2]
    moved = trace.intervals["bytes"][trace.intervals["resource"] == 2].sum()
    assert sum(piece.bytes for piece in tracks[DRAM].slices) == moved
    lanes = run_timeline(QUICK, read_tracks(tmp_path / "t.json.gz", 4000, False)).lanes
    assert [lane.name for lane in lanes] == [ARRAY, "waits", VECTOR, "waits", DRAM]


@pytest.mark.parametrize("most", [12, 40, 150])
def test_joined_slices_keep_sums_and_stay_few(tmp_path: Path, most: int) -> None:
    write_made_trace(tmp_path / "t.json.gz", QUICK, chunks=30)
    whole, few = (read_tracks(tmp_path / "t.json.gz", limit, False) for limit in (100_000, most))
    assert few.slices <= most < whole.slices
    assert few.intervals == whole.intervals
    for one, other in zip(whole.tracks, few.tracks, strict=True):
        for name in ("stalled_cycles", "bytes", "joined"):
            assert sum(getattr(p, name) for p in one.slices) == sum(getattr(p, name) for p in other.slices)
        edges = [(piece.start, piece.end) for piece in other.slices]
        assert all(first[1] <= second[0] for first, second in pairwise(edges))
        for piece in one.slices:
            assert any(start <= piece.start and piece.end <= end for start, end in edges)


def test_jobs_of_a_pipelined_run_are_bars_of_their_processors() -> None:
    report = pipelined()
    found = run_timeline(report, None)
    assert report.pipeline is not None
    assert [lane.name for lane in found.lanes] == [row.name for row in report.pipeline.processors]
    for lane in found.lanes:
        jobs = sorted((j.start_cycle, j.end_cycle, j.pass_) for j in report.pipeline.jobs if j.processor == lane.name)
        assert sorted((bar.start, bar.end, bar.kind) for bar in lane.bars) == jobs
    assert found.lines == tuple(sorted(found.lines))


def test_too_many_jobs_are_joined_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 100)
    report = pipelined()
    assert report.pipeline is not None
    found = run_timeline(report, None)
    assert sum(len(lane.bars) for lane in found.lanes) <= 100
    assert sum(bar.joined for lane in found.lanes for bar in lane.bars) == len(report.pipeline.jobs)
    assert f"{len(report.pipeline.jobs):,} jobs are drawn as" in found.notes[0]


def test_too_many_tasks_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 20)
    report = make_report(deep_layers(40))
    found = run_timeline(report, None)
    assert sum(len(lane.bars) for lane in found.lanes) <= 20
    assert sum(bar.joined for lane in found.lanes for bar in lane.bars) == len(report.tasks)


def test_data_holds_seven_numbers_a_bar() -> None:
    found = run_timeline(QUICK, None)
    content = found.to_json()
    for lane, made in zip(found.lanes, content["lanes"], strict=True):
        numbers = np.array(made["bars"]).reshape(-1, 7)
        assert numbers[:, 0].tolist() == [bar.start for bar in lane.bars]
        assert (numbers[:, 0] + numbers[:, 1]).tolist() == [bar.end for bar in lane.bars]
        assert [content["kinds"][kind // 3] for kind in numbers[:, 2]] == [bar.kind for bar in lane.bars]
        assert [content["texts"][text][0] for text in numbers[:, 3]] == [bar.name for bar in lane.bars]
    assert Timeline(10, 1, ()).to_markup() == ""


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"no json"), gzip.compress(b"[]"), gzip.compress(b'{"traceEvents": [{"ph": "X"}]}')],
)
def test_what_is_no_trace_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.json.gz"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="not a trace of a run") as caught:
        read_tracks(path, 100, False)
    assert caught.value.where.file == str(path)


def test_a_trace_without_slices_has_no_tracks(tmp_path: Path) -> None:
    path = tmp_path / "trace.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"traceEvents": []}).encode()))
    assert read_tracks(path, 100, False).tracks == ()
