"""What hardware consists of: plain records that engines declare and the area tables price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AreaUnit(StrEnum):
    """Kinds of hardware with an area: the widths each one takes stand beside it, in bits unless said.

    With float arithmetic the adders, multipliers and sums of a unit are floats of that many bits;
    registers, multiplexers, tables, banks and scanners hold bits whatever they mean.
    """

    ADD = "add"  # (bits)
    MULTIPLY = "multiply"  # (bits, other bits)
    REGISTER = "register"  # (bits)
    SELECT = "select"  # (bits): a two-input multiplexer per bit
    GATE = "gate"  # (bits): one two-input gate per bit, such as a spike that gates an operand
    MAC_PE = "mac_pe"  # (stationary bits, streamed bits, partial-sum bits)
    GATED_ADD_PE = "gated_add_pe"  # (weight bits, accumulator bits)
    ADDER_TREE_PE = "adder_tree_pe"  # (operands, weight bits, accumulator bits)
    LUT_PE = "lut_pe"  # (address bits, entry bits, accumulator bits)
    ROW_MEMORY = "row_memory"  # (rows, bits): one read and one write per edge, rows in sequence
    LUT_TABLE = "lut_table"  # (entries, entry bits): storage without ports; entry 0 is wired to zero
    TABLE_PORT = "table_port"  # (entries, entry bits): read multiplexer, entries : 1
    ADDER_TREE = "adder_tree"  # (operands, sum bits): operands - 1 adders, a register behind each; no accumulator
    CROSSBAR = "crossbar"  # (inputs, outputs, bits): any input to any output
    SCANNER = "scanner"  # (mask bits per edge): the indices of all set bits, compacted
    PRIORITY_ENCODER = "priority_encoder"  # (flags per edge): the index of the first set flag
    LINE_FEEDER = "line_feeder"  # (bits): sliding window of operands, a register and a shift-or-load select per bit
    WEIGHT_BANK = "weight_bank"  # (words, bits): private memory, one read or one write per edge, any order
    SRAM = "sram"  # (bank bytes, word bits), count = banks: declared by the machine, not by engines
    DRAM_PHY = "dram_phy"  # (GB/s): declared by the machine, not by engines
    DRAM_CONTROLLER = "dram_controller"  # (GB/s): declared by the machine, not by engines


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
