"""Results of one run of a task graph, at any level: tasks, chunk moments, channels."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import CycleBreakdown, StallCause
from simsnn.errors import ExitCode, SimsnnError
from simsnn.sim.trace import Trace

MOMENTS = np.dtype(
    [
        ("task", "<i4"),
        ("chunk", "<i4"),
        ("admitted", "<i8"),
        ("loaded", "<i8"),
        ("ready", "<i8"),
        ("issue_end", "<i8"),
        ("result_end", "<i8"),
        ("stored", "<i8"),
    ]
)
"""One chunk: loads may start, data complete, all it waits for is there (never before its task's
start), last issue done, last result done, stores complete (``result_end`` without stores); cycles."""


class Deadlock(SimsnnError):
    """A task graph whose chunks wait for one another: a bug of the mapper, never the user's."""

    kind = "deadlock"
    exit_code = ExitCode.BUG


@dataclass(frozen=True, slots=True)
class Stalls:
    """Cycles of waiting for the outside, by cause; group-cycles where the engine counts those."""

    dram: int = 0
    sram_bank: int = 0
    buffer_full: int = 0
    dependency: int = 0
    link: int = 0

    @property
    def total(self) -> int:
        """Sum over the causes: the ``stall`` part of the task."""
        return self.dram + self.sram_bank + self.buffer_full + self.dependency + self.link

    @property
    def largest(self) -> StallCause | None:
        """Cause with most cycles, the first of equals; None without a stall."""
        if not self.total:
            return None
        return max(StallCause, key=lambda cause: int(getattr(self, cause.value)))

    def __add__(self, other: Stalls) -> Stalls:
        return Stalls(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """When a task ran and what its cycles were.

    Parameters
    ----------
    task : int
        Task id.
    start, end : int
        Time origin and last result, in cycles: an empty pipeline at both.
    done : int
        Cycle at which everything it stores is complete, never before ``end``.
    cycles : CycleBreakdown
        Parts, which add up to ``groups * (end - start)``.
    stalls : Stalls
        Split of ``cycles.stall`` by cause.
    idle : Stalls
        Cycles for which the engine stood empty between its previous task and ``start``: ``link`` while the
        last message was under way, else ``dependency``. No part of ``cycles``.
    """

    task: int
    start: int
    end: int
    done: int
    cycles: CycleBreakdown
    stalls: Stalls
    idle: Stalls = Stalls()


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """What one channel carried: occupied cycles, bytes read by loads, bytes written by stores."""

    busy_cycles: int = 0
    read_bytes: int = 0
    write_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Bytes in both directions."""
        return self.read_bytes + self.write_bytes


@dataclass(frozen=True, slots=True)
class LinkUse:
    """What one directed channel of the links carried: occupied cycles, bytes, packets."""

    busy_cycles: int = 0
    bytes: int = 0
    packets: int = 0


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """When a message was sent, and when the last of it was at each of its destinations, in their order."""

    message: int
    sent: int
    arrived: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Execution:
    """One run.

    Parameters
    ----------
    makespan_cycles : int
        Cycle at which the last task is done and the last message is there.
    tasks : tuple of TaskRecord
        In the order of the graph.
    engine_busy_cycles : tuple of int
        Per engine, cycles inside its tasks less their stalls (group stalls rounded down).
    channels : tuple of ChannelUse
        DRAM first, then the local memories of the processors.
    moments : ndarray of MOMENTS, shape (chunks,)
        All chunks, by task and chunk.
    trace : Trace or None
        Intervals, where asked for.
    links : tuple of LinkUse
        Directed channels of the links, as the interconnect numbers them.
    messages : tuple of MessageRecord
        In the order of the graph.
    """

    makespan_cycles: int
    tasks: tuple[TaskRecord, ...]
    engine_busy_cycles: tuple[int, ...]
    channels: tuple[ChannelUse, ...]
    moments: NDArray[np.void]
    trace: Trace | None = None
    links: tuple[LinkUse, ...] = ()
    messages: tuple[MessageRecord, ...] = ()

    @property
    def dram(self) -> ChannelUse:
        """Use of the DRAM channel."""
        return self.channels[0]

    @property
    def stalls(self) -> Stalls:
        """Stalls of all tasks together."""
        return sum((record.stalls for record in self.tasks), Stalls())
