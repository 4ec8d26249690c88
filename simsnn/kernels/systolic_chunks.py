"""Chunks of a systolic plan out of its loop nest, without a list of folds.

The nest runs over (start, stop, chunk group) pieces of three axes, outermost first; a fold whose
stream block is cut into M-tiles is visited tile by tile. Consecutive visits with equal groups and
tile make one chunk; equal whole folds next to one another in a chunk make one run.

Sources: docs/machines sections 3.2 and 9. Proof: ``tests/analytic/test_systolic_plan.py`` counts
the chunks of every fold with plain loops.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.folds import RUN_COLUMNS, RUN_CONTINUES, RUN_COUNT, RUN_ROWS, RUN_STREAM

Ints = NDArray[np.int64]

# Columns of the chunk table: product, bounding box of the chunk, streamed rows issued.
C_GEMM, C_ROW_LO, C_ROW_HI, C_COLUMN_LO, C_COLUMN_HI, C_STREAM_LO, C_STREAM_HI, C_ISSUES = 0, 1, 2, 3, 4, 5, 6, 7
CHUNK_WORDS = 8
# Words of the cursor that travels over the nests of a plan.
RUNS, CHUNKS = 0, 1
# Words of a triangle: shape, the axes on which its rows and columns lie, whether the stream is trimmed to it.
T_SHAPE, T_ROW, T_COLUMN, T_TRIMS = 0, 1, 2, 3
TRIANGLE_WORDS = 4
T_FULL, T_LOWER, T_UPPER = 0, 1, 2


@jit
def visit(
    box: Ints,
    same: bool,
    continues: bool,
    shape: Ints,
    runs: Ints,
    bounds: Ints,
    chunks: Ints,
    cursor: Ints,
    fill: bool,
) -> None:
    """Append one fold or M-tile; ``box`` is its chunk row, ``shape`` (rows, columns, stream) as timed."""
    merge = False
    if not same:
        if fill:
            bounds[cursor[CHUNKS]] = cursor[RUNS]
            chunks[cursor[CHUNKS], :] = box
        cursor[CHUNKS] += 1
    else:
        merge = not continues and shape[3] == shape[0] and shape[4] == shape[1] and shape[5] == shape[2]
        if fill:
            last = chunks[cursor[CHUNKS] - 1]
            for axis in range(3):
                low, high = C_ROW_LO + 2 * axis, C_ROW_HI + 2 * axis
                last[low], last[high] = min(last[low], box[low]), max(last[high], box[high])
            last[C_ISSUES] += box[C_ISSUES]
    if merge:
        if fill:
            runs[cursor[RUNS] - 1, RUN_COUNT] += 1
        return
    if fill:
        row = runs[cursor[RUNS]]
        row[RUN_ROWS], row[RUN_COLUMNS], row[RUN_STREAM] = shape[0], shape[1], shape[2]
        row[RUN_COUNT], row[RUN_CONTINUES] = 1, continues
    cursor[RUNS] += 1
    shape[3], shape[4], shape[5] = shape[0], shape[1], shape[2]
    if continues:
        shape[5] = -1


@jit
def trim(piece: Ints, triangle: Ints) -> bool:
    """Whether the fold of the three ranges ``piece`` meets the triangle; its stream is cut to it where asked for."""
    if triangle[T_SHAPE] == T_FULL:
        return True
    row, column = piece[triangle[T_ROW]], piece[triangle[T_COLUMN]]
    if triangle[T_SHAPE] == T_LOWER:
        if triangle[T_TRIMS]:
            column[1] = min(column[1], row[1])
        return bool(column[0] < row[1])
    if triangle[T_TRIMS]:
        column[0] = max(column[0], row[0])
    return bool(column[1] > row[0])


@jit
def chunk_nest(
    gemm: int,
    outer: Ints,
    middle: Ints,
    inner: Ints,
    axes: Ints,
    tiles: Ints,
    full_rows: int,
    full_columns: int,
    triangle: Ints,
    runs: Ints,
    bounds: Ints,
    chunks: Ints,
    cursor: Ints,
    fill: bool,
) -> None:
    """Append the chunks of one product; with ``fill`` false only the cursor moves.

    Parameters
    ----------
    gemm : int
        Index of the product, written into the chunk table.
    outer, middle, inner : int64[., 3]
        (start, stop, chunk group) of the pieces of every loop.
    axes : int64[3]
        Axis of each loop: 0 rows, 1 columns, 2 stream.
    tiles : int64[.]
        Ascending bounds of the M-tiles; holds every bound of the stream blocks.
    full_rows, full_columns : int
        Size that every piece is timed with, or 0 for its own.
    triangle : int64[TRIANGLE_WORDS]
        Folds that are left out, and streams that are trimmed; a trimmed stream is in one piece.
    runs, bounds, chunks : int64[., RUN_WORDS], int64[.], int64[., CHUNK_WORDS]
        Tables of the plan.
    cursor : int64[2]
        Runs and chunks so far.
    fill : bool
        Whether the tables are written.
    """
    box, shape, piece = np.zeros(CHUNK_WORDS, np.int64), np.full(6, -1, np.int64), np.zeros((3, 2), np.int64)
    key, box[C_GEMM] = np.full(4, -1, np.int64), gemm
    for o in range(outer.shape[0]):
        for m in range(middle.shape[0]):
            piece[axes[1], 0], piece[axes[1], 1] = middle[m, 0], middle[m, 1]
            for i in range(inner.shape[0]):
                piece[axes[2], 0], piece[axes[2], 1] = inner[i, 0], inner[i, 1]
                piece[axes[0], 0], piece[axes[0], 1] = outer[o, 0], outer[o, 1]
                if not trim(piece, triangle):
                    continue
                shape[0] = full_rows if full_rows else piece[0, 1] - piece[0, 0]
                shape[1] = full_columns if full_columns else piece[1, 1] - piece[1, 0]
                box[C_ROW_LO], box[C_ROW_HI] = piece[0, 0], piece[0, 1]
                box[C_COLUMN_LO], box[C_COLUMN_HI] = piece[1, 0], piece[1, 1]
                tile = np.searchsorted(tiles, piece[2, 0], side="right") - 1
                begin, first, cut = piece[2, 0], True, tiles[tile + 1] < piece[2, 1]
                while begin < piece[2, 1]:
                    end = min(tiles[tile + 1], piece[2, 1])
                    box[C_STREAM_LO], box[C_STREAM_HI], box[C_ISSUES] = begin, end, end - begin
                    shape[2] = end - begin
                    part = tile if cut else -1
                    same = key[0] == outer[o, 2] and key[1] == middle[m, 2] and key[2] == inner[i, 2] and key[3] == part
                    key[0], key[1], key[2], key[3] = outer[o, 2], middle[m, 2], inner[i, 2], part
                    visit(box, same, not first, shape, runs, bounds, chunks, cursor, fill)
                    begin, first, tile = end, False, tile + 1
