"""Actions and buffer accesses of a systolic plan, in closed form.

With Tr, Tc the sums of timed rows and columns over the pieces of an axis (R or C per piece where
folds are full), S the stream and F pieces per axis, one product makes

* ``ws``/``is``: S*Tr*Tc operand hops and as many partial-sum writes; per stream block a tile
  write of every timed element (``row_addressed``) or r(r+1)/2 hops per column (shift chains),
  and a second write per element when it swaps; M*N*Fk accumulator writes, M*N*(Fk - 1) reads;
* ``os``: S*Tr*Tc hops of each operand and as many sum writes; r(r-1)/2 hops per column to shift
  a fold out, and one more write per element where drain registers exist.

Work is M*K*N multiply-accumulates, or on gated adders the non-zero elements of the binary operand
times the columns (rows) they meet. Proof: ``tests/reference/test_systolic.py`` (counts of the
register-level reference).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simsnn.costs import Action, ActionCounts, ActionKey, OperandClass
from simsnn.engines.base import BufferAccess, Dataflow
from simsnn.engines.mixing_counts import fold_sums, operand_reads
from simsnn.engines.systolic_blocking import Axis, Cut, Ints
from simsnn.engines.systolic_config import Buffering, Feeder, PartialSums, ProcessingElement, WeightLoad
from simsnn.engines.systolic_grid import FoldGrid
from simsnn.workload.feeder import fold_reads
from simsnn.workload.lowering import BLowering, lowered
from simsnn.workload.operation import ConvGeometry, Gemm, Pass

if TYPE_CHECKING:
    from simsnn.engines.systolic_plan import SystolicPlan


@dataclass(frozen=True, slots=True)
class RegisterCounts:
    """Register writes and reads of one operation, all products together."""

    operand_hops: int = 0
    sum_writes: int = 0
    tile_writes: int = 0
    swap_writes: int = 0
    bank_reads: int = 0
    bank_writes: int = 0
    drain_writes: int = 0
    work: int = 0

    def __add__(self, other: RegisterCounts) -> RegisterCounts:
        return RegisterCounts(*(getattr(self, f) + getattr(other, f) for f in self.__dataclass_fields__))

    def times(self, count: int) -> RegisterCounts:
        """As often as equal products occur."""
        if count == 1:
            return self
        return RegisterCounts(*(getattr(self, f) * count for f in self.__dataclass_fields__))


def _timed(pieces: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    """Pieces, their timed sum, and the sums of r(r+1)/2 and r(r-1)/2, from (size, count) of equal ones."""
    count = total = square = 0
    for size, times in pieces:
        count += times
        total += size * times
        square += size * size * times
    return count, total, (square + total) // 2, (square - total) // 2


def register_counts(plan: SystolicPlan) -> RegisterCounts:
    """Counts of the whole operation; ``work`` from the real non-zeros where they are given."""
    counts = [_product_counts(plan, gemm, grid).times(times * plan.groups) for gemm, grid, times in plan.distinct]
    total = sum(counts[1:], counts[0]) if counts else RegisterCounts()
    if plan.config.pe is ProcessingElement.GATED_ADD and plan.nonzeros is not None:
        return total + RegisterCounts(work=_gated_work(plan) - total.work)
    return total


def _gated_work(plan: SystolicPlan) -> int:
    """Additions of gated adders: every non-zero meets all columns (left) or all rows (right) of its product."""
    nonzeros, left = plan.nonzeros or 0, plan.operation.left.binary
    met = {gemm.n if left else gemm.m for gemm in plan.period}
    if len(met) != 1:
        raise ValueError("non-zeros of products with different shapes cannot be told apart")
    return nonzeros * met.pop()


def _product_counts(plan: SystolicPlan, gemm: Gemm, grid: FoldGrid) -> RegisterCounts:
    config = plan.config
    full_rows, full_columns = plan.full
    row_pieces, rows, down, up = _timed(grid.rows.equal_pieces(full_rows))
    _, columns, _, _ = _timed(grid.columns.equal_pieces(full_columns))
    blocks, stream, _, _ = _timed(grid.stream.equal_pieces())
    hops = stream * rows * columns
    if plan.applies_mixing:
        return _mixing_counts(plan, gemm, grid)
    if plan.dataflow is Dataflow.OS:
        drain = blocks * columns * (up + (rows if plan.overlaps_drain else 0))
        return RegisterCounts(operand_hops=hops, sum_writes=hops, drain_writes=drain, work=gemm.macs)
    addressed = config.weight_load is WeightLoad.ROW_ADDRESSED and not config.scalesim
    double = config.stationary_buffering is Buffering.DOUBLE and not config.scalesim
    banks = 0
    if grid.accumulates and config.psum is PartialSums.ACCUMULATE:
        banks = gemm.m * gemm.n
    return RegisterCounts(
        operand_hops=hops,
        sum_writes=hops,
        tile_writes=blocks * columns * (rows if addressed else down),
        swap_writes=blocks * columns * rows if double else 0,
        bank_reads=banks * (row_pieces - 1),
        bank_writes=banks * row_pieces,
        work=gemm.macs,
    )


def _mixing_counts(plan: SystolicPlan, gemm: Gemm, grid: FoldGrid) -> RegisterCounts:
    """Counts of a T x T product from the folds that run."""
    config, sums = plan.config, fold_sums(plan, grid, gemm.n)
    if plan.dataflow is Dataflow.OS:
        _, rows, _, up = _timed(grid.rows.equal_pieces(plan.full[0]))
        _, columns, _, _ = _timed(grid.columns.equal_pieces(plan.full[1]))
        drain = columns * (up + (rows if plan.overlaps_drain else 0))
        return RegisterCounts(operand_hops=sums.hops, sum_writes=sums.hops, drain_writes=drain, work=sums.work)
    addressed = config.weight_load is WeightLoad.ROW_ADDRESSED and not config.scalesim
    double = config.stationary_buffering is Buffering.DOUBLE and not config.scalesim
    banks = grid.accumulates and config.psum is PartialSums.ACCUMULATE
    return RegisterCounts(
        operand_hops=sums.hops,
        sum_writes=sums.hops,
        tile_writes=sums.addressed_writes if addressed else sums.shifted_writes,
        swap_writes=sums.addressed_writes if double else 0,
        bank_reads=sums.row_sums - gemm.m * gemm.n if banks else 0,
        bank_writes=sums.row_sums if banks else 0,
        work=sums.work,
    )


def _readded(plan: SystolicPlan) -> int:
    """Partial sums of a T x T product that are read back, over all products."""
    return sum(
        times * (fold_sums(plan, grid, gemm.n).row_sums - gemm.m * gemm.n) for gemm, grid, times in plan.distinct
    )


def _spill_adds(plan: SystolicPlan) -> int:
    """Additions at the array's edge where partial sums spill: one per sum that is read back."""
    if plan.config.psum is not PartialSums.SPILL or plan.config.scalesim or plan.dataflow is Dataflow.OS:
        return 0
    if plan.applies_mixing:
        return _readded(plan)
    folds_along_k = (_timed(grid.rows.equal_pieces(plan.full[0]))[0] for grid in plan.grids)
    return (
        sum(gemm.m * gemm.n * (pieces - 1) for gemm, pieces in zip(plan.period, folds_along_k, strict=True))
        * plan.groups
    )


def action_counts(plan: SystolicPlan) -> ActionCounts:
    """Priced actions of the array; words of the buffers are left to the mapping."""
    counts, config, operation = register_counts(plan), plan.config, plan.operation
    left, right, width = operation.left.bits, operation.right.bits, config.acc_width
    streamed, stationary = (right, left) if plan.dataflow is Dataflow.IS else (left, right)
    pairs = [
        (ActionKey("pe", Action.ADD, width), counts.work),
        (ActionKey("pe", Action.REGISTER_WRITE, streamed), counts.operand_hops),
        (ActionKey("pe", Action.REGISTER_WRITE, width), counts.sum_writes),
        (ActionKey("pe", Action.REGISTER_WRITE, stationary), counts.tile_writes + counts.swap_writes),
        (ActionKey("accumulator", Action.REGISTER_READ, width), counts.bank_reads),
        (ActionKey("accumulator", Action.REGISTER_WRITE, width), counts.bank_writes),
        (ActionKey("accumulator", Action.ADD, width), counts.bank_reads + _spill_adds(plan)),
        (ActionKey("drain", Action.REGISTER_WRITE, width), counts.drain_writes),
    ]
    if plan.dataflow is Dataflow.OS:
        pairs.append((ActionKey("pe", Action.REGISTER_WRITE, stationary), counts.operand_hops))
    if config.pe is ProcessingElement.MAC:
        pairs.append((ActionKey("pe", Action.MULTIPLY, left, right), counts.work))
    return ActionCounts.of(*pairs)


def buffer_accesses(plan: SystolicPlan) -> tuple[BufferAccess, ...]:
    """Elements that the feeder reads per operand, and that the array writes (docs/machines section 3.1)."""
    if plan.applies_mixing:
        return _accesses(plan, *operand_reads(plan), _readded(plan) if plan.spills else 0)
    left_reads = right_reads = written = spilled = 0
    for index, (gemm, grid) in enumerate(zip(plan.period, plan.grids, strict=True)):
        row_pieces, column_pieces, blocks = (grid.cut(axis).count() for axis in Axis)
        left_uses, right_uses = _uses(plan.dataflow, row_pieces, column_pieces, blocks)
        left_reads += left_uses * _left_elements(plan, gemm, grid, index)
        right_reads += right_uses * gemm.k * gemm.n
        written += gemm.m * gemm.n * (blocks if plan.dataflow is Dataflow.OS else 1)
        if plan.spills and grid.accumulates:
            spilled += gemm.m * gemm.n * (row_pieces - 1)
    return _accesses(plan, left_reads, right_reads, written, spilled)


def _accesses(
    plan: SystolicPlan, left_reads: int, right_reads: int, written: int, spilled: int
) -> tuple[BufferAccess, ...]:
    """Accesses of one group's products, as often as there are groups."""
    operation, groups = plan.operation, plan.groups
    found = [
        BufferAccess(operation.left.role, operation.left.bits, left_reads * groups, 0),
        BufferAccess(operation.right.role, operation.right.bits, right_reads * groups, 0),
        BufferAccess(operation.output.role, operation.output.bits, 0, written * groups),
    ]
    if spilled:
        moved = spilled * groups
        found.append(BufferAccess(OperandClass.PARTIAL_SUMS, plan.config.acc_width, moved, moved))
    return tuple(found)


def _uses(dataflow: Dataflow, rows: int, columns: int, blocks: int) -> tuple[int, int]:
    """Times that the left and the right operand are read whole: once per piece of the axis they lack."""
    if dataflow is Dataflow.WS:
        return columns, blocks
    return (blocks, columns) if dataflow is Dataflow.IS else (columns, rows)


def _left_elements(plan: SystolicPlan, gemm: Gemm, grid: FoldGrid, index: int) -> int:
    """Reads of the left operand in one sweep over the folds that touch it."""
    if plan.products is None or plan.config.im2col is Feeder.EXPLICIT:
        return gemm.m * gemm.k
    m_cut, k_cut = (grid.cut(axis) for axis in _left_axes(plan.dataflow))
    operation, lowering = plan.operation, plan.config.b_lowering
    assert operation.geometry is not None
    where = (operation.geometry, operation.pass_, lowering, operation.slots, index)
    return _line_buffer_reads(*where, (m_cut.bounds.tobytes(), m_cut.piece), (k_cut.bounds.tobytes(), k_cut.piece))


@lru_cache(maxsize=2**13)
def _line_buffer_reads(
    geometry: ConvGeometry,
    pass_: Pass,
    lowering: BLowering,
    slots: int,
    index: int,
    m_cut: tuple[bytes, int],
    k_cut: tuple[bytes, int],
) -> int:
    """Reads of a product whose axes are cut so (bounds, pieces); arrays of many shapes cut one of them alike."""
    m_ranges, k_ranges = (_ranges(*cut) for cut in (m_cut, k_cut))
    product = lowered(geometry, pass_, lowering, slots)[index]
    if product.transposed:
        m_ranges, times = _alike(m_ranges, product.gather.channels)
        return int(fold_reads(product, Feeder.LINE_BUFFER, k_ranges, m_ranges).sum(axis=0) @ times)
    k_ranges, times = _alike(k_ranges, product.gather.channels)
    return int(fold_reads(product, Feeder.LINE_BUFFER, k_ranges, m_ranges).sum(axis=1) @ times)


def _ranges(bounds: bytes, piece: int) -> Ints:
    if len(bounds) == 16 and piece:  # one block
        stop = int(np.frombuffer(bounds, np.int64)[1])
        starts = np.arange(0, stop, piece, dtype=np.int64)
        return np.stack([starts, np.minimum(starts + piece, stop)], axis=1)
    return np.ascontiguousarray(Cut(np.frombuffer(bounds, np.int64), piece).pieces()[:, :2])


def _alike(columns: Ints, channels: int) -> tuple[Ints, Ints]:
    """Ranges of (tap, channel) columns without those that read as much, and how often each occurs.

    A range inside one tap reads the same number of elements whichever channels it holds.
    """
    inside = columns[:, 0] // channels == (columns[:, 1] - 1) // channels
    moved = columns - np.where(inside, columns[:, 0] % channels, 0)[:, None]
    span = int(moved[:, 1].max()) + 1
    codes, times = np.unique(moved[:, 0] * span + moved[:, 1], return_counts=True)  # far faster than pairs
    return np.stack(np.divmod(codes, span), axis=1), times.astype(np.int64)


def _left_axes(dataflow: Dataflow) -> tuple[Axis, Axis]:
    """Axes of the grid that hold M and K."""
    if dataflow is Dataflow.WS:
        return Axis.STREAM, Axis.ROWS
    return (Axis.COLUMNS, Axis.ROWS) if dataflow is Dataflow.IS else (Axis.ROWS, Axis.STREAM)
