"""Columns of a sweep as a page shows them: label, unit, how a value is written, what the scatter needs of them.

Proof: ``tests/unit/test_html_sweep.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from simsnn.results.prefix import percent, si
from simsnn.results.sweep_table import METRICS, Scalar, SweepTable
from simsnn.viz.html.table import Cell


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a metric is written: ``factor`` turns its value into ``unit``; ``share`` as per cent, ``plain`` as it is."""

    label: str
    unit: str = ""
    factor: float = 1.0
    share: bool = False
    plain: bool = False


QUANTITIES = {
    "total_cycles": Quantity("total cycles"),
    "time_ns": Quantity("time", "s", 1e-9),
    "total_energy_pj": Quantity("total energy", "J", 1e-12),
    "area_um2": Quantity("area (mm2)", "", 1e-6, plain=True),
    "utilisation": Quantity("arrays used", share=True),
    "dram_bytes": Quantity("DRAM traffic", "B"),
    "accuracy": Quantity("accuracy", share=True),
    "samples_per_s": Quantity("throughput (samples/s)"),
    "energy_per_sample_pj": Quantity("energy per sample", "J", 1e-12),
    "peak_live_bytes": Quantity("peak live tensors", "B"),
}


def label_of(name: str) -> str:
    """Name of a column for people."""
    return QUANTITIES[name].label if name in QUANTITIES else name


def known_metrics(table: SweepTable) -> tuple[str, ...]:
    """Metrics that any point has, in their order."""
    return tuple(name for name in METRICS if any(value is not None for value in table.column(name)))


def cell(name: str, value: Scalar) -> Cell:
    """A value of a column."""
    if value is None:
        return Cell("-")
    if isinstance(value, float) and not isfinite(value):
        return Cell(str(value))
    if name not in QUANTITIES or isinstance(value, bool | str):
        number = None if isinstance(value, bool | str) else value
        return Cell(str(value).lower() if isinstance(value, bool) else str(value), number)
    quantity = QUANTITIES[name]
    return Cell(_written(quantity, float(value), name), value)


def _written(quantity: Quantity, value: float, name: str) -> str:
    if quantity.share:
        return f"{value * 100:.2f}%" if name == "accuracy" else percent(value)
    if quantity.plain:
        return f"{value * quantity.factor:.4g}"
    if not quantity.unit:
        return f"{value:,.0f}"
    digits = 3 if quantity.unit == "B" else 4
    return si(value * quantity.factor, quantity.unit, digits).replace(" u", " µ")


def scatter_columns(table: SweepTable, rows: tuple[int, ...]) -> list[dict[str, Any]]:
    """Axes and known metrics with their values in some rows of a table, for the page's script."""
    found = []
    metrics = known_metrics(table)
    for name in (*table.axes, *metrics):
        values = [_finite(table.rows[number].value(name, table.axes)) for number in rows]
        column: dict[str, Any] = {"name": name, "label": label_of(name)}
        if name in metrics:
            column |= _metric(QUANTITIES[name], values)
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            column |= {"values": values, "plain": True}
        else:
            column |= {"values": [_word(value) for value in values], "words": True}
        found.append(column)
    return found


def _metric(quantity: Quantity, values: list[Scalar]) -> dict[str, Any]:
    if quantity.plain:
        numbers = [None if value is None else float(value) * quantity.factor for value in values]
        return {"values": numbers, "plain": True}
    return {"values": values, "share": quantity.share, "unit": quantity.unit, "factor": quantity.factor}


def _finite(value: Scalar) -> Scalar:
    return None if isinstance(value, float) and not isfinite(value) else value


def _word(value: Scalar) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
