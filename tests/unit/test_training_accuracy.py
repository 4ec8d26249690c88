"""The course of a training is found again, and made again where it is damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from simsnn.training import accuracy
from simsnn.training.accuracy import TrainingCourse, training_course
from simsnn.training.config import TrainConfig
from simsnn.training.delayed import Delays
from simsnn.training.loop import train
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, NetworkConfig, build_network

LAYERS = [{"name": "fc1", "kind": "linear", "features": 12}, {"name": "fc2", "kind": "linear", "features": 10}]
NEURON = {"kind": "lif", "leak": 0.5, "threshold": 0.5, "reset": "soft", "detach_reset": True}
NETWORK = build_network(
    NetworkConfig.model_validate({"input": [64], "neuron": NEURON, "layers": LAYERS}), Format.real(8), 32
)


def _config(gradients: str) -> TrainConfig:
    optimizer = {"kind": "adam", "learning_rate": 0.02}
    block = {"kind": "train", "dataset": {"kind": "digits"}, "epochs": 2, "optimizer": optimizer}
    return TrainConfig.model_validate(block | {"gradients": gradients})


def _course(delays: Delays | None = None, seed: int = 0) -> TrainingCourse:
    config = _config("immediate" if delays is None else "delayed")
    return training_course(NETWORK, config, 2, 64, Encoding.DIRECT, seed, delays)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "cache_root", lambda: tmp_path)


def test_the_course_is_that_of_the_training_and_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, late, other = _course(), _course(Delays.stashed((4, 0))), _course(seed=1)
    trained = train(NETWORK, _config("immediate"), 2, 64, Encoding.DIRECT, 0)
    assert (plain.accuracy, plain.history) == (trained.accuracy, trained.history)
    assert len({plain, late, other}) == 3
    monkeypatch.setattr(accuracy, "train", None)  # calling it now fails
    assert (_course(), _course(Delays.stashed((4, 0))), _course(seed=1)) == (plain, late, other)


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"accuracy": 0.5, "history": []}'])
def test_a_damaged_entry_is_made_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = _course()
    (entry,) = (tmp_path / "accuracy").iterdir()
    content = entry.read_text()
    entry.write_text(damage)
    with caplog.at_level(logging.WARNING):
        assert _course() == first
    assert "is damaged" in caplog.text
    assert entry.read_text() == content


def test_an_unwritable_cache_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "accuracy").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert 0 < _course().accuracy <= 1
    assert "cannot be stored" in caplog.text


def test_delays_and_configuration_must_agree() -> None:
    with pytest.raises(ConfigError, match="need a schedule"):
        training_course(NETWORK, _config("delayed"), 2, 64, Encoding.DIRECT, 0)
