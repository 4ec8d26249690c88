"""Shared channels to the DRAM and to local memories, and their arbitration.

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
from heapq import heappop, heappush
from typing import Protocol

from simpy import Environment

ARRIVAL = 1
"""Priority of requests that arrive."""

ARBITRATION = 2
"""Priority of channel 0's arbitration; channel i has ``ARBITRATION + i``."""


class ChannelModel(Protocol):
    """What the event engine asks of a DRAM or a local memory."""

    @property
    def latency_cycles(self) -> int:
        """Cycles from the end of a request's occupancy until its data is complete."""

    def occupancy_cycles(self, size_bytes: int, /) -> int:
        """Cycles for which a request of ``size_bytes`` holds the channel: ceil(bytes / rate)."""


DramModel = ChannelModel


Granted = Callable[[int, int, int, int, int, int], None]
"""Called at the grant: (channel, requester, chunk, bytes, start, end of the occupancy)."""


class RoundRobinChannel:
    """One channel on a SimPy clock.

    Parameters
    ----------
    env : Environment
        Clock, in integer cycles.
    index : int
        Number of the channel.
    requesters : int
        How many queues ask for it.
    occupancy_cycles : dict of int to int
        For how long a request of so many bytes holds the channel.
    granted : callable
        Told of every grant.
    """

    __slots__ = (
        "_after",
        "_awake",
        "_env",
        "_free_at",
        "_granted",
        "_index",
        "_occupancy",
        "_priority",
        "_queues",
        "_waiting",
    )

    def __init__(
        self, env: Environment, index: int, requesters: int, occupancy_cycles: dict[int, int], granted: Granted
    ) -> None:
        self._env = env
        self._index = index
        self._priority = ARBITRATION + index
        self._occupancy = occupancy_cycles
        self._granted = granted
        self._queues: tuple[deque[tuple[int, int]], ...] = tuple(deque() for _ in range(requesters))
        self._after = -1  # bits of the requesters after the one granted last, and all above
        self._waiting = 0  # bit r: requester r's queue is not empty
        self._free_at = 0
        self._awake = False

    def submit(self, requester: int, chunk: int, size_bytes: int) -> None:
        """Append a request that arrives now to its requester's queue."""
        self._queues[requester].append((chunk, size_bytes))
        self._waiting |= 1 << requester
        if not self._awake:
            self._awake = True
            now = int(self._env.now)
            schedule(self._env, max(self._free_at, now), self._priority, self._arbitrate)

    def _arbitrate(self, _: Call) -> None:
        now = int(self._env.now)
        # The lowest bit after the last grant's, or else the lowest of all.
        waiting = self._waiting
        candidates = waiting & self._after or waiting
        lowest = candidates & -candidates
        self._after = -(lowest << 1)
        requester = lowest.bit_length() - 1
        queue = self._queues[requester]
        chunk, size_bytes = queue.popleft()
        if not queue:
            self._waiting = waiting = waiting ^ lowest
        self._free_at = end = now + self._occupancy[size_bytes]
        if waiting:
            schedule(self._env, end, self._priority, self._arbitrate)
        else:
            self._awake = False
        self._granted(self._index, requester, chunk, size_bytes, now, end)


class Call:
    """An event that is triggered already, with one callback and a number for it.

    SimPy asks no more of what it takes from its queue; a whole ``simpy.Event`` costs twice as much.
    """

    __slots__ = ("callbacks", "value")
    _ok = True

    def __init__(self, action: Callable[[Call], None], value: int) -> None:
        self.callbacks: list[Callable[[Call], None]] | None = [action]
        self.value = value


def schedule(env: Environment, time: int, priority: int, action: Callable[[Call], None], value: int = 0) -> None:
    """Call ``action`` at a time, with an event that carries ``value``.

    Equal times go by priority, lower first, then by the order of the calls. The entry is what
    ``Environment.schedule`` would push, without its sum of now and a delay.
    """
    heappush(env._queue, (time, priority, next(env._eid), Call(action, value)))  # type: ignore[misc]


def run_events(env: Environment) -> None:
    """Make every call that ``schedule`` put on a clock, in order, until none is left.

    ``Environment.run`` without its look for failed events and its bookkeeping of callbacks, which is most of its time.
    """
    queue = env._queue
    while queue:
        env._now, _, _, call = heappop(queue)
        call.callbacks[0](call)
