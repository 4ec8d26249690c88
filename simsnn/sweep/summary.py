"""Mean and spread over seeds: rows that differ in nothing but their seeds, as one.

Proof: ``tests/unit/test_sweep_summary.py``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from simsnn.results.sweep_table import METRICS, AxisInfo, Scalar, SweepTable


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation (0 for one value) of a metric; None where it is unknown in some repetition."""

    mean: float | None
    std: float | None


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One design: values of the axes that are no seeds, how many repetitions ran, spread of every metric."""

    values: tuple[Scalar, ...]
    repetitions: int
    spreads: tuple[Spread, ...]


@dataclass(frozen=True)
class SweepSummary:
    """All designs in the order of the table."""

    axes: tuple[str, ...]
    rows: tuple[SummaryRow, ...]

    def to_csv(self) -> str:
        """Text of ``summary.csv``: for every metric its mean and ``_std``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*self.axes, "repetitions", *(f"{name}{end}" for name in METRICS for end in ("", "_std"))))
        for row in self.rows:
            numbers = [number for spread in row.spreads for number in (spread.mean, spread.std)]
            writer.writerow((*row.values, row.repetitions, *("" if n is None else repr(n) for n in numbers)))
        return text.getvalue()


def summary_of(table: SweepTable, axes: Sequence[AxisInfo]) -> SweepSummary | None:
    """Summary over the axes that are seeds; None where there is none."""
    kept = [index for index, axis in enumerate(axes) if not axis.seed]
    if len(kept) == len(axes):
        return None
    groups: dict[tuple[Scalar, ...], list[tuple[float | None, ...]]] = {}
    for row in table.rows:
        group = groups.setdefault(tuple(row.values[index] for index in kept), [])
        if row.metrics is not None:
            group.append(tuple(getattr(row.metrics, name) for name in METRICS))
    rows = tuple(SummaryRow(values, len(found), _spreads(found)) for values, found in groups.items())
    return SweepSummary(tuple(axes[index].name for index in kept), rows)


def _spreads(found: list[tuple[float | None, ...]]) -> tuple[Spread, ...]:
    if not found:
        return (Spread(None, None),) * len(METRICS)
    return tuple(_spread(column) for column in zip(*found, strict=True))


def _spread(column: tuple[float | None, ...]) -> Spread:
    numbers = [float(value) for value in column if value is not None]
    if len(numbers) < len(column):
        return Spread(None, None)
    spread = stdev(numbers) if len(set(numbers)) > 1 else 0.0
    return Spread(fmean(numbers), spread)
