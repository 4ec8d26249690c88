"""Records of packets in flight, and the small steps on them.

Packets are never single records. A *stream* is a message on one channel; a *run* is a number of its
packets whose arrivals at the channel are an arithmetic progression; a *queue* is the chain of runs
of one requester of the channel. Grants are remembered as runs too, as long as the length of the
queue at the arrival of a later packet depends on them. The queues of a channel form a ring in the
order of their requesters.

All records are rows of one int64 array, and refer to each other by row: a compiled function pays for
every array that it is handed. Row 0 is the header. Rows 1 .. 2 * leaves - 1 are a tree of minima, whose
leaves are the channels: channel i is row ``leaves + i``, and its first column is a cycle before which
it grants nothing. All other rows are handed out on demand. Proof: ``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Integers = NDArray[np.int64]

NONE = -1
HEADER = 0
NEVER = 2**62
"""A cycle that no simulation reaches."""

FIELDS = 17
"""Columns of the array."""

LEAVES, FREE_ROW, FREE_ROWS, FRESH, ACTIVE, DONES, WIDEST = range(7)
"""Header: leaves of the tree, first free row and number of those, first row never used, first message under
way, first stream whose delivery was found, most children of a hop."""

(
    TIME,
    FREE,
    LAST,
    FIRST,
    PENDING,
    UNKNOWN,
    LATENCY,
    BUSY,
    PACKETS,
    BYTES,
    PEAK,
    STRETCH,
    OPEN_STREAM,
    OPEN_START,
    OPEN_END,
    OPEN_COUNT,
    OPEN_BYTES,
) = range(17)
"""Channels: cycle before which nothing is granted, idle from, queue granted last, first queue of the ring, queues
with packets to come, packets to come that have not arrived, latency, occupied cycles, packets and bytes carried,
longest queue behind a channel, last stretch; of the last packets of one stream: which, from, to, how many, bytes."""

LINK, KEY, AFTER, HEAD, TAIL, REMAINING, GRANTED, GONE, GONE_TAIL, DEPARTED, FED, WORK, WORK_DONE, FEEDER = range(14)
"""Queues: channel, requester, next in the ring, first and last run, packets to come, packets granted, first and
last run of remembered grants, packets granted before those, whether another channel feeds it, cycles on the
channel of all packets that ever came, of those granted; the channel that feeds it."""

STREAM, START, STEP, TOTAL, USED, NEXT = range(6)
"""Runs: stream, arrival of the first packet, distance of arrivals, packets, those granted, next run."""

(
    QUEUE,
    SERVICE,
    LEFT,
    CHILD,
    SIBLING,
    PARENT,
    DELIVERS,
    OWNER,
    SIZE,
    REST,
    DONE,
    BOUND,
    ALL,
    NEXT_DONE,
    WORK_BEFORE,
    CAME,
) = range(16)
"""Streams: queue, cycles per packet, packets not granted, first child, next child of the parent, parent, whether
a destination is here, message, bytes of a packet and of the last one, when all of it was through, lower bound,
packets, next stream whose delivery was found; ``WORK`` of the queue with its last packet so far, and when that came."""

BASE, STREAMS, UNDONE, NAME, PREVIOUS_ACTIVE, NEXT_ACTIVE = range(6)
"""Messages: first stream (the others follow it), streams, those not done, id, neighbours among those under way."""

STRETCH_START, STRETCH_END, STRETCH_MESSAGE, STRETCH_BYTES, STRETCH_BEFORE = range(5)
"""Stretches: start, end, message, bytes, the stretch before on the channel."""

LONG_STRETCH = 8
"""Packets in a row of one message that are shown as a stretch of it, even where it takes turns with others."""


@jit
def set_time(rows: Integers, link: int, time: int) -> None:
    """Write the cycle of a channel and the minima above it."""
    rows[link, TIME] = time
    place = link // 2
    while place:
        low = min(rows[2 * place, TIME], rows[2 * place + 1, TIME])
        if rows[place, TIME] == low:
            return
        rows[place, TIME] = low
        place //= 2


@jit
def first_link(rows: Integers) -> int:
    """Channel with the smallest cycle, the lowest of equals."""
    place = 1
    while place < rows[HEADER, LEAVES]:
        place *= 2
        if rows[place, TIME] != rows[place // 2, TIME]:
            place += 1
    return place


@jit
def new_row(rows: Integers) -> int:
    """A row for a new record; the caller knows that there is one."""
    row = rows[HEADER, FREE_ROW]
    if row != NONE:
        rows[HEADER, FREE_ROW] = rows[row, NEXT]
        rows[HEADER, FREE_ROWS] -= 1
        return int(row)
    row = rows[HEADER, FRESH]
    rows[HEADER, FRESH] += 1
    return int(row)


@jit
def append_run(rows: Integers, queue: int, ends: int, stream: int, start: int, step: int, count: int) -> None:
    """Append packets to a chain of a queue; they join its last run where they continue it.

    ``ends`` is ``HEAD`` or ``GONE``: the column of the first run, the one behind it being that of the last.
    """
    tail = rows[queue, ends + 1]
    if tail != NONE and rows[tail, STREAM] == stream and start > rows[tail, START]:
        total = rows[tail, TOTAL]
        gap = start - (rows[tail, START] + (total - 1) * rows[tail, STEP])
        if (total == 1 or gap == rows[tail, STEP]) and (count == 1 or gap == step):
            rows[tail, STEP] = gap
            rows[tail, TOTAL] = total + count
            return
    run = new_row(rows)
    rows[run, STREAM] = stream
    rows[run, START] = start
    rows[run, STEP] = step
    rows[run, TOTAL] = count
    rows[run, USED] = 0
    rows[run, NEXT] = NONE
    if tail == NONE:
        rows[queue, ends] = run
    else:
        rows[tail, NEXT] = run
    rows[queue, ends + 1] = run


@jit
def enter(rows: Integers, stream: int, start: int, step: int, count: int) -> None:
    """Packets of a stream come into its queue."""
    queue = rows[stream, QUEUE]
    append_run(rows, queue, HEAD, stream, start, step, count)
    rows[queue, WORK] += count * rows[stream, SERVICE]
    rows[stream, WORK_BEFORE] = rows[queue, WORK]
    rows[stream, CAME] = start + (count - 1) * step


@jit
def drop_first(rows: Integers, queue: int, ends: int) -> None:
    """Free the first run of a chain (``HEAD`` or ``GONE``) of a queue."""
    run = rows[queue, ends]
    after = rows[run, NEXT]
    rows[queue, ends] = after
    if after == NONE:
        rows[queue, ends + 1] = NONE
    rows[run, NEXT] = rows[HEADER, FREE_ROW]
    rows[HEADER, FREE_ROW] = run
    rows[HEADER, FREE_ROWS] += 1


@jit
def departed(rows: Integers, queue: int, time: int) -> tuple[int, int]:
    """Packets granted before a cycle, and the next cycle at which the rate of grants may have changed.

    Cycles of successive calls never fall, so that grants all of which lie before it need not be remembered.
    """
    while True:
        run = rows[queue, GONE]
        start, step, total = rows[run, START], rows[run, STEP], rows[run, TOTAL]
        end = start + (total - 1) * step
        if end >= time or rows[run, NEXT] == NONE:
            break
        rows[queue, DEPARTED] += total
        drop_first(rows, queue, GONE)
    before = rows[queue, DEPARTED]
    if time <= start:
        return before, start + 1
    if time > end:
        return before + total, NEVER
    return before + (time - 1 - start) // step + 1, end + 1


@jit
def most_waiting(rows: Integers, queue: int, start: int, step: int, count: int) -> int:
    """Longest queue, in packets, that the last ``count`` granted packets met at their arrivals, each with itself.

    They arrived from ``start`` on, ``step`` apart. Between two changes of the rate of grants the
    length falls or rises throughout, so that the arrivals around each change decide.
    """
    most, place, before = 0, 0, rows[queue, GRANTED] - count
    while True:
        gone, change = departed(rows, queue, start + place * step)
        most = max(most, before + place + 1 - gone)
        if place == count - 1:
            return int(most)
        behind = min(count - 1, (change - start + step - 1) // step)
        place = behind - 1 if behind - 1 > place else max(behind, place + 1)


@jit
def add_stretch(rows: Integers, link: int, start: int, end: int, message: int, size_bytes: int) -> None:
    """Append a stretch to those of a channel; one of several messages goes on where the last one is of several."""
    last = rows[link, STRETCH]
    if message == NONE and last != NONE and rows[last, STRETCH_MESSAGE] == NONE:
        rows[last, STRETCH_END] = end
        rows[last, STRETCH_BYTES] += size_bytes
        return
    row = new_row(rows)
    rows[row, STRETCH_START] = start
    rows[row, STRETCH_END] = end
    rows[row, STRETCH_MESSAGE] = message
    rows[row, STRETCH_BYTES] = size_bytes
    rows[row, STRETCH_BEFORE] = last
    rows[link, STRETCH] = row


@jit
def close_stretch(rows: Integers, link: int) -> None:
    """Book the last packets of one stream on a channel as a stretch, or as part of the one before.

    A message whose packets pass in one go has a stretch, and so have ``LONG_STRETCH`` or more packets in a row
    of one message. Fewer are of several messages that take turns, in one stretch as long as they do.
    """
    stream, count = rows[link, OPEN_STREAM], rows[link, OPEN_COUNT]
    if count == 0:
        return
    rows[link, OPEN_COUNT] = 0
    whole = count == rows[stream, ALL] or count >= LONG_STRETCH
    message = rows[rows[stream, OWNER], NAME] if whole else NONE
    add_stretch(rows, link, rows[link, OPEN_START], rows[link, OPEN_END], message, rows[link, OPEN_BYTES])
