"""Chunk tables of a systolic plan: made by a walk through its folds, or without one where that tells as much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Blocking, Ints
from simsnn.engines.systolic_chunk_count import chunks_of_product
from simsnn.engines.systolic_config import PartialSums
from simsnn.engines.systolic_mixing import triangle_words
from simsnn.kernels import folds
from simsnn.kernels.systolic_chunks import (
    C_COLUMN_HI,
    C_GEMM,
    C_ISSUES,
    C_ROW_HI,
    C_STREAM_HI,
    CHUNK_WORDS,
    CHUNKS,
    RUNS,
    chunk_nest,
)

if TYPE_CHECKING:
    from simsnn.engines.systolic_plan import SystolicPlan

WHOLE = Blocking()
"""Nothing is cut but what the accumulator asks for, which shares a chunk."""


@dataclass(frozen=True, eq=False)
class ChunkTables:
    """Runs of equal folds (int64[., RUN_WORDS]), their bounds per chunk, and the chunk boxes."""

    runs: Ints
    bounds: Ints
    boxes: Ints


def chunk_tables(plan: SystolicPlan) -> ChunkTables:
    """Chunk tables of all products."""
    rows, chunks = _walked_sizes(plan)
    runs = np.zeros((rows, folds.RUN_WORDS), np.int64)
    tables = ChunkTables(runs, np.full(chunks + 1, rows), np.zeros((chunks, CHUNK_WORDS), np.int64))
    _walk(plan, tables, np.zeros(2, np.int64), fill=True)
    return tables


def count_chunks(plan: SystolicPlan) -> int:
    """Number of chunks; counted by a walk only where nothing shorter tells."""
    if plan.triangle is None:
        if plan.blocking == WHOLE and plan.operation.mixing is None:
            return len(plan.gemms)
        axes, blocking = plan.axes
        times = Counter(plan.period)
        each = [chunks_of_product(gemm, axes, plan.config, plan.dataflow, blocking) for gemm in times]
        if None not in each:
            return plan.groups * sum(n * count for n, count in zip(each, times.values(), strict=True) if n)
    return _walked_sizes(plan)[1]


def whole_boxes(plan: SystolicPlan) -> Ints:
    """Chunk boxes where each product is one chunk."""
    found = np.zeros((len(plan.gemms), CHUNK_WORDS), np.int64)
    found[:, C_GEMM] = range(len(found))
    for number in range(len(found)):
        grid = plan.grids[number % len(plan.grids)]
        sizes = [int(cut.bounds[-1]) for cut in (grid.rows, grid.columns, grid.stream)]
        found[number, [C_ROW_HI, C_COLUMN_HI, C_STREAM_HI]] = sizes
        found[number, C_ISSUES] = grid.rows.count() * grid.columns.count() * sizes[2]
    return found


def layout_of(plan: SystolicPlan) -> Hashable | None:
    """Names the tiles of all chunks, among plans of one operation; None for T x T and bare products.

    Where each product is one chunk, its tiles are whole operands whatever the array, unless it spills partial sums.
    """
    config = plan.config
    if plan.operation.mixing is not None or plan.products is None:
        return None
    spills = config.psum is PartialSums.SPILL and not config.scalesim and plan.dataflow is not Dataflow.OS
    base = (config.b_lowering, plan.gemms, (config.rows, config.acc_width) if spills else ())
    return base if plan.chunk_count == len(plan.gemms) else (*base, plan.dataflow, plan.boxes.tobytes())


def _walked_sizes(plan: SystolicPlan) -> tuple[int, int]:
    """Rows of the run table and number of chunks, counted without making either."""
    cursor = np.zeros(2, np.int64)
    empty = ChunkTables(np.zeros((0, folds.RUN_WORDS), np.int64), np.zeros(0, np.int64), np.zeros((0, 8), np.int64))
    _walk(plan, empty, cursor, fill=False)
    return int(cursor[RUNS]), int(cursor[CHUNKS])


def _walk(plan: SystolicPlan, tables: ChunkTables, cursor: Ints, *, fill: bool) -> None:
    triangle, nests = triangle_words(plan.triangle), {}
    for gemm, grid, _ in plan.distinct:
        outer, middle, inner = grid.pieces()
        axes = np.array(grid.order, dtype=np.int64)
        nests[gemm] = (outer, middle, inner, axes, grid.tiles, *plan.full, triangle)
    for index, gemm in enumerate(plan.gemms):
        chunk_nest(index, *nests[gemm], tables.runs, tables.bounds, tables.boxes, cursor, fill)
