"""Records of a reproduction: checks, fitted constants, and the table of what was measured.

``exact`` is proven equal and fails the command where it is not; ``calibrated`` rests on one fitted
constant, which it names; ``assumed`` is computed from assumptions without fitting, and a miss is
printed with its cause. Source of the shape: docs/contracts (``reproduce NAME --json``).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_ID = re.compile(r"[a-z0-9_.]+")


class Standing(StrEnum):
    """What a check rests on."""

    EXACT = "exact"
    CALIBRATED = "calibrated"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Claim:
    """One number beside its bounds.

    Parameters
    ----------
    id : str
        Matches ``[a-z0-9_.]+``.
    value : float or None
        What was found; None where it was not run.
    low, high : float or None
        Bounds, both included; None where there is none on that side.
    standing : Standing
        Exact, calibrated or assumed.
    note : str
        What it is, and where it misses, why.
    """

    id: str
    value: float | None
    low: float | None
    high: float | None
    standing: Standing
    note: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"check id {self.id!r} must match [a-z0-9_.]+")

    @property
    def passed(self) -> bool:
        """Within its bounds; False where it was not run."""
        if self.value is None:
            return False
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the interface contract."""
        return {
            "id": self.id,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "pass": self.passed,
            "status": self.standing.value,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Constant:
    """A fitted constant: its name, its value, and what it was fitted to."""

    name: str
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one CSV file, all with the same columns in the same order."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def to_csv(self) -> str:
        """Its text."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in self.rows])
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure of the reproduction: file stem, and what draws it into a file."""

    name: str
    draw: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Everything a reproduction found.

    Parameters
    ----------
    name : str
        Paper.
    claims : tuple of Claim
        Checks in the order of the printed table.
    constants : tuple of Constant
        Fitted constants only.
    tables : tuple of Table
        What was measured.
    drawings : tuple of Drawing
        Its figures.
    configs : tuple of (str, str)
        File stem and YAML of every resolved experiment that made the numbers.
    """

    name: str
    claims: tuple[Claim, ...]
    constants: tuple[Constant, ...]
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    configs: tuple[tuple[str, str], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether an exact check failed: nothing else fails the command."""
        return any(not claim.passed for claim in self.claims if claim.standing is Standing.EXACT)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the interface contract."""
        constants = [{"name": c.name, "value": c.value, "why": c.why} for c in self.constants]
        return {"name": self.name, "checks": [claim.to_json() for claim in self.claims], "constants": constants}

    def to_text(self) -> str:
        """``checks.json`` as it is stored."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"
