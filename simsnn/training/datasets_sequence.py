"""What every data set of real sequences has in common: its length, means over time, scaling to 0..1.

A sample is (T, C, H, W): a real frame of its own in every time step, taken by ``encoding: sequence``.
Its length belongs to the data set, so ``workload.timesteps`` must be that number.

* Means over time: step t of ``steps`` is the mean of the ``length / steps`` values from
  ``t * length / steps`` on; ``steps`` divides the length.
* Scaling: a channel's value x becomes ``(x - low) / (high - low)``, clipped to 0..1, with low and
  high the 1 % and 99 % quantiles of that channel over all steps of all samples (labels are not
  looked at; the samples of the test split are). Recorded signals have rare peaks of several times
  their usual range, which would press everything else into a few of the input's levels.

Proof: ``tests/unit/test_datasets_sequences.py``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from simsnn.config.quantities import Index, StrictModel
from simsnn.training.datasets_digits import TestFraction
from simsnn.workload.encoding import Delivery

Sequences = NDArray[np.float32]
"""Frames of every step, (N, T, C, H, W) in 0..1."""
QUANTILES = (0.01, 0.99)
"""Shares of a channel's values below its low and its high end."""


class SequenceConfig(StrictModel):
    """Keys that every data set of sequences has."""

    test_fraction: TestFraction = 0.2
    split_seed: Index = 0

    delivers: ClassVar[Delivery] = Delivery.SEQUENCES

    @property
    @abstractmethod
    def length(self) -> int:
        """Time steps of a sample, T."""


def averaged(values: NDArray[Any], steps: int) -> NDArray[np.float64]:
    """Means over equal runs of steps: (N, T, ...) to (N, steps, ...).

    Raises
    ------
    ValueError
        If ``steps`` does not divide T.
    """
    samples, length = values.shape[:2]
    if steps < 1 or length % steps:
        raise ValueError(f"{length} steps cannot be averaged to {steps}")
    means: NDArray[np.float64] = values.reshape(samples, steps, length // steps, *values.shape[2:]).mean(2, np.float64)
    return means


def unit_range(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Channels (axis 2) of (N, T, C) between their quantiles, clipped to 0..1; a constant channel becomes 0."""
    low, high = np.quantile(values, QUANTILES, axis=(0, 1))
    span = np.where(high > low, high - low, 1.0)
    scaled: NDArray[np.float32] = np.clip((values - low) / span, 0, 1).astype(np.float32)
    return scaled
