"""Products on packed spikes equal their one-addition-at-a-time twins, exactly, also at the extremes."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels.im2col import packed_im2col, pixel_major
from simsnn.kernels.spike_gemm import (
    SPILL_INT8,
    SPILL_INT16,
    masked_input_gradient,
    packed_forward,
    packed_weight_gradient,
    set_bits,
    transpose_bits,
)
from simsnn.kernels.spikes import pack
from simsnn.workload.lowering import BLowering, lowered
from simsnn.workload.operands import forward_operands
from simsnn.workload.operation import Pass
from simsnn.workload.spike_tensor import SpikeTensor
from tests.naive import lowering as naive_lowering
from tests.naive import spikes as naive

SIZES = ((1, 1, 1), (3, 64, 5), (7, 65, 16), (5, 300, 33), (70, 9, 2), (2, 600, 64))


def _case(size: tuple[int, int, int], rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, k, n = size
    rng = np.random.default_rng(m * k + n)
    spikes = (rng.random((m, k)) < rate).astype(np.uint8)
    return spikes, rng.integers(-128, 128, (k, n), np.int8), rng.integers(-(2**15), 2**15, (m, n), np.int16)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_forward_and_weight_gradient(size: tuple[int, int, int], rate: float) -> None:
    spikes, weights, gradient = _case(size, rate)
    forward = packed_forward(pack(spikes), weights)
    assert forward.dtype == np.int32
    np.testing.assert_array_equal(forward, naive.forward(spikes, weights))
    weight = packed_weight_gradient(pack(spikes), gradient, size[1])
    np.testing.assert_array_equal(weight, naive.weight_gradient(spikes, gradient))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rates", [(0.0, 0.5), (0.05, 0.3), (1.0, 1.0), (0.6, 0.0)])
def test_masked_input_gradient(size: tuple[int, int, int], rates: tuple[float, float]) -> None:
    m, k, n = size
    rng = np.random.default_rng(k)
    gradient = (rng.integers(-(2**15), 2**15, (m, k)) * (rng.random((m, k)) < rates[0])).astype(np.int16)
    mask = (rng.random((m, n)) < rates[1]).astype(np.uint8)
    weights = rng.integers(-128, 128, (k, n), np.int8)
    expected = naive.masked_input_gradient(gradient, weights, mask)
    np.testing.assert_array_equal(masked_input_gradient(gradient, weights, pack(mask)), expected)


@pytest.mark.parametrize("extreme", [-128, 127])
@pytest.mark.parametrize("k", [SPILL_INT8 - 1, SPILL_INT8, SPILL_INT8 + 1, 2 * SPILL_INT8, 1024])
def test_narrow_accumulators_never_wrap(extreme: int, k: int) -> None:
    ones = np.ones((2, k), np.uint8)
    weights = np.full((k, 9), extreme, np.int8)
    np.testing.assert_array_equal(packed_forward(pack(ones), weights), np.full((2, 9), extreme * k))
    steepest = -(2**15) if extreme < 0 else 2**15 - 1
    gradient = np.full((1, k), steepest, np.int16)
    result = masked_input_gradient(gradient, weights, pack(np.ones((1, 9), np.uint8)))
    np.testing.assert_array_equal(result, np.full((1, 9), steepest * extreme * k))


@pytest.mark.parametrize("extreme", [-(2**15), 2**15 - 1])
def test_weight_gradient_over_more_rows_than_a_spill(extreme: int) -> None:
    rows = 2 * SPILL_INT16 + 5
    gradient = np.full((rows, 3), extreme, np.int16)
    result = packed_weight_gradient(pack(np.ones((rows, 2), np.uint8)), gradient, 2)
    np.testing.assert_array_equal(result, np.full((2, 3), extreme * rows, np.int64))


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (64, 64), (65, 130), (3, 200)])
def test_transpose_and_set_bits(rows: int, width: int) -> None:
    dense = (np.random.default_rng(rows).random((rows, width)) < 0.4).astype(np.uint8)
    packed = pack(dense)
    np.testing.assert_array_equal(transpose_bits(packed, width), pack(np.ascontiguousarray(dense.T)))
    out = np.zeros(width, np.int64)
    for row in range(rows):
        assert out[: set_bits(packed[row], out)].tolist() == np.flatnonzero(dense[row]).tolist()


def test_packed_convolution_equals_the_direct_one() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        g = naive_lowering.random_geometry(rng)
        dense = (rng.random((2, 3, g.in_channels, g.in_h, g.in_w)) < 0.4).astype(np.int64)
        shape = (g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w)
        weights = rng.integers(-128, 128, shape, np.int8)
        pixels = pixel_major(SpikeTensor.from_dense(dense).slot_major_rows, g.in_channels, g.in_pixels)
        pairs = forward_operands(dense, weights, g)
        for product, (left, right) in zip(lowered(g, Pass.F, BLowering.PHASES, 6), pairs, strict=True):
            gather = product.gather
            first = product.group * gather.channels
            rows = packed_im2col(pixels, gather.source_y, gather.source_x, g.in_w, first, gather.channels)
            np.testing.assert_array_equal(packed_forward(rows, right), left @ right.astype(np.int64))
