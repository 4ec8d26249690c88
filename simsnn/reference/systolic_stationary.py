"""Register-level twin of the ``ws`` and ``is`` systolic array, one clock per step.

Every element holds a stationary word (and a shadow word where buffering is double), a streamed
operand and a partial sum, all registered. Row r gets its operand r edges after row 0, results
leave a column below the last used row and are realigned by delay lines. Nothing is computed in
advance: loads start when the shadow registers are free, streams when the tile is loaded and the
output wires are free, each seen from flags and counters that the machine itself keeps; the swap
travels as a tag with the first streamed row. A word that is overwritten before it was taken, a
swap before its word arrived, or two results on one wire are counted as collisions.

Source: docs/machines section 3.2. Held against NumPy and the fast model by
``tests/reference/test_systolic.py``.
"""

from __future__ import annotations

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.folds import EXTRA_EDGE, ROW_ADDRESSED, SHIFT_SKEWED, SINGLE_BUFFER, WEIGHT_LOAD
from simsnn.reference.systolic_loading import (
    ENABLED,
    EVENT_EDGE,
    EVENT_FOLD,
    EVENT_STEP,
    LEFT,
    LOADED,
    NEXT,
    PERMITTED,
    address_tiles,
    registers_free,
    shift_tiles,
    start_load,
)
from simsnn.reference.systolic_registers import (
    BANK_BASE,
    BANK_READS,
    BANK_ROWS,
    BANK_WRITES,
    COLLISIONS,
    COLUMNS,
    COLUMNS_USED,
    CYCLES,
    FIRST_SUM,
    FORCED_START,
    LARGEST,
    LAST_SUM,
    OUT,
    OUT_PITCH,
    ROWS,
    ROWS_USED,
    SEGMENT_BEGIN,
    SMALLEST,
    STREAM,
    STREAMED,
    STREAMED_PITCH,
    SWAP_TAG,
    SWAP_WRITES,
    T_DRAIN,
    T_FILL,
    T_RELOAD,
    T_STALL,
    T_STREAM,
    TAP_TAG,
    Flags,
    Ints,
    Shorts,
    collide,
    count_row,
    multiply_row,
    new_tally,
    slide,
)

# Words of the stream controller.
FOLD, ROW, SEGMENT, SEGMENT_LEFT, LAST_EXIT, LAST_TAP, ISSUED, ISSUED_FOLD, ISSUED_ROW = 0, 1, 2, 3, 4, 5, 6, 7, 8
# Words of the output side.
OUT_FOLD, OUT_ROW, STAGED, STAGED_FOLD, STAGED_ROW, LEFT_ARRAY = 0, 1, 2, 3, 4, 5


@jit
def issue(edge: int, stream: Ints, load: Ints, folds: Ints, segments: Ints, tally: Ints) -> None:
    """Decide whether a row enters at this edge, and book the edge under its part.

    ``load[LOADED]`` tells how many tiles are complete; ``load[PERMITTED]`` since which edge the
    registers alone would have let the next load begin, which separates reload from stall.
    """
    stream[ISSUED] = 0
    fold = stream[FOLD]
    if fold >= folds.shape[0]:
        tally[T_DRAIN] += 1
        return
    row = folds[fold]
    go = True
    if stream[ROW] == 0:
        exit_edge, tap_edge = edge + row[ROWS] + row[COLUMNS] - 2, edge + row[ROWS] - 1
        wires = exit_edge > stream[LAST_EXIT] and tap_edge > stream[LAST_TAP]
        ready = segments[row[SEGMENT_BEGIN], 1] <= edge
        go = wires and ready and load[LOADED] > fold
        if row[FORCED_START] >= 0:
            go = edge >= row[FORCED_START]
        if not go:
            permitted = load[PERMITTED] if load[NEXT] <= fold else load[ENABLED]
            inside = permitted < 0 or edge < permitted + row[ROWS] or not wires
            part = T_STALL if not inside else (T_FILL if tally[T_STREAM] == 0 else T_RELOAD)
            tally[part] += 1
            return
        stream[SEGMENT], stream[SEGMENT_LEFT] = row[SEGMENT_BEGIN], segments[row[SEGMENT_BEGIN], 0]
    elif stream[SEGMENT_LEFT] == 0:
        if segments[stream[SEGMENT] + 1, 1] > edge:
            tally[T_STALL] += 1
            return
        stream[SEGMENT] += 1
        stream[SEGMENT_LEFT] = segments[stream[SEGMENT], 0]
    tally[T_STREAM] += 1
    stream[ISSUED], stream[ISSUED_FOLD], stream[ISSUED_ROW] = 1, fold, stream[ROW]
    stream[LAST_EXIT], stream[LAST_TAP] = edge + row[ROWS] + row[COLUMNS] - 2, edge + row[ROWS] - 1
    stream[SEGMENT_LEFT] -= 1
    stream[ROW] += 1
    if stream[ROW] == row[STREAM]:
        stream[FOLD], stream[ROW] = fold + 1, 0


@jit
def capture(
    slot: int, stream: Ints, folds: Ints, streamed: Ints, skew: Ints, skew_fold: Ints, skew_first: Flags
) -> None:
    """The issued row enters the skew registers: word r will reach element row r after r edges."""
    if not stream[ISSUED]:
        skew_fold[slot] = -1
        return
    fold = stream[ISSUED_FOLD]
    begin = folds[fold, STREAMED] + stream[ISSUED_ROW] * folds[fold, STREAMED_PITCH]
    for row in range(folds[fold, ROWS_USED]):
        skew[slot, row] = streamed[begin + row]
    skew_fold[slot] = fold
    skew_first[slot] = stream[ISSUED_ROW] == 0


@jit
def enter(
    edge: int,
    row: int,
    fold: Ints,
    first: int,
    word: int,
    head: int,
    line: Ints,
    reach: Shorts,
    useful: Shorts,
    tags: Flags,
    busy: Ints,
) -> None:
    """A skewed word reaches element (row, 0) with its tags; ``busy`` is until when such words travel on."""
    until = edge + fold[COLUMNS]
    reach[row, head] = fold[COLUMNS]
    busy[0, row] = max(busy[0, row], until)
    if row < fold[ROWS_USED]:
        line[row, head], useful[row, head] = word, fold[COLUMNS_USED]
    if first:
        tags[row, head] |= SWAP_TAG
        busy[1, row] = max(busy[1, row], until)
    if row == fold[ROWS] - 1:
        tags[row, head] |= TAP_TAG
        busy[2, row] = max(busy[2, row], until)


@jit
def swap_row(
    weight: Ints,
    shadow: Ints,
    tags: Flags,
    reach: Shorts,
    owed: Ints,
    seen: Ints,
    pending: Flags,
    style: int,
    edge: int,
    tally: Ints,
) -> None:
    """Elements of one row whose operand carries the swap tag take over their shadow word.

    ``owed`` counts, per column, the words of a shifted tile not yet taken, ``seen`` the load
    edges of that tile so far; ``pending`` marks row-addressed words not yet taken.
    """
    for column in range(weight.shape[0]):
        if tags[column] & SWAP_TAG and column < reach[column]:
            weight[column] = shadow[column]
            tally[SWAP_WRITES] += 1
            if style == ROW_ADDRESSED:
                if not pending[column]:
                    collide(tally, edge)
                pending[column] = 0
            else:
                if owed[column] <= 0 or seen[column] != 0:
                    collide(tally, edge)
                owed[column] -= 1


@jit
def tap_row(
    sums: Ints, tags: Flags, reach: Shorts, wire: Ints, leaving: Ints, taken: Flags, edge: int, tally: Ints
) -> None:
    """Results of the tapped row go onto their column wires and into the realigning delay lines."""
    for column in range(sums.shape[0]):
        if tags[column] & TAP_TAG and column < reach[column]:
            slot = (edge + reach[column] - 1 - column) % taken.shape[0]
            if wire[column] == edge or taken[slot, column]:
                collide(tally, edge)
            wire[column] = edge
            taken[slot, column] = 1
            leaving[slot, column] = sums[column]


@jit
def deliver(fold: Ints, row: int, values: Ints, bank: Ints, out: Ints, direct: bool, unused: int, tally: Ints) -> None:
    """A complete row reaches the accumulator edge, or the output where there is none."""
    base = fold[OUT] + row * fold[OUT_PITCH]
    if direct or (fold[FIRST_SUM] and fold[LAST_SUM]):
        for column in range(fold[COLUMNS_USED]):
            out[base + column] = values[column]
        return
    address = fold[BANK_BASE] + row
    tally[BANK_ROWS] = max(tally[BANK_ROWS], address + 1)
    for column in range(fold[COLUMNS_USED]):
        value = values[column]
        if not fold[FIRST_SUM]:
            value += bank[address, column]
            tally[BANK_READS] += 1
        tally[LARGEST], tally[SMALLEST] = max(tally[LARGEST], value), min(tally[SMALLEST], value)
        value = (value << unused) >> unused
        bank[address, column] = value
        tally[BANK_WRITES] += 1
        if fold[LAST_SUM]:
            out[base + column] = value


@jit
def leave(edge: int, side: Ints, folds: Ints, leaving: Ints, taken: Flags, staged: Ints, tally: Ints) -> None:
    """At most one realigned row is registered at the array's output; it must be whole."""
    slot = edge % taken.shape[0]
    side[STAGED] = 0
    words = 0
    for column in range(taken.shape[1]):
        words += taken[slot, column]
        taken[slot, column] = 0
        staged[column] = leaving[slot, column]
    if words == 0:
        return
    fold = folds[min(side[OUT_FOLD], folds.shape[0] - 1)]
    if side[OUT_FOLD] >= folds.shape[0] or words != fold[COLUMNS]:
        collide(tally, edge)
    side[STAGED], side[STAGED_FOLD], side[STAGED_ROW] = 1, side[OUT_FOLD], side[OUT_ROW]
    side[LEFT_ARRAY] += 1
    side[OUT_ROW] += 1
    if side[OUT_ROW] == fold[STREAM]:
        side[OUT_FOLD], side[OUT_ROW] = side[OUT_FOLD] + 1, 0


@jit
def run_stationary(
    streamed: Ints,
    stationary: Ints,
    folds: Ints,
    segments: Ints,
    rows: int,
    columns: int,
    machine: Ints,
    width: int,
    gate: int,
    bank_rows: int,
    out: Ints,
) -> Ints:
    """Step the array until its last result has left.

    Parameters
    ----------
    streamed, stationary, out : int64, flat
        Operands of all products and the results, addressed by the fold table.
    folds : int64[F, FOLD_WORDS]
        Folds in order; FORCED_* are -1, or the edge at which a test makes a load or stream begin.
    segments : int64[., 2]
        (rows, ready edge) of the M-tiles of every fold.
    rows, columns : int
        R x C of the array.
    machine : int64[MACHINE_WORDS]
        Switches of ``simsnn.kernels.folds``.
    width : int
        Accumulator width in bits; sums wrap.
    gate : int
        GATE_NONE for multiply-accumulate elements, else which operand gates the adder.
    bank_rows : int
        Rows of the accumulator.
    out : int64, flat
        Receives the results.

    Returns
    -------
    int64[TALLY_WORDS]
        Cycles, parts, counts, extremes and collisions.
    """
    tally, unused = new_tally(), 64 - width
    single, style, direct = machine[SINGLE_BUFFER] != 0, machine[WEIGHT_LOAD], machine[EXTRA_EDGE] == 0
    span = 4 * columns + 64
    line, sums = np.zeros((rows, span + columns), np.int64), np.zeros((rows + 1, columns), np.int64)
    reach, useful = np.zeros((rows, span + columns), np.int16), np.zeros((rows, span + columns), np.int16)
    tags, head = np.zeros((rows, span + columns), np.uint8), span
    weight = np.zeros((rows, columns), np.int64)
    shadow = weight if single else np.zeros((rows, columns), np.int64)
    owed, seen, moving = np.zeros(columns, np.int64), np.zeros(columns, np.int64), np.zeros(columns, np.uint8)
    pending, busy = np.zeros((rows, columns), np.uint8), np.full((3, rows), -1, np.int64)
    skew, skew_fold = np.zeros((rows, rows), np.int64), np.full(rows, -1, np.int64)
    skew_first = np.zeros(rows, np.uint8)
    leaving, taken = np.zeros((columns, columns), np.int64), np.zeros((columns, columns), np.uint8)
    wire, staged = np.full(columns, -1, np.int64), np.zeros(columns, np.int64)
    events = np.full((columns, 3), -1, np.int64)
    bank = np.zeros((bank_rows, columns), np.int64)
    stream, load, side = np.zeros(9, np.int64), np.zeros(5, np.int64), np.zeros(6, np.int64)
    stream[LAST_EXIT], stream[LAST_TAP], load[PERMITTED] = -1, -1, -1
    edge = 0
    while True:
        if not direct and side[STAGED]:
            deliver(folds[side[STAGED_FOLD]], side[STAGED_ROW], staged, bank, out, False, unused, tally)
        if side[OUT_FOLD] == folds.shape[0] and (direct or side[STAGED]):
            break
        if stream[FOLD] == folds.shape[0] and edge > stream[LAST_EXIT] + 2:
            collide(tally, edge)  # a row never came out
        if tally[COLLISIONS] > 0:
            break
        empty = tally[T_STREAM] == side[LEFT_ARRAY] and stream[ROW] == 0 and stream[FOLD] == load[NEXT]
        issue(edge, stream, load, folds, segments, tally)
        capture(edge % rows, stream, folds, streamed, skew, skew_fold, skew_first)
        if head == 0:
            slide(line, head, span, columns)
            slide(reach, head, span, columns)
            slide(useful, head, span, columns)
            slide(tags, head, span, columns)
            head = span
        head -= 1
        for row in range(rows - 1, -1, -1):
            slot = (edge - row) % rows
            fold = skew_fold[slot] if edge >= row else -1
            line[row, head], reach[row, head], useful[row, head], tags[row, head] = 0, 0, 0, 0
            if fold >= 0 and row < folds[fold, ROWS]:
                first, word = skew_first[slot], skew[slot, row]
                enter(edge, row, folds[fold], first, word, head, line, reach, useful, tags, busy)
            if busy[0, row] <= edge:
                continue
            at = slice(head, head + columns)
            if busy[1, row] > edge and not single:
                swapped, marks = (tags[row, at], reach[row, at]), pending[row]
                swap_row(weight[row], shadow[row], swapped[0], swapped[1], owed, seen, marks, style, edge, tally)
            multiply_row(sums[row + 1], sums[row], weight[row], line[row, at], unused, tally)
            count_row(reach[row, at], useful[row, at], line[row, at], weight[row], gate, tally)
            if busy[2, row] > edge:
                tap_row(sums[row + 1], tags[row, at], reach[row, at], wire, leaving, taken, edge, tally)
        leave(edge, side, folds, leaving, taken, staged, tally)
        if direct and side[STAGED]:
            deliver(folds[side[STAGED_FOLD]], side[STAGED_ROW], staged, bank, out, True, unused, tally)
        if load[LEFT] == 0 and load[NEXT] < folds.shape[0]:
            start_load(edge, load, folds, registers_free(style, empty, single, owed, pending))
        if load[LEFT] > 0:
            fold = load[NEXT] - 1
            events[edge % columns, EVENT_EDGE], events[edge % columns, EVENT_FOLD] = edge, fold
            events[edge % columns, EVENT_STEP] = folds[fold, ROWS] - load[LEFT]
            load[LEFT] -= 1
            load[LOADED] += load[LEFT] == 0
        if style == ROW_ADDRESSED:
            address_tiles(edge, folds, stationary, events, shadow, pending, not single, tally)
        else:
            skewed = style == SHIFT_SKEWED
            shift_tiles(edge, skewed, folds, stationary, events, shadow, owed, seen, moving, not single, tally)
        edge += 1
    if not direct:
        tally[T_DRAIN] += 1
        edge += 1
    tally[CYCLES] = edge
    return tally
