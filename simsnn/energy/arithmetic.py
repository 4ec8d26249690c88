"""Prices of arithmetic and registers: published rows, and one recorded rule for each other width.

Rules, by row:

===============  ==========================================================================
``log_log``      between published widths a straight line in log-log (a multiply: in the
                 product of its two widths); below the smallest in proportion to the width
                 (product); above the largest no price
``linear``       in proportion to the width
``exact``        the listed widths only
``up_to``        the same price for every width up to the listed one
``as_add``       the add of that width
``width_adds``   w adds of w bits
``half_width_adds``  ceil(w / 2) adds of w bits
``formats``      the listed formats; a multiply of two listed formats as the wider one's square, a
                 multiply by one bit (a spike) as the select of the other width
``table``        entry register of w bits, and one select of w bits for each of the ceil(log2 n)
                 levels of the read multiplexer on the chosen entry's path (n entries)
===============  ==========================================================================

An action or width without a price raises :class:`MissingPrice`; nothing is ever priced as zero.
Sets at 32, 28 and 22 nm are the 45 nm set of the same number format times one published logic scaling
factor each; the report lists that source beside the set's own. Proof: ``tests/unit/test_energy.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from simsnn.costs import Action, ActionKey
from simsnn.energy.interpolate import log_log
from simsnn.energy.rows import ListedRow, Number, Status, TableInfo, optional_float, read_table
from simsnn.errors import ConfigError, MissingPrice, nearest

LISTED_WIDTHS = (1, 2, 4, 8, 12, 16, 24, 32)
"""Widths at which ``rows`` shows what the rules give."""

LISTED_ENTRIES = 16
"""Entries of the table whose read ``rows`` shows."""

_TWO_WIDTHS = frozenset({Action.MULTIPLY, Action.TABLE_READ})
NOTES = ("leakage and clock tree of logic are not priced",)


@dataclass(frozen=True, slots=True)
class ArithmeticSet:
    """Where a named table comes from: a file, a number format, a node to scale to."""

    name: str
    file: str
    number: Number
    node_nm: int


SETS = (
    ArithmeticSet("horowitz_45nm", "horowitz_45nm.csv", "integer", 45),
    ArithmeticSet("horowitz_45nm_float", "horowitz_45nm.csv", "float", 45),
    ArithmeticSet("horowitz_32nm", "horowitz_45nm.csv", "integer", 32),
    ArithmeticSet("horowitz_32nm_float", "horowitz_45nm.csv", "float", 32),
    ArithmeticSet("horowitz_28nm", "horowitz_45nm.csv", "integer", 28),
    ArithmeticSet("horowitz_28nm_float", "horowitz_45nm.csv", "float", 28),
    ArithmeticSet("horowitz_22nm", "horowitz_45nm.csv", "integer", 22),
    ArithmeticSet("horowitz_22nm_float", "horowitz_45nm.csv", "float", 22),
    ArithmeticSet("aladdin_45nm", "aladdin_45nm.csv", "integer", 45),
)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of an arithmetic table; ``value_pj`` is None where the rule refers to the add."""

    action: Action
    rule: str
    width_bits: int
    other_width_bits: int
    node_nm: float
    voltage_v: float | None
    value_pj: float | None
    source: str
    status: Status
    note: str


@dataclass(frozen=True, slots=True)
class ArithmeticTable:
    """A named set of arithmetic prices.

    Parameters
    ----------
    name : str
        Name in ``energy.arithmetic``.
    node_nm : float
        Node of its prices.
    rows_ : tuple of PriceRow
        Stored rows at the node they were published for.
    factor : float
        Energy factor of node scaling; 1 without.
    scaling : str
        Source of the factor; empty without.
    number : "integer" or "float"
        Format of the numbers whose arithmetic it prices.
    """

    name: str
    node_nm: float
    rows_: tuple[PriceRow, ...]
    factor: float = 1.0
    scaling: str = ""
    number: Number = "integer"

    def price_pj(self, key: ActionKey) -> float:
        """Price of one action in pJ.

        Raises
        ------
        MissingPrice
            If the table has no row or no rule for this action and width.
        """
        value = self._base_pj(key.action, key.bits, key.other_bits)
        if value is None:
            raise MissingPrice(
                f"energy table {self.name} has no price for {key.name}",
                value=key.name,
                allowed=self._allowed(key.action),
                remedy="choose another energy.arithmetic table, or a width that the table covers",
            )
        return value * self.factor

    def _of(self, action: Action) -> tuple[PriceRow, ...]:
        return tuple(row for row in self.rows_ if row.action is action)

    def _allowed(self, action: Action) -> tuple[str, ...]:
        rows = self._of(action)
        if not rows:
            return tuple(sorted({f"{row.action} ({row.rule})" for row in self.rows_}))
        return tuple(f"{row.action}_{_width(row.width_bits, row.other_width_bits)} ({row.rule})" for row in rows)

    def _base_pj(self, action: Action, bits: int, other: int) -> float | None:
        rows = self._of(action)
        if not rows or bits < 1 or (action in _TWO_WIDTHS) != (other > 0):
            return None
        rule, value, width = rows[0].rule, rows[0].value_pj, rows[0].width_bits
        if rule == "log_log":
            return _log_log_pj(rows, bits, other)
        if rule == "table":
            return self._table_pj(bits, other)
        if rule == "formats":
            spike = action is Action.MULTIPLY and min(bits, other) == 1
            return self._base_pj(Action.SELECT, max(bits, other), 0) if spike else _format_pj(rows, bits, other)
        if rule == "exact":
            exact = [row.value_pj for row in rows if (row.width_bits, row.other_width_bits) == (bits, other)]
            return exact[0] if exact else None
        if rule in ("linear", "up_to"):
            if value is None or (rule == "up_to" and bits > width):
                return None
            return value * bits / width if rule == "linear" else value
        add = self._base_pj(Action.ADD, bits, 0)
        times = {"as_add": 1, "width_adds": bits, "half_width_adds": -(-bits // 2)}[rule]
        return None if add is None else times * add

    def _table_pj(self, bits: int, entries: int) -> float | None:
        register, select = self._base_pj(Action.REGISTER_READ, bits, 0), self._base_pj(Action.SELECT, bits, 0)
        return None if register is None or select is None else register + (entries - 1).bit_length() * select

    def rows(self) -> tuple[ListedRow, ...]:
        """Every stored row, and what the rules give at the usual widths."""
        listed = []
        for action in Action:
            for bits in LISTED_WIDTHS if self._of(action) else ():
                other = {Action.MULTIPLY: bits, Action.TABLE_READ: LISTED_ENTRIES}.get(action, 0)
                value = self._base_pj(action, bits, other)
                if value is not None:
                    listed.append(self._listed(action, bits, other, value * self.factor))
        return tuple(listed)

    def _listed(self, action: Action, bits: int, other: int, value: float) -> ListedRow:
        rows = self._of(action)
        stored = [row for row in rows if (row.width_bits, row.other_width_bits) == (bits, other)]
        row = stored[0] if stored else rows[0]
        derived = Status.ASSUMED if row.status is Status.ASSUMED else Status.DERIVED
        status = row.status if stored and not self.scaling else derived
        source = f"{row.source}; {self.scaling}" if self.scaling else row.source
        note = row.note if stored else "; ".join(part for part in (f"rule {row.rule}", row.note) if part)
        return ListedRow(
            self.name, action, _width(bits, other), self.node_nm, row.voltage_v, value, "pJ", source, status, note
        )

    def info(self) -> TableInfo:
        """Node, voltage and sources for the report."""
        voltages = [row.voltage_v for row in self.rows_ if row.voltage_v is not None]
        sources = dict.fromkeys(row.source for row in self.rows_ if row.source != "rule")
        scaled = (self.scaling,) if self.scaling else ()
        return TableInfo("arithmetic", self.name, self.node_nm, voltages[0], (*sources, *scaled), NOTES)


def _width(bits: int, other: int) -> str:
    return f"{bits}x{other}" if other else str(bits)


def _format_pj(rows: tuple[PriceRow, ...], bits: int, other: int) -> float | None:
    """Price of a listed format; two listed formats multiply as the wider one."""
    listed = {(row.width_bits, row.other_width_bits): row.value_pj for row in rows}
    formats = {row.width_bits for row in rows}
    if not {bits, other or bits} <= formats:
        return None
    wider = max(bits, other)
    return listed.get((wider, wider if other else 0))


def _log_log_pj(rows: tuple[PriceRow, ...], bits: int, other: int) -> float | None:
    """Log-log in the width, or in the product of both; refuses any width above the widest published."""
    points = tuple((float(r.width_bits * max(1, r.other_width_bits)), r.value_pj or 0.0) for r in rows)
    widest = max(row.width_bits for row in rows)
    if max(bits, other) > widest:
        return None
    size = float(bits * max(1, other))
    least, price = points[0]
    return price * size / least if size < least else log_log(points, size)


def _row(raw: dict[str, str]) -> PriceRow:
    return PriceRow(
        action=Action(raw["op"]),
        rule=raw["rule"],
        width_bits=int(raw["width_bits"] or 0),
        other_width_bits=int(raw["other_width_bits"] or 0),
        node_nm=float(raw["node_nm"]),
        voltage_v=optional_float(raw["voltage_v"]),
        value_pj=optional_float(raw["value_pj"]),
        source=raw["source"],
        status=Status(raw["status"]),
        note=raw["note"],
    )


def arithmetic_names() -> tuple[str, ...]:
    """Names that ``energy.arithmetic`` may take."""
    return tuple(entry.name for entry in SETS)


@cache
def arithmetic_table(name: str) -> ArithmeticTable:
    """The table of that name; ``ConfigError`` with the nearest name otherwise."""
    names = arithmetic_names()
    if name not in names:
        raise ConfigError(
            f"unknown arithmetic energy table {name!r}", value=name, allowed=names, nearest=nearest(name, names)
        )
    entry = SETS[names.index(name)]
    rows = tuple(_row(raw) for raw in read_table(entry.file) if raw["number"] == entry.number)
    if rows[0].node_nm == entry.node_nm:
        return ArithmeticTable(name, rows[0].node_nm, rows, number=entry.number)
    scale = next(raw for raw in read_table("scaling.csv") if int(raw["to_nm"]) == entry.node_nm)
    source = f"times {scale['energy_factor']} from {scale['from_nm']} nm: {scale['source']} ({scale['note']})"
    return ArithmeticTable(name, float(entry.node_nm), rows, float(scale["energy_factor"]), source, entry.number)
