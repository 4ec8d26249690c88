"""What a benchmark hands back, and what a benchmark is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class NotMeasured(Exception):
    """Something outside the project is missing (a package index, a console script): the reason is shown."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Something to hold the figure against, measured in the same run and in the same unit.

    Parameters
    ----------
    name : str
        What it is.
    value : float
        In the unit of the benchmark.
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure in the unit that ``goals.yaml`` names.

    Parameters
    ----------
    value : float or None
        Median over repeats after warm-up; None where it could not be measured.
    yardstick : Yardstick or None
        What it is held against.
    note : str
        Size of the problem, or why nothing was measured.
    """

    value: float | None
    yardstick: Yardstick | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over yardstick."""
        if self.value is None or self.yardstick is None or self.yardstick.value == 0:
            return None
        return self.value / self.yardstick.value


Benchmark = Callable[[], Measurement]
