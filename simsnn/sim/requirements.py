"""What each chunk still waits for, counted, and whom a moment of a chunk releases."""

from __future__ import annotations

from simsnn.schedule.graph import Event
from simsnn.sim.program import NONE, Program


class Requirements:
    """Open conditions of every chunk of a program.

    Attributes
    ----------
    admission : list of int
        Per chunk, conditions before its loads start: the chunk before it is admitted, an input
        slot, the tasks before its task and its arrivals (its task's first chunk alone), load_after edges.
    compute : list of int
        Per chunk, conditions before its compute: the chunk before it has computed, each load (the
        admission where nothing is loaded), an output slot, compute_after edges.
    load_edges, compute_edges : tuple of dict of int to list of int, indexed by Event
        Chunks that an event of a chunk releases through an edge, by the chunk of the event.
    awaited : set of int
        Chunks that an edge waits for: the others need not tell anyone.
    input_users : dict of int to int
        Chunk that takes the input slot of a chunk at its issue_end; so ``output_users`` once its
        stores are complete.
    dependants : list of list of int
        Per task, the tasks that wait for everything it stores.
    """

    __slots__ = (
        "admission",
        "awaited",
        "compute",
        "compute_edges",
        "dependants",
        "input_users",
        "load_edges",
        "output_users",
    )

    def __init__(self, program: Program) -> None:
        self.admission = [int(before != NONE) for before in program.before]
        self.compute = [
            max(1, len(loads)) + (before != NONE) for loads, before in zip(program.loads, program.before, strict=True)
        ]
        self.load_edges: tuple[dict[int, list[int]], ...] = tuple({} for _ in Event)
        self.compute_edges: tuple[dict[int, list[int]], ...] = tuple({} for _ in Event)
        self.dependants: list[list[int]] = [[] for _ in program.first]
        self._add_edges(program)
        self.awaited = {number for edges in self.load_edges + self.compute_edges for number in edges}
        self.input_users = self._add_slots(program.input_slot, self.admission)
        self.output_users = self._add_slots(program.output_slot, self.compute)

    @staticmethod
    def _add_slots(slots: list[int], conditions: list[int]) -> dict[int, int]:
        users = {holder: number for number, holder in enumerate(slots) if holder != NONE}
        for number in users.values():
            conditions[number] += 1
        return users

    def _add_edges(self, program: Program) -> None:
        for task in program.graph.tasks:
            first = program.first[task.id]
            for before in task.after:
                self.dependants[before].append(task.id)
                self.admission[first] += 1
            self.admission[first] += len(task.receives)
            for number, chunk in enumerate(task.chunks, start=first):
                for edge in chunk.load_after:
                    producer = program.first[edge.task] + edge.chunk
                    self.load_edges[edge.event].setdefault(producer, []).append(number)
                    self.admission[number] += 1
                for edge in chunk.compute_after:
                    producer = program.first[edge.task] + edge.chunk
                    self.compute_edges[edge.event].setdefault(producer, []).append(number)
                    self.compute[number] += 1
