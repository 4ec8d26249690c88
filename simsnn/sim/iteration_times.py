"""Everything that happens in a run, by iterations: what :mod:`simsnn.sim.steady_state` looks at.

Columns of an iteration, for each of its tasks: start, end, done; every moment of every chunk; the
grant of every transfer (from the trace); sending and arrivals of the messages that the task sends,
and the stretches for which they hold links (from the trace). A column is known by what it shows and
by the *place* of its task in the iteration, so equal jobs of all iterations share it.

The state of the machine is a function of these where no message is under way and, of every link
used so far, the last packets belonged to one message, so that its turn is known: ``quiet``. Without
links that is always so, without a trace never: then grants are missing.

Tests: ``tests/property/test_steady_state.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.schedule.graph import TaskGraph
from simsnn.sim.execution import MOMENTS, Execution
from simsnn.sim.steady_state import ABSENT
from simsnn.sim.trace import Kind, Trace

_FOREVER = np.iinfo(np.int64).max // 2
_TASK, _CHUNK, _GRANT, _MESSAGE, _LINK = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class IterationTimes:
    """Times of a run by iterations.

    Parameters
    ----------
    times : ndarray of int64, shape (iterations, events)
        ABSENT where an iteration has no such event.
    quiet : ndarray of int64, shape (moments, 2)
        Cycles from .. to (exclusive) at which the times show all of the machine's state.
    """

    times: NDArray[np.int64]
    quiet: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Events:
    """Events of one kind, as columns: task, three numbers that tell them apart within the task, time."""

    kind: int
    task: NDArray[np.int64]
    numbers: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    time: NDArray[np.int64]


def iteration_times(
    graph: TaskGraph, execution: Execution, iteration: Sequence[int], place: Sequence[int]
) -> IterationTimes:
    """Order the times of a run by iterations.

    Parameters
    ----------
    graph : TaskGraph
        What ran.
    execution : Execution
        The run; with a trace, or nothing can be proven from it.
    iteration : sequence of int
        Iteration of each task; from 0.
    place : sequence of int
        Which of its iteration's tasks each one is; equal for the same job of all iterations.
    """
    parts = list(_events(graph, execution))
    task = np.concatenate([part.task for part in parts])
    keys = [np.concatenate([np.full(len(part.task), part.kind) for part in parts]), np.asarray(place, np.int64)[task]]
    keys += [np.concatenate([part.numbers[i] for part in parts]) for i in range(3)]
    time = np.concatenate([part.time for part in parts])
    column = _ranks(keys)
    rows = np.asarray(iteration, np.int64)[task]
    times = np.full((int(rows.max(initial=-1)) + 1, int(column.max(initial=-1)) + 1), ABSENT, np.int64)
    times[rows, column] = time
    return IterationTimes(times, _quiet(execution))


def _ranks(keys: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Rank of every row of several keys among the different rows: one number per row, sorted once."""
    found, span = np.zeros(len(keys[0]), np.int64), 1
    for key in keys:
        least = int(key.min(initial=0))
        size = int(key.max(initial=0)) - least + 1
        if span * size > _FOREVER:
            found = np.unique(found, return_inverse=True)[1]
            span = len(found)
        found, span = found * size + (key - least), span * size
    return np.unique(found, return_inverse=True)[1]


def _events(graph: TaskGraph, execution: Execution) -> Iterator[_Events]:
    records = execution.tasks
    ids = np.arange(len(records), dtype=np.int64)
    zero = np.zeros(len(records), np.int64)
    for number, name in enumerate(("start", "end", "done")):
        time = np.array([getattr(record, name) for record in records], np.int64)
        yield _Events(_TASK, ids, (zero + number, zero, zero), time)
    moments = execution.moments
    for number, name in enumerate((MOMENTS.names or ())[2:]):
        task, chunk = moments["task"].astype(np.int64), moments["chunk"].astype(np.int64)
        yield _Events(_CHUNK, task, (chunk, np.full(len(task), number), np.zeros_like(task)), moments[name])
    if graph.messages:
        yield _messages(graph, execution)
    if execution.trace is not None:
        rows = execution.trace.intervals
        carried = (rows["kind"] == Kind.LOAD) | (rows["kind"] == Kind.STORE)
        yield from _intervals(rows[carried], rows["chunk"][carried].astype(np.int64), _GRANT)
        sent = (rows["kind"] == Kind.SEND) & (rows["task"] != ABSENT)
        order = _order_within_task(graph)
        yield from _intervals(rows[sent], order[rows["chunk"][sent]] if len(order) else rows["chunk"][sent], _LINK)


def _order_within_task(graph: TaskGraph) -> NDArray[np.int64]:
    """Of each message, which it is of those that its task sends."""
    seen: dict[int, int] = {}
    order = []
    for message in graph.messages:
        order.append(seen.get(message.after, 0))
        seen[message.after] = order[-1] + 1
    return np.array(order, np.int64)


def _messages(graph: TaskGraph, execution: Execution) -> _Events:
    found = []
    order = _order_within_task(graph).tolist()
    for message, record in zip(graph.messages, execution.messages, strict=True):
        for end, arrived in zip(message.destinations, record.arrived, strict=True):
            # The sending once per destination: one that is left out changes the run from then on.
            found.append((message.after, order[message.id], end, 0, record.sent))
            found.append((message.after, order[message.id], end, 1, arrived))
    task, number, end, moment, time = np.array(found, np.int64).T
    return _Events(_MESSAGE, task, (number, end, moment), time)


def _intervals(rows: NDArray[np.void], number: NDArray[np.int64], kind: int) -> Iterator[_Events]:
    """Starts and ends of a resource's intervals; those alike in task and number are told apart by their order."""
    task = rows["task"].astype(np.int64)
    place = rows["resource"].astype(np.int64) * len(Kind) + rows["kind"]
    order = np.lexsort((rows["start"], place, number, task))
    same = np.ones(len(order), np.bool_)
    for key in (task, number, place):
        same[1:] &= key[order][1:] == key[order][:-1]
    same[:1] = False
    running = np.arange(len(order))
    count = np.empty(len(order), np.int64)
    count[order] = running - np.maximum.accumulate(np.where(same, 0, running))
    for offset, name in enumerate(("start", "end")):
        yield _Events(kind, task, (number, place, 2 * count + offset), rows[name].astype(np.int64))


def _quiet(execution: Execution) -> NDArray[np.int64]:
    """Stretches of time without a message under way, as long as no turn of a link is unknown."""
    if execution.trace is None:
        return np.empty((0, 2), np.int64)
    flights = sorted((record.sent, max(record.arrived)) for record in execution.messages)
    found, free = [], 0
    for sent, arrived in flights:
        if sent > free:
            found.append((free, sent))
        free = max(free, arrived)
    found.append((free, _FOREVER))
    moments = np.array(found, np.int64)
    return moments[_turns_known(execution.trace, moments[:, 0])]


def _turns_known(trace: Trace, times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """At which times the last packets of every link belonged to one message."""
    known = np.ones(len(times), np.bool_)
    sent = trace.intervals[trace.intervals["kind"] == Kind.SEND]
    for link in np.unique(sent["resource"]):
        rows = sent[sent["resource"] == link]
        last = np.searchsorted(rows["start"], times) - 1
        known &= (last < 0) | (rows["task"][last] != ABSENT)
    return known
