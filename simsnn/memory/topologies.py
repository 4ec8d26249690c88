"""Topologies: the directed channels of one link component, and the way through it from end to end.

Ends and channels are numbered within the component. A way is a tuple of channels; its length in
*hops* is what routes across components are compared by, and a crossbar counts as one hop although
a packet crosses two ports of it (docs/machines section 7).

* point_to_point: a channel each way.
* bus: one channel, which any end drives and any end hears.
* ring: a channel to each neighbour, both ways round; the shorter way, ascending where both are as long.
* mesh: ends row by row; a channel to each neighbour; along the row first, then along the column.
* crossbar: an output port and an input port per end; what goes to one end queues at its input port.

Tests: ``tests/unit/test_interconnect.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Topology(Protocol):
    """Channels of a component and the ways through it."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the directed channels, in their order; ends appear as numbers."""

    def way(self, source: int, destination: int, /) -> tuple[int, ...]:
        """Channels from one end to another, different, end."""

    def hops(self, source: int, destination: int, /) -> int:
        """Length of the way, for comparison with ways through other components."""

    def has_latency(self, channel: int, /) -> bool:
        """Whether a packet waits for the component's latency behind this channel."""


@dataclass(frozen=True, slots=True)
class PointToPoint:
    """Two ends, a channel each way."""

    ends: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """From the first end, from the second."""
        first, second = self.ends
        return (f"{first}->{second}", f"{second}->{first}")

    def way(self, source: int, _destination: int, /) -> tuple[int, ...]:
        """The one channel."""
        return (source,)

    def hops(self, _source: int, _destination: int, /) -> int:
        """One."""
        return 1

    def has_latency(self, _channel: int, /) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Bus:
    """One channel that all ends share."""

    ends: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The bus."""
        return ("bus",)

    def way(self, _source: int, _destination: int, /) -> tuple[int, ...]:
        """The bus."""
        return (0,)

    def hops(self, _source: int, _destination: int, /) -> int:
        """One."""
        return 1

    def has_latency(self, _channel: int, /) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Ring:
    """Channel i leads from end i to end i + 1, channel n + i from end i to end i - 1.

    Two ends are each other's only neighbour: they have one channel each.
    """

    ends: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Ascending ones, then descending ones."""
        ends, size = self.ends, len(self.ends)
        up = tuple(f"{end}->{ends[(i + 1) % size]}" for i, end in enumerate(ends))
        return up if size == 2 else up + tuple(f"{end}->{ends[i - 1]}" for i, end in enumerate(ends))

    def way(self, source: int, destination: int, /) -> tuple[int, ...]:
        """The shorter way round; ascending where both are as long."""
        size = len(self.ends)
        up = (destination - source) % size
        if 2 * up <= size:
            return tuple((source + step) % size for step in range(up))
        return tuple(size + (source - step) % size for step in range(size - up))

    def hops(self, source: int, destination: int, /) -> int:
        """Channels of the shorter way."""
        up = (destination - source) % len(self.ends)
        return min(up, len(self.ends) - up)

    def has_latency(self, _channel: int, /) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Mesh:
    """A full grid; four channels' worth of numbers per end (right, left, down, up), gaps closed."""

    ends: tuple[str, ...]
    columns: int

    @property
    def channels(self) -> tuple[str, ...]:
        """By end they leave, then right, left, down, up."""
        return tuple(f"{self.ends[a]}->{self.ends[b]}" for a, b in self._pairs())

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        columns, size = self.columns, len(self.ends)
        found: list[tuple[int, int]] = []
        for end in range(size):
            column = end % columns
            found += [(end, end + 1)] if column + 1 < columns else []
            found += [(end, end - 1)] if column else []
            found += [(end, end + columns)] if end + columns < size else []
            found += [(end, end - columns)] if end >= columns else []
        return tuple(found)

    def _channel(self, end: int, direction: int) -> int:
        """Number of a channel: those of all ends before, then those of this end before it."""
        columns, rows = self.columns, len(self.ends) // self.columns
        row, column = divmod(end, columns)
        # each full row above leaves 2 (columns - 1) sideways, and its vertical ones
        vertical_above = columns * (2 * row - (1 if row else 0))
        before = row * 2 * (columns - 1) + vertical_above
        sideways = 2 * column - (1 if column else 0)
        vertical = (1 if row + 1 < rows else 0) + (1 if row else 0)
        before += sideways + column * vertical
        here = (column + 1 < columns, column > 0, row + 1 < rows, row > 0)
        return before + sum(here[:direction])

    def way(self, source: int, destination: int, /) -> tuple[int, ...]:
        """Along the row, then along the column."""
        columns, found = self.columns, []
        while source % columns != destination % columns:
            right = source % columns < destination % columns
            found.append(self._channel(source, 0 if right else 1))
            source += 1 if right else -1
        while source != destination:
            found.append(self._channel(source, 2 if source < destination else 3))
            source += columns if source < destination else -columns
        return tuple(found)

    def hops(self, source: int, destination: int, /) -> int:
        """Columns and rows apart."""
        columns = self.columns
        return abs(source % columns - destination % columns) + abs(source // columns - destination // columns)

    def has_latency(self, _channel: int, /) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Crossbar:
    """Channel i is the output port of end i, channel n + i its input port."""

    ends: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Output ports, then input ports."""
        return tuple(f"{end} out" for end in self.ends) + tuple(f"{end} in" for end in self.ends)

    def way(self, source: int, destination: int, /) -> tuple[int, ...]:
        """Output port of the source, input port of the destination."""
        return (source, len(self.ends) + destination)

    def hops(self, _source: int, _destination: int, /) -> int:
        """One: the ports are one crossing."""
        return 1

    def has_latency(self, channel: int, /) -> bool:
        """Behind the input port only, so that a crossing has it once."""
        return channel >= len(self.ends)


def square_columns(ends: int) -> int:
    """Columns of the most square full mesh: the smallest divisor of ``ends`` that is at least its root."""
    return next(columns for columns in range(1, ends + 1) if columns * columns >= ends and ends % columns == 0)
