"""Losses on the readout: value and gradient towards the logits.

Logits are (B, classes), the mean over time of the last layer's output. ``cross_entropy`` is the
mean over the batch of ``log sum exp(z) - z[label]``; ``mse`` is the mean over batch and classes of
``(z - onehot)^2``. Proof: ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]
LossName = Literal["cross_entropy", "mse"]


def cross_entropy(logits: Array, labels: Labels) -> tuple[float, Array]:
    """Loss and gradient (B, classes)."""
    rows = np.arange(len(logits))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponent = np.exp(shifted)
    total = exponent.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, labels], dtype=np.float64))
    gradient = exponent / total
    gradient[rows, labels] -= 1
    return loss, gradient / logits.dtype.type(len(logits))


def mean_squared_error(logits: Array, labels: Labels) -> tuple[float, Array]:
    """Loss and gradient (B, classes) against one-hot targets."""
    difference = logits.copy()
    difference[np.arange(len(logits)), labels] -= 1
    loss = float(np.mean(np.square(difference, dtype=np.float64)))
    return loss, difference * logits.dtype.type(2 / difference.size)


def loss_function(name: LossName) -> Callable[[Array, Labels], tuple[float, Array]]:
    """The loss of that name."""
    return cross_entropy if name == "cross_entropy" else mean_squared_error
