"""Area of a configured machine: every declared part has a row, or the area is refused.

Rows come from synthesis of one PE each (``area_45nm.csv``, status measured). Other widths follow
one recorded rule (status derived):

* adder: log-log in the width between 8 and 32 bit; multiplier: log-log in the product of its
  widths between 8x8 and 32x32; both in proportion below; nothing above;
* register: in proportion to its bits;
* a PE of other widths: its synthesized area times the ratio of its composition (adders,
  multipliers and registers by the rules above) at the wanted and at the synthesized widths;
* row memory (rows in sequence, one read and one write per edge): two interleaved single-port
  SRAM banks of half the rows (words no narrower than the SRAM grid's), or flip-flops where a half
  is smaller than the grid's smallest bank; status derived, its wires are not counted.

Logic at 32 and 22 nm is the 45 nm area times a published factor; SRAM comes from its own grid at
that node. Synthesis had no timing constraint: logic areas are lower bounds. Off-chip DRAM, links,
clock tree and pads are not counted. Proof: ``tests/unit/test_energy_area.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from simsnn.energy.interpolate import log_log
from simsnn.energy.model import PricedSram
from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.energy.rows import ListedRow, Status, TableInfo, read_table
from simsnn.energy.sram_table import SramTable
from simsnn.errors import MissingPrice

NAME = "area_45nm"
FILE = "area_45nm.csv"
NODE_NM = 45
NOTES = (
    "logic areas are lower bounds: synthesized without a timing constraint",
    "DRAM, links, clock tree and pads are not counted",
)
ComponentArea = tuple[tuple[str, float], ...]
"""Pairs of (component, um2), sorted by component."""


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One synthesized unit at its widths."""

    unit: AreaUnit
    widths: tuple[int, ...]
    value_um2: float
    source: str
    status: Status
    note: str


def _widths(text: str) -> tuple[int, ...]:
    return tuple(int(width) for width in text.split("x"))


@cache
def area_rows() -> tuple[AreaRow, ...]:
    """Every stored row."""
    return tuple(
        AreaRow(
            AreaUnit(raw["unit"]),
            _widths(raw["width_bits"]),
            float(raw["value_um2"]),
            raw["source"],
            Status(raw["status"]),
            raw["note"],
        )
        for raw in read_table(FILE)
    )


@dataclass(frozen=True, slots=True)
class AreaModel:
    """Areas at one node.

    Parameters
    ----------
    node_nm : float
        Node of the machine.
    factor : float
        Logic area factor from 45 nm.
    scaling : str
        Source of the factor; empty at 45 nm.
    sram : SramTable
        Grid for row memories.
    """

    node_nm: float
    factor: float
    scaling: str
    sram: SramTable

    @classmethod
    def of(cls, node_nm: float, sram: SramTable) -> AreaModel:
        """Model at a node.

        Raises
        ------
        MissingPrice
            If no scaling factor from 45 nm to that node is stored.
        """
        if node_nm == NODE_NM:
            return cls(float(node_nm), 1.0, "", sram)
        scales = read_table("scaling.csv")
        for raw in scales:
            if float(raw["to_nm"]) == node_nm:
                scaling = f"area times {raw['area_factor']}: {raw['source']}"
                return cls(float(node_nm), float(raw["area_factor"]), scaling, sram)
        allowed = (f"{NODE_NM} nm", *(f"{raw['to_nm']} nm" for raw in scales))
        raise MissingPrice(f"no logic areas at {node_nm:g} nm", value=f"{node_nm:g} nm", allowed=allowed)

    def unit_um2(self, unit: AreaUnit, widths: tuple[int, ...]) -> float:
        """Area of one unit.

        Raises
        ------
        MissingPrice
            For a unit without a row or widths without a rule.
        """
        if len(widths) != _ARITY[unit] or min(widths) < 1:
            raise _unknown(unit, widths)
        if unit is AreaUnit.ROW_MEMORY:
            return self._row_memory_um2(*widths)
        return _logic_um2(unit, widths) * self.factor

    def _row_memory_um2(self, rows: int, bits: int) -> float:
        word_bits = max(bits, self.sram.narrowest_word_bits)
        half_bytes = -(-rows // 2) * word_bits // 8
        if half_bytes < self.sram.smallest_bank_bytes:
            return _register_um2(rows * bits) * self.factor
        return 2 * self.sram.bank(half_bytes, word_bits).area_um2

    def area_um2(self, parts: Iterable[AreaPart], srams: Iterable[PricedSram] = ()) -> ComponentArea:
        """Area by component; SRAMs are components of their own."""
        terms: dict[str, list[float]] = {}
        for part in parts:
            terms.setdefault(part.component, []).append(part.count * self.unit_um2(part.unit, part.widths))
        for sram in srams:
            terms.setdefault(sram.name, []).append(sram.area_um2)
        return tuple((component, math.fsum(terms[component])) for component in sorted(terms))

    def info(self) -> TableInfo:
        """Node and sources for the report."""
        sources = dict.fromkeys(row.source for row in area_rows())
        scaled = (self.scaling,) if self.scaling else ()
        return TableInfo("area", NAME, self.node_nm, None, (*sources, *scaled), NOTES)


def listed_area_rows() -> tuple[ListedRow, ...]:
    """Stored rows for ``simsnn energy``."""
    return tuple(
        ListedRow(
            NAME, row.unit, "x".join(map(str, row.widths)), float(NODE_NM), None, row.value_um2, "um2", row.source,
            row.status, row.note,
        )
        for row in area_rows()
    )  # fmt: skip


def _points(unit: AreaUnit) -> tuple[tuple[float, float], ...]:
    return tuple((float(math.prod(row.widths)), row.value_um2) for row in area_rows() if row.unit is unit)


def _curve_um2(unit: AreaUnit, widths: tuple[int, ...]) -> float:
    """Log-log between the stored points, in proportion below them."""
    widest = max(max(row.widths) for row in area_rows() if row.unit is unit)
    if max(widths) > widest:
        raise _unknown(unit, widths)
    points, size = _points(unit), float(math.prod(widths))
    return points[0][1] * size / points[0][0] if size < points[0][0] else log_log(points, size)


def _register_um2(bits: int) -> float:
    (stored, area), *_ = _points(AreaUnit.REGISTER)
    return area * bits / stored


def _add_um2(bits: int) -> float:
    return _curve_um2(AreaUnit.ADD, (bits,))


def _mac_composition(weight: int, streamed: int, partial: int) -> float:
    multiplier = _curve_um2(AreaUnit.MULTIPLY, (weight, streamed))
    return multiplier + _add_um2(partial) + _register_um2(weight + streamed + partial)


def _gated_add_composition(weight: int, accumulator: int) -> float:
    return _add_um2(accumulator) + _register_um2(weight + accumulator)


def _adder_tree_composition(operands: int, weight: int, accumulator: int) -> float:
    tree, below = 0.0, operands
    bits = weight
    while below > 1:  # one level of the tree: pairs are added, results are one bit wider
        tree += below // 2 * _add_um2(bits)
        below, bits = -(-below // 2), bits + 1
    return tree + _add_um2(accumulator) + _register_um2(operands * weight + accumulator)


def _lut_composition(address: int, entry: int, accumulator: int) -> float:
    return _register_um2(2**address * entry + accumulator) + _add_um2(accumulator)


_COMPOSITIONS: dict[AreaUnit, Callable[..., float]] = {
    AreaUnit.MAC_PE: _mac_composition,
    AreaUnit.GATED_ADD_PE: _gated_add_composition,
    AreaUnit.ADDER_TREE_PE: _adder_tree_composition,
    AreaUnit.LUT_PE: _lut_composition,
}
_ARITY = {
    AreaUnit.ADD: 1,
    AreaUnit.MULTIPLY: 2,
    AreaUnit.REGISTER: 1,
    AreaUnit.MAC_PE: 3,
    AreaUnit.GATED_ADD_PE: 2,
    AreaUnit.ADDER_TREE_PE: 3,
    AreaUnit.LUT_PE: 3,
    AreaUnit.ROW_MEMORY: 2,
}


def _logic_um2(unit: AreaUnit, widths: tuple[int, ...]) -> float:
    if unit is AreaUnit.REGISTER:
        return _register_um2(widths[0])
    if unit in (AreaUnit.ADD, AreaUnit.MULTIPLY):
        return _curve_um2(unit, widths)
    stored = next(row for row in area_rows() if row.unit is unit)
    if widths == stored.widths:
        return stored.value_um2
    composition = _COMPOSITIONS[unit]
    try:
        return stored.value_um2 * composition(*widths) / composition(*stored.widths)
    except MissingPrice as error:  # name the unit that was asked for, not the part without a rule
        raise _unknown(unit, widths) from error


def _unknown(unit: AreaUnit, widths: tuple[int, ...]) -> MissingPrice:
    rows = [row for row in area_rows() if row.unit is unit]
    return MissingPrice(
        f"area table {NAME} has no {unit} of widths {'x'.join(map(str, widths))}",
        value=f"{unit}_{'x'.join(map(str, widths))}",
        allowed=tuple(f"{row.unit}_{'x'.join(map(str, row.widths))}" for row in rows),
        remedy="use widths within the stored ones",
    )
