"""Numbers for people: SI prefixes and significant digits, for the terminal and the figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SYMBOLS = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}
_SECONDS_LARGEST = 0


@dataclass(frozen=True, slots=True)
class Prefix:
    """An SI prefix: a value is ``scale`` times what is written in front of ``symbol``."""

    exponent: int
    symbol: str

    @property
    def scale(self) -> float:
        """Factor of the prefix, 1000 for kilo."""
        return float(10.0**self.exponent)


def prefix_of(value: float, largest: int = 15) -> Prefix:
    """Prefix with which a value is written as 1 to 999; none for 0.

    Parameters
    ----------
    value : float
        In the unit without a prefix.
    largest : int
        Largest exponent of ten that may be used: 0 for seconds, of which there are no kiloseconds.
    """
    if not value:
        return Prefix(0, "")
    exponent = 3 * math.floor(math.log10(abs(value)) / 3)
    exponent = max(-15, min(largest, exponent))
    return Prefix(exponent, _SYMBOLS[exponent])


def mm2(area_um2: float) -> str:
    """Write an area with three digits, in full from 1,000 mm2 on: ``101 mm2``, ``1,504 mm2``."""
    area = area_um2 / 1e6
    return f"{area:,.0f} mm2" if area >= 1000 else f"{area:.3g} mm2"


def si(value: float, unit: str = "", digits: int = 4) -> str:
    """Write a value with ``digits`` significant digits and an SI prefix: ``12.35k``, ``1.2 uJ``.

    Whole numbers below 10**digits are written in full, as cycles are best compared exactly.
    """
    if not value or (not unit and value == int(value) and abs(value) < 10**digits):
        return f"{int(value)} {unit}".rstrip()
    largest = _SECONDS_LARGEST if unit == "s" else 15
    rounded = float(f"{value:.{digits - 1}e}")
    prefix = prefix_of(rounded, largest)
    number = rounded / prefix.scale
    places = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    text = f"{number:.{min(places, digits)}f}"
    return f"{text} {prefix.symbol}{unit}" if unit else f"{text}{prefix.symbol}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write how many: ``1 iteration``, ``24 iterations``; a plural that is not with ``s`` is given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """Write a share of 1 in whole per cent; what is there but below 1 % shows as ``<1%``."""
    if 0 < share < 0.01:
        return "<1%"
    return f"{share * 100:.0f}%"
