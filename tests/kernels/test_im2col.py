"""Feeder counts and packed im2col rows equal an enumeration of the streamed matrix."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels import im2col as kernels
from simsnn.kernels.spikes import pack, unpack
from simsnn.workload.feeder import (
    Feeder,
    distinct_elements,
    fold_reads,
    input_elements,
    streamed_nonzeros,
    uses_per_pixel,
)
from simsnn.workload.lowering import BLowering, lowered
from simsnn.workload.operands import forward_operands, im2col
from simsnn.workload.operation import ConvGeometry, Pass
from simsnn.workload.spike_tensor import SpikeTensor
from tests.naive import lowering as naive

SLOTS = 3


def _touched(entries: dict, rows: range, columns: range) -> int:
    return len({entries[m, k] for m in rows for k in columns} - {None})


def _random_range(rng: np.random.Generator, size: int) -> range:
    start = int(rng.integers(0, size))
    return range(start, int(rng.integers(start, size + 1)))


@pytest.mark.parametrize("seed", range(3))
def test_distinct_elements_of_forward_and_weight_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        g = naive.random_geometry(rng)
        entries = naive.im2col_entries(g, SLOTS)
        forward = lowered(g, Pass.F, BLowering.PHASES, SLOTS)[0]
        weight = lowered(g, Pass.W, BLowering.PHASES, SLOTS)[0]
        for _ in range(6):
            m, k = _random_range(rng, forward.gemm.m), _random_range(rng, forward.gemm.k)
            expected = _touched(entries, m, k)
            assert distinct_elements(forward, k.start, k.stop, m.start, m.stop) == expected
            assert distinct_elements(weight, m.start, m.stop, k.start, k.stop) == expected
        m = _random_range(rng, forward.gemm.m)
        halo = _touched(entries, m, range(forward.gemm.k))
        assert input_elements(g, m.start, m.stop) == halo * g.groups


@pytest.mark.parametrize("form", [BLowering.PHASES, BLowering.ZEROS])
def test_distinct_elements_of_backward(form: BLowering) -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        g = naive.random_geometry(rng)
        for product in lowered(g, Pass.B, form, SLOTS)[: 4 if g.groups == 1 else 2]:
            phase = (product.phase.y, product.phase.x) if product.phase else None
            entries = naive.backward_entries(g, SLOTS, phase)
            assert max(entries) == (product.gemm.m - 1, product.gemm.k - 1)
            for _ in range(4):
                m, k = _random_range(rng, product.gemm.m), _random_range(rng, product.gemm.k)
                assert distinct_elements(product, k.start, k.stop, m.start, m.stop) == _touched(entries, m, k)


@pytest.mark.parametrize("pass_", [Pass.F, Pass.W])
def test_fold_reads_equal_one_call_per_fold(pass_: Pass) -> None:
    g = ConvGeometry(5, 6, 7, 4, 3, 3, 1, 2, 1, 1)
    product = lowered(g, pass_, BLowering.PHASES, 4)[0]
    k, m = (_tiles(size, step) for size, step in ((product.gemm.k, 7), (product.gemm.m, 11)))
    reads = fold_reads(product, Feeder.LINE_BUFFER, k, m)
    expected = [[distinct_elements(product, *kr, *mr) for mr in m.tolist()] for kr in k.tolist()]
    np.testing.assert_array_equal(reads, expected)
    explicit = fold_reads(product, Feeder.EXPLICIT, k, m)
    assert explicit.sum() == product.gemm.m * product.gemm.k
    assert np.all(reads <= explicit)
    assert reads.sum() < explicit.sum()


def _tiles(size: int, step: int) -> np.ndarray:
    starts = np.arange(0, size, step)
    return np.stack([starts, np.minimum(starts + step, size)], axis=1)


def test_col2im_streams_every_gradient_once() -> None:
    g = ConvGeometry(2, 6, 6, 5, 3, 3, 2, 2, 1, 1)
    (product,) = lowered(g, Pass.B, BLowering.COL2IM, SLOTS)
    assert distinct_elements(product, 0, product.gemm.k, 0, product.gemm.m) == SLOTS * 5 * 9


def test_line_buffer_of_a_3x3_map_by_hand() -> None:
    (product,) = lowered(ConvGeometry(1, 3, 3, 1, 3, 3, 1, 1, 1, 1), Pass.F, BLowering.PHASES, 1)
    assert distinct_elements(product, 0, 9, 0, 1) == 4  # the corner window sees 2 x 2 pixels
    assert distinct_elements(product, 0, 9, 0, 3) == 6  # the first output row sees two input rows
    assert distinct_elements(product, 4, 5, 0, 9) == 9  # the centre tap sees the whole map
    assert distinct_elements(product, 0, 1, 0, 3) == 0  # the first tap of the first row sees padding
    assert distinct_elements(product, 3, 3, 0, 9) == 0


@pytest.mark.parametrize("seed", range(2))
def test_streamed_nonzeros_equal_the_dense_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        g = naive.random_geometry(rng)
        dense = (rng.random((2, 3, g.in_channels, g.in_h, g.in_w)) < rng.random()).astype(np.int64)
        weights = np.zeros((g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w), np.int64)
        expected = sum(np.count_nonzero(left) for left, _ in forward_operands(dense, weights, g))
        assert streamed_nonzeros(SpikeTensor.from_dense(dense), g) == expected
        (entries, slots) = (naive.im2col_entries(g, 1), 6)
        real = sum(entry is not None for entry in entries.values())
        ones = SpikeTensor.from_dense(np.ones_like(dense))
        assert streamed_nonzeros(ones, g) == real * slots * g.groups
        gather = lowered(g, Pass.F, BLowering.PHASES, 1)[0].gather
        assert uses_per_pixel(gather).sum() * gather.channels == real


def test_streamed_nonzeros_takes_unflattened_spikes_of_a_linear_layer() -> None:
    dense = np.random.default_rng(0).random((2, 3, 4, 5, 5)) < 0.3
    assert streamed_nonzeros(SpikeTensor.from_dense(dense), ConvGeometry(100, 1, 1, 7)) == dense.sum()
    with pytest.raises(ValueError, match="reads 99 elements"):
        streamed_nonzeros(SpikeTensor.from_dense(dense), ConvGeometry(99, 1, 1, 7))


@pytest.mark.parametrize("seed", range(2))
def test_packed_im2col_equals_the_dense_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        g = naive.random_geometry(rng)
        scale = int(rng.choice([1, 1, 40]))  # some groups wider than a word
        g = ConvGeometry(g.in_channels * scale, *_rest(g))
        spikes = SpikeTensor.from_dense(rng.random((2, 2, g.in_channels, g.in_h, g.in_w)) < 0.4)
        pixels = kernels.pixel_major(spikes.slot_major_rows, g.in_channels, g.in_pixels)
        for product in lowered(g, Pass.F, BLowering.PHASES, 4):
            gather = product.gather
            first = product.group * gather.channels
            tables = (gather.source_y, gather.source_x, g.in_w, first, gather.channels)
            rows = kernels.packed_im2col(pixels, *tables)
            expected = im2col(spikes.to_dense(), gather, product.group)
            np.testing.assert_array_equal(unpack(rows, gather.columns), expected)
            np.testing.assert_array_equal(rows, pack(expected))


def _rest(g: ConvGeometry) -> tuple[int, ...]:
    shape = (g.in_h, g.in_w, g.out_channels, g.kernel_h, g.kernel_w, g.stride_h, g.stride_w)
    return (*shape, g.padding_h, g.padding_w, g.dilation_h, g.dilation_w, g.groups)


def test_rectangles_cover_every_range_of_a_grid_once() -> None:
    out = np.zeros((3, 4), np.int64)
    for width in (1, 2, 5):
        for start in range(4 * width + 1):
            for stop in range(start, 4 * width + 1):
                seen = np.zeros((4, width), np.int64)
                for r0, r1, c0, c1 in out[: kernels.rectangles(start, stop, width, out)]:
                    seen[r0:r1, c0:c1] += 1
                expected = np.zeros(4 * width, np.int64)
                expected[start:stop] = 1
                np.testing.assert_array_equal(seen.reshape(-1), expected)
