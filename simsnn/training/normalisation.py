"""Batch normalisation of currents per channel, with batch statistics or stored ones.

    y = scale * (x - mean) / sqrt(variance + epsilon) + shift

Batch statistics run over every slot and pixel, (T, B, H, W), with the biased variance; in
backward the statistics are functions of x, which makes the gradient dense. With stored
statistics (evaluation, or ``mode: frozen``) they are constants.

Proof: ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean and biased variance per channel, shape (C,) each."""

    mean: Array
    variance: Array

    @classmethod
    def of(cls, x: Array) -> Moments:
        """Moments over every axis but the last."""
        flat = x.reshape(-1, x.shape[-1])
        return cls(flat.mean(axis=0), flat.var(axis=0))

    @classmethod
    def initial(cls, channels: int, dtype: np.dtype[Any]) -> Moments:
        """Zero mean, unit variance."""
        return cls(np.zeros(channels, dtype), np.ones(channels, dtype))

    def towards(self, other: Moments, momentum: float) -> Moments:
        """Exponential average: ``momentum`` of the other, the rest of this."""
        weight = self.mean.dtype.type(momentum)
        mean = self.mean + weight * (other.mean - self.mean)
        return Moments(mean, self.variance + weight * (other.variance - self.variance))


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """Result of a forward pass and what its backward needs.

    Parameters
    ----------
    y, x_hat : array, shape (..., C)
        Output, and input before scale and shift.
    inverse : array, shape (C,)
        1 / sqrt(variance + epsilon).
    moments : Moments
        Statistics used.
    from_batch : bool
        True when they were taken from this batch.
    """

    y: Array
    x_hat: Array
    inverse: Array
    moments: Moments
    from_batch: bool


def normalise(x: Array, scale: Array, shift: Array, epsilon: float, stored: Moments | None) -> Normalised:
    """Forward pass; ``stored`` None takes batch statistics.

    Parameters
    ----------
    x : array, shape (..., C)
        Currents.
    scale, shift : array, shape (C,)
        Trainable parameters.
    """
    moments = Moments.of(x) if stored is None else stored
    inverse = 1 / np.sqrt(moments.variance + x.dtype.type(epsilon))
    x_hat = (x - moments.mean) * inverse
    return Normalised(scale * x_hat + shift, x_hat, inverse, moments, stored is None)


def normalise_backward(forward: Normalised, scale: Array, gradient: Array) -> tuple[Array, Array, Array]:
    """Gradients towards x (..., C), scale (C,) and shift (C,)."""
    flat, x_hat = (a.reshape(-1, a.shape[-1]) for a in (gradient, forward.x_hat))
    d_shift = flat.sum(axis=0)
    d_scale = (flat * x_hat).sum(axis=0)
    factor = scale * forward.inverse
    if not forward.from_batch:
        return gradient * factor, d_scale, d_shift
    count = flat.dtype.type(len(flat))
    dx = factor * (flat - d_shift / count - x_hat * (d_scale / count))
    return dx.reshape(gradient.shape), d_scale, d_shift
