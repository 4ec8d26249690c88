"""Trace of a run: one structured array of intervals, the chunk edges, and what lives in SRAM.

Resources are numbered: engines first, in the order of the graph, then channels (DRAM, links).
Each does one thing at a time, so intervals of one resource never overlap; :meth:`Trace.check`
proves it. An engine's intervals are compute and stall and tile each of its tasks; a channel's are
the occupancies of loads and stores, latency left out.

Tests: ``tests/unit/test_trace.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ModelDisagreement, TraceError, Where
from simsnn.schedule.graph import TaskGraph

SCHEMA = "simsnn/intervals/1"


class Kind(IntEnum):
    """What a resource does in an interval."""

    LOAD = 0
    COMPUTE = 1
    STALL = 2
    STORE = 3


INTERVALS = np.dtype(
    [
        ("start", "<i8"),
        ("end", "<i8"),
        ("task", "<i4"),
        ("chunk", "<i4"),
        ("resource", "<i2"),
        ("kind", "i1"),
        ("bytes", "<i8"),
    ]
)
"""Cycles start <= t < end; ``bytes`` is 0 for compute and stall."""

EDGES = np.dtype(
    [
        ("task", "<i4"),
        ("chunk", "<i4"),
        ("to_task", "<i4"),
        ("to_chunk", "<i4"),
        ("event", "i1"),
        ("holds_load", "i1"),
    ]
)
"""A chunk edge: the loads (or else the compute) of (to_task, to_chunk) wait for ``event`` of (task, chunk)."""

CHANGES = np.dtype([("time", "<i8"), ("sram", "<i2"), ("delta_bytes", "<i8")])
"""From ``time`` on, an SRAM holds ``delta_bytes`` more."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A step function of time: ``values[i]`` holds from ``times[i]`` to ``times[i + 1]``.

    Parameters
    ----------
    times, values : ndarray of int64, shape (steps,)
        Times strictly increasing, in cycles.
    """

    times: NDArray[np.int64]
    values: NDArray[np.int64]

    @classmethod
    def of(cls, times: NDArray[np.int64], deltas: NDArray[np.int64]) -> Counter:
        """Add up changes, of which any number may fall on one time."""
        unique, inverse = np.unique(times, return_inverse=True)
        sums = np.zeros(len(unique), np.int64)
        np.add.at(sums, inverse, deltas)
        return cls(unique.astype(np.int64), np.cumsum(sums))

    @property
    def peak(self) -> int:
        """Largest value; 0 for an empty counter."""
        return int(self.values.max(initial=0))


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything a run did, in cycles.

    Parameters
    ----------
    intervals : ndarray of INTERVALS, shape (n,)
        Sorted by resource and start.
    edges : ndarray of EDGES, shape (e,)
        Chunk edges of the graph.
    changes : ndarray of CHANGES, shape (c,)
        When what is loaded or stored enters and leaves SRAM.
    engines, channels, srams : int
        How many there are.
    makespan_cycles : int
        End of the run.
    """

    intervals: NDArray[np.void]
    edges: NDArray[np.void]
    changes: NDArray[np.void]
    engines: int
    channels: int
    srams: int
    makespan_cycles: int

    @property
    def resources(self) -> int:
        """Engines and channels together."""
        return self.engines + self.channels

    def check(self) -> None:
        """Check that no resource does two things at once.

        Raises
        ------
        ModelDisagreement
            Naming the first two intervals that overlap.
        """
        rows = self.intervals
        same = rows["resource"][1:] == rows["resource"][:-1]
        overlap = np.flatnonzero(same & (rows["start"][1:] < rows["end"][:-1]))
        if len(overlap):
            first, second = rows[overlap[0]], rows[overlap[0] + 1]
            raise ModelDisagreement(
                f"resource {first['resource']} runs chunk {first['chunk']} of task {first['task']} until cycle"
                f" {first['end']} and chunk {second['chunk']} of task {second['task']} from cycle {second['start']}"
            )

    def cycles(self, kind: Kind) -> NDArray[np.int64]:
        """Cycles of one kind per resource, int64, shape (resources,)."""
        rows = self.intervals[self.intervals["kind"] == kind]
        total = np.zeros(self.resources, np.int64)
        np.add.at(total, rows["resource"], rows["end"] - rows["start"])
        return total

    def busy(self) -> NDArray[np.int64]:
        """Cycles that each resource worked (all but stalls), int64, shape (resources,)."""
        return self.cycles(Kind.LOAD) + self.cycles(Kind.COMPUTE) + self.cycles(Kind.STORE)

    def live_bytes(self, sram: int | None = None) -> Counter:
        """Bytes in one SRAM, or in all of them together, that transfers have brought or will take."""
        rows = self.changes if sram is None else self.changes[self.changes["sram"] == sram]
        return Counter.of(rows["time"], rows["delta_bytes"])

    def save(self, path: Path) -> None:
        """Write as npz, without pickled objects."""
        meta = {
            "schema": SCHEMA,
            "engines": self.engines,
            "channels": self.channels,
            "srams": self.srams,
            "makespan_cycles": self.makespan_cycles,
        }
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                meta=np.array(json.dumps(meta, sort_keys=True)),
                intervals=self.intervals,
                edges=self.edges,
                changes=self.changes,
            )

    @classmethod
    def load(cls, path: Path) -> Trace:
        """Read what ``save`` wrote.

        Raises
        ------
        TraceError
            If the file holds something else.
        """
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"])) if "meta" in file else {}
            if meta.get("schema") != SCHEMA:
                raise TraceError(
                    "this is no interval trace",
                    where=Where("schema", file=str(path)),
                    value=meta.get("schema"),
                    allowed=(SCHEMA,),
                )
            counts = (meta["engines"], meta["channels"], meta["srams"], meta["makespan_cycles"])
            return cls(file["intervals"], file["edges"], file["changes"], *counts)


def merge_equal(intervals: NDArray[np.void]) -> NDArray[np.void]:
    """Join neighbours of one resource that touch and do the same for the same task.

    Parameters
    ----------
    intervals : ndarray of INTERVALS, shape (n,)
        Sorted by resource and start.

    Returns
    -------
    ndarray of INTERVALS, shape (m,), m <= n
        Each with the first chunk and the sum of the bytes of what it joins; cycles of every
        (resource, task, kind) are unchanged.
    """
    if not len(intervals):
        return intervals.copy()
    before, after = intervals[:-1], intervals[1:]
    new = after["start"] != before["end"]
    for name in ("resource", "task", "kind"):
        new |= after[name] != before[name]
    heads = np.concatenate(([0], np.flatnonzero(new) + 1))
    merged = intervals[heads]
    merged["end"] = intervals["end"][np.concatenate((heads[1:], [len(intervals)])) - 1]
    merged["bytes"] = np.add.reduceat(intervals["bytes"], heads)
    return merged


def build_trace(
    graph: TaskGraph,
    channels: int,
    fields: list[int],
    moments: NDArray[np.void],
    makespan_cycles: int,
) -> Trace:
    """Trace of a finished run.

    Parameters
    ----------
    graph : TaskGraph
        What ran.
    channels : int
        Number of channels.
    fields : list of int
        Fields of INTERVALS, row after row, rows in any order.
    moments : ndarray of MOMENTS, shape (chunks,)
        Moments of all chunks, by task and chunk.
    makespan_cycles : int
        End of the run.
    """
    columns = np.array(fields, np.int64).reshape(-1, len(INTERVALS.names or ())).T
    rows = np.empty(columns.shape[1], INTERVALS)
    for name, column in zip(INTERVALS.names or (), columns, strict=True):
        rows[name] = column
    rows = rows[np.lexsort((rows["end"], rows["start"], rows["resource"]))]
    edges = [
        (e.task, e.chunk, task.id, chunk, e.event, holds_load)
        for task in graph.tasks
        for chunk, c in enumerate(task.chunks)
        for group, holds_load in ((c.load_after, 1), (c.compute_after, 0))
        for e in group
    ]
    counts = (len(graph.engines), channels, len(graph.srams), makespan_cycles)
    return Trace(rows, np.array(edges, EDGES), _changes(graph, moments), *counts)


def _changes(graph: TaskGraph, moments: NDArray[np.void]) -> NDArray[np.void]:
    """Loads hold SRAM from admitted to issue_end, stores from ready to stored."""
    chunks = [chunk for task in graph.tasks for chunk in task.chunks]
    loads = [value for n, c in enumerate(chunks) for t in c.loads for value in (n, t.sram, t.bytes)]
    stores = [value for n, c in enumerate(chunks) for t in c.stores for value in (n, t.sram, t.bytes)]
    parts = []
    for values, begin, end in ((loads, "admitted", "issue_end"), (stores, "ready", "stored")):
        number, sram, size = np.array(values, np.int64).reshape(-1, 3).T
        for moment, sign in ((begin, 1), (end, -1)):
            part = np.empty(len(number), CHANGES)
            part["time"], part["sram"], part["delta_bytes"] = moments[moment][number], sram, sign * size
            parts.append(part)
    changes = np.concatenate(parts)
    return changes[np.argsort(changes["time"], kind="stable")]
