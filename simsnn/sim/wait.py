"""What one chunk waited for, and whom its stall is blamed on.

Of the stall that a chunk adds, all goes to the requirement of the chunk that was met last (equal
times: loads, then an edge, then an output slot). If that was a load, the channel is to blame only
since the load was allowed to start; what is left goes to whatever held the load back (equal times:
an edge, then an input slot; a load held back only by its predecessor's inherits its cause). Of
loads that complete at one time the DRAM's counts before a link's.

Proven cycle by cycle by the twin in ``tests/property/test_sim_twin.py``.
"""

from __future__ import annotations

DRAM, SRAM_BANK, BUFFER_FULL, DEPENDENCY, LINK = range(5)
"""Causes, as positions of ``Stalls``."""


class Wait:
    """Latest known time of each requirement of a chunk, in real cycles.

    Attributes
    ----------
    load_edge, input_slot, admitted : int
        Edges and slot that hold the loads back, and when the loads were allowed to start.
    held_by : int
        Cause of ``admitted``.
    load, load_cause : int
        Data complete (``admitted`` where nothing is loaded), and the channel it came over.
    edge, output_slot : int
        Requirements of the compute alone.
    """

    __slots__ = ("admitted", "edge", "held_by", "input_slot", "load", "load_cause", "load_edge", "output_slot")

    def __init__(self) -> None:
        self.load_edge = 0
        self.input_slot = 0
        self.admitted = 0
        self.held_by = DEPENDENCY
        self.load = 0
        self.load_cause = DRAM
        self.edge = 0
        self.output_slot = 0

    @property
    def ready(self) -> int:
        """Cycle from which nothing outside the engine holds the chunk back."""
        return max(self.load, self.edge, self.output_slot)

    def admit(self, before: Wait | None) -> None:
        """Let the loads start; ``before`` is the chunk before it on its engine."""
        self.admitted, self.held_by = self.load_edge, DEPENDENCY
        if self.input_slot > self.admitted:
            self.admitted, self.held_by = self.input_slot, BUFFER_FULL
        if before is not None and before.admitted > self.admitted:
            self.admitted, self.held_by = before.admitted, before.held_by
        self.load = self.admitted

    def arrive(self, complete: int, cause: int) -> None:
        """A load's data is complete."""
        if complete > self.load or (complete == self.load and cause == DRAM):
            self.load, self.load_cause = complete, cause

    def blame(self, stall: int, groups: int, causes: list[int]) -> None:
        """Add ``stall`` group-cycles of an engine with ``groups`` groups to the causes."""
        if self.load >= self.edge and self.load >= self.output_slot:
            channel = min(stall, groups * (self.load - self.admitted))
            causes[self.load_cause] += channel
            causes[self.held_by] += stall - channel
        elif self.edge >= self.output_slot:
            causes[DEPENDENCY] += stall
        else:
            causes[BUFFER_FULL] += stall
