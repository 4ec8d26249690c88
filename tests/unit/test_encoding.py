"""Encodings: values, statistics, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.costs import OperationCounts
from simsnn.workload.encoding import Encoding, EncodingCost, encode, firing_time


def _images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 2, 4, 5), np.float32)


def _encode(images: np.ndarray, encoding: Encoding, timesteps: int, seed: int = 0) -> np.ndarray:
    return encode(images, encoding, timesteps, np.random.default_rng(seed))


def _events(timesteps: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (3, timesteps, 2, 4, 5), np.uint8)


def test_events_are_taken_as_they_are() -> None:
    events = _events(4)
    encoded = _encode(events, Encoding.EVENTS, 4)
    assert encoded.shape == (4, 3, 2, 4, 5)
    for step in range(4):
        np.testing.assert_array_equal(encoded[step], events[:, step])
    with pytest.raises(ValueError, match="have 4 steps, not 5"):
        _encode(events, Encoding.EVENTS, 5)
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        _encode(2 * events, Encoding.EVENTS, 4)


def test_a_sequence_is_taken_as_it_is() -> None:
    """Values of every step, also negative ones and ones above 1, in a buffer of their own."""
    samples = (np.random.default_rng(2).standard_normal((3, 4, 2, 5)) * 3).astype(np.float32)
    encoded = _encode(samples, Encoding.SEQUENCE, 4)
    assert (encoded.shape, encoded.dtype) == ((4, 3, 2, 5), np.float32)
    assert encoded.flags.c_contiguous
    for step in range(4):
        np.testing.assert_array_equal(encoded[step], samples[:, step])
    with pytest.raises(ValueError, match="samples of sequence have 4 steps, not 3"):
        _encode(samples, Encoding.SEQUENCE, 3)
    samples[1, 2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        _encode(samples, Encoding.SEQUENCE, 4)


def test_only_codes_that_make_spikes_are_computed() -> None:
    assert [encoding for encoding in Encoding if encoding.computed] == [Encoding.POISSON, Encoding.LATENCY]


def test_direct_repeats_the_image() -> None:
    images = _images()
    encoded = _encode(images, Encoding.DIRECT, 4)
    assert encoded.shape == (4, *images.shape)
    assert encoded.flags.writeable
    for step in encoded:
        np.testing.assert_array_equal(step, images)


def test_poisson_rate_and_independence() -> None:
    steps = 4000
    images = np.array([[0.0, 0.1, 0.5, 0.9, 1.0, 7.0, -2.0]], np.float32)
    spikes = _encode(images, Encoding.POISSON, steps)[:, 0]
    assert set(np.unique(spikes)) == {0.0, 1.0}
    np.testing.assert_array_equal(spikes[:, [0, 6]], 0)
    np.testing.assert_array_equal(spikes[:, [4, 5]], 1)
    for column, rate in ((1, 0.1), (2, 0.5), (3, 0.9)):
        error = np.sqrt(rate * (1 - rate) / steps)
        assert abs(spikes[:, column].mean() - rate) < 4 * error
        lagged = np.corrcoef(spikes[:-1, column], spikes[1:, column])[0, 1]
        assert abs(lagged) < 4 / np.sqrt(steps)


def test_poisson_is_seeded() -> None:
    first, again = (_encode(_images(), Encoding.POISSON, 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, _encode(_images(), Encoding.POISSON, 5, seed=4))


@pytest.mark.parametrize("timesteps", [1, 2, 7])
def test_latency_fires_once_and_earlier_for_brighter(timesteps: int) -> None:
    images = np.linspace(0, 1, 41, dtype=np.float32)[None]
    spikes = _encode(images, Encoding.LATENCY, timesteps)[:, 0]
    assert spikes[:, 0].sum() == 0
    np.testing.assert_array_equal(spikes[:, 1:].sum(0), 1)
    times = spikes[:, 1:].argmax(0)
    assert np.all(np.diff(times) <= 0)
    assert times[-1] == 0
    assert set(times) == set(range(timesteps))


def test_latency_formula() -> None:
    intensity = np.array([1.0, 0.76, 0.75, 0.5, 0.01, 0.0], np.float32)
    assert firing_time(intensity, 4).tolist() == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_operand_and_cost(encoding: Encoding) -> None:
    own = {Encoding.EVENTS: _events(3), Encoding.SEQUENCE: np.random.default_rng(3).random((3, 3, 2, 4), np.float32)}
    samples = own.get(encoding, _images())
    encoded = _encode(samples, encoding, 3)
    assert encoded.dtype == np.float32
    assert encoding.binary == bool(np.isin(encoded, (0, 1)).all())
    assert encoding.operand_bits(8) == (1 if encoding.binary else 8)
    once, per_step = {
        Encoding.DIRECT: (OperationCounts(), OperationCounts()),
        Encoding.POISSON: (OperationCounts(), OperationCounts(lookup=1, compare=1)),
        Encoding.LATENCY: (OperationCounts(add=1, multiply=1), OperationCounts(compare=1)),
        Encoding.EVENTS: (OperationCounts(), OperationCounts()),
        Encoding.SEQUENCE: (OperationCounts(), OperationCounts()),
    }[encoding]
    assert encoding.cost == EncodingCost(once, per_step)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_what_is_no_intensity(value: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        _encode(np.full((1, 2), value, np.float32), Encoding.POISSON, 2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        _encode(_images(), Encoding.DIRECT, 0)
