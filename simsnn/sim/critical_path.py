"""Contention-free twins of the event engine: levels ``critical_path`` (P) and ``closed_form``.

critical_path: the longest path of the same chunk graph, with the same finite SRAM slots, in which
every requester (an engine's load queue, an engine's store queue) has a channel of its own. A
requester's transfers still follow one another, each for its own occupancy and then its latency; a
requester waits for no other. So the event engine gives the same integers wherever one requester
uses a channel alone, or transfers take no occupancy, and is never faster.

closed_form: engine cycles with all operands present. Every ``advance`` gets ``ready = 0``;
transfers and chunk edges take no time; what remains is the order of tasks on each engine and the
task edges. It is never slower than critical_path.

Both visit chunks in any order in which everything a chunk waits for is known: times are maxima.

Tests: ``tests/unit/test_critical_path.py``, ``tests/property/test_sim_bounds.py``.
"""

from __future__ import annotations

from simsnn.schedule.graph import ChunkEdge, Event, TaskGraph, Transfer
from simsnn.sim.channel import ChannelModel, DramModel
from simsnn.sim.execution import Execution
from simsnn.sim.program import NONE, Program, blocked, build_program
from simsnn.sim.recorder import Recorder
from simsnn.sim.task_run import TaskRun
from simsnn.sim.wait import DRAM, LINK, Wait

_UNKNOWN = -1


def critical_path(graph: TaskGraph, dram: DramModel, links: tuple[ChannelModel, ...] = ()) -> Execution:
    """Longest path without contention.

    Parameters
    ----------
    graph : TaskGraph
        The work.
    dram : DramModel
        Channel 0.
    links : tuple of ChannelModel
        Channels 1 and up.

    Returns
    -------
    Execution
        Without a trace.

    Raises
    ------
    ValueError, Deadlock, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    return _CriticalPath(build_program(graph, (dram, *links))).run()


def closed_form(graph: TaskGraph, dram: DramModel, links: tuple[ChannelModel, ...] = ()) -> Execution:
    """Engine cycles with all operands present; the parameters name the channels' use alone.

    Returns
    -------
    Execution
        Without a trace and without stalls other than ``sram_bank``.

    Raises
    ------
    ValueError, ModelDisagreement
        As ``simsnn.sim.executor.execute``.
    """
    program = build_program(graph, (dram, *links))
    recorder = Recorder(program, False)
    waits = [Wait() for _ in program.task]
    stored = [0] * len(program.task)
    engine_end = [0] * len(graph.engines)
    ends: list[int] = []
    records = []
    for task in graph.tasks:
        run = TaskRun(task, max([engine_end[task.engine], *(ends[before] for before in task.after)]))
        for number in range(program.first[task.id], program.first[task.id] + len(task.chunks)):
            issue_end, stored[number] = run.advance(program.chunk[number], waits[number])
            recorder.computed(number, run, issue_end, stored[number])
        engine_end[task.engine] = run.end
        ends.append(run.end)
        records.append(run.record(run.end))
    return recorder.finish(waits, stored, tuple(records))


class _CriticalPath:
    """Times found so far; lists are indexed by chunk number unless named otherwise."""

    def __init__(self, program: Program) -> None:
        chunks, tasks = len(program.task), len(program.first)
        self.program = program
        self.recorder = Recorder(program, False)
        self.waits = [Wait() for _ in range(chunks)]
        self.issue_end = [_UNKNOWN] * chunks
        self.result_end = [_UNKNOWN] * chunks
        self.stored = [_UNKNOWN] * chunks
        self.runs: list[TaskRun | None] = [None] * tasks
        self.done = [_UNKNOWN] * tasks
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
        return self.recorder.finish(self.waits, self.stored, records)

    def _known(self, number: int) -> bool:
        task = self.program.graph.tasks[self.program.task[number]]
        chunk = task.chunks[self.program.chunk[number]]
        edges = chunk.load_after + chunk.compute_after
        return all(self.done[before] != _UNKNOWN for before in task.after) and all(
            self.issue_end[self.program.first[edge.task] + edge.chunk] != _UNKNOWN for edge in edges
        )

    def _time(self, edge: ChunkEdge) -> int:
        times = {Event.ISSUED: self.issue_end, Event.RESULT: self.result_end, Event.STORED: self.stored}
        return times[edge.event][self.program.first[edge.task] + edge.chunk]

    def _step(self, number: int) -> None:
        """Find all times of one chunk."""
        program, wait = self.program, self.waits[number]
        engine, task = program.engine[number], program.graph.tasks[program.task[number]]
        chunk = task.chunks[program.chunk[number]]
        after_done = max((self.done[before] for before in task.after), default=0)
        wait.load_edge = max([after_done, *(self._time(edge) for edge in chunk.load_after)])
        if program.input_slot[number] != NONE:
            wait.input_slot = self.issue_end[program.input_slot[number]]
        wait.admit(self.waits[program.before[number]] if program.before[number] != NONE else None)
        for transfer in chunk.loads:
            wait.arrive(self._move(2 * engine, transfer, wait.admitted), LINK if transfer.channel else DRAM)
        wait.edge = max((self._time(edge) for edge in chunk.compute_after), default=0)
        if program.output_slot[number] != NONE:
            wait.output_slot = self.stored[program.output_slot[number]]
        run = self.runs[task.id]
        if run is None:
            run = self.runs[task.id] = TaskRun(task, max(self.engine_end[engine], after_done))
        issue_end, result_end = run.advance(program.chunk[number], wait)
        self.recorder.computed(number, run, issue_end, result_end)
        self.issue_end[number], self.result_end[number], self.stored[number] = issue_end, result_end, result_end
        if chunk.stores:
            self.store_from[engine] = max(self.store_from[engine], result_end)
        for transfer in chunk.stores:
            complete = self._move(2 * engine + 1, transfer, self.store_from[engine])
            self.stored[number] = max(self.stored[number], complete)
        if program.is_last(number):
            self.engine_end[engine] = run.end
            first = program.first[task.id]
            self.done[task.id] = max(run.end, *self.stored[first : number + 1])

    def _move(self, requester: int, transfer: Transfer, arrival: int) -> int:
        """Serve one request on the requester's private channel; return when its data is complete."""
        channel = transfer.channel
        start = max(arrival, self.free[requester][channel])
        end = self.free[requester][channel] = start + self.program.occupancy_cycles[channel][transfer.bytes]
        return end + self.program.channels[channel].latency_cycles
