"""Tables of a sweep: the best points, all points, the summary over seeds. Proof: ``tests/unit/test_html_sweep.py``."""

from __future__ import annotations

import csv
import io
from math import isfinite

from simsnn.errors import ConfigError, Where
from simsnn.results.sweep_store import SUMMARY
from simsnn.results.sweep_table import METRICS, ObjectiveInfo, PointStatus, SweepInfo, SweepRow, SweepTable
from simsnn.viz.html.element import Markup, joined, paragraph
from simsnn.viz.html.sweep_columns import cell, known_metrics, label_of
from simsnn.viz.html.table import MOST_ROWS, Cell, Column, Row, Table, text

_WORDS = False
_DEFAULT = (
    ObjectiveInfo(metric="total_cycles", goal="min"),
    ObjectiveInfo(metric="total_energy_pj", goal="min"),
)
_GOALS = {"min": "least", "max": "most"}
_LOOKS = {PointStatus.OK: "good", PointStatus.FAILED: "bad", PointStatus.REFUSED: "bad"}
_LONGEST_ERROR, _NAMED = 400, 6


def objectives_of(info: SweepInfo) -> tuple[ObjectiveInfo, ...]:
    """What the sweep looks for; cycles and energy where it says nothing."""
    return info.objectives or _DEFAULT


def best_points(info: SweepInfo, table: SweepTable) -> tuple[tuple[ObjectiveInfo, SweepRow, int], ...]:
    """Per objective the best point, of equals the first, and how many are as good."""
    found = []
    for objective in objectives_of(info):
        if objective.metric not in METRICS:
            continue
        known = [(row, getattr(row.metrics, objective.metric)) for row in table.done]
        numbers = [(row, float(value)) for row, value in known if value is not None and isfinite(value)]
        if not numbers:
            continue
        choose = min if objective.goal == "min" else max
        best = choose(value for _, value in numbers)
        equals = [row for row, value in numbers if value == best]
        found.append((objective, equals[0], len(equals)))
    return tuple(found)


def best_table(info: SweepInfo, table: SweepTable) -> Table:
    """The best point of each objective with its axes and metrics."""
    metrics = known_metrics(table)
    rows = []
    for objective, row, equals in best_points(info, table):
        more = f" (and {equals - 1} more)" if equals > 1 else ""
        wanted = f"{_GOALS[objective.goal]} {label_of(objective.metric)}"
        numbers = (cell(name, row.value(name, table.axes)) for name in (*table.axes, *metrics))
        rows.append((text(wanted), Cell(f"{row.point}{more}", row.point), *numbers))
    columns = (Column("objective", _WORDS), Column("point"), *_value_columns(info, metrics))
    return Table("best-table", "Best point of each objective", columns, tuple(rows))


def points_table(info: SweepInfo, table: SweepTable) -> Markup:
    """Every point with its status, axes and metrics; those on the Pareto front stand out."""
    shown = shown_points(table)
    metrics, errors = known_metrics(table), any(row.error for row in table.rows)
    rows = tuple(_point(table.rows[number], table.axes, metrics, errors) for number in shown)
    columns = [Column("point"), Column("status", _WORDS), Column("Pareto", _WORDS)]
    columns += [*_value_columns(info, metrics), *([Column("error", _WORDS)] if errors else []), Column("id", _WORDS)]
    marked = frozenset(place for place, number in enumerate(shown) if table.rows[number].pareto)
    caption = "Points; those on the Pareto front are marked"
    content = Table("points-table", caption, tuple(columns), rows, marked=marked).to_markup()
    if len(shown) == len(table.rows):
        return content
    left = (
        f"{len(shown):,} of {len(table.rows):,} points: the Pareto front, then what did not run, then the first ones."
    )
    return joined(content, paragraph(f"{left} points.csv has all.", "note"))


def shown_points(table: SweepTable, most: int = MOST_ROWS) -> tuple[int, ...]:
    """Numbers of the rows that a page shows, ascending: all, or the front, failures, and the first of the others."""
    order = sorted(
        range(len(table.rows)), key=lambda n: (not table.rows[n].pareto, table.rows[n].metrics is not None, n)
    )
    return tuple(sorted(order[:most]))


def _point(row: SweepRow, axes: tuple[str, ...], metrics: tuple[str, ...], errors: bool) -> Row:
    status = Cell(row.status.value, kind=_LOOKS[row.status])
    cells = [Cell(str(row.point), row.point), status, text("front" if row.pareto else "")]
    cells += [cell(name, row.value(name, axes)) for name in (*axes, *metrics)]
    cells += [_reason(row.error)] if errors else []
    return (*cells, Cell(row.id, kind="id"))


def _value_columns(info: SweepInfo, metrics: tuple[str, ...]) -> tuple[Column, ...]:
    axes = (Column(axis.name, axis.numeric, ", ".join(axis.paths)) for axis in info.axes)
    return (*axes, *(Column(label_of(name)) for name in metrics))


def refusals_table(table: SweepTable) -> Table:
    """What did not run, and why: one row for each reason."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in table.rows:
        if row.status is not PointStatus.OK:
            found.setdefault((row.status.value, row.error), []).append(row.point)
    rows = tuple(
        (Cell(status, kind="bad"), Cell(str(len(points)), len(points)), Cell(_first(points), points[0]), _reason(error))
        for (status, error), points in found.items()
    )
    columns = (Column("status", _WORDS), Column("points"), Column("which"), Column("why", _WORDS))
    return Table("refusals-table", "Points that did not run, by reason", columns, rows)


def _first(points: list[int]) -> str:
    shown = ", ".join(map(str, points[:_NAMED]))
    return shown if len(points) <= _NAMED else f"{shown} .."


def _reason(error: str) -> Cell:
    return Cell(error[:_LONGEST_ERROR] or "-", kind="wide")


def summary_table(content: str) -> Table:
    """``summary.csv`` as it stands: mean and spread over seeds."""
    try:
        lines = list(csv.reader(io.StringIO(content)))
    except csv.Error as error:
        raise ConfigError(f"{SUMMARY} is not a table: {error}", where=Where(file=SUMMARY)) from None
    head, body = (lines[0], lines[1:]) if lines else ([], [])
    rows = tuple(tuple(_summary_cell(value) for value in _fitted(line, len(head))) for line in body)
    columns = tuple(
        Column(name, all(row[place].number is not None or row[place].text == "-" for row in rows))
        for place, name in enumerate(head)
    )
    return Table("summary-table", "Mean and spread over seeds", columns, rows, left_out="summary.csv has all")


def _fitted(line: list[str], size: int) -> list[str]:
    return [*line[:size], *[""] * (size - len(line))]


def _summary_cell(value: str) -> Cell:
    try:
        number = float(value)
    except ValueError:
        return Cell(value or "-")
    return Cell(f"{number:,.6g}" if abs(number) < 1e15 else value, number) if number == number else Cell(value)
