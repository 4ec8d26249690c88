"""Shared channels between the chip and the outside, and their arbitration.

A channel serves one request at a time. A request occupies it for ``occupancy_cycles`` and its
data is complete ``latency_cycles`` after that, so latency is pipelined and never blocks.

Arbitration (docs/machines sections 7 and 9), in this order:

1. A cycle's arbitration happens after everything else of that cycle, so it sees every request
   that arrives in the cycle.
2. Requesters are numbered: ``2 * engine`` is the engine's load queue, ``2 * engine + 1`` its store
   queue. A queue is first come, first served. The grant goes to the first non-empty queue after
   the one granted last, cyclically; before the first grant the search starts at requester 0.
3. Of several channels free in one cycle the lower index grants first. A grant that occupies
   nothing is followed by another in the same cycle, after whatever the first one set off.

Tests: ``tests/unit/test_executor_arbitration.py``, and the cycle-by-cycle twin in
``tests/property/test_sim_twin.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from simpy import Environment
from simpy.events import Event

NORMAL = 1
"""Priority of everything but arbitration."""


class ChannelModel(Protocol):
    """What the event engine asks of a DRAM or a link."""

    @property
    def latency_cycles(self) -> int:
        """Cycles from the end of a request's occupancy until its data is complete."""

    def occupancy_cycles(self, size_bytes: int, /) -> int:
        """Cycles for which a request of ``size_bytes`` holds the channel: ceil(bytes / rate)."""


DramModel = ChannelModel


class Request:
    """One transfer waiting for, or served by, a channel."""

    __slots__ = ("chunk", "is_store", "occupancy_cycles", "size_bytes")

    def __init__(self, chunk: int, is_store: bool, occupancy_cycles: int, size_bytes: int) -> None:
        self.chunk = chunk
        self.is_store = is_store
        self.occupancy_cycles = occupancy_cycles
        self.size_bytes = size_bytes


Granted = Callable[[int, Request, int, int], None]
"""Called at the grant: (channel, request, start, data complete), in cycles."""


class RoundRobinChannel:
    """One channel on a SimPy clock.

    Parameters
    ----------
    env : Environment
        Clock, in integer cycles.
    index, latency_cycles, requesters : int
        Number of the channel, its latency, and how many queues ask for it.
    granted : callable
        Told of every grant; data complete is known then, ahead of its time.
    """

    __slots__ = ("_awake", "_env", "_free_at", "_granted", "_index", "_last", "_latency", "_pending", "_queues")

    def __init__(self, env: Environment, index: int, latency_cycles: int, requesters: int, granted: Granted) -> None:
        self._env = env
        self._index = index
        self._latency = latency_cycles
        self._granted = granted
        self._queues: tuple[deque[Request], ...] = tuple(deque() for _ in range(requesters))
        self._last = requesters - 1
        self._pending = 0
        self._free_at = 0
        self._awake = False

    def submit(self, requester: int, request: Request) -> None:
        """Append a request that arrives now to its requester's queue."""
        self._queues[requester].append(request)
        self._pending += 1
        if not self._awake:
            self._wake(max(0, self._free_at - int(self._env.now)))

    def _wake(self, delay: int) -> None:
        self._awake = True
        event = Event(self._env)
        event._ok, event._value = True, None
        event.callbacks = [self._arbitrate]
        self._env.schedule(event, NORMAL + 1 + self._index, delay)  # type: ignore[arg-type]

    def _arbitrate(self, _: Event) -> None:
        now = int(self._env.now)
        queues = self._queues
        requester = self._last
        while True:
            requester = requester + 1 if requester + 1 < len(queues) else 0
            if queues[requester]:
                break
        self._last = requester
        request = queues[requester].popleft()
        self._pending -= 1
        end = self._free_at = now + request.occupancy_cycles
        if self._pending:
            self._wake(request.occupancy_cycles)
        else:
            self._awake = False
        self._granted(self._index, request, now, end + self._latency)
