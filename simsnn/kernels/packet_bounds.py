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
from simsnn.kernels.packet_state import HEADER, NEVER, NONE, Integers


@jit
def _bound_queues(rows: Integers, link: int, until: int) -> None:
    """Bounds of the packets that wait at a channel or are on their way to it."""
    first = queue = rows[link, at.FIRST]
    while True:
        time, run = max(until, rows[link, at.FREE]), rows[queue, at.HEAD]
        while run != NONE:
            stream = rows[run, at.STREAM]
            service, count = rows[stream, at.SERVICE], rows[run, at.TOTAL] - rows[run, at.USED]
            last = rows[run, at.START] + (rows[run, at.TOTAL] - 1) * rows[run, at.STEP]
            time = max(time + count * service, last + service)
            rows[stream, at.BOUND] = time + rows[link, at.LATENCY]
            run = rows[run, at.NEXT]
        queue = rows[queue, at.AFTER]
        if queue == first:
            return


@jit
def _bound_message(rows: Integers, message: int) -> int:
    """Bound of the first delivery of a message that is not certain."""
    earliest, base = NEVER, rows[message, at.BASE]
    for stream in range(base, base + rows[message, at.STREAMS]):
        if rows[stream, at.LEFT] == 0:
            rows[stream, at.BOUND] = rows[stream, at.DONE]
            continue
        parent = rows[stream, at.PARENT]
        if parent != NONE and rows[parent, at.LEFT] > 0:
            latency = rows[rows[rows[stream, at.QUEUE], at.LINK], at.LATENCY]
            behind = rows[parent, at.BOUND] + rows[stream, at.SERVICE] + latency
            # the bound of packets that are there may be of an earlier call: too low then, never too high
            rows[stream, at.BOUND] = max(rows[stream, at.BOUND], behind)
        if rows[stream, at.DELIVERS]:
            earliest = min(earliest, rows[stream, at.BOUND])
    return earliest


@jit
def earliest_delivery(rows: Integers, links: int, until: int) -> int:
    """No delivery that is not certain yet comes before this cycle; ``NEVER`` without one.

    Parameters
    ----------
    rows : (N, FIELDS) int64
        State; see :mod:`simsnn.kernels.packet_state`. ``BOUND`` of the streams under way is overwritten.
    links : int
        Channels.
    until : int
        All grants of the cycles before it are made.
    """
    leaves = rows[HEADER, at.LEAVES]
    for link in range(leaves, leaves + links):
        if rows[link, at.PENDING] > 0:
            _bound_queues(rows, link, until)
    earliest, message = NEVER, rows[HEADER, at.ACTIVE]
    while message != NONE:
        earliest = min(earliest, _bound_message(rows, message))
        message = rows[message, at.NEXT_ACTIVE]
    return earliest
