"""What hardware consists of: plain records that engines declare and the area tables price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AreaUnit(StrEnum):
    """Kinds of hardware with a row in the area table; the widths each one takes stand beside it."""

    ADD = "add"  # (bits)
    MULTIPLY = "multiply"  # (bits, other bits)
    REGISTER = "register"  # (bits)
    MAC_PE = "mac_pe"  # (stationary bits, streamed bits, partial-sum bits)
    GATED_ADD_PE = "gated_add_pe"  # (weight bits, accumulator bits)
    ADDER_TREE_PE = "adder_tree_pe"  # (operands, weight bits, accumulator bits)
    LUT_PE = "lut_pe"  # (address bits, entry bits, accumulator bits)
    ROW_MEMORY = "row_memory"  # (rows, bits): one read and one write per edge, rows in sequence


@dataclass(frozen=True, slots=True)
class AreaPart:
    """``count`` equal units of one kind in one component.

    Parameters
    ----------
    component : str
        Engine or memory it belongs to.
    unit : AreaUnit
        Kind.
    widths : tuple of int
        Widths as the kind lists them.
    count : int
        How many.
    """

    component: str
    unit: AreaUnit
    widths: tuple[int, ...]
    count: int
