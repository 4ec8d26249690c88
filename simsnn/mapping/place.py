"""Placing operations on engines, as ``mapping`` says, with overrides per layer."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.config.experiment import EngineChoice, MappingConfig, ParallelChoice, PassMapping
from simsnn.engines.systolic_config import Dataflow
from simsnn.errors import ConfigError, UnsupportedOperation, Where, nearest
from simsnn.mapping.machine import Machine
from simsnn.workload.operation import GemmOperation, Operation, Pass, TaskPart


@dataclass(frozen=True, slots=True)
class Placement:
    """Engine (by index in the machine) and dataflow of one operation."""

    engine: int
    dataflow: Dataflow | None


def place(operation: Operation, mapping: MappingConfig, machine: Machine) -> Placement:
    """Choose the engine of an operation.

    Raises
    ------
    ConfigError
        If ``mapping`` does not say where the pass runs, or names an unknown engine.
    UnsupportedOperation
        If the engine refuses the operation; the message is its reason.
    """
    key = _mapping_key(operation)
    path, choice = _choice(operation, key, mapping)
    if choice is None:
        name = path.rpartition(".")[2]
        why = ": its backward mode repeats the product of F" if operation.pass_ is Pass.R else ""
        raise ConfigError(
            f"mapping does not say which engine runs {name} (needed by {operation.layer}{why})",
            where=Where(path=path),
            remedy=f"add {name}: {{engine: NAME}} under mapping",
        )
    index = machine.engine_index(choice.engine, f"{path}.engine")
    engine = machine.engines[index]
    refusal = engine.supports(operation)
    if refusal is not None:
        raise UnsupportedOperation(
            f"{engine.name} refuses {operation.layer} {operation.pass_.value} {operation.part.value}: {refusal.reason}",
            where=Where(path=path),
            value=choice.engine,
            remedy=refusal.remedy,
        )
    return Placement(index, _dataflow(choice, machine, index, path))


def _mapping_key(operation: Operation) -> str:
    if isinstance(operation, GemmOperation):
        return "parallel" if operation.mixing is not None else operation.pass_.value
    if operation.part is TaskPart.UPDATE:
        return Pass.U.value
    return "neuron_backward" if operation.pass_ in (Pass.B, Pass.I, Pass.R) else "neuron"


def _choice(operation: Operation, key: str, mapping: MappingConfig) -> tuple[str, EngineChoice | None]:
    """The most special entry: of the layer before that of the network, of the direction before ``neuron``."""
    others = {"neuron_backward": "neuron", "parallel": operation.pass_.value}
    keys = (key, others[key]) if key in others else (key,)
    override: PassMapping | None = mapping.layers.get(operation.layer)
    for where, place in ((f"mapping.layers.{operation.layer}", override), ("mapping", mapping)):
        for name in keys if place is not None else ():
            choice = _engine_choice(getattr(place, name))
            if choice is not None:
                return f"{where}.{name}", choice
    return f"mapping.{keys[-1]}", None


def _engine_choice(entry: EngineChoice | ParallelChoice | None) -> EngineChoice | None:
    """The engine that an entry names, if it does."""
    if not isinstance(entry, ParallelChoice):
        return entry
    return None if entry.engine is None else EngineChoice(engine=entry.engine, dataflow=entry.dataflow)


def _dataflow(choice: EngineChoice, machine: Machine, index: int, path: str) -> Dataflow | None:
    offered: tuple[Dataflow, ...] = getattr(machine.engines[index].config, "dataflows", ())
    if not offered:
        if choice.dataflow is not None:
            raise ConfigError(
                f"{choice.engine} has no dataflows to choose from",
                where=Where(path=f"{path}.dataflow"),
                value=choice.dataflow.value,
                remedy="leave dataflow out",
            )
        return None
    if choice.dataflow is None:
        return offered[0]
    if choice.dataflow not in offered:
        names = tuple(flow.value for flow in offered)
        raise ConfigError(
            f"{choice.engine} does not offer dataflow {choice.dataflow.value}",
            where=Where(path=f"{path}.dataflow"),
            value=choice.dataflow.value,
            allowed=names,
            nearest=nearest(choice.dataflow.value, names),
        )
    return choice.dataflow


def check_layer_names(mapping: MappingConfig, layers: tuple[str, ...]) -> None:
    """Refuse overrides for layers that do not exist."""
    for name in mapping.layers:
        if name not in layers:
            raise ConfigError(
                f"mapping.layers names {name!r}, which is no layer of the network",
                where=Where(path=f"mapping.layers.{name}"),
                value=name,
                allowed=layers,
                nearest=nearest(name, layers),
            )
