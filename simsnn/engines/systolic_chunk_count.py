"""How many chunks a blocking makes, from numbers of pieces alone: no bounds, no walk through the folds.

The loop nest of :mod:`simsnn.kernels.systolic_chunks` starts a chunk whenever the chunk groups of a fold differ from
those of the fold before. So with n pieces and g groups of a loop, outermost first,

    chunks = n0 * n1 * g2    where the innermost loop has several groups (each of its rounds starts anew),
             n0 * g1         where only the two outer loops have,
             g0              otherwise;

where every stream block is cut into M-tiles, each visit of a tile starts one: pieces of rows x of columns x tiles.

Proof: ``tests/unit/test_systolic_candidates.py`` (equal to the walk).
"""

from __future__ import annotations

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Axis, Blocking
from simsnn.engines.systolic_config import FoldOrder, PartialSums, SystolicConfig
from simsnn.engines.systolic_grid import SlotAxes, loop_order
from simsnn.workload.operation import Gemm, SlotAxis

Sizes = list[tuple[int, int]]
"""(size, count) of the blocks of an axis, in any order."""


def chunks_of_product(
    gemm: Gemm, slot_axes: SlotAxes, config: SystolicConfig, dataflow: Dataflow, blocking: Blocking
) -> int | None:
    """Chunks of one product without a triangle; None where only a walk can tell, or where the cut is refused."""
    slots, slot_axis = slot_axes.slots, slot_axes.axis
    if blocking.slot_blocks > (1 if slot_axis is SlotAxis.NONE else slots):
        return None
    m, k, n = (
        _bounds(length, axis, slot_axes, blocking)
        for axis, length in ((SlotAxis.M, gemm.m), (SlotAxis.K, gemm.k), (SlotAxis.N, gemm.n))
    )
    if dataflow is Dataflow.OS:
        rows, columns = _pieces(m, config.rows, blocking.row_folds), _pieces(n, config.columns, blocking.column_folds)
        blocks = _count(k)
        return _chunks(rows, columns, (blocks, blocks), loop_order(dataflow, config.fold_order))
    rows = _pieces(k, config.rows, blocking.row_folds)
    columns = _pieces(n if dataflow is Dataflow.WS else m, config.columns, blocking.column_folds)
    order = loop_order(dataflow, FoldOrder.K_INNER if config.scalesim else config.fold_order)
    stream_axis, length = (SlotAxis.M, gemm.m) if dataflow is Dataflow.WS else (SlotAxis.N, gemm.n)
    streamed = slots if slot_axis is stream_axis else 1
    live = 1 if order[0] is Axis.COLUMNS else columns[0]
    hard = _hard_blocks(length, streamed, rows[0], live, config, blocking)
    if hard is None:
        return None
    cuts_stream = slot_axes.refined is stream_axis
    blocks = _count(hard)
    groups = blocking.slot_blocks if slot_axis is stream_axis else 1
    if groups > blocks or (cuts_stream and blocking.row_blocks > 1):
        groups = blocks
    tiles = _tiles(hard, length, streamed, blocking) if cuts_stream else blocks
    if tiles is None:
        return None
    if tiles > blocks:
        return rows[0] * columns[0] * tiles
    return _chunks(rows, columns, (blocks, groups), order)


def _chunks(
    rows: tuple[int, int], columns: tuple[int, int], stream: tuple[int, int], order: tuple[Axis, Axis, Axis]
) -> int:
    """From (pieces, groups) of every axis."""
    outer, middle, inner = ((rows, columns, stream)[axis] for axis in order)
    if inner[1] > 1:
        return outer[0] * middle[0] * inner[1]
    return outer[0] * middle[1] if middle[1] > 1 else outer[1]


def _balanced(total: int, parts: int) -> Sizes:
    parts = max(1, min(parts, total))
    size, larger = divmod(total, parts)
    return [(size, parts)] if not larger else [(size + 1, larger), (size, parts - larger)]


def _refined(blocks: Sizes, parts: int) -> Sizes:
    if parts == 1:
        return blocks
    return [(size, count * times) for whole, times in blocks for size, count in _balanced(whole, parts)]


def _scaled(blocks: Sizes, unit: int) -> Sizes:
    return blocks if unit == 1 else [(size * unit, count) for size, count in blocks]


def _count(blocks: Sizes) -> int:
    return sum(count for _, count in blocks)


def _bounds(length: int, axis: SlotAxis, slot_axes: SlotAxes, blocking: Blocking) -> Sizes:
    """Hard blocks of an axis that slots and row blocks ask for."""
    blocks = [(length, 1)]
    if axis is slot_axes.axis:
        blocks = _scaled(_balanced(slot_axes.slots, blocking.slot_blocks), length // slot_axes.slots)
    return _refined(blocks, blocking.row_blocks) if axis is slot_axes.refined else blocks


def _pieces(blocks: Sizes, piece: int, per_chunk: int) -> tuple[int, int]:
    """Pieces of an axis, and runs of them that may share a chunk."""
    pieces = groups = 0
    for size, count in blocks:
        folds = -(-size // piece)
        pieces += folds * count
        groups += -(-folds // per_chunk) * count if per_chunk else count
    return pieces, groups


def _hard_blocks(
    length: int, slots: int, row_pieces: int, live: int, config: SystolicConfig, blocking: Blocking
) -> Sizes | None:
    """Accumulator blocks of the stream; None where not even one row fits."""
    room, least = length, 1 if config.scalesim else blocking.m_blocks
    if row_pieces > 1 and config.psum is PartialSums.ACCUMULATE and not config.scalesim:
        room = config.acc_rows // live
    slot_rows = length // slots
    if room == 0:
        return None
    if slot_rows <= room:
        blocks = max(-(-slots // (room // slot_rows)), min(least, slots))
        return _refined(_scaled(_balanced(slots, blocks), slot_rows), -(-least // blocks))
    per_slot = max(-(-slot_rows // room), -(-least // slots))
    return _refined(_scaled(_balanced(slots, slots), slot_rows), per_slot)


def _tiles(hard: Sizes, length: int, slots: int, blocking: Blocking) -> int | None:
    """M-tiles of the stream: as many as hard blocks where none is cut; None where some are and some are not."""
    blocks = _count(hard)
    if blocks > slots:
        tiles = [_count(_refined([(size, 1)], -(-blocking.row_blocks // (blocks // slots)))) for size, _ in hard]
    else:
        slot_rows, parts = length // slots, -(-min(blocking.slot_blocks, slots) // blocks)
        whole = [_refined([(size // slot_rows, 1)], parts) for size, _ in hard]
        tiles = [_count(_refined(_scaled(sizes, slot_rows), blocking.row_blocks)) for sizes in whole]
    if len({each > 1 for each in tiles}) > 1:
        return None
    return sum(each * count for each, (_, count) in zip(tiles, hard, strict=True))
