"""Moving digits: events follow the brightness, paths stay on the canvas, seeds decide, and they train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.api import load
from simsnn.api import train as train_experiment
from simsnn.errors import ConfigError
from simsnn.paths import CACHE_VARIABLE
from simsnn.preparation import build_experiment_network, step_operations
from simsnn.training.config import TrainConfig
from simsnn.training.datasets import load_dataset
from simsnn.training.datasets_digits import bundled_digits
from simsnn.training.datasets_moving import MovingDigitsConfig, positions, read_moving_digits, rendered
from simsnn.training.loop import record, train
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import GemmOperation, TaskPart

STEPS = 3
SMALL = MovingDigitsConfig(kind="moving_digits", size=12, scale=1, speed=1.0)


def _network(size: int) -> Network:
    neuron = {"kind": "lif", "leak": 0.5, "threshold": 0.5, "reset": "soft", "detach_reset": True}
    layers = [
        {"name": "flat", "kind": "flatten"},
        {"name": "fc1", "kind": "linear", "features": 64},
        {"name": "fc2", "kind": "linear", "features": 10},
    ]
    document = {"input": [2, size, size], "neuron": neuron, "layers": layers}
    return build_network(NetworkConfig.model_validate(document), Format.integer(1), 32)


def test_events_are_the_brightness_changes_one_at_a_time() -> None:
    """A pixel at a time: bilinear brightness of the digit before and after the step."""
    config = MovingDigitsConfig(kind="moving_digits", size=20, scale=2, speed=1.5, threshold=0.15)
    events, _ = read_moving_digits(config, STEPS)
    digits, path = bundled_digits()[0][:, 0].astype(np.float64), positions(config, 1797, STEPS + 1)

    def brightness(sample: int, moment: int, y: int, x: int) -> float:
        row, column = (np.array([y, x]) - path[moment, sample]) / config.scale
        total = 0.0
        for i in (int(np.floor(row)), int(np.floor(row)) + 1):
            for j in (int(np.floor(column)), int(np.floor(column)) + 1):
                if 0 <= i < 8 and 0 <= j < 8:
                    total += (1 - abs(row - i)) * (1 - abs(column - j)) * digits[sample, i, j]
        return total

    rng = np.random.default_rng(0)
    found = set()
    for sample, step, y, x in zip(*(rng.integers(0, high, 4000) for high in (1797, STEPS, 20, 20)), strict=True):
        change = brightness(sample, step + 1, y, x) - brightness(sample, step, y, x)
        if abs(abs(change) - config.threshold) > 1e-6:
            expected = (int(change > config.threshold), int(-change > config.threshold))
            assert tuple(events[sample, step, :, y, x]) == expected
            found.add(expected)
    assert found == {(0, 0), (0, 1), (1, 0)}


def test_events_are_binary_and_never_of_both_polarities() -> None:
    events, labels = read_moving_digits(SMALL, STEPS)
    assert events.shape == (1797, STEPS, 2, 12, 12)
    assert events.dtype == np.uint8
    assert set(np.unique(events)) == {0, 1}
    assert not (events[:, :, 0] & events[:, :, 1]).any()
    assert events.reshape(1797, -1).any(axis=1).all()
    np.testing.assert_array_equal(labels, bundled_digits()[1])


def test_digits_stay_on_the_canvas_and_move_at_their_speed() -> None:
    path = positions(SMALL, 500, 40)
    assert path.min() >= 0
    assert path.max() <= 4
    steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    assert steps.max() <= SMALL.speed + 1e-9
    assert np.isclose(steps, SMALL.speed).mean() > 0.5  # the others were mirrored


def test_a_whole_pixel_move_shifts_the_digit() -> None:
    digit = bundled_digits()[0][:1, 0]
    at = [rendered(SMALL, digit, np.array([[float(y), 2.0]])) for y in (1, 2)]
    np.testing.assert_array_equal(at[0][0, 1:9, 2:10], digit[0])
    np.testing.assert_array_equal(at[0][0, :-1], at[1][0, 1:])


def test_seed_decides_the_paths_alone() -> None:
    first, again = (read_moving_digits(SMALL, STEPS)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = read_moving_digits(SMALL.model_copy(update={"path_seed": 1}), STEPS)[0]
    assert not np.array_equal(first, other)
    longer = read_moving_digits(SMALL, STEPS + 2)[0]
    np.testing.assert_array_equal(longer[:, :STEPS], first)


def test_a_room_of_nothing_gives_no_events() -> None:
    still = MovingDigitsConfig(kind="moving_digits", size=16, scale=2)
    assert not read_moving_digits(still, 2)[0].any()


def test_split_keeps_labels_and_shape() -> None:
    data = load_dataset(SMALL, _network(12), STEPS)
    assert data.train_images.shape == (1438, STEPS, 2, 12, 12)
    assert data.test_images.shape == (359, STEPS, 2, 12, 12)


def test_events_train_and_are_recorded_as_spikes() -> None:
    network = _network(12)
    optimizer = {"kind": "adam", "learning_rate": 0.01, "schedule": "cosine"}
    block = {"kind": "train", "dataset": SMALL.model_dump(), "epochs": 8, "optimizer": optimizer}
    config = TrainConfig.model_validate(block)
    result = train(network, config, STEPS, 64, Encoding.EVENTS, 0)
    assert result.accuracy > 0.4  # chance: 0.1
    recording = record(network, config, STEPS, 64, Encoding.EVENTS, 0, result.recorded)
    data = load_dataset(SMALL, network, STEPS)
    events = np.moveaxis(data.train_images[:64], 1, 0).reshape(STEPS, 64, -1)
    np.testing.assert_array_equal(recording.layers[0].inputs, events)


def test_images_cannot_be_taken_as_events() -> None:
    optimizer = {"kind": "adam", "learning_rate": 0.01}
    block = {"kind": "train", "dataset": SMALL.model_dump(), "epochs": 1, "optimizer": optimizer}
    with pytest.raises(ConfigError, match="delivers events of every time step"):
        train(_network(12), TrainConfig.model_validate(block), STEPS, 64, Encoding.POISSON, 0)


@pytest.mark.parametrize(
    "bad", [{"size": 15}, {"speed": 0}, {"threshold": 1.0}, {"path_seed": -1}, {"dt": 1}], ids=repr
)
def test_bad_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MovingDigitsConfig.model_validate({"kind": "moving_digits", "scale": 2} | bad)


EVENTS = (
    "network={preset: h2learn_dvs_small}",
    "workload={timesteps: 3, batch: 64, encoding: events, passes: [F, B, W, U]}",
    "activity.dataset={kind: moving_digits, scale: 3, threshold: 0.1}",
    "activity.epochs=1",
)


def test_an_experiment_names_events_and_the_machine_encodes_nothing() -> None:
    """Spikes of every step lie in memory: the first product reads them, as many bits as elements."""
    experiment, _ = load("quickstart", EVENTS)
    network = build_experiment_network(experiment)
    operations = step_operations(experiment, network)
    assert not [op for op in operations if op.part is TaskPart.ENCODING]
    first = operations[0]
    assert isinstance(first, GemmOperation)
    assert (first.layer, first.left.binary, first.left.bits) == ("conv1_1", True, 1)
    assert first.left.elements == 3 * 64 * 2 * 32 * 32
    again = step_operations(load("quickstart", (*EVENTS, "workload.encoding=poisson"))[0], network)
    assert [op.layer for op in again if op.part is TaskPart.ENCODING] == ["input"]


def test_the_api_trains_on_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    small = (
        "network={input: [2, 12, 12], layers: [{name: flat, kind: flatten}, {name: fc, kind: linear, features: 10}]}"
    )
    dataset = "activity.dataset={kind: moving_digits, size: 12, scale: 1, speed: 1}"
    resolved = train_experiment("quickstart", (*EVENTS, small, dataset))
    assert resolved.activity is not None
    assert resolved.activity.layers[0].binary_input
