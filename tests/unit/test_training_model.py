"""Synapse products against a loop over every connection; forward and readout of whole networks."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.errors import ConfigError
from simsnn.training import synapse as synapse_module
from simsnn.training.backpropagation import gradients_of
from simsnn.training.loss import cross_entropy, mean_squared_error
from simsnn.training.model import INITIAL_SPREAD, Model
from simsnn.training.parameters import Layout, initial_parameters
from simsnn.training.synapse import Synapse
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.presets import GENERATORS
from tests.naive import lowering as naive
from tests.naive import neuron as naive_neuron

NEURON = {"kind": "lif", "leak": 0.5, "threshold": 1.0, "reset": "hard", "detach_reset": True}


def _network(shape: list[int], layers: list[dict[str, object]], **neuron: object) -> Network:
    document = {"input": shape, "layers": layers, "neuron": NEURON | neuron}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def _small(kind: str, norm: bool) -> Network:
    """A preset on 2x16x16 inputs with 4 classes, its widths divided by 32."""
    document = GENERATORS.get(kind)((2, 16, 16), 4, norm)
    for layer in document["layers"]:
        for key in ("channels", "features"):
            if layer.get(key, 0) > 4:
                layer[key] = max(8, layer[key] // 32)
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def _maps(tensor: np.ndarray) -> np.ndarray:
    """(T, B, C, H, W) as (T*B, H, W, C)."""
    return np.moveaxis(tensor, 2, -1).reshape(-1, *tensor.shape[3:], tensor.shape[2]).astype(np.float64)


@pytest.mark.parametrize("seed", range(30))
def test_synapse_products_equal_the_connection_loop(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers in double precision are exact; small blocks make every case cross a block border."""
    monkeypatch.setattr(synapse_module, "_BLOCK_ELEMENTS", 1)
    rng = np.random.default_rng(seed)
    g = naive.random_geometry(rng)
    spikes = rng.integers(0, 3, (2, 2, g.in_channels, g.in_h, g.in_w))
    weights = rng.integers(-5, 6, (g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w))
    gradient = rng.integers(-5, 6, (2, 2, g.out_channels, g.out_h, g.out_w))
    synapse, real = Synapse(g), weights.astype(np.float64)
    np.testing.assert_array_equal(
        synapse.forward(_maps(spikes), real), _maps(naive.forward(spikes, weights, g)), err_msg=str(g)
    )
    np.testing.assert_array_equal(
        synapse.input_gradient(_maps(gradient), real), _maps(naive.input_gradient(gradient, weights, g))
    )
    np.testing.assert_array_equal(
        synapse.weight_gradient(_maps(spikes), _maps(gradient)), naive.weight_gradient(spikes, gradient, g)
    )


def test_forward_of_a_two_layer_network_by_hand() -> None:
    network = _network(
        [4], [{"name": "a", "kind": "linear", "features": 6}, {"name": "b", "kind": "linear", "features": 3}]
    )
    model, rng = Model(network, 5, np.float64), np.random.default_rng(0)
    parameters = initial_parameters(network, model.timesteps, rng, np.dtype(np.float64))
    x = rng.uniform(0, 1, (5, 2, 1, 1, 4))
    tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
    first, second = (model.layout.view(parameters, i)[:, :, 0, 0] for i in (0, 1))
    currents = x.reshape(5, 2, 4) @ first.T
    spikes, _ = naive_neuron.forward(currents.reshape(5, -1), network.layers[0].neuron)
    expected = (spikes.reshape(5, 2, 6) @ second.T).mean(axis=0)
    assert 0 < spikes.mean() < 1
    np.testing.assert_allclose(model.logits(tapes), expected, rtol=1e-12)


def test_flatten_puts_channels_outermost() -> None:
    network = _network([3, 2, 2], [{"name": "f", "kind": "flatten"}, {"name": "fc", "kind": "linear", "features": 12}])
    model = Model(network, 1, np.float64)
    x = np.arange(12.0).reshape(1, 1, 3, 2, 2)
    tapes = model.forward(np.eye(12).ravel(), np.moveaxis(x, 2, -1), model.initial_statistics(), training=True)
    np.testing.assert_array_equal(model.logits(tapes)[0], np.arange(12.0))


@pytest.mark.parametrize("kind", ["vgg5", "resnet19"])
def test_direct_input_may_be_computed_once(kind: str) -> None:
    """One time step that holds for all gives the same result and gradient as T equal steps."""
    network = _small(kind, norm=kind == "resnet19")
    model, rng = Model(network, 3, np.float64), np.random.default_rng(1)
    x, labels = rng.uniform(0, 1, (1, 5, 16, 16, 2)), np.array([0, 1, 2, 3, 0])
    parameters = model.calibrated(initial_parameters(network, model.timesteps, rng, model.dtype), x)
    results = []
    for value in (x, np.repeat(x, 3, axis=0)):
        tapes = model.forward(parameters, value, model.initial_statistics(), training=True)
        loss, d_logits = cross_entropy(model.logits(tapes), labels)
        results.append((loss, gradients_of(model, parameters, tapes, d_logits).vector))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-10)
    assert np.abs(results[0][1]).max() > 0
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-7, atol=1e-10)


def test_normalisation_keeps_running_moments_and_uses_them_outside_training() -> None:
    layers: list[dict[str, object]] = [
        {"name": "c", "kind": "conv2d", "channels": 3, "kernel": 1},
        {"name": "n", "kind": "batch_norm", "momentum": 0.25},
        {"name": "f", "kind": "flatten"},
        {"name": "fc", "kind": "linear", "features": 2},
    ]
    network = _network([2, 4, 4], layers)
    model, rng = Model(network, 2, np.float64), np.random.default_rng(2)
    parameters = initial_parameters(network, model.timesteps, rng, np.dtype(np.float64))
    x, before = rng.normal(size=(2, 6, 4, 4, 2)), model.initial_statistics()
    tapes = model.forward(parameters, x, before, training=True)
    current = tapes[0].current.reshape(-1, 3)
    after = model.updated(before, tuple(tape.normalised for tape in tapes))[1]
    assert after is not None
    np.testing.assert_allclose(after.mean, 0.25 * current.mean(axis=0))
    np.testing.assert_allclose(after.variance, 0.75 + 0.25 * current.var(axis=0))
    np.testing.assert_allclose(tapes[1].current.reshape(-1, 3).mean(axis=0), 0, atol=1e-12)
    stored = model.forward(parameters, x, (None, after, None, None), training=False)[1].current
    expected = (current - after.mean) / np.sqrt(after.variance + 1e-5)
    np.testing.assert_allclose(stored.reshape(-1, 3), expected, rtol=1e-12)


def test_layout_holds_every_parameter_once() -> None:
    document = GENERATORS.get("resnet18")((3, 32, 32), 10, True)
    network = build_network(NetworkConfig.model_validate(document), Format.real(8), 32)
    layout = Layout.of(network, 1)
    assert layout.size == network.parameters
    vector = np.zeros(layout.size, np.float32)
    for layer in network.layers:
        layout.view(vector, layer.index)[...] += 1
    assert (vector == 1).all()


def test_initial_weights_depend_on_the_seed_alone() -> None:
    layers: list[dict[str, object]] = [{"name": "a", "kind": "linear", "features": 200}]
    network = _network([64], [*layers, {"name": "b", "kind": "linear", "features": 9}])
    one, two, other = (
        initial_parameters(network, 1, np.random.default_rng(seed), np.dtype(dtype))
        for seed, dtype in ((1, np.float32), (1, np.float64), (2, np.float32))
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)
    assert not np.array_equal(one, other)
    assert two[: 64 * 200].std() * 8 == pytest.approx(1, rel=0.1)
    assert two[64 * 200 :].std() * np.sqrt(200) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(("leak", "steps"), [(0.0, 4), (0.5, 4), (0.9, 8), (1.0, 3), (0.5, 1)])
def test_calibration_spreads_the_potential_over_the_threshold(leak: float, steps: int) -> None:
    layers: list[dict[str, object]] = [{"name": n, "kind": "linear", "features": 300} for n in "ab"]
    network = _network([50], [*layers, {"name": "c", "kind": "linear", "features": 4}], leak=leak, threshold=0.3)
    model, rng = Model(network, steps, np.float64), np.random.default_rng(0)
    before = initial_parameters(network, model.timesteps, rng, np.dtype(np.float64))
    x = rng.uniform(0, 1, (steps, 20, 1, 1, 50))
    after = model.calibrated(before, x)
    tapes = model.forward(after, x, model.initial_statistics(), training=True)
    for tape in tapes[:2]:
        v = sum(leak ** (steps - 1 - t) * tape.current[t] for t in range(steps))
        assert np.sqrt(np.mean(np.square(v))) == pytest.approx(INITIAL_SPREAD * 0.3, rel=1e-9)
    np.testing.assert_array_equal(model.layout.view(after, 2), model.layout.view(before, 2))


@pytest.mark.parametrize("kind", ["vgg9", "vgg16", "resnet19", "resnet34"])
def test_calibrated_deep_networks_are_not_silent(kind: str) -> None:
    network = _small(kind, norm=False)
    model, rng = Model(network, 4), np.random.default_rng(0)
    x = rng.uniform(0, 1, (1, 4, 16, 16, 2)).astype(np.float32)
    parameters = model.calibrated(initial_parameters(network, model.timesteps, rng, model.dtype), x)
    tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
    rates = [tape.output.mean() for layer, tape in zip(network.layers, tapes, strict=True) if layer.neuron is not None]
    assert min(rates) > 0.005
    assert max(rates) < 0.6


def test_calibration_survives_a_black_image() -> None:
    network = _small("vgg5", norm=False)
    model, rng = Model(network, 2), np.random.default_rng(0)
    before = initial_parameters(network, model.timesteps, rng, model.dtype)
    after = model.calibrated(before, np.zeros((1, 2, 16, 16, 2), np.float32))
    np.testing.assert_array_equal(after, before)


def test_losses_by_hand() -> None:
    logits, labels = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0]]), np.array([1, 2])
    loss, gradient = cross_entropy(logits, labels)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-(np.log(share[0, 1]) + np.log(share[1, 2])) / 2)
    np.testing.assert_allclose(gradient, (share - [[0, 1, 0], [0, 0, 1]]) / 2)
    loss, gradient = mean_squared_error(logits, labels)
    assert loss == pytest.approx((1 + 1 + 1 + 0 + 0 + 1) / 6)
    np.testing.assert_allclose(gradient, 2 / 6 * np.array([[1, 1, -1], [0, 0, -1]]))
    huge, _ = cross_entropy(np.array([[1e4, 0.0]], np.float32), np.array([1]))
    assert huge == pytest.approx(1e4)


def test_what_cannot_be_trained_is_refused() -> None:
    bare = build_network(
        NetworkConfig.model_validate({"layers": [{"name": "g", "kind": "gemm", "m": 2, "k": 3, "n": 4}]}),
        Format.real(8),
        32,
    )
    with pytest.raises(ConfigError, match="cannot be trained"):
        Model(bare, 1)
    spatial = _network([1, 4, 4], [{"name": "c", "kind": "conv2d", "channels": 3, "kernel": 3}])
    with pytest.raises(ConfigError, match=r"\(3, 2, 2\)"):
        Model(spatial, 1)
