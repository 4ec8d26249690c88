"""Gradients of the reversible neurons against central differences, in double precision, with a smooth threshold.

The threshold is replaced by the surrogate's primitive, so that the surrogate gradient is the true one; a detached
reset is checked with its spikes held at their values, which is the function whose gradient it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simsnn.kernels.neuron import derivative_row, primitive
from simsnn.kernels.pairs import soft_gradient_row
from simsnn.neurons.reversible import ReversibleLeiNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, SigmoidSurrogate, Surrogate, TriangleSurrogate
from tests.kernels.test_gradients import PLAIN, _Check
from tests.reversible import Array, lei, name, nothing, word_lif, word_pair

STEP = 1e-6
SMOOTH: tuple[Surrogate, ...] = (ArctanSurrogate(), SigmoidSurrogate(), TriangleSurrogate(width=2.0))
NODES = [
    *(lei(0.5, 0.25, reset, detach, surrogate=surrogate, tau=2.5)
      for reset, detach, surrogate in itertools.product(("soft", "hard"), (False, True), SMOOTH)),
    *(make(detach=detach, surrogate=surrogate, **more)
      for make, more in ((word_pair, {"keep_shift": 1}), (word_pair, {"charge_shift": 2, "keep_shift": 0}),
                         (word_lif, {"form": "subtract", "shift": 2}), (word_lif, {"form": "divide", "shift": 1}))
      for detach, surrogate in itertools.product((False, True), SMOOTH)),
]  # fmt: skip


def _spikes(neuron: Any, m: Array) -> Array:
    code, parameter = neuron.surrogate.code, neuron.surrogate.parameter
    flat = [primitive(u - neuron.threshold, code, parameter) for u in m.ravel()]
    return np.array(flat).reshape(m.shape)


def _differences(function: Callable[[Array], float], x: Array) -> Array:
    found = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * STEP
            ends.append(function(moved))
        found[index] = (ends[0] - ends[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize("neuron", NODES, ids=name)
def test_six_steps_of_every_node(neuron: Any) -> None:
    rng = np.random.default_rng(1)
    x, weights = rng.normal(0.5, 0.8, (6, 6)), rng.normal(size=(6, 6))
    y, m = np.empty((2, 6, 6))
    neuron.forward_smooth(x, nothing(x), y[:0], y, m)
    held = _spikes(neuron, m) if neuron.detach_reset else y[:0]

    def loss(currents: Array) -> float:
        output, potential = np.empty((2, 6, 6))
        neuron.forward_smooth(currents, nothing(x), held, output, potential)
        return float(np.sum(weights * output))

    dx = np.empty_like(x)
    if isinstance(neuron, ReversibleLeiNeuron):
        neuron.backward_smooth(weights, m, np.zeros((1, 6)), dx)
    else:
        neuron.backward(weights, x, nothing(x), m, y, np.zeros((1, 6)), dx, nothing(x))
    assert np.abs(dx).max() > 0.1
    np.testing.assert_allclose(dx, _differences(loss, x), atol=1e-7)


@pytest.mark.parametrize("detach", [False, True])
def test_only_through_values_that_the_inverse_makes(detach: bool) -> None:
    """The smooth pair node undone from y and the last state alone, its gradient row by row from what that makes."""
    neuron = lei(0.5, 0.5, "soft", detach, surrogate=ArctanSurrogate(), tau=2.0)
    rng = np.random.default_rng(2)
    x, weights = rng.normal(0.5, 0.8, (6, 8)), rng.normal(size=(6, 8))
    y, m = np.empty((2, 6, 8))
    neuron.forward_smooth(x, nothing(x), y[:0], y, m)
    a, alpha, beta, threshold = 1 / neuron.tau, neuron.alpha, neuron.beta, neuron.threshold
    v1 = v2 = np.zeros(4)
    for row in m:  # the last state, from the potentials
        w1 = row[::2] - threshold * _spikes(neuron, row[::2]) + alpha * v2
        v1, v2 = w1, row[1::2] - threshold * _spikes(neuron, row[1::2]) + alpha * v1

    w1, w2, g1, g2 = v1, v2, np.zeros(4), np.zeros(4)
    dx, h, made = np.empty_like(x), np.empty(8), np.empty(8)
    for t in reversed(range(6)):
        made[1::2] = w1 + a * (y[t, ::2] - w1)
        s2 = _spikes(neuron, made[1::2])
        x1, before1 = (y[t, 1::2] - s2) / beta, (w2 - made[1::2] + threshold * s2) / alpha
        made[::2] = before1 + a * (x1 - before1)
        s1 = _spikes(neuron, made[::2])
        w1, w2 = before1, (w1 - made[::2] + threshold * s1) / alpha
        derivative_row(made, threshold, neuron.surrogate.code, neuron.surrogate.parameter, h)
        soft_gradient_row(h, weights[t], g1, g2, a, alpha, beta, 1.0, 1.0, 0.0 if detach else threshold, dx[t])
    np.testing.assert_allclose(np.concatenate([w1, w2]), 0, atol=1e-10)

    held = _spikes(neuron, m) if detach else y[:0]

    def loss(currents: Array) -> float:
        output, potential = np.empty((2, 6, 8))
        neuron.forward_smooth(currents, nothing(x), held, output, potential)
        return float(np.sum(weights * output))

    np.testing.assert_allclose(dx, _differences(loss, x), atol=1e-7)


EVEN = [{**layer, "channels": 4} if layer["kind"] == "conv2d" else layer for layer in PLAIN]
IN_NETWORKS: dict[str, dict[str, Any]] = {
    "lei_soft": {"kind": "reversible_lei", "alpha": 0.5, "beta": 0.5, "reset": "soft"},
    "lei_hard": {"kind": "reversible_lei", "alpha": 0.25, "beta": 1.0, "reset": "hard"},
    "word_pair": {"kind": "reversible_integer"},
    "word_lif": {"kind": "lif_integer", "leak_form": "subtract", "leak_shift": 2},
}


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("surrogate", ["arctan", "sigmoid", "triangle"])
@pytest.mark.parametrize("kind", list(IN_NETWORKS))
def test_inside_a_network(kind: str, surrogate: str, detach: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions, pooling and two layers of neurons with a dense or binary output between them."""

    def backward(self: Any, ds: Array, *rest: Array) -> None:
        _, _, v, _, carry, dx, _ = rest
        self.backward_smooth(ds, v, carry, dx)

    monkeypatch.setattr(ReversibleLeiNeuron, "backward", backward)
    neuron = {"detach_reset": detach, "surrogate": {"kind": surrogate}, **IN_NETWORKS[kind], "threshold": 0.625}
    check = _Check([1, 4, 4], EVEN, neuron, "cross_entropy", steady=False)
    if detach:
        _, _, tapes = check.forward(check.parameters)
        layers = check.model.network.layers
        check.held = tuple(
            None if tape.v is None else _spikes(layer.neuron, tape.v) for layer, tape in zip(layers, tapes, strict=True)
        )
    assert check.error() < 1e-6


def test_detaching_matters() -> None:
    neuron = {"detach_reset": True, "surrogate": {"kind": "arctan"}, **IN_NETWORKS["lei_soft"]}
    assert _Check([1, 4, 4], EVEN, neuron, "cross_entropy", steady=False).error() > 1e-3
