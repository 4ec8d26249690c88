"""The table of a sweep: one row per point, sorted by point, as ``points.csv`` holds it.

A row has the values of its axes as they were written, and, where the point ran, its metrics. Nothing in it depends on
when, where or in which order the points ran. Tests: ``tests/unit/test_sweep_table.py``.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

from pydantic import ValidationError

from simsnn.config.quantities import StrictModel
from simsnn.errors import ConfigError, Where
from simsnn.results.report import Report

Scalar = str | int | float | bool | None
Goal = Literal["min", "max"]


class PointStatus(StrEnum):
    """What became of a point."""

    OK = "ok"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PointMetrics:
    """Numbers of one point; units are in the names. ``accuracy`` and ``area_um2`` may be unknown."""

    total_cycles: int
    time_ns: float
    total_energy_pj: float
    area_um2: float | None
    utilisation: float
    dram_bytes: int
    accuracy: float | None
    samples_per_s: float
    energy_per_sample_pj: float
    peak_live_bytes: int

    @classmethod
    def of(cls, report: Report) -> PointMetrics:
        """Metrics of a run."""
        totals = report.totals
        return cls(
            totals.total_cycles,
            totals.time_ns,
            totals.total_energy_pj,
            totals.area_um2,
            totals.utilisation,
            totals.dram_bytes,
            report.activity.accuracy,
            totals.samples_per_s,
            totals.energy_per_sample_pj,
            totals.peak_live_bytes,
        )


METRICS = tuple(field.name for field in fields(PointMetrics))
"""Names of all metrics."""
_WHOLE = frozenset({"total_cycles", "dram_bytes", "peak_live_bytes"})
_BEFORE, _FIRST_METRICS = ("point", "id", "status", "error"), METRICS[:7]


class AxisInfo(StrictModel):
    """One axis: its name, the paths that it sets, its values as they stand in the table."""

    name: str
    paths: tuple[str, ...]
    values: tuple[Scalar, ...]
    seed: bool = False
    """Whether its values are repetitions, reported with mean and spread."""

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


class ObjectiveInfo(StrictModel):
    """What a sweep looks for."""

    metric: str
    goal: Goal


class SweepInfo(StrictModel):
    """What a stored sweep says of itself (``sweep.json``)."""

    name: str
    base: str
    base_sha256: str
    level: str
    synthetic: bool
    """Whether the activity of its points is synthetic."""
    axes: tuple[AxisInfo, ...]
    where: str | None
    sampling: str
    objectives: tuple[ObjectiveInfo, ...]
    versions: dict[str, str]
    points: int


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One point: its number, its id, the values of its axes in their order, what became of it."""

    point: int
    id: str
    values: tuple[Scalar, ...]
    status: PointStatus
    error: str = ""
    metrics: PointMetrics | None = None
    pareto: bool = False

    def value(self, name: str, axes: tuple[str, ...]) -> Scalar:
        """A column of this row by name, None where the row has nothing there."""
        if name in axes:
            return self.values[axes.index(name)]
        if name in METRICS:
            return None if self.metrics is None else getattr(self.metrics, name)
        own: dict[str, Scalar] = {"point": self.point, "id": self.id, "status": self.status.value, "error": self.error}
        return own.get(name, int(self.pareto))


@dataclass(frozen=True)
class SweepTable:
    """All points of a sweep, sorted by number."""

    axes: tuple[str, ...]
    rows: tuple[SweepRow, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of ``points.csv`` in their order."""
        return (*_BEFORE, *self.axes, *_FIRST_METRICS, "pareto", *METRICS[len(_FIRST_METRICS) :])

    @property
    def done(self) -> tuple[SweepRow, ...]:
        """Points that have metrics."""
        return tuple(row for row in self.rows if row.metrics is not None)

    def records(self) -> list[dict[str, Scalar]]:
        """Rows as plain mappings, ready for ``pandas.DataFrame``."""
        return [{name: row.value(name, self.axes) for name in self.columns} for row in self.rows]

    def column(self, name: str) -> tuple[Scalar, ...]:
        """Values of one column.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        if name not in self.columns:
            raise KeyError(name)
        return tuple(row.value(name, self.axes) for row in self.rows)

    def to_csv(self) -> str:
        """Text of ``points.csv``: floats in their shortest exact form, nothing for what is unknown."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for record in self.records():
            writer.writerow(["" if value is None else _cell(value) for value in record.values()])
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str, axes: tuple[AxisInfo, ...], name: str = "points.csv") -> SweepTable:
        """Read a stored table.

        Raises
        ------
        ConfigError
            Naming the line that is not a row of this table.
        """
        lines = csv.DictReader(io.StringIO(text))
        rows = []
        for record in lines:
            try:
                rows.append(_row(record, axes))
            except (KeyError, ValueError, TypeError) as error:
                where = Where(file=name, line=lines.line_num)
                raise ConfigError(f"not a row of this sweep: {type(error).__name__} {error}", where=where) from None
        return cls(tuple(axis.name for axis in axes), tuple(rows))


def _cell(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _row(record: dict[str, str], axes: tuple[AxisInfo, ...]) -> SweepRow:
    status = PointStatus(record["status"])
    metrics = None
    if status is PointStatus.OK:
        metrics = PointMetrics(**{name: _number(name, record[name]) for name in METRICS})
    values = tuple(_axis_value(record[axis.name], axis) for axis in axes)
    number, found = int(record["point"]), record["pareto"] == "1"
    return SweepRow(number, record["id"], values, status, record["error"], metrics, found)


def _number(name: str, text: str) -> Any:
    if text == "":
        return None
    return int(text) if name in _WHOLE else float(text)


def _axis_value(text: str, axis: AxisInfo) -> Scalar:
    """The axis value that is written so; a searched axis has values that it does not list."""
    for value in axis.values:
        if text == ("" if value is None else _cell(value)):
            return value
    try:
        found = float(text)
    except ValueError:
        return text
    return int(found) if math.isfinite(found) and found == int(found) and "." not in text else found


def info_from_json(text: str, name: str) -> SweepInfo:
    """Read ``sweep.json``.

    Raises
    ------
    ConfigError
        If it is not one.
    """
    try:
        return SweepInfo.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"not a sweep of this version: {first['msg']}", where=Where(place, name)) from None


def marked(rows: Iterable[SweepRow], front: frozenset[int]) -> tuple[SweepRow, ...]:
    """Rows with the Pareto front marked; ``front`` holds the numbers of its points."""
    return tuple(
        SweepRow(row.point, row.id, row.values, row.status, row.error, row.metrics, row.point in front) for row in rows
    )
