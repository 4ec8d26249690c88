"""The shipped digits networks reach their accuracy; the recorded batch looks like a live network."""

from __future__ import annotations

from typing import Any

from simsnn.config.loader import preset_folder, read_yaml
from simsnn.training.config import TrainConfig
from simsnn.training.loop import record, train
from simsnn.training.recording import to_activity
from simsnn.workload.activity import DenseInput
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

RECIPE: dict[str, Any] = {
    "kind": "train",
    "dataset": {"kind": "digits"},
    "epochs": 8,
    "optimizer": {"kind": "adam", "learning_rate": 0.01, "schedule": "cosine"},
}


def _network(name: str) -> Network:
    tree = read_yaml(preset_folder() / "networks" / f"{name}.yaml").tree
    return build_network(NetworkConfig.model_validate(tree), Format.real(8), 32)


def test_digits_conv_reaches_97_percent_and_is_not_silent() -> None:
    network, config = _network("digits_conv"), TrainConfig.model_validate(RECIPE)
    result = train(network, config, 4, 64, Encoding.DIRECT, 0)
    assert result.accuracy >= 0.97
    assert result.silent_layers == ()
    activity = to_activity(
        record(network, config, 4, 64, Encoding.DIRECT, 0, result.recorded), network, result.accuracy
    )
    assert activity.warnings() == ()
    first, second, readout = activity.layers
    assert isinstance(first.inputs, DenseInput)
    assert first.outputs is not None
    assert 0.02 < first.outputs.rate < 0.5
    assert second.input_needed is not None
    assert second.synapse_gradient is not None
    assert 0 < second.synapse_gradient.rate < 0.6
    assert readout.outputs is None


def test_digits_mlp_learns() -> None:
    result = train(_network("digits_mlp"), TrainConfig.model_validate(RECIPE), 4, 64, Encoding.DIRECT, 0)
    assert result.accuracy >= 0.93


def test_digits_iir_reaches_96_percent_and_is_not_silent() -> None:
    """Two exponentials per neuron; the recorded batch has spikes, masks and gradients like any other."""
    network, config = _network("digits_iir"), TrainConfig.model_validate(RECIPE)
    result = train(network, config, 4, 64, Encoding.DIRECT, 0)
    assert result.accuracy >= 0.96
    assert result.silent_layers == ()
    recorded = record(network, config, 4, 64, Encoding.DIRECT, 0, result.recorded)
    activity = to_activity(recorded, network, result.accuracy)
    assert activity.warnings() == ()
    first, second, _ = activity.layers
    assert first.outputs is not None
    assert 0.02 < first.outputs.rate < 0.5
    assert second.synapse_gradient is not None
    assert 0 < second.synapse_gradient.rate < 0.8
