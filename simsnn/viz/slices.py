"""Intervals of a trace as slices to draw: joined step by step until they are few enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.sim.trace import INTERVALS, Kind, merge_equal

MIXED = -1
"""Kind of a slice that joins several kinds, and task of one that joins several tasks."""

SLICES = np.dtype([*((name, INTERVALS[name]) for name in INTERVALS.names or ()), ("joined", "<i8"), ("stalled", "<i8")])
"""An interval; ``joined`` trace intervals lie in it, ``stalled`` cycles of it are stalls."""


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


def draw_slices(intervals: NDArray[np.void], limit: int) -> Slices:
    """At most ``limit`` slices that cover the intervals.

    Parameters
    ----------
    intervals : ndarray of INTERVALS, shape (n,)
        Sorted by resource and start, as in a trace.
    limit : int
        At least the number of resources.

    Raises
    ------
    ValueError
        If even one slice per resource is too many.
    """
    rows = _slices(intervals)
    if len(rows) <= limit:
        return Slices(rows, "every interval is shown")
    rows = _join(rows, _heads_of_equal(intervals))
    if len(rows) <= limit:
        return Slices(rows, "touching intervals of one kind, task and resource are joined")
    gap, span = 0, int(intervals["end"].max())
    while True:
        rows = _join(rows, _heads(rows, gap))
        if len(rows) <= limit:
            return Slices(rows, f"intervals of one resource less than {gap + 1} cycles apart are joined")
        if gap > span:
            raise ValueError(f"{len(rows)} resources do not fit into {limit} slices")
        gap = 2 * gap + 1


def _slices(intervals: NDArray[np.void]) -> NDArray[np.void]:
    rows = np.zeros(len(intervals), SLICES)
    for name in INTERVALS.names or ():
        rows[name] = intervals[name]
    rows["joined"] = 1
    rows["stalled"] = np.where(intervals["kind"] == Kind.STALL, intervals["end"] - intervals["start"], 0)
    return rows


def _heads_of_equal(intervals: NDArray[np.void]) -> NDArray[np.intp]:
    """First interval of each run that ``merge_equal`` joins."""
    marked = intervals.copy()
    marked["bytes"] = 1
    lengths = merge_equal(marked)["bytes"]
    return np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.intp)


def _heads(rows: NDArray[np.void], gap: int) -> NDArray[np.intp]:
    new = rows["resource"][1:] != rows["resource"][:-1]
    new |= rows["start"][1:] - rows["end"][:-1] > gap
    return np.concatenate(([0], np.flatnonzero(new) + 1))


def _join(rows: NDArray[np.void], heads: NDArray[np.intp]) -> NDArray[np.void]:
    joined = rows[heads]
    joined["end"] = np.maximum.reduceat(rows["end"], heads)
    for name in ("bytes", "joined", "stalled"):
        joined[name] = np.add.reduceat(rows[name], heads)
    for name in ("task", "kind"):
        same = np.minimum.reduceat(rows[name], heads) == np.maximum.reduceat(rows[name], heads)
        joined[name] = np.where(same, joined[name], MIXED)
    return joined
