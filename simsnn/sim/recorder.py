"""Collects what a run does: moments of every chunk, uses of channels and links, trace intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simsnn.sim.execution import MOMENTS, ChannelUse, Execution, LinkUse, MessageRecord, TaskRecord
from simsnn.sim.program import Program
from simsnn.sim.task_run import TaskRun
from simsnn.sim.trace import INTERVALS, Kind, Trace
from simsnn.sim.trace_build import TraceCounts, build_trace, interval_rows, message_flows
from simsnn.sim.wait import Wait

_LOAD, _COMPUTE, _STALL, _STORE, _SEND = (int(kind) for kind in Kind)

Stretch = tuple[int, int, int, int, int]
"""Stretch of use of a link: (link, start, end, message or -1 where several take turns, bytes)."""


class Recorder:
    """What a run did so far.

    Parameters
    ----------
    program : Program
        What runs.
    trace : bool
        Whether to keep intervals. Engines are resources 0.., channels follow, then links.
    """

    __slots__ = ("_engines", "_grants", "_issue_end", "_program", "_result_end", "_rows", "_shown", "_tracing")

    def __init__(self, program: Program, trace: bool) -> None:
        self._program = program
        self._tracing = trace
        self._engines = len(program.graph.engines)
        # Fields of INTERVALS one after another: no object per interval.
        self._rows: list[int] = []
        # Start, end, chunk number, channel, whether it is a store, bytes of each transfer.
        self._grants: list[int] = []
        self._issue_end = [0] * len(program.task)
        self._result_end = [0] * len(program.task)
        # Per task: end of the last interval, stalled and frozen cycles shown so far.
        self._shown: list[tuple[int, int, int] | None] = [None] * len(program.first)

    def transfer(self, channel: int, requester: int, number: int, size_bytes: int, start: int, end: int) -> None:
        """A channel is occupied from ``start`` to ``end``; latency is not part of the interval."""
        if self._tracing:
            self._grants += (start, end, number, channel, requester & 1, size_bytes)

    def computed(self, number: int, run: TaskRun, issue_end: int, result_end: int) -> None:
        """A chunk was computed; its engine's time since the chunk before it is shown as follows.

        First the stall, then the compute up to issue_end, frozen edges (a stall) last; the drain
        of the last chunk is compute. So a task's intervals tile its time without gap or overlap.
        """
        self._issue_end[number] = issue_end
        self._result_end[number] = result_end
        if not self._tracing:
            return
        program, task = self._program, run.task.id
        last = program.is_last(number)
        if last:
            issue_end = min(issue_end, run.end)
        begin, stalled, frozen = self._shown[task] or (run.origin, 0, 0)
        self._shown[task] = (issue_end, run.stall_cycles, run.frozen_cycles)
        place = (task, program.chunk[number], program.engine[number])
        work_end = issue_end - (run.frozen_cycles - frozen)
        stall_end = min(begin + run.stall_cycles - stalled, work_end)
        if stall_end > begin:
            self._rows += (begin, stall_end, *place, _STALL, 0)
        if work_end > stall_end:
            self._rows += (stall_end, work_end, *place, _COMPUTE, 0)
        if issue_end > work_end:
            self._rows += (work_end, issue_end, *place, _STALL, 0)
        if last and run.end > issue_end:
            self._rows += (issue_end, run.end, *place, _COMPUTE, 0)

    def moment(self, number: int, issue_end: int, result_end: int) -> None:
        """Note when a chunk was computed, without an interval."""
        self._issue_end[number] = issue_end
        self._result_end[number] = result_end

    def finish(
        self,
        waits: list[Wait],
        stored: list[int],
        records: tuple[TaskRecord, ...],
        messages: tuple[MessageRecord, ...],
        links: tuple[LinkUse, ...],
        stretches: Iterable[Stretch] = (),
    ) -> Execution:
        """Close the run; ``stretches`` of one link do not overlap."""
        program = self._program
        moments = np.zeros(len(program.task), MOMENTS)
        origin = np.array([record.start for record in records], np.int64)
        moments["task"], moments["chunk"] = program.task, program.chunk
        moments["admitted"] = [wait.admitted for wait in waits]
        moments["loaded"] = [wait.load for wait in waits]
        moments["ready"] = np.maximum([wait.ready for wait in waits], origin[moments["task"]])
        moments["issue_end"], moments["result_end"] = self._issue_end, self._result_end
        moments["stored"] = stored
        busy = [0] * self._engines
        for task, record in zip(program.graph.tasks, records, strict=True):
            busy[task.engine] += record.end - record.start - record.cycles.stall // record.cycles.groups
        makespan = max((record.done for record in records), default=0)
        makespan = max([makespan, *(time for message in messages for time in message.arrived)])
        trace: Trace | None = None
        if self._tracing:
            self._send(stretches)
            counts = TraceCounts(self._engines, len(program.channels), len(links), len(program.graph.srams))
            flows = message_flows(program.graph, messages)
            rows = np.concatenate((self._transfers(), interval_rows(self._rows)))
            trace = build_trace(program, counts, rows, moments, flows, makespan)
        return Execution(makespan, records, tuple(busy), channel_uses(program), moments, trace, links, messages)

    def _transfers(self) -> NDArray[np.void]:
        """Intervals of the channels."""
        start, end, number, channel, store, size_bytes = np.array(self._grants, np.int64).reshape(-1, 6).T
        rows = np.empty(len(start), INTERVALS)
        rows["start"], rows["end"], rows["bytes"] = start, end, size_bytes
        rows["task"], rows["chunk"] = np.array(self._program.task)[number], np.array(self._program.chunk)[number]
        rows["resource"], rows["kind"] = self._engines + channel, np.where(store, _STORE, _LOAD)
        return rows

    def _send(self, stretches: Iterable[Stretch]) -> None:
        """Show when links are busy, for the task whose result a message carries; -1 where several take turns."""
        messages, first = self._program.graph.messages, self._engines + len(self._program.channels)
        for link, start, end, message, size_bytes in stretches:
            task = messages[message].after if message >= 0 else message
            self._rows += (start, end, task, message, first + link, _SEND, size_bytes)


def channel_uses(program: Program) -> tuple[ChannelUse, ...]:
    """What each channel carries once everything is moved; it does not depend on the order."""
    count = len(program.channels)
    busy, read, write = (np.zeros(count, np.int64) for _ in range(3))
    for moved, rows in ((read, program.loaded), (write, program.stored)):
        np.add.at(busy, rows["channel"], rows["cycles"])
        np.add.at(moved, rows["channel"], rows["bytes"])
    return tuple(ChannelUse(*use) for use in zip(busy.tolist(), read.tolist(), write.tolist(), strict=True))
