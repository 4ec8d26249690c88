"""Puts the trace of a finished run together.

Tests: ``tests/unit/test_trace.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simsnn.schedule.graph import TaskGraph
from simsnn.sim.trace import CHANGES, EDGES, FLOWS, INTERVALS, Trace

if TYPE_CHECKING:
    from simsnn.sim.execution import MessageRecord
    from simsnn.sim.program import Program


@dataclass(frozen=True, slots=True)
class TraceCounts:
    """How many engines, channels, links and SRAMs a trace shows."""

    engines: int
    channels: int
    links: int
    srams: int


def interval_rows(fields: list[int]) -> NDArray[np.void]:
    """Fields of INTERVALS, row after row, as an array of them."""
    columns = np.array(fields, np.int64).reshape(-1, len(INTERVALS.names or ())).T
    rows = np.empty(columns.shape[1], INTERVALS)
    for name, column in zip(INTERVALS.names or (), columns, strict=True):
        rows[name] = column
    return rows


def build_trace(
    program: Program,
    counts: TraceCounts,
    rows: NDArray[np.void],
    moments: NDArray[np.void],
    flows: NDArray[np.void],
    makespan_cycles: int,
) -> Trace:
    """Trace of a finished run.

    Parameters
    ----------
    program : Program
        What ran.
    counts : TraceCounts
        Number of each resource.
    rows : ndarray of INTERVALS, shape (n,)
        In any order.
    moments : ndarray of MOMENTS, shape (chunks,)
        Moments of all chunks, by task and chunk.
    flows : ndarray of FLOWS, shape (f,)
        Message edges.
    makespan_cycles : int
        End of the run.
    """
    rows = rows[np.lexsort((rows["end"], rows["start"], rows["resource"]))]
    edges = [
        (e.task, e.chunk, task.id, chunk, e.event, holds_load)
        for task in program.graph.tasks
        for chunk, c in enumerate(task.chunks)
        for group, holds_load in ((c.load_after, 1), (c.compute_after, 0))
        for e in group
    ]
    return Trace(
        rows,
        np.array(edges, EDGES),
        _changes(program, moments),
        counts.engines,
        counts.channels,
        counts.srams,
        makespan_cycles,
        counts.links,
        flows,
    )


def message_flows(graph: TaskGraph, messages: tuple[MessageRecord, ...]) -> NDArray[np.void]:
    """Message edges of a finished run, ndarray of FLOWS, by receiving task."""
    found = []
    for task in graph.tasks:
        for arrival in task.receives:
            message, record = graph.messages[arrival.message], messages[arrival.message]
            arrived = record.arrived[message.destinations.index(arrival.processor)]
            found.append((message.after, task.id, record.sent, arrived, message.id))
    return np.array(found, FLOWS)


def _changes(program: Program, moments: NDArray[np.void]) -> NDArray[np.void]:
    """Loads hold SRAM from admitted to issue_end, stores from ready to stored."""
    parts = []
    for moved, begin, end in ((program.loaded, "admitted", "issue_end"), (program.stored, "ready", "stored")):
        for moment, sign in ((begin, 1), (end, -1)):
            part = np.empty(len(moved), CHANGES)
            part["time"], part["sram"] = moments[moment][moved["number"]], moved["sram"]
            part["delta_bytes"], part["operand"] = sign * moved["bytes"], moved["operand"]
            parts.append(part)
    changes = np.concatenate(parts)
    return changes[np.argsort(changes["time"], kind="stable")]
