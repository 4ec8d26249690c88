"""Questions to a stored sweep: rows that meet a condition, sorted, some columns of them.

Proof: ``tests/unit/test_sweep_query.py``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from simsnn.errors import ConfigError, nearest
from simsnn.results.sweep_table import METRICS, Scalar, SweepTable
from simsnn.sweep.expression import Expression
from simsnn.sweep.quantity import comparable


@dataclass(frozen=True)
class Answer:
    """Columns and rows of an answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]

    def records(self) -> list[dict[str, Scalar]]:
        """Rows as plain mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_csv(self) -> str:
        """Text of a CSV file; floats in their shortest exact form."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(["" if value is None else value for value in row] for row in self.rows)
        return text.getvalue()


def ask(
    table: SweepTable,
    condition: str | None = None,
    sort: Sequence[str] = (),
    descending: bool = False,
    columns: Sequence[str] = (),
    limit: int | None = None,
) -> Answer:
    """Rows of a table that meet a condition.

    Parameters
    ----------
    table : SweepTable
        What is asked.
    condition : str or None
        A condition over its columns; None takes every row.
    sort : sequence of str
        Columns to sort by; the order of points where left out. What is unknown comes last.
    descending : bool
        Largest first.
    columns : sequence of str
        Columns of the answer; the usual ones where left out.
    limit : int or None
        Rows of the answer at most.

    Raises
    ------
    ConfigError
        If a column does not exist or the condition is none.
    """
    names = table.columns
    for name in (*sort, *columns):
        if name not in names:
            close = nearest(name, names)
            raise ConfigError(f"no column {name!r} in this sweep", value=name, allowed=names, nearest=close)
    records = table.records()
    if condition is not None:
        expression = Expression.parse(condition, names)
        records = [record for record in records if expression.holds(record)]
    for name in reversed(sort):
        known = [record for record in records if record[name] is not None]
        known.sort(key=lambda record: _sortable(record[name]), reverse=descending)
        records = known + [record for record in records if record[name] is None]
    shown = tuple(columns) or _usual(table)
    kept = records if limit is None else records[:limit]
    return Answer(shown, tuple(tuple(record[name] for name in shown) for record in kept))


def _sortable(value: Scalar) -> tuple[bool, float, str]:
    """Numbers and quantities by their value, then texts."""
    found = comparable(value)
    return (True, 0.0, found) if isinstance(found, str) else (False, float(found), "")


def _usual(table: SweepTable) -> tuple[str, ...]:
    """Point, status, axes, the metrics that any row has, the front."""
    known = [name for name in METRICS if any(value is not None for value in table.column(name))]
    return ("point", "status", *table.axes, *known, "pareto")
