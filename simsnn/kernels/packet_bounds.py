"""When the next message can be delivered at the earliest: the cycle up to which time may pass unseen.

Lower bound per stream, from the state after all grants before ``until``: a queue alone on its
channel serves its packets one after another, so that the last one of a stream that is there waits
for those before it; what has not come yet comes no earlier than the bound of the parent, plus its
own service and latency; and all that is left takes its service. Other queues only make it later.
The bound is at least a fixed part of what is left where queues take turns, so few steps lead to the
delivery.

Proof: :class:`simsnn.sim.network.PacketNetwork` refuses a delivery that comes before its bound.
"""

from __future__ import annotations

from simsnn.kernels import packet_state as at
from simsnn.kernels.compiler import jit
from simsnn.kernels.packet_state import HEADER, NEVER, NONE, Integers


@jit
def _bound_message(rows: Integers, message: int, until: int) -> int:
    """Bound of the first delivery of a message that is not certain."""
    earliest, base = NEVER, rows[message, at.BASE]
    for stream in range(base, base + rows[message, at.STREAMS]):
        if rows[stream, at.LEFT] == 0:
            rows[stream, at.BOUND] = rows[stream, at.DONE]
            continue
        queue, service, parent = rows[stream, at.QUEUE], rows[stream, at.SERVICE], rows[stream, at.PARENT]
        link = rows[queue, at.LINK]
        free = max(until, rows[link, at.FREE])
        bound = free + rows[stream, at.LEFT] * service
        ahead = rows[stream, at.WORK_BEFORE] - rows[queue, at.WORK_DONE]
        if ahead > 0:
            bound = max(bound, free + ahead, rows[stream, at.CAME] + service)
        if parent != NONE and rows[parent, at.LEFT] > 0:
            bound = max(bound, rows[parent, at.BOUND] + service)
        rows[stream, at.BOUND] = bound + rows[link, at.LATENCY]
        if rows[stream, at.DELIVERS]:
            earliest = min(earliest, rows[stream, at.BOUND])
    return earliest


@jit
def earliest_delivery(rows: Integers, until: int) -> int:
    """No delivery that is not certain yet comes before this cycle; ``NEVER`` without one.

    Parameters
    ----------
    rows : (N, FIELDS) int64
        State; see :mod:`simsnn.kernels.packet_state`. ``BOUND`` of the streams under way is overwritten.
    until : int
        All grants of the cycles before it are made.
    """
    earliest, message = NEVER, rows[HEADER, at.ACTIVE]
    while message != NONE:
        earliest = min(earliest, _bound_message(rows, message, until))
        message = rows[message, at.NEXT_ACTIVE]
    return earliest
