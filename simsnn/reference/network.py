"""Stepped network of links: one cycle per loop turn, every packet on every channel a row of its own.

Machine (docs/machines section 7). At the start of a cycle messages whose time has come put all their
packets into the queues of their first channels. Then every channel that is idle looks at all packets
that wait for it: among the requesters that have one it takes the next behind the one granted last,
cyclically, and of that requester the packet that came first (of equals: the message sent first, the
lower hop, the lower packet). The packet holds the channel for ``service`` cycles; ``latency`` cycles
later it waits at every channel behind, or is at its destination.

Nothing here knows runs, bounds or a formula for the time. Proof: it is the measure; compared with the
fast kernel in ``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Integers = NDArray[np.int64]
UNKNOWN = 2**62
"""A moment that has not been found yet."""


@jit
def _better(
    entry: int, other: int, distance: int, least: int, came: Integers, order: Integers, hop: Integers, packet: Integers
) -> bool:
    """Whether an entry goes before another one: requester, arrival, message, hop, packet."""
    if other < 0 or distance != least:
        return other < 0 or distance < least
    if came[entry] != came[other]:
        return bool(came[entry] < came[other])
    if order[entry] != order[other]:
        return bool(order[entry] < order[other])
    if hop[entry] != hop[other]:
        return bool(hop[entry] < hop[other])
    return bool(packet[entry] < packet[other])


@jit
def run_network(
    sent: Integers,
    trigger: Integers,
    delay: Integers,
    hop_table: Integers,
    links: int,
    requesters: int,
) -> tuple[Integers, Integers, Integers, Integers, Integers]:
    """Step the network until every packet is through.

    Parameters
    ----------
    sent : (messages,) int64
        Cycle of sending; ``UNKNOWN`` where a trigger decides.
    trigger, delay : (messages,) int64
        Hop whose end sends the message, -1 for none, and the cycles in between. Of messages that are sent
        in one cycle the lower number is sent first.
    hop_table : (hops, 7) int64
        Hops of all messages, parents before children: message, channel, hop that feeds it (-1 for none),
        requester of the channel, cycles per packet, latency, packets.
    links, requesters : int
        Numbers of channels and of requesters per channel.

    Returns
    -------
    sent : (messages,) int64
        Cycle of sending of all.
    done : (hops,) int64
        Cycle at which the last packet is behind the hop and its latency.
    busy, packets : (links,) int64
        Occupied cycles and packets of each channel.
    waiting : (links,) int64
        Most packets that waited at once, after those of a cycle came and before its grants, in one queue that
        another channel feeds.
    """
    hops = hop_table.shape[0]
    hop_message, hop_link, hop_parent, hop_requester = (
        hop_table[:, 0],
        hop_table[:, 1],
        hop_table[:, 2],
        hop_table[:, 3],
    )
    hop_service, hop_latency, hop_packets = hop_table[:, 4], hop_table[:, 5], hop_table[:, 6]
    first = np.zeros(hops + 1, dtype=np.int64)
    for hop in range(hops):
        first[hop + 1] = first[hop] + hop_packets[hop]
    entries = first[hops]
    came = np.full(entries, UNKNOWN, dtype=np.int64)
    granted = np.zeros(entries, dtype=np.int64)
    hop_of = np.zeros(entries, dtype=np.int64)
    packet_of = np.zeros(entries, dtype=np.int64)
    message_of = np.zeros(entries, dtype=np.int64)
    for hop in range(hops):
        for packet in range(hop_packets[hop]):
            hop_of[first[hop] + packet] = hop
            packet_of[first[hop] + packet] = packet
            message_of[first[hop] + packet] = hop_message[hop]
    sent = sent.copy()
    started = np.zeros(sent.shape[0], dtype=np.int64)
    done = np.full(hops, UNKNOWN, dtype=np.int64)
    busy = np.zeros(links, dtype=np.int64)
    packets = np.zeros(links, dtype=np.int64)
    waiting = np.zeros(links, dtype=np.int64)
    occupied = np.zeros(links, dtype=np.int64)  # cycles for which a channel is still held
    last = np.full(links, -1, dtype=np.int64)
    left, cycle = entries, 0
    while left > 0:
        for message in range(sent.shape[0]):
            if trigger[message] >= 0 and done[trigger[message]] != UNKNOWN:
                sent[message] = done[trigger[message]] + delay[message]
            if sent[message] == cycle and started[message] == 0:
                started[message] = 1
                for hop in range(hops):
                    if hop_message[hop] == message and hop_parent[hop] < 0:
                        came[first[hop] : first[hop + 1]] = cycle
        best = np.full(links, -1, dtype=np.int64)
        least = np.zeros(links, dtype=np.int64)
        queue = np.zeros((links, requesters), dtype=np.int64)
        for entry in range(entries):
            hop = hop_of[entry]
            if granted[entry] == 1 or came[entry] > cycle:
                continue
            link = hop_link[hop]
            if hop_parent[hop] >= 0:
                queue[link, hop_requester[hop]] += 1
                waiting[link] = max(waiting[link], queue[link, hop_requester[hop]])
            if occupied[link] > 0:
                continue
            distance = (hop_requester[hop] - last[link] - 1) % requesters
            if _better(entry, best[link], distance, least[link], came, message_of, hop_of, packet_of):
                best[link], least[link] = entry, distance
        for link in range(links):
            if best[link] >= 0:
                entry = best[link]
                hop = hop_of[entry]
                granted[entry] = 1
                left -= 1
                last[link] = hop_requester[hop]
                occupied[link] = hop_service[hop]
                packets[link] += 1
                there = cycle + hop_service[hop] + hop_latency[hop]
                for child in range(hop + 1, hops):
                    if hop_parent[child] == hop:
                        came[first[child] + packet_of[entry]] = there
                if packet_of[entry] == hop_packets[hop] - 1:
                    done[hop] = there
            if occupied[link] > 0:
                busy[link] += 1
                occupied[link] -= 1
        cycle += 1
    for link in range(links):
        busy[link] += occupied[link]
    return sent, done, busy, packets, waiting
