"""Training loop: repeatable, encodings, the recorded moment, refusals, silent layers."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.errors import ConfigError
from simsnn.training.config import RecordConfig, TrainConfig
from simsnn.training.loop import TrainedModel, record, train
from simsnn.workload.backward_modes import LayerCheckpoint, Sltt
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

T, BATCH = 3, 128


def _network(encoding: Encoding = Encoding.DIRECT, threshold: float = 0.5) -> Network:
    document = {
        "input": [64],
        "neuron": {"kind": "lif", "leak": 0.5, "threshold": threshold, "reset": "soft", "detach_reset": True},
        "layers": [
            {"name": "fc1", "kind": "linear", "features": 24},
            {"name": "fc2", "kind": "linear", "features": 10},
        ],
    }
    form = Format.integer(1) if encoding.binary else Format.real(8)
    return build_network(NetworkConfig.model_validate(document), form, 32)


def _config(epochs: int = 2, /, **more: Any) -> TrainConfig:
    block = {
        "kind": "train",
        "dataset": {"kind": "digits"},
        "epochs": epochs,
        "optimizer": {"kind": "adam", "learning_rate": 0.02, "schedule": "cosine"},
    }
    return TrainConfig.model_validate(block | more)


def _train(
    config: TrainConfig, encoding: Encoding = Encoding.DIRECT, seed: int = 0, batch: int = BATCH
) -> TrainedModel:
    return train(_network(encoding), config, T, batch, encoding, seed)


def test_equal_seeds_give_equal_weights() -> None:
    one, two, other = _train(_config()), _train(_config()), _train(_config(), seed=1)
    np.testing.assert_array_equal(one.state.parameters, two.state.parameters)
    assert one.history == two.history
    assert not np.array_equal(one.state.parameters, other.state.parameters)


@pytest.mark.parametrize("encoding", [Encoding.DIRECT, Encoding.POISSON, Encoding.LATENCY])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_every_encoding_and_loss_learns(encoding: Encoding, loss: str) -> None:
    result = _train(_config(4, loss=loss), encoding)
    assert result.accuracy > 0.6
    assert result.history[-1].loss < result.history[0].loss
    assert result.accuracy == result.history[-1].accuracy
    assert result.silent_layers == ()


def test_sgd_learns() -> None:
    optimizer = {"kind": "sgd", "learning_rate": 0.2, "momentum": 0.9, "schedule": "step", "step_epochs": 2}
    assert _train(_config(4, optimizer=optimizer)).accuracy > 0.6


def test_progress_is_told_after_every_epoch() -> None:
    told: list[tuple[int, int, float, float]] = []
    result = train(_network(), _config(), T, BATCH, Encoding.DIRECT, 0, lambda *entry: told.append(entry))
    assert told == [(e.epoch, 2, e.loss, e.accuracy) for e in result.history]
    assert [entry[0] for entry in told] == [1, 2]


def test_steps_per_epoch_counts_the_last_partial_batch() -> None:
    assert _train(_config(1), batch=100).steps_per_epoch == 15  # 1438 samples


def test_recorded_moment() -> None:
    """Recording asks for a moment; it never changes the training."""
    after = _train(_config())
    before = _train(_config(record={"when": "before_training"}))
    middle = _train(_config(record={"when": "after_epoch", "epoch": 1}))
    last = _train(_config(record={"when": "after_epoch", "epoch": 2}))
    for other in (before, middle, last):
        np.testing.assert_array_equal(other.state.parameters, after.state.parameters)
    np.testing.assert_array_equal(last.recorded.parameters, after.recorded.parameters)
    np.testing.assert_array_equal(after.recorded.parameters, after.state.parameters)
    assert len({m.recorded.parameters.tobytes() for m in (after, before, middle)}) == 3
    assert before.recorded_accuracy < 0.4 < middle.recorded_accuracy == middle.history[0].accuracy


@pytest.mark.parametrize("encoding", [Encoding.DIRECT, Encoding.POISSON])
def test_recorded_batches(encoding: Encoding) -> None:
    network, config = _network(encoding), _config(1)
    state = train(network, config, T, BATCH, encoding, 0).recorded
    first = record(network, config, T, BATCH, encoding, 0, state)
    again = record(network, config, T, BATCH, encoding, 0, state)
    other = record(network, _config(1, record={"batch_index": 3}), T, BATCH, encoding, 0, state)
    assert first.layers[0].inputs.shape == (T, BATCH, 64)
    np.testing.assert_array_equal(first.layers[0].inputs, again.layers[0].inputs)
    np.testing.assert_array_equal(first.layers[1].inputs, again.layers[1].inputs)
    assert not np.array_equal(first.layers[0].inputs, other.layers[0].inputs)
    assert first.loss == again.loss


def test_a_silent_network_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """No surrogate reaches a neuron that calibration cannot help: its input is all zero."""
    document = {
        "input": [64],
        "neuron": {"kind": "lif", "leak": 0.0, "threshold": 0.5, "reset": "hard", "detach_reset": True,
                   "surrogate": {"kind": "rectangle", "width": 0.01}},
        "layers": [
            {"name": "wide", "kind": "linear", "features": 8,
             "neuron": {"kind": "lif", "leak": 0.0, "threshold": 0.5, "reset": "hard", "detach_reset": True}},
            {"name": "norm", "kind": "batch_norm", "mode": "frozen", "epsilon": 1e12},
            {"name": "fc", "kind": "linear", "features": 10},
        ],
    }  # fmt: skip
    network = build_network(NetworkConfig.model_validate(document), Format.real(8), 32)
    with caplog.at_level(logging.WARNING):
        result = train(network, _config(1), T, BATCH, Encoding.DIRECT, 0)
    assert result.silent_layers == ("norm",)
    assert "layer 'norm' is silent" in caplog.text


def test_impossible_batches_are_refused_before_training() -> None:
    with pytest.raises(ConfigError, match="batch 1439 is larger than the 1438 training samples"):
        _train(_config(), batch=1439)
    with pytest.raises(ConfigError, match=r"11 full batches") as caught:
        _train(_config(record={"batch_index": 11}))
    assert caught.value.where.path == "activity.record.batch_index"


@pytest.mark.parametrize(
    "bad",
    [
        {"record": {"when": "after_epoch"}},
        {"record": {"when": "after_epoch", "epoch": 3}},
        {"record": {"when": "after_training", "epoch": 1}},
        {"loss": "hinge"},
        {"epochs": 0},
        {"optimizer": {"kind": "rmsprop", "learning_rate": 0.1}},
        {"dataset": {"kind": "mnist"}},
        {"shuffle": False},
    ],
    ids=repr,
)
def test_bad_blocks_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _config(2, **bad)
    assert RecordConfig().when == "after_training"


def test_a_mode_with_gradients_of_its_own_trains_with_them() -> None:
    """SLTT learns, differently; checkpointing and an exact inverse are store-all by another name."""
    config = _config(3)
    plain = train(_network(), config, T, BATCH, Encoding.DIRECT, 0)
    sltt = train(_network(), config, T, BATCH, Encoding.DIRECT, 0, mode=Sltt(kind="sltt"))
    checked = train(_network(), config, T, BATCH, Encoding.DIRECT, 0, mode=LayerCheckpoint())
    assert np.array_equal(plain.state.parameters, checked.state.parameters)
    assert not np.array_equal(plain.state.parameters, sltt.state.parameters)
    assert sltt.accuracy > 0.6
