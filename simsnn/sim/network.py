"""Messages over the links, on the clock of the event engine.

Packets contend as in :mod:`simsnn.kernels.packets`. The network is simulated late rather than
early: grants of a cycle are made once the clock is past it, when every message that was sent in it
is known. Between two messages the clock is led to a delivery by lower bounds of its time
(:mod:`simsnn.kernels.packet_bounds`), so the network costs an event per message and a few per
delivery, not one per packet or per event of the engines.

Order within a cycle: first what is delivered in it, in the order of sending and then of the
destinations; then everything else, in any order. A message sent in a cycle takes part in the
arbitration of that cycle, also where a delivery of the same cycle sets it off; of messages that one
processor sends in one cycle over one channel the one sent first is served first.

Approximation: buffers between channels are unbounded; how full they get is in ``peak_packets``.

Tests: ``tests/unit/test_packet_network.py``; against the stepped network in
``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from simpy import Environment

from simsnn.errors import ModelDisagreement
from simsnn.kernels import packet_state as at
from simsnn.kernels.packet_state import NEVER, NONE
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.routes import LOCAL, Route
from simsnn.schedule.graph import Message
from simsnn.sim.channel import Call, schedule
from simsnn.sim.execution import LinkUse
from simsnn.sim.packet_arrays import PacketArrays, StreamShape

DELIVERY = 0
"""Priority of deliveries: before anything else of their cycle."""

SEVERAL = NONE
"""Message of a stretch in which several take turns on the channel."""

Delivered = Callable[[int, int, int], None]
"""Called at a delivery: (message, processor, cycle)."""


@dataclass(frozen=True, slots=True)
class _Passage:
    """A route in terms of the arrays, and the hops at which it delivers."""

    route: Route
    shape: StreamShape
    delivers: tuple[tuple[int, tuple[int, ...]], ...]


class PacketNetwork:
    """All links of a machine on a SimPy clock.

    Parameters
    ----------
    env : Environment
        Clock, in integer cycles.
    interconnect : Interconnect
        Channels and routes.
    delivered : callable
        Called at the cycle in which a message is complete at one of its destinations; it may send.
    room : int
        Rows of the arrays to begin with.
    """

    def __init__(self, env: Environment, interconnect: Interconnect, delivered: Delivered, *, room: int = 256) -> None:
        self._env = env
        self._interconnect = interconnect
        self._delivered = delivered
        self._arrays = PacketArrays(tuple(link.latency_cycles for link in interconnect.links), room)
        self._queues: dict[tuple[int, int], int] = {}
        self._passages: dict[tuple[int, tuple[int, ...]], tuple[_Passage, ...]] = {}
        # Per delivering stream: order of sending, message, destinations.
        self._open: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        self._certain: list[tuple[int, int, int, int]] = []  # cycle, order of sending, destination, message
        self._sent = 0
        self._wake_at = NEVER
        self._delivering = False

    def send(self, message: Message) -> None:
        """Send a message now.

        Raises
        ------
        ConfigError
            If a destination cannot be reached.
        ValueError
            For a message without bytes, without destinations, or to its own source.
        """
        if message.bytes <= 0 or not message.destinations or message.source in message.destinations:
            raise ValueError(f"message {message.id} has no bytes, no destination, or itself as one: {message}")
        now = int(self._env.now)
        self._advance(now)
        for passage in self._passage(message.source, message.destinations):
            route = passage.route
            packets = route.packets(message.bytes)
            last = message.bytes - (packets - 1) * route.packet_bytes
            base = self._arrays.add(passage.shape, message.id, now, packets, route.packet_bytes, last)
            for hop, destinations in passage.delivers:
                self._open[base + hop] = (self._sent, message.id, destinations)
        self._sent += 1
        if not self._delivering:
            # alone no destination has it earlier, and none of the others gets earlier than its own bound
            alone = min(self._interconnect.alone_cycles(message.source, d, message.bytes) for d in message.destinations)
            self._wake(now + alone)

    def uses(self) -> tuple[LinkUse, ...]:
        """What each channel carried up to now; all of it once the clock has run out of events."""
        return tuple(LinkUse(*row) for row in self._arrays.columns(at.BUSY, at.BYTES, at.PACKETS))

    def peak_packets(self) -> tuple[int, ...]:
        """Per channel, the most packets that waited for it at once behind one of the channels that feed it."""
        return tuple(peak for (peak,) in self._arrays.columns(at.PEAK))

    def stretches(self) -> list[tuple[int, int, int, int, int]]:
        """Stretches of use as (channel, start, end, message, bytes), by channel and start.

        Stretches of a channel never overlap. A message whose packets pass in one go has one, and so have
        ``LONG_STRETCH`` or more packets of one message in a row; where several take turns with fewer, the
        stretch is of ``SEVERAL``. Pauses in which the next packet has not come yet are part of a stretch.
        """
        return self._arrays.stretches()

    def _passage(self, source: int, destinations: tuple[int, ...]) -> tuple[_Passage, ...]:
        found = self._passages.get((source, destinations))
        if found is None:
            routes = self._interconnect.routes(source, destinations)
            found = self._passages[source, destinations] = tuple(self._translate(route) for route in routes)
        return found

    def _translate(self, route: Route) -> _Passage:
        links, hops = self._interconnect.links, route.hops
        shape = StreamShape(
            np.array([self._queue(route, hop) for hop in range(len(hops))], np.int64),
            np.array([hop.parent for hop in hops], np.int64),
            np.array([links[hop.link].packet_cycles(route.packet_bytes) for hop in hops], np.int64),
            np.array([bool(hop.delivers) for hop in hops], np.int64),
        )
        return _Passage(route, shape, tuple((n, hop.delivers) for n, hop in enumerate(hops) if hop.delivers))

    def _queue(self, route: Route, hop: int) -> int:
        """Queue in which a hop's packets wait: that of the source itself, or of the channel that feeds it."""
        link, requester = route.hops[hop].link, self._interconnect.requester(route, hop)
        found = self._queues.get((link, requester))
        if found is None:
            parent = route.hops[hop].parent
            feeder = NONE if parent == LOCAL else route.hops[parent].link
            found = self._queues[link, requester] = self._arrays.queue(link, requester, feeder)
        return found

    def _advance(self, until: int) -> None:
        for stream, time in self._arrays.advance(until):
            order, message, destinations = self._open.pop(stream)
            if time < until:
                raise ModelDisagreement(f"message {message} was delivered at {time}, which was found at {until}")
            for destination in destinations:
                heappush(self._certain, (time, order, destination, message))

    def _wake(self, time: int) -> None:
        """Look again at a cycle, unless an earlier look is due."""
        if time < self._wake_at:
            self._wake_at = time
            schedule(self._env, time, DELIVERY, self._look, time)

    def _look(self, call: Call) -> None:
        now = int(self._env.now)
        if call.value != self._wake_at:
            return
        self._wake_at = NEVER
        self._advance(now)
        self._delivering = True
        while self._certain and self._certain[0][0] == now:
            _, _, destination, message = heappop(self._certain)
            self._delivered(message, destination, now)
        self._delivering = False
        soonest = self._arrays.earliest_delivery(now)
        self._wake(min(soonest, self._certain[0][0]) if self._certain else soonest)
