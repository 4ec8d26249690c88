"""Records of a validation: one row per machine and switch combination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["reference", "fast", "rtl", "scalesim", "dram"]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Parameters
    ----------
    machine, switches : str
        What was compared, in which setting.
    level : str
        What it was compared with (docs/machines section 2).
    cases, mismatches : int
        How many cases, how many of them differ anywhere.
    max_error : int
        Largest difference of any integer compared.
    """

    machine: str
    switches: str
    level: Level
    cases: int
    mismatches: int
    max_error: int

    @property
    def status(self) -> str:
        """``exact`` when nothing differs, else ``differs``."""
        return "exact" if not self.mismatches else "differs"


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison that can be run: by name, with a number of cases and a seed."""

    machine: str
    switches: str
    run: Callable[[int, int], Row]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All rows of a validation."""

    rows: tuple[Row, ...]

    @property
    def mismatches(self) -> int:
        """Cases that differ, over all rows."""
        return sum(row.mismatches for row in self.rows)

    @property
    def cases(self) -> int:
        """Cases over all rows."""
        return sum(row.cases for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """The JSON object of the interface contract; mutants are counted in a checkout only."""
        machines = [asdict(row) | {"status": row.status} for row in self.rows]
        return {"name": "validate", "machines": machines, "mutation": None}
