"""What SpikePipe deals out: F, B, and W with its U, each as one item that is never cut.

Two items belong together by the bytes that cross the links if they are apart: tensors of an
iteration, and the new weights on their way from U to F and B.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.schedule.step_graph import StepGraph


@dataclass(frozen=True)
class Items:
    """Items of a step.

    Parameters
    ----------
    tasks : tuple of tuple of int, per item
        Task ids in the order in which they run.
    cycles : tuple of tuple of int, shape (items, processors)
        Cycles of one iteration.
    ties : tuple of tuple of (int, int), per item
        Other items with which it shares bytes, ascending, and how many, one at least.
    """

    tasks: tuple[tuple[int, ...], ...]
    cycles: tuple[tuple[int, ...], ...]
    ties: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def of(cls, step: StepGraph) -> Items:
        """Items in program order."""
        tasks = []
        for layer in step.layers:
            tasks += [(layer.forward,), (layer.backward,), (layer.gradient, layer.update)]
        tasks.sort()
        item_of = {task: item for item, own in enumerate(tasks) for task in own}
        cycles = tuple(
            tuple(sum(step.tasks[task].cycles[p] for task in own) for p in range(step.processors)) for own in tasks
        )
        shared: list[dict[int, int]] = [{} for _ in tasks]

        def tie(one: int, other: int, size: int) -> None:
            first, second = item_of[one], item_of[other]
            if first != second:
                shared[first][second] = shared[first].get(second, 0) + max(1, size)
                shared[second][first] = shared[second].get(first, 0) + max(1, size)

        for edge in step.edges:
            tie(edge.source, edge.target, edge.bytes)
        for number, layer in enumerate(step.layers):
            for reader in step.weight_readers(number):
                tie(layer.update, reader, layer.weight_bytes)
        return cls(tuple(tasks), cycles, tuple(tuple(sorted(found.items())) for found in shared))

    @cached_property
    def heaviest_first(self) -> tuple[int, ...]:
        """Items by falling cycles on their fastest processor."""
        return tuple(sorted(range(len(self.tasks)), key=lambda item: (-min(self.cycles[item]), item)))

    def places_of(self, assignment: tuple[int, ...]) -> list[int]:
        """Processor of each item, given that of each task."""
        return [assignment[own[0]] for own in self.tasks]

    def assignment(self, places: list[int]) -> tuple[int, ...]:
        """Processor of each task, given that of each item."""
        found = [0] * sum(len(own) for own in self.tasks)
        for own, processor in zip(self.tasks, places, strict=True):
            for task in own:
                found[task] = processor
        return tuple(found)

    def loads(self, places: list[int]) -> list[int]:
        """Busy cycles of each processor."""
        found = [0] * len(self.cycles[0])
        for item, processor in enumerate(places):
            found[processor] += self.cycles[item][processor]
        return found

    def crossing_bytes(self, places: list[int]) -> int:
        """Bytes between items on different processors, counted once per pair of items."""
        return sum(
            size
            for item, found in enumerate(self.ties)
            for other, size in found
            if item < other and places[item] != places[other]
        )
