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
from simsnn.memory.link import LinkConfig
from simsnn.memory.local_memory import LocalMemoryConfig
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


class ProcessorConfig(StrictModel):
    """One or several equal processors: arrays with the vector units, SRAMs and memory that are theirs alone.

    Parameters
    ----------
    name : str
        Of the group; processors are called ``<name>0``, ``<name>1``, ...
    count : int
        How many.
    memory : LocalMemoryConfig or None
        Where the tensors of each live; the machine's DRAM, shared by all, when left out.
    """

    name: Name
    count: Annotated[int, Field(gt=0, le=1024)] = 1
    arrays: tuple[ArrayConfig, ...] = ()
    vector_units: tuple[VectorUnitConfig, ...] = ()
    srams: Annotated[tuple[SramConfig, ...], Field(min_length=1)]
    memory: LocalMemoryConfig | None = None

    @model_validator(mode="after")
    def _parts_make_sense(self) -> ProcessorConfig:
        _check_parts(self.arrays, self.vector_units, self.srams, () if self.memory is None else (self.memory.name,))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the processors."""
        return tuple(f"{self.name}{number}" for number in range(self.count))


def _check_parts(
    arrays: tuple[EngineConfig, ...],
    vector_units: tuple[EngineConfig, ...],
    srams: tuple[SramConfig, ...],
    memories: tuple[str, ...],
) -> None:
    """Unique names, at least one engine, one SRAM per operand class."""
    names = [*(part.name for part in (*arrays, *vector_units)), *(sram.name for sram in srams), *memories]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two components are called {twice[0]!r}")
    if not arrays and not vector_units:
        raise ValueError("the machine has no engine: list at least one array or vector unit")
    for operand in {held for sram in srams for held in sram.holds}:
        holders = [sram.name for sram in srams if operand in sram.holds]
        if len(holders) > 1:
            raise ValueError(f"{operand.value} stand in {holders[0]} and in {holders[1]}: each class has one SRAM")


class HardwareConfig(StrictModel):
    """A hardware file: one set of engines and SRAMs, or ``processors`` that each have their own, and links."""

    schema_: Annotated[Literal["simsnn/hardware/1"], Field(alias="schema")] = "simsnn/hardware/1"
    name: Name
    clock: ClockHz
    technology: TechnologyConfig
    arrays: tuple[ArrayConfig, ...] = ()
    vector_units: tuple[VectorUnitConfig, ...] = ()
    srams: tuple[SramConfig, ...] = ()
    processors: tuple[ProcessorConfig, ...] = ()
    dram: FixedRateDramConfig
    links: tuple[LinkConfig, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _either_parts_or_processors(cls, data: Any) -> Any:
        """What stands in the wrong place is said before it is read: as written it may look like anything."""
        if not isinstance(data, dict):
            return data
        parts = [key for key in ("arrays", "vector_units", "srams") if data.get(key)]
        if parts and data.get("processors"):
            raise PydanticCustomError(
                "refused",
                "arrays, vector_units and srams of a machine with processors stand inside processors",
                {"at": parts[0], "remedy": f"write hardware.processors.0.{parts[0]} for those of the first group"},
            )
        if not parts and "processors" in data and not data["processors"]:
            raise PydanticCustomError(
                "refused",
                "the list of processors is empty, and the machine has no arrays, vector_units and srams of its own",
                {"at": "processors", "remedy": "list at least one group of processors"},
            )
        return data

    @model_validator(mode="after")
    def _parts_make_sense(self) -> HardwareConfig:
        if self.processors:
            self._check_processors()
            return self
        if not self.srams:
            raise ValueError("the machine has no SRAM: list at least one under srams")
        if self.links:
            raise ValueError("links join processors: list them under processors")
        _check_parts(self.arrays, self.vector_units, self.srams, (self.dram.name,))
        return self

    def _check_processors(self) -> None:
        names = [*self.processor_names, *(link.name for link in self.links), self.dram.name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two components are called {twice[0]!r}")
        if len({group.memory is None for group in self.processors}) > 1:
            raise ValueError("either every processor has a memory of its own or none has")

    @property
    def processor_names(self) -> tuple[str, ...]:
        """Names of all processors, in file order; none for a machine of one."""
        return tuple(name for group in self.processors for name in group.names)

    def of_processor(self, group: int) -> HardwareConfig:
        """The machine that one processor of a group is by itself: its memory is the DRAM."""
        part = self.processors[group]
        parts = {"arrays": part.arrays, "vector_units": part.vector_units, "srams": part.srams}
        dram = self.dram if part.memory is None else part.memory
        alone = {"name": f"{part.name} of {self.name}", "dram": dram, "processors": (), "links": ()}
        return self.model_copy(update={**parts, **alone})
