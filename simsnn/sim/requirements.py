"""What each chunk still waits for, counted, and whom each moment of a chunk releases."""

from __future__ import annotations

from enum import IntEnum

from simsnn.schedule.graph import Event
from simsnn.sim.program import NONE, Program


class Role(IntEnum):
    """How a moment of one chunk holds back another."""

    LOAD_EDGE = 0
    INPUT_SLOT = 1
    COMPUTE_EDGE = 2
    OUTPUT_SLOT = 3


class Requirements:
    """Open conditions of every chunk of a program.

    Attributes
    ----------
    admission : list of int
        Per chunk, conditions before its loads start: the chunk before it is admitted, an input
        slot, the tasks before its task (its task's first chunk alone), load_after edges.
    compute : list of int
        Per chunk, conditions before its compute: the chunk before it has computed, each load (the
        admission where nothing is loaded), an output slot, compute_after edges.
    listeners : tuple of list of list of (Role, int), indexed by Event and chunk
        Chunks that a moment releases.
    dependants : list of list of int
        Per task, the tasks that wait for everything it stores.
    """

    __slots__ = ("admission", "compute", "dependants", "listeners")

    def __init__(self, program: Program) -> None:
        chunks = len(program.task)
        self.admission = [0 if before == NONE else 1 for before in program.before]
        self.compute = [
            max(1, len(loads)) + (before != NONE) for loads, before in zip(program.loads, program.before, strict=True)
        ]
        self.listeners: tuple[list[list[tuple[Role, int]]], ...] = tuple([[] for _ in range(chunks)] for _ in Event)
        self.dependants: list[list[int]] = [[] for _ in program.first]
        self._add_edges(program)
        for number in range(chunks):
            if program.input_slot[number] != NONE:
                self._add(Role.INPUT_SLOT, number, Event.ISSUED, program.input_slot[number])
            if program.output_slot[number] != NONE:
                self._add(Role.OUTPUT_SLOT, number, Event.STORED, program.output_slot[number])

    def _add_edges(self, program: Program) -> None:
        for task in program.graph.tasks:
            first = program.first[task.id]
            for before in task.after:
                self.dependants[before].append(task.id)
                self.admission[first] += 1
            for number, chunk in enumerate(task.chunks, start=first):
                for edge in chunk.load_after:
                    self._add(Role.LOAD_EDGE, number, edge.event, program.first[edge.task] + edge.chunk)
                for edge in chunk.compute_after:
                    self._add(Role.COMPUTE_EDGE, number, edge.event, program.first[edge.task] + edge.chunk)

    def _add(self, role: Role, number: int, event: Event, producer: int) -> None:
        self.listeners[event][producer].append((role, number))
        counts = self.admission if role in (Role.LOAD_EDGE, Role.INPUT_SLOT) else self.compute
        counts[number] += 1
