"""What a value of an axis or of a column counts as: texts that are quantities compare by their value."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from simsnn.units import Dimension, QuantityError, parse_quantity


def comparable(value: Any) -> Any:
    """A number for a number or a quantity (``"32 KiB"`` is 32768), in the dimension's base unit; else the value.

    A text of digits alone stays a text: without a unit it is a name.
    """
    if not isinstance(value, str) or not value[:1].isdigit() or value.strip().isdigit():
        return value
    return _parsed(value)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> int | float | str:
    for dimension in Dimension:
        try:
            found = parse_quantity(text, dimension)
        except QuantityError:
            continue
        return int(found) if found.denominator == 1 else float(found)
    return text
