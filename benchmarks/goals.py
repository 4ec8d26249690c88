"""Goals of the benchmarks, from ``goals.yaml``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from simsnn.config.loader import Document, read_yaml
from simsnn.config.resolve import build

GOALS_FILE = Path(__file__).parent / "goals.yaml"


class Direction(StrEnum):
    """Which side of the goal is good."""

    LOWER = "lower"
    HIGHER = "higher"


class Goal(BaseModel):
    """One goal: ``lower`` is met below it, ``higher`` at or above it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    goal: float
    unit: str
    direction: Direction
    what: str

    def met(self, value: float | None) -> bool:
        """Whether a figure reaches the goal; what was not measured does not."""
        if value is None:
            return False
        return value < self.goal if self.direction is Direction.LOWER else value >= self.goal


def read_goals(path: Path = GOALS_FILE) -> dict[str, Goal]:
    """Goals by benchmark id, in the order of the file."""
    document: Document = read_yaml(path)
    return {name: build(Goal, document, (name,)) for name in document.tree}
