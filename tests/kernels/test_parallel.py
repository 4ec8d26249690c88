"""Parallel units: the vectorised sigmoid, recurrences against scalar sums and against T x T matrices."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from simsnn.kernels.neuron import BLOCK
from simsnn.kernels.parallel import sigmoid_space
from simsnn.kernels.sigmoid import sigmoid_row
from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_matrices import spike_agreement
from tests.naive import parallel as naive
from tests.parallel_units import UNITS, Sample, empty, gradients, name, run

units = pytest.mark.parametrize("unit", UNITS, ids=name)
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    bits = np.empty(len(x), np.int32 if x.itemsize == 4 else np.int64)
    s = np.empty_like(x)
    sigmoid_row(x, bits.view(x.dtype), bits, s)
    return s


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 87), (np.float64, 708)])
def test_sigmoid_within_three_roundings(dtype: type, limit: int) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([np.linspace(-limit, limit, 20_001), rng.normal(0, 3, 20_000), [0.0, -0.0]]).astype(dtype)
    wide = np.longdouble if dtype is np.float64 else np.float64
    assert np.finfo(wide).eps < np.finfo(dtype).eps / 100
    true = 1 / (1 + np.exp(-x.astype(wide)))
    error = np.abs(_sigmoid(x).astype(wide) - true) / true
    assert float(error.max()) < 1.5 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_at_the_ends_and_in_between(dtype: type) -> None:
    ends = _sigmoid(np.array([np.inf, 1e30, -np.inf, -1e30, np.nan, 0.0], dtype))
    assert ends[:2].tolist() == [1, 1]
    assert 0 < ends[2] == ends[3] < 2e-38
    assert math.isnan(ends[4])
    assert ends[5] == 0.5
    x = np.linspace(-20, 20, 200_001).astype(dtype)
    s = _sigmoid(x)
    assert float((s[:-1] - s[1:]).max()) <= np.finfo(dtype).eps
    np.testing.assert_allclose(s + _sigmoid(-x), 1, rtol=0, atol=2 * np.finfo(dtype).eps)


def test_sigmoid_space_is_one_memory() -> None:
    for dtype in (np.float32, np.float64):
        power, bits = sigmoid_space(np.dtype(dtype))
        assert len(power) == len(bits) == BLOCK
        assert np.shares_memory(power, bits)


@units
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "n"), [(1, 1), (2, 5), (7, 3)])
def test_twin(unit: ParallelUnit, dtype: type, steps: int, n: int) -> None:
    sample, tolerance = run(unit, steps, n, dtype), TOLERANCE[dtype]
    twin = naive.potential(unit, sample.current.astype(np.float64), sample.learned.astype(np.float64))
    np.testing.assert_allclose(sample.v, twin, rtol=0, atol=tolerance * max(1, np.abs(twin).max()))
    np.testing.assert_array_equal(sample.spikes, naive.spikes(unit, sample.v))


@units
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "n"), [(1, 1), (2, 5), (7, 3)])
def test_gradients_against_the_twin(unit: ParallelUnit, dtype: type, steps: int, n: int) -> None:
    sample = run(unit, steps, n, dtype)
    if unit.learn_slope:
        sample.learned[-1] = unit.surrogate.parameter
        unit.forward(sample.current, sample.learned, sample.spikes, sample.v, empty(unit, sample.v))
    dx, dlearned = gradients(unit, sample)
    wide = [a.astype(np.float64) for a in (sample.ds, sample.current, sample.learned)]
    twin = naive.backward(wide[0], unit, wide[1], wide[2])
    tolerance = 10 * TOLERANCE[dtype] * max(1, np.abs(twin.dx).max(), np.abs(twin.dw).max(initial=0))
    np.testing.assert_allclose(dx, twin.dx, rtol=0, atol=tolerance)
    if unit.learn_slope:
        assert dlearned[-1] == pytest.approx(twin.slope, abs=tolerance)
    if unit.learned_count(steps):
        own = dlearned[: unit.learned_count(steps)]
        np.testing.assert_allclose(own[: twin.dw.size], twin.dw.ravel(), rtol=0, atol=tolerance)
        np.testing.assert_allclose(own[twin.dw.size :], twin.db, rtol=0, atol=tolerance)


@units
def test_matrix_form_over_many_blocks(unit: ParallelUnit) -> None:
    """Recurrences and matrices agree to 1e-6 of the largest potential, and no spike differs but by a near tie."""
    sample = run(unit, 64, 3 * BLOCK + 77, np.float32)
    matrices = unit.potential_by_matrices(sample.current, sample.learned)
    agreement = spike_agreement(sample.v, matrices, unit.threshold, unit.strict_threshold)
    assert agreement.compared == sample.v.size
    assert agreement.largest_difference <= agreement.tolerance
    assert agreement.errors == 0
    assert 0 < sample.spikes.mean() < 1
    wide = run(unit, 64, 50, np.float64)
    exact = unit.potential_by_matrices(wide.current, wide.learned)
    np.testing.assert_allclose(wide.v, exact, rtol=0, atol=1e-13 * max(1, np.abs(exact).max()))


@units
def test_long_sequences_of_the_matrix_form(unit: ParallelUnit) -> None:
    """512 steps: 5e-6; without a leak nothing is forgotten, so every step's rounding of a growing sum remains."""
    sample = run(unit, 512, 70, np.float32)
    matrices = unit.potential_by_matrices(sample.current, sample.learned)
    agreement = spike_agreement(sample.v, matrices, unit.threshold, unit.strict_threshold)
    leaks = getattr(unit, "tau", 2.0) > 1
    integrated = np.abs(np.cumsum(sample.current, axis=0, dtype=np.float64)).max()
    bound = 5 * agreement.tolerance if leaks else 512 * np.finfo(np.float32).eps * integrated
    assert agreement.largest_difference <= bound
    assert agreement.differing <= sample.v.size / 1000


@units
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neurons_do_not_see_one_another(unit: ParallelUnit, dtype: type) -> None:
    """Groups and blocks are invisible: a few neurons alone give what they give among many."""
    many = run(unit, 5, 60_000, dtype)
    picked = [0, 511, 512, 13_107, 13_108, 52_223, 59_999]
    few = Sample(*(np.ascontiguousarray(a[:, picked]) for a in (many.current,)), many.learned,
                 *(np.ascontiguousarray(a[:, picked]) for a in (many.spikes, many.v, many.ds)))  # fmt: skip
    v, spikes = np.empty_like(few.v), np.empty_like(few.v)
    unit.forward(few.current, few.learned, spikes, v, empty(unit, v))
    tolerance = TOLERANCE[dtype] * 4  # a product over fewer neurons may add in another order
    np.testing.assert_allclose(v, few.v, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradients(unit, few)[0], gradients(unit, many)[0][:, picked], atol=4 * tolerance)


@units
def test_one_current_for_every_step(unit: ParallelUnit) -> None:
    steady = run(unit, 6, 40, np.float64, rows=1)
    spelled = replace(steady, current=np.repeat(steady.current, 6, axis=0))
    v, spikes = np.empty_like(steady.v), np.empty_like(steady.v)
    unit.forward(spelled.current, spelled.learned, spikes, v, empty(unit, v))
    np.testing.assert_array_equal(v, steady.v)
    for one, other in zip(gradients(unit, steady), gradients(unit, spelled), strict=True):
        np.testing.assert_array_equal(one, other)


@units
def test_gradient_may_overwrite_what_it_reads(unit: ParallelUnit) -> None:
    sample = run(unit, 6, 1100, np.float64)
    apart = gradients(unit, sample)
    dx, dlearned = sample.ds.copy(), np.empty_like(sample.learned)
    carry = np.zeros((0, 1100))
    unit.backward(dx, sample.current, sample.learned, sample.v, sample.spikes, carry, dx, dlearned)
    np.testing.assert_array_equal(dx, apart[0])
    np.testing.assert_array_equal(dlearned, apart[1])


def test_a_slope_of_zero_still_has_a_gradient() -> None:
    unit = PsuNeuron(threshold=0.5)
    sample = run(unit, 4, 9, np.float64)
    sample.learned[-1] = 0
    dx, dlearned = gradients(unit, sample)
    assert not dx.any()
    assert dlearned[0] == pytest.approx((sample.ds * (sample.v - 0.5)).sum() / 2)
