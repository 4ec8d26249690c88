"""Parallel units: finite differences, identity with the sequential neuron, stored form, options, refusals, training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsnn.config.loader import parse_yaml
from simsnn.config.resolve import build
from simsnn.errors import ConfigError
from simsnn.neurons import NEURONS
from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_learned import LearnedUnit, PsnNeuron
from simsnn.neurons.parallel_matrices import integration_matrix, psu_given_spikes, spike_agreement
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, TriangleSurrogate
from simsnn.training.backpropagation import gradients_of
from simsnn.training.datasets_digits import bundled_digits
from simsnn.training.loss import loss_function
from simsnn.training.membrane import Membrane
from simsnn.training.model import Model
from simsnn.training.parameters import initial_parameters
from simsnn.workload.network import Format, NetworkConfig, build_network
from tests.parallel_units import UNITS, empty, name, run

units = pytest.mark.parametrize("unit", UNITS, ids=name)
SMOOTH = [unit for unit in UNITS if unit.surrogate.kind in ("arctan", "sigmoid")]


@pytest.mark.parametrize("unit", SMOOTH, ids=name)
def test_finite_differences(unit: ParallelUnit) -> None:
    """Every current and every learned number, absolute error below 1e-7 on gradients of order 1, float64."""
    steps, n, step = 6, 3, 1e-6
    sample = run(unit, steps, n, np.float64, seed=4)
    spikes, v = np.empty((steps, n)), np.empty((steps, n))

    def loss(current: np.ndarray, learned: np.ndarray) -> float:
        unit.forward_smooth(current, learned, spikes[:0], spikes, v)
        return float((spikes * sample.ds).sum())

    loss(sample.current, sample.learned)
    dx, dlearned = np.empty((steps, n)), np.empty_like(sample.learned)
    unit.backward(sample.ds, sample.current, sample.learned, v.copy(), spikes, np.empty((0, n)), dx, dlearned)
    numeric = np.concatenate([_differences(loss, sample.current, sample.learned, which, step) for which in (0, 1)])
    analytic = np.concatenate([dx.ravel(), dlearned])
    assert np.abs(numeric).max() > 0.05
    assert np.abs(numeric - analytic).max() < 1e-7


def _differences(loss: Any, current: np.ndarray, learned: np.ndarray, which: int, step: float) -> np.ndarray:
    slopes = []
    for index in range((current, learned)[which].size):
        ends = []
        for sign in (1, -1):
            moved = [current.copy(), learned.copy()]
            moved[which].flat[index] += sign * step
            ends.append(loss(*moved))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    return np.array(slopes)


@pytest.mark.parametrize("tau", [1.0, 1.5, 2.0, 3.0, 7.5])
@pytest.mark.parametrize("threshold", [0.3, 1.0])
def test_given_true_spikes_it_is_the_sequential_neuron(tau: float, threshold: float) -> None:
    current = np.random.default_rng(2).normal(0.6, 1, (64, 50)) * tau
    for steps in (1, 4, 64):
        v, spikes = _sequential(current[:steps], tau, threshold)
        given = psu_given_spikes(current[:steps], spikes, tau, threshold)
        assert 0 < spikes.mean() < 1
        assert np.abs(given - v).max() <= 1e-14 * max(1, np.abs(integration_matrix(steps, tau) @ current[:steps]).max())


def _sequential(current: np.ndarray, tau: float, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """v <- (v - threshold s + x) / tau, one step after the other."""
    v, spikes = np.zeros_like(current), np.zeros_like(current)
    before, fired = np.zeros(current.shape[1]), np.zeros(current.shape[1])
    for t, x in enumerate(current):
        before = (before - threshold * fired + x) / tau
        fired = (before > threshold).astype(float)
        v[t], spikes[t] = before, fired
    return v, spikes


def _released(current: np.ndarray, tau: float, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The released LIF: v <- v + (x - v) / tau, then v <- v - threshold s."""
    v, spikes = np.zeros_like(current), np.zeros_like(current)
    state = np.zeros(current.shape[1])
    for t, x in enumerate(current):
        state = state + (x - state) / tau
        v[t], spikes[t] = state, state > threshold
        state = state - threshold * spikes[t]
    return v, spikes


def test_it_is_the_released_neuron_at_tau_2_only() -> None:
    current = np.random.default_rng(3).normal(0.6, 1, (40, 30))
    for tau in (1.5, 2.0, 3.0):
        v, spikes = _released(current, tau, 0.5)
        distance = np.abs(psu_given_spikes(current, spikes, tau, 0.5) - v).max()
        assert distance < 1e-14 if tau == 2 else distance > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_resting_unit_is_pulled_below_zero(dtype: type) -> None:
    """sigma is centred at 0: at rest the pull is threshold times the sum of tau^-k / 2."""
    unit = PsuNeuron(threshold=0.8)
    v, spikes = np.empty((40, 3), dtype), np.empty((40, 3), dtype)
    unit.forward(np.zeros((1, 3), dtype), np.full(1, 2, dtype), spikes, v, empty(unit, v))
    assert v[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(v[-1], -0.8 * 0.5, rtol=1e-6)


def test_strict_and_other_thresholds_differ_at_a_tie_only() -> None:
    current, learned = np.array([[1.0, 1.5, 0.5]]), np.array([1.0, 0.0])
    for strict, expected in ((True, [0, 1, 0]), (False, [1, 1, 0])):
        unit = SlidingPsnNeuron(threshold=1, order=1, strict_threshold=strict)
        spikes, v = np.empty((1, 3)), np.empty((1, 3))
        unit.forward(current, learned, spikes, v, empty(unit, v))
        assert spikes[0].tolist() == expected


def test_the_published_bias_and_threshold_of_the_psn() -> None:
    """W X + b >= 0 with b = -1, and here W X + (b + threshold) >= threshold: the same spikes."""
    rng = np.random.default_rng(6)
    assert PsnNeuron(threshold=1).bias_initial == -1
    assert PsnNeuron(threshold=0.5).bias_initial == -0.5
    for threshold in (0.25, 1.0, 2.0):
        unit = PsnNeuron(threshold=threshold, bias_initial=-1)
        learned = unit.initial_learned(5, rng, np.dtype(np.float64))
        current = rng.normal(0, 3, (5, 400))
        spikes, v = np.empty_like(current), np.empty_like(current)
        unit.forward(current, learned, spikes, v, empty(unit, v))
        np.testing.assert_array_equal(spikes, learned[:25].reshape(5, 5) @ current - 1 >= 0)


def test_initial_numbers() -> None:
    rng, steps = np.random.default_rng(0), 64
    drawn = IpsuNeuron(threshold=1).initial_learned(steps, rng, np.dtype(np.float64))
    matrix = drawn[: steps**2].reshape(steps, steps)
    assert not np.triu(matrix, 1).any()
    assert matrix[np.tril_indices(steps)].std() == pytest.approx((2 / steps) ** 0.5, rel=0.05)
    assert drawn[steps**2 : -1].tolist() == [0.0] * steps
    assert drawn[-1] == 2
    psn = PsnNeuron(threshold=1).initial_learned(steps, rng, np.dtype(np.float64))
    assert 0.12 < np.abs(psn[: steps**2]).max() <= 0.125
    sliding = SlidingPsnNeuron(threshold=1, order=3).initial_learned(steps, rng, np.dtype(np.float32))
    assert sliding.tolist() == [1, 0.5, 0.25, 0]


@pytest.mark.parametrize("unit", [u for u in UNITS if isinstance(u, LearnedUnit) and u.causal], ids=name)
def test_what_is_masked_neither_counts_nor_learns(unit: LearnedUnit) -> None:
    sample = run(unit, 7, 20, np.float64)
    inside = unit.mask(7)
    outside = np.concatenate([(inside == 0).ravel(), np.zeros(len(sample.learned) - 49, bool)])
    moved = np.where(outside, 1e3, sample.learned)
    v, spikes = np.empty_like(sample.v), np.empty_like(sample.v)
    unit.forward(sample.current, moved, spikes, v, empty(unit, v))
    np.testing.assert_array_equal(v, sample.v)
    dlearned = np.full_like(moved, np.nan)
    unit.backward(sample.ds, sample.current, moved, v, spikes, np.empty((0, 20)), np.empty_like(v), dlearned)
    assert not dlearned[outside].any()
    learns = ~outside
    if isinstance(unit, RpsuNeuron):  # what it estimates in the last step acts behind it
        learns[6 * 7 : 7 * 7] = learns[7 * 7 + 6] = False
        assert not dlearned[6 * 7 : 7 * 7].any()
    assert np.abs(dlearned[learns]).min() > 0


@units
def test_stored_potentials_fire(unit: ParallelUnit) -> None:
    sample = run(unit, 6, 30, np.float32)
    v, spikes = np.empty_like(sample.v), np.empty_like(sample.v)
    unit.forward_stored(sample.current, sample.learned, lambda row: np.round(row * 4) / 4, spikes, v)
    np.testing.assert_array_equal(v, np.round(sample.v * 4) / 4)
    fires = v > unit.threshold if unit.strict_threshold else v >= unit.threshold
    np.testing.assert_array_equal(spikes, fires)


@units
def test_potential_without_the_estimated_reset(unit: ParallelUnit) -> None:
    sample = run(unit, 6, 30, np.float64)
    reached = Membrane(unit, 6, sample.learned).potential_without_firing(sample.current.reshape(6, 5, 1, 2, 3))
    if isinstance(unit, PsuNeuron | RpsuNeuron):
        expected = (integration_matrix(6, unit.tau) @ sample.current)[-1]
    elif isinstance(unit, IpsuNeuron) and unit.form == "sigmoid":
        free = IpsuNeuron(threshold=1e-300, tau=unit.tau, scale_reset_by_threshold=True, learn_slope=False)
        expected = free.potential_by_matrices(sample.current, sample.learned)[-1]
    else:
        expected = sample.v[-1]
    np.testing.assert_allclose(reached, expected, rtol=0, atol=1e-12)


@units
def test_derivative_reads_the_learned_slope(unit: ParallelUnit) -> None:
    sample = run(unit, 4, 8, np.float64)
    h, configured = np.empty_like(sample.v), np.empty_like(sample.v)
    unit.derivative(sample.v, sample.learned, h)
    slope = float(sample.learned[-1]) if unit.learn_slope else unit.surrogate.parameter
    other = ArctanSurrogate(alpha=slope) if unit.learn_slope else unit.surrogate
    PsuNeuron(threshold=unit.threshold, surrogate=other, learn_slope=False).derivative(
        sample.v, np.empty(0), configured
    )
    np.testing.assert_array_equal(h, configured)


def test_near_ties_are_counted_apart_from_errors() -> None:
    v = np.array([[1.0, 2.0, 0.5, 1.0]])
    other = np.array([[1.0 + 1e-7, 2.0, 1.5, 1.0]])
    agreement = spike_agreement(v, other, 1.0, strict=True)
    assert (agreement.compared, agreement.differing, agreement.near_ties, agreement.errors) == (4, 2, 1, 1)
    assert agreement.largest_difference == 1.0
    assert agreement.tolerance == pytest.approx(2e-6)


REFUSED = {
    "{kind: psu, threshold: 1, tau: 0.5}": ("neuron.tau", "at least 1"),
    "{kind: psu, threshold: 0}": ("neuron.threshold", "more than 0"),
    "{kind: psu, threshold: 1, tau: .inf}": ("neuron.tau", "finite"),
    "{kind: psu, threshold: 1, order: 3}": ("neuron.order", "unknown key"),
    "{kind: psu}": ("neuron.threshold", "missing"),
    "{kind: psn, threshold: high}": ("neuron.threshold", "number"),
    "{kind: psn, threshold: 1, surrogate: 3}": ("neuron.surrogate", "object"),
    "{kind: psu, threshold: 1, surrogate: 3}": ("neuron.surrogate", "object"),
    "{kind: psu, threshold: 1, learn_slope: true, surrogate: {kind: triangle}}": ("neuron", "arctan"),
    "{kind: ipsu, threshold: 1, form: logistic}": ("neuron.form", "linear"),
    "{kind: rpsu, threshold: 1, surrogate: {kind: nothing}}": ("neuron.surrogate.kind", "rectangle"),
    "{kind: masked_psn, threshold: 1}": ("neuron.order", "missing"),
    "{kind: masked_psn, threshold: 1, order: 0}": ("neuron.order", "more than 0"),
    "{kind: sliding_psn, threshold: 1, order: 2.5}": ("neuron.order", "whole number"),
    "{kind: psn, threshold: 1, bias_initial: .nan}": ("neuron.bias_initial", "finite"),
    "{kind: pnsu, threshold: 1}": ("neuron.kind", "psu"),
}


@pytest.mark.parametrize("text", list(REFUSED))
def test_bad_parameters_are_told_with_their_place(text: str) -> None:
    path, word = REFUSED[text]
    document = parse_yaml(
        f"schema: simsnn/network/1\nname: n\ninput: [4]\nneuron: {text}\n"
        "layers:\n  - {name: a, kind: linear, features: 2}\n  - {name: b, kind: linear, features: 2}\n",
        "n.yaml",
    )
    with pytest.raises(ConfigError) as refused:
        build(NetworkConfig, document)
    assert f"{path}: " in str(refused.value)
    assert word in str(refused.value)


def test_defaults_are_those_released() -> None:
    assert PsuNeuron(threshold=0.5).reset_strength == 0.5
    assert IpsuNeuron(threshold=0.5).reset_strength == RpsuNeuron(threshold=0.5).reset_strength == 1
    assert IpsuNeuron(threshold=0.5).form == "linear"
    released = (PsuNeuron(threshold=1), IpsuNeuron(threshold=1), RpsuNeuron(threshold=1))
    assert all(unit.learn_slope and unit.strict_threshold and unit.tau == 2 for unit in released)
    assert all(unit.surrogate == ArctanSurrogate(alpha=2) for unit in released)
    assert not PsuNeuron(threshold=1, surrogate=TriangleSurrogate()).learn_slope
    assert not PsnNeuron(threshold=1).learn_slope
    assert not PsnNeuron(threshold=1).strict_threshold


KINDS = {
    "psu": {}, "ipsu": {}, "ipsu_sigmoid": {"kind": "ipsu", "form": "sigmoid"}, "rpsu": {}, "psn": {},
    "masked_psn": {"order": 3}, "sliding_psn": {"order": 3},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_small_network_learns_the_columns_of_digits(kind: str) -> None:
    """200 bundled digits, a column a step, plain gradient descent on weights and on what the units learn."""
    neuron = {"kind": kind, "threshold": 0.5, **KINDS[kind]}
    layers = [{"name": "fc1", "kind": "linear", "features": 32}, {"name": "fc2", "kind": "linear", "features": 10}]
    config = NetworkConfig.model_validate({"input": [8], "neuron": neuron, "layers": layers})
    network = build_network(config, Format.real(8), 32)
    images, labels = (part[:200] for part in bundled_digits())
    x = np.ascontiguousarray(images.reshape(200, 8, 8).transpose(2, 0, 1).reshape(8, 200, 1, 1, 8), np.float32)
    model, rng = Model(network, 8), np.random.default_rng(0)
    parameters = model.calibrated(initial_parameters(network, 8, rng, np.dtype(np.float32)), x)
    start, losses = parameters.copy(), []
    for _ in range(120):
        tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
        value, d_logits = loss_function("cross_entropy")(model.logits(tapes), labels)
        parameters = parameters - np.float32(0.5) * gradients_of(model, parameters, tapes, d_logits).vector
        losses.append(value)
    assert losses[-1] < 0.8 * losses[0]
    assert np.isfinite(parameters).all()
    learned = model.layout.neuron_view(parameters, 0)
    assert len(learned) == np.prod(network.layers[0].neuron.learned_shape(8))
    assert (learned != model.layout.neuron_view(start, 0)).any()
    assert 0.05 < tapes[0].output.mean() < 0.95


def test_every_kind_is_registered() -> None:
    assert {unit.kind for unit in UNITS} <= set(NEURONS.names())
