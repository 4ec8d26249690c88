"""Trace of a run: one structured array of intervals, edges and messages, and what lives in SRAM.

Resources are numbered: engines first, in the order of the graph, then channels (DRAM, local
memories), then links (directed channels of the interconnect). Each does one thing at a time, so
intervals of one resource never overlap; :meth:`Trace.check` proves it. An engine's intervals are
compute and stall and tile each of its tasks; a channel's are the occupancies of loads and stores,
a link's the stretches in which it carries one message, or several in turn, latency left out.

Tests: ``tests/unit/test_trace.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.errors import ModelDisagreement, TraceError, Where

SCHEMA = "simsnn/intervals/3"
READABLE = ("simsnn/intervals/1", "simsnn/intervals/2", SCHEMA)
"""Version 1 had neither links nor messages, version 2 did not say what enters and leaves SRAM."""

OPERANDS = tuple(OperandClass)
"""Operand classes by the number that stands for them in ``CHANGES``; a file names them in its own order."""

UNKNOWN = -1
"""Number of an operand class that a file does not tell."""


class Kind(IntEnum):
    """What a resource does in an interval."""

    LOAD = 0
    COMPUTE = 1
    STALL = 2
    STORE = 3
    SEND = 4


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
"""Cycles start <= t < end; ``bytes`` is 0 for compute and stall. A SEND belongs to the task whose
result the message carries, and names the message in place of a chunk; both are -1 where several
messages take turns. It may contain pauses for packets that come late: ``LinkUse`` has the busy cycles."""

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

FLOWS = np.dtype([("task", "<i4"), ("to_task", "<i4"), ("sent", "<i8"), ("arrived", "<i8"), ("message", "<i4")])
"""A message edge: ``to_task`` waits for a message sent when ``task`` was done."""

CHANGES = np.dtype([("time", "<i8"), ("sram", "<i2"), ("delta_bytes", "<i8"), ("operand", "i1")])
"""From ``time`` on, an SRAM holds ``delta_bytes`` more of the class ``OPERANDS[operand]``."""


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
    links : int
        Directed channels of the interconnect.
    flows : ndarray of FLOWS, shape (f,)
        Message edges, by receiving task.
    """

    intervals: NDArray[np.void]
    edges: NDArray[np.void]
    changes: NDArray[np.void]
    engines: int
    channels: int
    srams: int
    makespan_cycles: int
    links: int = 0
    flows: NDArray[np.void] = field(default_factory=lambda: np.empty(0, FLOWS))

    @property
    def resources(self) -> int:
        """Engines, channels and links together."""
        return self.engines + self.channels + self.links

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
        kinds = (Kind.LOAD, Kind.COMPUTE, Kind.STORE, Kind.SEND)
        return sum((self.cycles(kind) for kind in kinds), np.zeros(self.resources, np.int64))

    def live_bytes(self, sram: int | None = None, operand: OperandClass | None = None) -> Counter:
        """Bytes in one SRAM, or in all of them together, that transfers have brought or will take.

        Parameters
        ----------
        sram : int or None
            Which one; all of them without.
        operand : OperandClass or None
            Which class; all of them without, also what an older file does not name.
        """
        rows = self.changes if sram is None else self.changes[self.changes["sram"] == sram]
        if operand is not None:
            rows = rows[rows["operand"] == OPERANDS.index(operand)]
        return Counter.of(rows["time"], rows["delta_bytes"])

    def save(self, path: Path) -> None:
        """Write as npz, without pickled objects."""
        meta = {
            "schema": SCHEMA,
            "engines": self.engines,
            "channels": self.channels,
            "srams": self.srams,
            "makespan_cycles": self.makespan_cycles,
            "links": self.links,
            "operands": [operand.value for operand in OPERANDS],
        }
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                meta=np.array(json.dumps(meta, sort_keys=True)),
                intervals=self.intervals,
                edges=self.edges,
                changes=self.changes,
                flows=self.flows,
            )

    @classmethod
    def load(cls, path: Path) -> Trace:
        """Read what ``save`` wrote, in this version or an earlier one.

        Raises
        ------
        TraceError
            If the file holds something else.
        """
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"])) if "meta" in file else {}
            if meta.get("schema") not in READABLE:
                raise TraceError(
                    "this is no interval trace",
                    where=Where("schema", file=str(path)),
                    value=meta.get("schema"),
                    allowed=READABLE,
                )
            counts = (meta["engines"], meta["channels"], meta["srams"], meta["makespan_cycles"])
            flows = file["flows"] if "flows" in file else np.empty(0, FLOWS)
            changes = _named(file["changes"], tuple(meta.get("operands", ())))
            return cls(file["intervals"], file["edges"], changes, *counts, meta.get("links", 0), flows)


def _named(changes: NDArray[np.void], operands: tuple[str, ...]) -> NDArray[np.void]:
    """Changes of a file with the numbers of this version's operand classes; ``UNKNOWN`` where it tells none."""
    known = {operand.value: number for number, operand in enumerate(OPERANDS)}
    numbers = np.full(256, UNKNOWN, np.int8)  # as many as a number of a class can be, UNKNOWN (the last) among them
    numbers[: len(operands)] = [known.get(name, UNKNOWN) for name in operands]
    named = np.empty(len(changes), CHANGES)
    for name in ("time", "sram", "delta_bytes"):
        named[name] = changes[name]
    told = "operand" in (changes.dtype.names or ())
    named["operand"] = numbers[changes["operand"]] if told else UNKNOWN
    return named


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
