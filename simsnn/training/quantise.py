"""Values rounded to their stored widths, where an experiment says ``precision: {quantise: true}``.

Training runs in floats; what is evaluated and recorded is the network after rounding (post-training
quantisation), so the recorded spikes and gradients are those of the narrow machine::

    weights, gradients   symmetric, one scale per tensor: step = max|x| / (2^(b-1) - 1)
    inputs               0..1 on 2^b - 1 steps
    membrane potential   fixed point over +-8 thresholds, saturating: step = 16 threshold / 2^b

Partial sums are exact at their configured width (a sum that needs more is refused by the array's
overflow check), optimizer state stays float. Proof: ``tests/unit/test_quantise.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FULL_SCALE_THRESHOLDS = 8
"""Largest membrane potential that is held, in thresholds."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """Stored bits of every kind of value."""

    input_bits: int
    weight_bits: int
    membrane_bits: int
    gradient_bits: int


def symmetric(values: Array, bits: int) -> Array:
    """Nearest of ``2^bits - 1`` equally spaced values around zero, the largest magnitude being exact.

    Parameters
    ----------
    values : array
        Any shape.
    bits : int
        Two or more.
    """
    levels = 2 ** (bits - 1) - 1
    largest = np.abs(values).max(initial=0)
    if largest == 0:
        return values
    step = values.dtype.type(largest / levels)
    rounded: Array = np.rint(values / step) * step
    return rounded


def unit_interval(values: Array, bits: int) -> Array:
    """Nearest multiple of ``1 / (2^bits - 1)`` in 0..1."""
    levels = values.dtype.type(2**bits - 1)
    rounded: Array = np.rint(np.clip(values, 0, 1) * levels) / levels
    return rounded


def fixed_point(values: Array, bits: int, threshold: float) -> Array:
    """Nearest multiple of the membrane step, saturating at ``+-8`` thresholds."""
    step = 2 * FULL_SCALE_THRESHOLDS * threshold / 2**bits
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    rounded: Array = (np.clip(np.rint(values / step), low, high) * step).astype(values.dtype)
    return rounded
