"""The timeline of a page: lanes of bars over the cycles of a run, few enough for a browser, with their values.

A step has a lane per engine with its tasks, below it when the engine waited, and a lane per memory channel, where a
trace is stored. A pipelined run has a lane per processor with its jobs, then links and memories. What is too much is
joined (:mod:`simsnn.viz.slices`), and the page says so. Proof: ``tests/unit/test_html_timeline.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsnn.results.grouping import PASS_ORDER
from simsnn.results.prefix import percent
from simsnn.results.report import Report, TaskRow
from simsnn.sim.trace import INTERVALS, Kind
from simsnn.viz.gantt_rows import Window, boundaries
from simsnn.viz.html.cells import joules
from simsnn.viz.html.element import Markup, data, element, joined
from simsnn.viz.html.trace_file import Slice, TraceTracks, Track
from simsnn.viz.slices import MIXED, draw_slices
from simsnn.viz.style import PASS_NAMES

MOST_BARS = 4_000
"""Of tasks or jobs, and as many again of the trace."""

MOST_LANES = 64
_MOST_LINES = 200
_KINDS = (*PASS_ORDER, "load", "store", "send", "wait", "mixed")
_LINKS, _SHARED = "links", "shared memory"
_TRACE_KINDS = {"stall": "wait", "compute": "mixed"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a lane: kind as in ``_KINDS``, its name, what a reader sees of it."""

    start: int
    end: int
    kind: str
    name: str
    detail: str = ""
    stalled_cycles: int = 0
    bytes: int = 0
    joined: int = 1
    shade: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """A row: its name, a note beside it, its bars by start; thin lanes are those of what goes with another."""

    name: str
    note: str
    bars: tuple[Bar, ...]
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes, the moments that get a line, and what was left out, in words."""

    cycles: int
    clock_hz: int
    lanes: tuple[Lane, ...]
    lines: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What the page's script draws: seven numbers a bar, names and details once."""
        texts: dict[tuple[str, str], int] = {}
        lanes = []
        for lane in self.lanes:
            numbers: list[int] = []
            for bar in lane.bars:
                number = texts.setdefault((bar.name, bar.detail), len(texts))
                kind = _KINDS.index(bar.kind) * 3 + bar.shade
                numbers += [bar.start, bar.end - bar.start, kind, number, bar.stalled_cycles, bar.bytes, bar.joined]
            lanes.append({"name": lane.name, "note": lane.note, "thin": lane.thin, "bars": numbers})
        return {
            "cycles": self.cycles,
            "nsPerCycle": 1e9 / self.clock_hz,
            "kinds": list(_KINDS),
            "texts": [list(text) for text in texts],
            "lanes": lanes,
            "lines": list(self.lines),
        }

    def to_markup(self) -> Markup:
        """Room for the chart with its buttons, its legend, its data; nothing without bars."""
        if not any(lane.bars for lane in self.lanes):
            return Markup()
        attributes = {"class": "chart timeline", "data-source": "timeline-data"}
        keys = (
            "Wheel, buttons or + and - zoom; drag or Shift with an arrow moves; arrows go from bar to bar; 0 shows all."
        )
        return joined(
            element("p", {"class": "note screen"}, keys),
            element("div", attributes),
            element("noscript", {}, "The chart needs scripts; the figures below show the same run."),
            _legend(self),
            (element("p", {"class": "note"}, note) for note in self.notes),
            data("timeline-data", self.to_json()),
        )


def _legend(timeline: Timeline) -> Markup:
    used = {bar.kind for lane in timeline.lanes for bar in lane.bars}
    words = PASS_NAMES | {"load": "loads", "store": "stores", "send": "sends", "wait": "waits", "mixed": "several"}
    entries = [_entry(kind, words[kind]) for kind in _KINDS if kind in used]
    if any(bar.stalled_cycles for lane in timeline.lanes for bar in lane.bars if not lane.thin):
        entries.append(_entry("stalled", "share of a bar in which it stalled, from below"))
    return element("ul", {"class": "legend"}, entries)


def _entry(kind: str, words: str) -> Markup:
    return element("li", {}, element("span", {"class": f"key k-{kind}"}), words)


def run_timeline(report: Report, tracks: TraceTracks | None) -> Timeline:
    """The timeline of a run.

    Parameters
    ----------
    report : Report
        Its tasks or jobs.
    tracks : TraceTracks or None
        What its trace says of channels, links and waits.
    """
    pipelined = report.pipeline is not None
    first = _job_lanes(report) if pipelined else _engine_lanes(report)
    wanted = len(report.tasks) if report.pipeline is None else len(report.pipeline.jobs)
    shown = sum(len(lane.bars) for lane in first)
    notes = []
    if shown < wanted:
        notes.append(
            f"{wanted:,} {'jobs' if pipelined else 'tasks'} are drawn as {shown:,} bars: neighbours are joined."
        )
    lanes = list(first)
    if tracks is not None:
        lanes = _with_tracks(first, tracks.tracks, report)
        if tracks.slices < tracks.intervals:
            what = "Channels, links and waits"
            notes.append(
                f"{what}: {tracks.intervals:,} intervals are drawn as {tracks.slices:,} bars, close ones joined."
            )
    else:
        notes.append("No trace is stored: when engines waited and memories were busy is not shown.")
    if len(lanes) > MOST_LANES:
        notes.append(f"The first {MOST_LANES} of {len(lanes)} lanes; trace.json.gz has all.")
    cycles = max([report.totals.total_cycles, *(bar.end for lane in lanes for bar in lane.bars)])
    return Timeline(cycles, report.clock_hz, tuple(lanes[:MOST_LANES]), _lines(report), tuple(notes))


def _lines(report: Report) -> tuple[int, ...]:
    """Where periods begin, or iterations end."""
    if report.pipeline is None:
        return ()
    found = boundaries(report.pipeline, Window(0, report.pipeline.makespan_cycles))
    return found if len(found) <= _MOST_LINES else ()


def _engine_lanes(report: Report) -> tuple[Lane, ...]:
    names = list(dict.fromkeys(task.array for task in report.tasks))
    kept = _fitting([(names.index(t.array), t.start_cycle, t.end_cycle, 0) for t in report.tasks], MOST_BARS)
    lanes = []
    for number, name in enumerate(names):
        bars = tuple(_task_bar(report.tasks, *entry[1:]) for entry in kept if entry[0] == number)
        own = [task for task in report.tasks if task.array == name]
        worked = sum(task.cycles - task.parts.stall / task.groups for task in own)
        lanes.append(Lane(name, f"{percent(worked / max(report.totals.total_cycles, 1))} busy", bars))
    return tuple(lanes)


def _task_bar(tasks: tuple[TaskRow, ...], start: int, end: int, number: int, together: int) -> Bar:
    if number == MIXED:
        return Bar(start, end, "mixed", "several tasks", joined=together)
    task = tasks[number]
    detail = (
        f"{task.engine} {task.dataflow}".strip()
        + f", {task.chunks} chunks, utilisation {percent(task.utilisation)}, {joules(task.total_energy_pj)},"
        + f" bound by {task.binds.replace('_', ' ')}"
    )
    stalled = round(task.parts.stall / task.groups)
    return Bar(start, end, task.pass_, f"{task.layer} {task.pass_} {task.part}", detail, stalled)


def _job_lanes(report: Report) -> tuple[Lane, ...]:
    assert report.pipeline is not None
    run = report.pipeline
    names = [row.name for row in run.processors]
    order = {name: number for number, name in enumerate(names)}
    kinds = {name: number for number, name in enumerate(dict.fromkeys(job.name for job in run.jobs))}
    rows = [(order[job.processor], job.start_cycle, job.end_cycle, kinds[job.name]) for job in run.jobs]
    bars: dict[int, list[Bar]] = {number: [] for number in range(len(names))}
    for lane, start, end, number, together in _fitting(rows, MOST_BARS):
        if number == MIXED:
            bars[lane].append(Bar(start, end, "mixed", "several jobs", joined=together))
            continue
        job = run.jobs[number]
        batch = f", micro-batch {job.micro_batch}" if run.micro_batches > 1 else ""
        name = f"{job.name} of iteration {job.iteration}{batch}"
        bars[lane].append(Bar(start, end, job.pass_, name, shade=job.iteration % 3))
    shares = [row.busy_share for row in run.processors]
    return tuple(Lane(name, f"{percent(shares[n])} busy", tuple(bars[n])) for n, name in enumerate(names))


Entry = tuple[int, int, int, int, int]
"""Lane, start, end, number of what it shows (``MIXED``: several), how many."""


def _fitting(rows: list[tuple[int, int, int, int]], most: int) -> list[Entry]:
    """Lane, start, end and job of everything as at most so many bars, by lane and start."""
    order = sorted(range(len(rows)), key=lambda number: rows[number][:3])
    if len(rows) <= most:
        return [(*rows[number][:3], number, 1) for number in order]
    intervals = np.zeros(len(rows), INTERVALS)
    for place, number in enumerate(order):
        lane, start, end, _ = rows[number]
        intervals[place] = np.void((start, end, number, 0, lane, int(Kind.COMPUTE), 0), INTERVALS)
    jobs = np.array([row[3] for row in rows], np.int32)
    drawn = draw_slices(intervals, max(most, len({row[0] for row in rows})), jobs).rows
    return [(int(r["resource"]), int(r["start"]), int(r["end"]), int(r["task"]), int(r["joined"])) for r in drawn]


def _with_tracks(lanes: Iterable[Lane], tracks: tuple[Track, ...], report: Report) -> list[Lane]:
    """Lanes with when their engines waited below each, channels behind, then links, busiest first."""
    waits = {track.name: track for track in tracks if track.engine}
    found: list[Lane] = []
    for lane in lanes:
        found.append(lane)
        if lane.name in waits:
            found.append(Lane("waits", "", _bars(waits[lane.name].slices), thin=True))
    others = [track for track in tracks if not track.engine and track.process != _LINKS]
    links = [track for track in tracks if track.process == _LINKS]
    busy = {} if report.pipeline is None else {row.name: row.busy_cycles for row in report.pipeline.links}
    links.sort(key=lambda track: -busy.get(track.name, 0))
    cycles = max(report.totals.total_cycles, 1)
    for track in (*others, *links):
        inside = report.pipeline is not None and track.process not in (_LINKS, _SHARED)
        name = f"{track.process}.{track.name}" if inside else track.name
        worked = busy.get(track.name, track.busy_cycles) if track.process == _LINKS else track.busy_cycles
        note = "" if worked is None else f"{percent(worked / cycles)} busy"
        found.append(Lane(name, note, _bars(track.slices), thin=True))
    return found


def _bars(slices: tuple[Slice, ...]) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            piece.start,
            piece.end,
            _TRACE_KINDS.get(piece.kind, piece.kind),
            piece.name,
            "",
            piece.stalled_cycles,
            piece.bytes,
            piece.joined,
        )
        for piece in slices
    )
