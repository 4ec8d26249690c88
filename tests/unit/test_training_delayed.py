"""Delayed gradients: against a twin that keeps everything, plain training at delay zero, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsnn.errors import ConfigError
from simsnn.training.config import TrainConfig
from simsnn.training.delayed import DelayConvention, Delays, WeightVersions, delays_of_stages
from simsnn.training.loop import _ORDER, TrainedModel, _Trainer, train
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.weight_groups import weight_groups
from tests.naive.delayed import Twin

T, BATCH = 3, 256
NEURON = {"kind": "lif", "leak": 0.5, "threshold": 0.5, "reset": "soft", "detach_reset": True}
MLP: list[dict[str, Any]] = [
    {"name": "fc1", "kind": "linear", "features": 16},
    {"name": "fc2", "kind": "linear", "features": 12},
    {"name": "fc3", "kind": "linear", "features": 10},
]
CONV: list[dict[str, Any]] = [
    {"name": "conv1", "kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2, "padding": 1},
    {"name": "norm1", "kind": "batch_norm"},
    {"name": "conv2", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "norm2", "kind": "batch_norm"},
    {"name": "short", "kind": "conv2d", "channels": 4, "kernel": 1, "inputs": ["norm1"]},
    {"name": "sum", "kind": "add", "inputs": ["norm2", "short"]},
    {"name": "norm3", "kind": "batch_norm"},
    {"name": "pool", "kind": "max_pool", "kernel": 2},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc", "kind": "linear", "features": 10},
]
ADAM = {"kind": "adam", "learning_rate": 0.02, "schedule": "cosine", "weight_decay": 0.001}
SGD = {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "schedule": "step", "step_epochs": 1}


def _network(layers: list[dict[str, Any]]) -> Network:
    shape = [64] if layers is MLP else [1, 8, 8]
    document = {"input": shape, "neuron": NEURON, "layers": layers}
    return build_network(NetworkConfig.model_validate(document), Format.integer(1), 32)


def _config(optimizer: dict[str, Any], gradients: str = "delayed", epochs: int = 2) -> TrainConfig:
    block = {"kind": "train", "dataset": {"kind": "digits"}, "epochs": epochs, "optimizer": optimizer}
    return TrainConfig.model_validate(block | {"gradients": gradients})


def _train(network: Network, config: TrainConfig, delays: Delays | None) -> TrainedModel:
    return train(network, config, T, BATCH, Encoding.POISSON, 0, delays=delays)


def _twin_versions(network: Network, config: TrainConfig, delays: Delays) -> list[list[np.ndarray]]:
    """Versions of every layer's parameters in a training by the twin, on the batches of the training loop."""
    trainer = _Trainer(network, config, T, BATCH, Encoding.POISSON, 0, None)
    vector, layout = trainer.initial().parameters, trainer.model.layout
    initial = [layout.view(vector, layer.index) for layer in network.layers]
    twin = Twin(network, T, initial, list(delays.forward), list(delays.backward))
    shuffle, data = trainer.stream(_ORDER), trainer.data
    total = trainer.steps_per_epoch * config.epochs
    for epoch in range(config.epochs):
        rng, order = np.random.default_rng((0, 3, epoch)), shuffle.permutation(len(data.train_labels))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            x = trainer.encoded(data.train_images[chosen], rng)
            rate = config.optimizer.rate(twin.batches, total, epoch)
            twin.train_batch(x, data.train_labels[chosen], config.optimizer, rate, config.loss)
    assert twin.batches == total
    return [history.versions for history in twin.histories]


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize(
    ("layers", "forward", "backward"),
    [
        (MLP, (2, 1, 0), (2, 1, 0)),
        (MLP, (4, 2, 0), (0, 0, 0)),
        (MLP, (3, 5, 1), (1, 4, 0)),
        (MLP, (50, 1, 0), (50, 0, 0)),  # longer than the training: the first layer only ever reads its initial weights
        (CONV, (6, 4, 2, 0), (6, 4, 2, 0)),
        (CONV, (3, 2, 2, 1), (0, 1, 2, 0)),
    ],
    ids=["mlp", "mlp_latest", "mlp_between", "mlp_longest", "residual", "residual_between"],
)
def test_training_equals_the_twin_that_keeps_every_version(
    layers: list[dict[str, Any]], forward: tuple[int, ...], backward: tuple[int, ...], optimizer: dict[str, Any]
) -> None:
    network, config, delays = _network(layers), _config(optimizer), Delays(forward, backward)
    versions = _twin_versions(network, config, delays)
    trained = _train(network, config, delays)
    expected = np.concatenate([held[-1].ravel() for held in versions])
    np.testing.assert_array_equal(trained.state.parameters, expected)
    plain = _train(network, _config(optimizer, "immediate"), None)
    assert not np.array_equal(plain.state.parameters, expected)


@pytest.mark.parametrize("layers", [MLP, CONV], ids=["mlp", "conv"])
def test_no_delay_is_plain_training_bit_for_bit(layers: list[dict[str, Any]]) -> None:
    network = _network(layers)
    plain = _train(network, _config(ADAM, "immediate"), None)
    delayed = _train(network, _config(ADAM), Delays.none(network))
    np.testing.assert_array_equal(plain.state.parameters, delayed.state.parameters)
    assert plain.history == delayed.history
    for one, two in zip(plain.state.statistics, delayed.state.statistics, strict=True):
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            np.testing.assert_array_equal(one.mean, two.mean)


def test_stashed_and_latest_weights_differ_only_behind_the_first_product() -> None:
    """One late layer that nothing stands before has no backward product: both modes are one training."""
    network, config = _network(MLP), _config(SGD)
    forward = (4, 0, 0)
    one, two = (_train(network, config, make(forward)) for make in (Delays.stashed, Delays.latest))
    np.testing.assert_array_equal(one.state.parameters, two.state.parameters)
    one, two = (_train(network, config, make((4, 2, 0))) for make in (Delays.stashed, Delays.latest))
    assert not np.array_equal(one.state.parameters, two.state.parameters)


def test_versions_by_hand() -> None:
    network = _network(MLP)
    versions = WeightVersions(network, 1, Delays((3, 1, 0), (1, 0, 0)), np.float32)
    sizes = (64 * 16, 16 * 12, 12 * 10)
    assert versions.kept_bytes == 4 * (3 * sizes[0] + sizes[1])
    vector = np.zeros(sum(sizes), np.float32)
    ends = np.cumsum(sizes) - 1
    for batch in range(9):
        assert versions.forward(vector)[ends].tolist() == [max(0, batch - 3), max(0, batch - 1), batch]
        assert versions.backward(vector)[ends].tolist() == [max(0, batch - 1), batch, batch]
        versions.keep(vector)
        vector += 1


def test_normalisations_go_with_the_weights_before_them() -> None:
    assert weight_groups(_network(MLP)) == (0, 1, 2)
    assert weight_groups(_network(CONV)) == (0, 0, 1, 1, 2, 2, 2, 2, 2, 3)
    first = [{"name": "norm", "kind": "batch_norm"}, {"name": "flat", "kind": "flatten"}, *MLP]
    document = {"input": [1, 8, 8], "neuron": NEURON, "layers": first}
    network = build_network(NetworkConfig.model_validate(document), Format.integer(1), 32)
    assert weight_groups(network) == (0, 0, 0, 1, 2)


@pytest.mark.parametrize(
    ("stages", "one_f_one_b", "retimed"),
    [
        ((0, 1, 2, 3), (3, 2, 1, 0), (6, 4, 2, 0)),
        ((0, 0, 1, 1, 1), (1, 1, 0, 0, 0), (2, 2, 0, 0, 0)),
        ((0,), (0,), (0,)),
    ],
)
def test_delays_of_stages(stages: tuple[int, ...], one_f_one_b: tuple[int, ...], retimed: tuple[int, ...]) -> None:
    assert delays_of_stages(stages, DelayConvention.ONE_F_ONE_B) == one_f_one_b
    assert delays_of_stages(stages, DelayConvention.RETIMED) == retimed


@pytest.mark.parametrize("stages", [(), (1, 2), (0, 2), (0, 1, 0)], ids=str)
def test_stages_that_are_no_pipeline_are_refused(stages: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="not contiguous groups"):
        delays_of_stages(stages, DelayConvention.RETIMED)


@pytest.mark.parametrize(("forward", "backward"), [((1, 0), (1,)), ((-1,), (-1,)), ((1, 0), (1, 1))], ids=str)
def test_impossible_delays_are_refused(forward: tuple[int, ...], backward: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="do not go with"):
        Delays(forward, backward)


def test_delays_and_configuration_must_agree() -> None:
    network, delays = _network(MLP), Delays.stashed((2, 1, 0))
    with pytest.raises(ConfigError, match="need a schedule") as caught:
        _train(network, _config(ADAM), None)
    assert caught.value.where.path == "activity.gradients"
    with pytest.raises(ConfigError, match="immediate gradients"):
        _train(network, _config(ADAM, "immediate"), delays)
    with pytest.raises(ConfigError, match="2 delays for the 3 layers"):
        _train(network, _config(ADAM), Delays.stashed((1, 0)))
