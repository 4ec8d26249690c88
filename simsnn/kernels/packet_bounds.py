"""When the next message can be delivered at the earliest: the cycle up to which time may pass unseen.

Lower bound per stream, from the state after all grants before ``until``: a queue alone on its
channel serves its runs one after another as they arrive; what has not arrived yet comes no earlier
than the bound of the parent, plus its own service and latency. Other queues only make it later. The
bound is exact where nothing contends, and at least a fixed part of what is left where queues take
turns, so few steps lead to the delivery.

Proof: :class:`simsnn.sim.network.PacketNetwork` refuses a delivery that comes before its bound.
"""

from __future__ import annotations

from simsnn.kernels import packet_state as at
from simsnn.kernels.compiler import jit
from simsnn.kernels.packet_state import NEVER, NONE, Integers


@jit
def _bound_queues(links: Integers, queues: Integers, runs: Integers, streams: Integers, link: int, until: int) -> None:
    """Bounds of the packets that wait at a channel or are on their way to it."""
    first = queue = links[link, at.FIRST]
    while True:
        time, run = max(until, links[link, at.FREE]), queues[queue, at.HEAD]
        while run != NONE:
            row = runs[run]
            stream = row[at.STREAM]
            service, count = streams[stream, at.SERVICE], row[at.TOTAL] - row[at.USED]
            last = row[at.START] + (row[at.TOTAL] - 1) * row[at.STEP]
            time = max(time + count * service, last + service)
            streams[stream, at.BOUND] = time + links[link, at.LATENCY]
            run = row[at.NEXT]
        queue = queues[queue, at.AFTER]
        if queue == first:
            return


@jit
def earliest_delivery(
    links: Integers,
    queues: Integers,
    runs: Integers,
    streams: Integers,
    messages: Integers,
    active: Integers,
    counters: Integers,
    until: int,
) -> int:
    """No message that is not done yet is delivered before this cycle; ``NEVER`` without one.

    Parameters
    ----------
    links, queues, runs, streams, messages, active, counters : int64 arrays
        State; see :mod:`simsnn.kernels.packet_state`. ``BOUND`` of the streams under way is overwritten.
    until : int
        All grants of the cycles before it are made.
    """
    for link in range(links.shape[0]):
        if links[link, at.PENDING] > 0:
            _bound_queues(links, queues, runs, streams, link, until)
    earliest = NEVER
    for place in range(counters[at.UNDERWAY]):
        message = active[place]
        base = messages[message, at.BASE]
        for stream in range(base, base + messages[message, at.STREAMS]):
            row = streams[stream]
            if row[at.LEFT] == 0:
                row[at.BOUND] = row[at.DONE]
                continue
            parent = row[at.PARENT]
            if parent != NONE and streams[parent, at.LEFT] > 0:
                latency = links[queues[row[at.QUEUE], at.LINK], at.LATENCY]
                behind = streams[parent, at.BOUND] + row[at.SERVICE] + latency
                # bounds of the packets that are there may be of an earlier call, hence too low, never too high
                row[at.BOUND] = max(row[at.BOUND], behind)
            if row[at.DELIVERS]:
                earliest = min(earliest, row[at.BOUND])
    return earliest
