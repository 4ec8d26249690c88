"""Routes: what a message crosses, as trees of hops.

A tree is the union of the ways to several destinations, joined where they start alike: a hop is
crossed once for all destinations behind it as long as every channel up to and with it belongs to a
component that multicasts. Where two ways of a tree would go on over the same channel of a component
that does not, the second destination gets a message of its own from the source, so that a packet
never enters a channel twice (docs/machines section 7). All hops of a route use one packet size;
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
        As few as the rule above allows, by their lowest destinations: each destination is put into the first
        one that can take it; one whose first channel does not multicast is alone on its route.
    """
    trees: list[_Tree] = []
    for destination, channels in ways:
        shared = multicast[channels[0]]
        for tree in trees:
            if shared and tree.takes(channels):
                break
        else:
            tree = _Tree(multicast, open_=shared)
            trees.append(tree)
        tree.add(destination, channels)
    return tuple(Route(source, packet_bytes, tree.hops()) for tree in trees)


class _Tree:
    """A tree that grows by one way after the other."""

    def __init__(self, multicast: tuple[bool, ...], *, open_: bool) -> None:
        self._multicast = multicast
        self._open = open_
        self._links: list[int] = []
        self._parents: list[int] = []
        self._delivers: list[list[int]] = []
        self._known: dict[tuple[int, int], int] = {}

    def takes(self, channels: tuple[int, ...]) -> bool:
        """Whether a way fits: where it leaves the tree it does so over a channel that the tree does not take there."""
        hop = LOCAL
        for channel in channels:
            found = self._known.get((hop, channel))
            if found is None:
                return self._open
            if not self._multicast[channel]:
                return False
            hop = found
        return self._open

    def add(self, destination: int, channels: tuple[int, ...]) -> None:
        """Let a destination have the message behind the last of some channels."""
        hop = LOCAL
        for channel in channels:
            found = self._known.get((hop, channel))
            if found is None:
                found = self._known[hop, channel] = len(self._links)
                self._links.append(channel)
                self._parents.append(hop)
                self._delivers.append([])
            hop = found
        self._delivers[hop].append(destination)

    def hops(self) -> tuple[Hop, ...]:
        """Parents before children."""
        rows = zip(self._links, self._parents, self._delivers, strict=True)
        return tuple(Hop(link, parent, tuple(ends)) for link, parent, ends in rows)
