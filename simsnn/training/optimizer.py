"""Optimizers: strict parameters, the update of a parameter vector, and what hardware pays per weight.

With g the gradient plus ``weight_decay * w``, and lr the scheduled learning rate:

- sgd: ``w -= lr * u``, ``u = momentum * u + g`` (u = g without momentum)
- adam: ``m = b1*m + (1-b1)*g``, ``n = b2*n + (1-b2)*g*g``, ``w -= a * m / (sqrt(n) + e)`` with
  ``a = lr * sqrt(1-b2^k) / (1-b1^k)`` and ``e = epsilon * sqrt(1-b2^k)`` at update k = 1, 2, ...:
  Kingma and Ba 2015 with the bias corrections folded into two scalars per update, so that they
  cost nothing per weight.

Schedules, over all updates of the training: ``constant``; ``cosine``, from the learning rate to
zero in half a cosine; ``step``, times ``step_factor`` after every ``step_epochs`` epochs.

Proof: ``tests/unit/test_training_optimizer.py`` (one scalar at a time).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simsnn.config.quantities import Count, StrictModel
from simsnn.costs import OperationCounts

Array = NDArray[Any]
Share = Annotated[float, Field(ge=0, lt=1, strict=False)]
Positive = Annotated[float, Field(gt=0, strict=False)]
Decay = Annotated[float, Field(ge=0, strict=False)]


class ScheduledConfig(StrictModel):
    """Learning rate and its course."""

    learning_rate: Positive
    schedule: Literal["constant", "cosine", "step"] = "constant"
    step_epochs: Count = 3
    step_factor: Positive = 0.1
    weight_decay: Decay = 0.0

    def rate(self, update: int, updates: int, epoch: int) -> float:
        """Learning rate of one update.

        Parameters
        ----------
        update, updates : int
            Its number, from 0, and how many the whole training makes.
        epoch : int
            Epoch it lies in, from 0.
        """
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * update / updates))
        if self.schedule == "step":
            return float(self.learning_rate * self.step_factor ** (epoch // self.step_epochs))
        return self.learning_rate

    @property
    def decay_counts(self) -> OperationCounts:
        """Weight decay: one multiply and one add per weight, nothing without it."""
        return OperationCounts(add=1, multiply=1) if self.weight_decay else OperationCounts()


class SgdConfig(ScheduledConfig):
    """Stochastic gradient descent, with momentum unless it is zero."""

    kind: Literal["sgd"]
    momentum: Share = 0.0

    @property
    def state_words(self) -> int:
        """Words of optimizer state per weight."""
        return 1 if self.momentum else 0

    @property
    def update_counts(self) -> OperationCounts:
        """Arithmetic per weight and update."""
        steps = 2 if self.momentum else 1
        return OperationCounts(add=steps, multiply=steps) + self.decay_counts


class AdamConfig(ScheduledConfig):
    """Adam."""

    kind: Literal["adam"]
    beta1: Share = 0.9
    beta2: Share = 0.999
    epsilon: Positive = 1e-8

    @property
    def state_words(self) -> int:
        """Words of optimizer state per weight: both moments."""
        return 2

    @property
    def update_counts(self) -> OperationCounts:
        """Arithmetic per weight and update: m 2 multiplies, n 3, one root, one division, the step."""
        return OperationCounts(add=4, multiply=6, divide=1, square_root=1) + self.decay_counts


OptimizerConfig = Annotated[SgdConfig | AdamConfig, Field(discriminator="kind")]


class Optimizer:
    """State of an optimizer over one parameter vector, updated in place.

    Parameters
    ----------
    config : SgdConfig or AdamConfig
        Which one.
    size : int
        Parameters.
    dtype : dtype
        That of the vector.
    """

    def __init__(self, config: SgdConfig | AdamConfig, size: int, dtype: Any) -> None:
        self.config = config
        self.updates = 0
        self._state = np.zeros((config.state_words, size), dtype)

    def update(self, parameters: Array, gradient: Array, learning_rate: float) -> None:
        """Change ``parameters`` in place, shape (P,); ``learning_rate`` is the scheduled one."""
        self.updates += 1
        scalar = parameters.dtype.type
        if self.config.weight_decay:
            gradient = gradient + scalar(self.config.weight_decay) * parameters
        if isinstance(self.config, AdamConfig):
            parameters -= self._adam_step(self.config, gradient, learning_rate)
            return
        if self.config.momentum:
            self._state[0] *= scalar(self.config.momentum)
            self._state[0] += gradient
            gradient = self._state[0]
        parameters -= scalar(learning_rate) * gradient

    def _adam_step(self, config: AdamConfig, gradient: Array, learning_rate: float) -> Array:
        m, n = self._state
        scalar = m.dtype.type
        m *= scalar(config.beta1)
        m += scalar(1 - config.beta1) * gradient
        n *= scalar(config.beta2)
        n += scalar(1 - config.beta2) * gradient * gradient
        root = math.sqrt(1 - config.beta2**self.updates)
        rate = scalar(learning_rate * root / (1 - config.beta1**self.updates))
        step: Array = rate * (m / (np.sqrt(n) + scalar(config.epsilon * root)))
        return step
