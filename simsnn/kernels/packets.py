"""Packets on contended channels: exact times, in steps of runs where nothing can interfere.

Machine (docs/machines section 7). A channel serves one packet at a time and holds it for ``service``
cycles; ``latency`` cycles later the packet is at the end of the channel, where it enters the queue
of the next channel of its tree, once per branch, or is delivered. Requesters of a channel are the
processors that send over it themselves, by number, then the channels that feed it, by number; each
has one queue, first come, first served. An idle channel grants the head of the first queue that has
one after the queue granted last, cyclically; before the first grant the search starts at the lowest
requester. Grants of one cycle see every packet that is there in it, so the order of the channels
within a cycle does not matter: a packet takes at least one cycle. Queues are unbounded.

Steps. Channels are taken in the order of the earliest cycle at which they may grant. A channel goes on

* up to ``until`` where everything that passes it before has arrived, or all that will has one requester,
* else up to and with the cycle at which any other channel may grant next: what that one then sends on
  arrives a cycle later at the earliest.

With one requester left, a run of packets is granted at once: back to back while they arrive faster
than they leave or have piled up, else as they arrive. Where several have packets waiting that end at
this channel, and none that is still to come can take part, whole rounds of turns are granted at once.

Proof: ``simsnn/reference/network.py`` steps every cycle and every packet; compared in
``simsnn/sim/link_check.py`` and ``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

from simsnn.kernels import packet_state as at
from simsnn.kernels.compiler import jit
from simsnn.kernels.packet_state import HEADER, NEVER, NONE, Integers


@jit
def _choose(rows: Integers, link: int) -> tuple[int, int]:
    """Next grant of a channel as things stand: queue and cycle."""
    free, last = rows[link, at.FREE], rows[link, at.LAST]
    first = rows[last, at.AFTER] if last != NONE else rows[link, at.FIRST]
    chosen, time = NONE, NEVER
    queue = first
    while queue != NONE:
        head = rows[queue, at.HEAD]
        if head != NONE:
            ready = rows[head, at.START] + rows[head, at.USED] * rows[head, at.STEP]
            if ready <= free:
                return queue, free
            if ready < time:
                chosen, time = queue, ready
        queue = rows[queue, at.AFTER]
        if queue == first:
            break
    return chosen, time


@jit
def _send_on(rows: Integers, stream: int, start: int, step: int, count: int) -> None:
    """Packets that leave a channel enter the queues of all branches of their tree."""
    child = rows[stream, at.CHILD]
    while child != NONE:
        link = rows[rows[child, at.QUEUE], at.LINK]
        at.enter(rows, child, start, step, count)
        rows[link, at.UNKNOWN] -= count
        time = max(rows[link, at.FREE], start)
        if time < rows[link, at.TIME]:
            at.set_time(rows, link, time)
        child = rows[child, at.SIBLING]


@jit
def _finish(rows: Integers, stream: int, time: int) -> None:
    """The last packet of a stream is granted: it is all there at ``time``."""
    rows[stream, at.DONE] = time
    if rows[stream, at.DELIVERS]:
        rows[stream, at.NEXT_DONE] = rows[HEADER, at.DONES]
        rows[HEADER, at.DONES] = stream
    message = rows[stream, at.OWNER]
    rows[message, at.UNDONE] -= 1
    if rows[message, at.UNDONE]:
        return
    before, after = rows[message, at.PREVIOUS_ACTIVE], rows[message, at.NEXT_ACTIVE]
    if before == NONE:
        rows[HEADER, at.ACTIVE] = after
    else:
        rows[before, at.NEXT_ACTIVE] = after
    if after != NONE:
        rows[after, at.PREVIOUS_ACTIVE] = before


@jit
def _batch(rows: Integers, run: int, service: int, time: int, limit: int) -> tuple[int, int]:
    """Packets of a run that follow one another without interference from ``time`` on, and their distance."""
    count, step = rows[run, at.TOTAL] - rows[run, at.USED], rows[run, at.STEP]
    waited = time - (rows[run, at.START] + rows[run, at.USED] * step)
    spacing = service
    if step > service:
        if waited == 0:
            spacing = step
        else:
            # the pile shrinks by step - service with each packet
            count = min(count, waited // (step - service) + 1)
    return min(count, (limit - 1 - time) // spacing + 1), spacing


@jit
def _grant(rows: Integers, queue: int, time: int, count: int, spacing: int) -> int:
    """Book ``count`` packets of the first run of a queue, granted from ``time`` on; returns their bytes."""
    link, head = rows[queue, at.LINK], rows[queue, at.HEAD]
    stream = rows[head, at.STREAM]
    service = rows[stream, at.SERVICE]
    rows[queue, at.GRANTED] += count
    rows[queue, at.WORK_DONE] += count * service
    if rows[queue, at.FED]:
        at.append_run(rows, queue, at.GONE, NONE, time, spacing, count)
        came = rows[head, at.START] + rows[head, at.USED] * rows[head, at.STEP]
        waiting = at.most_waiting(rows, queue, came, rows[head, at.STEP], count)
        rows[link, at.PEAK] = max(rows[link, at.PEAK], waiting)
    rows[head, at.USED] += count
    rows[stream, at.LEFT] -= count
    rows[queue, at.REMAINING] -= count
    if rows[queue, at.REMAINING] == 0:
        rows[link, at.PENDING] -= 1
    if rows[head, at.USED] == rows[head, at.TOTAL]:
        at.drop_first(rows, queue, at.HEAD)
    size = count * rows[stream, at.SIZE]
    if rows[stream, at.LEFT] == 0:
        size += rows[stream, at.REST] - rows[stream, at.SIZE]
    rows[link, at.FREE] = time + (count - 1) * spacing + service
    rows[link, at.LAST] = queue
    rows[link, at.BUSY] += count * service
    rows[link, at.PACKETS] += count
    rows[link, at.BYTES] += size
    return int(size)


@jit
def _show(rows: Integers, link: int, stream: int, time: int, count: int, size: int) -> None:
    """Add granted packets of one stream to those that were granted in a row."""
    if rows[link, at.OPEN_STREAM] != stream or rows[link, at.OPEN_COUNT] == 0:
        at.close_stretch(rows, link)
        rows[link, at.OPEN_STREAM] = stream
        rows[link, at.OPEN_START] = time
        rows[link, at.OPEN_BYTES] = 0
    rows[link, at.OPEN_END] = rows[link, at.FREE]
    rows[link, at.OPEN_COUNT] += count
    rows[link, at.OPEN_BYTES] += size


@jit
def _settled(rows: Integers, link: int, until: int) -> bool:
    """Whether every packet that arrives at a channel before ``until`` has arrived in its queues.

    So it is where none is to come any more, or where all channels that feed it have made their grants
    of before ``until`` and are settled because none is to come to them.
    """
    if rows[link, at.UNKNOWN] == 0:
        return True
    first = queue = rows[link, at.FIRST]
    while True:
        if rows[queue, at.FED] and rows[queue, at.REMAINING] > 0:
            feeder = rows[queue, at.FEEDER]
            if rows[feeder, at.TIME] < until or rows[feeder, at.UNKNOWN] > 0:
                return False
        queue = rows[queue, at.AFTER]
        if queue == first:
            return True


@jit
def _rounds(rows: Integers, queue: int, time: int, limit: int) -> tuple[int, int, int]:
    """Turns that all queues of a channel take, each with a packet of its first run, from a grant on.

    Returns rounds, queues, and cycles of a round; rounds are 0 where a packet would come after its turn or
    goes on to another channel.
    """
    cycles, members, place = 0, 0, queue
    while True:
        head = rows[place, at.HEAD]
        if head != NONE:
            stream = rows[head, at.STREAM]
            waited = time + cycles - (rows[head, at.START] + rows[head, at.USED] * rows[head, at.STEP])
            if waited < 0 or rows[stream, at.CHILD] != NONE:
                return 0, 0, 0
            cycles += rows[stream, at.SERVICE]
            members += 1
        place = rows[place, at.AFTER]
        if place == queue:
            break
    rounds, before = (limit - time) // cycles, 0
    while True:
        head = rows[place, at.HEAD]
        if head != NONE:
            step = rows[head, at.STEP]
            rounds = min(rounds, rows[head, at.TOTAL] - rows[head, at.USED])
            if step > cycles:
                came = rows[head, at.START] + rows[head, at.USED] * step
                rounds = min(rounds, (time + before - came) // (step - cycles) + 1)
            before += rows[rows[head, at.STREAM], at.SERVICE]
        place = rows[place, at.AFTER]
        if place == queue:
            return rounds, members, cycles


@jit
def _take_turns(rows: Integers, link: int, queue: int, time: int, rounds: int, members: int, cycles: int) -> None:
    """Grant whole rounds of turns at once; what is granted goes no further."""
    at.close_stretch(rows, link)
    start, size, latency = time, 0, rows[link, at.LATENCY]
    for _ in range(members):
        while rows[queue, at.HEAD] == NONE:
            queue = rows[queue, at.AFTER]
        stream, after = rows[rows[queue, at.HEAD], at.STREAM], rows[queue, at.AFTER]
        service = rows[stream, at.SERVICE]
        size += _grant(rows, queue, time, rounds, cycles)
        if rows[stream, at.LEFT] == 0:
            _finish(rows, stream, rows[link, at.FREE] + latency)
        time += service
        queue = after
    at.add_stretch(rows, link, start, rows[link, at.FREE], NONE, size)


@jit
def add_message(
    rows: Integers,
    hop_queues: Integers,
    hop_parents: Integers,
    hop_service: Integers,
    hop_delivers: Integers,
    name: int,
    now: int,
    packets: int,
    packet_bytes: int,
    last_bytes: int,
) -> int:
    """Announce a message to all channels of its route, and put it into the queues of the first ones.

    Parameters
    ----------
    rows : (N, FIELDS) int64
        State; see :mod:`simsnn.kernels.packet_state`. Two rows per hop and one more have never been used.
    hop_queues, hop_parents, hop_service, hop_delivers : (hops,) int64
        Queue, parent hop (-1 at the source), cycles per packet, whether a destination is there.
    name, now, packets, packet_bytes, last_bytes : int
        Name in the stretches, cycle of sending, packets, bytes of each and of the last.

    Returns
    -------
    int
        Row of the first stream; those of the other hops follow it.
    """
    hops = hop_queues.shape[0]
    base = rows[HEADER, at.FRESH]
    message = base + hops
    rows[HEADER, at.FRESH] += hops + 1
    for hop in range(hops):
        stream, queue = base + hop, hop_queues[hop]
        link = rows[queue, at.LINK]
        rows[stream, at.QUEUE], rows[stream, at.SERVICE], rows[stream, at.LEFT] = queue, hop_service[hop], packets
        rows[stream, at.OWNER], rows[stream, at.SIZE], rows[stream, at.REST] = message, packet_bytes, last_bytes
        rows[stream, at.CHILD], rows[stream, at.SIBLING], rows[stream, at.ALL] = NONE, NONE, packets
        rows[stream, at.DELIVERS], rows[stream, at.WORK_BEFORE] = hop_delivers[hop], 0
        rows[stream, at.PARENT] = base + hop_parents[hop] if hop_parents[hop] != NONE else NONE
        if rows[queue, at.REMAINING] == 0:
            rows[link, at.PENDING] += 1
        rows[queue, at.REMAINING] += packets
        if hop_parents[hop] == NONE:
            at.enter(rows, stream, now, 0, packets)
            time = max(now, rows[link, at.FREE])
            if time < rows[link, at.TIME]:
                at.set_time(rows, link, time)
        else:
            rows[link, at.UNKNOWN] += packets
    # from the last to the first, so that children are chained in ascending order
    for stream in range(message - 1, base - 1, -1):
        parent = rows[stream, at.PARENT]
        if parent != NONE:
            rows[stream, at.SIBLING] = rows[parent, at.CHILD]
            rows[parent, at.CHILD] = stream
    rows[HEADER, at.WIDEST] = max(rows[HEADER, at.WIDEST], hops)
    rows[message, at.BASE], rows[message, at.STREAMS], rows[message, at.UNDONE] = base, hops, hops
    rows[message, at.NAME] = name
    first = rows[HEADER, at.ACTIVE]
    rows[message, at.PREVIOUS_ACTIVE], rows[message, at.NEXT_ACTIVE] = NONE, first
    if first != NONE:
        rows[first, at.PREVIOUS_ACTIVE] = message
    rows[HEADER, at.ACTIVE] = message
    return int(base)


@jit
def advance(rows: Integers, until: int) -> bool:
    """Make every grant of the cycles before ``until``.

    Parameters
    ----------
    rows : (N, FIELDS) int64
        State; see :mod:`simsnn.kernels.packet_state`. All messages sent before ``until`` are in it.
    until : int
        First cycle whose grants are not made.

    Returns
    -------
    bool
        Whether all are made; if not, the array is full and the call is to be repeated with a longer one.
    """
    while rows[1, at.TIME] < until:
        # a grant makes at most a run per branch, a remembered grant and a stretch; so does each of some turns
        link = at.first_link(rows)
        at.set_time(rows, link, NEVER)
        settled = _settled(rows, link, until)
        while True:
            alone = rows[link, at.PENDING] == 1
            limit = until if settled or alone else min(until, rows[1, at.TIME] + 1)
            queue, time = _choose(rows, link)
            if time >= limit:
                at.set_time(rows, link, time)
                break
            room = rows[HEADER, at.FREE_ROWS] + rows.shape[0] - rows[HEADER, at.FRESH]
            if room < rows[HEADER, at.WIDEST] + rows[link, at.PENDING] + 3:
                at.set_time(rows, link, time)
                return False
            if settled and not alone:
                rounds, members, cycles = _rounds(rows, queue, time, limit)
                if rounds > 1 and members > 1:
                    _take_turns(rows, link, queue, time, rounds, members, cycles)
                    continue
            run = rows[queue, at.HEAD]
            stream = rows[run, at.STREAM]
            service = rows[stream, at.SERVICE]
            count, spacing = _batch(rows, run, service, time, limit) if alone else (1, service)
            _show(rows, link, stream, time, count, _grant(rows, queue, time, count, spacing))
            there = time + service + rows[link, at.LATENCY]
            if rows[stream, at.CHILD] != NONE:
                _send_on(rows, stream, there, spacing, count)
            if rows[stream, at.LEFT] == 0:
                _finish(rows, stream, there + (count - 1) * spacing)
    return True
