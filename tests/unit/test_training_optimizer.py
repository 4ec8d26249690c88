"""Optimizers against one scalar at a time, and the costs that they declare."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.costs import OperationCounts
from simsnn.training.optimizer import AdamConfig, Optimizer, SgdConfig

EPOCHS, PER_EPOCH = 4, 5


def _sgd_twin(config: SgdConfig, w: float, gradients: list[float], rates: list[float]) -> list[float]:
    u, path = 0.0, []
    for g, rate in zip(gradients, rates, strict=True):
        g = g + config.weight_decay * w
        u = config.momentum * u + g if config.momentum else g
        w = w - rate * u
        path.append(w)
    return path


def _adam_twin(config: AdamConfig, w: float, gradients: list[float], rates: list[float]) -> list[float]:
    """The textbook form, bias corrections applied to both moments."""
    m = n = 0.0
    path = []
    for k, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        g = g + config.weight_decay * w
        m = config.beta1 * m + (1 - config.beta1) * g
        n = config.beta2 * n + (1 - config.beta2) * g * g
        w = w - rate * (m / (1 - config.beta1**k)) / (math.sqrt(n / (1 - config.beta2**k)) + config.epsilon)
        path.append(w)
    return path


CONFIGS = [
    SgdConfig(kind="sgd", learning_rate=0.1),
    SgdConfig(kind="sgd", learning_rate=0.1, momentum=0.9, schedule="cosine"),
    SgdConfig(kind="sgd", learning_rate=0.1, momentum=0.5, weight_decay=0.01, schedule="step", step_epochs=2),
    AdamConfig(kind="adam", learning_rate=0.01),
    AdamConfig(kind="adam", learning_rate=0.01, schedule="cosine", epsilon=1e-3, beta1=0.8, beta2=0.95),
    AdamConfig(kind="adam", learning_rate=0.01, weight_decay=0.1, schedule="step", step_epochs=1, step_factor=0.5),
]


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_updates_equal_the_scalar_twin(config: SgdConfig | AdamConfig) -> None:
    rng, updates = np.random.default_rng(0), EPOCHS * PER_EPOCH
    gradients, start = rng.normal(size=(updates, 7)), rng.normal(size=7)
    gradients[:, 0] = 0.0
    rates = [config.rate(k, updates, k // PER_EPOCH) for k in range(updates)]
    optimizer, w = Optimizer(config, 7, np.float64), start.copy()
    path = []
    for k in range(updates):
        optimizer.update(w, gradients[k], rates[k])
        path.append(w.copy())
    twin = _adam_twin if isinstance(config, AdamConfig) else _sgd_twin
    for i in range(7):
        expected = twin(config, float(start[i]), gradients[:, i].tolist(), rates)
        np.testing.assert_allclose([w[i] for w in path], expected, rtol=1e-12, atol=1e-15)


def test_single_precision_stays_single() -> None:
    for config in CONFIGS:
        optimizer, w = Optimizer(config, 3, np.float32), np.ones(3, np.float32)
        optimizer.update(w, np.full(3, 0.5, np.float32), 0.1)
        assert w.dtype == np.float32
        assert (w < 1).all()


def test_gradient_is_left_alone() -> None:
    for config in CONFIGS:
        gradient = np.full(3, 0.5)
        Optimizer(config, 3, np.float64).update(np.ones(3), gradient, 0.1)
        assert (gradient == 0.5).all()


def test_schedules() -> None:
    cosine = AdamConfig(kind="adam", learning_rate=0.2, schedule="cosine")
    assert cosine.rate(0, 100, 0) == 0.2
    assert cosine.rate(50, 100, 4) == pytest.approx(0.1)
    assert cosine.rate(99, 100, 7) == pytest.approx(0.1 * (1 + math.cos(0.99 * math.pi)))
    step = SgdConfig(kind="sgd", learning_rate=1.0, schedule="step", step_epochs=2, step_factor=0.1)
    assert [step.rate(0, 1, epoch) for epoch in range(5)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert SgdConfig(kind="sgd", learning_rate=0.3).rate(9, 10, 9) == 0.3


def test_declared_costs() -> None:
    plain, momentum = SgdConfig(kind="sgd", learning_rate=1), SgdConfig(kind="sgd", learning_rate=1, momentum=0.9)
    adam = AdamConfig(kind="adam", learning_rate=1)
    assert (plain.state_words, momentum.state_words, adam.state_words) == (0, 1, 2)
    assert plain.update_counts == OperationCounts(add=1, multiply=1)
    assert momentum.update_counts == OperationCounts(add=2, multiply=2)
    assert adam.update_counts == OperationCounts(add=4, multiply=6, divide=1, square_root=1)
    decayed = SgdConfig(kind="sgd", learning_rate=1, weight_decay=0.1)
    assert decayed.update_counts == OperationCounts(add=2, multiply=2)


@pytest.mark.parametrize(
    "bad",
    [{"learning_rate": 0}, {"momentum": 1.0}, {"momentum": -0.1}, {"schedule": "linear"}, {"nesterov": True}],
    ids=repr,
)
def test_bad_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SgdConfig.model_validate({"kind": "sgd", "learning_rate": 0.1} | bad)
