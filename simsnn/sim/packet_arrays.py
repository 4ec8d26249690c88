"""The arrays of packets in flight, with room that grows on demand, around the kernel that moves them.

Tests: ``tests/property/test_network_twin.py`` (small and large starting sizes give equal results).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels import packet_state as at
from simsnn.kernels.packet_bounds import earliest_delivery
from simsnn.kernels.packet_state import NEVER, NONE, close_stretch
from simsnn.kernels.packets import FINISHED, NEED_RUNS, add_message, advance

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StreamShape:
    """What a message of one kind adds: one stream per hop of its route, parents before children.

    Parameters
    ----------
    queues, parents, service, delivers : (hops,) int64
        Queue of each hop, parent hop or -1, cycles per packet, whether it delivers.
    """

    queues: Integers
    parents: Integers
    service: Integers
    delivers: Integers


class PacketArrays:
    """Channels, queues, runs, streams and messages as columns.

    Parameters
    ----------
    latency_cycles : tuple of int
        Of each directed channel.
    room : int
        Rows to begin with, positive.
    """

    def __init__(self, latency_cycles: tuple[int, ...], room: int = 256) -> None:
        links = len(latency_cycles)
        self.links = np.zeros((links, at.LINK_FIELDS), np.int64)
        self.links[:, [at.LAST, at.FIRST, at.ROW]] = NONE
        self.links[:, at.LATENCY] = latency_cycles
        leaves = 1
        while leaves < links:
            leaves *= 2
        self._tree = np.full(2 * leaves, NEVER, np.int64)
        self._queues = np.zeros((room, at.QUEUE_FIELDS), np.int64)
        self._queue_count = 0
        self._runs = np.zeros((0, at.RUN_FIELDS), np.int64)
        self._streams = np.zeros((room, at.STREAM_FIELDS), np.int64)
        self._stream_count = 0
        self._messages = np.zeros((room, at.MESSAGE_FIELDS), np.int64)
        self._message_count = 0
        self._active = np.zeros(room, np.int64)
        self._done = np.zeros(room, np.int64)
        self._stretches = np.zeros((room, at.STRETCH_FIELDS), np.int64)
        self._counters = np.zeros(at.COUNTERS, np.int64)
        self._counters[at.FREE_RUN] = NONE
        self._add_runs(room)

    def queue(self, link: int, requester: int, *, fed: bool) -> int:
        """Make the queue of a requester, in its place in the ring of the channel's queues."""
        number, self._queue_count = self._queue_count, self._queue_count + 1
        self._queues = _with_room(self._queues, self._queue_count)
        row = self._queues[number]
        row[at.LINK], row[at.KEY], row[at.FED] = link, requester, fed
        row[[at.HEAD, at.TAIL, at.GONE, at.GONE_TAIL]] = NONE
        first = int(self.links[link, at.FIRST])
        if first == NONE:
            row[at.AFTER] = number
        else:
            # behind the last of the lower requesters; behind the highest of all where there is none
            before = last = first
            while self._queues[last, at.AFTER] != first:
                last = int(self._queues[last, at.AFTER])
                before = last if self._queues[last, at.KEY] < requester else before
            before = last if self._queues[first, at.KEY] > requester else before
            row[at.AFTER] = self._queues[before, at.AFTER]
            self._queues[before, at.AFTER] = number
        if first == NONE or self._queues[first, at.KEY] > requester:
            self.links[link, at.FIRST] = number
        return number

    def add(self, shape: StreamShape, name: int, now: int, packets: int, packet_bytes: int, last_bytes: int) -> int:
        """Put a message into the queues of its first channels; returns the number of its first stream."""
        base, hops = self._stream_count, len(shape.queues)
        self._stream_count += hops
        self._message_count += 1
        self._streams = _with_room(self._streams, self._stream_count)
        self._messages = _with_room(self._messages, self._message_count)
        self._active = _with_room(self._active, self._message_count)
        self._done = _with_room(self._done, self._stream_count)
        while self._counters[at.FREE_RUNS] < hops:
            self._add_runs(len(self._runs))
        add_message(
            self.links,
            self._tree,
            self._queues,
            self._runs,
            self._streams,
            self._messages,
            self._active,
            self._counters,
            shape.queues,
            shape.parents,
            shape.service,
            shape.delivers,
            base,
            self._message_count - 1,
            name,
            now,
            packets,
            packet_bytes,
            last_bytes,
        )
        return base

    def advance(self, until: int) -> list[tuple[int, int]]:
        """Make every grant before a cycle; returns stream and time of the deliveries that are certain now."""
        while True:
            status = advance(
                self.links,
                self._tree,
                self._queues,
                self._runs,
                self._streams,
                self._messages,
                self._active,
                self._done,
                self._stretches,
                self._counters,
                until,
            )
            if status == FINISHED:
                break
            if status == NEED_RUNS:
                self._add_runs(len(self._runs))
            else:
                self._stretches = _with_room(self._stretches, len(self._stretches) + 1)
        count = int(self._counters[at.DONES])
        self._counters[at.DONES] = 0
        found = self._done[:count]
        return list(zip(found.tolist(), self._streams[found, at.DONE].tolist(), strict=True)) if count else []

    def earliest_delivery(self, until: int) -> int:
        """Cycle before which no delivery that is not certain yet can be; ``NEVER`` without one."""
        return int(
            earliest_delivery(
                self.links,
                self._queues,
                self._runs,
                self._streams,
                self._messages,
                self._active,
                self._counters,
                until,
            )
        )

    def stretches(self) -> Integers:
        """Stretches of use up to now, (rows, STRETCH_FIELDS) int64; what goes on is not ended by the call."""
        rows, links = int(self._counters[at.STRETCHES]), self.links.copy()
        found = _with_room(self._stretches, rows + len(links)).copy()
        for link in range(len(links)):
            rows = int(close_stretch(links, self._streams, self._messages, found, rows, link))
        return found[:rows]

    def _add_runs(self, count: int) -> None:
        first = len(self._runs)
        added = np.zeros((count, at.RUN_FIELDS), np.int64)
        added[:, at.NEXT] = np.arange(first + 1, first + count + 1)
        added[-1, at.NEXT] = self._counters[at.FREE_RUN]
        self._runs = np.concatenate((self._runs, added))
        self._counters[at.FREE_RUN] = first
        self._counters[at.FREE_RUNS] += count


def _with_room(array: Integers, rows: int) -> Integers:
    """The array, or one of at least twice the length that begins with it."""
    if rows <= len(array):
        return array
    larger = np.zeros((max(rows, 2 * len(array)), *array.shape[1:]), np.int64)
    larger[: len(array)] = array
    return larger
