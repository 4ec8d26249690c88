"""Reversible neurons: against one scalar at a time, and what inverse and gradient in one sweep must equal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.naive import reversible as naive
from tests.reversible import Array, every_neuron, lei, name, nothing, side_of

SIZES = [(1, 2), (5, 6), (3, 1030)]
NEURONS = every_neuron()
PAIRS_IN_FLOATS = [neuron for neuron in NEURONS if neuron.kind == "reversible_lei"]


def _currents(shape: tuple[int, int], dtype: type = np.float64, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.4, 0.9, shape).astype(dtype)


def _forward(neuron: Any, x: Array, state: Array) -> tuple[Array, Array]:
    y, m = np.full((2, *x.shape), np.nan, x.dtype)
    neuron.forward(x, nothing(x), y, m, state)
    return y, m


@pytest.mark.parametrize("neuron", PAIRS_IN_FLOATS, ids=name)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_pair_node_equals_the_scalar_twin(neuron: Any, shape: tuple[int, int]) -> None:
    x, start, carry = _currents(shape), _currents((1, shape[1]), seed=1), _currents((1, shape[1]), seed=2)
    expected = naive.lei_forward(x, neuron, start[0])
    state = start.copy()
    y, m = _forward(neuron, x, state)
    np.testing.assert_array_equal(y, expected.output)
    np.testing.assert_array_equal(m, expected.m)
    np.testing.assert_array_equal(state[0], expected.state)
    dy, dx = _currents(shape, seed=3), np.empty(shape)
    expected_dx, expected_carry = naive.pair_backward(dy, m, neuron, carry[0])
    neuron.backward(dy, x, nothing(x), m, y, carry, dx, nothing(x))
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(carry[0], expected_carry, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("neuron", NEURONS, ids=name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_sweep_is_inverse_then_gradient_bit_for_bit(neuron: Any, dtype: type) -> None:
    """Also: run leaves what forward leaves, and gradients may be written over the ones that come in."""
    x, dy = _currents((5, 1030), dtype), _currents((5, 1030), dtype, 1)
    end, again = np.zeros((2, 1, 1030), dtype)
    y, _ = _forward(neuron, x, end)
    side, output = side_of(neuron, x), np.full_like(x, np.nan)
    neuron.run(x, again, output, side)
    np.testing.assert_array_equal(output, y)
    np.testing.assert_array_equal(again, end)

    state, returned, v = end.copy(), x.copy(), np.full_like(x, np.nan)
    neuron.invert(y, side, state, returned, v)
    apart, carry = np.full_like(x, np.nan), np.zeros((1, 1030), dtype)
    neuron.backward(dy, returned, nothing(x), v, y, carry, apart, nothing(x))

    together, same_state, same_carry = dy.copy(), end.copy(), np.zeros((1, 1030), dtype)
    room = x.copy() if neuron.needs_current else np.full_like(x, np.nan)
    neuron.invert_backward(together, y, side, same_state, same_carry, room, together)
    for found, expected in ((together, apart), (same_carry, carry), (same_state, state), (room, returned)):
        np.testing.assert_array_equal(found, expected)
    if not neuron.needs_current:
        dropped = np.full_like(x, np.nan)
        neuron.invert_backward(dy, y, side, end, np.zeros_like(carry), x[:0], dropped)
        np.testing.assert_array_equal(dropped, apart)


@pytest.mark.parametrize("neuron", NEURONS, ids=name)
def test_gradient_through_the_inverse_is_the_stored_one(neuron: Any) -> None:
    """Integers: bit for bit. Floats: to the error that the inverse of so few steps makes."""
    x, dy = _currents((4, 400)), _currents((4, 400), seed=1)
    end = np.zeros((1, 400))
    y, m = _forward(neuron, x, end)
    side = side_of(neuron, x)
    neuron.run(x, np.zeros((1, 400)), y, side)
    stored, made_again = np.empty_like(x), np.empty_like(x)
    neuron.backward(dy, x, nothing(x), m, y, np.zeros((1, 400)), stored, nothing(x))
    neuron.invert_backward(dy, y, side, end, np.zeros((1, 400)), x.copy(), made_again)
    if neuron.kind == "reversible_lei":
        np.testing.assert_allclose(end, 0, atol=1e-9)
        np.testing.assert_allclose(made_again, stored, rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_array_equal(end, 0)
        np.testing.assert_array_equal(made_again, stored)


@pytest.mark.parametrize("neuron", NEURONS[::4], ids=name)
@pytest.mark.parametrize("cut", [(4, 4, 3), (1, 10), (1,) * 11], ids=str)
def test_runs_of_steps_make_the_whole(neuron: Any, cut: tuple[int, ...]) -> None:
    x, dy = _currents((11, 600), np.float32), _currents((11, 600), np.float32, 1)

    def passes(bounds: list[int]) -> list[Array]:
        y, v, dx, gradient = np.full((4, *x.shape), np.nan, x.dtype)
        side, states = side_of(neuron, x), [np.zeros((1, 600), x.dtype)]
        parts = [slice(a, b) for a, b in pairwise(bounds)]
        for part in parts:
            states.append(states[-1].copy())
            neuron.forward(x[part], nothing(x), y[part], v[part], states[-1].copy())
            neuron.run(x[part], states[-1], y[part], side[part])
        carry, state, other = np.zeros((1, 600), x.dtype), states[-1].copy(), np.zeros((1, 600), x.dtype)
        for part in reversed(parts):
            neuron.backward(dy[part], x[part], nothing(x), v[part], y[part], carry, dx[part], nothing(x))
            neuron.invert_backward(dy[part], y[part], side[part], state, other, x[part].copy(), gradient[part])
        return [y, v, dx, carry, states[-1], side, gradient, state, other]

    for whole, parts in zip(passes([0, 11]), passes([0, *np.cumsum(cut).tolist()]), strict=True):
        np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("neuron", NEURONS[::5], ids=name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_current_row_stands_for_every_step(neuron: Any, dtype: type) -> None:
    x = _currents((1, 600), dtype)
    repeated = np.repeat(x, 5, axis=0)
    found, states, sides = [], np.zeros((2, 1, 600), dtype), []
    for state, current in zip(states, (x, repeated), strict=True):
        y, m = np.full((2, 5, 600), np.nan, dtype)
        sides.append(side_of(neuron, y))
        neuron.run(current, state, y, sides[-1])
        neuron.forward(current, nothing(x), y, m, np.zeros_like(state))
        found.append((y, m))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(*states)
    np.testing.assert_array_equal(*sides)
    if neuron.needs_current:
        v = np.empty((5, 600), dtype)
        neuron.invert(y, sides[0], states[0], x, v)
        np.testing.assert_array_equal(v, found[0][1])
        np.testing.assert_array_equal(states[0], 0)


def test_exactly_at_the_threshold_fires() -> None:
    neuron = lei(1, 1, threshold=0.5)
    y, m = _forward(neuron, np.array([[1.0, 0.0, 1 - 1e-9, 0.0]]), np.zeros((1, 4)))
    assert m[0].tolist() == [0.5, 0.5, 0.5 - 5e-10, 0.25 - 2.5e-10]
    assert y[0].tolist() == [1.0, 2.0, 0.0, 1 - 1e-9]


def test_it_fires_and_stays_silent() -> None:
    """The cases above are no trivial ones."""
    for neuron in NEURONS:
        x = _currents((5, 600))
        _, m = _forward(neuron, x, np.zeros((1, 600)))
        assert 0.03 < np.mean(m >= neuron.threshold) < 0.7, name(neuron)
