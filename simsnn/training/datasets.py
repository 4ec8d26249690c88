"""Data sets: images, binary events or real values per step; labels; a stratified, shuffled, fixed-seed test split.

``digits`` (:mod:`simsnn.training.datasets_digits`) are bundled, ``moving_digits`` are synthetic events
made from them (:mod:`simsnn.training.datasets_moving`), ``mnist5k`` comes with the extra ``data``
(:mod:`simsnn.training.datasets_mnist`). Sequences: ``digits_columns`` and ``mnist5k_columns`` are the
columns of those images (:mod:`simsnn.training.datasets_columns`), ``basic_motions``
recordings of the extra ``data`` (:mod:`simsnn.training.datasets_motions`).

Proof: ``tests/unit/test_datasets.py``, ``tests/unit/test_datasets_sequences.py``.
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
from simsnn.training.datasets_columns import (
    DigitsColumnsConfig,
    Mnist5kColumnsConfig,
    read_digits_columns,
    read_mnist5k_columns,
)
from simsnn.training.datasets_digits import DigitsConfig, Images, Labels, read_digits
from simsnn.training.datasets_mnist import Mnist5kConfig, read_mnist5k
from simsnn.training.datasets_motions import BasicMotionsConfig, read_basic_motions
from simsnn.training.datasets_moving import Frames, MovingDigitsConfig, read_moving_digits
from simsnn.training.datasets_sequence import SequenceConfig, Sequences
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Network

DatasetConfig = Annotated[
    DigitsConfig | MovingDigitsConfig | Mnist5kConfig | DigitsColumnsConfig | Mnist5kColumnsConfig | BasicMotionsConfig,
    Field(discriminator="kind"),
]
Samples = Images | Frames | Sequences
Reader = Callable[[Any, int], tuple[Samples, Labels]]
"""From a data set's configuration and T: all samples and their labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples and labels (N,), split into training and test.

    Samples are images (N, C, H, W) in 0..1, float32; events (N, T, C, H, W) of exact zeros and
    ones, uint8; or sequences (N, T, C, H, W) in 0..1, float32.
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
DATASETS.add("digits_columns", lambda config, _timesteps: read_digits_columns(config))
DATASETS.add("mnist5k_columns", lambda config, _timesteps: read_mnist5k_columns(config))
DATASETS.add("basic_motions", lambda config, _timesteps: read_basic_motions(config))


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
    """Events and sequences are taken as they are, images need a code: refuse anything else.

    Raises
    ------
    ConfigError
        Naming the encodings that fit.
    """
    if encoding.takes is config.delivers:
        return
    fitting = tuple(name.value for name in Encoding if name.takes is config.delivers)
    raise ConfigError(
        f"the {config.kind} data set delivers {config.delivers.value},"
        f" which the encoding {encoding.value} does not take",
        where=Where(path="workload.encoding"),
        value=encoding.value,
        allowed=fitting,
    )


def check_length(config: DatasetConfig, timesteps: int) -> None:
    """A sequence has as many steps as the workload; images and events have as many as are asked for.

    Raises
    ------
    ConfigError
        Naming the length of the data set's sequences.
    """
    if not isinstance(config, SequenceConfig) or config.length == timesteps:
        return
    raise ConfigError(
        f"the sequences of the {config.kind} data set have {config.length} time steps, the workload {timesteps}",
        where=Where(path="workload.timesteps"),
        value=timesteps,
        allowed=(str(config.length),),
        remedy=f"set workload.timesteps={config.length}",
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
        Steps of a recording or sequence; images have none.

    Raises
    ------
    ConfigError
        As :func:`check_dataset`, :func:`check_length` and the reader of the data set.
    """
    check_dataset(config, network)
    check_length(config, timesteps)
    images, labels = DATASETS.get(config.kind)(config, timesteps)
    images = images.reshape(*images.shape[:-3], *network.input_shape)
    train, test = split(labels, config.test_fraction, config.split_seed)
    return Dataset(images[train], labels[train], images[test], labels[test])
