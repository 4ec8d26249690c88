"""Links on the event clock against the stepped network: every time, cycle and packet of random machines.

A case is a machine of a few processors with one or several link components, and messages of which
some are sent at given cycles and others some cycles after a delivery, in the same cycle included.
Packet sizes, rates and latencies are drawn small so that channels are contended, first packets wait
at several places at once, and zero latency occurs. Used by ``simsnn validate`` (many cases) and by
the test suite (fewer).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from simpy import Environment

from simsnn.config.quantities import Bandwidth
from simsnn.costs import OperandClass
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig, Topology
from simsnn.memory.routes import LOCAL, Route
from simsnn.reference.network import UNKNOWN, run_network
from simsnn.schedule.graph import Message
from simsnn.sim.channel import Call, schedule
from simsnn.sim.execution import LinkUse
from simsnn.sim.network import PacketNetwork

TOPOLOGIES: tuple[Topology, ...] = ("point_to_point", "bus", "ring", "mesh", "crossbar")
SENDING = 10
"""Priority of the first message's sending; later messages of a cycle are sent after earlier ones."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Topology of the first component, and whether it multicasts."""

    topology: Topology
    multicast: bool

    @property
    def name(self) -> str:
        """``ring multicast``."""
        return f"{self.topology} {'multicast' if self.multicast else 'unicast'}"


COMBINATIONS: tuple[Switches, ...] = tuple(Switches(kind, cast) for kind in TOPOLOGIES for cast in (True, False))
"""Every combination, in a fixed order."""


@dataclass(frozen=True, slots=True)
class Sending:
    """When a message is sent: at a cycle, or ``delay`` cycles after a delivery of an earlier message."""

    message: Message
    delay: int
    after: int | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Links, and the messages that cross them in the order of their ids."""

    interconnect: Interconnect
    sendings: tuple[Sending, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a comparison; ``max_error`` is the largest difference of any integer compared."""

    cases: int
    mismatches: int
    max_error: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a network did: cycles of sending, deliveries per message and destination, channels, longest queues."""

    sent: tuple[int, ...]
    delivered: tuple[tuple[int, ...], ...]
    uses: tuple[LinkUse, ...]
    peak_packets: tuple[int, ...]


def draw_case(rng: np.random.Generator, switches: Switches) -> Case:
    """Random machine and traffic; every third case has a second component of any kind."""
    processors = tuple(f"p{number}" for number in range(int(rng.integers(2, 8))))
    first = _component("link0", switches.topology, processors, rng, multicast=switches.multicast)
    configs = [first]
    if rng.integers(0, 3) == 0:
        kind = TOPOLOGIES[int(rng.integers(0, len(TOPOLOGIES)))]
        configs.append(_component("link1", kind, processors, rng, multicast=bool(rng.integers(0, 2))))
    interconnect = Interconnect.of(tuple(configs), processors, 10**9)
    return Case(interconnect, _sendings(interconnect, rng))


def _component(
    name: str, kind: Topology, processors: tuple[str, ...], rng: np.random.Generator, *, multicast: bool
) -> LinkConfig:
    count = 2 if kind == "point_to_point" else int(rng.integers(2, len(processors) + 1))
    ends = tuple(str(end) for end in rng.permutation(processors)[:count])
    widths = [width for width in range(1, count + 1) if count % width == 0]
    rate = Bandwidth(Fraction(int(rng.integers(1, 9)), int(rng.integers(1, 4))), per_cycle=True)
    return LinkConfig(
        name=name,
        kind=kind,
        ends=ends,
        bandwidth=repr(rate) if rate.amount.denominator == 1 else f"{float(rate.amount)} B/cycle",
        latency_cycles=int(rng.choice([0, 0, 1, 2, 7])),
        packet=f"{int(rng.integers(1, 9))} B",  # type: ignore[arg-type]
        columns=int(rng.choice(widths)) if kind == "mesh" else None,
        multicast=multicast,
    )


def _sendings(interconnect: Interconnect, rng: np.random.Generator) -> tuple[Sending, ...]:
    able = [p for p in range(len(interconnect.processors)) if interconnect.reached(p)]
    window = int(rng.choice([1, 10, 60]))
    found: list[Sending] = []
    for number in range(int(rng.integers(1, 10))):
        source = int(rng.choice(able))
        reached = interconnect.reached(source)
        count = int(rng.integers(1, len(reached) + 1)) if rng.integers(0, 2) else 1
        destinations = tuple(sorted(int(p) for p in rng.permutation(reached)[:count]))
        size = int(rng.integers(1, 60 if rng.integers(0, 2) else 9))
        message = Message(number, 0, source, destinations, OperandClass.SPIKES, size)
        if found and rng.integers(0, 3) == 0:
            before = found[int(rng.integers(0, len(found)))].message
            end = int(rng.choice(before.destinations))
            found.append(Sending(message, int(rng.choice([0, 0, 1, 5])), before.id, end))
        else:
            found.append(Sending(message, int(rng.integers(0, window))))
    return tuple(found)


def simulate(case: Case, *, room: int = 4) -> Traffic:
    """The case on the event clock; arrays begin with few rows, so that they have to grow."""
    env = Environment(0)
    sent = [-1] * len(case.sendings)
    delivered = [[-1] * len(sending.message.destinations) for sending in case.sendings]

    def start(call: Call) -> None:
        sent[call.value] = int(env.now)
        network.send(case.sendings[call.value].message)

    def arrive(message: int, processor: int, cycle: int) -> None:
        delivered[message][case.sendings[message].message.destinations.index(processor)] = cycle
        for number, sending in enumerate(case.sendings):
            if (sending.after, sending.at) == (message, processor):
                schedule(env, cycle + sending.delay, SENDING + number, start, number)

    network = PacketNetwork(env, case.interconnect, arrive, room=room)
    for number, sending in enumerate(case.sendings):
        if sending.after is None:
            schedule(env, sending.delay, SENDING + number, start, number)
    env.run()
    return Traffic(tuple(sent), tuple(tuple(times) for times in delivered), network.uses(), network.peak_packets())


def step(case: Case) -> Traffic:
    """The case cycle by cycle."""
    interconnect, hops = case.interconnect, _Hops(case)
    triggers = [-1 if s.after is None or s.at is None else hops.delivering[s.after, s.at] for s in case.sendings]
    sent = [s.delay if s.after is None else UNKNOWN for s in case.sendings]
    sent_at, done, busy, packets, waiting = run_network(
        np.array(sent, np.int64),
        np.array(triggers, np.int64),
        np.array([s.delay for s in case.sendings], np.int64),
        np.array(hops.rows, np.int64),
        len(interconnect.links),
        len(interconnect.processors) + len(interconnect.links),
    )
    delivered = tuple(
        tuple(int(done[hops.delivering[s.message.id, end]]) for end in s.message.destinations) for s in case.sendings
    )
    carried = [0] * len(interconnect.links)
    for link, size in hops.bytes:
        carried[link] += size
    uses = tuple(LinkUse(*use) for use in zip(busy.tolist(), carried, packets.tolist(), strict=True))
    return Traffic(tuple(sent_at.tolist()), delivered, uses, tuple(waiting.tolist()))


class _Hops:
    """Hops of all messages one after another, as the stepped network takes them."""

    def __init__(self, case: Case) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.bytes: list[tuple[int, int]] = []
        self.delivering: dict[tuple[int, int], int] = {}
        for sending in case.sendings:
            message = sending.message
            for route in case.interconnect.routes(message.source, message.destinations):
                self._add(case.interconnect, message, route)

    def _add(self, interconnect: Interconnect, message: Message, route: Route) -> None:
        base = len(self.rows)
        for number, hop in enumerate(route.hops):
            link = interconnect.links[hop.link]
            parent = LOCAL if hop.parent == LOCAL else base + hop.parent
            asks = interconnect.requester(route, number)
            service, packets = link.packet_cycles(route.packet_bytes), route.packets(message.bytes)
            self.rows.append((message.id, hop.link, parent, asks, service, link.latency_cycles, packets))
            self.bytes.append((hop.link, message.bytes))
            for destination in hop.delivers:
                self.delivering[message.id, destination] = base + number


def compare_case(case: Case) -> int:
    """Largest absolute difference between event clock and stepped network over everything compared."""
    fast, slow = simulate(case), step(case)
    return int(np.abs(_numbers(fast) - _numbers(slow)).max())


def _numbers(traffic: Traffic) -> NDArray[np.int64]:
    times = (*traffic.sent, *(time for times in traffic.delivered for time in times))
    uses = (n for use in traffic.uses for n in (use.busy_cycles, use.bytes, use.packets))
    return np.array((*times, *uses, *traffic.peak_packets), np.int64)


def check_links(switches: Switches, cases: int, seed: int = 0) -> CheckResult:
    """Compare event clock and stepped network on random cases of one combination."""
    rng = np.random.default_rng((seed, COMBINATIONS.index(switches)))
    errors = [compare_case(draw_case(rng, switches)) for _ in range(cases)]
    return CheckResult(cases, sum(error > 0 for error in errors), max(errors, default=0))
