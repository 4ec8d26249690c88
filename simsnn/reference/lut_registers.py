"""Memories and registers of the LUT machine, and the names of their words.

``LutTask`` is what lies in the memories before the first edge (operands, packed addresses, the
loop nest as a tile table), ``LutShape`` the numbers the array is built with, ``LutRegisters``
everything that changes at an edge. Lanes are the innermost dimension throughout. The machine that
steps them: ``lut_step.py``; tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Addresses = NDArray[np.uint16]

# Words of a tile: first output channel, lanes, positions [first, end), issues, its groups in the
# list of groups, bypassed or not, chunk, output-channel tile.
CHANNEL, LANES, FIRST, END, ISSUES, GROUP, GROUPS, BYPASS, CHUNK, OC = range(10)
TILE_WORDS = 10

# Words of an output-channel tile: first channel, lanes, first tile that is not its own, issue edges.
OC_CHANNEL, OC_LANES, OC_END, OC_ISSUES = range(4)

# Words of the builder: tile, at work, block, entries of the block written, edges it sat idle for operands.
B_TILE, B_BUSY, B_BLOCK, B_DONE, B_DEBT = range(5)

# Words of the issue stage: tile, next flag, gated-add step, edges it waited for the table, has ever issued.
R_TILE, R_FLAG, R_STEP, R_WAITED, R_ISSUED = range(5)

# Tag that travels with the sums: valid, tile, first position, ports, groups, first channel, lanes, oc-tile.
VALID, T_TILE, T_FIRST, T_PORTS, T_GROUPS, T_LANES, T_OC = range(7)
TAG_WORDS = 7

# Words of the drain chain: output-channel tile, words already out.
D_OC, D_DONE = range(2)

# Waits that are booked when it is known whether an issue still follows.
P_BUILD, P_RELOAD, P_SCAN, P_AFTER = range(4)

# Parts, in the order of simsnn.costs.CycleBreakdown.
FILL, STREAM, BUILD, RELOAD, SCAN, IMBALANCE, DRAIN, STALL = range(8)

# Counts, in the order of simsnn.reference.lut_machine.LutCounts.
(
    C_TABLES,
    C_TABLE_ADDS,
    C_TABLE_COPIES,
    C_TABLE_WRITES,
    C_READS,
    C_ZERO_READS,
    C_TREE_ADDS,
    C_ACCUMULATES,
    C_ADDRESS_BITS,
    C_FLAGS,
    C_GATED_ADDS,
    C_OPERATIONS,
    C_DRAINED,
    C_READBACK,
    C_BYPASSED,
    C_TILES,
) = range(16)
COUNT_WORDS = 16


class LutTask(NamedTuple):
    """Memories before the first edge.

    Parameters
    ----------
    operands : (R, Co) int64
        Real operands: weights, or gradients.
    rows : (groups, k) int64
        Operand row of each address bit; -1: padded, always zero.
    addresses : (groups, positions) uint16
        Packed spikes: bit b is the spike that goes with ``rows[group, b]``.
    kept : (n,) int64
        Groups of the tiles, one tile after another.
    tiles : (F, TILE_WORDS) int64
        Tiles in processing order.
    oc_tiles : (n_oc, 4) int64
        Output-channel tiles.
    chunk_tiles, chunk_drains : (chunks,) int64
        Tiles that are through, and output-channel tiles that are drained, when the chunk is.
    ready : (chunks,) int64
        Edge from which the operands of a chunk lie in SRAM.
    initial : (positions, Co) int64
        What the accumulators start from.
    """

    operands: Ints
    rows: Ints
    addresses: Addresses
    kept: Ints
    tiles: Ints
    oc_tiles: Ints
    chunk_tiles: Ints
    chunk_drains: Ints
    ready: Ints
    initial: Ints


class LutShape(NamedTuple):
    """Numbers of the array: k, A, N_r, N_g, sets, Z, tree levels, accumulator sets, drain width (0: never)."""

    address_bits: int
    build_ports: int
    read_ports: int
    groups: int
    table_sets: int
    window: int
    levels: int
    accumulator_sets: int
    drain_width: int


class LutRegisters(NamedTuple):
    """Everything that an edge may write.

    Parameters
    ----------
    tables : (sets, groups, 2**k, lanes) int64
        Table entries; entry 0 is never written.
    table_tag, table_valid, table_debt : (sets,) int64
        Tile that owns a set (-1: free), its complete flag, edges its builder sat idle for operands.
    builder, reader, drain : int64
        Words ``B_``, ``R_`` and ``D_``.
    flags : (issues,) uint8
        Flags of the tile at the issue stage.
    pipe : (levels + 1, ports, groups, lanes) int64
        Read registers, then one row per tree level.
    tags : (levels + 1, TAG_WORDS) int64
        Tags of the pipeline registers.
    accumulators : (sets, positions, lanes) int64
        Accumulators.
    owner : (sets,) int64
        Output-channel tile that a set belongs to.
    written : (sets, positions) int64
        Edge of the last write of an accumulator: two at one edge would be a collision.
    accumulated : (n_oc,) int64
        Issue edges of an output-channel tile whose sums are accumulated.
    values : (positions, Co) int64
        What the drain chain has moved out.
    parts, waits, counts : int64
        Accounting.
    ends : (chunks, 2) int64
        issue_end and result_end.
    """

    tables: Ints
    table_tag: Ints
    table_valid: Ints
    table_debt: Ints
    builder: Ints
    reader: Ints
    drain: Ints
    flags: Bytes
    pipe: Ints
    tags: Ints
    accumulators: Ints
    owner: Ints
    written: Ints
    accumulated: Ints
    values: Ints
    parts: Ints
    waits: Ints
    counts: Ints
    ends: Ints


def _zeros(*shape: int) -> Ints:
    return np.zeros(shape, dtype=np.int64)


def new_registers(task: LutTask, shape: LutShape, lanes: int) -> LutRegisters:
    """Registers before the first edge: empty pipeline, free tables, accumulators at their first values."""
    positions, channels = task.initial.shape
    sets, widest = shape.accumulator_sets, min(lanes, channels)
    accumulators = _zeros(sets, positions, widest)
    for owner in range(min(sets, len(task.oc_tiles))):
        first, present = task.oc_tiles[owner, OC_CHANNEL], task.oc_tiles[owner, OC_LANES]
        accumulators[owner, :, :present] = task.initial[:, first : first + present]
    longest = int(task.tiles[:, ISSUES].max(initial=1))
    return LutRegisters(
        tables=_zeros(shape.table_sets, shape.groups, 1 << shape.address_bits, widest),
        table_tag=np.full(shape.table_sets, -1, dtype=np.int64),
        table_valid=_zeros(shape.table_sets),
        table_debt=_zeros(shape.table_sets),
        builder=_zeros(5),
        reader=_zeros(5),
        drain=_zeros(2),
        flags=np.zeros(longest, dtype=np.uint8),
        pipe=_zeros(shape.levels + 1, shape.read_ports, shape.groups, widest),
        tags=_zeros(shape.levels + 1, TAG_WORDS),
        accumulators=accumulators,
        owner=np.arange(sets, dtype=np.int64),
        written=np.full((sets, positions), -1, dtype=np.int64),
        accumulated=_zeros(len(task.oc_tiles)),
        values=_zeros(positions, channels),
        parts=_zeros(8),
        waits=_zeros(4),
        counts=_zeros(COUNT_WORDS),
        ends=_zeros(len(task.ready), 2),
    )
