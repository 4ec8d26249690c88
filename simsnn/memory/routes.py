"""Routes: what a message crosses, as a tree of hops.

The tree is the union of the ways to the single destinations, joined where they start alike: a hop
is crossed once for all destinations behind it as long as every component up to and with it
multicasts. Behind the first channel that does not, each destination has hops of its own, which may
cross the same channel again (docs/machines section 7). All hops of a route use one packet size;
destinations whose ways have different smallest packets are on different routes.

Tests: ``tests/unit/test_interconnect.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

LOCAL = -1
"""Parent of a hop that the source itself feeds."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One channel on a route.

    Parameters
    ----------
    link : int
        Directed channel.
    parent : int
        Hop of the same route that feeds it, smaller than its own number; ``LOCAL`` at the source.
    delivers : tuple of int
        Destinations that have the message once its last packet is through; ascending.
    """

    link: int
    parent: int
    delivers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A tree of hops, parents before children.

    Parameters
    ----------
    source : int
        Processor that sends.
    packet_bytes : int
        Smallest packet of the channels crossed.
    hops : tuple of Hop
        At least one.
    """

    source: int
    packet_bytes: int
    hops: tuple[Hop, ...]

    def packets(self, size_bytes: int) -> int:
        """Packets of a message: ceil(bytes / packet)."""
        return -(-size_bytes // self.packet_bytes)


def join_ways(
    source: int, packet_bytes: int, ways: tuple[tuple[int, tuple[int, ...]], ...], multicast: tuple[bool, ...]
) -> tuple[Route, ...]:
    """Join the ways to several destinations where they start alike.

    Parameters
    ----------
    source, packet_bytes : int
        As in ``Route``.
    ways : tuple of (destination, channels)
        Destinations ascending, at least one channel each.
    multicast : tuple of bool, per channel
        Whether the channel's component multicasts.

    Returns
    -------
    tuple of Route
        One with all destinations whose first channel multicasts, where there are any, and one for each of
        the others; in the order of their lowest destinations.
    """
    shared = tuple(way for way in ways if multicast[way[1][0]])
    groups = ([shared] if shared else []) + [(way,) for way in ways if not multicast[way[1][0]]]
    groups.sort(key=lambda group: group[0][0])
    return tuple(Route(source, packet_bytes, _tree(group, multicast)) for group in groups)


def _tree(ways: tuple[tuple[int, tuple[int, ...]], ...], multicast: tuple[bool, ...]) -> tuple[Hop, ...]:
    links: list[int] = []
    parents: list[int] = []
    delivers: list[list[int]] = []
    known: dict[tuple[int, int], int] = {}
    for destination, channels in ways:
        hop, joined = LOCAL, True
        for channel in channels:
            joined = joined and multicast[channel]
            found = known.get((hop, channel)) if joined else None
            if found is None:
                found = len(links)
                links.append(channel)
                parents.append(hop)
                delivers.append([])
                if joined:
                    known[hop, channel] = found
            hop = found
        delivers[hop].append(destination)
    return tuple(Hop(*hop[:2], tuple(hop[2])) for hop in zip(links, parents, delivers, strict=True))
