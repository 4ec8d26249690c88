"""Register writes, buffer reads and work of a T x T product in which folds are left out.

Sums over the folds that run, over K tiles k, M tiles m and column pieces n (sizes as timed: t)::

    is   hops N sum t_k t_m;  tile writes blocks sum t_k t_m;  reads of A blocks sum k m, of X N sum k
    ws   hops sum t_k m sum t_n;  tile writes sum t_k sum t_n;  reads of A pieces(n) sum k m, of X N sum k
    os   hops sum t_m K_m sum t_n;  reads of A pieces(n) sum m K_m, of X N sum K_m

with K_m what the rows m stream. Multiply-accumulates are those of the tiles that run, zeros inside
a tile included; a word of A is read once however many copies take it, and zero blocks are made by the
feeder. Proof: ``tests/reference/test_mixing.py`` (register-level reference, and folds one by one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Ints
from simsnn.engines.systolic_grid import FoldGrid
from simsnn.engines.systolic_mixing import kept_folds, matrix_tiles

if TYPE_CHECKING:
    from simsnn.engines.systolic_plan import SystolicPlan


@dataclass(frozen=True, slots=True)
class FoldSums:
    """Sums over the folds of one product that run.

    Parameters
    ----------
    hops, addressed_writes, shifted_writes, work : int
        Operand hops, writes of stationary tiles by row address and through shift chains,
        multiply-accumulates.
    folds : int
        Folds.
    row_sums : int
        Results of single folds: rows of A times columns, once per K tile.
    left_reads, right_reads : int
        Elements that the feeder takes.
    """

    hops: int
    addressed_writes: int
    shifted_writes: int
    work: int
    folds: int
    row_sums: int
    left_reads: int
    right_reads: int


def _sizes(tiles: Ints, full: int) -> tuple[Ints, Ints]:
    """Sizes of tiles, and sizes as timed."""
    sizes = tiles[:, 1] - tiles[:, 0]
    return sizes, np.full_like(sizes, full) if full else sizes


def fold_sums(plan: SystolicPlan, grid: FoldGrid, columns: int) -> FoldSums:
    """Sums of one product of ``columns`` columns (packed, where there are copies)."""
    m_tiles, k_tiles = matrix_tiles(grid, plan.dataflow)
    kept = kept_folds(plan.triangle, grid, plan.dataflow)
    mixing = plan.operation.mixing
    assert mixing is not None
    if plan.dataflow is Dataflow.OS:
        return _outputs(plan, grid, columns, mixing.copies)
    rows, timed = _sizes(k_tiles, plan.full[0])
    chain = timed * (timed + 1) // 2
    m = m_tiles[:, 1] - m_tiles[:, 0]
    work, results = int(m @ kept @ rows), int((m @ kept).sum())
    if plan.dataflow is Dataflow.IS:
        _, across = _sizes(m_tiles, plan.full[1])
        blocks = grid.stream.count()
        held, shifted = int(across @ kept @ timed), int(across @ kept @ chain)
        hops, writes, chains, folds = columns * held, blocks * held, blocks * shifted, blocks * int(kept.sum())
        left = blocks * work
    else:
        _, across = _sizes(grid.columns.pieces(), plan.full[1])
        wide, pieces = int(across.sum()), len(across)
        hops, writes = wide * int(m @ kept @ timed), wide * int((kept @ timed).sum())
        chains, folds, left = wide * int((kept @ chain).sum()), pieces * int(kept.sum()), pieces * work
    left = left // mixing.copies
    return FoldSums(hops, writes, chains, columns * work, folds, columns * results, left, _inputs(kept @ rows, columns))


def _inputs(depths: Ints, columns: int) -> int:
    """Elements of X that are read: every M tile takes as many rows of X as it needs."""
    return int(depths.sum()) * columns


def _outputs(plan: SystolicPlan, grid: FoldGrid, columns: int, copies: int) -> FoldSums:
    m_tiles, _ = matrix_tiles(grid, Dataflow.OS)
    rows, timed = _sizes(m_tiles, plan.full[0])
    _, across = _sizes(grid.columns.pieces(), plan.full[1])
    depth = np.full_like(rows, grid.stream.bounds[-1])
    if plan.triangle is not None:
        whole = (0, int(depth[0]))
        spans = [plan.triangle.streamed((int(a), int(b)), whole) for a, b, _ in m_tiles]
        depth = np.array([stop - start for start, stop in spans], np.int64)
    pieces, work = len(across), int(rows @ depth)
    hops = int(timed @ depth) * int(across.sum())
    left = pieces * work // copies
    folds, results = pieces * len(rows), columns * int(rows.sum())
    return FoldSums(hops, 0, 0, columns * work, folds, results, left, _inputs(depth, columns))


def operand_reads(plan: SystolicPlan) -> tuple[int, int, int]:
    """Elements of A and X that the feeder reads, and results written; a part-empty last column counts its neurons."""
    mixing, columns = plan.operation.mixing, sum(gemm.n for gemm in plan.gemms)
    assert mixing is not None
    neurons, left, right = plan.operation.slots * mixing.neurons, 0, 0
    for gemm, grid, times in plan.distinct:
        sums = fold_sums(plan, grid, gemm.n)
        left, right = left + times * sums.left_reads, right + times * sums.right_reads
    if mixing.copies > 1:
        right = right // (mixing.copies * columns) * neurons
    return left, right, mixing.timesteps * neurons
