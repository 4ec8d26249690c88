"""Records of the register-level LUT machine: what it is built of, and what one run of it did.

Docs/machines section 4. The machine itself is in ``lut_step.py``; tasks are made in ``lut.py``
(forward) and ``lut_update.py`` (weight update). Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class BuilderState(IntEnum):
    """What the table builder does at an edge."""

    DONE = 0
    """Every table of the task is built."""
    HELD = 1
    """It waits for a free table set."""
    LATE = 2
    """It waits for operands that do not lie in SRAM yet."""
    BUILD = 3
    """It writes table entries (of a bypassed tile: operands)."""


class IssueState(IntEnum):
    """What the issue stage does at an edge."""

    DONE = 0
    """No tile is left; the pipeline or the drain chain still works."""
    ISSUE = 1
    """It reads tables."""
    TABLE = 2
    """It waits for a complete table."""
    DRAIN = 3
    """It waits for an accumulator set that is not drained yet."""
    BUBBLE = 4
    """The scanner finds no set flag in its window and moves on."""


@dataclass(frozen=True, slots=True)
class LutMachine:
    """Parameters of the array.

    Parameters
    ----------
    address_bits, build_ports, read_ports, lanes, groups : int
        k, A, N_r, N_oc, N_g.
    double_tables : bool
        Two table sets instead of one.
    skip_window : int
        Flags that the scanner looks at in one cycle; 0: nothing is skipped.
    bypass : bool
        Tiles for which it is cheaper run as k serial gated adds.
    """

    address_bits: int
    build_ports: int
    read_ports: int
    lanes: int
    groups: int
    double_tables: bool
    skip_window: int
    bypass: bool


@dataclass(frozen=True, slots=True)
class LutUpdateMachine:
    """Parameters that only the weight update has.

    Parameters
    ----------
    skip_groups : bool
        Drop a position group whose gradients are zero in all lanes of the output-channel tile.
    double_accumulators : bool
        Two dW accumulator sets instead of one.
    drain_width : int
        Words that leave an accumulator set per cycle.
    readback : bool
        The accumulators start from dW words read back from memory (counted).
    """

    skip_groups: bool
    double_accumulators: bool
    drain_width: int
    readback: bool


@dataclass(frozen=True, slots=True)
class LutCounts:
    """Actions of a run; absent lanes, groups and positions count nothing.

    Parameters
    ----------
    tables, table_adds, table_copies, table_writes : int
        Tables built (present lanes x present groups, bypassed tiles excluded) and their entries.
    reads, zero_reads : int
        Table reads outside bypassed tiles, and those at address 0.
    tree_adds, accumulates : int
        Additions of the trees and read-modify-writes of the accumulators, at every issue edge
        (a bypassed issue has k of them).
    address_bits : int
        Spike bits fetched: operand columns that exist x present positions, shared by the lanes.
    flags : int
        Flags looked at by the scanner.
    gated_adds : int
        Operands let through in bypassed tiles (ones x lanes).
    operations : int
        Non-zeros x fan-out, skipped or not.
    drained_words, readback_words : int
        dW words that left and entered the accumulators.
    bypassed_tiles, tiles : int
        Tiles run as gated adds, and all tiles.
    """

    tables: int
    table_adds: int
    table_copies: int
    table_writes: int
    reads: int
    zero_reads: int
    tree_adds: int
    accumulates: int
    address_bits: int
    flags: int
    gated_adds: int
    operations: int
    drained_words: int
    readback_words: int
    bypassed_tiles: int
    tiles: int


@dataclass(frozen=True, slots=True, eq=False)
class LutTrace:
    """States of every edge, for a timing diagram.

    Parameters
    ----------
    builder, builder_tile : (edges,) int64
        ``BuilderState`` and the tile whose table is built or waited for; -1 when all are built.
    issue, issue_tile, position : (edges,) int64
        ``IssueState``, the tile it works on (-1: none), first position of an issue (-1: no issue).
    accumulate_tile : (edges,) int64
        Tile whose sums are accumulated at this edge; -1: none.
    drain : (edges,) int64
        Output-channel tile whose accumulators drain at this edge; -1: none.
    """

    builder: Ints
    builder_tile: Ints
    issue: Ints
    issue_tile: Ints
    position: Ints
    accumulate_tile: Ints
    drain: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LutRun:
    """What the registers did.

    Parameters
    ----------
    values : (Q, Co) or (J, Co) int64
        Synaptic sums of the forward pass, or weight gradients.
    parts : (8,) int64
        Cycles by part, in the order of ``simsnn.costs.CycleBreakdown``.
    ends : (chunks, 2) int64
        issue_end and result_end of each chunk, in edges.
    counts : LutCounts
        Actions.
    trace : LutTrace or None
        States of every edge, if asked for.
    """

    values: Ints
    parts: Ints
    ends: Ints
    counts: LutCounts
    trace: LutTrace | None = None

    @property
    def cycles(self) -> int:
        """Edges from the first table write to the last result."""
        return int(self.ends[-1, 1])
