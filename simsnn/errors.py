"""Every error a user can meet: where, what, what is allowed, what to do.

Exit codes are part of the interface: 1 a check failed, 2 bad input or capacity or a refused
operation, 130 interrupted, 70 a bug of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (docs/contracts: commands)."""

    DONE = 0
    CHECK_FAILED = 1
    BAD_INPUT = 2
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Where:
    """Place of a value in the user's files; ``path`` is dotted, ``hardware.arrays.0.rows``."""

    path: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else (self.file or "")
        return ": ".join(part for part in (place, self.path) if part)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Closest known name, or None when nothing is close."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return close[0] if close else None


class SimsnnError(Exception):
    """Base of every error that a user's input can cause.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence, with values and units.
    where : Where
        File, line and dotted path of the offending value.
    value : object
        The offending value as it was written.
    allowed : tuple of str
        What may stand there instead.
    nearest : str or None
        The allowed value that was probably meant.
    remedy : str
        What to do.
    """

    kind = "error"
    exit_code = ExitCode.BAD_INPUT

    def __init__(
        self,
        message: str,
        *,
        where: Where = Where(),
        value: object = None,
        allowed: tuple[str, ...] = (),
        nearest: str | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.value = value
        self.allowed = allowed
        self.nearest = nearest
        self.remedy = remedy

    def __str__(self) -> str:
        place = str(self.where)
        first = f"{place}: {self.message}" if place else self.message
        hints = []
        if self.nearest:
            hints.append(f"did you mean {self.nearest!r}?")
        if self.allowed:
            hints.append("allowed: " + ", ".join(self.allowed))
        if self.remedy:
            hints.append(self.remedy)
        return first + ("\n  " + "; ".join(hints) if hints else "")

    def located(self, where: Where) -> SimsnnError:
        """Same error with its place filled in, for callers that know the file and line."""
        self.where = where
        return self

    def to_json(self) -> dict[str, object]:
        """The JSON object of the interface contract."""
        return {
            "kind": self.kind,
            "message": self.message,
            "file": self.where.file,
            "line": self.where.line,
            "path": self.where.path or None,
            "value": self.value if isinstance(self.value, int | float | str | bool | None) else str(self.value),
            "allowed": list(self.allowed),
            "nearest": self.nearest,
            "remedy": self.remedy or None,
        }


class ConfigError(SimsnnError):
    """The experiment says something that cannot be."""

    kind = "config"


class CapacityError(SimsnnError):
    """A tensor or a chunk does not fit; carries the numbers and what would make it fit."""

    kind = "capacity"

    def __init__(
        self, message: str, *, demand: int, bound: int, unit: str, levers: tuple[str, ...], where: Where = Where()
    ) -> None:
        text = f"{message}: needs {demand:,} {unit}, has {bound:,} {unit}"
        super().__init__(text, where=where, value=f"{demand} {unit}", remedy="to make it fit: " + "; ".join(levers))
        self.demand = demand
        self.bound = bound
        self.unit = unit
        self.levers = levers


class UnsupportedOperation(SimsnnError):
    """An engine refuses an operation; the message is the reason."""

    kind = "unsupported"


class TraceError(SimsnnError):
    """A recorded activity file that does not hold what it says."""

    kind = "trace"


class MissingPrice(SimsnnError):
    """An action without a price in the named energy table; never priced as zero."""

    kind = "missing_price"


class ModelDisagreement(SimsnnError):
    """Two levels of the simulator disagree: a bug of ours, never the user's."""

    kind = "model_disagreement"
    exit_code = ExitCode.BUG
