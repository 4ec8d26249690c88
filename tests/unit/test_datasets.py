"""Digits: content, split, and refusals."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.errors import ConfigError
from simsnn.training import datasets_digits
from simsnn.training.datasets import check_encoding, load_dataset, split
from simsnn.training.datasets_columns import DigitsColumnsConfig
from simsnn.training.datasets_digits import DigitsConfig, read_digits
from simsnn.training.datasets_moving import MovingDigitsConfig
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

CONFIG = DigitsConfig(kind="digits")


def _network(shape: list[int], classes: int = 10) -> Network:
    layers: list[dict[str, object]] = [{"name": "flat", "kind": "flatten"}] if len(shape) > 1 else []
    layers.append({"name": "fc", "kind": "linear", "features": classes})
    return build_network(NetworkConfig.model_validate({"input": shape, "layers": layers}), Format.real(8), 32)


def test_digits_are_complete_and_scaled() -> None:
    images, labels = read_digits(CONFIG)
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0, 1)
    np.testing.assert_array_equal(images * 16, np.round(images * 16))
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert (images[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_reading_does_not_import_the_package() -> None:
    """Importing scikit-learn costs over a second; only a module imported before may be there."""
    before = "sklearn" in sys.modules
    read_digits(CONFIG)
    assert ("sklearn" in sys.modules) == before


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5])
def test_split_is_disjoint_complete_and_stratified(fraction: float) -> None:
    _, labels = read_digits(CONFIG)
    train, test = split(labels, fraction, 0)
    assert sorted([*train, *test]) == list(range(len(labels)))
    for label, size in enumerate(np.bincount(labels)):
        assert np.sum(labels[test] == label) == round(fraction * size)


def test_split_is_shuffled_and_follows_its_seed() -> None:
    _, labels = read_digits(CONFIG)
    first, again, other = (split(labels, 0.2, seed) for seed in (0, 0, 1))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert set(a) != set(c)
        assert (np.diff(a) < 0).any()
        assert np.abs(np.diff(labels[a])).mean() > 2  # classes are not in runs


def test_images_keep_their_labels_and_take_the_networks_shape() -> None:
    images, labels = read_digits(CONFIG)
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    square, flat = load_dataset(CONFIG, _network([1, 8, 8])), load_dataset(CONFIG, _network([64]))
    assert square.train_images.shape == (1438, 1, 8, 8)
    assert flat.test_images.shape == (359, 64, 1, 1)
    np.testing.assert_array_equal(square.train_images.reshape(-1, 64), flat.train_images.reshape(-1, 64))
    for image, label in zip(square.test_images, square.test_labels, strict=True):
        assert known[image.tobytes()] == label


def test_enlarged_digits_repeat_pixels_and_channels() -> None:
    config = DigitsConfig(kind="digits", upscale=2, channels=3)
    images, labels = read_digits(config)
    plain, same = read_digits(CONFIG)
    assert config.shape == (3, 16, 16)
    assert images.shape == (1797, 3, 16, 16)
    np.testing.assert_array_equal(labels, same)
    for row in range(2):
        for column in range(2):
            for channel in range(3):
                np.testing.assert_array_equal(images[:, channel, row::2, column::2], plain[:, 0])
    assert load_dataset(config, _network([3, 16, 16])).test_images.shape == (359, 3, 16, 16)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_events_sequences_and_images_need_encodings_of_their_own(encoding: Encoding) -> None:
    own = {Encoding.EVENTS: "moving_digits", Encoding.SEQUENCE: "digits_columns"}.get(encoding, "digits")
    for config in (CONFIG, MovingDigitsConfig(kind="moving_digits"), DigitsColumnsConfig(kind="digits_columns")):
        if config.kind == own:
            check_encoding(config, encoding)
            continue
        with pytest.raises(ConfigError) as caught:
            check_encoding(config, encoding)
        assert caught.value.where.path == "workload.encoding"
        assert encoding.value in caught.value.message
        assert encoding.value not in caught.value.allowed
        for fitting in caught.value.allowed:
            check_encoding(config, Encoding(fitting))


def test_a_wrong_shape_names_both_shapes() -> None:
    with pytest.raises(ConfigError) as caught:
        load_dataset(CONFIG, _network([3, 32, 32]))
    assert "[3, 32, 32]" in caught.value.message
    assert "[1, 8, 8]" in caught.value.message
    assert caught.value.where.path == "network.input"


def test_a_wrong_number_of_classes_names_both_numbers() -> None:
    with pytest.raises(ConfigError, match="has 7 values, the digits data set has 10 classes"):
        load_dataset(CONFIG, _network([64], classes=7))


def test_a_missing_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_digits.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError) as caught:
        read_digits(CONFIG)
    assert "scikit-learn is not installed" in caught.value.message
    assert "pip install scikit-learn" in caught.value.remedy


@pytest.mark.parametrize(
    "bad",
    [{"test_fraction": 0.0}, {"test_fraction": 1.0}, {"split_seed": -1}, {"fold": 1}, {"upscale": 0}, {"channels": 17}],
    ids=repr,
)
def test_bad_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DigitsConfig.model_validate({"kind": "digits"} | bad)
