"""An assignment under change: loads, who is where, and the bytes that tie each item to each processor."""

from __future__ import annotations

from simsnn.schedule.spikepipe_items import Items


class Deal:
    """Items on processors, kept up to date by :meth:`move`.

    Parameters
    ----------
    items : Items
        What is dealt out.
    places : sequence of int, per item
        Where each stands at first.
    """

    def __init__(self, items: Items, places: list[int] | tuple[int, ...]) -> None:
        self.items = items
        self.places = list(places)
        self.loads = items.loads(self.places)
        self.on: list[list[int]] = [[] for _ in self.loads]
        self.near: list[dict[int, int]] = [{} for _ in self.places]
        for item, processor in enumerate(self.places):
            self.on[processor].append(item)
            for other, size in items.ties[item]:
                where = self.places[other]
                self.near[item][where] = self.near[item].get(where, 0) + size

    @property
    def fullest(self) -> int:
        """Processor with the largest load, the first of equal ones."""
        return max(range(len(self.loads)), key=self.loads.__getitem__)

    @property
    def largest_load(self) -> int:
        """Cycles of the fullest processor."""
        return max(self.loads)

    def move(self, item: int, there: int) -> None:
        """Put an item on another processor."""
        here = self.places[item]
        cycles = self.items.cycles[item]
        self.loads[here] -= cycles[here]
        self.loads[there] += cycles[there]
        self.on[here].remove(item)
        self.on[there].append(item)
        self.places[item] = there
        for other, size in self.items.ties[item]:
            near = self.near[other]
            near[here] -= size
            near[there] = near.get(there, 0) + size

    def swap(self, item: int, there: int, other: int) -> None:
        """Put an item on another processor and, unless -1, ``other`` from there in its place."""
        here = self.places[item]
        self.move(item, there)
        if other >= 0:
            self.move(other, here)

    def fewer_bytes(self, item: int, there: int) -> int:
        """Bytes that no longer cross if an item moves; negative where more cross."""
        near = self.near[item]
        return near.get(there, 0) - near.get(self.places[item], 0)
