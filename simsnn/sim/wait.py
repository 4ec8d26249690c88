"""What one chunk waited for, and whom its stall is blamed on.

Of the stall that a chunk adds, all goes to the requirement of the chunk that was met last (equal
times: loads, then an edge, then an output slot). If that was a load, the memory is to blame only
since the load was allowed to start; what is left goes to whatever held the load back (equal times:
an edge, then an arrival, then an input slot; a load held back only by its predecessor's inherits
its cause). An arrival is the links' fault only since its message was sent; what is left is a
dependency. Of arrivals at one time the message sent first counts.

A task's own arrivals hold back its time origin too, as its ``after`` tasks do. So the cycles for
which an engine stands empty before a task are split by the same rule (:func:`idle_cycles`), and
an arrival makes stall only where a chunk's lateness is paid for later than it arises.

Proven cycle by cycle by the twin in ``tests/property/test_sim_twin.py``.
"""

from __future__ import annotations

DRAM, SRAM_BANK, BUFFER_FULL, DEPENDENCY, LINK = range(5)
"""Causes, as positions of ``Stalls``."""


class Wait:
    """Latest known time of each requirement of a chunk, in real cycles.

    Attributes
    ----------
    load_edge, arrival, input_slot, admitted : int
        Edges, messages and slot that hold the loads back, and when the loads were allowed to start.
    sent : int
        When the message of ``arrival`` was sent.
    held_by, held_since : int
        Cause of ``admitted``, and from when it is to blame: the sending of a message.
    load : int
        Data complete (``admitted`` where nothing is loaded).
    edge, output_slot : int
        Requirements of the compute alone.
    """

    __slots__ = (
        "admitted",
        "arrival",
        "edge",
        "held_by",
        "held_since",
        "input_slot",
        "load",
        "load_edge",
        "output_slot",
        "sent",
    )

    def __init__(self) -> None:
        self.load_edge = self.arrival = self.sent = self.input_slot = self.admitted = 0
        self.held_by = DEPENDENCY
        self.held_since = 0
        self.load = self.edge = self.output_slot = 0

    @property
    def ready(self) -> int:
        """Cycle from which nothing outside the engine holds the chunk back."""
        return max(self.load, self.edge, self.output_slot)

    def deliver(self, time: int, sent: int) -> None:
        """A message sent at ``sent`` is there."""
        if time > self.arrival or (time == self.arrival and sent < self.sent):
            self.arrival, self.sent = time, sent

    def admit(self, before: Wait | None) -> None:
        """Let the loads start; ``before`` is the chunk before it on its engine."""
        admitted = self.load_edge
        if self.arrival > admitted:
            admitted, self.held_by, self.held_since = self.arrival, LINK, self.sent
        if self.input_slot > admitted:
            admitted, self.held_by = self.input_slot, BUFFER_FULL
        if before is not None and before.admitted > admitted:
            admitted, self.held_by, self.held_since = before.admitted, before.held_by, before.held_since
        self.admitted = self.load = admitted

    def blame(self, stall: int, groups: int, causes: list[int]) -> None:
        """Add ``stall`` group-cycles of an engine with ``groups`` groups to the causes."""
        if self.load >= self.edge and self.load >= self.output_slot:
            memory = min(stall, groups * (self.load - self.admitted))
            causes[DRAM] += memory
            rest = stall - memory
            if self.held_by == LINK:
                link = min(rest, groups * (self.admitted - self.held_since))
                causes[LINK] += link
                causes[DEPENDENCY] += rest - link
            else:
                causes[self.held_by] += rest
        elif self.edge >= self.output_slot:
            causes[DEPENDENCY] += stall
        else:
            causes[BUFFER_FULL] += stall


def idle_cycles(free: int, after_done: int, wait: Wait) -> tuple[int, int]:
    """Cycles for which an engine stands empty before a task, by what the task waits for.

    Parameters
    ----------
    free : int
        End of the engine's previous task.
    after_done : int
        When the last of the task's ``after`` tasks was done.
    wait : Wait
        Of the task's first chunk: its arrivals.

    Returns
    -------
    dependency, link : int
        They add up to the task's origin less ``free``.
    """
    idle = max(after_done, wait.arrival) - free
    if idle <= 0:
        return 0, 0
    link = min(idle, wait.arrival - wait.sent) if wait.arrival > after_done else 0
    return idle - link, link
