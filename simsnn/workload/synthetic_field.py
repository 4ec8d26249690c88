"""Gaussian random fields of chosen correlation, and their largest values as bits.

A stationary Gaussian field z over (t, y, x), independent between samples, with separable
first-order autoregression along each axis: latent correlation ``a^|dt| * b^(|dy| + |dx|)``. With a
channel correlation c, ``z = sqrt(1 - c) * own + sqrt(c) * shared``, where ``shared`` is one such
field for all channels; without, channels are independent. A spike is z above a threshold; the
threshold is the field's own quantile, so the number of ones is exactly ``round(rate * elements)``.

The correlations that a user asks for are those of the *spikes* at lag 1. For rate p, threshold h
and latent correlation r (Sheppard 1899; Drezner and Wesolowsky 1990),

``P(both spike) = p^2 + 1/(2 pi) * integral from 0 to arcsin r of exp(-h^2 / (1 + sin u)) du``,
``corr = (P(both spike) - p^2) / (p * (1 - p))``,

which is inverted for r by bisection. At p = 1/2 it is ``corr = 2/pi * arcsin r``.

A gradient carried back in time is non-zero where the surrogate is, and often in the steps before.
:func:`carried_field` says so in the field: ``z'[t] = max(z[t], z'[t+1] - penalty)``, with the
smallest penalty for which no more than the asked share lies above the surrogate's threshold.

Proof: ``tests/unit/test_synthetic.py``, ``tests/unit/test_synthetic_fit.py``.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.fields import (
    autoregress,
    carried_count,
    carry_back,
    count_from,
    gather_between,
    mix_shared,
    pack_largest,
)
from simsnn.kernels.spikes import words_for
from simsnn.workload.spike_tensor import SpikeTensor

Field = NDArray[np.float32]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_HIGHEST_LATENT = 1 - 1e-12
_LARGEST_PENALTY = 16.0
_SAMPLED = 1 << 20
_WINDOW = 0.02
"""Half width, in standard deviations, in which the quantile is first looked for."""


def spike_correlation(latent: float, rate: float) -> float:
    """Correlation of two spikes whose Gaussian variables correlate by ``latent`` (0 <= latent <= 1)."""
    threshold = NormalDist().inv_cdf(1 - rate)
    half = np.arcsin(latent) / 2
    angles = half * (_NODES + 1)
    both = half * float(_WEIGHTS @ np.exp(-(threshold**2) / (1 + np.sin(angles)))) / (2 * np.pi)
    return float(both / (rate * (1 - rate)))


@lru_cache(maxsize=1024)
def latent_correlation(correlation: float, rate: float) -> float:
    """Inverse of :func:`spike_correlation`; 0 where the spikes are constant."""
    if correlation == 0 or not 0 < rate < 1:
        return 0.0
    low, high = 0.0, _HIGHEST_LATENT
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if spike_correlation(middle, rate) < correlation else (low, middle)
    return (low + high) / 2


def gaussian_field(
    shape: tuple[int, ...], temporal: float, spatial: float, generator: np.random.Generator, channel: float = 0.0
) -> Field:
    """Stationary Gaussian field of the module head.

    Parameters
    ----------
    shape : tuple of int
        (T, B, C, H, W).
    temporal, spatial, channel : float
        Latent correlations, 0..1.
    generator : numpy Generator
        Source of randomness.

    Returns
    -------
    NDArray[float32], shape (T, B, C, H, W)
    """
    field = _autoregressive(generator.standard_normal(shape, np.float32), temporal, spatial)
    if channel:
        steps, batch, channels, height, width = shape
        drawn = generator.standard_normal((steps, batch, 1, height, width), np.float32)
        shared = _autoregressive(drawn, temporal, spatial)
        own, common = np.float32(np.sqrt(1 - channel)), np.float32(np.sqrt(channel))
        slots, pixels = steps * batch, height * width
        mix_shared(field.reshape(slots, channels, pixels), shared.reshape(slots, pixels), own, common)
    return field


def _autoregressive(field: Field, temporal: float, spatial: float) -> Field:
    for axis, latent in ((0, temporal), (3, spatial), (4, spatial)):
        if latent:
            outer, inner = int(np.prod(field.shape[:axis])), int(np.prod(field.shape[axis + 1 :]))
            rows = field.reshape(outer, field.shape[axis], inner)
            autoregress(rows, np.float32(latent), np.float32(np.sqrt(1 - latent**2)))
    return field


def threshold_field(field: Field, rate: float) -> SpikeTensor:
    """The ``round(rate * elements)`` largest values as ones; of equal values the first."""
    ones, flat = round(rate * field.size), field.reshape(-1)
    rows = field.reshape(-1, int(np.prod(field.shape[2:])))
    packed = np.zeros((len(rows), words_for(rows.shape[1])), np.uint64)
    if ones:
        threshold = _ranked(flat, ones, rate)
        above, _ = count_from(flat, threshold, np.nextafter(threshold, np.float32(np.inf)))
        pack_largest(rows, threshold, ones - above, packed)
    return SpikeTensor(packed.reshape(*field.shape[:2], -1), field.shape)


def carried_field(field: Field, before: float, after: float) -> Field:
    """Field carried back in time, in which the ``after`` largest contain the ``before`` largest of the field.

    Parameters
    ----------
    field : NDArray[float32], shape (T, B, C, H, W)
        Left alone; its ``before`` largest are the gradients that are not zero before the carry.
    before, after : float
        Densities before and after the carry, before <= after.

    Returns
    -------
    NDArray[float32]
        The carried field; its ``after`` largest are the gradients after the carry.
    """
    threshold, wanted = _ranked(field.reshape(-1), round(before * field.size), before), round(after * field.size)
    rows = field.reshape(len(field), -1)
    sample = np.ascontiguousarray(rows[:, : max(1, _SAMPLED // len(rows))])
    low, high = 0.0, _LARGEST_PENALTY
    for _ in range(24):
        middle = (low + high) / 2
        over = carried_count(sample, np.float32(middle), threshold) > after * sample.size
        low, high = (middle, high) if over else (low, middle)
    while carried_count(rows, np.float32(high), threshold) > wanted and high < _LARGEST_PENALTY:
        high = min(1.01 * high + 1e-3, _LARGEST_PENALTY)  # the sample was sparser than the whole
    carried = field.copy()
    carry_back(carried.reshape(rows.shape), np.float32(high))
    return carried


def _ranked(flat: Field, rank: int, rate: float) -> np.float32:
    """The ``rank`` largest value: selected from a window around the normal quantile if it lies there."""
    guess = NormalDist().inv_cdf(min(max(1 - rate, 1e-9), 1 - 1e-9))
    low, high = np.float32(guess - _WINDOW), np.float32(guess + _WINDOW)
    above, between = count_from(flat, low, high)
    if not above < rank <= above + between:
        return np.float32(np.partition(flat, flat.size - rank)[flat.size - rank])
    window = np.empty(between, np.float32)
    gather_between(flat, low, high, window)
    place = between - (rank - above)
    return np.float32(np.partition(window, place)[place])
