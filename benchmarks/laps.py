"""Wall and processor time of the stages of a run: on a busy machine the two differ."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Lap:
    """One stage.

    Parameters
    ----------
    name : str
        What was done.
    wall_s, cpu_s : float
        Seconds that passed, and seconds of a core.
    """

    name: str
    wall_s: float
    cpu_s: float


class Laps:
    """Stages measured one after another."""

    def __init__(self) -> None:
        self.laps: list[Lap] = []

    def measure(self, name: str, call: Callable[[], Found]) -> Found:
        """Do one stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = call()
        self.laps.append(Lap(name, time.perf_counter() - wall, time.process_time() - cpu))
        return found

    @property
    def wall_s(self) -> float:
        """Sum over the stages."""
        return sum(lap.wall_s for lap in self.laps)

    @property
    def cpu_s(self) -> float:
        """Sum over the stages."""
        return sum(lap.cpu_s for lap in self.laps)

    def text(self) -> str:
        """Stages with their seconds of a core."""
        stages = ", ".join(f"{lap.name} {lap.cpu_s:.2f}" for lap in self.laps)
        return f"{self.cpu_s:.2f} s on a core ({stages})"


def median_of(runs: list[Laps]) -> Laps:
    """The run in the middle, by wall time."""
    return sorted(runs, key=lambda run: run.wall_s)[len(runs) // 2]
