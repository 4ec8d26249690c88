"""Arrows of a Perfetto file: chunk edges, messages over the links, and tasks that wait for whole tasks.

An arrow leaves within the last cycle of the producer's interval (at its end another may begin) and arrives at the
start of the consumer's. One for a message passes through the last stretch in which a link carried it before it was
there. Where there are too many, every n-th of each kind is drawn. Proof: ``tests/unit/test_perfetto.py``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.schedule.graph import Event
from simsnn.sim.trace import Kind, Trace

Json = dict[str, object]
Place = Callable[[int], tuple[int, int]]
"""Process and thread of a resource."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """Intervals that an arrow joins: positions in the trace, first to last."""

    name: str
    category: str
    rows: tuple[int, ...]


def arrow_events(trace: Trace, dependencies: NDArray[np.int32], place: Place, limit: int) -> tuple[list[Json], int]:
    """Flow events, and how many arrows they draw.

    Parameters
    ----------
    trace : Trace
        Intervals, chunk edges and messages.
    dependencies : ndarray of int32, shape (n, 2)
        Tasks and the tasks that wait for all of them.
    place : callable
        Process and thread of a resource.
    limit : int
        Most arrows.
    """
    step = max(1, -(-(len(trace.edges) + len(trace.flows) + len(dependencies)) // limit))
    events: list[Json] = []
    count = 0
    arrows = (*_chunk_arrows(trace, step), *_message_arrows(trace, step), *_task_arrows(trace, dependencies[::step]))
    for count, arrow in enumerate(arrows, start=1):
        for number, row in enumerate(arrow.rows):
            phase = "s" if number == 0 else "f" if number == len(arrow.rows) - 1 else "t"
            interval = trace.intervals[row]
            start, end = int(interval["start"]), int(interval["end"])
            process, thread = place(int(interval["resource"]))
            event: Json = {"name": arrow.name, "cat": arrow.category, "id": count - 1, "ph": phase, "bp": "e"}
            events.append(
                {**event, "ts": max(start, end - 1) if phase == "s" else start, "pid": process, "tid": thread}
            )
    return events, count


Index = dict[tuple[int, int, int], int]


def _chunk_arrows(trace: Trace, step: int) -> Iterator[Arrow]:
    first, last = _interval_index(trace)
    for task, chunk, to_task, to_chunk, event, holds_load in trace.edges[::step].tolist():
        source = last.get((task, chunk, Kind.STORE)) if event == Event.STORED else None
        source = last.get((task, chunk, Kind.COMPUTE)) if source is None else source
        target = first.get((to_task, to_chunk, Kind.LOAD)) if holds_load else None
        target = first.get((to_task, to_chunk, Kind.COMPUTE)) if target is None else target
        if source is not None and target is not None:
            yield Arrow(Event(event).name.lower(), "edge", (source, target))


def _interval_index(trace: Trace) -> tuple[Index, Index]:
    """First and last interval of every (task, chunk, kind), if there is any arrow to draw."""
    first: Index = {}
    last: Index = {}
    if not len(trace.edges):
        return first, last
    rows = trace.intervals
    order = np.argsort(rows["start"], kind="stable")
    keys = zip(rows["task"][order].tolist(), rows["chunk"][order].tolist(), rows["kind"][order].tolist(), strict=True)
    for position, key in zip(order.tolist(), keys, strict=True):
        first.setdefault(key, position)
        last[key] = position
    return first, last


@dataclass(frozen=True, slots=True)
class _Ends:
    """Intervals in which each task begins to load or compute, and in which its last result is complete; -1: none."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace, tasks: int) -> _Ends:
        """Find them for tasks 0 .. ``tasks`` - 1."""
        rows, kinds = trace.intervals, trace.intervals["kind"]
        begun = np.flatnonzero((kinds == Kind.LOAD) | (kinds == Kind.COMPUTE))
        ended = np.flatnonzero((kinds == Kind.STORE) | (kinds == Kind.COMPUTE))
        first, last = np.full(tasks, -1, np.int64), np.full(tasks, -1, np.int64)
        begun = begun[np.argsort(-rows["start"][begun], kind="stable")]
        ended = ended[np.argsort(rows["end"][ended], kind="stable")]
        first[rows["task"][begun]] = begun  # of equal indices the last assignment stays
        last[rows["task"][ended]] = ended
        return cls(first, last)


def _task_arrows(trace: Trace, dependencies: NDArray[np.int32]) -> Iterator[Arrow]:
    if not len(dependencies):
        return
    ends = _Ends.of(trace, _tasks(trace, int(dependencies.max())))
    for task, to_task in dependencies.tolist():
        if ends.last[task] >= 0 and ends.first[to_task] >= 0:
            yield Arrow("dependency", "dependency", (int(ends.last[task]), int(ends.first[to_task])))


def _message_arrows(trace: Trace, step: int) -> Iterator[Arrow]:
    flows = trace.flows[::step]
    if not len(flows):
        return
    ends = _Ends.of(trace, _tasks(trace, int(max(flows["task"].max(), flows["to_task"].max()))))
    carried = _stretches(trace)
    for task, to_task, _, arrived, message in flows.tolist():
        if ends.last[task] < 0 or ends.first[to_task] < 0:
            continue
        times, rows = carried.get(message, ([], []))
        before = bisect_right(times, arrived)
        through = (rows[before - 1],) if before else ()
        yield Arrow("message", "message", (int(ends.last[task]), *through, int(ends.first[to_task])))


def _stretches(trace: Trace) -> dict[int, tuple[list[int], list[int]]]:
    """Per message, ends and positions of the intervals in which links carried it, by end."""
    rows = trace.intervals
    sends = np.flatnonzero(rows["kind"] == Kind.SEND)
    sends = sends[np.argsort(rows["end"][sends], kind="stable")]
    found: dict[int, tuple[list[int], list[int]]] = {}
    for message, end, row in zip(
        rows["chunk"][sends].tolist(), rows["end"][sends].tolist(), sends.tolist(), strict=True
    ):
        times, positions = found.setdefault(message, ([], []))
        times.append(end)
        positions.append(row)
    return found


def _tasks(trace: Trace, largest: int) -> int:
    """Number of tasks that must have a place in a table."""
    return 1 + max(largest, int(trace.intervals["task"].max(initial=0)))
