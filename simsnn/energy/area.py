"""Area of a configured machine: every part has a row or a recorded rule, or the area is refused.

Logic comes from ``area_rules`` (45 nm) times a published factor at other nodes; memories come
from the SRAM grid at the node itself:

* row memory (rows in sequence, one read and one write per edge): two interleaved single-port
  SRAM banks of half the rows, words no narrower than the grid's;
* weight bank (private memory, one read or one write per edge, any order): one single-port bank;
  words narrower than the grid's stand several in a row, so only the bits count;
* both: words wider than the grid's stand in the fewest banks side by side; where a bank would be
  smaller than the grid's smallest, that smallest one or flip-flops (a bank's read port included),
  whichever is smaller, so that fewer rows never take more area; status derived, wires are not
  counted.

The interfaces to DRAM take an assumed area per whole stack or channel that the bandwidth needs,
the same at every node. Links, clock tree and pads are not counted. Proof:
``tests/unit/test_energy_area.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from simsnn.energy.area_rows import NAME, NODE_NM, AreaRow, area_rows, interface_rows, rows_of
from simsnn.energy.area_rules import ARITY, LogicRules, unknown
from simsnn.energy.model import PricedSram
from simsnn.energy.parts import AreaPart, AreaUnit
from simsnn.energy.rows import Number, Status, TableInfo, read_table
from simsnn.energy.sram_table import BankSplit, SramTable
from simsnn.errors import MissingPrice

NOTES = (
    "integer logic areas are lower bounds: synthesized without a timing constraint",
    "links, clock tree and pads are not counted; the interface to the DRAM is listed apart from engines and SRAMs",
)
ComponentArea = tuple[tuple[str, float], ...]
"""Pairs of (component, um2), sorted by component."""

_MEMORIES = frozenset({AreaUnit.ROW_MEMORY, AreaUnit.WEIGHT_BANK, AreaUnit.SRAM})
_INTERFACES = frozenset({AreaUnit.DRAM_PHY, AreaUnit.DRAM_CONTROLLER})


@dataclass(frozen=True, slots=True)
class AreaLine:
    """Equal units of one component, with their area and where it is from.

    Parameters
    ----------
    component : str
        Engine, SRAM or DRAM.
    unit : AreaUnit
        Kind of hardware.
    widths : tuple of int
        Widths as the kind lists them.
    count : int
        How many.
    um2 : float
        Area of all of them.
    source : str
        Row, rule and scaling that it rests on.
    status : Status
        Measured, published, derived or assumed.
    """

    component: str
    unit: AreaUnit
    widths: tuple[int, ...]
    count: int
    um2: float
    source: str
    status: Status


def dram_interface(component: str, bytes_per_s: Fraction | float) -> tuple[AreaPart, AreaPart]:
    """Parts on the die that a DRAM of that bandwidth needs, for ``AreaModel.lines``."""
    widths = (math.ceil(bytes_per_s / 10**9),)
    return AreaPart(component, AreaUnit.DRAM_PHY, widths, 1), AreaPart(component, AreaUnit.DRAM_CONTROLLER, widths, 1)


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
        Grid for row memories and private banks.
    number : "integer" or "float"
        Format of the datapaths, as in the experiment's arithmetic table.
    dram : str
        Name of the DRAM's table; empty refuses its interface.
    """

    node_nm: float
    factor: float
    scaling: str
    sram: SramTable
    number: Number = "integer"
    dram: str = ""

    @classmethod
    def of(cls, node_nm: float, sram: SramTable, number: Number = "integer", dram: str = "") -> AreaModel:
        """Model at a node.

        Raises
        ------
        MissingPrice
            If no scaling factor from 45 nm to that node is stored.
        """
        if node_nm == NODE_NM:
            return cls(float(node_nm), 1.0, "", sram, number, dram)
        scales = read_table("scaling.csv")
        for raw in scales:
            if float(raw["to_nm"]) == node_nm:
                scaling = f"area times {raw['area_factor']}: {raw['source']}"
                return cls(float(node_nm), float(raw["area_factor"]), scaling, sram, number, dram)
        allowed = (f"{NODE_NM} nm", *(f"{raw['to_nm']} nm" for raw in scales))
        raise MissingPrice(f"no logic areas at {node_nm:g} nm", value=f"{node_nm:g} nm", allowed=allowed)

    def unit_um2(self, unit: AreaUnit, widths: tuple[int, ...]) -> float:
        """Area of one unit.

        Raises
        ------
        MissingPrice
            For a unit without a row or widths without a rule.
        """
        if len(widths) != ARITY[unit] or min(widths) < 1:
            raise unknown(unit, widths, self.number)
        if unit in _MEMORIES:
            return self._memory_um2(unit, *widths)
        if unit in _INTERFACES:
            return self._interface(unit, widths[0])[0]
        return LogicRules(self.number).um2(unit, widths) * self.factor

    def _memory_um2(self, unit: AreaUnit, size: int, bits: int) -> float:
        if unit is AreaUnit.SRAM:
            return self.sram.bank(size, bits).area_um2
        in_flip_flops = self._in_flip_flops(unit, size, bits)
        return self._flip_flops_um2(unit, size, bits) if in_flip_flops else self._banks_um2(unit, size, bits)

    def _flip_flops_um2(self, unit: AreaUnit, size: int, bits: int) -> float:
        logic = LogicRules(self.number)
        port = logic.um2(AreaUnit.TABLE_PORT, (size, bits)) if unit is AreaUnit.WEIGHT_BANK else 0.0
        return (logic.register(size * bits) + port) * self.factor

    def _banks_um2(self, unit: AreaUnit, size: int, bits: int) -> float:
        """Banks of at least the grid's smallest size."""
        split = self._split(unit, size, bits)
        banks = split.count * (2 if unit is AreaUnit.ROW_MEMORY else 1)
        return banks * self.sram.bank(max(split.bank_bytes, self.sram.smallest_bank_bytes), split.word_bits).area_um2

    def _split(self, unit: AreaUnit, size: int, bits: int) -> BankSplit:
        if unit is AreaUnit.ROW_MEMORY:
            return self.sram.split(-(-size // 2), bits, packed=False)
        return self.sram.split(size, bits, packed=True)

    def _in_flip_flops(self, unit: AreaUnit, size: int, bits: int) -> bool:
        small = self._split(unit, size, bits).bank_bytes < self.sram.smallest_bank_bytes
        return small and self._flip_flops_um2(unit, size, bits) <= self._banks_um2(unit, size, bits)

    def _interface(self, unit: AreaUnit, gigabytes_per_s: int) -> tuple[float, str]:
        for row in interface_rows():
            if row.unit is unit and row.dram == self.dram:
                count = math.ceil(gigabytes_per_s / row.gigabytes_per_s)
                return count * row.value_um2, f"{count} x {row.gigabytes_per_s:g} GB/s: {row.source}"
        raise MissingPrice(
            f"no area of the {unit} of DRAM {self.dram or '(none named)'}",
            value=self.dram or "none",
            allowed=tuple(row.dram for row in interface_rows() if row.unit is unit),
            remedy="name a DRAM whose interface has a row in dram_area.csv",
        )

    def lines(self, parts: Iterable[AreaPart], srams: Iterable[PricedSram] = ()) -> tuple[AreaLine, ...]:
        """Area by component and unit; equal units of a component are one line.

        Parameters
        ----------
        parts : iterable of AreaPart
            Parts of engines, and of the DRAM's interface (``dram_interface``).
        srams : iterable of PricedSram
            The machine's SRAMs, a component each.

        Raises
        ------
        MissingPrice
            For a part without a row or rule.
        """
        counts: dict[tuple[str, AreaUnit, tuple[int, ...]], int] = {}
        for part in parts:
            key = (part.component, part.unit, part.widths)
            counts[key] = counts.get(key, 0) + part.count
        lines = [self._line(*key, count) for key, count in counts.items()]
        for sram in srams:
            widths = (sram.bank_bytes, sram.word_bits)
            source, status = self._sram_provenance(sram.bank_bytes, sram.word_bits)
            lines.append(AreaLine(sram.name, AreaUnit.SRAM, widths, sram.banks, sram.area_um2, source, status))
        return tuple(sorted(lines, key=lambda line: (line.component, line.unit, line.widths)))

    def _line(self, component: str, unit: AreaUnit, widths: tuple[int, ...], count: int) -> AreaLine:
        source, status = self.provenance(unit, widths)
        return AreaLine(component, unit, widths, count, count * self.unit_um2(unit, widths), source, status)

    def provenance(self, unit: AreaUnit, widths: tuple[int, ...]) -> tuple[str, Status]:
        """Source and status of a unit's area; ``MissingPrice`` as in ``unit_um2``."""
        self.unit_um2(unit, widths)
        if unit in _INTERFACES:
            return self._interface(unit, widths[0])[1], Status.ASSUMED
        if unit is AreaUnit.SRAM:
            return self._sram_provenance(*widths)
        if unit in _MEMORIES and not self._in_flip_flops(unit, *widths):
            return f"rule {unit}: {self.sram.source}", Status.DERIVED
        rows = rows_of(unit, self.number)
        stored = next((row for row in rows if row.widths == widths), None)
        logic = dict.fromkeys(row.source for row in ((stored,) if stored else rows))
        source = "; ".join(logic)
        if stored is None:
            source = f"rule {unit}: {source or 'its parts'}"
        if self.scaling:
            source = f"{source}; {self.scaling}"
        return source, stored.status if stored and not self.scaling else Status.DERIVED

    def _sram_provenance(self, bank_bytes: int, word_bits: int) -> tuple[str, Status]:
        stored = self.sram.holds(bank_bytes, word_bits)
        return self.sram.source, Status.MEASURED if stored else Status.DERIVED

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
        sources = dict.fromkeys(row.source for row in area_rows() if self._in_use(row))
        scaled = (self.scaling,) if self.scaling else ()
        return TableInfo("area", NAME, self.node_nm, None, (*sources, *scaled), NOTES)

    def _in_use(self, row: AreaRow) -> bool:
        return row.number in (self.number, "any")
