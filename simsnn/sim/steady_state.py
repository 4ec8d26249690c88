"""Exact period of a run that repeats itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Period:
    """Everything happens again ``cycles`` later, ``iterations`` further on."""

    iterations: int
    cycles: int


def find_period(times: NDArray[np.int64], reach: int) -> Period | None:
    """Least period of the times of a run, int64, shape (iterations, events); None where it shows none.

    ``reach`` iterations are under way at once: the window that repeats is at least that long.
    """
    count = len(times)
    for iterations in range(1, max(1, count // 3) + 1):
        steps = times[iterations:] - times[:-iterations]
        same = (steps == steps[:, :1]).all(axis=1)
        window = max(reach, iterations)
        for first in range(len(same) - window + 1):
            part = slice(first, first + window)
            if same[part].all() and len(set(steps[part, 0].tolist())) == 1 and steps[first, 0] > 0:
                return Period(iterations, int(steps[first, 0]))
    return None
