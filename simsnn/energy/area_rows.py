"""Stored rows of the area tables: logic at 45 nm, interfaces to DRAM, and the rules beside them.

``area_45nm.csv`` holds one row per synthesized or published unit; its column ``number`` says
whether the row is for integers, for floats, or for bits of any meaning. ``dram_area.csv`` holds
what one interface (a stack, a channel) of each DRAM takes on the die; its rows are assumptions.
Proof: ``tests/unit/test_energy_area.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from simsnn.energy.parts import AreaUnit
from simsnn.energy.rows import ListedRow, Number, Status, read_table

NAME = "area_45nm"
FILE = "area_45nm.csv"
DRAM_FILE = "dram_area.csv"
NODE_NM = 45


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One stored unit at its widths; ``number`` is ``integer``, ``float`` or ``any``."""

    unit: AreaUnit
    number: str
    widths: tuple[int, ...]
    value_um2: float
    source: str
    status: Status
    note: str

    @property
    def width_text(self) -> str:
        """Widths as tables show them."""
        return "x".join(map(str, self.widths))


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """What one interface to a DRAM takes, and how much bandwidth one gives."""

    unit: AreaUnit
    dram: str
    gigabytes_per_s: float
    value_um2: float
    source: str
    status: Status
    note: str


@cache
def area_rows() -> tuple[AreaRow, ...]:
    """Every stored row of logic, at 45 nm."""
    return tuple(
        AreaRow(
            AreaUnit(raw["unit"]),
            raw["number"],
            tuple(int(width) for width in raw["width_bits"].split("x")),
            float(raw["value_um2"]),
            raw["source"],
            Status(raw["status"]),
            raw["note"],
        )
        for raw in read_table(FILE)
    )


@cache
def rows_of(unit: AreaUnit, number: Number) -> tuple[AreaRow, ...]:
    """Rows of a unit that hold for a number format."""
    return tuple(row for row in area_rows() if row.unit is unit and row.number in (number, "any"))


@cache
def interface_rows() -> tuple[InterfaceRow, ...]:
    """Every stored row of a DRAM's interface."""
    return tuple(
        InterfaceRow(
            AreaUnit(raw["unit"]),
            raw["dram"],
            float(raw["interface_gb_per_s"]),
            float(raw["value_um2"]),
            raw["source"],
            Status(raw["status"]),
            raw["note"],
        )
        for raw in read_table(DRAM_FILE)
    )


def listed_area_rows() -> tuple[ListedRow, ...]:
    """Stored rows as a price table lists them."""
    logic = tuple(
        ListedRow(
            NAME, row.unit if row.number != "float" else f"{row.unit} (float)", row.width_text, float(NODE_NM), None,
            row.value_um2, "um2", row.source, row.status, row.note,
        )
        for row in area_rows()
    )  # fmt: skip
    interfaces = tuple(
        ListedRow(
            f"dram_area.{row.dram}", row.unit, f"{row.gigabytes_per_s:g} GB/s", None, None,
            row.value_um2, "um2", row.source, row.status, row.note,
        )
        for row in interface_rows()
    )  # fmt: skip
    return (*logic, *interfaces)
