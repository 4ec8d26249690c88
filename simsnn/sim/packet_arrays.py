"""The array of packets in flight, which grows on demand, around the kernel that moves them.

Tests: ``tests/property/test_network_twin.py`` (small and large starting sizes give equal results).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels import packet_state as at
from simsnn.kernels.packet_bounds import earliest_delivery
from simsnn.kernels.packet_state import HEADER, NEVER, NONE, close_stretch
from simsnn.kernels.packets import add_message, advance

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
    """Channels, queues, runs, streams and messages: rows of one array.

    Parameters
    ----------
    latency_cycles : tuple of int
        Of each directed channel.
    room : int
        Rows to begin with, beside those of the channels; positive.
    """

    def __init__(self, latency_cycles: tuple[int, ...], room: int = 256) -> None:
        self._count = len(latency_cycles)
        self._leaves = 1
        while self._leaves < self._count:
            self._leaves *= 2
        self._rows = np.zeros((2 * self._leaves + room, at.FIELDS), np.int64)
        self._rows[HEADER, [at.FREE_ROW, at.ACTIVE, at.DONES]] = NONE
        self._rows[HEADER, at.LEAVES] = self._leaves
        self._rows[HEADER, at.FRESH] = 2 * self._leaves
        self._rows[1 : 2 * self._leaves, at.TIME] = NEVER
        self._links()[:, [at.LAST, at.FIRST, at.STRETCH]] = NONE
        self._links()[:, at.LATENCY] = latency_cycles

    def queue(self, link: int, requester: int, feeder: int) -> int:
        """Make the queue of a requester, in its place in the ring of the channel's queues; returns its row.

        ``feeder`` is the channel whose packets come into it, -1 where a processor sends.
        """
        self._make_room(1)
        rows, link = self._rows, self._leaves + link
        number = int(rows[HEADER, at.FRESH])
        rows[HEADER, at.FRESH] += 1
        row = rows[number]
        row[at.LINK], row[at.KEY] = link, requester
        row[at.FED], row[at.FEEDER] = feeder != NONE, self._leaves + feeder
        row[[at.HEAD, at.TAIL, at.GONE, at.GONE_TAIL]] = NONE
        first = int(rows[link, at.FIRST])
        if first == NONE:
            row[at.AFTER] = number
        else:
            # behind the last of the lower requesters; behind the highest of all where there is none
            before = last = first
            while rows[last, at.AFTER] != first:
                last = int(rows[last, at.AFTER])
                before = last if rows[last, at.KEY] < requester else before
            before = last if rows[first, at.KEY] > requester else before
            row[at.AFTER] = rows[before, at.AFTER]
            rows[before, at.AFTER] = number
        if first == NONE or rows[first, at.KEY] > requester:
            rows[link, at.FIRST] = number
        return number

    def add(self, shape: StreamShape, name: int, now: int, packets: int, packet_bytes: int, last_bytes: int) -> int:
        """Put a message into the queues of its first channels; returns the row of its first stream."""
        self._make_room(2 * len(shape.queues) + 1)
        return int(
            add_message(
                self._rows,
                shape.queues,
                shape.parents,
                shape.service,
                shape.delivers,
                name,
                now,
                packets,
                packet_bytes,
                last_bytes,
            )
        )

    def advance(self, until: int) -> list[tuple[int, int]]:
        """Make every grant before a cycle; returns stream and time of the deliveries that are certain now."""
        while not advance(self._rows, until):
            self._make_room(len(self._rows))
        found: list[tuple[int, int]] = []
        stream = int(self._rows[HEADER, at.DONES])
        self._rows[HEADER, at.DONES] = NONE
        while stream != NONE:
            found.append((stream, int(self._rows[stream, at.DONE])))
            stream = int(self._rows[stream, at.NEXT_DONE])
        return found

    def earliest_delivery(self, until: int) -> int:
        """Cycle before which no delivery that is not certain yet can be; ``NEVER`` without one."""
        return int(earliest_delivery(self._rows, until))

    def columns(self, *fields: int) -> list[list[int]]:
        """Some fields of every channel."""
        found: list[list[int]] = self._links()[:, list(fields)].tolist()
        return found

    def stretches(self) -> list[tuple[int, int, int, int, int]]:
        """Stretches of use up to now as (channel, start, end, message, bytes), by channel and start."""
        self._make_room(self._count)
        rows = self._rows.copy()  # what goes on is not ended by being looked at
        found: list[tuple[int, int, int, int, int]] = []
        for link in range(self._count):
            close_stretch(rows, self._leaves + link)
            place, of_link = int(rows[self._leaves + link, at.STRETCH]), []
            while place != NONE:
                start, end, message, size, before = rows[place, : at.STRETCH_BEFORE + 1].tolist()
                of_link.append((link, start, end, message, size))
                place = before
            found += reversed(of_link)
        return found

    def _links(self) -> Integers:
        return self._rows[self._leaves : self._leaves + self._count]

    def _make_room(self, rows: int) -> None:
        """Let at least so many rows be there that were never used; at least twice as many in all where it grows."""
        length = int(self._rows[HEADER, at.FRESH]) + rows
        if length > len(self._rows):
            longer = np.zeros((max(length, 2 * len(self._rows)), at.FIELDS), np.int64)
            longer[: len(self._rows)] = self._rows
            self._rows = longer
