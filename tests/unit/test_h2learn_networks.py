"""The H2Learn networks: shapes, spikes into every product, and full scale mirrored by reduced scale."""

from __future__ import annotations

import pytest

from simsnn.config.loader import preset_folder, read_yaml
from simsnn.training.config import TrainConfig
from simsnn.training.loop import record, train
from simsnn.training.recording import to_activity
from simsnn.workload.activity import ChainPoint
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.presets import GENERATORS
from simsnn.workload.synthetic import layer_shapes, synthetic_activity
from simsnn.workload.synthetic_fit import fit_synthetic, transfer

PAIRS = ("h2learn_cifar", "h2learn_vgg", "h2learn_resnet", "h2learn_dvs")
NAMES = (*PAIRS, *(f"{name}_small" for name in PAIRS), "h2learn_cifar_norm_small")
STEPS = 6


def _network(name: str) -> Network:
    document = read_yaml(preset_folder() / "networks" / f"{name}.yaml").tree
    return build_network(NetworkConfig.model_validate(document), Format.integer(1), 32)


@pytest.mark.parametrize("name", NAMES)
def test_every_product_reads_spikes(name: str) -> None:
    network = _network(name)
    assert network.name == name
    for layer in network.weight_layers:
        assert layer.in_formats[0].binary, layer.name
    assert all(shape.output_sparsity for shape in layer_shapes(network) if shape.source != "input")


@pytest.mark.parametrize("name", NAMES)
def test_neurons_follow_the_authors_code(name: str) -> None:
    """Leak, hard reset with its gradient, and a rectangle of height 1 at most."""
    neurons = {layer.neuron for layer in _network(name).layers if layer.neuron is not None}
    assert len(neurons) == 1
    neuron = neurons.pop()
    assert (neuron.leak, neuron.reset, neuron.detach_reset) == (0.25, "hard", False)
    assert (neuron.surrogate.kind, neuron.threshold, neuron.surrogate.width) in (
        ("rectangle", 1.0, 2.0),
        ("rectangle", 0.25, 1.0),
    )


def test_the_cifar_net_is_the_preset_with_the_counts_of_its_source() -> None:
    network = _network("h2learn_cifar")
    preset = GENERATORS.get("cifar_net")((3, 32, 32), 10, False)
    made = build_network(NetworkConfig.model_validate(preset), Format.integer(1), 32)
    assert [layer.config.model_dump() for layer in network.layers] == [
        layer.config.model_dump() for layer in made.layers
    ]
    geometries = [layer.geometry for layer in network.weight_layers]
    assert sum(g.weights for g in geometries) == pytest.approx(16.59e6, rel=1e-3)
    assert sum(g.weights * g.out_pixels for g in geometries) == pytest.approx(729.7e6, rel=1e-4)
    assert sum(layer.out_elements for layer in network.weight_layers) == 517_642


@pytest.mark.parametrize("name", ["h2learn_cifar", "h2learn_vgg", "h2learn_dvs"])
def test_reduced_networks_have_the_layers_of_the_full_ones(name: str) -> None:
    full, small = _network(name), _network(f"{name}_small")
    assert [(layer.name, layer.kind) for layer in full.layers] == [(layer.name, layer.kind) for layer in small.layers]
    for ours, theirs in zip(full.weight_layers, small.weight_layers, strict=True):
        assert (ours.geometry.kernel_h, ours.geometry.stride_h) == (theirs.geometry.kernel_h, theirs.geometry.stride_h)


def test_reduced_resnet_has_one_block_a_stage() -> None:
    full, small = (_network(name).weight_layers for name in ("h2learn_resnet", "h2learn_resnet_small"))
    assert [layer.name for layer in small] == [layer.name for layer in full if "b2" not in layer.name]


def test_a_reduced_network_trains_and_its_statistics_make_the_full_one() -> None:
    network = _network("h2learn_resnet_small")
    block = {
        "kind": "train",
        "dataset": {"kind": "digits", "upscale": 2, "channels": 3},
        "epochs": 2,
        "optimizer": {"kind": "adam", "learning_rate": 0.005, "schedule": "cosine"},
    }
    config = TrainConfig.model_validate(block)
    result = train(network, config, STEPS, 64, Encoding.POISSON, 0)
    assert result.accuracy > 0.5  # chance: 0.1; two of eight epochs
    assert result.silent_layers == ()
    recording = record(network, config, STEPS, 64, Encoding.POISSON, 0, result.recorded)
    fitted = fit_synthetic(to_activity(recording, network, result.accuracy))
    full = _network("h2learn_resnet")
    moved = transfer(fitted, tuple(layer.name for layer in full.weight_layers))
    activity = synthetic_activity(layer_shapes(full), moved, STEPS, 2, 0)
    assert activity.synthetic
    assert activity.silent_layers() == ()
    for entry in activity.layers[:-1]:
        asked = moved.layers[entry.layer]
        shared = next(other for other in activity.layers if other.outputs is entry.outputs)
        statistics = moved.layers[shared.layer]
        assert entry.outputs.rate == pytest.approx(statistics.rate, abs=1e-4)
        assert entry.gradient_mask(ChainPoint.SYNAPSE).rate == pytest.approx(statistics.gradient_density, abs=1e-4)
        assert 0 < asked.gradient_density < 1
