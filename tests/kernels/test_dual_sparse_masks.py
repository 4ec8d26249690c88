"""Masks of the dual-sparsity engine: every count equals a loop over plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels.dual_sparse_masks import field_counts, lane_edges, pixel_words, slice_counts
from simsnn.kernels.spikes import pack, unpack


def mask(rng, slots, channels, pixels):
    return (rng.random((slots, channels, pixels)) < rng.choice([0.0, 0.3, 0.9, 1.0])).astype(np.uint8)


def words_of(dense):
    slots, channels, pixels = dense.shape
    return pixel_words(pack(dense.reshape(slots, -1)), channels, pixels)


@pytest.mark.parametrize(
    ("channels", "pixels"), [(1, 1), (3, 1), (64, 1), (130, 1), (1, 65), (5, 9), (64, 64), (70, 100), (128, 49)]
)
def test_words_of_a_pixel_hold_its_channels(channels, pixels):
    dense = mask(np.random.default_rng(channels + pixels), 3, channels, pixels)
    words = words_of(dense)
    assert words.shape == (3 * pixels, -(-channels // 64))
    assert np.array_equal(unpack(words, channels), dense.transpose(0, 2, 1).reshape(3 * pixels, channels))


def test_ones_of_a_channel_range_are_counted():
    rng = np.random.default_rng(1)
    for _ in range(200):
        channels, pixels = int(rng.integers(1, 300)), int(rng.integers(1, 5))
        dense = mask(rng, 2, channels, pixels)
        low = int(rng.integers(0, channels))
        high = int(rng.integers(low + 1, channels + 1))
        out = np.empty(2 * pixels, np.int32)
        slice_counts(words_of(dense), low, high, out)
        assert np.array_equal(out, dense[:, low:high].sum(axis=1, dtype=np.int32).reshape(-1))


def test_fields_are_counted_in_processing_order():
    counts = np.arange(2 * 6, dtype=np.int32)  # two slots of 2 x 3 output pixels
    source_y, source_x = np.array([[0, -1], [1, 0]]), np.array([[-1], [2]])
    out = np.empty(2 * 4, np.int32)
    field_counts(counts, np.array([1, 0]), source_y, source_x, 6, 3, out)
    # row 0 sees output row 0; row 1 sees both; column 0 sees nothing, column 1 output column 2
    assert out.tolist() == [0, 8, 0, 11 + 8, 0, 2, 0, 5 + 2]


def expected_edges(active, lanes, compact, banks):
    if not compact:
        return max([np.sum(active % lanes == lane) for lane in range(lanes)], default=0)
    runs = [active[first : first + lanes] for first in range(0, len(active), lanes)]
    return sum(np.bincount(run % banks).max() for run in runs)


@pytest.mark.parametrize("compact", [False, True])
def test_edges_of_the_passes_equal_a_loop_over_lanes_and_banks(compact):
    rng = np.random.default_rng(7)
    for _ in range(300):
        lanes, group = int(rng.choice([1, 2, 3, 16, 64, 70, 130])), int(rng.integers(0, 3))
        channels = group * 50 + int(rng.integers(1, 250))
        offset = group * 50
        low = offset + lanes * int(rng.integers(0, 1 + (channels - offset - 1) // lanes))
        high, banks = int(rng.integers(low + 1, channels + 1)), int(rng.integers(1, lanes + 1))
        dense = mask(rng, 2, channels, 3)
        needed, edges = np.empty((2, 6), np.int32)
        order = np.array([1, 0])
        lane_edges(words_of(dense), order, 3, low, high, lanes, compact, offset, banks, needed, edges)
        rows = dense[order].transpose(0, 2, 1).reshape(6, channels)
        for row, count, edge in zip(rows, needed, edges, strict=True):
            active = np.flatnonzero(row[low:high]) + low - offset
            assert (count, edge) == (len(active), expected_edges(active, lanes, compact, banks))
