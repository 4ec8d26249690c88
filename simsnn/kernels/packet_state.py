"""Columns of the arrays that hold packets in flight, and the small steps on them.

Packets are never single rows. A *stream* is a message on one channel; a *run* is a number of its
packets whose arrivals at the channel are an arithmetic progression; a *queue* is the chain of runs
of one requester of the channel. Grants are remembered as runs too, as long as the length of the
queue at the arrival of a later packet depends on them. The queues of a channel form a ring in the order of their
requesters. A tree of minima holds, per channel, a cycle before which it grants nothing.
All arrays are int64. Proof: ``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Integers = NDArray[np.int64]

NONE = -1
NEVER = 2**62
"""A cycle that no simulation reaches."""

FREE, LAST, FIRST, PENDING, UNKNOWN, LATENCY, BUSY, PACKETS, BYTES, PEAK = range(10)
"""Channels: idle from, queue granted last, first queue of the ring, queues with packets to come, packets to
come that have not arrived, latency, occupied cycles, packets and bytes carried, longest queue behind a channel."""

OPEN_STREAM, OPEN_START, OPEN_END, OPEN_COUNT, OPEN_BYTES, ROW = range(10, 16)
"""Channels, their last packets of one stream: which, from, to, how many, bytes; last row of the stretches."""
LINK_FIELDS = 16

LINK, KEY, AFTER, HEAD, TAIL, REMAINING, GRANTED, GONE, GONE_TAIL, DEPARTED, FED = range(11)
"""Queues: channel, requester, next in the ring, first and last run, packets to come, packets granted, first and
last run of remembered grants, packets granted before those, whether another channel feeds it."""
QUEUE_FIELDS = 11

STREAM, START, STEP, TOTAL, USED, NEXT = range(6)
"""Runs: stream, arrival of the first packet, distance of arrivals, packets, those granted, next run."""
RUN_FIELDS = 6

QUEUE, SERVICE, LEFT, CHILD, SIBLING, PARENT, DELIVERS, OWNER, SIZE, REST, DONE, BOUND, ALL = range(13)
"""Streams: queue, cycles per packet, packets not granted, first child, next child of the parent, parent, whether
a destination is here, message, bytes of a packet and of the last one, when all of it was through, lower bound,
packets."""
STREAM_FIELDS = 13

BASE, STREAMS, UNDONE, NAME, PLACE = range(5)
"""Messages: first stream, streams, those not done, id, place in the list of those under way."""
MESSAGE_FIELDS = 5

FREE_RUN, FREE_RUNS, UNDERWAY, DONES, STRETCHES, WIDEST = range(6)
"""Counters: first free run, free runs, messages under way, deliveries found, stretches, most children."""
COUNTERS = 6

STRETCH_LINK, STRETCH_START, STRETCH_END, STRETCH_MESSAGE, STRETCH_BYTES = range(5)
STRETCH_FIELDS = 5
LONG_STRETCH = 8
"""Packets in a row of one message that are shown as a stretch of it, even where it takes turns with others."""


@jit
def set_time(tree: Integers, link: int, time: int) -> None:
    """Write the cycle of a channel and the minima above it."""
    place = tree.shape[0] // 2 + link
    tree[place] = time
    place //= 2
    while place:
        low = min(tree[2 * place], tree[2 * place + 1])
        if tree[place] == low:
            return
        tree[place] = low
        place //= 2


@jit
def first_link(tree: Integers) -> int:
    """Channel with the smallest cycle, the lowest of equals."""
    half, place = tree.shape[0] // 2, 1
    while place < half:
        place *= 2
        if tree[place] != tree[place // 2]:
            place += 1
    return int(place - half)


@jit
def append_run(
    queues: Integers,
    runs: Integers,
    counters: Integers,
    queue: int,
    ends: int,
    stream: int,
    start: int,
    step: int,
    count: int,
) -> None:
    """Append packets to a chain of a queue; they join its last run where they continue it.

    ``ends`` is ``HEAD`` or ``GONE``: the column of the first run, the one behind it being that of the last.
    """
    tail = queues[queue, ends + 1]
    if tail != NONE and runs[tail, STREAM] == stream and start > runs[tail, START]:
        row = runs[tail]
        gap = start - (row[START] + (row[TOTAL] - 1) * row[STEP])
        if (row[TOTAL] == 1 or gap == row[STEP]) and (count == 1 or gap == step):
            row[STEP] = gap
            row[TOTAL] += count
            return
    run = counters[FREE_RUN]
    counters[FREE_RUN] = runs[run, NEXT]
    counters[FREE_RUNS] -= 1
    row = runs[run]
    row[STREAM], row[START], row[STEP], row[TOTAL], row[USED], row[NEXT] = stream, start, step, count, 0, NONE
    if tail == NONE:
        queues[queue, ends] = run
    else:
        runs[tail, NEXT] = run
    queues[queue, ends + 1] = run


@jit
def drop_first(queues: Integers, runs: Integers, counters: Integers, queue: int, ends: int) -> None:
    """Free the first run of a chain (``HEAD`` or ``GONE``) of a queue."""
    run = queues[queue, ends]
    after = runs[run, NEXT]
    queues[queue, ends] = after
    if after == NONE:
        queues[queue, ends + 1] = NONE
    runs[run, NEXT] = counters[FREE_RUN]
    counters[FREE_RUN] = run
    counters[FREE_RUNS] += 1


@jit
def departed(queues: Integers, runs: Integers, counters: Integers, queue: int, time: int) -> tuple[int, int]:
    """Packets granted before a cycle, and the next cycle at which the rate of grants may have changed.

    Cycles of successive calls never fall, so that grants all of which lie before it need not be remembered.
    """
    while True:
        run = runs[queues[queue, GONE]]
        end = run[START] + (run[TOTAL] - 1) * run[STEP]
        if end >= time or run[NEXT] == NONE:
            break
        queues[queue, DEPARTED] += run[TOTAL]
        drop_first(queues, runs, counters, queue, GONE)
    before = queues[queue, DEPARTED]
    if time <= run[START]:
        return before, run[START] + 1
    if time > end:
        return before + run[TOTAL], NEVER
    return before + (time - 1 - run[START]) // run[STEP] + 1, end + 1


@jit
def most_waiting(
    queues: Integers, runs: Integers, counters: Integers, queue: int, start: int, step: int, count: int
) -> int:
    """Longest queue, in packets, that the last ``count`` granted packets met at their arrivals, each with itself.

    They arrived from ``start`` on, ``step`` apart. Between two changes of the rate of grants the
    length falls or rises throughout, so that the arrivals around each change decide.
    """
    most, place, before = 0, 0, queues[queue, GRANTED] - count
    while True:
        gone, change = departed(queues, runs, counters, queue, start + place * step)
        most = max(most, before + place + 1 - gone)
        if place == count - 1:
            return int(most)
        behind = min(count - 1, (change - start + step - 1) // step)
        place = behind - 1 if behind - 1 > place else max(behind, place + 1)


@jit
def close_stretch(
    links: Integers, streams: Integers, messages: Integers, stretches: Integers, row: int, link: int
) -> int:
    """Book the last packets of one stream on a channel, in row ``row`` of the stretches; returns the next free row.

    A message whose packets pass in one go has a stretch, and so have ``LONG_STRETCH`` or more packets in a row
    of one message. Fewer are of several messages that take turns, in one stretch as long as they do.
    """
    stream, count = links[link, OPEN_STREAM], links[link, OPEN_COUNT]
    if count == 0:
        return row
    whole = count == streams[stream, ALL] or count >= LONG_STRETCH
    last = links[link, ROW]
    if not whole and last != NONE and stretches[last, STRETCH_MESSAGE] == NONE:
        stretches[last, STRETCH_END] = links[link, OPEN_END]
        stretches[last, STRETCH_BYTES] += links[link, OPEN_BYTES]
        return row
    stretches[row, STRETCH_LINK] = link
    stretches[row, STRETCH_START] = links[link, OPEN_START]
    stretches[row, STRETCH_END] = links[link, OPEN_END]
    stretches[row, STRETCH_MESSAGE] = messages[streams[stream, OWNER], NAME] if whole else NONE
    stretches[row, STRETCH_BYTES] = links[link, OPEN_BYTES]
    links[link, ROW] = row
    return row + 1
