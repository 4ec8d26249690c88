"""SRAM: capacity of a chunk, words per edge, packing, slowdown, and whether a cell keeps the clock.

Source: docs/machines section 7. An SRAM supplies ``banks * ports`` words per edge (a read and a
write each take a port) and holds a chunk in its whole size, or in half of it when it is double
buffered. If an engine asks for more words than that, the machine is refused or the engine is
frozen for rho - 1 edges after each issue edge, rho = ceil(demand / supply).

Assumption: the words of one edge fall into different banks; conflicts among banks are not modelled.
Proof: ``tests/unit/test_sram.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from simsnn.config.quantities import Count, Name, SizeBytes, StrictModel, WidthBits
from simsnn.costs import OperandClass
from simsnn.engines.base import PortDemand
from simsnn.errors import CapacityError, MissingPrice

LARGEST_BANK_COUNT = 4096
"""Bank counts are searched up to here when a remedy is named."""


class SramConfig(StrictModel):
    """An SRAM as the hardware file describes it.

    Parameters
    ----------
    name : str
        Component name, also the component of its energy.
    size : int
        Bytes in all banks together, both halves of a double buffer included.
    banks, ports : int
        Each port of each bank reads or writes one word per edge.
    word : int
        Bits of a word.
    buffering : "single" or "double"
        With "double" one half loads while the other is used.
    port_shortage : "refuse" or "slow"
        What happens when an engine asks for more words per edge than there are.
    holds : tuple of OperandClass
        Data that stand here.
    """

    name: Name
    size: SizeBytes
    banks: Count
    ports: Count
    word: WidthBits
    buffering: Literal["single", "double"]
    port_shortage: Literal["refuse", "slow"]
    holds: Annotated[tuple[Annotated[OperandClass, Field(strict=False)], ...], Field(strict=False, min_length=1)]

    @field_validator("holds")
    @classmethod
    def _held_once(cls, holds: tuple[OperandClass, ...]) -> tuple[OperandClass, ...]:
        if len(set(holds)) != len(holds):
            raise ValueError("an operand class is listed twice")
        return holds

    @model_validator(mode="after")
    def _banks_hold_whole_words(self) -> SramConfig:
        if self.size * 8 % (self.banks * self.word):
            raise ValueError(f"{self.size} B are not {self.banks} equal banks of whole {self.word}-bit words")
        return self

    @property
    def bank_bytes(self) -> int:
        """Bytes of one bank."""
        return self.size // self.banks


class Sram:
    """Behaviour of one configured SRAM.

    Parameters
    ----------
    config : SramConfig
        Its strict configuration.
    """

    def __init__(self, config: SramConfig) -> None:
        self.config = config
        self.name = config.name

    @property
    def chunk_bytes(self) -> int:
        """Bytes that the tiles of one chunk may take together."""
        return self.config.size // 2 if self.config.buffering == "double" else self.config.size

    @property
    def words_per_edge(self) -> int:
        """Words read or written per edge, all banks and ports."""
        return self.config.banks * self.config.ports

    def words(self, elements: int, bits: int, *, across: bool = False) -> int:
        """Words that hold ``elements`` of ``bits`` each, or that a read of them takes.

        Parameters
        ----------
        elements, bits : int
            How many, how wide. Elements never straddle words, unless wider than one.
        across : bool
            Read across the axis along which the tensor is packed: one useful element per word.
        """
        word = self.config.word
        if bits > word:
            return elements * -(-bits // word)
        return elements if across else -(-elements // (word // bits))

    def demand_words(self, demands: Iterable[PortDemand], across: frozenset[OperandClass] = frozenset()) -> int:
        """Words per edge that an engine asks of this SRAM: its operands only, reads and writes added up."""
        return sum(
            self.words(elements, demand.bits, across=demand.role in across)
            for demand in demands
            if demand.role in self.config.holds
            for elements in (demand.reads_per_edge, demand.writes_per_edge)
        )

    def slowdown(self, demand_words: int) -> int:
        """Rho of docs/machines section 7: 1 when the ports suffice.

        Raises
        ------
        CapacityError
            With ``port_shortage: refuse``, if they do not.
        """
        supply = self.words_per_edge
        if demand_words <= supply:
            return 1
        if self.config.port_shortage == "refuse":
            levers = (
                f"banks: {-(-demand_words // self.config.ports)}",
                f"ports: {-(-demand_words // self.config.banks)}",
                f"a word wider than {self.config.word} bit",
                "port_shortage: slow",
            )
            message = f"{self.name} has too few ports"
            raise CapacityError(message, demand=demand_words, bound=supply, unit="words per edge", levers=levers)
        return -(-demand_words // supply)

    def require_chunk(self, bytes_: int, what: str) -> None:
        """Refuse a chunk whose tiles do not fit.

        Raises
        ------
        CapacityError
            Naming demand, capacity and what would make it fit.
        """
        if bytes_ <= self.chunk_bytes:
            return
        needed = bytes_ * (2 if self.config.buffering == "double" else 1)
        levers = [f"size: {-(-needed // 1024)} KiB", "smaller chunks (more batch or time blocks)"]
        if self.config.buffering == "double":
            levers.append("buffering: single")
        message = f"{what} does not fit {self.name}"
        raise CapacityError(message, demand=bytes_, bound=self.chunk_bytes, unit="B", levers=tuple(levers))

    def require_clock(self, cycle_ns: Callable[[int, int], float], clock_hz: int) -> None:
        """Refuse a bank whose cycle is longer than the clock period.

        Parameters
        ----------
        cycle_ns : callable
            Cycle time in ns of a bank of (bytes, word bits); raises ``MissingPrice`` outside its table.
        clock_hz : int
            Clock of the machine.

        Raises
        ------
        CapacityError
            Naming how many banks would keep the clock, in ps.
        """
        period_ns = 1e9 / clock_hz
        cycle = cycle_ns(self.config.bank_bytes, self.config.word)
        if cycle <= period_ns:
            return
        levers = (self._bank_remedy(cycle_ns, period_ns), f"a clock of at most {int(1000 / cycle)} MHz")
        message = f"a bank of {self.name} ({self.config.bank_bytes} B, {self.config.word} bit) is slower than the clock"
        demand, bound = round(cycle * 1000), int(period_ns * 1000)
        raise CapacityError(message, demand=demand, bound=bound, unit="ps", levers=levers)

    def _bank_remedy(self, cycle_ns: Callable[[int, int], float], period_ns: float) -> str:
        banks = self.config.banks * 2
        while banks <= LARGEST_BANK_COUNT and self.config.size * 8 % (banks * self.config.word) == 0:
            try:
                if cycle_ns(self.config.size // banks, self.config.word) <= period_ns:
                    return f"banks: {banks}"
            except MissingPrice:
                break
            banks *= 2
        return "no number of banks in the table keeps this clock"
