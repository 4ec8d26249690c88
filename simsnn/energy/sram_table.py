"""SRAM prices from a stored CACTI grid: read, write, leakage, area and cycle time of one bank.

Between grid points each figure is interpolated in log(size) x log(width) at a stored node. CACTI's
own noise between neighbouring points is up to 30 %, so no power law is fitted. Outside the grid
there is no price. At 28 nm every point is interpolated in log(node) between the grids at 32 and
22 nm, where both hold it (status derived). The three tables are one grid for three device types of cells and periphery
(ITRS-hp, -lop, -lstp), whose leakage differs by four orders of magnitude.

Assumption: an SRAM of several banks is that many single-port banks; the wires among them are not
priced. Proof: ``tests/unit/test_energy.py``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from simsnn.energy.interpolate import log_blend, log_weight
from simsnn.energy.rows import ListedRow, Status, TableInfo, read_table
from simsnn.errors import ConfigError, MissingPrice, nearest

FILE = "cacti7_sram.csv"
SOURCE = "CACTI 7.0, one bank, one read-write port, RAM, 300 K, energy-delay-squared optimised"
NOTES = (
    "wires among the banks of one SRAM are not priced",
    "one read-write port per bank",
    "leakage of an engine's private banks and row memories is not priced",
)
CELLS = {"cacti7_lstp": "lstp", "cacti7_lop": "lop", "cacti7_hp": "hp"}
KIB = 1024
DERIVED_NODES = {28: (22, 32)}
"""Nodes between two stored ones whose points are interpolated, with those two."""


class Figure(StrEnum):
    """Columns of the grid."""

    READ_PJ = "read_pj"
    WRITE_PJ = "write_pj"
    LEAKAGE_MW = "leakage_mw"
    AREA_MM2 = "area_mm2"
    CYCLE_NS = "cycle_ns"


_UNITS = {
    Figure.READ_PJ: "pJ",
    Figure.WRITE_PJ: "pJ",
    Figure.LEAKAGE_MW: "mW",
    Figure.AREA_MM2: "mm2",
    Figure.CYCLE_NS: "ns",
}


@dataclass(frozen=True, slots=True)
class BankPoint:
    """One stored point of the grid, in the units of its columns."""

    size_kib: int
    width_bits: int
    read_pj: float
    write_pj: float
    leakage_mw: float
    area_mm2: float
    cycle_ns: float

    def value(self, figure: Figure) -> float:
        """One column."""
        return float(getattr(self, figure.value))


@dataclass(frozen=True, slots=True)
class BankFigures:
    """One bank: energy of a whole-word access, leakage power, area, cycle time."""

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_um2: float
    cycle_ns: float


@dataclass(frozen=True, slots=True)
class BankSplit:
    """Banks side by side that hold the words of a private memory: how many, and bytes and word of each."""

    count: int
    bank_bytes: int
    word_bits: int


class SramTable:
    """The grid of one device type at one node.

    Parameters
    ----------
    name : str
        Name in ``energy.sram``.
    node_nm : float
        Node of the grid.
    points : tuple of BankPoint
        Stored points.
    between : tuple of int
        The two stored nodes that the points were interpolated between; empty for a stored node.
    """

    def __init__(self, name: str, node_nm: float, points: tuple[BankPoint, ...], between: tuple[int, ...] = ()) -> None:
        self.name = name
        self.node_nm = node_nm
        self.between = between
        self._points = {(point.size_kib, point.width_bits): point for point in points}
        self._sizes = sorted({point.size_kib for point in points})
        self._widths = sorted({point.width_bits for point in points})

    @property
    def keys(self) -> frozenset[tuple[int, int]]:
        """(KiB, word bits) of every point."""
        return frozenset(self._points)

    def point(self, size_kib: int, width_bits: int) -> BankPoint:
        """One point of the grid, as it stands there."""
        return self._points[size_kib, width_bits]

    @property
    def smallest_bank_bytes(self) -> int:
        """Smallest bank of the grid."""
        return self._sizes[0] * KIB

    @property
    def source(self) -> str:
        """Where the figures are from."""
        derived = f"; log-log between {self.between[0]} and {self.between[1]} nm" if self.between else ""
        return f"{SOURCE}, ITRS-{CELLS[self.name]}{derived}"

    def holds(self, bank_bytes: int, word_bits: int) -> bool:
        """Whether a bank of that size and word was computed itself, not interpolated."""
        return not self.between and bank_bytes % KIB == 0 and (bank_bytes // KIB, word_bits) in self._points

    @property
    def narrowest_word_bits(self) -> int:
        """Narrowest word of the grid."""
        return self._widths[0]

    def _widest_word_bits(self, bank_bytes: int) -> int:
        """Widest word that a bank of at least that size may have."""
        below = [size for size in self._sizes if size * KIB <= bank_bytes]
        return max(width for size, width in self._points if size == below[-1])

    def split(self, words: int, bits: int, *, packed: bool) -> BankSplit:
        """Fewest banks side by side whose words the grid holds.

        Parameters
        ----------
        words, bits : int
            Words of the private memory, bits of each.
        packed : bool
            Several words narrower than the grid's narrowest stand in one row, so only bits count.
        """
        for count in range(1, bits + 1):
            share = -(-bits // count)
            word = max(share, self.narrowest_word_bits)
            bank_bytes = -(-words * share // 8) if packed else words * word // 8
            if word <= self._widest_word_bits(max(bank_bytes, self.smallest_bank_bytes)):
                break
        return BankSplit(count, bank_bytes, word)

    def bank(self, bank_bytes: int, word_bits: int) -> BankFigures:
        """Figures of one bank of that size and word.

        Raises
        ------
        MissingPrice
            If size or word lie outside the grid, naming both.
        """
        read, write, leakage, area, cycle = (self._at(figure, bank_bytes, word_bits) for figure in Figure)
        return BankFigures(read, write, leakage, area * 1e6, cycle)

    def cycle_ns(self, bank_bytes: int, word_bits: int) -> float:
        """Cycle time of one bank; see ``bank``."""
        return self._at(Figure.CYCLE_NS, bank_bytes, word_bits)

    def _at(self, figure: Figure, bank_bytes: int, word_bits: int) -> float:
        size_kib = bank_bytes / KIB
        low_size, high_size = self._bracket(self._sizes, size_kib, bank_bytes, word_bits)
        low_width, high_width = self._bracket(self._widths, word_bits, bank_bytes, word_bits)
        along_size = []
        for size in (low_size, high_size):
            ends = [self._stored(figure, size, width, bank_bytes, word_bits) for width in (low_width, high_width)]
            weight = 0.0 if low_width == high_width else log_weight(word_bits, low_width, high_width)
            along_size.append(log_blend(ends[0], ends[1], weight))
        weight = 0.0 if low_size == high_size else log_weight(size_kib, low_size, high_size)
        return log_blend(along_size[0], along_size[1], weight)

    def _bracket(self, axis: list[int], value: float, bank_bytes: int, word_bits: int) -> tuple[int, int]:
        if not axis[0] <= value <= axis[-1]:
            raise self._outside(bank_bytes, word_bits)
        index = bisect_left(axis, value)
        return (axis[index], axis[index]) if axis[index] == value else (axis[index - 1], axis[index])

    def _stored(self, figure: Figure, size: int, width: int, bank_bytes: int, word_bits: int) -> float:
        if (size, width) not in self._points:
            raise self._outside(bank_bytes, word_bits)
        return self._points[size, width].value(figure)

    def _outside(self, bank_bytes: int, word_bits: int) -> MissingPrice:
        return MissingPrice(
            f"energy table {self.name} has no bank of {bank_bytes} B with a word of {word_bits} bit",
            value=f"{bank_bytes} B x {word_bits} bit",
            allowed=(
                f"banks of {self._sizes[0]} KiB to {self._sizes[-1]} KiB",
                f"words of {self._widths[0]} bit to {self._widths[-1]} bit (above 256 bit from 2 KiB)",
            ),
            remedy="change banks, size or word of the SRAM (a bank holds size / banks)",
        )

    def rows(self) -> tuple[ListedRow, ...]:
        """Every stored figure of the grid."""
        return tuple(
            ListedRow(
                self.name,
                f"sram_{figure.value.rsplit('_', 1)[0]}",
                f"{size}KiBx{width}",
                self.node_nm,
                None,
                point.value(figure),
                _UNITS[figure],
                self.source,
                Status.DERIVED if self.between else Status.MEASURED,
                f"ITRS-{CELLS[self.name]} devices",
            )
            for (size, width), point in sorted(self._points.items())
            for figure in Figure
        )

    def info(self) -> TableInfo:
        """Node and source for the report; CACTI takes the supply voltage of the device type."""
        return TableInfo("sram", self.name, self.node_nm, None, (self.source,), NOTES)


def sram_nodes() -> tuple[int, ...]:
    """Nodes that the grid holds, in nm."""
    return tuple(sorted({int(raw["node_nm"]) for raw in read_table(FILE)}))


@cache
def sram_table(name: str, node_nm: float) -> SramTable:
    """Grid of that name at a stored node.

    Raises
    ------
    ConfigError
        For an unknown name.
    MissingPrice
        For a node that is not stored.
    """
    if name not in CELLS:
        raise ConfigError(
            f"unknown SRAM energy table {name!r}", value=name, allowed=tuple(CELLS), nearest=nearest(name, CELLS)
        )
    if node_nm in DERIVED_NODES:
        return _between(name, float(node_nm), *DERIVED_NODES[int(node_nm)])
    nodes = tuple(sorted((*sram_nodes(), *DERIVED_NODES)))
    if node_nm not in nodes:
        closest = min(nodes, key=lambda node: abs(node - node_nm))
        raise MissingPrice(
            f"energy table {name} has no figures at {node_nm:g} nm",
            value=f"{node_nm:g} nm",
            allowed=tuple(f"{node} nm" for node in nodes),
            nearest=f"{closest} nm",
            remedy="set hardware.technology.node to one of these",
        )
    rows = (raw for raw in read_table(FILE) if raw["cell"] == CELLS[name] and int(raw["node_nm"]) == node_nm)
    return SramTable(name, float(node_nm), tuple(_point(raw) for raw in rows))


def _between(name: str, node_nm: float, low_nm: int, high_nm: int) -> SramTable:
    """Every point that both stored nodes hold, each figure on a straight line in log(node) x log(figure)."""
    low, high = sram_table(name, float(low_nm)), sram_table(name, float(high_nm))
    weight = log_weight(node_nm, low_nm, high_nm)
    pairs = ((low.point(*key), high.point(*key)) for key in sorted(low.keys & high.keys))
    return SramTable(name, node_nm, tuple(_blend(a, b, weight) for a, b in pairs), (low_nm, high_nm))


def _blend(low: BankPoint, high: BankPoint, weight: float) -> BankPoint:
    figures = {figure: log_blend(low.value(figure), high.value(figure), weight) for figure in Figure}
    return _bank_point(low.size_kib, low.width_bits, figures)


def _point(raw: dict[str, str]) -> BankPoint:
    return _bank_point(int(raw["size_kib"]), int(raw["width_bits"]), {figure: float(raw[figure]) for figure in Figure})


def _bank_point(size_kib: int, width_bits: int, figures: Mapping[Figure, float]) -> BankPoint:
    return BankPoint(
        size_kib=size_kib,
        width_bits=width_bits,
        read_pj=figures[Figure.READ_PJ],
        write_pj=figures[Figure.WRITE_PJ],
        leakage_mw=figures[Figure.LEAKAGE_MW],
        area_mm2=figures[Figure.AREA_MM2],
        cycle_ns=figures[Figure.CYCLE_NS],
    )
