"""Units: NewTypes for the inside, one small registry for the YAML boundary.

Inside simsnn every quantity is an integer or float whose name carries its unit
(``*_cycles``, ``*_bytes``, ``*_bits``, ``*_pj``, ``*_ns``, ``*_hz``). Strings with units exist
in YAML alone; this module owns both directions of that conversion, and nothing else converts.

The registry knows the units of the interface contract and no others, because a general
registry reads ``b`` as barn and ``cycle`` as 2 pi rad. KiB is not kB.
"""

from __future__ import annotations

import difflib
import math
import re
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    import pint

Cycles = NewType("Cycles", int)
Bits = NewType("Bits", int)
Bytes = NewType("Bytes", int)
Picojoules = NewType("Picojoules", float)

_BASE_UNITS = (
    "bit = [information]",
    "B = 8 * bit",
    "second = [time] = s",
    "J = [energy]",
    "V = [voltage]",
    "um = [length]",
    "cycle = [clock] = _ = cycles",
)
_SCALED_UNITS: dict[str, dict[str, float]] = {
    "B": {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
    "1 / second": {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9},
    "second": {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3},
    "J": {"pJ": 1e-12, "nJ": 1e-9, "uJ": 1e-6, "mJ": 1e-3},
    "um": {"nm": 1e-3, "mm": 1e3},
    "um ** 2": {"um2": 1, "mm2": 1e6},
}
_QUANTITY = re.compile(r"^\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([A-Za-z][A-Za-z0-9]*(?:/[A-Za-z]+)?)\s*$")


class Dimension(Enum):
    """What a YAML quantity measures; the value is ``(internal unit, units accepted)``."""

    SIZE = ("B", ("B", "kB", "MB", "GB", "KiB", "MiB", "GiB"))
    WIDTH = ("bit", ("bit",))
    FREQUENCY = ("Hz", ("Hz", "kHz", "MHz", "GHz"))
    TIME = ("ns", ("ps", "ns", "us", "ms", "s"))
    ENERGY = ("pJ", ("pJ", "nJ", "uJ", "mJ", "J"))
    VOLTAGE = ("V", ("V",))
    LENGTH = ("nm", ("nm", "um", "mm"))
    AREA = ("um2", ("um2", "mm2"))
    BANDWIDTH = ("B/s", ("B/s", "kB/s", "MB/s", "GB/s", "KiB/s", "MiB/s", "GiB/s"))
    RATE = ("B/cycle", ("B/cycle", "kB/cycle", "KiB/cycle"))
    CYCLES = ("cycle", ("cycle", "cycles"))

    @property
    def unit(self) -> str:
        """Unit in which the inside of simsnn holds this dimension."""
        return str(self.value[0])

    @property
    def accepted(self) -> tuple[str, ...]:
        """Units that YAML may use for this dimension."""
        return tuple(self.value[1])


class QuantityError(ValueError):
    """A YAML quantity that cannot be read; says what is allowed and what was probably meant."""

    def __init__(self, message: str, *, allowed: tuple[str, ...], nearest: str | None) -> None:
        super().__init__(message)
        self.allowed = allowed
        self.nearest = nearest


@cache
def _registry() -> pint.UnitRegistry[float]:
    import pint

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None, cache_folder=None)
    registry.load_definitions(list(_BASE_UNITS))
    for base, scaled in _SCALED_UNITS.items():
        for name, factor in scaled.items():
            registry.define(f"{name} = {factor} * {base}")
    return registry


def parse_quantity(text: object, dimension: Dimension, also: Dimension | None = None) -> Fraction:
    """Read a quantity with its unit, exactly.

    Parameters
    ----------
    text : object
        What YAML held; only a string such as ``"32 KiB"`` is accepted.
    dimension : Dimension
        What is measured, which fixes the units that are allowed.
    also : Dimension or None
        What the caller reads in the same place: its units are named too in an error, first for a bare number.

    Returns
    -------
    Fraction
        The value in ``dimension.unit``, without rounding of the decimal that was written.

    Raises
    ------
    QuantityError
        For a bare number, an unknown unit, or a unit of another dimension.
    """
    allowed = dimension.accepted + (also.accepted if also else ())
    if not isinstance(text, str):
        raise QuantityError(f"{text!r} has no unit", allowed=allowed, nearest=f"{text} {(also or dimension).unit}")
    match = _QUANTITY.match(text)
    if match is None:
        raise QuantityError(f"{text!r} is not a number with a unit", allowed=allowed, nearest=None)
    number, unit = match.groups()
    if unit not in dimension.accepted:
        close = _closest(unit, allowed)
        nearest = f"{number} {close}" if close else None
        raise QuantityError(f"unit {unit!r} is not allowed here", allowed=allowed, nearest=nearest)
    return Fraction(number) * _factor(unit, dimension.unit)


def _closest(unit: str, allowed: tuple[str, ...]) -> str | None:
    """The unit that was probably meant: alike as it is written and apart from upper and lower case."""

    def alike(other: str) -> tuple[float, float]:
        folded = difflib.SequenceMatcher(None, unit.casefold(), other.casefold()).ratio()
        return folded + difflib.SequenceMatcher(None, unit, other).ratio(), folded

    best = max(allowed, key=alike)
    return best if alike(best)[1] >= 0.3 else None


@cache
def _factor(unit: str, target: str) -> Fraction:
    registry = _registry()
    ratio = registry.Quantity(1, registry.parse_units(unit)).to(registry.parse_units(target)).magnitude
    return Fraction(ratio).limit_denominator(10**12)


def format_quantity(value: Fraction | int | float, dimension: Dimension) -> str:
    """Write a value held in ``dimension.unit`` back as a YAML quantity, in its largest exact unit."""
    exact = Fraction(value)
    best = f"{_decimal(exact)} {dimension.unit}"
    for unit in dimension.accepted:
        scaled = exact / _factor(unit, dimension.unit)
        if scaled.denominator == 1 and len(f"{scaled} {unit}") < len(best):
            best = f"{scaled} {unit}"
    return best


def _decimal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


def ns_to_cycles(time_ns: Fraction | float, clock_hz: int) -> Cycles:
    """Configured latency in whole cycles: rounded up, once (machines.md section 1)."""
    return Cycles(math.ceil(Fraction(time_ns) * clock_hz / 10**9))


def cycles_to_ns(cycles: int, clock_hz: int) -> float:
    """Duration of a cycle count in nanoseconds, for reports and leakage only."""
    return cycles * 1e9 / clock_hz
