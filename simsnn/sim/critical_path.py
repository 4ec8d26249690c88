"""Contention-free twins of the event engine: levels ``critical_path`` (P) and ``closed_form``.

critical_path: the longest path of the same chunk graph, with the same finite SRAM slots, in which
every requester (an engine's load queue, an engine's store queue) has a channel of its own and every
message has the links to itself. A requester's transfers still follow one another, each for its own
occupancy and then its latency; a requester waits for no other. So the event engine gives the same
integers wherever one requester uses a channel alone, or transfers take no occupancy, and one
message at a time is under way; it is never faster.

closed_form: engine cycles with all operands present. Every ``advance`` gets ``ready = 0``;
transfers, messages and chunk edges take no time; what remains is the order of tasks on each engine
and the task and message edges. It is never slower than critical_path.

Both visit chunks in any order in which everything a chunk waits for is known: times are maxima.

Tests: ``tests/unit/test_critical_path.py``, ``tests/property/test_sim_bounds.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsnn.schedule.graph import ChunkEdge, TaskGraph, Transfer
from simsnn.sim.alone import AloneTasks
from simsnn.sim.channel import ChannelModel, DramModel
from simsnn.sim.execution import Execution, TaskRecord
from simsnn.sim.garbage import collector_paused
from simsnn.sim.known_runs import KnownRuns
from simsnn.sim.messages import Mail, alone_arrivals, check_links, link_uses
from simsnn.sim.program import NONE, Program, blocked, build_program
from simsnn.sim.recorder import Recorder
from simsnn.sim.task_run import TaskRun
from simsnn.sim.wait import Wait

if TYPE_CHECKING:
    from simsnn.memory.interconnect import Interconnect

_UNKNOWN = -1


@collector_paused()
def critical_path(
    graph: TaskGraph,
    dram: DramModel,
    memories: tuple[ChannelModel, ...] = (),
    interconnect: Interconnect | None = None,
) -> Execution:
    """Longest path without contention.

    Parameters
    ----------
    graph : TaskGraph
        The work.
    dram : DramModel
        Channel 0.
    memories : tuple of ChannelModel
        Channels 1 and up: the local memories of the processors.
    interconnect : Interconnect or None
        Links that the messages cross.

    Returns
    -------
    Execution
        Without a trace.

    Raises
    ------
    ValueError, Deadlock, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    check_links(graph, interconnect)
    return run_critical_path(build_program(graph, (dram, *memories)), interconnect)


@collector_paused()
def run_critical_path(program: Program, interconnect: Interconnect | None) -> Execution:
    """``critical_path`` of a program that is laid out already."""
    return _CriticalPath(program, interconnect).run()


@collector_paused()
def closed_form(
    graph: TaskGraph,
    dram: DramModel,
    memories: tuple[ChannelModel, ...] = (),
    interconnect: Interconnect | None = None,
) -> Execution:
    """Engine cycles with all operands present; channels and links are named for their use alone.

    Returns
    -------
    Execution
        Without a trace and without stalls other than ``sram_bank``.

    Raises
    ------
    ValueError, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    check_links(graph, interconnect)
    program = build_program(graph, (dram, *memories))
    recorder, mail, alone = Recorder(program, False), Mail(graph), AloneTasks()
    stored = [0] * len(program.task)
    engine_end = [0] * len(graph.engines)
    done: list[int] = []
    waits: list[Wait] = []
    records = []
    for task in graph.tasks:
        wait, times, first = Wait(), alone.of(task), program.first[task.id]
        for arrival in task.receives:
            time = mail.sent[arrival.message]
            wait.deliver(time, time)
        after_done = max((done[before] for before in task.after), default=0)
        run = TaskRun(task, engine_end[task.engine], after_done, wait)
        wait.admitted = wait.load = run.origin
        waits += [wait] * len(task.chunks)
        for chunk, (issue_end, result_end) in enumerate(zip(times.issue_ends, times.result_ends, strict=True)):
            stored[first + chunk] = run.origin + result_end
            recorder.moment(first + chunk, run.origin + issue_end, run.origin + result_end)
        end = engine_end[task.engine] = run.origin + times.end
        records.append(TaskRecord(task.id, run.origin, end, end, times.cycles, times.stalls, run.idle))
        done.append(end)
        mail.send(task.id, end)
        for number in mail.of_task[task.id]:
            mail.arrive(number, (end,) * len(graph.messages[number].destinations))
    return recorder.finish(waits, stored, tuple(records), mail.records(), link_uses(graph, interconnect))


class _CriticalPath:
    """Times found so far; lists are indexed by chunk number unless named otherwise."""

    def __init__(self, program: Program, interconnect: Interconnect | None) -> None:
        chunks, tasks = len(program.task), len(program.first)
        self.program = program
        self.interconnect = interconnect
        self.mail = Mail(program.graph)
        self.recorder = Recorder(program, False)
        self.waits = [Wait() for _ in range(chunks)]
        self.issue_end = [_UNKNOWN] * chunks
        self.result_end = [_UNKNOWN] * chunks
        self.stored = [_UNKNOWN] * chunks
        # Indexed by Event.
        self.times = (self.issue_end, self.result_end, self.stored)
        self.known = KnownRuns(program.graph.tasks)
        self.runs: list[TaskRun | None] = [None] * tasks
        self.done = [_UNKNOWN] * tasks
        self.occupancy = program.occupancy_cycles
        self.latency = [model.latency_cycles for model in program.channels]
        # Private channels: [requester][channel], when free.
        self.free = [[0] * len(program.channels) for _ in range(2 * len(program.order))]
        self.engine_end = [0] * len(program.order)
        self.store_from = [0] * len(program.order)

    def run(self) -> Execution:
        """Move every engine as far as it gets, until none moves."""
        order = self.program.order
        position = [0] * len(order)
        moved = True
        while moved:
            moved = False
            for engine, row in enumerate(order):
                while position[engine] < len(row) and self._known(row[position[engine]]):
                    self._step(row[position[engine]])
                    position[engine] += 1
                    moved = True
        stuck = [row[at] for row, at in zip(order, position, strict=True) if at < len(row)]
        if stuck:
            raise blocked(self.program, stuck)
        records = tuple(run.record(done) for run, done in zip(self.runs, self.done, strict=True) if run is not None)
        links = link_uses(self.program.graph, self.interconnect)
        return self.recorder.finish(self.waits, self.stored, records, self.mail.records(), links)

    def _known(self, number: int) -> bool:
        program = self.program
        task = program.graph.tasks[program.task[number]]
        chunk = task.chunks[program.chunk[number]]
        first, issue_end = program.first, self.issue_end
        for edges in (chunk.load_after, chunk.compute_after):
            for edge in edges:
                if issue_end[first[edge.task] + edge.chunk] == _UNKNOWN:
                    return False
        if program.chunk[number]:
            return True  # the rest was asked of the task's first chunk
        return all(self.done[before] != _UNKNOWN for before in task.after) and all(
            self.mail.sent[arrival.message] != _UNKNOWN for arrival in task.receives
        )

    def _time(self, edge: ChunkEdge) -> int:
        return self.times[edge.event][self.program.first[edge.task] + edge.chunk]

    def _step(self, number: int) -> None:
        """Find all times of one chunk."""
        program, wait = self.program, self.waits[number]
        engine, task = program.engine[number], program.graph.tasks[program.task[number]]
        chunk = task.chunks[program.chunk[number]]
        run = self.runs[task.id]
        if run is None:
            run = self.runs[task.id] = self._begin(number)
        for edge in chunk.load_after:
            wait.load_edge = max(wait.load_edge, self._time(edge))
        if program.input_slot[number] != NONE:
            wait.input_slot = self.issue_end[program.input_slot[number]]
        wait.admit(self.waits[program.before[number]] if program.before[number] != NONE else None)
        if chunk.loads:
            wait.load = self._move(2 * engine, chunk.loads, wait.admitted)
        for edge in chunk.compute_after:
            wait.edge = max(wait.edge, self._time(edge))
        if program.output_slot[number] != NONE:
            wait.output_slot = self.stored[program.output_slot[number]]
        issue_end, result_end = run.advance(program.chunk[number], wait)
        self.recorder.moment(number, issue_end, result_end)
        self.issue_end[number], self.result_end[number], self.stored[number] = issue_end, result_end, result_end
        if chunk.stores:
            if result_end > self.store_from[engine]:
                self.store_from[engine] = result_end
            complete = self._move(2 * engine + 1, chunk.stores, self.store_from[engine])
            if complete > result_end:
                self.stored[number] = complete
        if program.is_last(number):
            self.engine_end[engine] = run.end
            first = program.first[task.id]
            self._finish(task.id, max(run.end, *self.stored[first : number + 1]))

    def _begin(self, number: int) -> TaskRun:
        """The first chunk of a task, whose tasks before it are done and whose messages are sent."""
        task, wait = self.program.graph.tasks[self.program.task[number]], self.waits[number]
        after_done = max((self.done[before] for before in task.after), default=0)
        wait.load_edge = after_done
        for arrival in task.receives:
            wait.deliver(self.mail.arrival(arrival.message, arrival.processor), self.mail.sent[arrival.message])
        return TaskRun(task, self.engine_end[task.engine], after_done, wait, self.known.begin(task))

    def _finish(self, task: int, done: int) -> None:
        """A task is done: its messages leave, each with the links to itself."""
        self.done[task] = done
        self.mail.send(task, done)
        if self.interconnect is not None:
            for message in self.mail.of_task[task]:
                found = alone_arrivals(self.program.graph.messages[message], done, self.interconnect)
                self.mail.arrive(message, found)

    def _move(self, requester: int, transfers: tuple[Transfer, ...], arrival: int) -> int:
        """Serve a chunk's requests on the requester's private channels; return when all data is complete."""
        free, complete = self.free[requester], arrival
        for transfer in transfers:
            channel = transfer.channel
            start = free[channel]
            if arrival > start:
                start = arrival
            end = free[channel] = start + self.occupancy[channel][transfer.bytes]
            end += self.latency[channel]
            if end > complete:
                complete = end
        return complete
