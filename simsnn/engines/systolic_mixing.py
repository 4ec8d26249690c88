"""T x T products on a systolic array: which folds run, and how the columns are cut for ``os``.

The product Y = A X of :class:`simsnn.workload.operation.Mixing` is an ordinary (T x T)(T x N) GEMM.
Where A is triangular, folds that hold nothing but zeros of A are left out of the fold list
(docs/machines section 6, parallel units), everything else stays as in section 3.2::

    is, ws   the fold of K tile [k, k') and M tile [m, m') runs if k < m' (lower) or k' > m (upper);
             the M tile of is is a column tile, that of ws an accumulator block of the stream (``m_blocks``)
    os       the fold of rows [m, m') streams K from 0 to min(T, m') (lower) or from m to T (upper)

A tile on the diagonal runs whole. Several copies of A on the block diagonal fit in one K tile
(copies * T <= R), so nothing is left out then. With ``os`` the N blocks of a cut follow one another,
each with its own row and column loops, so that a chunk holds all time steps of its columns. With ``is``
a cut is M-tiles of the stream, which reload nothing, or, with ``m_blocks`` above one, blocks as in
``os``: each loads the tiles of A again, but X enters SRAM once where A has several column tiles.

Proof: ``tests/reference/test_mixing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsnn.engines.base import Dataflow, Refusal
from simsnn.engines.systolic_blocking import Axis, Blocking, Ints, balanced, refine
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.systolic_grid import FoldGrid
from simsnn.errors import ConfigError
from simsnn.kernels.systolic_chunks import T_COLUMN, T_ROW, T_SHAPE, T_TRIMS, TRIANGLE_WORDS
from simsnn.workload.operation import Gemm, GemmOperation, Mixing, SlotAxis

Range = tuple[int, int]

_SHAPES = ("full", "lower", "upper")
_M_AXIS = {Dataflow.WS: Axis.STREAM, Dataflow.IS: Axis.COLUMNS, Dataflow.OS: Axis.ROWS}
_K_AXIS = {Dataflow.WS: Axis.ROWS, Dataflow.IS: Axis.ROWS, Dataflow.OS: Axis.STREAM}


@dataclass(frozen=True, slots=True)
class Triangle:
    """Zeros of the matrix by which folds are left out.

    Parameters
    ----------
    lower : bool
        Entries with column <= row may differ from zero; else those with column >= row.
    dataflow : Dataflow
        Where rows (M) and columns (K) of the matrix lie.
    """

    lower: bool
    dataflow: Dataflow

    @classmethod
    def of(cls, operation: GemmOperation, dataflow: Dataflow, config: SystolicConfig) -> Triangle | None:
        """The triangle of an operation; None where every fold runs."""
        mixing = operation.mixing
        if mixing is None or mixing.kind != "apply" or mixing.shape == "full" or mixing.copies > 1 or config.scalesim:
            return None
        return cls(mixing.shape == "lower", dataflow)

    @property
    def m_axis(self) -> Axis:
        """Axis of the grid that holds the rows of the matrix."""
        return _M_AXIS[self.dataflow]

    def runs(self, m: Range, k: Range) -> bool:
        """Whether a fold of these rows and columns of the matrix is run."""
        return k[0] < m[1] if self.lower else k[1] > m[0]

    def streamed(self, m: Range, k: Range) -> Range:
        """What an ``os`` fold of these rows streams of K."""
        return (k[0], min(k[1], m[1])) if self.lower else (max(k[0], m[0]), k[1])

    def kept(self, m: Ints, k: Ints) -> Ints:
        """Whether each fold runs: int64[M tiles, K tiles] of 0 and 1, from (start, stop, .) per tile."""
        if self.lower:
            return (k[None, :, 0] < m[:, None, 1]).astype(np.int64)
        return (k[None, :, 1] > m[:, None, 0]).astype(np.int64)


def triangle_words(triangle: Triangle | None) -> Ints:
    """The triangle as the chunk kernel takes it, int64[TRIANGLE_WORDS]."""
    words = np.zeros(TRIANGLE_WORDS, np.int64)
    if triangle is not None:
        words[T_SHAPE] = _SHAPES.index("lower" if triangle.lower else "upper")
        words[T_ROW], words[T_COLUMN] = triangle.m_axis, _K_AXIS[triangle.dataflow]
        words[T_TRIMS] = triangle.dataflow is Dataflow.OS
    return words


def kept_folds(triangle: Triangle | None, grid: FoldGrid, dataflow: Dataflow) -> Ints:
    """Whether the fold of every M and K tile runs, int64[M tiles, K tiles]; ``os`` keeps all and trims streams."""
    m, k = grid.cut(_M_AXIS[dataflow]).pieces(), grid.cut(_K_AXIS[dataflow]).pieces()
    if triangle is None or dataflow is Dataflow.OS:
        return np.ones((len(m), len(k)), np.int64)
    return triangle.kept(m, k)


def matrix_tiles(grid: FoldGrid, dataflow: Dataflow) -> tuple[Ints, Ints]:
    """(start, stop, chunk group) of the M tiles and of the K tiles of a product."""
    return grid.cut(_M_AXIS[dataflow]).pieces(), grid.cut(_K_AXIS[dataflow]).pieces()


def blocks_columns(operation: GemmOperation, dataflow: Dataflow, blocking: Blocking) -> bool:
    """Whether the blocks of a cut along N are products of their own."""
    if operation.slot_axis is not SlotAxis.N:
        return False
    return dataflow is Dataflow.OS or (dataflow is Dataflow.IS and blocking.m_blocks > 1)


def column_blocks(operation: GemmOperation, whole: Gemm, blocking: Blocking) -> tuple[Gemm, ...]:
    """One product per block of the N axis.

    Raises
    ------
    ConfigError
        If there are more blocks than slots to cut at.
    """
    slots = operation.cut_slots
    if blocking.slot_blocks > slots:
        raise ConfigError(f"blocking: {blocking.slot_blocks} slot_blocks of {slots} slots", value=blocking.slot_blocks)
    bounds = refine(balanced(slots, blocking.slot_blocks) * whole.n // slots, blocking.row_blocks)
    sizes = np.diff(bounds).tolist()
    kinds = {size: Gemm(whole.m, whole.k, size) for size in set(sizes)}
    return tuple(kinds[size] for size in sizes)


def unfit_copies(mixing: Mixing | None, rows: int) -> Refusal | None:
    """Why so many copies do not fit on the diagonal of an array; None where they do."""
    if mixing is None or mixing.copies == 1 or mixing.copies * mixing.timesteps <= rows:
        return None
    size, needed = f"{mixing.timesteps} x {mixing.timesteps}", mixing.copies * mixing.timesteps
    reason = f"{mixing.copies} copies of a {size} matrix need {needed} rows, the array has {rows}"
    return Refusal(reason, f"at most {max(1, rows // mixing.timesteps)} copies")
