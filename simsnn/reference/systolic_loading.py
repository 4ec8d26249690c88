"""How stationary tiles get into the elements of the ``ws``/``is`` twin: load port, chains, word lines.

One tile is loaded at a time, one row per edge. ``shift_global`` moves all columns of the shadow
registers down at once, ``shift_skewed`` column j one edge after column j - 1; ``row_addressed``
drives a word line whose pulse reaches column j after j edges. Docs/machines section 3.2.
"""

from __future__ import annotations

from simsnn.kernels.compiler import jit
from simsnn.kernels.folds import SHIFT_GLOBAL, SHIFT_SKEWED
from simsnn.reference.systolic_registers import (
    COLUMNS,
    COLUMNS_USED,
    FORCED_LOAD,
    READY_LOAD,
    ROWS,
    ROWS_USED,
    TILE,
    TILE_PITCH,
    TILE_WRITES,
    Flags,
    Ints,
    collide,
)

# Words of the load controller: next fold, load edges left, edge since which the registers permitted the
# load under way, complete tiles, edge since which they permit the next one (-1 not yet).
NEXT, LEFT, ENABLED, LOADED, PERMITTED = 0, 1, 2, 3, 4
# Words of a load edge, kept for as long as it travels across the columns.
EVENT_EDGE, EVENT_FOLD, EVENT_STEP = 0, 1, 2


@jit
def start_load(edge: int, load: Ints, folds: Ints, free: bool) -> None:
    """Load controller: begin the next tile when the registers are free and its words are there."""
    fold = folds[load[NEXT]]
    go = free and fold[READY_LOAD] <= edge
    if free and load[PERMITTED] < 0:
        load[PERMITTED] = edge
    if fold[FORCED_LOAD] >= 0:
        go = edge >= fold[FORCED_LOAD]
    if go:
        load[LEFT] = fold[ROWS]
        load[ENABLED] = load[PERMITTED]
        load[PERMITTED] = -1
        load[NEXT] += 1


@jit
def tile_word(fold: Ints, row: int, column: int, stationary: Ints) -> int:
    """Stationary word of an element, zero where the tile does not reach."""
    if row < fold[ROWS_USED] and column < fold[COLUMNS_USED]:
        return int(stationary[fold[TILE] + row * fold[TILE_PITCH] + column])
    return 0


@jit
def shift_tiles(
    edge: int,
    skewed: bool,
    folds: Ints,
    stationary: Ints,
    events: Ints,
    shadow: Ints,
    owed: Ints,
    seen: Ints,
    moving: Flags,
    double: bool,
    tally: Ints,
) -> None:
    """One edge of the shift chains: enabled columns move down, a new word enters on top."""
    rows, columns = shadow.shape
    moved = False
    for column in range(columns):
        lag = edge - column if skewed else edge
        moving[column] = lag >= 0 and events[lag % columns, EVENT_EDGE] == lag
        moved = moved or bool(moving[column])
    if not moved:
        return
    for row in range(rows - 1, 0, -1):
        for column in range(columns):
            shadow[row, column] = shadow[row - 1, column] if moving[column] else shadow[row, column]
    for column in range(columns):
        if moving[column]:
            lag = (edge - column if skewed else edge) % columns
            fold, step = folds[events[lag, EVENT_FOLD]], events[lag, EVENT_STEP]
            shadow[0, column] = tile_word(fold, fold[ROWS] - 1 - step, column, stationary)
            if double and step == 0 and owed[column] != 0:
                collide(tally, edge)
            if column < fold[COLUMNS]:
                owed[column] = fold[ROWS]
                seen[column] = fold[ROWS] - 1 - step
                tally[TILE_WRITES] += step + 1


@jit
def address_tiles(
    edge: int, folds: Ints, stationary: Ints, events: Ints, shadow: Ints, pending: Flags, double: bool, tally: Ints
) -> None:
    """One edge of the word lines: a pulse started j edges ago writes its row at column j."""
    columns = shadow.shape[1]
    for column in range(columns):
        lag = edge - column
        if lag < 0 or events[lag % columns, EVENT_EDGE] != lag:
            continue
        fold, row = folds[events[lag % columns, EVENT_FOLD]], events[lag % columns, EVENT_STEP]
        if column < fold[COLUMNS]:
            if double and pending[row, column]:
                collide(tally, edge)
            shadow[row, column] = tile_word(fold, row, column, stationary)
            pending[row, column] = 1
            tally[TILE_WRITES] += 1


@jit
def registers_free(load: int, empty: bool, single: bool, owed: Ints, pending: Flags) -> bool:
    """Whether the first word of the next tile may be written at this edge."""
    if single:
        return empty
    if load == SHIFT_GLOBAL:
        left = 0
        for column in range(owed.shape[0]):
            left += owed[column] != 0
        return left == 0
    return bool(owed[0] == 0) if load == SHIFT_SKEWED else not pending[0, 0]
