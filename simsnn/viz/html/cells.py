"""Cells of numbers with their units, written as everywhere else in simsnn."""

from __future__ import annotations

from simsnn.results.prefix import percent, si
from simsnn.viz.html.table import Cell

PJ = 1e-12
UNKNOWN = Cell("-")


def whole(value: int | None) -> Cell:
    """A count, in full."""
    return UNKNOWN if value is None else Cell(f"{value:,}", value)


def rounded(value: float | None) -> Cell:
    """A number with its four leading digits."""
    return UNKNOWN if value is None else Cell(si(value), value)


def share(value: float | None) -> Cell:
    """A share of 1 in per cent; nothing at all is a dash."""
    return UNKNOWN if value is None else Cell(percent(value) if value else "-", value)


def size(value: float | None) -> Cell:
    """Bytes."""
    return UNKNOWN if value is None else Cell(si(round(value), "B", 3), value)


def energy(value_pj: float | None) -> Cell:
    """Energy, from pJ."""
    return UNKNOWN if value_pj is None else Cell(joules(value_pj), value_pj)


def ratio(value: float | None) -> Cell:
    """How many times."""
    return UNKNOWN if value is None else Cell(f"{value:,.3g}x" if value < 1000 else f"{value:,.0f}x", value)


def joules(value_pj: float) -> str:
    """Energy from pJ with its prefix."""
    return si(value_pj * PJ, "J", 3).replace(" u", " µ")


def seconds(value_ns: float) -> str:
    """Time from ns with its prefix."""
    return si(value_ns * 1e-9, "s", 4).replace(" u", " µ")
