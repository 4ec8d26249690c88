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

* up to ``until`` where everything that will ever pass it has arrived, or all that will has one requester,
* else up to and with the cycle at which any other channel may grant next: what that one then sends on
  arrives a cycle later at the earliest.

With one requester left, a run of packets is granted at once: back to back while they arrive faster
than they leave or have piled up, else as they arrive.

Proof: ``simsnn/reference/network.py`` steps every cycle and every packet; compared in
``simsnn/sim/link_check.py`` and ``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

from simsnn.kernels import packet_state as at
from simsnn.kernels.compiler import jit
from simsnn.kernels.packet_state import NEVER, NONE, Integers

FINISHED, NEED_RUNS, NEED_STRETCHES = range(3)
"""What ``advance`` returns: all granted before ``until``, or an array is full and the call is to be repeated."""


@jit
def _choose(links: Integers, queues: Integers, runs: Integers, link: int) -> tuple[int, int]:
    """Next grant of a channel as things stand: queue and cycle."""
    free, last = links[link, at.FREE], links[link, at.LAST]
    first = queues[last, at.AFTER] if last != NONE else links[link, at.FIRST]
    chosen, time = NONE, NEVER
    queue = first
    while queue != NONE:
        head = queues[queue, at.HEAD]
        if head != NONE:
            ready = runs[head, at.START] + runs[head, at.USED] * runs[head, at.STEP]
            if ready <= free:
                return queue, free
            if ready < time:
                chosen, time = queue, ready
        queue = queues[queue, at.AFTER]
        if queue == first:
            break
    return chosen, time


@jit
def _send_on(
    links: Integers,
    tree: Integers,
    queues: Integers,
    runs: Integers,
    streams: Integers,
    counters: Integers,
    stream: int,
    start: int,
    step: int,
    count: int,
) -> None:
    """Packets that leave a channel enter the queues of all branches of their tree."""
    child = streams[stream, at.CHILD]
    while child != NONE:
        queue = streams[child, at.QUEUE]
        link = queues[queue, at.LINK]
        at.append_run(queues, runs, counters, queue, at.HEAD, child, start, step, count)
        links[link, at.UNKNOWN] -= count
        time = max(links[link, at.FREE], start)
        if time < tree[tree.shape[0] // 2 + link]:
            at.set_time(tree, link, time)
        child = streams[child, at.SIBLING]


@jit
def _finish(
    streams: Integers,
    messages: Integers,
    active: Integers,
    done: Integers,
    counters: Integers,
    stream: int,
    time: int,
) -> None:
    """The last packet of a stream is granted: it is all there at ``time``."""
    streams[stream, at.DONE] = time
    if streams[stream, at.DELIVERS]:
        done[counters[at.DONES]] = stream
        counters[at.DONES] += 1
    message = streams[stream, at.OWNER]
    messages[message, at.UNDONE] -= 1
    if messages[message, at.UNDONE] == 0:
        counters[at.UNDERWAY] -= 1
        moved, place = active[counters[at.UNDERWAY]], messages[message, at.PLACE]
        active[place] = moved
        messages[moved, at.PLACE] = place


@jit
def _batch(run: Integers, service: int, time: int, limit: int) -> tuple[int, int]:
    """Packets of a run that follow one another without interference from ``time`` on, and their distance."""
    count, step = run[at.TOTAL] - run[at.USED], run[at.STEP]
    waited = time - (run[at.START] + run[at.USED] * step)
    spacing = service
    if step > service:
        if waited == 0:
            spacing = step
        else:
            # the pile shrinks by step - service with each packet
            count = min(count, waited // (step - service) + 1)
    return min(count, (limit - 1 - time) // spacing + 1), spacing


@jit
def _grant(
    links: Integers,
    queues: Integers,
    runs: Integers,
    streams: Integers,
    messages: Integers,
    stretches: Integers,
    counters: Integers,
    queue: int,
    time: int,
    count: int,
    spacing: int,
) -> None:
    """Book ``count`` packets of the first run of a queue, granted from ``time`` on."""
    link, head = queues[queue, at.LINK], queues[queue, at.HEAD]
    stream = runs[head, at.STREAM]
    service = streams[stream, at.SERVICE]
    queues[queue, at.GRANTED] += count
    if queues[queue, at.FED]:
        at.append_run(queues, runs, counters, queue, at.GONE, NONE, time, spacing, count)
        came, step = runs[head, at.START] + runs[head, at.USED] * runs[head, at.STEP], runs[head, at.STEP]
        waiting = at.most_waiting(queues, runs, counters, queue, came, step, count)
        links[link, at.PEAK] = max(links[link, at.PEAK], waiting)
    runs[head, at.USED] += count
    streams[stream, at.LEFT] -= count
    queues[queue, at.REMAINING] -= count
    if queues[queue, at.REMAINING] == 0:
        links[link, at.PENDING] -= 1
    if runs[head, at.USED] == runs[head, at.TOTAL]:
        at.drop_first(queues, runs, counters, queue, at.HEAD)
    size = count * streams[stream, at.SIZE]
    if streams[stream, at.LEFT] == 0:
        size += streams[stream, at.REST] - streams[stream, at.SIZE]
    end = time + (count - 1) * spacing + service
    links[link, at.FREE] = end
    links[link, at.LAST] = queue
    links[link, at.BUSY] += count * service
    links[link, at.PACKETS] += count
    links[link, at.BYTES] += size
    if links[link, at.OPEN_STREAM] != stream or links[link, at.OPEN_COUNT] == 0:
        row = counters[at.STRETCHES]
        counters[at.STRETCHES] = at.close_stretch(links, streams, messages, stretches, row, link)
        links[link, at.OPEN_STREAM], links[link, at.OPEN_START] = stream, time
        links[link, at.OPEN_COUNT], links[link, at.OPEN_BYTES] = 0, 0
    links[link, at.OPEN_END] = end
    links[link, at.OPEN_COUNT] += count
    links[link, at.OPEN_BYTES] += size


@jit
def add_message(
    links: Integers,
    tree: Integers,
    queues: Integers,
    runs: Integers,
    streams: Integers,
    messages: Integers,
    active: Integers,
    counters: Integers,
    hop_queues: Integers,
    hop_parents: Integers,
    hop_service: Integers,
    hop_delivers: Integers,
    base: int,
    message: int,
    name: int,
    now: int,
    packets: int,
    packet_bytes: int,
    last_bytes: int,
) -> None:
    """Announce a message to all channels of its route, and put it into the queues of the first ones.

    Parameters
    ----------
    links, tree, queues, runs, streams, messages, active, counters : int64 arrays
        State, with room for the new rows; see :mod:`simsnn.kernels.packet_state`.
    hop_queues, hop_parents, hop_service, hop_delivers : (hops,) int64
        Queue, parent hop (-1 at the source), cycles per packet, whether a destination is there.
    base, message, name : int
        First row in ``streams``, row in ``messages``, name in the stretches.
    now, packets, packet_bytes, last_bytes : int
        Cycle of sending, packets, bytes of each and of the last.
    """
    hops = hop_queues.shape[0]
    for hop in range(hops):
        row, queue = streams[base + hop], hop_queues[hop]
        link = queues[queue, at.LINK]
        row[:] = 0
        row[at.QUEUE], row[at.SERVICE], row[at.LEFT] = queue, hop_service[hop], packets
        row[at.OWNER], row[at.SIZE], row[at.REST], row[at.ALL] = message, packet_bytes, last_bytes, packets
        row[at.CHILD], row[at.SIBLING], row[at.DELIVERS] = NONE, NONE, hop_delivers[hop]
        row[at.PARENT] = base + hop_parents[hop] if hop_parents[hop] != NONE else NONE
        if queues[queue, at.REMAINING] == 0:
            links[link, at.PENDING] += 1
        queues[queue, at.REMAINING] += packets
        if hop_parents[hop] == NONE:
            at.append_run(queues, runs, counters, queue, at.HEAD, base + hop, now, 0, packets)
            time = max(now, links[link, at.FREE])
            if time < tree[tree.shape[0] // 2 + link]:
                at.set_time(tree, link, time)
        else:
            links[link, at.UNKNOWN] += packets
    for hop in range(hops - 1, -1, -1):
        parent = streams[base + hop, at.PARENT]
        if parent != NONE:
            # from the last to the first, so that children are chained in ascending order
            streams[base + hop, at.SIBLING] = streams[parent, at.CHILD]
            streams[parent, at.CHILD] = base + hop
    for hop in range(hops):
        children, child = 0, streams[base + hop, at.CHILD]
        while child != NONE:
            children += 1
            child = streams[child, at.SIBLING]
        counters[at.WIDEST] = max(counters[at.WIDEST], children)
    row = messages[message]
    row[at.BASE], row[at.STREAMS], row[at.UNDONE], row[at.NAME] = base, hops, hops, name
    row[at.PLACE] = counters[at.UNDERWAY]
    active[counters[at.UNDERWAY]] = message
    counters[at.UNDERWAY] += 1


@jit
def advance(
    links: Integers,
    tree: Integers,
    queues: Integers,
    runs: Integers,
    streams: Integers,
    messages: Integers,
    active: Integers,
    done: Integers,
    stretches: Integers,
    counters: Integers,
    until: int,
) -> int:
    """Make every grant of the cycles before ``until``.

    Parameters
    ----------
    links, tree, queues, runs, streams, messages, active, done, stretches, counters : int64 arrays
        State; see :mod:`simsnn.kernels.packet_state`. All messages sent before ``until`` are in it.
    until : int
        First cycle whose grants are not made.

    Returns
    -------
    int
        ``FINISHED``, or which array is to be enlarged before the call is repeated.
    """
    while tree[1] < until:
        link = at.first_link(tree)
        at.set_time(tree, link, NEVER)
        while True:
            alone = links[link, at.PENDING] == 1
            settled = alone or links[link, at.UNKNOWN] == 0
            limit = until if settled else min(until, tree[1] + 1)
            queue, time = _choose(links, queues, runs, link)
            if time >= limit:
                at.set_time(tree, link, time)
                break
            if counters[at.FREE_RUNS] <= counters[at.WIDEST]:
                at.set_time(tree, link, time)
                return NEED_RUNS
            if counters[at.STRETCHES] == stretches.shape[0]:
                at.set_time(tree, link, time)
                return NEED_STRETCHES
            run = runs[queues[queue, at.HEAD]]
            stream = run[at.STREAM]
            service = streams[stream, at.SERVICE]
            count, spacing = _batch(run, service, time, limit) if alone else (1, service)
            _grant(links, queues, runs, streams, messages, stretches, counters, queue, time, count, spacing)
            there = time + service + links[link, at.LATENCY]
            _send_on(links, tree, queues, runs, streams, counters, stream, there, spacing, count)
            if streams[stream, at.LEFT] == 0:
                _finish(streams, messages, active, done, counters, stream, there + (count - 1) * spacing)
    return FINISHED
