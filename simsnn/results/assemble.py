"""From an execution and its counted actions to a report: rows, energy, totals, what binds."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import ActionCounts, EngineCost, StallCause, Traffic
from simsnn.energy.area import AreaModel, dram_interface
from simsnn.energy.model import EnergyModel
from simsnn.energy.parts import AreaPart
from simsnn.engines.base import DatapathWidths
from simsnn.mapping.accesses import memory_actions
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.results.memory_report import memory_report
from simsnn.results.report import (
    ActivitySummary,
    AreaRow,
    EnergySource,
    Parts,
    Provenance,
    Report,
    TaskRow,
    Totals,
    TrafficRow,
)
from simsnn.results.stalls import Stalls
from simsnn.sim.bounds import Bounds
from simsnn.sim.census import RunMemory
from simsnn.sim.execution import Execution, TaskRecord
from simsnn.units import cycles_to_ns
from simsnn.workload.operation import GemmOperation


@dataclass(frozen=True, slots=True)
class Identity:
    """What names a run and how closely it was simulated."""

    id: str
    name: str
    level: str
    samples: int
    steps_per_epoch: int | None


@dataclass(frozen=True)
class Outcome:
    """Everything a report is made of."""

    mapped: tuple[MappedOperation, ...]
    costs: tuple[EngineCost, ...]
    machine: Machine
    execution: Execution
    bounds: Bounds
    energy: EnergyModel
    area: AreaModel
    widths: tuple[DatapathWidths, ...]
    memory: RunMemory
    coarse_cycles: int | None = None


def assemble(
    identity: Identity,
    outcome: Outcome,
    provenance: Provenance,
    activity: ActivitySummary,
    assumptions: tuple[str, ...],
) -> Report:
    """Report of a run.

    Parameters
    ----------
    identity : Identity
        Id, name, level, samples of the step.
    outcome : Outcome
        Mapped operations with their costs, and how they ran.
    provenance, activity : Provenance, ActivitySummary
        What it rests on.
    assumptions : tuple of str
        What the mapping assumes, beyond what the engines say of themselves.
    """
    rows = tuple(
        _row(item, cost, record, outcome)
        for item, cost, record in zip(outcome.mapped, outcome.costs, outcome.execution.tasks, strict=True)
    )
    clock = outcome.machine.config.clock
    time_ns = cycles_to_ns(outcome.execution.makespan_cycles, clock)
    static = dict(outcome.energy.leakage(time_ns))
    notes = dict.fromkeys([*assumptions, *(note for cost in outcome.costs for note in cost.approximations)])
    return Report(
        id=identity.id,
        name=identity.name,
        provenance=provenance,
        level=identity.level,  # type: ignore[arg-type]
        approximations=tuple(notes),
        activity=activity,
        clock_hz=clock,
        dram_level=outcome.machine.dram.name,
        energy_sources=energy_sources(outcome.energy, outcome.area),
        static_energy_pj=static,
        totals=_totals(identity, outcome, rows, time_ns, sum(static.values())),
        area=_area_rows(outcome),
        tasks=rows,
        memory=memory_report(outcome.memory),
    )


def _row(item: MappedOperation, cost: EngineCost, record: TaskRecord, outcome: Outcome) -> TaskRow:
    machine, operation = outcome.machine, item.operation
    memory, traffic = memory_actions(item, machine)
    actions: ActionCounts = cost.actions + memory
    cycles = record.cycles
    engine = machine.engines[item.placement.engine]
    flow = item.placement.dataflow
    parts = Parts(**{name: getattr(cycles, name) for name in Parts.model_fields})
    return TaskRow(
        layer=operation.layer,
        pass_=operation.pass_.value,
        part=operation.part.value,
        array=engine.name,
        engine=engine.kind,
        dataflow=flow.value if flow is not None else "",
        chunks=item.choice.plan.chunk_count,
        start_cycle=record.start,
        end_cycle=record.end,
        cycles=record.end - record.start,
        parts=parts,
        stalls=Stalls(**{cause.value: getattr(record.stalls, cause.value) for cause in StallCause}),
        groups=cycles.groups,
        utilisation=_utilisation(item, record.end - record.start),
        actions={key.name: count for key, count in actions.counts},
        traffic=traffic_rows(traffic),
        energy_pj=dict(outcome.energy.price_actions(actions)),
        binds=_binds(item, record, machine),
        observations={what.value: count for what, count in cost.observations},
    )


def _utilisation(item: MappedOperation, cycles: int) -> float:
    """Share of the engine's peak: useful operations over what its units could do in that time."""
    work = item.choice.plan.work()
    return work.useful / (cycles * work.peak_per_cycle) if cycles else 0.0


def traffic_rows(traffic: Traffic) -> tuple[TrafficRow, ...]:
    """Traffic as the report has it."""
    return tuple(
        TrafficRow(level=e.level, operand=e.operand.value, read_bytes=e.read_bytes, write_bytes=e.write_bytes)
        for e in traffic.entries
    )


def _binds(item: MappedOperation, record: TaskRecord, machine: Machine) -> str:
    """What takes most of the task's time: its engine, its transfers (or the wait for them), another wait.

    Group-cycles of engines with parallel groups count as a share of a cycle.
    """
    groups = record.cycles.groups
    moved = sum(machine.dram.occupancy_cycles(t.bytes) for m in item.choice.moves for t in m.loads + m.stores)
    busy = (record.cycles.accounted - record.cycles.stall) // groups
    waits = {cause.value: int(getattr(record.stalls, cause.value)) // groups for cause in StallCause}
    return largest(busy, waits, moved)


def largest(busy: int, waits: dict[str, int], moved: int) -> str:
    """What of work, waits by cause and transfers takes the most cycles."""
    candidates = {"compute": busy, **waits, "dram": max(moved, waits["dram"])}
    return max(candidates, key=lambda name: candidates[name])


def energy_sources(energy: EnergyModel, area: AreaModel) -> tuple[EnergySource, ...]:
    """Every table in use with its node, voltage and sources."""
    tables = (*energy.table_info(), area.info())
    return tuple(
        EnergySource(
            table=info.name,
            role=info.role,
            node=f"{info.node_nm:g} nm" if info.node_nm is not None else "not stated",
            voltage=f"{info.voltage_v:g} V" if info.voltage_v is not None else "not stated",
            note="; ".join((*info.sources, *info.notes)),
        )
        for info in tables
    )


def _totals(
    identity: Identity, outcome: Outcome, rows: tuple[TaskRow, ...], time_ns: float, static_pj: float
) -> Totals:
    execution, bounds = outcome.execution, outcome.bounds
    energy = sum(row.total_energy_pj for row in rows) + static_pj
    return Totals(
        total_cycles=execution.makespan_cycles,
        time_ns=time_ns,
        samples_per_s=identity.samples / time_ns * 1e9 if time_ns else 0.0,
        total_energy_pj=energy,
        energy_per_sample_pj=energy / identity.samples,
        area_um2=_area(outcome),
        utilisation=_array_utilisation(outcome),
        dram_bytes=sum(move.bytes for item in outcome.mapped for m in item.choice.moves for move in m.loads + m.stores),
        peak_live_bytes=outcome.memory.off_chip.peak,
        critical_path_cycles=bounds.critical_path_cycles,
        lower_bound_cycles=bounds.lower_cycles,
        upper_bound_cycles=bounds.serial_cycles,
        samples=identity.samples,
        steps_per_epoch=identity.steps_per_epoch,
        coarse_pipeline_cycles=outcome.coarse_cycles,
    )


def _engine_parts(outcome: Outcome) -> tuple[AreaPart, ...]:
    engines = zip(outcome.machine.engines, outcome.widths, strict=True)
    return tuple(part for engine, widths in engines for part in engine.area_parts(widths))


def _area(outcome: Outcome) -> float:
    return sum(area for _, area in outcome.area.area_um2(_engine_parts(outcome), outcome.energy.srams))


def _area_rows(outcome: Outcome) -> tuple[AreaRow, ...]:
    dram, clock = outcome.machine.dram, outcome.machine.config.clock
    interface = dram_interface(dram.name, dram.bytes_per_cycle * clock)
    return area_rows(outcome.area, (*_engine_parts(outcome), *interface), outcome.energy)


def area_rows(area: AreaModel, parts: tuple[AreaPart, ...], energy: EnergyModel) -> tuple[AreaRow, ...]:
    """Areas of parts and of the SRAMs, unit by unit."""
    return tuple(
        AreaRow(
            component=line.component,
            unit=line.unit.value,
            widths="x".join(map(str, line.widths)),
            count=line.count,
            um2=line.um2,
            status=line.status.value,
            source=line.source,
        )
        for line in area.lines(parts, energy.srams)
    )


def _array_utilisation(outcome: Outcome) -> float:
    """Useful multiply-accumulates of all products over the peak of all arrays for the whole run."""
    products = [item for item in outcome.mapped if isinstance(item.operation, GemmOperation)]
    engines = {item.placement.engine: item.choice.plan.work().peak_per_cycle for item in products}
    useful = sum(item.choice.plan.work().useful for item in products)
    cycles = outcome.execution.makespan_cycles
    return useful / (cycles * sum(engines.values())) if engines and cycles else 0.0
