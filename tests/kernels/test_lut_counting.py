"""Counting kernels of the LUT engine = one element at a time, on random layers and word sizes."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels import lut_counting as counting
from simsnn.kernels.lut_packing import channel_minor
from simsnn.workload.lowering import BLowering, gathers
from simsnn.workload.operands import im2col
from simsnn.workload.operation import ConvGeometry, Pass
from simsnn.workload.spike_tensor import SpikeTensor
from tests.naive.lut import forward_counts, update_counts

WORDS = (
    counting.EDGES, counting.ISSUES, counting.LEAD, counting.TAIL, counting.LAST_SET, counting.NONZERO, counting.ONES
)  # fmt: skip


def layer(rng: np.random.Generator) -> tuple[ConvGeometry, np.ndarray, SpikeTensor]:
    channels = int(rng.choice([1, 3, 7, 16, 63, 64, 65, 130]))
    kernel = int(rng.integers(1, 4))
    geometry = ConvGeometry(channels, 4, 5, 3, kernel, kernel, int(rng.integers(1, 3)), 1, 1, 1)
    dense = (rng.random((2, 2, channels, 4, 5)) < rng.choice([0.0, 0.02, 0.2, 1.0])).astype(np.int64)
    return geometry, dense, SpikeTensor.from_dense(dense)


def expected(row: tuple[int, ...], count: np.ndarray) -> bool:
    issues = row[1]
    # bubbles of a tile without issue stand in neither place of interest: all its edges are bubbles
    words = WORDS if issues else (counting.EDGES, counting.ISSUES, counting.NONZERO, counting.ONES)
    values = dict(zip(WORDS, row, strict=True))
    return all(int(count[word]) == int(values[word]) for word in words)


@pytest.mark.parametrize("seed", range(60))
def test_forward_tiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    geometry, dense, spikes = layer(rng)
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    k, groups, ports, window = (int(rng.integers(low, high)) for low, high in ((1, 13), (1, 20), (1, 6), (0, 6)))
    positions = 4 * geometry.out_pixels
    cuts = np.unique(rng.integers(1, positions, 3))
    bounds = np.concatenate([[0], cuts, [positions]]).astype(np.int64)
    packed = channel_minor(spikes.slot_major_rows, 0, geometry.in_channels, 20)
    place = (gather.source_y, gather.source_x, 5, geometry.in_channels)
    counts = counting.forward_tiles(packed, *place, bounds, k, groups * k, ports, window)
    rows = im2col(dense, gather, 0)
    naive = forward_counts(rows, bounds, k, groups, ports, window)
    fast = counts.reshape(-1, counting.COUNT_WORDS)
    assert len(naive) == len(fast)
    assert all(expected(row, count) for row, count in zip(naive, fast, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_tiles_within_a_tap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    geometry, dense, spikes = layer(rng)
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    channels, (ports, window) = geometry.in_channels, (int(rng.integers(1, 6)), int(rng.integers(0, 6)))
    tile_bits = int(rng.choice([d for d in range(1, channels + 1) if channels % d == 0]))
    k = int(rng.choice([d for d in range(1, 13) if tile_bits % d == 0]))
    positions = 4 * geometry.out_pixels
    bounds = np.unique(np.append(rng.integers(1, positions, 3), [0, positions])).astype(np.int64)
    packed = channel_minor(spikes.slot_major_rows, 0, channels, 20)
    place = (packed, gather.source_y, gather.source_x, 5, channels, bounds, k, tile_bits, ports, window)
    fast = counting.aligned_tiles(*place).reshape(-1, counting.COUNT_WORDS)
    assert np.array_equal(fast, counting.forward_tiles(*place).reshape(-1, counting.COUNT_WORDS))
    naive = forward_counts(im2col(dense, gather, 0), bounds, k, tile_bits // k, ports, window)
    assert all(expected(row, count) for row, count in zip(naive, fast, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_update_tiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    geometry, dense, spikes = layer(rng)
    ((_, gather),) = gathers(geometry, Pass.F, BLowering.PHASES)
    k, ports, window = (int(rng.integers(low, high)) for low, high in ((1, 13), (1, 70), (0, 6)))
    positions = 4 * geometry.out_pixels
    padded = np.append(rng.permutation(positions), np.full(-positions % k, -1))
    members = padded.reshape(-1, k).astype(np.int64)
    packed = channel_minor(spikes.slot_major_rows, 0, geometry.in_channels, 20)
    place = (gather.source_y, gather.source_x, 5, geometry.in_channels)
    words, found = counting.group_rows(packed, *place, members)
    kept = np.flatnonzero(rng.random(len(members)) < 0.7)
    bounds = np.unique(np.append(rng.integers(0, len(kept) + 1, 3), [0, len(kept)])).astype(np.int64)
    counts = counting.update_tiles(words, found, kept, bounds, gather.columns, ports, window)
    rows = im2col(dense, gather, 0)
    for tile, count in enumerate(counts):
        groups = [members[g][members[g] >= 0] for g in kept[bounds[tile] : bounds[tile + 1]]]
        assert expected(update_counts(rows, groups, ports, window), count)


@pytest.mark.parametrize("channels", [1, 5, 64, 67, 200])
@pytest.mark.parametrize("side", [1, 3, 4, 9])
def test_channel_minor_words(channels: int, side: int) -> None:
    rng, pixels = np.random.default_rng(channels), side * side
    dense = rng.integers(0, 2, (3, 2, channels, side, side))
    first, stop = channels // 3, channels
    packed = channel_minor(SpikeTensor.from_dense(dense).slot_major_rows, first, stop, pixels)
    assert packed.shape == (6, pixels, -(-(stop - first) // 64))
    for slot in range(6):
        for pixel in range(pixels):
            bits = [int(packed[slot, pixel, c // 64] >> np.uint64(c % 64)) & 1 for c in range(stop - first)]
            assert bits == dense[slot % 3, slot // 3, first:stop].reshape(-1, pixels)[:, pixel].tolist()


def test_groups_are_kept_where_any_lane_has_a_gradient() -> None:
    rng = np.random.default_rng(0)
    dense = (rng.random((2, 3, 130, 2, 2)) < 0.01).astype(np.int64)
    packed = channel_minor(SpikeTensor.from_dense(dense).slot_major_rows, 0, 130, 4)
    positions = np.append(np.arange(24), [-1]).reshape(-1, 5).astype(np.int64)
    flat = dense.transpose(1, 0, 3, 4, 2).reshape(24, 130)
    for first, stop in ((0, 130), (0, 64), (63, 65), (64, 128), (7, 8), (120, 130)):
        kept = counting.kept_groups(packed, 4, first, stop, positions)
        naive = [bool(flat[group[group >= 0], first:stop].any()) for group in positions]
        assert kept.tolist() == naive
