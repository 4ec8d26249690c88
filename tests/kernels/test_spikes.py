"""Packed-spike kernels equal their element-by-element twins."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels import spikes as kernels
from tests.naive import spikes as naive

WIDTHS = (1, 7, 63, 64, 65, 127, 128, 200)


def _dense(width: int, rate: float, rows: int = 5) -> np.ndarray:
    return (np.random.default_rng(width).random((rows, width)) < rate).astype(np.uint8)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_pack_layout_and_round_trip(width: int, rate: float) -> None:
    dense = _dense(width, rate)
    packed = kernels.pack(dense)
    assert packed.dtype == np.uint64
    assert packed.tolist() == naive.pack(dense.tolist())
    np.testing.assert_array_equal(kernels.unpack(packed, width), dense)
    stored = kernels.bytes_from_words(packed, width)
    np.testing.assert_array_equal(stored, np.packbits(dense, axis=-1, bitorder="little"))
    np.testing.assert_array_equal(kernels.words_from_bytes(stored, width), packed)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_counts_equal_dense_sums(width: int, rate: float) -> None:
    dense, other = _dense(width, rate), _dense(width, 0.5)[::-1].copy()
    packed = kernels.pack(dense)
    assert kernels.popcount(packed) == dense.sum()
    assert kernels.and_popcount(packed, kernels.pack(other)) == (dense & other).sum()
    np.testing.assert_array_equal(kernels.row_counts(packed), dense.sum(1))
    np.testing.assert_array_equal(kernels.element_counts(packed, width), dense.sum(0))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("tile", [(1, 1), (2, 3), (5, 64), (3, 65), (8, 300)])
def test_tile_counts_equal_twin(width: int, tile: tuple[int, int]) -> None:
    dense = _dense(width, 0.4)
    counts = kernels.tile_counts(kernels.pack(dense), width, *tile)
    assert counts.tolist() == naive.tile_counts(dense, *tile)


def test_range_count_every_range() -> None:
    dense = _dense(131, 0.5, rows=1)[0]
    packed = kernels.pack(dense)
    sums = np.concatenate([[0], np.cumsum(dense)])
    for start in range(132):
        for stop in range(start, 132):
            assert kernels.range_count(packed, start, stop) == sums[stop] - sums[start]


@pytest.mark.parametrize("offender", [2, -1, 0.5, np.nan])
def test_pack_refuses_what_is_not_a_bit(offender: float) -> None:
    dense = np.zeros((2, 3))
    dense[1, 2] = offender
    with pytest.raises(ValueError, match=f"found {offender}"):
        kernels.pack(dense)


def test_empty_rows() -> None:
    packed = kernels.pack(np.zeros((3, 0), bool))
    assert packed.shape == (3, 0)
    assert kernels.popcount(packed) == 0
    assert kernels.unpack(packed, 0).shape == (3, 0)
