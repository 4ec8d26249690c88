"""What every engine promises: refuse, plan, price in cycles, advance by chunks, and a slow twin.

A *plan* fixes how one operation runs on one engine: which chunks, in which order, what each
needs in SRAM. ``advance`` is the one max-plus step of docs/machines section 9; the closed form
is the same step with ``ready = 0`` throughout, so a stall inside the engine can never be
counted twice and a wait for the outside appears only as ``stall``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import CycleBreakdown, EngineCost, OperandClass
from simsnn.energy.parts import AreaPart
from simsnn.workload.operation import Operation, Pass
from simsnn.workload.product_activity import ProductActivity

State = NDArray[np.int64]
"""Recurrence state of a plan; mutated in place by ``advance``. Layout belongs to the engine."""


class Dataflow(StrEnum):
    """Which operand stays in the array (docs/machines section 3.2)."""

    WS = "ws"
    IS = "is"
    OS = "os"


@dataclass(frozen=True, slots=True)
class DatapathWidths:
    """Widths that decide the area of an engine's datapath, in bits."""

    stationary: int
    streamed: int
    arithmetic: int
    state: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an engine cannot run an operation, and what would help."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of one operand that a chunk needs in SRAM, or leaves there.

    Parameters
    ----------
    tensor : str
        Tensor it is a piece of.
    role : OperandClass
        Which SRAM holds it.
    key : tuple of int
        Identifies the piece: two chunks that name the same (tensor, key) share it.
    bytes : int
        Stored bytes.
    """

    tensor: str
    role: OperandClass
    key: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Box:
    """A run of slots times a run of channels of a tensor; both half-open."""

    slots: tuple[int, int]
    channels: tuple[int, int]

    def joined(self, other: Box) -> Box | None:
        """This box and one of the same channels that follows it; None where they do not fit together."""
        if self.channels != other.channels or self.slots[1] != other.slots[0]:
            return None
        return Box((self.slots[0], other.slots[1]), self.channels)


@dataclass(frozen=True, slots=True)
class PortDemand:
    """Words per edge that an engine takes from or gives to one operand's SRAM while issuing."""

    role: OperandClass
    reads_per_edge: int
    writes_per_edge: int
    bits: int


@dataclass(frozen=True, slots=True)
class BufferAccess:
    """Elements of one operand class that an engine reads from and writes to its SRAM in a task."""

    role: OperandClass
    bits: int
    read_elements: int
    written_elements: int


@dataclass(frozen=True, slots=True)
class Work:
    """Useful operations of a task, and how many of them the engine could do per cycle."""

    useful: int
    peak_per_cycle: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine does beyond dense products.

    Parameters
    ----------
    mask_passes : frozenset of Pass
        Passes in which it scans the masks of an operation's ``sparsity``.
    accumulates_in_place : bool
        Pass W adds to the weight gradient that stands in memory; others need a re-add.
    needs_activity : bool
        Its cycles depend on real spikes or masks.
    needs_all_steps : bool
        The currents of all T must exist before it starts: layer-by-layer only.
    gradient_masks, needed_masks : bool
        Which masks it scans in ``mask_passes``: zeros of the gradient, results that nothing reads.
    """

    mask_passes: frozenset[Pass] = frozenset()
    accumulates_in_place: bool = False
    needs_activity: bool = False
    needs_all_steps: bool = False
    gradient_masks: bool = True
    needed_masks: bool = True


class Plan(Protocol):
    """One operation on one engine, cut into chunks."""

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Tiles that must lie in SRAM before the chunk starts."""

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Output tiles that are complete when the chunk's results are."""

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        """Tiles that occupy SRAM while a chunk runs without being moved: recurrent state."""

    def completes(self, chunk: int) -> Box | None:
        """Slots and channels whose results are complete with a chunk; None where they form no box."""

    def issues(self, chunk: int) -> int:
        """Issue edges of a chunk, which a slow buffer stretches."""

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements asked of each operand's SRAM at the busiest edge."""

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Elements read from and written to each operand's SRAM over the whole task."""

    def work(self) -> Work:
        """Useful operations, for the utilisation."""

    def formula(self) -> str:
        """The cycle formula with its numbers in it, for ``simsnn explain``."""

    def with_activity(self, activity: ProductActivity | None) -> Plan:
        """Same cut with the real spikes and masks; before, a plan describes the dense case.

        Chunks, tiles and boxes must not depend on the activity, cycles and counts may.
        """

    def start(self) -> State:
        """State before the first chunk: an empty pipeline at time 0 of the task."""

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        """Run one chunk.

        Parameters
        ----------
        state : State
            Recurrence state, updated in place.
        chunk : int
            Chunks are run in order, 0 first.
        ready : int
            Cycle of the task's own time at which the chunk's tiles lie in SRAM.

        Returns
        -------
        issue_end, result_end : int
            End of the last issue (input buffers are free) and of the last result (a store may
            start), in cycles of the task's own time.
        """

    def parts(self, state: State) -> CycleBreakdown:
        """Parts of all cycles up to the state; they add up to the last result_end."""

    def cost(self) -> EngineCost:
        """Closed form: ``advance`` with ``ready = 0``, and the action counts."""


class Engine(Protocol):
    """A kind of hardware that runs operations."""

    kind: ClassVar[str]
    model_version: ClassVar[int]
    config_type: ClassVar[type[Any]]
    config: Any
    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What it does beyond dense products."""

    def supports(self, operation: Operation) -> Refusal | None:
        """Reason why this engine refuses the operation, or None."""

    def candidates(self, operation: Operation, dataflow: Dataflow | None = None) -> Iterator[Plan]:
        """Plans with ever smaller chunks, coarse ones first, the same whatever the buffer sizes."""

    def area_parts(self, widths: DatapathWidths) -> tuple[AreaPart, ...]:
        """Hardware of the engine at given widths."""
