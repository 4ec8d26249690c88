"""Areas of logic at 45 nm: stored rows, and one recorded rule for everything else.

Stored rows come back as they are. Rules (status derived), w bits wide:

* integer adder: log-log in the width between 8 and 32 bit; multiplier: log-log in the product of
  its widths between 8x8 and 32x32; both in proportion below; nothing above;
* float adder and multiplier: the stored formats only; a multiply of two stored formats takes the
  multiplier of the wider one, a multiply by one bit (a spike) a gate per bit of the other;
* register, select, gate: in proportion to the bits;
* integer PE of other widths: its synthesized area times the ratio of its composition (adders,
  multipliers, registers by these rules) at the wanted and at the synthesized widths;
* float PE: its composition alone, every sum in the accumulator's format;
* table of n entries: (n - 1) w bits, a register and a select (hold or write) each; entry 0 is
  wired. Its read port: n - 1 selects of w bits. Crossbar: a port of ``inputs`` entries per output;
* adder tree of n operands: n - 1 adders of w bits, a register behind each;
* scanner of z mask bits: the mask register, a parallel prefix count (z/2 log2 z adders of log2 z
  bits) and log2 z stages of selects that move an index of log2 z bits together;
* priority encoder of n flags: their register, a prefix OR (n log2 n gates), n/2 log2 n gates of
  encoder;
* line feeder of w bits: a register and a select per bit.

With these rules a table, its port, an accumulating adder, a building adder and a sum register add
up to 94 % of the synthesized ``lut_pe`` of the same widths. Synthesis had no timing constraint:
integer areas are lower bounds. Proof: ``tests/unit/test_energy_area.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from simsnn.energy.area_rows import NAME, rows_of
from simsnn.energy.interpolate import log_log
from simsnn.energy.parts import AreaUnit
from simsnn.energy.rows import Number
from simsnn.errors import MissingPrice

ARITY: dict[AreaUnit, int] = {
    AreaUnit.ADD: 1,
    AreaUnit.MULTIPLY: 2,
    AreaUnit.REGISTER: 1,
    AreaUnit.SELECT: 1,
    AreaUnit.GATE: 1,
    AreaUnit.MAC_PE: 3,
    AreaUnit.GATED_ADD_PE: 2,
    AreaUnit.ADDER_TREE_PE: 3,
    AreaUnit.LUT_PE: 3,
    AreaUnit.ROW_MEMORY: 2,
    AreaUnit.LUT_TABLE: 2,
    AreaUnit.TABLE_PORT: 2,
    AreaUnit.ADDER_TREE: 2,
    AreaUnit.CROSSBAR: 3,
    AreaUnit.SCANNER: 1,
    AreaUnit.PRIORITY_ENCODER: 1,
    AreaUnit.LINE_FEEDER: 1,
    AreaUnit.WEIGHT_BANK: 2,
    AreaUnit.SRAM: 2,
    AreaUnit.DRAM_PHY: 1,
    AreaUnit.DRAM_CONTROLLER: 1,
}
"""How many widths each unit takes."""

_PER_BIT = frozenset({AreaUnit.REGISTER, AreaUnit.SELECT, AreaUnit.GATE})
_CURVES = frozenset({AreaUnit.ADD, AreaUnit.MULTIPLY})


def unknown(unit: AreaUnit, widths: tuple[int, ...], number: Number) -> MissingPrice:
    """Error for a unit or widths without a row or rule."""
    what = f"{unit}_{'x'.join(map(str, widths))}"
    rows = rows_of(unit, number)
    return MissingPrice(
        f"area table {NAME} has no {number} {unit} of widths {'x'.join(map(str, widths))}",
        value=what,
        allowed=tuple(f"{row.unit}_{row.width_text}" for row in rows),
        remedy="use the stored formats" if number == "float" else "use widths within the stored ones",
    )


def _levels(size: int) -> int:
    """ceil(log2 size): 0 for one."""
    return (size - 1).bit_length()


@dataclass(frozen=True, slots=True)
class LogicRules:
    """Logic at 45 nm with datapaths of one number format.

    Parameters
    ----------
    number : "integer" or "float"
        Format of adders, multipliers and sums.
    """

    number: Number

    def um2(self, unit: AreaUnit, widths: tuple[int, ...]) -> float:
        """Area of one unit in um2 at 45 nm.

        Raises
        ------
        MissingPrice
            For a unit without a row, or widths without a rule.
        """
        if unit in _PER_BIT:
            return self._per_bit(unit, widths[0])
        if unit in _CURVES:
            return self._operator(unit, widths)
        composition = _COMPOSITIONS.get(unit)
        if composition is None:
            raise unknown(unit, widths, self.number)
        try:
            return self._composed(unit, widths, composition)
        except MissingPrice as error:  # name the unit that was asked for, not the part without a rule
            raise unknown(unit, widths, self.number) from error

    def _composed(self, unit: AreaUnit, widths: tuple[int, ...], composition: Callable[..., float]) -> float:
        rows = rows_of(unit, self.number)
        if not rows:
            return composition(self, *widths)
        stored = rows[0]
        if widths == stored.widths:
            return stored.value_um2
        return stored.value_um2 * composition(self, *widths) / composition(self, *stored.widths)

    def _operator(self, unit: AreaUnit, widths: tuple[int, ...]) -> float:
        if self.number == "integer":
            return _curve_um2(unit, widths)
        formats = {row.widths: row.value_um2 for row in rows_of(unit, "float")}
        if unit is AreaUnit.MULTIPLY and min(widths) == 1:
            return self.gate(max(widths))
        listed = {width for stored in formats for width in stored}
        wider = tuple(repeat(max(widths), len(widths)))
        if not listed.issuperset(widths) or wider not in formats:
            raise unknown(unit, widths, self.number)
        return formats[wider]

    def _per_bit(self, unit: AreaUnit, bits: int) -> float:
        stored = rows_of(unit, self.number)[0]
        return stored.value_um2 * bits / stored.widths[0]

    def add(self, bits: int) -> float:
        """One adder in this number format."""
        return self._operator(AreaUnit.ADD, (bits,))

    def multiply(self, bits: int, other_bits: int) -> float:
        """One multiplier in this number format."""
        return self._operator(AreaUnit.MULTIPLY, (bits, other_bits))

    def register(self, bits: int) -> float:
        """Flip-flops."""
        return self._per_bit(AreaUnit.REGISTER, bits)

    def select(self, bits: int) -> float:
        """Two-input multiplexers."""
        return self._per_bit(AreaUnit.SELECT, bits)

    def gate(self, bits: int) -> float:
        """Two-input gates."""
        return self._per_bit(AreaUnit.GATE, bits)


def _curve_um2(unit: AreaUnit, widths: tuple[int, ...]) -> float:
    """Log-log between the stored integer rows, in proportion below them."""
    rows = rows_of(unit, "integer")
    if max(widths) > max(max(row.widths) for row in rows):
        raise unknown(unit, widths, "integer")
    points = tuple((_product(row.widths), row.value_um2) for row in rows)
    size = _product(widths)
    return points[0][1] * size / points[0][0] if size < points[0][0] else log_log(points, size)


def _product(widths: tuple[int, ...]) -> float:
    size = 1.0
    for width in widths:
        size *= width
    return size


def _mac_pe(rules: LogicRules, weight: int, streamed: int, partial: int) -> float:
    return rules.multiply(weight, streamed) + rules.add(partial) + rules.register(weight + streamed + partial)


def _gated_add_pe(rules: LogicRules, weight: int, accumulator: int) -> float:
    return rules.add(accumulator) + rules.register(weight + accumulator)


def _adder_tree_pe(rules: LogicRules, operands: int, weight: int, accumulator: int) -> float:
    tree, below, bits = 0.0, operands, weight
    while below > 1:  # one level of the tree: pairs are added; integers get one bit wider
        tree += below // 2 * rules.add(bits if rules.number == "integer" else accumulator)
        below, bits = -(-below // 2), bits + 1
    return tree + rules.add(accumulator) + rules.register(operands * weight + accumulator)


def _lut_pe(rules: LogicRules, address: int, entry: int, accumulator: int) -> float:
    return rules.register(2**address * entry + accumulator) + rules.add(accumulator)


def _lut_table(rules: LogicRules, entries: int, bits: int) -> float:
    return _line_feeder(rules, (entries - 1) * bits)


def _table_port(rules: LogicRules, entries: int, bits: int) -> float:
    return rules.select((entries - 1) * bits)


def _adder_tree(rules: LogicRules, operands: int, bits: int) -> float:
    return (operands - 1) * (rules.add(bits) + rules.register(bits))


def _crossbar(rules: LogicRules, inputs: int, outputs: int, bits: int) -> float:
    return outputs * _table_port(rules, inputs, bits)


def _scanner(rules: LogicRules, bits: int) -> float:
    levels = _levels(bits)
    if not levels:
        return rules.register(bits)
    prefix = -(-bits // 2) * levels * _curve_um2(AreaUnit.ADD, (levels,))  # counts are integers in any format
    return rules.register(bits) + prefix + rules.select(levels * bits * levels)


def _priority_encoder(rules: LogicRules, flags: int) -> float:
    levels = _levels(flags)
    return rules.register(flags) + rules.gate(flags * levels + -(-flags // 2) * levels)


def _line_feeder(rules: LogicRules, bits: int) -> float:
    return rules.register(bits) + rules.select(bits)


_COMPOSITIONS: dict[AreaUnit, Callable[..., float]] = {
    AreaUnit.MAC_PE: _mac_pe,
    AreaUnit.GATED_ADD_PE: _gated_add_pe,
    AreaUnit.ADDER_TREE_PE: _adder_tree_pe,
    AreaUnit.LUT_PE: _lut_pe,
    AreaUnit.LUT_TABLE: _lut_table,
    AreaUnit.TABLE_PORT: _table_port,
    AreaUnit.ADDER_TREE: _adder_tree,
    AreaUnit.CROSSBAR: _crossbar,
    AreaUnit.SCANNER: _scanner,
    AreaUnit.PRIORITY_ENCODER: _priority_encoder,
    AreaUnit.LINE_FEEDER: _line_feeder,
}
