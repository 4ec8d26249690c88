"""Energy of counted actions: every action has a price from a named table, or the run is refused.

    energy(component) = sum over its action keys of count * price(key)
    leakage(SRAM)     = leakage power of its banks * time          (mW * ns = pJ)

Counts are integers and are stored with the report, so a report can be priced again under other
tables (``reprice``). Tables of different sources may be mixed by naming them; ``table_info`` says
which node and voltage each is for. A private bank of an engine (``bank_read``, ``bank_write``) is
priced by its size as one bank of the SRAM table, and below that table's smallest as flip-flops.
Proof: ``tests/unit/test_energy.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from simsnn.costs import Action, ActionCounts, ActionKey
from simsnn.energy.arithmetic import ArithmeticTable, arithmetic_names, arithmetic_table
from simsnn.energy.dram_table import DramTable, dram_names, dram_table
from simsnn.energy.rows import ListedRow, TableInfo
from simsnn.energy.sram_table import CELLS, BankFigures, SramTable, sram_nodes, sram_table
from simsnn.errors import ConfigError, MissingPrice, Where
from simsnn.memory.sram import SramConfig

ComponentEnergy = tuple[tuple[str, float], ...]
"""Pairs of (component, pJ), sorted by component."""

_BANK_ACTIONS = frozenset({Action.BANK_READ, Action.BANK_WRITE})
_SRAM_ACTIONS = frozenset({Action.SRAM_READ, Action.SRAM_WRITE})
_DRAM_ACTIONS = frozenset({Action.DRAM_READ, Action.DRAM_WRITE})


@dataclass(frozen=True, slots=True)
class PricedSram:
    """One SRAM of the machine with the figures of its banks."""

    name: str
    word_bits: int
    banks: int
    bank: BankFigures
    bank_bytes: int = 0

    @property
    def leakage_mw(self) -> float:
        """Leakage power of all banks."""
        return self.banks * self.bank.leakage_mw

    @property
    def area_um2(self) -> float:
        """Area of all banks."""
        return self.banks * self.bank.area_um2


@dataclass(frozen=True, slots=True)
class EnergyModel:
    """Prices of one machine.

    Parameters
    ----------
    arithmetic : ArithmeticTable
        Arithmetic and registers of every engine.
    sram : SramTable
        Table of all SRAMs.
    srams : tuple of PricedSram
        The machine's SRAMs by name.
    dram : DramTable
        Table of the DRAM.
    dram_components : tuple of str
        Component names of the DRAM, or of the local memories that stand in its place.
    """

    arithmetic: ArithmeticTable
    sram: SramTable
    srams: tuple[PricedSram, ...]
    dram: DramTable
    dram_components: tuple[str, ...]

    @classmethod
    def of(
        cls,
        *,
        arithmetic: str,
        sram: str,
        dram: str,
        srams: Iterable[SramConfig],
        dram_components: tuple[str, ...],
        node_nm: float,
    ) -> EnergyModel:
        """Look up the named tables for a machine.

        Raises
        ------
        ConfigError
            For an unknown table, or arithmetic prices of another node than the machine's.
        MissingPrice
            For a node or a bank that the SRAM table does not hold.
        """
        with _named_by("arithmetic"):
            prices = arithmetic_table(arithmetic)
        if prices.node_nm != node_nm:
            fitting = tuple(name for name in arithmetic_names() if arithmetic_table(name).node_nm == node_nm)
            message = f"energy table {arithmetic} is for {prices.node_nm:g} nm, the machine is {node_nm:g} nm"
            raise ConfigError(
                message,
                where=Where("energy.arithmetic"),
                value=arithmetic,
                allowed=fitting,
                remedy="change hardware.technology.node or energy.arithmetic",
            )
        with _named_by("sram"):
            grid = sram_table(sram, float(node_nm))
        priced = tuple(_priced(index, config, grid) for index, config in enumerate(srams))
        with _named_by("dram"):
            return cls(prices, grid, priced, dram_table(dram), dram_components)

    def price(self, key: ActionKey) -> float:
        """Price of one action in pJ.

        Raises
        ------
        MissingPrice
            Naming the action and the table.
        """
        if key.action in _SRAM_ACTIONS:
            bank = self._sram(key).bank
            return bank.read_pj if key.action is Action.SRAM_READ else bank.write_pj
        if key.action in _DRAM_ACTIONS:
            if key.component not in self.dram_components:
                raise _unpriced(key, self.dram.name, self.dram_components)
            return self.dram.pj_per_bit * key.bits
        if key.action in _BANK_ACTIONS:
            return self._bank_pj(key)
        return self.arithmetic.price_pj(key)

    def _bank_pj(self, key: ActionKey) -> float:
        """Private bank of an engine: the SRAM grid's, or flip-flops where it is smaller than the grid's smallest."""
        words, reads = key.other_bits, key.action is Action.BANK_READ
        if words < 1 or key.bits < 1:
            raise _unpriced(key, self.sram.name, ("bank_read_<bits>x<words>", "bank_write_<bits>x<words>"))
        split = self.sram.split(words, key.bits, packed=True)
        if split.bank_bytes < self.sram.smallest_bank_bytes:
            if reads:
                return self.arithmetic.price_pj(ActionKey(key.component, Action.TABLE_READ, key.bits, words))
            return self.arithmetic.price_pj(ActionKey(key.component, Action.REGISTER_WRITE, key.bits))
        bank = self.sram.bank(split.bank_bytes, split.word_bits)
        return split.count * (bank.read_pj if reads else bank.write_pj)

    def _sram(self, key: ActionKey) -> PricedSram:
        for sram in self.srams:
            if sram.name == key.component:
                if sram.word_bits != key.bits:
                    raise _unpriced(key, self.sram.name, (f"words of {sram.word_bits} bit in {sram.name}",))
                return sram
        raise _unpriced(key, self.sram.name, tuple(sram.name for sram in self.srams))

    def price_actions(self, actions: ActionCounts) -> ComponentEnergy:
        """Energy of counted actions by component."""
        terms: dict[str, list[float]] = {}
        for key, count in actions.counts:
            terms.setdefault(key.component, []).append(count * self.price(key))
        return tuple((component, math.fsum(terms[component])) for component in sorted(terms))

    def leakage(self, time_ns: float) -> ComponentEnergy:
        """Leakage of every SRAM over a time, as a component of its own: ``<name>.leakage``."""
        return tuple(sorted((f"{sram.name}.leakage", sram.leakage_mw * time_ns) for sram in self.srams))

    def table_info(self) -> tuple[TableInfo, ...]:
        """Name, node, voltage and sources of every table in use."""
        return (self.arithmetic.info(), self.sram.info(), self.dram.info())


@contextmanager
def _named_by(role: str) -> Iterator[None]:
    """Errors about a table stand at the key that names it."""
    try:
        yield
    except (ConfigError, MissingPrice) as error:
        raise error.located(Where(f"energy.{role}")) from None


def _priced(index: int, config: SramConfig, grid: SramTable) -> PricedSram:
    """Figures of one SRAM; a bank outside the grid is refused with the SRAM's place."""
    try:
        bank = grid.bank(config.bank_bytes, config.word)
    except MissingPrice as error:
        raise error.located(Where(f"hardware.srams.{index}.size")) from None
    return PricedSram(config.name, config.word, config.banks, bank, config.bank_bytes)


def _unpriced(key: ActionKey, table: str, allowed: tuple[str, ...]) -> MissingPrice:
    message = f"energy table {table} has no price for {key.name}"
    return MissingPrice(message, value=key.name, allowed=allowed, remedy="name a component of this machine")


def actions_of(stored: Mapping[str, int]) -> ActionCounts:
    """Action counts from the ``actions`` object of a stored report's task.

    Raises
    ------
    ConfigError
        For a name that is no action key or a count that is no whole number of zero or more.
    """
    pairs = []
    for name, count in stored.items():
        try:
            key = ActionKey.from_name(name)
        except ValueError as error:
            raise ConfigError(f"{name!r} is not an action of a report", value=name) from error
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ConfigError(f"{name} has the count {count!r}, not a whole number", value=count)
        pairs.append((key, count))
    return ActionCounts.of(*pairs)


@dataclass(frozen=True, slots=True)
class Repriced:
    """Energy of a stored report under other tables: per task in its order, leakage, and the sum."""

    tasks: tuple[ComponentEnergy, ...]
    leakage: ComponentEnergy

    @property
    def total_pj(self) -> float:
        """Energy of all tasks and the leakage."""
        return math.fsum(value for part in (*self.tasks, self.leakage) for _, value in part)


def reprice(tasks: Iterable[Mapping[str, int]], time_ns: float, model: EnergyModel) -> Repriced:
    """Energy of a stored report without simulating again.

    Parameters
    ----------
    tasks : iterable of mapping
        The ``actions`` objects of report.json's tasks.
    time_ns : float
        Its ``totals.time_ns``.
    model : EnergyModel
        Prices to use.
    """
    return Repriced(tuple(model.price_actions(actions_of(task)) for task in tasks), model.leakage(time_ns))


def table_names() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Names by role, as the fields of ``energy:`` take them."""
    return (("arithmetic", arithmetic_names()), ("sram", tuple(CELLS)), ("dram", dram_names()))


def table_rows(name: str) -> tuple[ListedRow, ...]:
    """Every row of a table, SRAM grids at all their nodes."""
    if name in CELLS:
        return tuple(row for node in sram_nodes() for row in sram_table(name, float(node)).rows())
    return dram_table(name).rows() if name in dram_names() else arithmetic_table(name).rows()
