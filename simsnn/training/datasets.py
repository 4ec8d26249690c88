"""Data sets: images in 0..1 or binary events per step, labels, and a stratified, shuffled, fixed-seed test split.

``digits`` (:mod:`simsnn.training.datasets_digits`) are bundled, ``moving_digits`` are synthetic events
made from them (:mod:`simsnn.training.datasets_moving`), ``mnist5k`` comes with the extra ``data``
(:mod:`simsnn.training.datasets_mnist`).

Proof: ``tests/unit/test_datasets.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simsnn.errors import ConfigError, Where
from simsnn.registry import Registry
from simsnn.training.datasets_digits import DigitsConfig, Images, Labels, read_digits
from simsnn.training.datasets_mnist import Mnist5kConfig, read_mnist5k
from simsnn.training.datasets_moving import Frames, MovingDigitsConfig, read_moving_digits
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Network

DatasetConfig = Annotated[DigitsConfig | MovingDigitsConfig | Mnist5kConfig, Field(discriminator="kind")]
Samples = Images | Frames
Reader = Callable[[Any, int], tuple[Samples, Labels]]
"""From a data set's configuration and T: all samples and their labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples and labels (N,), split into training and test.

    Samples are images (N, C, H, W) in 0..1, float32, or events (N, T, C, H, W) of exact zeros and
    ones, uint8.
    """

    train_images: Samples
    train_labels: Labels
    test_images: Samples
    test_labels: Labels


def _images(config: DigitsConfig, _timesteps: int) -> tuple[Samples, Labels]:
    return read_digits(config)


DATASETS: Registry[Reader] = Registry("data set")
DATASETS.add("digits", _images)
DATASETS.add("moving_digits", read_moving_digits)
DATASETS.add("mnist5k", lambda config, _timesteps: read_mnist5k(config))


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


def check_encoding(config: DatasetConfig, encoding: Encoding) -> None:
    """Events are taken as they are, images need a code: refuse anything else.

    Raises
    ------
    ConfigError
        Naming the encodings that fit.
    """
    if config.events == (encoding is Encoding.EVENTS):
        return
    delivers = "events of every time step" if config.events else "images"
    fitting = tuple(name.value for name in Encoding if (name is Encoding.EVENTS) == config.events)
    raise ConfigError(
        f"the {config.kind} data set delivers {delivers}, which the encoding {encoding.value} does not take",
        where=Where(path="workload.encoding"),
        value=encoding.value,
        allowed=fitting,
    )


def load_dataset(config: DatasetConfig, network: Network, timesteps: int = 1) -> Dataset:
    """Read, check against the network, flatten for a flat input, and split.

    Parameters
    ----------
    config : DatasetConfig
        Which data set.
    network : Network
        Its reader.
    timesteps : int
        Steps of a recording; images have none.

    Raises
    ------
    ConfigError
        As :func:`check_dataset` and the reader of the data set.
    """
    check_dataset(config, network)
    images, labels = DATASETS.get(config.kind)(config, timesteps)
    images = images.reshape(*images.shape[:-3], *network.input_shape)
    train, test = split(labels, config.test_fraction, config.split_seed)
    return Dataset(images[train], labels[train], images[test], labels[test])
