"""Synthetic activity is wired like its network: who reads whose spikes, what is pooled, what is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsnn.errors import ConfigError
from simsnn.training.model import Model, State
from simsnn.training.parameters import initial_parameters
from simsnn.training.recording import record_step, to_activity
from simsnn.workload.activity import Activity, ChainPoint, DenseInput
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.presets import GENERATORS
from simsnn.workload.synthetic import LayerStatistics, SyntheticConfig, layer_shapes, synthetic_activity
from tests.naive.fields import pool_route

STATISTICS = {
    "rate": 0.3,
    "temporal_correlation": 0.3,
    "spatial_correlation": 0.2,
    "mask_density": 0.4,
    "gradient_density": 0.5,
}
CHAIN = {"pool_density": 0.9, "surrogate_density": 0.35, "time_carry_density": 0.5}


def _network(name: str, shape: tuple[int, int, int] = (2, 8, 8), norm: bool = False) -> Network:
    document = GENERATORS.get(name)(shape, 10, norm)
    if name.startswith("resnet"):  # averages are no spikes; the readout reads the last sum's spikes instead
        document["layers"] = [layer for layer in document["layers"] if layer["kind"] != "avg_pool"]
    return _build(document)


def _build(document: dict[str, Any]) -> Network:
    return build_network(NetworkConfig.model_validate(document), Format.integer(1), 32)


def _config(network: Network, fitted: bool = True, **more: Any) -> SyntheticConfig:
    layers = {layer.name: LayerStatistics(**STATISTICS, **CHAIN) for layer in network.weight_layers} if fitted else {}
    return SyntheticConfig(**STATISTICS, layers=layers, **more)


def _made(network: Network, fitted: bool = True) -> Activity:
    return synthetic_activity(layer_shapes(network), _config(network, fitted), 3, 2, 0)


@pytest.mark.parametrize("fitted", [False, True])
def test_a_second_neuron_on_one_value_has_spikes_of_its_own(fitted: bool) -> None:
    conv: dict[str, Any] = {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1}
    layers = [
        {"name": "a", **conv},
        *({"name": f"n{i}", "kind": "neuron", "inputs": ["a"]} for i in (1, 2)),
        *({"name": name, **conv, "inputs": [source]} for name, source in (("b", "n1"), ("c", "n2"), ("d", "n2"))),
        {"name": "bc", "kind": "add", "inputs": ["b", "c"]},
        {"name": "sum", "kind": "add", "inputs": ["bc", "d"]},
        {"name": "flat", "kind": "flatten"},
        {"name": "out", "kind": "linear", "features": 10},
    ]
    activity = _made(_build(GENERATORS.get("vgg5")((2, 8, 8), 10, False) | {"layers": layers}), fitted)
    b, c, d = (activity.layer(name).inputs for name in "bcd")
    assert b.equals(activity.layer("a").outputs)
    assert c.equals(d)
    assert not b.equals(c)
    assert abs(c.rate - STATISTICS["rate"]) < 0.01


@pytest.mark.parametrize("fitted", [False, True])
def test_layers_read_the_spikes_that_they_are_wired_to(fitted: bool) -> None:
    """Every layer of a residual network, branches and sums included."""
    network = _network("resnet18")
    activity = _made(network, fitted)
    shapes = {shape.layer: shape for shape in layer_shapes(network)}
    assert shapes["s2b1_conv2"].stage == shapes["s2b1_skip"].stage == "s2b1_add"
    assert shapes["s2b1_conv1"].source == shapes["s2b1_skip"].source == "s1b2_add"
    outputs = {shape.stage: activity.layer(name).outputs for name, shape in shapes.items()}
    masks = {shape.stage: activity.layer(name).surrogate for name, shape in shapes.items()}
    for name, shape in shapes.items():
        entry = activity.layer(name)
        if shape.source == "input":
            assert entry.input_needed is None
            continue
        np.testing.assert_array_equal(entry.inputs.packed, outputs[shape.source].packed)
        np.testing.assert_array_equal(entry.input_needed.packed, masks[shape.source].packed)
    assert activity.layer("s2b1_skip").outputs.equals(activity.layer("s2b1_conv2").outputs)


def test_both_branches_on_the_input_read_the_same_spikes() -> None:
    layers = [
        {"name": "a", "kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1, "inputs": ["input"]},
        {"name": "b", "kind": "conv2d", "channels": 2, "kernel": 1, "inputs": ["input"]},
        {"name": "sum", "kind": "add", "inputs": ["a", "b"]},
        {"name": "flat", "kind": "flatten"},
        {"name": "fc", "kind": "linear", "features": 10},
    ]
    activity = _made(_build(GENERATORS.get("vgg5")((2, 8, 8), 10, False) | {"layers": layers}))
    assert activity.layer("a").inputs.equals(activity.layer("b").inputs)
    assert activity.layer("b").input_needed is None


def test_pooled_inputs_are_the_pooled_spikes_and_the_routed_mask() -> None:
    network = _network("vgg5")
    activity = _made(network)
    producer, reader = activity.layer("conv1_1"), activity.layer("conv2_1")
    spikes, mask = (t.to_dense().reshape(-1, *t.shape[2:]) for t in (producer.outputs, producer.surrogate))
    pooled, routed = pool_route(spikes, mask, (2, 2, 2, 2))
    np.testing.assert_array_equal(reader.inputs.to_dense().reshape(pooled.shape), pooled)
    np.testing.assert_array_equal(reader.input_needed.to_dense().reshape(routed.shape), routed)


def test_recorded_masks_are_pooled_and_routed_the_same_way() -> None:
    """What the generator does behind a pooling is what a recording of a real network holds."""
    network = _network("vgg5")
    model = Model(network, 3)
    x = (np.random.default_rng(0).random((3, 4, 8, 8, 2)) < 0.4).astype(np.float32)
    weights = model.calibrated(initial_parameters(network, model.timesteps, np.random.default_rng(1), model.dtype), x)
    state = State(weights, model.initial_statistics())
    activity = to_activity(record_step(model, state, x, np.arange(4), "cross_entropy"), network, None)
    producer, reader = activity.layer("conv1_1"), activity.layer("conv2_1")
    spikes, mask = (t.to_dense().reshape(-1, *t.shape[2:]) for t in (producer.outputs, producer.surrogate))
    pooled, routed = pool_route(spikes, mask, (2, 2, 2, 2))
    np.testing.assert_array_equal(reader.inputs.to_dense().reshape(pooled.shape), pooled)
    np.testing.assert_array_equal(reader.input_needed.to_dense().reshape(routed.shape), routed)


def test_a_current_on_an_identity_branch_needs_every_gradient() -> None:
    network = _network("resnet18")
    document = GENERATORS.get("resnet18")((2, 8, 8), 10, False)
    for layer in document["layers"]:
        if layer["name"] == "s1b1_add":
            layer["neuron"] = "none"
    bare = _build(document)
    assert all(shape.output_sparsity for shape in layer_shapes(network) if shape.source != "input")
    refused = [shape.layer for shape in layer_shapes(bare) if not shape.output_sparsity and shape.source != "input"]
    assert refused[0] == "s1b2_conv1"
    activity = _made(bare, fitted=False)
    assert activity.layer("s1b2_conv1").input_needed is None
    assert isinstance(activity.layer("s1b2_conv1").inputs, DenseInput)


def test_a_surrogate_without_zeros_needs_every_gradient() -> None:
    document = GENERATORS.get("vgg5")((2, 8, 8), 10, False)
    document["neuron"]["surrogate"] = {"kind": "arctan"}
    activity = _made(_build(document))
    assert all(entry.input_needed is None for entry in activity.layers)


def test_chain_masks_have_their_densities_and_nest() -> None:
    entry = _made(_network("vgg5")).layer("conv2_1")
    points = {mask.point: mask.mask for mask in entry.gradients}
    assert list(points) == [ChainPoint.POOL, ChainPoint.SURROGATE, ChainPoint.TIME_CARRY, ChainPoint.SYNAPSE]
    for point, density in zip(points, (0.9, 0.35, 0.5, 0.5), strict=True):
        assert points[point].nonzeros == round(density * entry.surrogate.elements)
    surrogate = points[ChainPoint.SURROGATE].packed
    for wider in (entry.surrogate, points[ChainPoint.POOL], points[ChainPoint.TIME_CARRY]):
        np.testing.assert_array_equal(surrogate & wider.packed, surrogate)


def test_carried_gradients_are_denser_in_earlier_steps() -> None:
    """The last step has nothing to carry: its gradients are those before the carry."""
    points = {mask.point: mask.mask for mask in _made(_network("vgg5")).layer("conv1_1").gradients}
    before, after = (points[p].slot_counts().sum(axis=1) for p in (ChainPoint.SURROGATE, ChainPoint.TIME_CARRY))
    assert after[0] > after[1] > after[2]
    assert abs(int(after[-1]) - int(before[-1])) < 0.02 * before[-1]


def test_the_networks_input_has_statistics_of_its_own() -> None:
    network = _network("vgg5")
    wet = {"rate": 0.05, "temporal_correlation": 0.0, "spatial_correlation": 0.4}
    activity = synthetic_activity(layer_shapes(network), _config(network, input=wet), 3, 8, 0)
    assert activity.layers[0].input_density == pytest.approx(0.05, abs=1e-3)


def test_statistics_of_an_unknown_layer_are_refused() -> None:
    network = _network("vgg5")
    layers = {"conv9": LayerStatistics(**STATISTICS)}
    with pytest.raises(ConfigError, match="'conv9', which is no layer with weights"):
        synthetic_activity(layer_shapes(network), SyntheticConfig(**STATISTICS, layers=layers), 2, 2, 0)
