"""The T x T matrices of parallel spiking units, and units computed with nothing but matrices.

With step i in the row, step j in the column::

    A[i, j] = tau^-(i-j+1)      i >= j,  else 0         integration
    B[i, j] = -c tau^-(i-j)     i >  j,  else 0         reset of strength c
    M[i, j] = 1                 0 <= i - j < k, else 0  mask of order k (k = T: the triangle)

Everything here is the slow obvious form: the checks compare the recurrences with it. Two ways of summing
round differently, so a potential beside the threshold may fire in one and not in the other;
:func:`spike_agreement` counts those instead of hiding them.

Proof: ``tests/kernels/test_parallel.py``, ``tests/unit/test_parallel_neurons.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def lags(timesteps: int) -> NDArray[np.int64]:
    """i - j for every pair of steps, shape (T, T)."""
    steps = np.arange(timesteps)
    return steps[:, None] - steps[None, :]


def integration_matrix(timesteps: int, tau: float) -> Values:
    """A, shape (T, T), float64."""
    lag = lags(timesteps)
    return np.where(lag >= 0, tau ** -(np.maximum(lag, 0) + 1.0), 0.0)


def reset_matrix(timesteps: int, tau: float, strength: float) -> Values:
    """B, shape (T, T), float64; ``strength`` is c."""
    lag = lags(timesteps)
    return np.where(lag > 0, -strength * tau ** -np.maximum(lag, 0.0), 0.0)


def causal_mask(timesteps: int, order: int | None = None) -> Values:
    """M, shape (T, T), float64; without an order the whole lower triangle."""
    lag = lags(timesteps)
    return ((lag >= 0) & (lag < (timesteps if order is None else order))).astype(np.float64)


def logistic(z: Values) -> Values:
    """1 / (1 + e^-z) in the dtype of z, by the hyperbolic tangent, which cannot overflow."""
    half = z.dtype.type(0.5)
    return np.asarray(half + half * np.tanh(half * z))


def psu_given_spikes(current: Values, spikes: Values, tau: float, threshold: float) -> Values:
    """Potential of a PSU whose reset reads given spikes in place of its estimate: A X + B S, c = threshold.

    With the spikes of the sequential neuron v[t] = (v[t-1] - threshold s[t-1] + x[t]) / tau this is that
    neuron's potential, whatever tau is.

    Parameters
    ----------
    current : array, shape (T, n)
        X.
    spikes : array, shape (T, n)
        S, 0 or 1.
    tau, threshold : float
        Time constant in steps, threshold.

    Returns
    -------
    array, shape (T, n), float64
    """
    steps = len(current)
    reset = reset_matrix(steps, tau, threshold) @ spikes.astype(np.float64)
    return np.asarray(integration_matrix(steps, tau) @ current.astype(np.float64) + reset)


@dataclass(frozen=True, slots=True)
class SpikeAgreement:
    """Spikes of two computations of the same potentials.

    Parameters
    ----------
    compared : int
        Neuron-steps.
    differing : int
        Neuron-steps that fire in one computation only.
    near_ties : int
        Those of them with both potentials within ``tolerance`` of the threshold; the others are errors.
    largest_difference : float
        Largest distance between the two potentials, anywhere.
    tolerance : float
        What counts as near, in the unit of the potential.
    """

    compared: int
    differing: int
    near_ties: int
    largest_difference: float
    tolerance: float

    @property
    def errors(self) -> int:
        """Differing spikes that no rounding explains."""
        return self.differing - self.near_ties


def spike_agreement(
    v: Values, other: Values, threshold: float, strict: bool, relative_tolerance: float = 1e-6
) -> SpikeAgreement:
    """Count the spikes in which two computations of the same potentials (T, n) differ.

    Parameters
    ----------
    v, other : array, shape (T, n)
        The potentials.
    threshold : float
        Firing threshold.
    strict : bool
        True: the threshold itself does not fire.
    relative_tolerance : float
        Near means closer to the threshold than this times the largest potential (and at least 1).
    """
    fires = np.greater if strict else np.greater_equal
    differing = fires(v, v.dtype.type(threshold)) != fires(other, other.dtype.type(threshold))
    a, b = v.astype(np.float64), other.astype(np.float64)
    tolerance = relative_tolerance * max(1.0, float(np.abs(a).max(initial=0.0)))
    near = (np.abs(a - threshold) <= tolerance) & (np.abs(b - threshold) <= tolerance)
    largest = float(np.abs(a - b).max(initial=0.0))
    return SpikeAgreement(v.size, int(differing.sum()), int((differing & near).sum()), largest, tolerance)
