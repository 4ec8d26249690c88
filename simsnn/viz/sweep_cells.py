"""Points of a sweep put together: repetitions of one place of its axes are one cell with mean and spread.

Points that were refused or failed, or that have no value, are counted in their cell, so that figures can show them.
Proof: ``tests/unit/test_sweep_axis.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import PointStatus, Scalar, SweepRow
from simsnn.viz.sweep_axis import SweepAxis, plain
from simsnn.viz.sweep_metric import Metric

Place = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Points at one place: their values, and the points that have none, by status (``ok`` without a value is last)."""

    rows: tuple[SweepRow, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """Mean of the values, None where there is none."""
        return fmean(self.values) if self.values else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """Lowest and highest of several values."""
        return (min(self.values), max(self.values)) if len(self.values) > 1 else None

    def count(self, status: PointStatus) -> int:
        """Points of a status."""
        return sum(row.status is status for row in self.rows)

    @property
    def unknown(self) -> int:
        """Points that ran and have no such value."""
        return self.count(PointStatus.OK) - len(self.values)

    @property
    def lost(self) -> PointStatus | None:
        """What became of a cell without a value: failed where any point did; None for unknown values."""
        if self.values:
            return None
        return next((s for s in (PointStatus.FAILED, PointStatus.REFUSED) if self.count(s)), None)

    @property
    def pareto(self) -> bool:
        """Whether one of its points is on the front."""
        return any(row.pareto for row in self.rows)


def value_of(row: SweepRow, metric: Metric) -> float | None:
    """A point's value of a metric."""
    found = None if row.metrics is None else getattr(row.metrics, metric.name)
    return None if found is None else float(found)


def cells_of(stored: StoredSweep, metric: Metric, axes: Sequence[SweepAxis]) -> dict[Place, Cell]:
    """Cells by their values on some axes, which other axes are put together in; in the order of the points."""
    names = [axis.name for axis in stored.info.axes]
    columns = [names.index(axis.name) for axis in axes]
    found: dict[Place, list[SweepRow]] = {}
    for row in stored.table.rows:
        found.setdefault(tuple(plain(row.values[column]) for column in columns), []).append(row)
    return {place: cell(rows, metric) for place, rows in found.items()}


def cell(rows: Iterable[SweepRow], metric: Metric) -> Cell:
    """A cell of some points."""
    kept = tuple(rows)
    return Cell(kept, tuple(value for row in kept if (value := value_of(row, metric)) is not None))


def all_values(cells: Iterable[Cell]) -> list[float]:
    """Every value of some cells."""
    return [value for one in cells for value in one.values]
