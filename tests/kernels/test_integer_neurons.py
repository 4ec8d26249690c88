"""Exact integer neurons: against Python integers one at a time, and the inverse of long runs word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.errors import ConfigError
from tests.naive import reversible as naive
from tests.reversible import LEAKS, SURROGATES, Array, name, nothing, side_of, word_lif, word_pair

WIDEST = {16: 2**15, 32: 2**31}


def _words(bits: int, shape: tuple[int, int], seed: int, part: float = 1.0) -> Array:
    """Integers over a part of the range of a word, as floats that hold them exactly."""
    limit = int(WIDEST[bits] * part)
    return np.random.default_rng(seed).integers(-limit, limit, shape).astype(np.float64)


def _ints(values: Array) -> list:
    return [[int(value) for value in row] for row in values]


def _pair(bits: int, **more: Any) -> Any:
    return word_pair(word_bits=bits, fraction_bits=0, threshold=float(WIDEST[bits] // 16), **more)


def _lif(bits: int, form: str, shift: int) -> Any:
    return word_lif(form, shift, word_bits=bits, fraction_bits=0, threshold=float(WIDEST[bits] // 16))


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize(("charge", "keep"), [(1, 1), (2, 0), (3, 2)])
def test_pair_equals_python_integers(bits: int, charge: int, keep: int) -> None:
    neuron = _pair(bits, charge_shift=charge, keep_shift=keep)
    x, state = _words(bits, (9, 8), 1), _words(bits, (1, 8), 2)
    expected_y, expected_m, expected_state = naive.word_pair_forward(_ints(x), neuron, _ints(state)[0])
    y, m = np.empty((2, *x.shape))
    neuron.forward(x, nothing(x), y, m, state)
    assert (_ints(y), _ints(m), _ints(state)[0]) == (expected_y, expected_m, expected_state)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize(("form", "shift"), LEAKS)
def test_lif_equals_python_integers(bits: int, form: str, shift: int) -> None:
    neuron = _lif(bits, form, shift)
    x, state = _words(bits, (9, 8), 1), _words(bits, (1, 8), 2)
    expected = naive.word_lif_forward(_ints(x), neuron, _ints(state)[0])
    spikes, m = np.empty((2, *x.shape))
    after, side = state.copy(), side_of(neuron, x)
    neuron.run(x, after, spikes, side)
    neuron.forward(x, nothing(x), spikes, m, state)
    np.testing.assert_array_equal(after, state)
    assert (_ints(spikes), _ints(m), _ints(state)[0]) == (expected[0], expected[2], expected[3])
    if neuron.side_bits:
        assert _ints(side) == expected[1]
        assert max(max(row) for row in expected[1]) < 2**neuron.side_bits


@pytest.mark.parametrize(("bits", "part"), [(32, 0.5), (16, 0.5), (16, 1.0)])
def test_pair_gives_back_every_word_of_256_steps(bits: int, part: float) -> None:
    """Inputs over +-2^30 and +-2^14: sums wrap, as the twin with wider words shows."""
    neuron = _pair(bits)
    x, start = _words(bits, (256, 64), 3, part), _words(bits, (1, 64), 4, part)
    y, m, again, returned = np.empty((4, *x.shape))
    state = start.copy()
    neuron.forward(x, nothing(x), y, m, state)
    _, wide, _ = naive.word_pair_forward(_ints(x[:, :4]), neuron, _ints(start)[0][:4], bits=1000)
    assert any(abs(word) >= WIDEST[bits] for row in wide for word in row)
    assert _ints(m[:, :4]) == naive.word_pair_forward(_ints(x[:, :4]), neuron, _ints(start)[0][:4])[1]
    neuron.invert(y, side_of(neuron, x), state, returned, again)
    for found, expected in ((returned, x), (again, m), (state, start)):
        np.testing.assert_array_equal(found, expected)


def test_the_silent_pair_grows_as_its_eigenvalues_say() -> None:
    """1.28 and -0.78 with both shifts 1, product -1: from one disturbed state, up to the rounding of the shifts."""
    neuron = word_pair(word_bits=32, fraction_bits=0, threshold=2.0**30)
    x, state, sizes = np.zeros((1, 2)), np.array([[2.0**14, 0.0]]), []
    y, m = np.empty((2, 1, 2))
    for _ in range(24):
        neuron.forward(x, nothing(x), y, m, state)
        sizes.append(np.linalg.norm(state))
    larger, smaller = sorted(np.linalg.eigvals([[0.25, 1], [17 / 16, 0.25]]).tolist(), reverse=True)
    assert (larger, smaller) == pytest.approx((1.2808, -0.7808), abs=1e-4)
    assert larger * smaller == pytest.approx(-1)
    assert (sizes[23] / sizes[15]) ** (1 / 8) == pytest.approx(larger, rel=1e-3)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize(("form", "shift"), [*LEAKS, ("divide", 3)])
def test_lif_gives_back_every_word_of_512_steps(bits: int, form: str, shift: int) -> None:
    neuron = _lif(bits, form, shift)
    x, start = _words(bits, (512, 32), 5), _words(bits, (1, 32), 6)
    spikes, m, again = np.empty((3, *x.shape))
    state, side = start.copy(), side_of(neuron, x)
    neuron.run(x, state, spikes, side)
    neuron.forward(x, nothing(x), spikes, m, start.copy())
    assert 0.1 < spikes.mean() < 0.9
    neuron.invert(spikes, side, state, x, again)
    np.testing.assert_array_equal(again, m)
    np.testing.assert_array_equal(state, start)


@pytest.mark.parametrize("shift", range(1, 9))
def test_every_potential_of_16_bits_comes_back(shift: int) -> None:
    """All 65,536 potentials through one step of either leak; one side bit suffices for subtract."""
    words = np.arange(-(2**15), 2**15, dtype=np.float64)[None]
    for form in ("divide", "subtract"):
        neuron = _lif(16, form, shift)
        state, spikes, v = words.copy(), np.empty_like(words), np.empty_like(words)
        side, none = side_of(neuron, words), np.zeros_like(words)
        neuron.run(none, state, spikes, side)
        assert side.max() == 2**neuron.side_bits - 1
        neuron.invert(spikes, side, state, none, v)
        np.testing.assert_array_equal(state, words)


@pytest.mark.parametrize(("shift", "share"), [(1, 1.0), (2, 1 / 3), (3, 1 / 7), (4, 1 / 15)])
def test_share_of_outputs_with_two_preimages(shift: int, share: float) -> None:
    v = np.arange(-(2**12), 2**12)
    outputs, counts = np.unique(v - (v >> shift), return_counts=True)
    assert counts.max() == 2
    assert np.mean(counts == 2) == pytest.approx(share, abs=1e-3)
    assert len(outputs) == pytest.approx(len(v) * (1 - 2.0**-shift), abs=2)


SWITCHES = [{"detach": detach, "surrogate": surrogate} for detach in (False, True) for surrogate in SURROGATES]
DIFFERENTIATED = [
    *(word_pair(**more) for more in SWITCHES),
    *(word_lif("subtract", 2, **more) for more in SWITCHES),
    word_lif("divide", 0),
    word_lif("divide", 3),
]


@pytest.mark.parametrize("neuron", DIFFERENTIATED, ids=name)
def test_gradient_equals_the_scalar_twin(neuron: Any) -> None:
    rng = np.random.default_rng(0)
    x, dy, m, y, dx = rng.normal(0.4, 0.9, (5, 5, 6))
    carry = rng.normal(size=(1, 6))
    neuron.forward(x, nothing(x), y, m, np.zeros((1, 6)))
    twin = naive.lif_backward if neuron.needs_current else naive.pair_backward
    expected, expected_carry = twin(dy, m, neuron, carry[0])
    neuron.backward(dy, x, nothing(x), m, y, carry, dx, nothing(x))
    np.testing.assert_allclose(dx, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(carry[0], expected_carry, rtol=1e-12, atol=1e-13)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([np.float32, np.float64]), st.sampled_from([16, 32]), st.integers(0, 12))
def test_currents_come_back_on_the_grid(seed: int, dtype: type, bits: int, fraction_bits: int) -> None:
    """Rounded once, to the nearest step, ties to even; the inverse returns what was rounded."""
    neuron = word_pair(word_bits=bits, fraction_bits=fraction_bits, threshold=1.0)
    rng, scale = np.random.default_rng(seed), 2.0**fraction_bits
    x = rng.choice([rng.normal(0, 2, (6, 10)), rng.integers(-9, 9, (6, 10)) / 2 / scale]).astype(dtype)
    state, y, v, returned = np.zeros((1, 10), dtype), *np.empty((3, 6, 10), dtype)
    neuron.run(x, state, y, side_of(neuron, x))
    np.testing.assert_array_equal(np.rint(y * scale), y * scale)
    neuron.invert(y, side_of(neuron, x), state, returned, v)
    np.testing.assert_array_equal(state, 0)
    rounded = np.rint(x.astype(np.float64) * scale)
    wrapped = (rounded + WIDEST[bits]) % (2 * WIDEST[bits]) - WIDEST[bits]
    np.testing.assert_array_equal(returned, wrapped / scale)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("neuron", [word_pair(), word_lif()], ids=name)
def test_what_has_no_place_on_the_grid_is_refused(neuron: Any, value: float) -> None:
    x = np.full((2, 4), 0.5, np.float32)
    x[1, 2] = value
    spikes, v = np.empty((2, 2, 4), np.float32)
    with pytest.raises(ConfigError, match="1 values of 16-bit words are not finite"):
        neuron.forward(x, nothing(x), spikes, v, np.zeros((1, 4), np.float32))
    with pytest.raises(ConfigError, match="fewer fraction_bits"):
        neuron.run(x, np.zeros((1, 4), np.float32), spikes, side_of(neuron, x))


@pytest.mark.parametrize(("bits", "dtype", "start", "fits"), [
    (32, np.float32, 2.0**15 - 1, False), (32, np.float64, 2.0**15 - 1, True), (16, np.float32, 1.0, True)
])  # fmt: skip
def test_words_that_float32_cannot_hold_are_refused(bits: int, dtype: type, start: float, fits: bool) -> None:
    """In float64 the same run goes through, and 16-bit words wrap long before."""
    neuron, x = word_pair(word_bits=bits), np.ones((60, 2), dtype)
    y, v = np.empty((2, *x.shape), dtype)
    state = np.full((1, 2), start, dtype)
    if fits:
        neuron.forward(x, nothing(x), y, v, state)
        assert np.abs(y).max() < WIDEST[bits] / 256
    else:
        with pytest.raises(ConfigError, match="beyond 65536 in float32"):
            neuron.forward(x, nothing(x), y, v, state)
