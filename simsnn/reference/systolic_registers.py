"""Registers and tallies that both register-level systolic machines share.

Conventions of the twins in ``systolic_stationary.py`` (``ws``, ``is``) and ``systolic_outputs.py``
(``os``):

* A shift register row is held in a sliding window: every edge the head moves down by one and the
  entering word is written at the head, so that what column j finds at its input is
  ``line[head + j]``. This is the two-phase shift of every register at once, without copying.
* Rows of processing elements are swept from the last to the first, so that each element still
  reads what its upper neighbour held before the edge: equal to read all, then write all.
* An operand carries its tags with it: up to which column it is meant to travel, up to which
  column its product counts as work, and whether it is the first (swap, clear) or the last word.
* A delay line is a ring indexed by the edge at which a word leaves: two words that would sit in
  one register meet in one slot, which is a collision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Ints = NDArray[np.int64]
Shorts = NDArray[np.int16]
Flags = NDArray[np.uint8]

# Columns of a fold table: where operands and results lie in flat arrays, and the fold's shape.
STREAMED, STREAMED_PITCH, TILE, TILE_PITCH, OUT, OUT_PITCH = 0, 1, 2, 3, 4, 5
ROWS_USED, COLUMNS_USED, STREAM, ROWS, COLUMNS = 6, 7, 8, 9, 10
FIRST_SUM, LAST_SUM, BANK_BASE, SEGMENT_BEGIN, SEGMENT_END = 11, 12, 13, 14, 15
READY_LOAD, FORCED_LOAD, FORCED_START = 16, 17, 18
FOLD_WORDS = 19

# Tally of a run.
CYCLES, T_FILL, T_STREAM, T_RELOAD, T_STALL, T_DRAIN = 0, 1, 2, 3, 4, 5
OPERAND_WRITES, SUM_WRITES, WORK, TILE_WRITES, SWAP_WRITES, BANK_READS, BANK_WRITES = 6, 7, 8, 9, 10, 11, 12
DRAIN_WRITES, BANK_ROWS, LARGEST, SMALLEST, COLLISIONS, FIRST_COLLISION = 13, 14, 15, 16, 17, 18
TALLY_WORDS = 19

SWAP_TAG, TAP_TAG = 1, 2
"""Tags of ``ws``/``is`` operands: first row of a tile; this row of elements is the tapped one."""

GATE_NONE, GATE_STREAMED, GATE_STATIONARY = 0, 1, 2
"""Which operand gates the adder: none (multiply-accumulate), the moving one, the held one."""


@jit
def new_tally() -> Ints:
    """Tally before the first edge."""
    tally = np.zeros(TALLY_WORDS, dtype=np.int64)
    tally[FIRST_COLLISION] = -1
    return tally


@jit
def collide(tally: Ints, edge: int) -> None:
    """Two words met in one register, or a word was read before it was there."""
    if tally[COLLISIONS] == 0:
        tally[FIRST_COLLISION] = edge
    tally[COLLISIONS] += 1


@jit
def multiply_row(sums: Ints, above: Ints, held: Ints, line: Ints, unused: int, tally: Ints) -> None:
    """One edge of a row of elements: sums = wrap(above + held * line), extremes before wrapping kept.

    ``unused`` is 64 less the accumulator width. ``line`` starts at the head of the window.
    """
    largest, smallest = tally[LARGEST], tally[SMALLEST]
    for column in range(sums.shape[0]):
        value = above[column] + held[column] * line[column]
        largest = max(largest, value)
        smallest = min(smallest, value)
        sums[column] = (value << unused) >> unused
    tally[LARGEST], tally[SMALLEST] = largest, smallest


@jit
def accumulate_row(sums: Ints, falling: Ints, line: Ints, unused: int, tally: Ints) -> None:
    """One edge of a row of accumulating elements: sums = wrap(sums + falling * line)."""
    largest, smallest = tally[LARGEST], tally[SMALLEST]
    for column in range(sums.shape[0]):
        value = sums[column] + falling[column] * line[column]
        largest = max(largest, value)
        smallest = min(smallest, value)
        sums[column] = (value << unused) >> unused
    tally[LARGEST], tally[SMALLEST] = largest, smallest


@jit
def count_row(reach: Shorts, useful: Shorts, line: Ints, held: Ints, gate: int, tally: Ints) -> None:
    """Count the elements of a row that take an operand at this edge, and those that add."""
    moved, worked = 0, 0
    if gate == GATE_NONE:
        for column in range(reach.shape[0]):
            moved += column < reach[column]
            worked += column < useful[column]
    elif gate == GATE_STREAMED:
        for column in range(reach.shape[0]):
            moved += column < reach[column]
            worked += (column < useful[column]) & (line[column] != 0)
    else:
        for column in range(reach.shape[0]):
            moved += column < reach[column]
            worked += (column < useful[column]) & (held[column] != 0)
    tally[OPERAND_WRITES] += moved
    tally[SUM_WRITES] += moved
    tally[WORK] += worked


@jit
def slide(words: NDArray[np.generic], head: int, span: int, columns: int) -> None:
    """Copy a full window back to its far end; happens once per ``span`` edges."""
    for row in range(words.shape[0]):
        for column in range(columns):
            words[row, span + column] = words[row, head + column]
