"""The links of a machine: directed channels, routes, and what a message takes with them to itself.

Equations (docs/machines section 7): a message of n bytes is ceil(n / packet) packets, and a packet
holds a channel for s = ceil(packet / rate) cycles, the last one too. It may enter the next channel,
or is there, ``latency`` cycles after that. With the channels h of its way to itself a message of k
packets takes

    sum over h of (s_h + latency_h) + (k - 1) * max over h of s_h.

Assumptions: a packet is forwarded when all of it has arrived; buffers between channels are
unbounded (:class:`simsnn.sim.network.PacketNetwork` reports how full they get); a processor may
send over all its channels at once. The packet of a message is the smallest on its way.

Routes are deterministic: fewest hops, then fewest components, then the lowest component at the
first difference, then the lowest processors in between.

Tests: ``tests/unit/test_interconnect.py``; the closed form against the simulated packets in
``tests/property/test_network_twin.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush

from simsnn.errors import ConfigError, Where, nearest
from simsnn.memory.link import LinkConfig
from simsnn.memory.routes import LOCAL, Route, join_ways
from simsnn.memory.topologies import Bus, Crossbar, Mesh, PointToPoint, Ring, Topology, square_columns

LONGEST_CYCLES = 2**31
"""Cycles of a packet or a latency above which a description is a slip; keeps all times within 64 bits."""


@dataclass(frozen=True, slots=True)
class Link:
    """One directed channel.

    Parameters
    ----------
    name : str
        ``ring0 core0->core1``: component, and which of its channels.
    component : int
        Position of the component in the hardware file.
    bytes_per_cycle : Fraction
        Exact rate, positive.
    packet_bytes : int
        Packet of the component.
    latency_cycles : int
        From the end of a packet until it may enter the next channel, or is there.
    multicast : bool
        Whether one packet serves several destinations.
    pj_per_bit : float or None
        Energy per bit; None where it is not priced.
    """

    name: str
    component: int
    bytes_per_cycle: Fraction
    packet_bytes: int
    latency_cycles: int
    multicast: bool = True
    pj_per_bit: float | None = None

    def packet_cycles(self, packet_bytes: int) -> int:
        """Cycles for which a packet holds the channel: ceil(packet / rate)."""
        return -(-packet_bytes * self.bytes_per_cycle.denominator // self.bytes_per_cycle.numerator)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a message puts on one channel: a channel may appear several times without multicast."""

    link: int
    busy_cycles: int
    bytes: int
    packets: int


@dataclass(frozen=True, slots=True)
class _Component:
    """A component on the machine: its ends as processor numbers, the number of its first channel."""

    topology: Topology
    ends: tuple[int, ...]
    first: int


class Interconnect:
    """Channels and routes between processors.

    Parameters
    ----------
    processors : tuple of str
        Names; processors are their positions everywhere else.
    links : tuple of Link
        Directed channels: by component, then as the topology numbers them.
    components : tuple
        How the channels belong together; made by :meth:`of`.
    place : str
        Where in the hardware file it stands who is joined.
    """

    def __init__(
        self,
        processors: tuple[str, ...],
        links: tuple[Link, ...],
        components: tuple[_Component, ...],
        place: str = "hardware.links",
    ) -> None:
        self.processors = processors
        self.links = links
        self._components = components
        self._place = place
        self._multicast = tuple(link.multicast for link in links)
        # Per source: the way to every processor that it reaches, found when first asked for.
        self._ways: list[tuple[tuple[int, ...] | None, ...] | None] = [None] * len(processors)
        # Per pair asked for: packet, cycles of the first packet, cycles of each further one.
        self._alone: dict[tuple[int, int], tuple[int, int, int]] = {}

    @classmethod
    def of(cls, links: tuple[LinkConfig, ...], processors: tuple[str, ...], clock_hz: int) -> Interconnect:
        """Build the channels of all components.

        Parameters
        ----------
        links : tuple of LinkConfig
            Components, as in the hardware file.
        processors : tuple of str
            All processors of the machine, in file order.
        clock_hz : int
            The machine's clock.

        Raises
        ------
        ConfigError
            For an end that is no processor, a component that lists fewer than two ends, a mesh that is not full, a
            packet or a latency of too many cycles; at ``hardware.links.N.key``.
        """
        channels: list[Link] = []
        components: list[_Component] = []
        for number, config in enumerate(links):
            ends = _ends(number, config, processors)
            if len(ends) < 2:  # it would join all processors, and there is one: nothing to join
                components.append(_Component(Bus(()), (), len(channels)))
                continue
            topology = _topology(number, config, tuple(processors[end] for end in ends))
            components.append(_Component(topology, ends, len(channels)))
            channels += _channels(number, config, topology, clock_hz)
        place = "hardware.links.0.ends" if len(links) == 1 and links[0].ends else "hardware.links"
        return cls(processors, tuple(channels), tuple(components), place)

    def way(self, source: int, destination: int) -> tuple[int, ...]:
        """Channels from a processor to another, in order; none to itself.

        Raises
        ------
        ConfigError
            If no link leads there.
        """
        if source == destination:
            return ()
        found = self._ways_from(source)[destination]
        if found is None:
            raise self._unreachable(source, destination)
        return found

    def packet_bytes(self, source: int, destination: int) -> int:
        """Packet of a message between two different processors: the smallest of the channels on its way."""
        return min(self.links[link].packet_bytes for link in self.way(source, destination))

    def routes(self, source: int, destinations: tuple[int, ...]) -> tuple[Route, ...]:
        """What a message from one processor to others crosses.

        Parameters
        ----------
        source : int
            Processor.
        destinations : tuple of int
            Other processors, ascending.

        Returns
        -------
        tuple of Route
            One tree where all components multicast and all packets are alike; together they deliver to every
            destination once.

        Raises
        ------
        ConfigError
            If a destination cannot be reached.
        """
        packets = [self.packet_bytes(source, destination) for destination in destinations]
        found: list[Route] = []
        for packet in sorted(set(packets)):
            ways = tuple(
                (d, self.way(source, d)) for d, size in zip(destinations, packets, strict=True) if size == packet
            )
            found += join_ways(source, packet, ways, self._multicast)
        return tuple(found)

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """Cycles from sending until all is there, with the links to itself; 0 to itself.

        Raises
        ------
        ConfigError
            If the destination cannot be reached.
        ValueError
            For a message without bytes.
        """
        if size_bytes <= 0:
            raise ValueError(f"a message has at least one byte, not {size_bytes}")
        if source == destination:
            return 0
        found = self._alone.get((source, destination))
        if found is None:
            packet = self.packet_bytes(source, destination)
            channels = [self.links[link] for link in self.way(source, destination)]
            service = [channel.packet_cycles(packet) for channel in channels]
            first = sum(service) + sum(channel.latency_cycles for channel in channels)
            found = self._alone[source, destination] = (packet, first, max(service))
        packet, first, slowest = found
        return first + (-(-size_bytes // packet) - 1) * slowest

    def carried(self, source: int, destinations: tuple[int, ...], size_bytes: int) -> tuple[Carried, ...]:
        """What a message puts on the channels; does not depend on what else is sent."""
        found: list[Carried] = []
        for route in self.routes(source, destinations):
            packets = route.packets(size_bytes)
            for hop in route.hops:
                service = self.links[hop.link].packet_cycles(route.packet_bytes)
                found.append(Carried(hop.link, packets * service, size_bytes, packets))
        return tuple(found)

    def requester(self, route: Route, hop: int) -> int:
        """Number under which a hop asks for its channel: its source, or processors + the channel that feeds it."""
        parent = route.hops[hop].parent
        return route.source if parent == LOCAL else len(self.processors) + route.hops[parent].link

    def reached(self, source: int) -> tuple[int, ...]:
        """Processors that a processor can send to, ascending; never itself."""
        return tuple(number for number, way in enumerate(self._ways_from(source)) if way)

    def _ways_from(self, source: int) -> tuple[tuple[int, ...] | None, ...]:
        found = self._ways[source]
        if found is None:
            found = self._ways[source] = self._search(source)
        return found

    def _search(self, source: int) -> tuple[tuple[int, ...] | None, ...]:
        """Best ways from a processor to all: the order of the queue is the order of preference.

        A component that was just crossed is not entered again: its own way to the second end is no longer.
        """
        of_processor: list[list[tuple[int, int]]] = [[] for _ in self.processors]
        for number, component in enumerate(self._components):
            for end, processor in enumerate(component.ends):
                of_processor[processor].append((number, end))
        ways: list[tuple[int, ...] | None] = [None] * len(self.processors)
        # hops, components crossed, their numbers, processors on the way, channels
        queue: list[tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [(0, 0, (), (source,), ())]
        while queue:
            hops, crossed, numbers, through, channels = heappop(queue)
            if ways[through[-1]] is not None:
                continue
            ways[through[-1]] = channels
            for number, end in of_processor[through[-1]]:
                if numbers and number == numbers[-1]:
                    continue
                component = self._components[number]
                for other, processor in enumerate(component.ends):
                    if ways[processor] is None:
                        way = tuple(component.first + channel for channel in component.topology.way(end, other))
                        length = hops + component.topology.hops(end, other)
                        heappush(
                            queue, (length, crossed + 1, (*numbers, number), (*through, processor), channels + way)
                        )
        return tuple(ways)

    def _unreachable(self, source: int, destination: int) -> ConfigError:
        ends = (self.processors[source], self.processors[destination])
        reach = (f"{self.processors[end]} reaches {self._names(self.reached(end))}" for end in (source, destination))
        return ConfigError(
            f"no link leads from {ends[0]} to {ends[1]}: {'; '.join(reach)}",
            where=Where(self._place),
            value=f"{ends[0]} to {ends[1]}",
            remedy=f"add a point_to_point link with ends: [{', '.join(ends)}], or list both as ends of one link",
        )

    def _names(self, numbers: tuple[int, ...]) -> str:
        shown = ", ".join(self.processors[number] for number in numbers[:8])
        return (shown + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")) or "no other processor"


def _ends(number: int, config: LinkConfig, processors: tuple[str, ...]) -> tuple[int, ...]:
    """Ends as processor numbers."""
    where = Where(f"hardware.links.{number}.ends")
    for end in config.ends:
        if end not in processors:
            raise ConfigError(
                f"link {config.name} ends at {end!r}, which is no processor",
                where=where,
                value=end,
                allowed=processors,
                nearest=nearest(end, processors),
            )
    ends = tuple(processors.index(end) for end in config.ends) or tuple(range(len(processors)))
    if len(ends) < 2 and config.ends:
        raise ConfigError(
            f"link {config.name} joins {len(ends)} processor",
            where=where,
            value=len(ends),
            remedy="give a link at least two ends, or leave it out",
        )
    if config.kind == "point_to_point" and len(ends) > 2:
        raise ConfigError(
            f"link {config.name} is point_to_point and would join all {len(ends)} processors",
            where=where,
            value=len(ends),
            remedy="list its two ends, or take another kind",
        )
    return ends


def _topology(number: int, config: LinkConfig, ends: tuple[str, ...]) -> Topology:
    if config.kind == "point_to_point":
        return PointToPoint(ends)
    if config.kind == "bus":
        return Bus(ends)
    if config.kind == "ring":
        return Ring(ends)
    if config.kind == "crossbar":
        return Crossbar(ends)
    columns = config.columns or square_columns(len(ends))
    if len(ends) % columns:
        full = ", ".join(str(width) for width in range(1, len(ends) + 1) if len(ends) % width == 0)
        raise ConfigError(
            f"mesh {config.name} of {len(ends)} ends in {columns} columns has a last row that is not full",
            where=Where(f"hardware.links.{number}.columns"),
            value=columns,
            allowed=tuple(full.split(", ")),
            remedy=f"take one of these widths, or {-len(ends) % columns} more or {len(ends) % columns} fewer ends",
        )
    return Mesh(ends, columns)


def _channels(number: int, config: LinkConfig, topology: Topology, clock_hz: int) -> list[Link]:
    rate = config.bandwidth.bytes_per_cycle(clock_hz)
    found = [
        Link(
            name=f"{config.name} {name}",
            component=number,
            bytes_per_cycle=rate,
            packet_bytes=config.packet,
            latency_cycles=config.latency_cycles if topology.has_latency(channel) else 0,
            multicast=config.multicast,
            pj_per_bit=config.pj_per_bit,
        )
        for channel, name in enumerate(topology.channels)
    ]
    cycles = found[0].packet_cycles(config.packet)
    for key, value in (("bandwidth", cycles), ("latency_cycles", config.latency_cycles)):
        if value > LONGEST_CYCLES:
            what = f"a packet of {config.packet:,} B takes" if key == "bandwidth" else "a packet waits"
            raise ConfigError(
                f"on link {config.name} {what} {value:,} cycles, more than {LONGEST_CYCLES:,}",
                where=Where(f"hardware.links.{number}.{key}"),
                value=str(getattr(config, key)),
                remedy="raise bandwidth or take a smaller packet" if key == "bandwidth" else "give a latency in cycles",
            )
    return found
