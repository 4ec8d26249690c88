"""DRAM prices: picojoules per bit moved, by the name of a device.

``ddr4_2400`` is what a public DRAM simulator charges per bit at full stream, standby and refresh
included; the pessimistic end of the same device has a name of its own. Reads and writes cost the
same. Proof: ``tests/unit/test_energy.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from simsnn.energy.rows import ListedRow, Status, TableInfo, optional_float, read_table
from simsnn.errors import ConfigError, nearest

FILE = "dram.csv"


@dataclass(frozen=True, slots=True)
class DramTable:
    """Energy of one DRAM device.

    Parameters
    ----------
    row : ListedRow
        Its price per bit, with source.
    """

    row: ListedRow

    @property
    def name(self) -> str:
        """Name in ``energy.dram``."""
        return self.row.table

    @property
    def pj_per_bit(self) -> float:
        """Price of one bit, read or written."""
        return self.row.value

    def rows(self) -> tuple[ListedRow, ...]:
        """The one row."""
        return (self.row,)

    def info(self) -> TableInfo:
        """Source for the report."""
        return TableInfo("dram", self.name, self.row.node_nm, self.row.voltage_v, (self.row.source,), (self.row.note,))


def dram_names() -> tuple[str, ...]:
    """Names that ``energy.dram`` may take."""
    return tuple(raw["name"] for raw in read_table(FILE))


@cache
def dram_table(name: str) -> DramTable:
    """The device of that name; ``ConfigError`` with the nearest name otherwise."""
    for raw in read_table(FILE):
        if raw["name"] == name:
            node, voltage = optional_float(raw["node_nm"]), optional_float(raw["voltage_v"])
            value, status = float(raw["value_pj_per_bit"]), Status(raw["status"])
            unit, width, value_unit = "dram_read, dram_write", "1", "pJ/bit"
            return DramTable(
                ListedRow(name, unit, width, node, voltage, value, value_unit, raw["source"], status, raw["note"])
            )
    names = dram_names()
    raise ConfigError(f"unknown DRAM energy table {name!r}", value=name, allowed=names, nearest=nearest(name, names))
