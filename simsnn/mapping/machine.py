"""The machine of an experiment, built: engines, SRAMs and DRAM behind their configurations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.config.hardware import HardwareConfig
from simsnn.costs import OperandClass
from simsnn.engines import ENGINES
from simsnn.engines.base import Engine
from simsnn.errors import ConfigError, Where, nearest
from simsnn.memory.dram import FixedRateDram
from simsnn.memory.sram import Sram


@dataclass(frozen=True)
class Machine:
    """Engines in the order arrays, vector units; SRAMs in file order.

    Parameters
    ----------
    config : HardwareConfig
        The file.
    engines : tuple of Engine
        Built engines.
    srams : tuple of Sram
        SRAMs in file order.
    dram : FixedRateDram
        The DRAM on the machine's clock.
    """

    config: HardwareConfig
    engines: tuple[Engine, ...]
    srams: tuple[Sram, ...]
    dram: FixedRateDram

    @classmethod
    def build(cls, config: HardwareConfig) -> Machine:
        """Build every component of a hardware file."""
        parts = (*config.arrays, *config.vector_units)
        engines = tuple(ENGINES.get(part.kind)(part) for part in parts)
        srams = tuple(Sram(sram) for sram in config.srams)
        return cls(config, engines, srams, FixedRateDram.of(config.dram, config.clock))

    @cached_property
    def _holder(self) -> dict[OperandClass, int]:
        """SRAM of every operand class that one holds; asked for every tile of every chunk."""
        return {role: index for index, sram in enumerate(self.srams) for role in sram.config.holds}

    def engine_index(self, name: str, path: str) -> int:
        """Index of an engine by name; the error names the place in ``mapping``."""
        names = tuple(engine.name for engine in self.engines)
        if name not in names:
            where = Where(path=path)
            raise ConfigError(
                f"no engine {name!r} on {self.config.name}",
                where=where,
                value=name,
                allowed=names,
                nearest=nearest(name, names),
            )
        return names.index(name)

    def sram_of(self, role: OperandClass) -> int:
        """Index of the SRAM that holds an operand class; an error where none does."""
        index = self._holder.get(role)
        if index is not None:
            return index
        raise ConfigError(
            f"no SRAM of {self.config.name} holds {role.value}",
            where=Where(path="hardware.srams"),
            value=role.value,
            remedy=f"add {role.value} to the holds of one SRAM",
        )
