"""Counting kernels of the LUT and the dual-sparsity engine on packed tensors, at the sizes of assumption set A0.

The layer is conv2_2 of the CIFAR net, B = 64, T = 6: 384 slots of 256 channels x 16 x 16, in and out.
Two things hold the rates below that of reading: repacking transposes blocks of 64 x 64 bits, some 190 exchanges
for 64 words, and the counts that go to the engines, one per pixel and slice or per row of k positions, are
as large as the packed words they come from or larger.
"""

from __future__ import annotations

import numpy as np

from benchmarks.bandwidth import Pass, measure_passes
from benchmarks.measurement import Measurement, NotMeasured
from simsnn.kernels import lut_counting as counting
from simsnn.kernels.dual_sparse_masks import field_counts, lane_edges, pixel_words, slice_counts
from simsnn.kernels.lut_packing import Words, channel_minor
from simsnn.workload.lowering import BLowering, gathers
from simsnn.workload.operation import ConvGeometry
from simsnn.workload.operation import Pass as TrainingPass

SLOTS, CHANNELS, SIDE = 384, 256, 16
PIXELS = SIDE * SIDE
GEOMETRY = ConvGeometry(CHANNELS, SIDE, SIDE, CHANNELS, 3, 3, 1, 1, 1, 1)
ADDRESS_BITS, TILE_BITS, READ_PORTS, WINDOW, BLOCK, LANES = 4, 64, 4, 4, 1024, 64
SLICE_CHANNELS, SLICE_OUTPUTS, BANKS = 16, 128, 16


def lut_counting() -> Measurement:
    """Packed bytes per second of what the forward pass and the weight update count, over the read bandwidth.

    Every tap of the forward pass goes over all positions, and so does every tap that rows are lowered from
    in the update; taps outside the map read nothing.
    """
    spikes, gradients = _random_rows(1, 0.25), _random_rows(2, 0.5)
    packed = channel_minor(spikes, 0, CHANNELS, PIXELS)
    mask = channel_minor(gradients, 0, CHANNELS, PIXELS)
    ((_, gather),) = gathers(GEOMETRY, TrainingPass.F, BLowering.PHASES)
    place = (gather.source_y, gather.source_x, SIDE, CHANNELS)
    taps = np.outer((gather.source_y >= 0).sum(1), (gather.source_x >= 0).sum(1)).sum()
    lowered = SLOTS * int(taps) * CHANNELS // 8
    positions = np.arange(SLOTS * PIXELS)
    blocks = np.append(positions[::BLOCK], len(positions))
    groups = positions.reshape(-1, ADDRESS_BITS)
    rows, ones = counting.group_rows(packed, *place, groups)
    kept = np.flatnonzero(counting.kept_groups(mask, PIXELS, 0, LANES, groups))
    tiles = np.append(np.arange(0, len(kept), TILE_BITS // ADDRESS_BITS), len(kept))
    switches = (READ_PORTS, WINDOW)
    forward = (packed, *place, blocks, ADDRESS_BITS, TILE_BITS, *switches)
    counted = counting.aligned_tiles(*forward)
    if int(counted[..., counting.ONES].sum()) != int(ones[:, 1].sum()):
        raise NotMeasured("forward pass and weight update count different ones")
    update = (rows, ones, kept, tiles, CHANNELS * GEOMETRY.taps, *switches)
    passes = (
        Pass("repacking", spikes.nbytes, lambda: channel_minor(spikes, 0, CHANNELS, PIXELS)),
        Pass("forward addresses", packed.nbytes + lowered, lambda: counting.aligned_tiles(*forward)),
        Pass("update rows", packed.nbytes + lowered, lambda: counting.group_rows(packed, *place, groups)),
        Pass("update tiles", rows.nbytes, lambda: counting.update_tiles(*update)),
        Pass("kept groups", mask.nbytes // 4, lambda: counting.kept_groups(mask, PIXELS, 0, LANES, groups)),
    )
    return measure_passes(passes, f"{spikes.nbytes / 1e6:.1f} MB of spikes, every tap a pass")


def dual_sparse_counting() -> Measurement:
    """Packed bytes per second of what the backward pass counts in both masks, over the read bandwidth.

    A slice of result channels reads one word of every pixel, a slice of gradients the words that it covers.
    """
    gradients, needed = _random_rows(1, 0.5), _random_rows(2, 0.25)
    ((_, gather),) = gathers(GEOMETRY, TrainingPass.B, BLowering.ZEROS)
    values, active = (pixel_words(rows, CHANNELS, PIXELS) for rows in (gradients, needed))
    order, size = np.arange(SLOTS), SLOTS * PIXELS
    counts, field, found, edges = (np.empty(size, np.int32) for _ in range(4))
    slices = range(0, CHANNELS, SLICE_CHANNELS)
    sources = (order, gather.source_y, gather.source_x, PIXELS, SIDE)

    def of_gradients() -> None:
        for low in range(0, CHANNELS, SLICE_OUTPUTS):
            slice_counts(values, low, low + SLICE_OUTPUTS, counts)
            field_counts(counts, *sources, field)

    def of_needed() -> None:
        for low in slices:
            switches = (SLICE_CHANNELS, False, 0, BANKS)
            lane_edges(active, order, PIXELS, low, low + SLICE_CHANNELS, *switches, found, edges)

    passes = (
        Pass("repacking", gradients.nbytes + needed.nbytes, lambda: _repack(gradients, needed)),
        Pass("gradients in the fields", values.nbytes, of_gradients),
        Pass("needed channels", 8 * size * len(slices), of_needed),
    )
    return measure_passes(passes, f"two masks of {needed.nbytes / 1e6:.1f} MB, every slice a pass")


def _repack(*masks: Words) -> None:
    for rows in masks:
        pixel_words(rows, CHANNELS, PIXELS)


def _random_rows(seed: int, density: float) -> Words:
    """Packed slots of independent elements, one in two or one in four set."""
    rng = np.random.default_rng(seed)
    shape = (SLOTS, CHANNELS * PIXELS // 64)
    rows = rng.integers(0, 2**64, shape, dtype=np.uint64)
    return rows if density == 0.5 else rows & rng.integers(0, 2**64, shape, dtype=np.uint64)
