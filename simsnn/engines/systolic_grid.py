"""The fold grid of one product on one array: its three axes cut by capacity, slots and chunks.

Source: docs/machines section 3.2 (loop orders, accumulator blocks) and section 9 (chunks). Proof:
``tests/analytic/test_systolic_plan.py`` enumerates folds and chunks with plain loops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Axis, Blocking, Cut, Ints, accumulator_blocks, balanced, refine
from simsnn.engines.systolic_config import FoldOrder, PartialSums, SystolicConfig
from simsnn.errors import ConfigError
from simsnn.workload.operation import Gemm, SlotAxis


@dataclass(frozen=True, slots=True, eq=False)
class FoldGrid:
    """One product cut for one array.

    Parameters
    ----------
    rows, columns, stream : Cut
        The axes; every (row piece, column piece, stream block) is a fold.
    tiles : NDArray[int64]
        Bounds of the M-tiles of the stream, among them every bound of its blocks.
    stream_groups : NDArray[int64]
        Chunk group of every stream block.
    order : tuple of Axis
        Loops, outermost first.
    accumulates : bool
        Whether results of several K folds are added up outside the elements (``ws``, ``is``).
    """

    rows: Cut
    columns: Cut
    stream: Cut
    tiles: Ints
    stream_groups: Ints
    order: tuple[Axis, Axis, Axis]
    accumulates: bool

    def cut(self, axis: Axis) -> Cut:
        """Cut of an axis."""
        return (self.rows, self.columns, self.stream)[axis]

    def equal_runs(self, full_rows: int, full_columns: int) -> list[list[tuple[int, int]]]:
        """(size, count) of equal pieces of every loop, outermost first, sizes as timed."""
        full = (full_rows, full_columns, 0)
        return [self.cut(axis).equal_pieces(full[axis]) for axis in self.order]

    def pieces(self) -> list[Ints]:
        """(start, stop, chunk group) of the pieces of every loop, outermost first."""
        found = []
        for axis in self.order:
            pieces = self.cut(axis).pieces()
            if axis is Axis.STREAM:
                pieces[:, 2] = self.stream_groups
            found.append(pieces)
        return found


def axis_lengths(gemm: Gemm, dataflow: Dataflow) -> tuple[int, int, int]:
    """Lengths of rows, columns and stream."""
    if dataflow is Dataflow.WS:
        return gemm.k, gemm.n, gemm.m
    return (gemm.k, gemm.m, gemm.n) if dataflow is Dataflow.IS else (gemm.m, gemm.n, gemm.k)


def loop_order(dataflow: Dataflow, order: FoldOrder) -> tuple[Axis, Axis, Axis]:
    """Loops, outermost first: n, m-block, k or m-block, k, n; ``os`` K block, m, n."""
    if dataflow is not Dataflow.OS and order is FoldOrder.K_INNER:
        return Axis.COLUMNS, Axis.STREAM, Axis.ROWS
    return Axis.STREAM, Axis.ROWS, Axis.COLUMNS


@dataclass(frozen=True, slots=True)
class SlotAxes:
    """Where the slots of a product lie, how many there are, and which axis ``row_blocks`` cuts further."""

    slots: int = 1
    axis: SlotAxis = SlotAxis.NONE
    refined: SlotAxis = SlotAxis.M


def fold_grid(
    gemm: Gemm, slot_axes: SlotAxes, config: SystolicConfig, dataflow: Dataflow, blocking: Blocking
) -> FoldGrid:
    """Cut one product.

    Raises
    ------
    ConfigError
        If the blocking asks for more slot blocks than there are slots, or the accumulator
        cannot hold one streamed row.
    """
    slots, slot_axis = slot_axes.slots, slot_axes.axis
    if blocking.slot_blocks > (1 if slot_axis is SlotAxis.NONE else slots):
        raise ConfigError(f"blocking: {blocking.slot_blocks} slot_blocks of {slots} slots", value=blocking.slot_blocks)
    m_bounds, k_bounds, n_bounds = _bounds(gemm, slot_axes, blocking)
    if dataflow is Dataflow.OS:
        return _output_grid(m_bounds, k_bounds, n_bounds, config, blocking)
    stream_axis = SlotAxis.M if dataflow is Dataflow.WS else SlotAxis.N
    streams_slots = slot_axis is stream_axis
    stream_length = axis_lengths(gemm, dataflow)[2]
    rows = Cut(k_bounds, config.rows, blocking.row_folds)
    column_bounds = n_bounds if dataflow is Dataflow.WS else m_bounds
    columns = Cut(column_bounds, config.columns, blocking.column_folds)
    order = loop_order(dataflow, FoldOrder.K_INNER if config.scalesim else config.fold_order)
    room, live = stream_length, 1
    accumulates = rows.count() > 1
    if accumulates and config.psum is PartialSums.ACCUMULATE and not config.scalesim:
        room = config.acc_rows
        live = 1 if order[0] is Axis.COLUMNS else columns.count()
    stream_slots = slots if streams_slots else 1
    least = 1 if config.scalesim else blocking.m_blocks
    hard = accumulator_blocks(stream_slots, stream_length // stream_slots, live, room, least)
    cuts_stream = slot_axes.refined is stream_axis
    tiles = _tiles(hard, stream_slots, blocking) if cuts_stream else hard
    blocks = len(hard) - 1
    groups = np.arange(blocks, dtype=np.int64)
    slot_groups = blocking.slot_blocks if streams_slots else 1
    if slot_groups <= blocks and not (cuts_stream and blocking.row_blocks > 1):
        groups = groups * slot_groups // blocks
    return FoldGrid(rows, columns, Cut(hard), tiles, groups, order, accumulates)


def _bounds(gemm: Gemm, slot_axes: SlotAxes, blocking: Blocking) -> tuple[Ints, Ints, Ints]:
    """Hard bounds of M, K and N that slots and row blocks ask for."""
    found = []
    for axis, length in ((SlotAxis.M, gemm.m), (SlotAxis.K, gemm.k), (SlotAxis.N, gemm.n)):
        bounds = np.array([0, length], np.int64)
        if axis is slot_axes.axis and blocking.slot_blocks > 1:
            bounds = balanced(slot_axes.slots, blocking.slot_blocks) * (length // slot_axes.slots)
        found.append(refine(bounds, blocking.row_blocks) if axis is slot_axes.refined else bounds)
    return found[0], found[1], found[2]


def _output_grid(
    m_bounds: Ints, k_bounds: Ints, n_bounds: Ints, config: SystolicConfig, blocking: Blocking
) -> FoldGrid:
    rows = Cut(m_bounds, config.rows, blocking.row_folds)
    columns = Cut(n_bounds, config.columns, blocking.column_folds)
    groups = np.arange(len(k_bounds) - 1, dtype=np.int64)
    order = loop_order(Dataflow.OS, config.fold_order)
    return FoldGrid(rows, columns, Cut(k_bounds), k_bounds, groups, order, accumulates=False)


def _tiles(hard: Ints, slots: int, blocking: Blocking) -> Ints:
    """M-tile bounds of a streamed M: hard blocks cut further until slot and row blocks are reached.

    Hard blocks are whole slots, or whole parts of slots when there are more blocks than slots.
    """
    if blocking.slot_blocks == blocking.row_blocks == 1:
        return hard
    blocks = len(hard) - 1
    if blocks > slots:
        return refine(hard, -(-blocking.row_blocks // (blocks // slots)))
    slot_rows, parts = int(hard[-1]) // slots, -(-min(blocking.slot_blocks, slots) // blocks)
    return refine(refine(hard // slot_rows, parts) * slot_rows, blocking.row_blocks)
