"""The machine: clock, technology, arrays, vector units, memories."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import ClockHz, Name, NodeNm, StrictModel, VoltageV
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.memory.dram import FixedRateDramConfig
from simsnn.memory.sram import SramConfig


class TechnologyConfig(StrictModel):
    """Process node and supply voltage of the machine, for the report beside those of the price tables."""

    node: NodeNm
    voltage: VoltageV


class HardwareConfig(StrictModel):
    """A hardware file."""

    schema_: Annotated[Literal["simsnn/hardware/1"], Field(alias="schema")] = "simsnn/hardware/1"
    name: Name
    clock: ClockHz
    technology: TechnologyConfig
    arrays: tuple[SystolicConfig, ...] = ()
    vector_units: tuple[VectorUnitConfig, ...] = ()
    srams: Annotated[tuple[SramConfig, ...], Field(min_length=1)]
    dram: FixedRateDramConfig
    links: tuple[()] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> HardwareConfig:
        names = [part.name for part in (*self.arrays, *self.vector_units, *self.srams, self.dram)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two components are called {twice[0]!r}")
        if not self.arrays and not self.vector_units:
            raise ValueError("the machine has no engine: list at least one array or vector unit")
        return self

    @model_validator(mode="after")
    def _operands_stand_once(self) -> HardwareConfig:
        for operand in {held for sram in self.srams for held in sram.holds}:
            holders = [sram.name for sram in self.srams if operand in sram.holds]
            if len(holders) > 1:
                raise ValueError(f"{operand.value} stand in {holders[0]} and in {holders[1]}: each class has one SRAM")
        return self
