"""Cycle-by-cycle twin of the event engine: no SimPy, no known-ahead times, no shortcuts.

Every cycle asks every engine what it may do now, from what has happened up to now, until nothing
changes; then messages are sent, then one channel grants one request, and so on. What the links do
is asked of the stepped network (``simsnn/reference/network.py``). Only for tiny graphs. Also the plan that
the tests of the event engine run: a pipeline with a load phase, a stream and a drain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from simsnn.costs import CycleBreakdown, EngineCost
from simsnn.memory.interconnect import Interconnect
from simsnn.reference.network import run_network
from simsnn.schedule.graph import Arrival, Chunk, ChunkEdge, Event, Message, Task, TaskGraph, Transfer
from simsnn.sim.channel import ChannelModel

if TYPE_CHECKING:
    from simsnn.engines.base import State, Tile


@dataclass(frozen=True)
class FlatChannel:
    """``numerator / denominator`` bytes per cycle, or infinitely many where numerator is 0."""

    numerator: int
    denominator: int = 1
    latency_cycles: int = 0

    def occupancy_cycles(self, size_bytes: int, /) -> int:
        return -(-size_bytes * self.denominator // self.numerator) if self.numerator else 0


@dataclass(frozen=True)
class PipelinePlan:
    """Chunk c fills shadow registers for ``heads[c]`` edges, streams ``lengths[c]``, drains ``drains[c]``.

    L = max(a', end of the fill before, ready), a = max(L + head, a' + length'): one shadow set, which
    is free once the chunk before streams.
    """

    heads: tuple[int, ...]
    lengths: tuple[int, ...]
    drains: tuple[int, ...]
    groups: int = 1

    @property
    def chunk_count(self) -> int:
        return len(self.lengths)

    def needs(self, _chunk: int) -> tuple[Tile, ...]:
        return ()

    def leaves(self, _chunk: int) -> tuple[Tile, ...]:
        return ()

    def start(self) -> State:
        # end of the head, start and end of the stream, fill, stream, reload, stall, last result
        return np.zeros(8, np.int64)

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        head_end, stream_start, issue_end, fill, stream, reload, stall, last = state.tolist()
        head, length = self.heads[chunk], self.lengths[chunk]
        free = max(stream_start, head_end)
        alone = max(free + head, issue_end)
        head_end = max(free, ready) + head
        start = max(head_end, issue_end)
        fill, reload = (alone, reload) if chunk == 0 else (fill, reload + alone - issue_end)
        stall += start - alone
        result = start + length + self.drains[chunk]
        state[:] = (head_end, start, start + length, fill, stream + length, reload, stall, max(last, result))
        return start + length, result

    def parts(self, state: State) -> CycleBreakdown:
        _, _, issue_end, fill, stream, reload, stall, last = state.tolist()
        g = self.groups
        return CycleBreakdown(
            g * fill, g * stream, reload=g * reload, drain=g * (last - issue_end), stall=g * stall, groups=g
        )

    def cost(self) -> EngineCost:
        state = self.start()
        for chunk in range(self.chunk_count):
            self.advance(state, chunk, 0)
        return EngineCost(self.parts(state))


@dataclass
class Step:
    """One chunk and the cycles at which things were first seen to be true of it."""

    task: Task
    chunk: int
    spec: Chunk
    admitted: int | None = None
    edges_seen: int | None = None
    slot_seen: int | None = None
    loads: list[int] = field(default_factory=list)
    loads_seen: int | None = None
    compute_edges_seen: int | None = None
    output_seen: int | None = None
    issue_end: int | None = None
    result_end: int | None = None
    submitted: int | None = None
    stores: list[int] = field(default_factory=list)

    def happened(self, event: Event, now: int) -> bool:
        if event is Event.ISSUED:
            return self.issue_end is not None and self.issue_end <= now
        if event is Event.RESULT or not self.spec.stores:
            return self.result_end is not None and self.result_end <= now
        return len(self.stores) == len(self.spec.stores) and max(self.stores) <= now


@dataclass
class Running:
    """A task and its engine clock."""

    origin: int | None = None
    state: State | None = None
    frozen: list[range] = field(default_factory=list)
    frozen_cycles: int = 0
    last_result: int = 0
    stall: int = 0
    causes: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("dram", "sram_bank", "buffer_full", "dependency", "link"), 0)
    )


@dataclass
class Port:
    """A channel: a queue per requester, who was granted last, until when it is occupied."""

    model: ChannelModel
    queues: list[list[tuple[Step, Transfer, bool]]]
    last: int
    free_at: int = 0


@dataclass(frozen=True)
class NaiveTask:
    start: int
    end: int
    done: int
    stalls: dict[str, int]
    cycles: CycleBreakdown
    idle: dict[str, int]


class NaiveNetwork:
    """Links, asked again from cycle 0 whenever something is sent: later messages change nothing earlier."""

    def __init__(self, interconnect: Interconnect) -> None:
        self.interconnect = interconnect
        self.messages: list[tuple[Message, int]] = []
        self.arrivals: dict[tuple[int, int], int] = {}
        self.uses: list[tuple[int, int]] = [(0, 0)] * len(interconnect.links)

    def send(self, message: Message, now: int) -> None:
        self.messages.append((message, now))
        hops: list[tuple[int, ...]] = []
        ends: list[tuple[int, int, int]] = []
        for number, (each, _) in enumerate(self.messages):
            for route in self.interconnect.routes(each.source, each.destinations):
                base = len(hops)
                for position, hop in enumerate(route.hops):
                    link = self.interconnect.links[hop.link]
                    parent = -1 if hop.parent < 0 else base + hop.parent
                    requester = self.interconnect.requester(route, position)
                    service, packets = link.packet_cycles(route.packet_bytes), route.packets(each.bytes)
                    hops.append((number, hop.link, parent, requester, service, link.latency_cycles, packets))
                    ends += [(each.id, end, base + position) for end in hop.delivers]
        sent = np.array([time for _, time in self.messages], np.int64)
        zero = np.zeros_like(sent)
        links = len(self.interconnect.links)
        requesters = len(self.interconnect.processors) + links
        table = np.array(hops, np.int64)
        _, done, busy, packets, _ = run_network(sent, zero - 1, zero, table, links, requesters)
        found = {(number, end): int(done[hop]) for number, end, hop in ends}
        assert all(found[key] == time for key, time in self.arrivals.items() if time <= now)
        self.arrivals = found
        self.uses = list(zip(busy.tolist(), packets.tolist(), strict=True))


class NaiveExecutor:
    """Steps a task graph one cycle at a time."""

    def __init__(
        self, graph: TaskGraph, channels: tuple[ChannelModel, ...], interconnect: Interconnect | None = None
    ) -> None:
        self.graph = graph
        self.network = None if interconnect is None else NaiveNetwork(interconnect)
        self.sent: dict[int, int] = {}
        self.steps = {t.id: [Step(t, i, c) for i, c in enumerate(t.chunks)] for t in graph.tasks}
        self.orders = [
            [s for t in graph.tasks if t.engine == e for s in self.steps[t.id]] for e in range(len(graph.engines))
        ]
        requesters = 2 * len(graph.engines)
        self.ports = [Port(m, [[] for _ in range(requesters)], requesters - 1) for m in channels]
        self.running = {t.id: Running() for t in graph.tasks}
        self.grants: list[tuple[int, int, int]] = []
        self.now = 0

    def run(self, limit: int = 100_000) -> tuple[NaiveTask, ...]:
        while not all(self.task_done(t.id) for t in self.graph.tasks) or len(self.sent) < len(self.graph.messages):
            if self.now > limit:
                raise RuntimeError("the graph does not finish")
            while self.settle() or self.send() or self.grant():
                pass
            self.now += 1
        return tuple(self.result(t.id) for t in self.graph.tasks)

    # What is true now.
    def arrived(self, arrival: Arrival) -> bool:
        time = self.arrival(arrival)
        return time is not None and time <= self.now

    def arrival(self, arrival: Arrival) -> int | None:
        return None if self.network is None else self.network.arrivals.get((arrival.message, arrival.processor))

    def may_begin(self, task: Task) -> bool:
        return all(self.task_done(t) for t in task.after) and all(map(self.arrived, task.receives))

    def event(self, edge: ChunkEdge) -> bool:
        return self.steps[edge.task][edge.chunk].happened(edge.event, self.now)

    def ended(self, task: int) -> bool:
        return all(s.issue_end is not None for s in self.steps[task]) and self.end(task) <= self.now

    def end(self, task: int) -> int:
        """End of a task whose chunks have all computed: frozen edges hold back its last result."""
        run = self.running[task]
        assert run.origin is not None
        return run.origin + run.frozen_cycles + run.last_result

    def task_done(self, task: int) -> bool:
        return self.ended(task) and all(s.happened(Event.STORED, self.now) for s in self.steps[task])

    def slot_free(self, order: list[Step], step: Step) -> bool:
        loading = [s for s in order if s.spec.loads]
        position = next(i for i, s in enumerate(loading) if s is step) - self.graph.load_slots[step.task.engine]
        if position < 0:
            return True
        begin = next(i for i, s in enumerate(order) if s is loading[position])
        users = [order[begin]]
        for later in order[begin + 1 :]:
            if later.spec.loads or later.task is not users[0].task:
                break
            users.append(later)
        return all(s.happened(Event.ISSUED, self.now) for s in users)

    def output_free(self, order: list[Step], step: Step) -> bool:
        storing = [s for s in order if s.spec.stores]
        position = next(i for i, s in enumerate(storing) if s is step) - self.graph.load_slots[step.task.engine]
        return position < 0 or storing[position].happened(Event.STORED, self.now)

    # What changes now.
    def settle(self) -> bool:
        changed = False
        for engine, order in enumerate(self.orders):
            for index, step in enumerate(order):
                before = order[index - 1] if index else None
                changed |= self.look(order, step, before)
                changed |= self.compute(step, before)
                changed |= self.submit(engine, step, order[:index])
        return changed

    def look(self, order: list[Step], step: Step, before: Step | None) -> bool:
        """Note what has become true of a chunk, and admit it when everything has."""
        held = step.chunk == 0 and not self.may_begin(step.task)
        changed = False
        if step.edges_seen is None and not held and all(map(self.event, step.spec.load_after)):
            step.edges_seen, changed = self.now, True
        if step.slot_seen is None and (not step.spec.loads or self.slot_free(order, step)):
            step.slot_seen, changed = self.now, True
        if step.compute_edges_seen is None and all(map(self.event, step.spec.compute_after)):
            step.compute_edges_seen, changed = self.now, True
        if step.output_seen is None and (not step.spec.stores or self.output_free(order, step)):
            step.output_seen, changed = self.now, True
        open_ = step.edges_seen is not None and step.slot_seen is not None
        if step.admitted is None and open_ and (before is None or before.admitted is not None):
            step.admitted, changed = self.now, True
            for transfer in step.spec.loads:
                self.ports[transfer.channel].queues[2 * step.task.engine].append((step, transfer, False))
        complete = len(step.loads) == len(step.spec.loads) and all(time <= self.now for time in step.loads)
        if step.loads_seen is None and step.admitted is not None and complete:
            step.loads_seen, changed = self.now, True
        return changed

    def compute(self, step: Step, before: Step | None) -> bool:
        run = self.running[step.task.id]
        changed = False
        if run.origin is None and (before is None or self.ended(before.task.id)):
            if not self.may_begin(step.task):
                return False
            run.origin, run.state, changed = self.now, step.task.plan.start(), True
        seen = (step.loads_seen, step.compute_edges_seen, step.output_seen)
        waiting = run.origin is None or None in seen or (before is not None and before.issue_end is None)
        if step.issue_end is not None or waiting:
            return changed
        assert run.origin is not None
        assert run.state is not None
        ready = max(time for time in seen if time is not None)
        real = range(run.origin, ready)
        inside = sum(1 for cycle in real if not any(cycle in window for window in run.frozen))
        issue_end, result_end = step.task.plan.advance(run.state, step.chunk, inside)
        parts = step.task.plan.parts(run.state)
        self.blame(step, ready, parts.stall - run.stall, parts.groups)
        run.stall = parts.stall
        run.last_result = max(run.last_result, result_end)
        frozen = (step.task.slowdown - 1) * step.task.issues[step.chunk] if step.task.slowdown > 1 else 0
        begin = run.origin + run.frozen_cycles + issue_end
        run.frozen.append(range(begin, begin + frozen))
        run.frozen_cycles += frozen
        run.causes["sram_bank"] += frozen * parts.groups
        step.issue_end, step.result_end = begin + frozen, run.origin + run.frozen_cycles + result_end
        return True

    def submit(self, engine: int, step: Step, before: list[Step]) -> bool:
        """Ask for a chunk's stores once it has its result, not before those of earlier chunks."""
        in_order = all(earlier.submitted is not None for earlier in before if earlier.spec.stores)
        if step.submitted is not None or not in_order or not step.happened(Event.RESULT, self.now):
            return False
        step.submitted = self.now
        for transfer in step.spec.stores:
            self.ports[transfer.channel].queues[2 * engine + 1].append((step, transfer, True))
        return True

    def send(self) -> bool:
        """Send the messages of tasks that are done, the lowest first."""
        ready = [m for m in self.graph.messages if m.id not in self.sent and self.task_done(m.after)]
        for message in ready:
            assert self.network is not None
            self.sent[message.id] = self.now
            self.network.send(message, self.now)
        return bool(ready)

    def grant(self) -> bool:
        for index, port in enumerate(self.ports):
            if port.free_at > self.now or not any(port.queues):
                continue
            requester = (port.last + 1) % len(port.queues)
            while not port.queues[requester]:
                requester = (requester + 1) % len(port.queues)
            step, transfer, is_store = port.queues[requester].pop(0)
            port.last = requester
            port.free_at = self.now + port.model.occupancy_cycles(transfer.bytes)
            complete = port.free_at + port.model.latency_cycles
            self.grants.append((self.now, index, requester))
            if is_store:
                step.stores.append(complete)
            else:
                step.loads.append(complete)
            return True
        return False

    def blame(self, step: Step, ready: int, stall: int, groups: int) -> None:
        """Walk back from ready cycle by cycle and name what was missing in each."""
        cycle = ready - 1
        while stall > 0:
            taken = min(stall, groups) if cycle >= 0 else stall
            self.running[step.task.id].causes[self.missing(step, cycle)] += taken
            stall -= taken
            cycle -= 1

    def missing(self, step: Step, cycle: int) -> str:
        assert step.loads_seen is not None
        assert step.compute_edges_seen is not None
        assert step.output_seen is not None
        assert step.admitted is not None
        last = max(step.loads_seen, step.compute_edges_seen, step.output_seen)
        if step.loads_seen < last:
            return "dependency" if step.compute_edges_seen == last else "buffer_full"
        if cycle >= step.admitted:
            return "dram"
        order = self.orders[step.task.engine]
        while True:
            assert step.edges_seen is not None
            assert step.slot_seen is not None
            if step.edges_seen == step.admitted:
                return self.fault_of_links(step, cycle)
            if step.slot_seen == step.admitted:
                return "buffer_full"
            step = order[next(i for i, s in enumerate(order) if s is step) - 1]

    def fault_of_links(self, step: Step, cycle: int) -> str:
        """Whether the last that an admission waited for was a message, under way in a cycle."""
        last = [a for a in step.task.receives if step.chunk == 0 and self.arrival(a) == step.admitted]
        first_sent = min((self.sent[a.message] for a in last), default=cycle + 1)
        earlier = self.now_before(step)
        return "dependency" if earlier or cycle < first_sent else "link"

    def now_before(self, step: Step) -> bool:
        """Whether an edge or a task before it was met at the admission of a chunk, not earlier."""
        assert step.admitted is not None
        tasks = [self.done_at(t) for t in step.task.after] if step.chunk == 0 else []
        edges = [self.moment(edge) for edge in step.spec.load_after]
        return max([0, *tasks, *edges]) == step.admitted

    def moment(self, edge: ChunkEdge) -> int:
        step = self.steps[edge.task][edge.chunk]
        assert step.issue_end is not None
        assert step.result_end is not None
        if edge.event is Event.ISSUED:
            return step.issue_end
        return max(step.stores) if edge.event is Event.STORED and step.spec.stores else step.result_end

    def done_at(self, task: int) -> int:
        return max([self.end(task), *(time for s in self.steps[task] for time in s.stores)])

    def idle(self, task: Task) -> dict[str, int]:
        """Name what was missing in each cycle between the engine's previous task and this one."""
        run = self.running[task.id]
        assert run.origin is not None
        earlier = [self.end(t.id) for t in self.graph.tasks[: task.id] if t.engine == task.engine]
        found = {"dependency": 0, "link": 0}
        done = max((self.done_at(t) for t in task.after), default=0)
        last = [self.sent[a.message] for a in task.receives if self.arrival(a) == run.origin]
        for cycle in range(max(earlier, default=0), run.origin):
            on_links = last and done < run.origin and cycle >= min(last)
            found["link" if on_links else "dependency"] += 1
        return found

    def result(self, task: int) -> NaiveTask:
        run, steps = self.running[task], self.steps[task]
        assert run.origin is not None
        assert run.state is not None
        parts = self.graph.tasks[task].plan.parts(run.state)
        end = self.end(task)
        done = max([end, *(time for s in steps for time in s.stores)])
        cycles = parts + CycleBreakdown(stall=run.causes["sram_bank"], groups=parts.groups)
        return NaiveTask(run.origin, end, done, run.causes, cycles, self.idle(self.graph.tasks[task]))
