"""Slices of a stored ``trace.json.gz`` for the timeline of a page: busy channels and links, waits of engines.

The file is what Perfetto opens (:mod:`simsnn.viz.perfetto`); here its slices are read again and joined further, the
track with most first, until they are few enough for a page. Tests: ``tests/unit/test_html_timeline.py``.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import TraceError, Where
from simsnn.sim.trace import INTERVALS, Kind
from simsnn.viz.slices import MIXED, draw_slices

_KINDS = {kind.name.lower(): int(kind) for kind in Kind} | {"mixed": MIXED}
_CATEGORIES = {number: name for name, number in _KINDS.items()}
_WORK = (int(Kind.COMPUTE), int(Kind.STALL))
_STALL = "stall: "


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of one track; ``stalled_cycles`` of it are stalls, ``joined`` intervals of the trace lie in it."""

    start: int
    end: int
    kind: str
    name: str
    stalled_cycles: int
    bytes: int
    joined: int


@dataclass(frozen=True, slots=True)
class Track:
    """One engine, channel or link: ``process`` is where it belongs, ``engine`` whether it computes."""

    name: str
    process: str
    engine: bool
    slices: tuple[Slice, ...]
    busy_cycles: int | None
    """Cycles in which it was busy; None where the file has joined intervals and so hides their pauses."""


@dataclass(frozen=True, slots=True)
class TraceTracks:
    """Tracks of a trace, and how many of its intervals their slices show."""

    tracks: tuple[Track, ...]
    intervals: int

    @property
    def slices(self) -> int:
        """Slices of all tracks."""
        return sum(len(track.slices) for track in self.tracks)


def read_tracks(path: Path, most_slices: int, pipelined: bool) -> TraceTracks:
    """Tracks of a stored trace.

    Parameters
    ----------
    path : Path
        ``trace.json.gz`` of a run folder.
    most_slices : int
        Of all tracks together.
    pipelined : bool
        Whether engines are left out, their work being shown by jobs; else only their waits are read.

    Raises
    ------
    TraceError
        If it is no such file.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        return _tracks(events, most_slices, pipelined)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        remedy = "run the experiment again, or remove the file to do without it"
        raise TraceError(f"not a trace of a run ({reason})", where=Where(file=str(path)), remedy=remedy) from None


def _tracks(events: list[dict[str, Any]], most: int, pipelined: bool) -> TraceTracks:
    names = {event["tid"]: event["args"]["name"] for event in events if event.get("name") == "thread_name"}
    processes = {event["pid"]: event["args"]["name"] for event in events if event.get("name") == "process_name"}
    owners = {event["tid"]: event["pid"] for event in events if event.get("name") == "thread_name"}
    found = [event for event in events if event["ph"] == "X"]
    rows, labels, counts = _rows(found)
    engines = {int(tid) for tid in np.unique(rows["resource"][np.isin(rows["kind"], _WORK)])}
    wanted = ~np.isin(rows["resource"], list(engines))
    if not pipelined:
        wanted |= rows["kind"] == Kind.STALL
    rows, counts = rows[wanted], counts[wanted]
    if not len(rows):
        return TraceTracks((), 0)
    drawn = draw_slices(rows, max(most, len(np.unique(rows["resource"])))).rows
    inside = _sums(drawn, rows, counts)
    tracks = []
    for tid in np.unique(drawn["resource"]).tolist():
        here = drawn["resource"] == tid
        slices = tuple(map(_slice, drawn[here].tolist(), inside[here].tolist(), [labels] * int(here.sum())))
        own = rows["resource"] == tid
        exact = bool((counts[own, 1] == 1).all())
        busy = int((rows["end"][own] - rows["start"][own]).sum()) if exact else None
        tracks.append(Track(names[tid], processes[owners[tid]], tid in engines, slices, busy))
    return TraceTracks(tuple(tracks), int(counts[:, 1].sum()))


def _rows(events: list[dict[str, Any]]) -> tuple[NDArray[np.void], list[str], NDArray[np.int64]]:
    """Intervals, the names of their tasks, and per interval stalled cycles and intervals joined before."""
    numbers: dict[str, int] = {}
    rows, counts = np.zeros(len(events), INTERVALS), np.zeros((len(events), 2), np.int64)
    for place, event in enumerate(events):
        name, start, args = event["name"].removeprefix(_STALL), event["ts"], event["args"]
        row = rows[place]
        row["start"], row["end"], row["resource"] = start, start + event["dur"], event["tid"]
        row["task"] = numbers.setdefault(name, len(numbers))
        row["kind"], row["bytes"] = _KINDS[event["cat"]], args["bytes"]
        counts[place] = args["stalled_cycles"], args["joined"]
    order = np.lexsort((rows["start"], rows["resource"]))
    return rows[order], list(numbers), counts[order]


def _sums(drawn: NDArray[np.void], rows: NDArray[np.void], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the intervals of every slice add up to, int64, shape (slices, 2)."""
    span = int(max(rows["end"].max(), drawn["end"].max())) + 1
    keys = drawn["resource"].astype(np.int64) * span + drawn["start"]
    place = np.searchsorted(keys, rows["resource"].astype(np.int64) * span + rows["start"], side="right") - 1
    found = np.zeros((len(drawn), 2), np.int64)
    np.add.at(found, place, counts)
    return found


def _slice(row: tuple[Any, ...], inside: list[int], labels: list[str]) -> Slice:
    start, end, task, _, _, kind, size = row[:7]
    name = "several tasks" if task == MIXED else labels[task]
    return Slice(start, end, _CATEGORIES[kind], name, inside[0], size, inside[1])
