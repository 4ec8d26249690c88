"""Registers, index lists and the book of the register-level dual-sparsity engine.

The tuples only group arrays for the compiled step functions, which take them apart once per edge
and walk over the groups inside: handing them over once per group would cost more than the step.
``settle`` books how a group's
compute stage spent a run of edges, once the machine has shown what ended the run.
Proof: ``tests/reference/test_dual_sparse_values.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Ints = NDArray[np.int64]

# Registers of a group. Scanner: busy, pixel, slice pair, chunk, in the field, next bit, next field
# entry, list it fills, edges it idled for late operands; next pixel of its block.
SCANNING, PIXEL, PAIR, CHUNK, IN_FIELD, BIT, ENTRY, SCAN_LIST, DEBT, NEXT = range(10)
# Compute stage: list it empties, pass, first value of the current values, values are repeated;
# what it did last, and since which edge.
COMPUTE_LIST, PASS, VALUE, REPEAT, STATE, SINCE = range(10, 16)
# Operand register: valid, values in it, first values of the pass, last edge of the pass, row,
# slice pair, chunk. Pass that moves on to the result register: valid, row, slice pair, chunk.
OP_VALID, OP_VALUES, OP_FIRST, OP_LAST, OP_ROW, OP_PAIR, OP_CHUNK = range(16, 23)
SUM_VALID, SUM_ROW, SUM_PAIR, SUM_CHUNK = range(23, 27)
GROUP_WORDS = 27

# Head of an index list: full flag, pixel, slice pair, chunk, non-zero values, active channels, debt.
FULL, L_PIXEL, L_PAIR, L_CHUNK, N_IN, N_OUT, L_DEBT = range(7)
LIST_WORDS = 7

# Sequencer: slice pair, next pixel, end of the open block, chunk of the next pixel, a block is open.
Q_PAIR, Q_PIXEL, Q_END, Q_CHUNK, Q_OPEN = range(5)
SEQUENCER_WORDS = 5

BUSY, WAITING, DONE, SHUT = range(4)
"""STATE of a compute stage: issues; waits for its scanner; nothing left for it; no block is open."""

FILL, STREAM, SCAN, IMBALANCE, DRAIN, STALL = 0, 1, 4, 5, 6, 7
"""Columns of the parts, as in CycleBreakdown."""
# Book: parts, then the same parts after the last issue so far, then first and last issue edge, losses.
AFTER, FIRST_ISSUE, LAST_ISSUE, EXPOSED, UNBALANCED = 8, 16, 17, 18, 19
BOOK_WORDS = 20

MULTIPLIES, WEIGHT_READS, SCANNED_BITS, SCAN_EDGES, VALUE_READS, WRITTEN = range(6)
PARTIAL_READS, PARTIAL_WRITES, PASSES, ACTIVE_PIXELS, PIXELS = range(6, 11)
LANE_ROUNDING, BANK_CONFLICTS, USEFUL = range(11, 14)
TALLY_WORDS = 14

NEVER = np.iinfo(np.int64).max


class Switches(NamedTuple):
    """The machine record as plain numbers."""

    groups: int
    lanes: int
    values: int
    scan_bits: int
    compact: bool
    banks: int
    dynamic: bool
    barrier_pixels: int
    grants: int


class Task(NamedTuple):
    """What the memories hold: operands, pixel list, slice and chunk bounds, ready edges."""

    gradient: Ints
    weights: Ints
    """(taps * Co, Ci): row tap * Co + co."""
    needed: NDArray[np.uint8]
    rows: Ints
    field_start: Ints
    field_row: Ints
    field_tap: Ints
    c_bounds: Ints
    co_bounds: Ints
    chunk_pixels: Ints
    ready: Ints


class Registers(NamedTuple):
    """State of all groups; the second axis of the list arrays is the list, 0 or 1."""

    group: Ints
    lists: Ints
    """(G, 2, LIST_WORDS)."""
    list_values: Ints
    """(G, 2, field)."""
    list_index: Ints
    """(G, 2, field): weight row of each value."""
    lane_count: Ints
    """(G, 2, P_c): channels listed for a lane."""
    lane_channel: Ints
    """(G, 2, P_c, passes): the channels of a lane, one per pass."""
    served: Ints
    """(G, P_c): lane has had its weights for the current values."""
    bank_edge: Ints
    """(G, NB): last edge at which the bank was read, plus one."""
    op_weights: Ints
    """(G, P_c, V)."""
    op_values: Ints
    """(G, V)."""
    op_channel: Ints
    """(G, P_c): channel of the lane in the operand register, -1 for none."""
    sums: Ints
    """(G, P_c): accumulators."""
    sum_channel: Ints
    """(G, P_c): channel that the accumulator works on, -1 for none."""


class Outputs(NamedTuple):
    """What the run leaves behind."""

    values: Ints
    ends: Ints
    """(chunks, 2)."""
    book: Ints
    tally: Ints
    trace: NDArray[np.uint8]
    """(edges, G, 2)."""


@jit
def new_registers(switches: Switches, longest_field: int, channels: int) -> Registers:
    """Empty lists and pipelines; a compute stage starts out waiting (or shut, before the first block)."""
    groups, lanes = switches.groups, switches.lanes
    group = np.zeros((groups, GROUP_WORDS), dtype=np.int64)
    group[:, STATE] = WAITING if switches.dynamic else SHUT
    return Registers(
        group,
        np.zeros((groups, 2, LIST_WORDS), dtype=np.int64),
        np.zeros((groups, 2, longest_field), dtype=np.int64),
        np.zeros((groups, 2, longest_field), dtype=np.int64),
        np.zeros((groups, 2, lanes), dtype=np.int64),
        np.zeros((groups, 2, lanes, channels // lanes + 1), dtype=np.int64),
        np.zeros((groups, lanes), dtype=np.int64),
        np.zeros((groups, switches.banks), dtype=np.int64),
        np.zeros((groups, lanes, switches.values), dtype=np.int64),
        np.zeros((groups, switches.values), dtype=np.int64),
        np.full((groups, lanes), -1, dtype=np.int64),
        np.zeros((groups, lanes), dtype=np.int64),
        np.full((groups, lanes), -1, dtype=np.int64),
    )


@jit
def settle(book: Ints, part: int, start: int, stop: int) -> None:
    """Book the idle edges ``start <= edge < stop`` of one group as ``part``, or fill before the first issue.

    What lies after the last issue so far is remembered: it becomes drain if no issue follows.
    """
    edges = stop - start
    if edges <= 0:
        return
    before = max(0, min(stop, book[FIRST_ISSUE]) - start)
    book[FILL] += before
    book[part] += edges - before
    if book[FIRST_ISSUE] != NEVER:
        book[AFTER + part] += max(0, stop - max(start, book[LAST_ISSUE] + 1))
    if part == SCAN:
        book[EXPOSED] += edges
    else:
        book[UNBALANCED] += edges


@jit
def settle_wait(book: Ints, start: int, stop: int, debt: int) -> None:
    """Book a wait for a scanner: stall up to the scanner's debt, the rest scan."""
    stalled = min(stop - start, debt)
    book[STALL] += stalled
    settle(book, SCAN, start + stalled, stop)


@jit
def note_issue(book: Ints, edge: int) -> None:
    """An issue at this edge: everything before it lies between issues."""
    if book[FIRST_ISSUE] == NEVER:
        book[FIRST_ISSUE] = edge
    if book[LAST_ISSUE] != edge:
        book[LAST_ISSUE] = edge
        book[AFTER + SCAN], book[AFTER + IMBALANCE] = 0, 0
    book[STREAM] += 1
