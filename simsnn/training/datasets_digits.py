"""The bundled digits as images.

They are scikit-learn's copy of the UCI handwritten digits (1797 images of 8x8 pixels, 17 grey
levels, 10 classes). Its file is read directly: importing the package costs over a second.
``upscale`` repeats every pixel, ``channels`` repeats the image: both change the shape and the
work of a network, and add no information (a random encoding draws every copy anew).

Proof: ``tests/unit/test_datasets.py``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simsnn.config.quantities import Index, StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.workload.encoding import Delivery
from simsnn.workload.layers import Shape

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
TestFraction = Annotated[float, Field(gt=0, lt=1)]

PIXELS = 8
"""Rows and columns of one digit."""


class DigitsConfig(StrictModel):
    """The bundled handwritten digits; each pixel ``upscale`` x ``upscale`` times, in ``channels`` equal channels."""

    kind: Literal["digits"]
    test_fraction: TestFraction = 0.2
    split_seed: Index = 0
    upscale: Annotated[int, Field(ge=1, le=16)] = 1
    channels: Annotated[int, Field(ge=1, le=16)] = 1

    classes: ClassVar[int] = 10
    delivers: ClassVar[Delivery] = Delivery.IMAGES

    @property
    def shape(self) -> Shape:
        """(C, H, W) of one image."""
        return (self.channels, PIXELS * self.upscale, PIXELS * self.upscale)


def read_digits(config: DigitsConfig) -> tuple[Images, Labels]:
    """All images, (1797, C, H, W) in 0..1, and labels (1797,) of the digits.

    Raises
    ------
    ConfigError
        If scikit-learn, or the file inside it, is missing.
    """
    images, labels = bundled_digits()
    enlarged = images.repeat(config.upscale, axis=2).repeat(config.upscale, axis=3)
    return np.ascontiguousarray(enlarged.repeat(config.channels, axis=1)), labels


def bundled_digits() -> tuple[Images, Labels]:
    """Images (1797, 1, 8, 8) in 0..1 and labels as they are stored; ``ConfigError`` where the file is missing."""
    path = digits_file()
    if path is None or not path.is_file():
        raise ConfigError(
            f"the digits data file is missing ({path or 'scikit-learn is not installed'})",
            where=Where(path="activity.dataset"),
            remedy="pip install scikit-learn, which brings it",
        )
    table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return (table[:, :-1] / np.float32(16)).reshape(-1, 1, PIXELS, PIXELS), table[:, -1].astype(np.int64)


def digits_file() -> Path | None:
    """Where scikit-learn keeps the digits, found without importing it; None without scikit-learn."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
