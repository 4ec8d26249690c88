"""Intervals of a trace as slices to draw: joined step by step until they are few enough.

The track with most slices is joined first, so that tracks of few long tasks stay as they are beside busy memories.
Each track is joined within one task until that is used up, then within one job (what its tasks are called after),
and only then across jobs; stalls count as pauses, so a long one stays a slice of its own for as long as it can.

Tests: ``tests/unit/test_slices.py``, ``tests/unit/test_perfetto.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import NDArray

from simsnn.sim.trace import INTERVALS, Kind, merge_equal

MIXED = -1
"""Kind of a slice that joins several kinds, task, job or message of one that joins several of them."""

SLICES = np.dtype(
    [
        *((name, INTERVALS[name]) for name in INTERVALS.names or ()),
        ("joined", "<i8"),
        ("stalled", "<i8"),
        ("job", "<i4"),
        ("message", "<i4"),
    ]
)
"""An interval; ``joined`` trace intervals lie in it, ``stalled`` of its cycles are stalls, a link sends ``message``."""


@dataclass(frozen=True, slots=True)
class Slices:
    """Slices and how they were joined, in words.

    Parameters
    ----------
    rows : ndarray of SLICES, shape (n,)
        Sorted by resource and start; slices of one resource do not overlap.
    joining : str
        What was done, for the reader of the file.
    """

    rows: NDArray[np.void]
    joining: str


class Within(IntEnum):
    """What the slices that are joined have in common, beside the resource."""

    KIND = 0
    TASK = 1
    JOB = 2
    RESOURCE = 3


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One step of joining: up to ``gap`` cycles apart."""

    within: Within
    gap: int = 0

    @property
    def text(self) -> str:
        """What is joined."""
        if self.within is Within.KIND:
            return "touching intervals of one kind, task and resource are joined"
        what = {Within.TASK: "task", Within.JOB: "layer, pass and iteration", Within.RESOURCE: "resource"}
        return f"intervals of one {what[self.within]} less than {self.gap + 1} cycles apart are joined"

    def join(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """Join slices of one resource."""
        return _join(rows, _heads_of_equal(rows) if self.within is Within.KIND else self._heads(rows))

    def _heads(self, rows: NDArray[np.void]) -> NDArray[np.intp]:
        """First slice of each run; a stall longer than the gap parts what lies around it."""
        pause = np.where(rows["kind"] == Kind.STALL, rows["end"] - rows["start"], 0) > self.gap
        new = (rows["start"][1:] - rows["end"][:-1] > self.gap) | pause[1:] | pause[:-1]
        same = {Within.TASK: ("task", "message"), Within.JOB: ("job",)}.get(self.within, ())
        for name in same:
            new |= rows[name][1:] != rows[name][:-1]
        return np.concatenate(([0], np.flatnonzero(new) + 1))


def draw_slices(intervals: NDArray[np.void], limit: int, jobs: NDArray[np.int32] | None = None) -> Slices:
    """At most ``limit`` slices that cover the intervals.

    Parameters
    ----------
    intervals : ndarray of INTERVALS, shape (n,)
        Sorted by resource and start, as in a trace.
    limit : int
        At least the number of resources.
    jobs : ndarray of int32, shape (tasks,), optional
        Job of every task; without it every task is one.

    Raises
    ------
    ValueError
        If even one slice per resource is too many.
    """
    rows = _slices(intervals, jobs)
    if len(rows) <= limit:
        return Slices(rows, "every interval is shown")
    tracks = np.split(rows, np.flatnonzero(np.diff(rows["resource"])) + 1)
    if len(tracks) > limit:
        raise ValueError(f"{len(tracks)} resources do not fit into {limit} slices")
    steps, done, total = _steps(int(intervals["end"].max())), [0] * len(tracks), len(rows)
    order = [(-len(track), number) for number, track in enumerate(tracks)]
    heapify(order)
    while total > limit:
        number = order[0][1]
        joined = steps[done[number]].join(tracks[number])
        total -= len(tracks[number]) - len(joined)
        tracks[number] = joined
        done[number] += 1
        heapreplace(order, (-len(joined), number))
    last = max(max(done), 1) - 1
    return Slices(np.concatenate(tracks), f"tracks with most intervals are joined: at most, {steps[last].text}")


def _steps(span: int) -> tuple[Step, ...]:
    """All steps, finest first; the last leaves one slice."""
    gaps = [0]
    while gaps[-1] <= span:
        gaps.append(2 * gaps[-1] + 1)
    levels = (Within.TASK, Within.JOB, Within.RESOURCE)
    return (Step(Within.KIND), *(Step(within, gap) for within in levels for gap in gaps))


def _slices(intervals: NDArray[np.void], jobs: NDArray[np.int32] | None) -> NDArray[np.void]:
    rows = np.zeros(len(intervals), SLICES)
    for name in INTERVALS.names or ():
        rows[name] = intervals[name]
    rows["joined"] = 1
    rows["stalled"] = np.where(intervals["kind"] == Kind.STALL, intervals["end"] - intervals["start"], 0)
    task = intervals["task"]
    rows["job"] = task if jobs is None else np.where(task == MIXED, MIXED, jobs[task])
    rows["message"] = np.where(intervals["kind"] == Kind.SEND, intervals["chunk"], MIXED)
    return rows


def _heads_of_equal(rows: NDArray[np.void]) -> NDArray[np.intp]:
    """First slice of each run that ``merge_equal`` joins; what different messages carry stays apart."""
    marked = np.zeros(len(rows), INTERVALS)
    for name in INTERVALS.names or ():
        marked[name] = rows[name]
    marked["bytes"] = 1
    sends = rows["message"] != MIXED
    marked["task"] = np.where(sends, rows["message"], rows["task"])
    lengths = merge_equal(marked)["bytes"]
    return np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.intp)


def _join(rows: NDArray[np.void], heads: NDArray[np.intp]) -> NDArray[np.void]:
    joined = rows[heads]
    joined["end"] = np.maximum.reduceat(rows["end"], heads)
    for name in ("bytes", "joined", "stalled"):
        joined[name] = np.add.reduceat(rows[name], heads)
    for name in ("task", "job", "message", "kind"):
        same = np.minimum.reduceat(rows[name], heads) == np.maximum.reduceat(rows[name], heads)
        joined[name] = np.where(same, joined[name], MIXED)
    worked = np.isin(rows["kind"], (Kind.COMPUTE, Kind.STALL))
    engine = np.logical_and.reduceat(worked, heads)
    # Work with the stalls inside it is work: ``stalled`` says how much of it is not.
    joined["kind"] = np.where(engine & (joined["kind"] == MIXED), Kind.COMPUTE, joined["kind"])
    return joined
