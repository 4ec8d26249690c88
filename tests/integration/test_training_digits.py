"""The shipped digits networks reach their accuracy with the shipped recipe."""

from __future__ import annotations

from simsnn.config.resolve import load_document
from simsnn.training.config import TrainConfig
from simsnn.training.loop import record, train
from simsnn.training.recording import to_activity
from simsnn.workload.activity import DenseInput
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network


def _quickstart(*overrides: str) -> tuple[Network, TrainConfig]:
    tree = load_document("quickstart", overrides).tree
    network = build_network(NetworkConfig.model_validate(tree["network"]), Format.real(8), 32)
    return network, TrainConfig.model_validate(tree["activity"])


def test_quickstart_reaches_97_percent_and_is_not_silent() -> None:
    network, config = _quickstart()
    result = train(network, config, 4, 64, Encoding.DIRECT, 0)
    assert result.accuracy >= 0.97
    assert result.silent_layers == ()
    recording = record(network, config, 4, 64, Encoding.DIRECT, 0, result.recorded)
    activity = to_activity(recording, network, result.accuracy)
    assert activity.warnings() == ()
    first, second, readout = activity.layers
    assert isinstance(first.inputs, DenseInput)
    assert first.outputs is not None
    assert 0.02 < first.outputs.rate < 0.5
    assert second.input_needed is not None
    assert second.synapse_gradient is not None
    assert second.synapse_gradient.rate < 0.6
    assert readout.outputs is None
