"""Stored activity: found again, made again when damaged or when anything that matters changes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from simsnn.errors import ConfigError
from simsnn.training import cache
from simsnn.training.cache import TrainedActivity, trained_activity, training_digest
from simsnn.training.config import TrainConfig
from simsnn.training.delayed import Delays
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

NEURON = {"kind": "lif", "leak": 0.5, "threshold": 0.5, "reset": "soft", "detach_reset": True}


def _network(bits: int = 8, name: str = "tiny", features: int = 12, **neuron: Any) -> Network:
    layers = [
        {"name": "fc1", "kind": "linear", "features": features},
        {"name": "fc2", "kind": "linear", "features": 10},
    ]
    document = {"name": name, "input": [64], "neuron": NEURON | neuron, "layers": layers}
    return build_network(NetworkConfig.model_validate(document), Format.real(bits), 32)


def _config(**more: Any) -> TrainConfig:
    optimizer = {"kind": "adam", "learning_rate": 0.02}
    block = {"kind": "train", "dataset": {"kind": "digits"}, "epochs": 1, "optimizer": optimizer}
    return TrainConfig.model_validate(block | more)


def _activity(network: Network | None = None, config: TrainConfig | None = None, seed: int = 0) -> TrainedActivity:
    return trained_activity(network or _network(), config or _config(), 2, 64, Encoding.DIRECT, seed)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a root of its own, by the function and not the variable: compiled kernels stay where they are
    monkeypatch.setattr(cache, "cache_root", lambda: tmp_path)


def _entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "activity").iterdir())


def test_second_request_does_not_train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = _activity()
    monkeypatch.setattr(cache, "train", None)  # calling it now fails
    second = _activity(_network(name="renamed"))
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.activity.digest == second.activity.digest
    assert (first.history, first.accuracy) == (second.history, second.accuracy)
    assert (first.silent_layers, first.steps_per_epoch) == (second.silent_layers, second.steps_per_epoch)
    assert len(_entries(tmp_path)) == 1  # no temporary folder is left


def test_everything_that_matters_is_in_the_digest() -> None:
    def digest(network: Network | None = None, config: TrainConfig | None = None, **more: Any) -> str:
        workload: dict[str, Any] = {"timesteps": 2, "batch": 64, "encoding": Encoding.DIRECT, "seed": 0} | more
        return training_digest(network or _network(), config or _config(), **workload)

    variants = [
        digest(),
        digest(_network(bits=4)),
        digest(_network(features=13)),
        digest(_network(leak=0.6)),
        digest(_network(surrogate={"kind": "arctan"})),
        digest(config=_config(epochs=2)),
        digest(config=_config(loss="mse")),
        digest(config=_config(record={"batch_index": 1})),
        digest(config=_config(dataset={"kind": "digits", "split_seed": 1})),
        digest(timesteps=3),
        digest(batch=32),
        digest(encoding=Encoding.LATENCY),
        digest(seed=1),
    ]
    assert len(set(variants)) == len(variants)
    assert digest(_network(name="renamed")) == digest()


def test_delays_are_in_the_digest_and_their_key_leaves_it_alone() -> None:
    """The constant is the digest that trainings were stored under before there were delays."""

    def digest(gradients: str, delays: Delays | None) -> str:
        config = _config(gradients=gradients)
        return training_digest(_network(), config, 2, 64, Encoding.DIRECT, 0, delays=delays)

    plain = digest("immediate", None)
    assert plain == "383fa3bccdf5b2e9ce6dec5b6af9ba283638ac3d8ec27b63693ed7b8a8e4fee2"
    delayed = [digest("delayed", delays) for delays in (Delays((1, 0), (1, 0)), Delays((1, 0), (0, 0)))]
    assert len({plain, *delayed}) == 3


def test_delayed_trainings_are_stored_apart() -> None:
    config, network = _config(gradients="delayed"), _network()
    late, later = (
        trained_activity(network, config, 2, 64, Encoding.DIRECT, 0, delays=Delays.stashed((delay, 0)))
        for delay in (2, 4)
    )
    again = trained_activity(network, config, 2, 64, Encoding.DIRECT, 0, delays=Delays.stashed((2, 0)))
    assert [entry.from_cache for entry in (late, later, again, _activity())] == [False, False, True, False]
    assert late.activity.digest == again.activity.digest != later.activity.digest
    with pytest.raises(ConfigError, match="need a schedule"):
        trained_activity(network, config, 2, 64, Encoding.DIRECT, 0)


@pytest.mark.parametrize("damage", ["activity.npz", "training.json", "checksums.json"])
@pytest.mark.parametrize("how", ["flip", "truncate", "remove"])
def test_damage_is_noticed_and_repaired(
    damage: str, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = _activity()
    (folder,) = _entries(tmp_path)
    path = folder / damage
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 1
    path.unlink() if how == "remove" else path.write_bytes(content if how == "flip" else content[:-9])
    with caplog.at_level(logging.WARNING):
        again = _activity()
    assert not again.from_cache
    assert "is damaged" in caplog.text
    assert again.activity.digest == first.activity.digest
    assert _activity().from_cache


def test_an_unwritable_cache_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setattr(cache, "cache_root", lambda: blocker)
    with caplog.at_level(logging.WARNING):
        assert not _activity().from_cache
    assert "cannot be stored" in caplog.text


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(cache, "write_trace", full_disk)
    with caplog.at_level(logging.WARNING):
        _activity()
    assert "no space left" in caplog.text
    assert _entries(tmp_path) == []


def test_another_process_may_have_stored_it_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _activity()
    monkeypatch.setattr(cache, "_load", lambda _folder: None)
    assert not _activity().from_cache
    assert len(_entries(tmp_path)) == 1
