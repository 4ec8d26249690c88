"""Field kernels against their slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels.fields import (
    autoregress,
    carried_count,
    carry_back,
    count_from,
    gather_between,
    mix_shared,
    pack_largest,
    pool_route,
)
from simsnn.kernels.spikes import pack, unpack, words_for
from tests.naive import fields as naive


def _field(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 4, 1), (2, 1, 3), (0, 2, 2)])
def test_autoregress_is_bit_equal(shape: tuple[int, int, int]) -> None:
    values, latent = _field(*shape), np.float32(0.7)
    fresh = np.float32(np.sqrt(1 - 0.49))
    expected = naive.autoregress(values, latent, fresh)
    autoregress(values, latent, fresh)
    np.testing.assert_array_equal(values, expected)


def test_mix_shared_adds_one_field_to_all_channels() -> None:
    values, shared = _field(3, 4, 5), _field(3, 5, seed=1)
    expected = np.float32(0.8) * values + np.float32(0.6) * shared[:, None]
    mix_shared(values, shared, np.float32(0.8), np.float32(0.6))
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_counting_and_gathering() -> None:
    values, low, high = _field(1000), np.float32(-0.2), np.float32(0.5)
    above, between = count_from(values, low, high)
    assert (above, between) == (np.sum(values >= high), np.sum((values >= low) & (values < high)))
    out = np.empty(between, np.float32)
    gather_between(values, low, high, out)
    np.testing.assert_array_equal(out, values[(values >= low) & (values < high)])


@pytest.mark.parametrize("elements", [1, 63, 64, 130])
def test_pack_largest_takes_the_first_ties(elements: int) -> None:
    values = np.random.default_rng(2).integers(0, 3, (4, elements)).astype(np.float32)
    for ties in (0, 1, 5, values.size):
        out = np.zeros((4, words_for(elements)), np.uint64)
        pack_largest(values, np.float32(1), ties, out)
        equal = np.flatnonzero(values == 1)[:ties]
        expected = (values > 1).astype(np.uint8)
        expected.flat[equal] = 1
        np.testing.assert_array_equal(unpack(out, elements), expected)
        np.testing.assert_array_equal(out, pack(expected))


@pytest.mark.parametrize("penalty", [0.0, 0.4, 100.0])
def test_carry_back_and_its_count(penalty: float) -> None:
    values, amount = _field(5, 40), np.float32(penalty)
    expected = naive.carry_back(values, amount)
    assert carried_count(values, amount, np.float32(0.3)) == np.sum(expected > np.float32(0.3))
    carry_back(values, amount)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("window", [(2, 2, 2, 2), (3, 2, 1, 2), (4, 5, 4, 5)])
def test_pool_route(window: tuple[int, int, int, int]) -> None:
    rng = np.random.default_rng(3)
    spikes, mask = ((rng.random((6, 3, 8, 9)) < 0.3).astype(np.uint8) for _ in range(2))
    expected = naive.pool_route(spikes, mask, window)
    elements = int(np.prod(expected[0].shape[1:]))
    pooled, routed = (np.zeros((6, words_for(elements)), np.uint64) for _ in range(2))
    pool_route(pack(spikes.reshape(6, -1)), pack(mask.reshape(6, -1)), (3, 8, 9), window, pooled, routed)
    np.testing.assert_array_equal(unpack(pooled, elements), expected[0].reshape(6, -1))
    np.testing.assert_array_equal(unpack(routed, elements), expected[1].reshape(6, -1))
