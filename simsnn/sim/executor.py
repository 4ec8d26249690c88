"""Discrete-event run of a task graph: double-buffered SRAM, shared memories, links (level D).

Everything but the shared channels and links is a maximum of times plus a length, so a time is
computed as soon as everything it depends on is known, ahead of its moment. SimPy carries only what
must happen in the order of time: requests arriving at a channel and the channel's grants, and
messages, which leave when their task is done and whose packets take turns on the links. A grant
fixes when the data will be complete, which may fix when a chunk is ready, its issue_end and
result_end, and thereby when the next requests arrive; none of these lies in the past, because each
is a maximum over a moment that became known now. Time is an integer throughout.

Per chunk: admitted = max(predecessor admitted, input slot free, ``after`` tasks done, messages
there, load_after events); its requests are submitted then. ready = max(all data complete, compute_after events,
output slot free). Compute is one ``advance`` of the plan, in chunk order (see ``task_run``). Stores
are submitted at result_end, in chunk order. A task is done when it has ended and its stores are complete; its
time origin is max(end of the engine's previous task, ``after`` tasks done, messages there). Its messages are
sent when it is done, those of one cycle in the order of the graph.

Tests: ``tests/unit/test_executor*.py``; cycle-by-cycle twin ``tests/naive/executor.py`` in
``tests/property/test_sim_twin.py``; bounds in ``tests/property/test_sim_bounds.py``.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from simpy import Environment

from simsnn.schedule.graph import Event as Moment
from simsnn.schedule.graph import TaskGraph
from simsnn.sim.channel import ARRIVAL, Call, ChannelModel, DramModel, RoundRobinChannel, run_events, schedule
from simsnn.sim.execution import Execution
from simsnn.sim.garbage import collector_paused
from simsnn.sim.known_runs import KnownRuns
from simsnn.sim.messages import Mail, check_links, receivers
from simsnn.sim.program import NONE, Program, blocked, build_program
from simsnn.sim.recorder import Recorder
from simsnn.sim.requirements import Requirements
from simsnn.sim.task_run import TaskRun
from simsnn.sim.wait import Wait

if TYPE_CHECKING:
    from simsnn.memory.interconnect import Interconnect
    from simsnn.sim.network import PacketNetwork


@collector_paused()
def execute(
    graph: TaskGraph,
    dram: DramModel,
    trace: bool,
    memories: tuple[ChannelModel, ...] = (),
    interconnect: Interconnect | None = None,
) -> Execution:
    """Run a task graph with finite buffers, contended channels and contended links.

    Parameters
    ----------
    graph : TaskGraph
        The work.
    dram : DramModel
        Channel 0.
    trace : bool
        Whether to keep the intervals.
    memories : tuple of ChannelModel
        Channels 1 and up: the local memories of the processors.
    interconnect : Interconnect or None
        Links that the messages cross.

    Returns
    -------
    Execution
        Integers only; equal graphs give equal executions.

    Raises
    ------
    ValueError
        For a graph that is not well-formed (see ``build_program``), or messages without links.
    Deadlock
        If chunks wait for one another in a circle.
    ModelDisagreement
        If a plan breaks its contract.
    """
    check_links(graph, interconnect)
    return _Executor(build_program(graph, (dram, *memories)), trace, interconnect).run()


class _Executor:
    """State of one run; lists are indexed by chunk number unless named otherwise."""

    def __init__(self, program: Program, trace: bool, interconnect: Interconnect | None) -> None:
        graph, chunks = program.graph, len(program.task)
        self.program = program
        self.env = Environment(0)
        self.channels = tuple(
            RoundRobinChannel(self.env, index, 2 * len(graph.engines), occupancy, self.granted)
            for index, occupancy in enumerate(program.occupancy_cycles)
        )
        self.network = self._network(interconnect)
        self.mail = Mail(graph)
        self.outbox: list[tuple[int, int]] = []
        self.receivers = receivers(graph.tasks)
        self.latency = [model.latency_cycles for model in program.channels]
        self.waits = [Wait() for _ in range(chunks)]
        self.requirements = Requirements(program)
        self.after = [NONE] * chunks
        for number, earlier in enumerate(program.before):
            if earlier != NONE:
                self.after[earlier] = number
        self.stores_open = [len(requests) for requests in program.stores]
        self.stored = [0] * chunks
        # Per task: its end and each of its storing chunks.
        self.task_open = [1 + sum(1 for c in task.chunks if c.stores) for task in graph.tasks]
        self.after_done = [0] * len(graph.tasks)
        self.done = [0] * len(graph.tasks)
        self.known = KnownRuns(graph.tasks)
        self.runs: list[TaskRun | None] = [None] * len(graph.tasks)
        self.engine_end = [0] * len(graph.engines)
        self.store_from = [0] * len(graph.engines)
        self.recorder = Recorder(program, trace)
        self.worklist: deque[int] = deque()

    def _network(self, interconnect: Interconnect | None) -> PacketNetwork | None:
        if interconnect is None:
            return None
        from simsnn.sim.network import PacketNetwork  # kernels that a machine without links never needs

        return PacketNetwork(self.env, interconnect, self.delivered)

    def run(self) -> Execution:
        for order in self.program.order:
            # One imaginary condition, the start of the run, is met for every engine's first chunk.
            if order:
                self.requirements.admission[order[0]] += 1
                self._fulfil_admission(order[0])
        self._settle()
        run_events(self.env)
        conditions = self.requirements.compute
        stuck = [next((n for n in order if conditions[n]), NONE) for order in self.program.order]
        if any(number != NONE for number in stuck):
            raise blocked(self.program, [number for number in stuck if number != NONE])
        records = tuple(run.record(done) for run, done in zip(self.runs, self.done, strict=True) if run is not None)
        if self.network is None:
            return self.recorder.finish(self.waits, self.stored, records, self.mail.records(), ())
        stretches = self.network.stretches()
        return self.recorder.finish(
            self.waits, self.stored, records, self.mail.records(), self.network.uses(), stretches
        )

    def granted(self, channel: int, requester: int, number: int, size_bytes: int, start: int, end: int) -> None:
        """Take note of a grant: the moment at which its data is complete is known now."""
        self.recorder.transfer(channel, requester, number, size_bytes, start, end)
        complete = end + self.latency[channel]
        if requester & 1:
            if complete > self.stored[number]:
                self.stored[number] = complete
            self.stores_open[number] -= 1
            if not self.stores_open[number]:
                self._chunk_stored(number, self.stored[number])
                self._finish_part(self.program.task[number], self.stored[number])
        else:
            wait = self.waits[number]
            if complete > wait.load:
                wait.load = complete
            self._fulfil_compute(number)
        if self.worklist:
            self._settle()

    def delivered(self, message: int, processor: int, time: int) -> None:
        """All of a message is at one of its destinations now."""
        self.mail.deliver(message, processor, time)
        for task in self.receivers.get((message, processor), ()):
            first = self.program.first[task]
            self.waits[first].deliver(time, self.mail.sent[message])
            self._fulfil_admission(first)
        if self.worklist:
            self._settle()

    def _settle(self) -> None:
        """Compute every chunk whose requirements are all known, in the order they became so."""
        while self.worklist:
            self._compute(self.worklist.popleft())

    def _compute(self, number: int) -> None:
        program, requirements = self.program, self.requirements
        task, engine = program.task[number], program.engine[number]
        run, wait = self.runs[task], self.waits[number]
        if run is None:
            work = program.graph.tasks[task]
            known = self.known.begin(work)
            run = self.runs[task] = TaskRun(work, self.engine_end[engine], self.after_done[task], wait, known)
        issue_end, result_end = run.advance(program.chunk[number], wait)
        self.recorder.computed(number, run, issue_end, result_end)
        user = requirements.input_users.get(number, NONE)
        if user != NONE:
            self.waits[user].input_slot = issue_end
            self._fulfil_admission(user)
        if number in requirements.awaited:
            self._notify(Moment.ISSUED, number, issue_end)
            self._notify(Moment.RESULT, number, result_end)
        if program.stores[number]:
            if result_end > self.store_from[engine]:
                self.store_from[engine] = result_end
            schedule(self.env, self.store_from[engine], ARRIVAL, self._submit_stores, number)
        else:
            self.stored[number] = result_end
            self._chunk_stored(number, result_end)
        if program.is_last(number):
            self.engine_end[engine] = run.end
            self._finish_part(task, run.end)
        if self.after[number] != NONE:
            self._fulfil_compute(self.after[number])

    def _chunk_stored(self, number: int, time: int) -> None:
        user = self.requirements.output_users.get(number, NONE)
        if user != NONE:
            self.waits[user].output_slot = time
            self._fulfil_compute(user)
        if number in self.requirements.awaited:
            self._notify(Moment.STORED, number, time)

    def _notify(self, moment: Moment, number: int, time: int) -> None:
        """Tell the chunks that wait for a moment of this one, through an edge, when it is."""
        for target in self.requirements.load_edges[moment].get(number, ()):
            self.waits[target].load_edge = max(self.waits[target].load_edge, time)
            self._fulfil_admission(target)
        for target in self.requirements.compute_edges[moment].get(number, ()):
            self.waits[target].edge = max(self.waits[target].edge, time)
            self._fulfil_compute(target)

    def _finish_part(self, task: int, time: int) -> None:
        """One of a task's stores, or its last result, is complete at ``time``."""
        done = self.done[task] = max(self.done[task], time)
        self.task_open[task] -= 1
        if self.task_open[task]:
            return
        for later in self.requirements.dependants[task]:
            self.after_done[later] = max(self.after_done[later], done)
            first = self.program.first[later]
            self.waits[first].load_edge = max(self.waits[first].load_edge, done)
            self._fulfil_admission(first)
        for message in self.mail.of_task[task]:
            heappush(self.outbox, (done, message))
            schedule(self.env, done, ARRIVAL, self._send)

    def _send(self, _: Call) -> None:
        """A message's task is done now; of several such messages the lowest leaves first."""
        assert self.network is not None  # execute refuses messages without links
        time, message = heappop(self.outbox)
        self.mail.sent[message] = time
        self.network.send(self.program.graph.messages[message])

    def _fulfil_compute(self, number: int) -> None:
        conditions = self.requirements.compute
        conditions[number] -= 1
        if not conditions[number]:
            self.worklist.append(number)

    def _fulfil_admission(self, number: int) -> None:
        conditions = self.requirements.admission
        conditions[number] -= 1
        while not conditions[number]:
            self._admit(number)
            number = self.after[number]
            if number == NONE:
                return
            conditions[number] -= 1

    def _admit(self, number: int) -> None:
        """Let the loads of a chunk start, at a time that is known now."""
        before = self.program.before[number]
        wait = self.waits[number]
        wait.admit(self.waits[before] if before != NONE else None)
        if self.program.loads[number]:
            schedule(self.env, wait.admitted, ARRIVAL, self._submit_loads, number)
        else:
            self._fulfil_compute(number)

    def _submit_loads(self, event: Call) -> None:
        number = event.value
        requester = 2 * self.program.engine[number]
        for transfer in self.program.loads[number]:
            self.channels[transfer.channel].submit(requester, number, transfer.bytes)

    def _submit_stores(self, event: Call) -> None:
        number = event.value
        requester = 2 * self.program.engine[number] + 1
        for transfer in self.program.stores[number]:
            self.channels[transfer.channel].submit(requester, number, transfer.bytes)
