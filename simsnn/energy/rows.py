"""Rows of the price and area tables: package data with a source for every number."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal

Number = Literal["integer", "float"]
"""Number format of the datapaths."""


class Status(StrEnum):
    """How a number came about."""

    MEASURED = "measured"
    PUBLISHED = "published"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One number of one table, as ``simsnn energy`` lists it.

    Parameters
    ----------
    table : str
        Name that an experiment uses.
    unit : str
        What is priced: an action, or a kind of hardware.
    width : str
        ``8``, ``8x16``; ``32KiBx64`` for a bank of that size and word.
    node_nm : float or None
        Process node.
    voltage_v : float or None
        Supply voltage, where the source states one.
    value : float
        The number.
    value_unit : str
        ``pJ``, ``pJ/bit``, ``mW``, ``ns`` or ``um2``.
    source : str
        Where it is from.
    status : Status
        Measured, published, derived or assumed.
    note : str
        Reason of an assumption, rule of a derivation.
    """

    table: str
    unit: str
    width: str
    node_nm: float | None
    voltage_v: float | None
    value: float
    value_unit: str
    source: str
    status: Status
    note: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What the report says about a table in use.

    Parameters
    ----------
    role : str
        ``arithmetic``, ``sram``, ``dram`` or ``area``.
    name : str
        Name of the table.
    node_nm, voltage_v : float or None
        Node and voltage of its numbers; None where the source states none.
    sources : tuple of str
        Every source a number may come from.
    notes : tuple of str
        What its prices leave out.
    """

    role: str
    name: str
    node_nm: float | None
    voltage_v: float | None
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


@cache
def read_table(file: str) -> tuple[dict[str, str], ...]:
    """Raw rows of a package table by column; lines that start with ``#`` are provenance."""
    text = resources.files("simsnn.energy").joinpath("tables", file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(csv.DictReader(lines))


def optional_float(text: str) -> float | None:
    """Number of a cell, or None for an empty one."""
    return float(text) if text else None
