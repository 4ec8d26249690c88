"""Pooling kernels against one window at a time."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels.pooling import avg_pool, avg_pool_backward, max_pool, max_pool_backward, max_pool_select

WINDOWS = [(2, 2, 2, 2), (3, 3, 2, 2), (2, 3, 1, 2), (1, 1, 1, 1), (3, 2, 3, 1), (2, 2, 3, 3), (6, 7, 1, 1)]
SHAPE = (3, 6, 7, 4)


def _input(binary: bool, dtype: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random(SHAPE) < 0.3).astype(dtype) if binary else rng.normal(size=SHAPE).astype(dtype)


def _windows(window: tuple[int, int, int, int]):
    """Every (slot, y, x, channel) of the output with the input elements of its window, row-major."""
    kh, kw, sh, sw = window
    slots, height, width, channels = SHAPE
    for s in range(slots):
        for y in range((height - kh) // sh + 1):
            for x in range((width - kw) // sw + 1):
                for c in range(channels):
                    yield (s, y, x, c), [(s, y * sh + i, x * sw + j, c) for i in range(kh) for j in range(kw)]


def _out_shape(window: tuple[int, int, int, int]) -> tuple[int, ...]:
    kh, kw, sh, sw = window
    return (SHAPE[0], (SHAPE[1] - kh) // sh + 1, (SHAPE[2] - kw) // sw + 1, SHAPE[3])


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_pool(window: tuple[int, int, int, int], binary: bool, dtype: type) -> None:
    kh, kw, sh, sw = window
    x = _input(binary, dtype)
    out, winner = np.empty(_out_shape(window), dtype), np.empty(_out_shape(window), np.uint16)
    max_pool(x, kh, kw, sh, sw, out, winner)
    gradient = np.random.default_rng(1).normal(size=out.shape).astype(dtype)
    dx, expected = np.zeros(SHAPE, dtype), np.zeros(SHAPE, dtype)
    max_pool_backward(gradient, kw, sh, sw, winner, dx)
    selected, other = np.empty_like(out), np.random.default_rng(2).normal(size=SHAPE).astype(dtype)
    max_pool_select(other, kw, sh, sw, winner, selected)
    for place, elements in _windows(window):
        values = [x[e] for e in elements]
        first = values.index(max(values))
        assert out[place] == max(values)
        assert winner[place] == first
        assert selected[place] == other[elements[first]]
        expected[elements[first]] += gradient[place]
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_avg_pool(window: tuple[int, int, int, int], dtype: type) -> None:
    kh, kw, sh, sw = window
    x, tolerance = _input(False, dtype), 1e-6 if dtype is np.float32 else 1e-15
    out = np.empty(_out_shape(window), dtype)
    avg_pool(x, kh, kw, sh, sw, out)
    gradient = np.random.default_rng(1).normal(size=out.shape).astype(dtype)
    dx, expected = np.zeros(SHAPE, dtype), np.zeros(SHAPE)
    avg_pool_backward(gradient, kh, kw, sh, sw, dx)
    for place, elements in _windows(window):
        assert out[place] == pytest.approx(sum(float(x[e]) for e in elements) / (kh * kw), abs=tolerance)
        for e in elements:
            expected[e] += gradient[place] / (kh * kw)
    np.testing.assert_allclose(dx, expected, rtol=0, atol=10 * tolerance)


def test_a_window_without_a_spike_routes_to_its_first_element() -> None:
    x = np.zeros((1, 2, 2, 1), np.float32)
    out, winner = np.empty((1, 1, 1, 1), np.float32), np.empty((1, 1, 1, 1), np.uint16)
    max_pool(x, 2, 2, 2, 2, out, winner)
    dx = np.zeros_like(x)
    max_pool_backward(np.ones_like(out), 2, 2, 2, winner, dx)
    assert dx.ravel().tolist() == [1, 0, 0, 0]
