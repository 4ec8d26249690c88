"""What a layer's backward product asks of the engine, pixel by pixel: from real masks, or dense.

Pixels are in the order (b, t descending, y, x). Without activity, and for a mask that the engine does not
use, every element counts: then all slots ask the same, and one slot is stored.

Proof: ``tests/reference/test_dual_sparse.py``; sizes in ``tests/unit/test_dual_sparse.py``.
"""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simsnn.engines.base import State
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_slices import WeightSlices, weight_slices
from simsnn.engines.dual_sparse_time import closed_form
from simsnn.kernels.dual_sparse import TALLY_WORDS, Array, PairWork, tally
from simsnn.kernels.dual_sparse_masks import Counts32, Ints, field_counts, lane_edges, pixel_words, slice_counts
from simsnn.kernels.spikes import Words
from simsnn.workload.lowering import BLowering, Gather, gathers
from simsnn.workload.operation import ConvGeometry, GemmOperation, Pass
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import MaskTensor


def array_of(config: DualSparseConfig) -> Array:
    """Sizes of the engine for the kernels."""
    return Array(
        config.groups,
        config.lanes,
        config.values_per_cycle,
        config.scan_bits,
        config.compact,
        config.dynamic,
        config.block_pixels,
        config.grants_per_cycle,
    )


def slot_order(slots: int, timesteps: int) -> Ints:
    """Slots b * T + t in processing order: samples ascending, steps descending."""
    return np.arange(slots).reshape(-1, timesteps)[:, ::-1].reshape(-1)


@dataclass(frozen=True, eq=False)
class PixelWork:
    """Work of every pixel of a layer on one engine; the rows of the tables belong to slices.

    Parameters
    ----------
    array, slices : Array, WeightSlices
        The engine, and how it holds the weights.
    pixels : int
        Input pixels of all slots.
    needed, edges : int32 (c-slices, p)
        Active channels n_out, and edges of the passes per V values; p = pixels, or the pixels of one
        slot where all slots are alike.
    values : int32 (co-slices, p)
        Non-zero values n_in in the field.
    taps : int32 (pixels of a slot,)
        Taps that exist.
    """

    array: Array
    slices: WeightSlices
    pixels: int
    needed: Counts32
    edges: Counts32
    values: Counts32
    taps: Counts32

    def pair(self, index: int) -> PairWork:
        """Tables of one slice pair."""
        c, co = self.slices.pairs[index]
        (low, high), (first, last) = self.slices.c[c], self.slices.co[co]
        return PairWork(self.needed[c], self.edges[c], self.values[co], self.taps, high - low, last - first)

    @cached_property
    def closed_form(self) -> State:
        """State after all pixels with nothing late; not to be advanced further."""
        return closed_form(self.array, map(self.pair, range(len(self.slices.pairs))), self.pixels)

    @cached_property
    def tallies(self) -> Ints:
        """Actions of every slice pair, int64 (pairs, TALLY_WORDS) as the kernel names them."""
        found = np.zeros((len(self.slices.pairs), TALLY_WORDS), np.int64)
        for index, row in enumerate(found):
            tally(self.array, self.pair(index), 0, self.pixels, row)
        return found


def _gather(geometry: ConvGeometry) -> Gather:
    """Output row and column under each tap of an input row and column."""
    return gathers(geometry, Pass.B, BLowering.ZEROS)[0][1]


def _existing_taps(geometry: ConvGeometry) -> Counts32:
    gather = _gather(geometry)
    rows, columns = ((source >= 0).sum(axis=1) for source in (gather.source_y, gather.source_x))
    return np.ascontiguousarray((rows[:, None] * columns[None]).reshape(-1).astype(np.int32))


def _dense_needed(config: DualSparseConfig, slices: WeightSlices, width: int) -> tuple[Counts32, Counts32]:
    """All channels of every slice; a full slice without a mask is computed by the same kernel as a masked one."""
    shape = (len(slices.c), width)
    needed, edges = np.empty(shape, np.int32), np.empty(shape, np.int32)
    channels = slices.c[-1][1]
    ones = np.full((1, -(-channels // 64)), np.uint64(0xFFFFFFFFFFFFFFFF))
    order, one = np.zeros(1, np.int64), np.zeros((2, 1), np.int32)
    for index in range(len(slices.c)):
        _count_lanes(config, slices, index, ones, order, 1, one[0], one[1])
        needed[index], edges[index] = one[0, 0], one[1, 0]
    return needed, edges


def _count_lanes(
    config: DualSparseConfig,
    slices: WeightSlices,
    index: int,
    words: Words,
    order: Ints,
    pixels: int,
    needed: Counts32,
    edges: Counts32,
) -> None:
    low, high = slices.c[index]
    offset = low // slices.group_channels * slices.group_channels
    switches = (config.lanes, config.compact, offset, config.bank_count)
    lane_edges(words, order, pixels, low, high, *switches, needed, edges)


def _dense_values(slices: WeightSlices, taps: Counts32, width: int) -> Counts32:
    sizes = np.array([high - low for low, high in slices.co], np.int32)
    return np.ascontiguousarray(np.tile(sizes[:, None] * taps[None], (1, width // len(taps))))


def dense_work(config: DualSparseConfig, operation: GemmOperation, geometry: ConvGeometry) -> PixelWork:
    """All-ones masks."""
    slices, taps = weight_slices(config, geometry), _existing_taps(geometry)
    needed, edges = _dense_needed(config, slices, geometry.in_pixels)
    values = _dense_values(slices, taps, geometry.in_pixels)
    pixels = operation.slots * geometry.in_pixels
    return PixelWork(array_of(config), slices, pixels, needed, edges, values, taps)


PixelTables = tuple[Counts32, Counts32, Counts32, Counts32]
"""``needed``, ``edges``, ``values`` and ``taps`` of :class:`PixelWork`."""


def masked_work(
    config: DualSparseConfig,
    operation: GemmOperation,
    geometry: ConvGeometry,
    activity: ProductActivity,
    known: MutableMapping[Hashable, PixelTables] | None = None,
) -> PixelWork:
    """Real masks, as far as the engine uses them and the layer has them.

    ``known`` holds tables of this operation and activity on other engines: numbers of groups, values per edge,
    scanned bits and how pixels are dealt out change nothing in them.
    """
    gradient = activity.gradient if config.sparsity.input else None
    needed_mask = activity.needed if config.sparsity.output else None
    if gradient is None and needed_mask is None:
        return dense_work(config, operation, geometry)
    slices, pixels = weight_slices(config, geometry), operation.slots * geometry.in_pixels
    key = (slices, config.lanes, config.compact, config.bank_count, gradient is None, needed_mask is None)
    tables = None if known is None else known.get(key)
    if tables is None:
        tables = _masked_tables(config, operation, geometry, slices, gradient, needed_mask)
        if known is not None:
            known[key] = tables
    return PixelWork(array_of(config), slices, pixels, *tables)


def _masked_tables(
    config: DualSparseConfig,
    operation: GemmOperation,
    geometry: ConvGeometry,
    slices: WeightSlices,
    gradient: MaskTensor | None,
    needed_mask: MaskTensor | None,
) -> PixelTables:
    taps = _existing_taps(geometry)
    pixels, order = operation.slots * geometry.in_pixels, slot_order(operation.slots, operation.timesteps)
    if needed_mask is None:
        needed, edges = _dense_needed(config, slices, pixels)
    else:
        needed, edges = _masked_needed(config, slices, geometry, needed_mask, order)
    if gradient is None:
        values = _dense_values(slices, taps, pixels)
    else:
        values = _masked_values(slices, geometry, gradient, order)
    return needed, edges, values, taps


def _masked_needed(
    config: DualSparseConfig, slices: WeightSlices, geometry: ConvGeometry, mask: MaskTensor, order: Ints
) -> tuple[Counts32, Counts32]:
    words = pixel_words(mask.slot_major_rows, geometry.in_channels, geometry.in_pixels)
    shape = (len(slices.c), len(words))
    needed, edges = np.empty(shape, np.int32), np.empty(shape, np.int32)
    for index in range(len(slices.c)):
        _count_lanes(config, slices, index, words, order, geometry.in_pixels, needed[index], edges[index])
    return needed, edges


def _masked_values(slices: WeightSlices, geometry: ConvGeometry, mask: MaskTensor, order: Ints) -> Counts32:
    words = pixel_words(mask.slot_major_rows, geometry.out_channels, geometry.out_pixels)
    gather, counts = _gather(geometry), np.empty(len(words), np.int32)
    values = np.empty((len(slices.co), len(order) * geometry.in_pixels), np.int32)
    for row, (low, high) in zip(values, slices.co, strict=True):
        slice_counts(words, low, high, counts)
        field = (order, gather.source_y, gather.source_x, geometry.out_pixels, geometry.out_w)
        field_counts(counts, *field, row)
    return values
