"""Figures against their goals: one row each, as a table and as ``latest.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from rich.console import Console
from rich.table import Table

from benchmarks.goals import Direction, Goal
from benchmarks.measurement import Measurement

LATEST_FILE = Path(__file__).parent / "latest.json"


class OutcomeRow(TypedDict):
    """One element of ``latest.json``."""

    id: str
    value: float | None
    unit: str
    goal: float
    direction: str
    met: bool
    yardstick: str | None
    yardstick_value: float | None
    ratio: float | None
    note: str
    load_average: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark, what it should reach, what it reached, and how busy the machine was then.

    Figures are wall times: with more runnable processes than cores they are too slow.
    """

    id: str
    goal: Goal
    measurement: Measurement
    load_average: float

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.met(self.measurement.value)

    def to_row(self) -> OutcomeRow:
        """Element of ``latest.json``; what was not measured has ``value`` null and ``met`` false."""
        yardstick = self.measurement.yardstick
        return OutcomeRow(
            id=self.id,
            value=self.measurement.value,
            unit=self.goal.unit,
            goal=self.goal.goal,
            direction=self.goal.direction.value,
            met=self.met,
            yardstick=yardstick.name if yardstick else None,
            yardstick_value=yardstick.value if yardstick else None,
            ratio=self.measurement.ratio,
            note=self.measurement.note,
            load_average=round(self.load_average, 2),
        )


def write_latest(outcomes: list[Outcome], path: Path = LATEST_FILE) -> None:
    """Write ``latest.json``, whole or not at all."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps([outcome.to_row() for outcome in outcomes], indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def show(outcomes: list[Outcome], console: Console) -> None:
    """Print the table."""
    table = Table(title="Benchmarks, one core", title_justify="left")
    for name in ("id", "value", "unit", "goal", "met"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("value", "goal") else "left")
    table.add_column("yardstick of this run")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("note")
    for outcome in outcomes:
        table.add_row(*_cells(outcome), style=None if outcome.met else "yellow")
    console.print(table)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    measurement, goal = outcome.measurement, outcome.goal
    sign = "<" if goal.direction is Direction.LOWER else ">="
    yardstick = measurement.yardstick
    return (
        outcome.id,
        "not measured" if measurement.value is None else figure(measurement.value),
        goal.unit,
        f"{sign} {figure(goal.goal)}",
        "yes" if outcome.met else "NO",
        f"{yardstick.name}: {figure(yardstick.value)}" if yardstick else "-",
        "-" if measurement.ratio is None else figure(measurement.ratio),
        measurement.note,
    )


def figure(value: float) -> str:
    """Three significant digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
