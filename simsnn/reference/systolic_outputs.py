"""Register-level twin of the ``os`` systolic array, one clock per step.

Every element accumulates one output in place while left operands move right and right operands
move down, both skewed inside the array. ``drain: serial`` shifts the accumulators out when the
array is idle. ``drain: overlapped`` hands each sum, tagged by its last operand, to a drain
register; the registers of a column (``skewed``, ``row_timed``) or of all columns (``global``)
shift down and out once every element above the tap has handed over, while the next fold
accumulates. Which edge that is follows from counters of handed sums. With overlapped drain the
first edge of each fold is given, and a sum handed to a register that still holds or passes
another word, a word that leaves out of turn, or two words on one wire count as collisions:
the caller finds the earliest starts by trying (``simsnn.reference.systolic``).

Source: docs/machines section 3.2. Proof: ``tests/reference/test_systolic.py``.
"""

from __future__ import annotations

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.folds import DRAIN_ENABLE, ENABLE_GLOBAL, ENABLE_ROW_TIMED, OVERLAPPED
from simsnn.reference.systolic_registers import (
    COLLISIONS,
    COLUMNS,
    COLUMNS_USED,
    CYCLES,
    DRAIN_WRITES,
    FORCED_LOAD,
    FORCED_START,
    OUT,
    OUT_PITCH,
    READY_LOAD,
    ROWS,
    ROWS_USED,
    STREAM,
    STREAMED,
    STREAMED_PITCH,
    T_DRAIN,
    T_RELOAD,
    T_STALL,
    T_STREAM,
    TILE,
    TILE_PITCH,
    Flags,
    Ints,
    Shorts,
    accumulate_row,
    collide,
    count_row,
    new_tally,
    slide,
)

FIRST_TAG, LAST_TAG = 1, 2

# Words of the controller and of the output side.
FOLD, STEP, ISSUED, ISSUED_FOLD, ISSUED_STEP, LAST_ISSUE = 0, 1, 2, 3, 4, 5
OUT_FOLD, OUT_ROW = 0, 1
# Words of a column's drain: sums handed, fold they belong to, shift edges left, fold that shifts.
HANDED, HANDED_FOLD, SHIFTS, SHIFT_FOLD = 0, 1, 2, 3


@jit
def issue(edge: int, control: Ints, folds: Ints, idle: bool, overlapped: bool, tally: Ints) -> None:
    """Decide whether operands enter at this edge, and book the edge under its part."""
    control[ISSUED] = 0
    fold = control[FOLD]
    if fold >= folds.shape[0]:
        tally[T_DRAIN] += 1
        return
    if control[STEP] == 0:
        permitted = edge >= folds[fold, FORCED_LOAD] if overlapped else idle
        go = permitted and folds[fold, READY_LOAD] <= edge
        if folds[fold, FORCED_START] >= 0:
            go = edge >= folds[fold, FORCED_START]
        if not go:
            tally[T_STALL if permitted else T_RELOAD] += 1
            return
    tally[T_STREAM] += 1
    control[ISSUED], control[ISSUED_FOLD], control[ISSUED_STEP] = 1, fold, control[STEP]
    control[LAST_ISSUE] = edge
    control[STEP] += 1
    if control[STEP] == folds[fold, STREAM]:
        control[FOLD], control[STEP] = fold + 1, 0


@jit
def capture(
    slot: int, control: Ints, folds: Ints, left: Ints, right: Ints, skew: Ints, down: Ints, owner: Ints
) -> None:
    """One column of the left and one row of the right tile enter the skew registers."""
    owner[slot, 0] = -1
    if not control[ISSUED]:
        return
    fold, step = folds[control[ISSUED_FOLD]], control[ISSUED_STEP]
    for row in range(skew.shape[1]):
        inside = row < fold[ROWS_USED]
        skew[slot, row] = left[fold[STREAMED] + row * fold[STREAMED_PITCH] + step] if inside else 0
    for column in range(down.shape[1]):
        inside = column < fold[COLUMNS_USED]
        down[slot, column] = right[fold[TILE] + step * fold[TILE_PITCH] + column] if inside else 0
    owner[slot, 0] = control[ISSUED_FOLD]
    owner[slot, 1] = (step == 0) * FIRST_TAG + (step == fold[STREAM] - 1) * LAST_TAG


@jit
def clear_row(sums: Ints, tags: Flags, reach: Shorts) -> None:
    """Elements whose operand is the first of its fold start from zero."""
    for column in range(sums.shape[0]):
        if tags[column] & FIRST_TAG and column < reach[column]:
            sums[column] = 0


@jit
def hand_row(
    sums: Ints,
    tags: Flags,
    reach: Shorts,
    row: int,
    held: Ints,
    mark: Ints,
    drain: Ints,
    keep: bool,
    edge: int,
    tally: Ints,
) -> None:
    """Elements whose operand is the last of its fold hand their sum over, or report it done.

    ``mark`` is 0 for an empty drain register, else 1 + the row whose sum it holds.
    """
    for column in range(sums.shape[0]):
        if tags[column] & LAST_TAG and column < reach[column]:
            drain[HANDED, column] += 1
            if mark[column] != 0:
                collide(tally, edge)
            mark[column] = row + 1
            if keep:
                held[column] = sums[column]
                tally[DRAIN_WRITES] += 1


@jit
def begin_shifts(drain: Ints, folds: Ints, together: bool, edge: int, tally: Ints) -> None:
    """Columns (or all columns together) whose sums are all handed over begin to shift."""
    columns = drain.shape[1]
    fold = drain[HANDED_FOLD, 0]
    handed = 0
    for column in range(columns):
        handed += drain[HANDED, column]
    if together and (fold >= folds.shape[0] or handed < folds[fold, ROWS] * folds[fold, COLUMNS]):
        return
    for column in range(columns):
        fold = drain[HANDED_FOLD, column]
        if fold >= folds.shape[0]:
            continue
        if column >= folds[fold, COLUMNS]:
            if together:
                drain[HANDED_FOLD, column] += 1
            continue
        if drain[HANDED, column] >= folds[fold, ROWS]:
            if drain[SHIFTS, column] != 0:
                collide(tally, edge)
            drain[HANDED, column] -= folds[fold, ROWS]
            drain[SHIFTS, column], drain[SHIFT_FOLD, column] = folds[fold, ROWS], fold
            drain[HANDED_FOLD, column] += 1


@jit
def skip_columns(drain: Ints, folds: Ints) -> None:
    """Columns that a trimmed fold does not use have nothing to hand over."""
    for column in range(drain.shape[1]):
        fold = drain[HANDED_FOLD, column]
        while fold < folds.shape[0] and column >= folds[fold, COLUMNS]:
            fold += 1
        drain[HANDED_FOLD, column] = fold


@jit
def shift_column(column: int, held: Ints, mark: Ints, drain: Ints, folds: Ints, timed: bool, tally: Ints) -> None:
    """One shift edge of a column above its tap; the word at the tap has already been read."""
    rows = folds[drain[SHIFT_FOLD, column], ROWS]
    step = rows - drain[SHIFTS, column]
    for row in range(held.shape[0] - 1, 0, -1):
        if timed and (row >= rows or step >= row):
            continue
        held[row, column], mark[row, column] = held[row - 1, column], mark[row - 1, column]
        if row == rows:
            mark[row, column] = 0
        tally[DRAIN_WRITES] += mark[row, column] != 0
    cleared = step if timed else 0
    held[cleared, column], mark[cleared, column] = 0, 0
    drain[SHIFTS, column] -= 1


@jit
def leave_column(
    column: int,
    held: Ints,
    mark: Ints,
    drain: Ints,
    folds: Ints,
    aligned: bool,
    leaving: Ints,
    taken: Flags,
    edge: int,
    tally: Ints,
) -> None:
    """The word at the tap of a shifting column leaves; it must be the row whose turn it is."""
    fold = folds[drain[SHIFT_FOLD, column]]
    tap = fold[ROWS] - 1
    if mark[tap, column] != drain[SHIFTS, column]:
        collide(tally, edge)
    slot = edge if aligned else edge + fold[COLUMNS] - 1 - column
    slot %= taken.shape[0]
    if taken[slot, column]:
        collide(tally, edge)
    taken[slot, column], leaving[slot, column] = 1, held[tap, column]


@jit
def leave(edge: int, side: Ints, folds: Ints, leaving: Ints, taken: Flags, out: Ints, tally: Ints) -> None:
    """At most one whole output row is registered at this edge, the lowest row of a fold first."""
    slot = edge % taken.shape[0]
    words = 0
    for column in range(taken.shape[1]):
        words += taken[slot, column]
        taken[slot, column] = 0
    if words == 0:
        return
    fold = folds[min(side[OUT_FOLD], folds.shape[0] - 1)]
    if side[OUT_FOLD] >= folds.shape[0] or words != fold[COLUMNS]:
        collide(tally, edge)
    row = fold[ROWS] - 1 - side[OUT_ROW]
    if row < fold[ROWS_USED]:
        for column in range(fold[COLUMNS_USED]):
            out[fold[OUT] + row * fold[OUT_PITCH] + column] = leaving[slot, column]
    side[OUT_ROW] += 1
    if side[OUT_ROW] == fold[ROWS]:
        side[OUT_FOLD], side[OUT_ROW] = side[OUT_FOLD] + 1, 0


@jit
def run_outputs(
    left: Ints,
    right: Ints,
    folds: Ints,
    rows: int,
    columns: int,
    machine: Ints,
    width: int,
    gate: int,
    out: Ints,
) -> Ints:
    """Step the array until its last result has left.

    Parameters
    ----------
    left, right, out : int64, flat
        Operands and results, addressed by the fold table.
    folds : int64[F, FOLD_WORDS]
        FORCED_LOAD holds the first edge at which the registers permit the fold when the drain is
        overlapped; READY_LOAD is its ready time; FORCED_START >= 0 overrides both.
    rows, columns, machine, width, gate : as in :func:`~simsnn.reference.systolic_stationary.run_stationary`

    Returns
    -------
    int64[TALLY_WORDS]
        Cycles, parts, counts, extremes and collisions.
    """
    tally, unused = new_tally(), 64 - width
    overlapped = machine[OVERLAPPED] != 0
    together = not overlapped or machine[DRAIN_ENABLE] == ENABLE_GLOBAL
    timed = overlapped and machine[DRAIN_ENABLE] == ENABLE_ROW_TIMED
    span, ring = 4 * max(rows, columns) + 64, max(rows, columns)
    line, reach = np.zeros((rows, span + columns), np.int64), np.zeros((rows, span + columns), np.int16)
    useful, tags = np.zeros((rows, span + columns), np.int16), np.zeros((rows, span + columns), np.uint8)
    falling, sums = np.zeros((span + rows, columns), np.int64), np.zeros((rows, columns), np.int64)
    held = np.zeros((rows, columns), np.int64) if overlapped else sums
    mark = np.zeros((rows, columns), np.int64)
    busy, drain = np.full((3, rows), -1, np.int64), np.zeros((4, columns), np.int64)
    skew, down = np.zeros((ring, rows), np.int64), np.zeros((ring, columns), np.int64)
    owner, control, side = np.full((ring, 2), -1, np.int64), np.zeros(6, np.int64), np.zeros(2, np.int64)
    leaving, taken = np.zeros((columns, columns), np.int64), np.zeros((columns, columns), np.uint8)
    head, edge = span, 0
    while side[OUT_FOLD] < folds.shape[0]:
        if control[FOLD] == folds.shape[0] and edge > control[LAST_ISSUE] + 3 * (rows + columns):
            collide(tally, edge)  # a row never came out
        if tally[COLLISIONS] > 0:
            break
        idle = side[OUT_FOLD] == control[FOLD] and side[OUT_ROW] == 0
        issue(edge, control, folds, idle, overlapped, tally)
        capture(edge % ring, control, folds, left, right, skew, down, owner)
        if not together:
            skip_columns(drain, folds)
        begin_shifts(drain, folds, together, edge, tally)
        for column in range(columns):
            if drain[SHIFTS, column] > 0:
                leave_column(column, held, mark, drain, folds, together, leaving, taken, edge, tally)
                shift_column(column, held, mark, drain, folds, timed, tally)
        if head == 0:
            slide(line, head, span, columns)
            slide(reach, head, span, columns)
            slide(useful, head, span, columns)
            slide(tags, head, span, columns)
            for row in range(rows):
                for column in range(columns):
                    falling[span + row, column] = falling[row, column]
            head = span
        head -= 1
        for column in range(columns):
            falling[head, column] = down[(edge - column) % ring, column] if edge >= column else 0
        for row in range(rows):
            slot = (edge - row) % ring
            fold = owner[slot, 0] if edge >= row else -1
            line[row, head], reach[row, head], useful[row, head], tags[row, head] = 0, 0, 0, 0
            if fold >= 0 and row < folds[fold, ROWS]:
                line[row, head], tags[row, head] = skew[slot, row], owner[slot, 1]
                reach[row, head] = folds[fold, COLUMNS]
                useful[row, head] = folds[fold, COLUMNS_USED] if row < folds[fold, ROWS_USED] else 0
                until = edge + folds[fold, COLUMNS]
                busy[0, row] = max(busy[0, row], until)
                for kind in range(2):
                    if owner[slot, 1] & (1 << kind):
                        busy[1 + kind, row] = max(busy[1 + kind, row], until)
            if busy[0, row] <= edge:
                continue
            at = slice(head, head + columns)
            if busy[1, row] > edge:
                clear_row(sums[row], tags[row, at], reach[row, at])
            accumulate_row(sums[row], falling[head + row], line[row, at], unused, tally)
            count_row(reach[row, at], useful[row, at], line[row, at], falling[head + row], gate, tally)
            if busy[2, row] > edge:
                tag, to = tags[row, at], reach[row, at]
                hand_row(sums[row], tag, to, row, held[row], mark[row], drain, overlapped, edge, tally)
        leave(edge, side, folds, leaving, taken, out, tally)
        edge += 1
    tally[CYCLES] = edge
    return tally
