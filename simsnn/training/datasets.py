"""Data sets: images scaled to 0..1, labels, and a stratified, shuffled, fixed-seed test split.

The digits are scikit-learn's bundled copy of the UCI handwritten digits (1797 images of 8x8
pixels, 17 grey levels, 10 classes). Its file is read directly: importing the package costs over
a second.

Proof: ``tests/unit/test_datasets.py``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simsnn.config.quantities import Index, StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.registry import Registry
from simsnn.workload.layers import Shape
from simsnn.workload.network import Network

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
_WHERE = Where(path="activity.dataset")


class DigitsConfig(StrictModel):
    """The bundled handwritten digits."""

    kind: Literal["digits"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    split_seed: Index = 0

    shape: ClassVar[Shape] = (1, 8, 8)
    classes: ClassVar[int] = 10


DatasetConfig = DigitsConfig


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images (N, C, H, W) in 0..1 and labels (N,), split into training and test."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels


def read_digits(config: DigitsConfig) -> tuple[Images, Labels]:
    """All images, (1797, 1, 8, 8), and labels of the digits.

    Raises
    ------
    ConfigError
        If scikit-learn, or the file inside it, is missing.
    """
    path = digits_file()
    if path is None or not path.is_file():
        raise ConfigError(
            f"the digits data file is missing ({path or 'scikit-learn is not installed'})",
            where=_WHERE,
            remedy="pip install scikit-learn, which brings it",
        )
    table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return (table[:, :-1] / np.float32(16)).reshape(-1, *config.shape), table[:, -1].astype(np.int64)


def digits_file() -> Path | None:
    """Where scikit-learn keeps the digits, found without importing it; None without scikit-learn."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"


DATASETS: Registry[Callable[[Any], tuple[Images, Labels]]] = Registry("data set")
DATASETS.add("digits", read_digits)


def split(labels: Labels, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffled training and test indices; every class gives ``round(fraction * its size)`` test samples."""
    rng = np.random.default_rng(seed)
    test: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        test.append(members[: round(fraction * len(members))])
    chosen = np.concatenate(test)
    if not len(chosen) or len(chosen) == len(labels):
        raise ConfigError(
            f"test_fraction {fraction} leaves {len(labels) - len(chosen)} training and {len(chosen)} test samples",
            where=Where(path="activity.dataset.test_fraction"),
            value=fraction,
            remedy="choose a fraction that leaves samples of both, such as 0.2",
        )
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    return rng.permutation(rest), rng.permutation(chosen)


def check_dataset(config: DatasetConfig, network: Network) -> None:
    """Refuse a data set that does not fit the network, before anything is loaded or trained.

    Raises
    ------
    ConfigError
        Naming both shapes, or both numbers of classes.
    """
    channels, height, width = config.shape
    flat = (channels * height * width, 1, 1)
    if network.input_shape not in (config.shape, flat):
        raise ConfigError(
            f"the network reads input of shape {list(network.input_shape)}, "
            f"the {config.kind} data set has shape {list(config.shape)}",
            where=Where(path="network.input"),
            value=str(list(network.input_shape)),
            allowed=(str(list(config.shape)), str([flat[0]])),
        )
    if network.output.out_elements != config.classes:
        raise ConfigError(
            f"the readout {network.output.name!r} has {network.output.out_elements} values, "
            f"the {config.kind} data set has {config.classes} classes",
            where=Where(path="network.layers"),
            value=network.output.out_elements,
            allowed=(str(config.classes),),
        )


def load_dataset(config: DatasetConfig, network: Network) -> Dataset:
    """Read, check against the network, flatten for a flat input, and split.

    Raises
    ------
    ConfigError
        As :func:`check_dataset` and the reader of the data set.
    """
    check_dataset(config, network)
    images, labels = DATASETS.get(config.kind)(config)
    images = images.reshape(-1, *network.input_shape)
    train, test = split(labels, config.test_fraction, config.split_seed)
    return Dataset(images[train], labels[train], images[test], labels[test])
