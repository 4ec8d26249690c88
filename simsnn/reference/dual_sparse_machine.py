"""Records of the register-level dual-sparsity engine: machine, pixel list, counts, losses, run.

Source: docs/machines section 5. Nothing here computes; the machine itself is stepped by
``simsnn/reference/dual_sparse.py``, which also says what every count and loss means.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where

Ints = NDArray[np.int64]


class ScanCode(IntEnum):
    """What a scanner does at an edge, in the trace."""

    EMPTY = 0
    """No pixel left for it: in the block (static) or in the queue (dynamic)."""
    OUTPUT_MASK = 1
    """It looks at a word of the output mask."""
    FIELD_MASK = 2
    """It looks at a word of a tap of the field."""
    NO_LIST = 3
    """Both index lists hold pixels that are not yet computed."""
    LATE = 4
    """The operands of the next pixel or block do not lie in SRAM yet."""
    NO_GRANT = 5
    """The queue served as many other groups as it can at one edge."""


class ComputeCode(IntEnum):
    """What a compute stage does at an edge, in the trace."""

    IDLE = 0
    """It waits for its scanner, a barrier or late operands."""
    ISSUE = 1
    """It takes new values."""
    CONFLICT = 2
    """It repeats the values for lanes whose weights share a bank with another lane's."""


@dataclass(frozen=True, slots=True)
class DualSparseMachine:
    """Switches and sizes of the engine (docs/machines section 5).

    Parameters
    ----------
    groups, lanes, values_per_cycle, scan_bits : int
        G, P_c, V and z.
    compact : bool
        ``lane_map: compact``: runs of P_c active channels; otherwise lane = channel mod P_c.
    banks : int
        NB weight banks behind the crossbar of ``compact``; ``modulo`` has no crossbar and ignores it.
    dynamic : bool
        ``balance: dynamic``: one queue; otherwise blocks of barrier_pixels * G pixels with a barrier.
    barrier_pixels : int
        Pixels per group and block; ``dynamic`` ignores it.
    grants_per_cycle : int
        Groups that the queue serves at one edge; ``static`` ignores it.

    Raises
    ------
    ConfigError
        If a size is below 1.
    """

    groups: int
    lanes: int
    values_per_cycle: int
    scan_bits: int
    compact: bool
    banks: int
    dynamic: bool
    barrier_pixels: int
    grants_per_cycle: int

    def __post_init__(self) -> None:
        """Refuse sizes with which no edge would ever make progress."""
        for field in fields(self):
            value = int(getattr(self, field.name))
            if field.name not in ("compact", "dynamic") and value < 1:
                raise ConfigError(
                    f"the dual-sparsity engine has {field.name} = {value}",
                    where=Where(f"dual_sparse.{field.name}"),
                    value=value,
                    allowed=("1 or more",),
                    remedy=f"give {field.name} a positive whole number",
                )


@dataclass(frozen=True, slots=True, eq=False)
class PixelList:
    """Input pixels in processing order, and the taps through which the gradient reaches each.

    Parameters
    ----------
    rows : (n,) int64
        Row of the input gradient that each pixel writes.
    field_start : (n + 1,) int64
        Pixel p has the entries ``field_start[p] .. field_start[p + 1]`` of the two lists below.
    field_row : (entries,) int64
        Row of the neuron-input gradient.
    field_tap : (entries,) int64
        Tap ky * Kw + kx; entries of a pixel are ascending in it.
    """

    rows: Ints
    field_start: Ints
    field_row: Ints
    field_tap: Ints

    @property
    def pixels(self) -> int:
        """Number of pixels n."""
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class DualSparseCounts:
    """Actions of a run; exact meaning in ``simsnn/reference/dual_sparse.py``."""

    multiplies: int
    weight_reads: int
    scanned_bits: int
    scan_edges: int
    value_reads: int
    written: int
    partial_reads: int
    partial_writes: int
    passes: int
    active_pixels: int
    pixels: int


@dataclass(frozen=True, slots=True)
class DualSparseLosses:
    """Where lane-cycles and group-cycles went; formulas in ``simsnn/reference/dual_sparse.py``."""

    lane_rounding: int
    bank_conflicts: int
    exposed_scan: int
    imbalance: int


@dataclass(frozen=True, slots=True, eq=False)
class DualSparseRun:
    """Result of the register-level engine.

    Parameters
    ----------
    values : (n_in_rows, Ci) int64
        Gradient towards the input; masked-out entries stay 0.
    parts : (8,) int64
        Group-cycles in the order of ``CycleBreakdown``; they add up to G * total.
    ends : (chunks, 2) int64
        issue_end and result_end of each chunk, slice pairs outer.
    counts : DualSparseCounts
    losses : DualSparseLosses
    total_cycles : int
        Edge after the last result (or the last scan, where nothing follows it).
    useful_lane_cycles : int
        Lane-cycles of the compute edges in which the lane serves an active channel.
    trace : (edges, G, 2) uint8
        :class:`ScanCode` and :class:`ComputeCode` of the first edges, as many as were asked for.
    """

    values: Ints
    parts: Ints
    ends: Ints
    counts: DualSparseCounts
    losses: DualSparseLosses
    total_cycles: int
    useful_lane_cycles: int
    trace: NDArray[np.uint8]
