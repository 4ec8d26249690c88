"""Arrows of a Perfetto file: chunk edges, messages over the links, and tasks that wait for whole tasks.

An arrow leaves within the last cycle of the producer's interval (at its end another may begin) and arrives at the
start of the consumer's. One for a message passes through the last stretch in which a link to the consumer carried it
before it was there. Where there are too many, every n-th of each kind is drawn. Proof: ``tests/unit/test_perfetto.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.schedule.graph import Event
from simsnn.sim.trace import Kind, Trace

Json = dict[str, object]
Place = Callable[[int], tuple[int, int]]
"""Process and thread of a resource."""
Leads = Callable[[int, int], bool]
"""Whether a link is known to lead to the processor of an engine."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """Intervals that an arrow joins: positions in the trace, first to last."""

    name: str
    category: str
    rows: tuple[int, ...]


def arrow_events(
    trace: Trace, dependencies: NDArray[np.int32], place: Place, leads: Leads, limit: int
) -> tuple[list[Json], int]:
    """Flow events, and how many arrows they draw.

    Parameters
    ----------
    trace : Trace
        Intervals, chunk edges and messages.
    dependencies : ndarray of int32, shape (n, 2)
        Tasks and the tasks that wait for all of them.
    place : callable
        Process and thread of a resource.
    leads : callable
        Whether a link is known to lead to the processor of an engine, to tell the ways of a multicast apart.
    limit : int
        Most arrows.
    """
    step = max(1, -(-(len(trace.edges) + len(trace.flows) + len(dependencies)) // limit))
    events: list[Json] = []
    count = 0
    arrows = (
        *_chunk_arrows(trace, step),
        *_message_arrows(trace, leads, step),
        *_task_arrows(trace, dependencies[::step]),
    )
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
    """Per task: intervals in which it begins to load or compute, and in which its last result is complete; engine.

    -1 where there is none.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    engine: NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace, tasks: int) -> _Ends:
        """Find them for tasks 0 .. ``tasks`` - 1."""
        rows, kinds = trace.intervals, trace.intervals["kind"]
        computed = kinds == Kind.COMPUTE
        begun = np.flatnonzero((kinds == Kind.LOAD) | computed)
        ended = np.flatnonzero((kinds == Kind.STORE) | computed)
        first, last, engine = (np.full(tasks, -1, np.int64) for _ in range(3))
        begun = begun[np.argsort(-rows["start"][begun], kind="stable")]
        ended = ended[np.argsort(rows["end"][ended], kind="stable")]
        first[rows["task"][begun]] = begun  # of equal indices the last assignment stays
        last[rows["task"][ended]] = ended
        engine[rows["task"][computed]] = rows["resource"][computed]
        return cls(first, last, engine)


def _task_arrows(trace: Trace, dependencies: NDArray[np.int32]) -> Iterator[Arrow]:
    if not len(dependencies):
        return
    ends = _Ends.of(trace, _tasks(trace, int(dependencies.max())))
    for task, to_task in dependencies.tolist():
        if ends.last[task] >= 0 and ends.first[to_task] >= 0:
            yield Arrow("dependency", "dependency", (int(ends.last[task]), int(ends.first[to_task])))


def _message_arrows(trace: Trace, leads: Leads, step: int) -> Iterator[Arrow]:
    flows = trace.flows[::step]
    if not len(flows):
        return
    ends = _Ends.of(trace, _tasks(trace, int(max(flows["task"].max(), flows["to_task"].max()))))
    first_link = trace.engines + trace.channels
    carried = _carried(trace)
    for task, to_task, _, arrived, message in flows.tolist():
        source, target, engine = int(ends.last[task]), int(ends.first[to_task]), int(ends.engine[to_task])
        if source < 0 or target < 0:
            continue
        before = [c for c in carried.get(message, ()) if c.end <= arrived]
        before = [c for c in before if leads(c.resource - first_link, engine)] or before
        yield Arrow("message", "message", (source, *(c.row for c in before[-1:]), target))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Interval ``row`` in which a link carried a message."""

    end: int
    resource: int
    row: int


def _carried(trace: Trace) -> dict[int, list[_Stretch]]:
    """Stretches of every message, by end."""
    rows = trace.intervals
    sends = np.flatnonzero(rows["kind"] == Kind.SEND)
    sends = sends[np.argsort(rows["end"][sends], kind="stable")]
    found: dict[int, list[_Stretch]] = {}
    columns = (rows[name][sends].tolist() for name in ("chunk", "end", "resource"))
    for message, end, resource, row in zip(*columns, sends.tolist(), strict=True):
        found.setdefault(message, []).append(_Stretch(end, resource, row))
    return found


def _tasks(trace: Trace, largest: int) -> int:
    """Number of tasks that must have a place in a table."""
    return 1 + max(largest, int(trace.intervals["task"].max(initial=0)))
