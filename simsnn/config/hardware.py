"""The machine: clock, technology, arrays, vector units, memories."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simsnn.config.quantities import ClockHz, Name, NodeNm, StrictModel, VoltageV
from simsnn.engines import ENGINES
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.memory.dram import FixedRateDramConfig
from simsnn.memory.sram import SramConfig


class TechnologyConfig(StrictModel):
    """Process node and supply voltage of the machine, for the report beside those of the price tables."""

    node: NodeNm
    voltage: VoltageV


class EngineConfig(Protocol):
    """What the machine knows of any engine's configuration."""

    @property
    def name(self) -> str:
        """Name that ``mapping`` refers to."""

    @property
    def kind(self) -> str:
        """Kind of engine."""

    def model_dump(self, *, mode: str, exclude: set[str]) -> dict[str, Any]:
        """Its parameters as plain values."""


def array_configs() -> dict[str, type[BaseModel]]:
    """Configuration model of every kind that may stand in ``arrays``, from the engine registry."""
    return {kind: engine.config_type for kind, engine in ENGINES if engine.config_type is not VectorUnitConfig}


def _read_array(value: Any, info: ValidationInfo) -> BaseModel:
    """Validate one array with the model of its kind; its errors keep their place."""
    configs = array_configs()
    if isinstance(value, BaseModel) and type(value) in configs.values():
        return value
    kinds = {"expected_tags": ", ".join(repr(kind) for kind in configs)}
    if not isinstance(value, dict) or "kind" not in value:
        raise PydanticCustomError("union_tag_not_found", "missing key 'kind'", kinds)
    if value["kind"] not in configs:
        raise PydanticCustomError("union_tag_invalid", "unknown kind", kinds)
    model = configs[value["kind"]]
    return model.model_validate_json(json.dumps(value)) if info.mode == "json" else model.model_validate(value)


class _ByKind:
    """Pydantic's side of ``_read_array``: looked up at validation, so engines may be added at any time."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(_read_array)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"oneOf": [handler(config.__pydantic_core_schema__) for config in array_configs().values()]}


ArrayConfig = Annotated[EngineConfig, _ByKind]


class HardwareConfig(StrictModel):
    """A hardware file."""

    schema_: Annotated[Literal["simsnn/hardware/1"], Field(alias="schema")] = "simsnn/hardware/1"
    name: Name
    clock: ClockHz
    technology: TechnologyConfig
    arrays: tuple[ArrayConfig, ...] = ()
    vector_units: tuple[VectorUnitConfig, ...] = ()
    srams: Annotated[tuple[SramConfig, ...], Field(min_length=1)]
    dram: FixedRateDramConfig
    links: tuple[()] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> HardwareConfig:
        engines: tuple[EngineConfig, ...] = (*self.arrays, *self.vector_units)
        names = [*(part.name for part in engines), *(sram.name for sram in self.srams), self.dram.name]
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
