"""``simsnn explain``: the machine in words, its peaks and capacities, each operation's formula with numbers."""

from __future__ import annotations

from simsnn.api import load, located, prepare_any
from simsnn.commands import explain_pipeline
from simsnn.config.hardware import EngineConfig
from simsnn.engines.scan_network import network_lanes
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.preparation import MappedStep
from simsnn.schedule.registry import ScheduleConfig
from simsnn.simulation import Prepared


def explain_experiment(source: str, overrides: tuple[str, ...]) -> str:
    """Text of the explanation; everything that ``run`` would refuse is refused here too."""
    experiment, document = load(source, overrides)
    with located(document):
        prepared = prepare_any(experiment)
        if isinstance(prepared, PreparedPipeline):
            return "\n".join([*_experiment(prepared), "", *_several(prepared)])
    return "\n".join([*_experiment(prepared), "", *_machine(prepared.machine), "", *_operations(prepared)])


def _several(prepared: PreparedPipeline) -> list[str]:
    """The machine group by group, tasks and programs, then the operations of one iteration on each group."""
    config = prepared.processors.config
    lines = [f"machine {config.name} at {config.clock / 1e6:g} MHz, {float(config.technology.node):g} nm"]
    titles = explain_pipeline.group_titles(prepared)
    for title, part in zip(titles, prepared.parts, strict=True):
        lines += [title, *_machine(part.machine)[1:]]
    lines += explain_pipeline.links(prepared)
    lines += ["", *explain_pipeline.tasks(prepared), "", *explain_pipeline.programs(prepared)]
    for group, part in zip(config.processors, prepared.parts, strict=True):
        lines += ["", f"operations of an iteration on group {group.name}:", *_operations(part)]
    return lines


def _experiment(prepared: Prepared | PreparedPipeline) -> list[str]:
    experiment, network = prepared.experiment, prepared.network
    workload = experiment.workload
    macs = sum(
        layer.geometry.out_pixels * layer.geometry.weights // layer.geometry.groups for layer in network.weight_layers
    )
    passes = ", ".join(pass_.value for pass_ in workload.passes)
    return [
        f"{experiment.name}: network {network.name}, {len(network.layers)} layers, {network.parameters:,} parameters,"
        f" {macs:,} multiply-accumulates per sample and time step forward",
        f"  T = {workload.timesteps} time steps, batch {workload.batch}, passes {passes}, encoding"
        f" {workload.encoding.value}, schedule {_schedule(experiment.schedule)}, level {experiment.simulation.level}",
    ]


def _schedule(schedule: ScheduleConfig) -> str:
    """Kind of the schedule and, in brackets, what else it is told."""
    values = schedule.model_dump(mode="json", exclude={"kind"})
    told = ", ".join(f"{key} {value}" for key, value in values.items())
    return f"{schedule.kind} ({told})" if told else schedule.kind


def _machine(machine: Machine) -> list[str]:
    config = machine.config
    mhz = config.clock / 1e6
    lines = [f"machine {config.name} at {mhz:g} MHz, {float(config.technology.node):g} nm"]
    lines += [_array(array, config.clock) for array in config.arrays]
    lines += [_vector(unit, config.clock) for unit in config.vector_units]
    for sram in machine.srams:
        held = ", ".join(role.value for role in sram.config.holds)
        lines.append(
            f"  {sram.name}: {sram.config.size:,} B in {sram.config.banks} banks of {sram.config.word}-bit words,"
            f" {sram.words_per_edge} words per cycle, {sram.config.buffering}-buffered"
            f" ({sram.chunk_bytes:,} B per chunk, shared by its engines), holds {held}"
        )
    rate = machine.dram.bytes_per_cycle
    lines.append(
        f"  {machine.dram.name}: {float(rate):g} B/cycle ({float(rate) * config.clock / 1e9:g} GB/s),"
        f" latency {machine.dram.latency_cycles} cycles"
    )
    return lines


def _array(array: EngineConfig, clock: int) -> str:
    if not isinstance(array, SystolicConfig):
        return _other(array)
    peak = array.rows * array.columns
    flows = ", ".join(flow.value for flow in array.dataflows)
    work = "multiply-accumulates" if array.pe.value == "mac" else "gated additions"
    return (
        f"  {array.name}: systolic array of {array.rows} x {array.columns} {array.pe.value} elements, dataflows"
        f" {flows}, {peak:,} {work} per cycle at best ({peak * clock / 1e9:g} G/s); stationary buffers"
        f" {array.stationary_buffering.value}, loaded {array.weight_load.value}, drain {array.drain.value}, partial"
        f" folds {array.partial_folds.value}, {array.acc_rows:,} accumulator rows of {array.acc_width} bit"
    )


def _other(array: EngineConfig) -> str:
    """Any other kind of array: its parameters by name, as far as they are given."""
    values = array.model_dump(mode="json", exclude={"name", "kind"})
    given = (f"{key} {value}" for key, value in values.items() if value is not None)
    return ", ".join([f"  {array.name}: {array.kind}", *given])


def _vector(unit: VectorUnitConfig, clock: int) -> str:
    peak = unit.lanes * unit.ops_per_cycle
    resident = f", {unit.block_slots} issue slots resident" if unit.block_slots else ""
    if unit.scan:
        resident += f", {unit.networks} scan networks across {network_lanes(unit.lanes)} lanes"
    return (
        f"  {unit.name}: vector unit of {unit.lanes} lanes, {peak:,} operations per cycle at best"
        f" ({peak * clock / 1e9:g} G/s), {unit.pipeline_cycles} pipeline cycles, order {unit.order}{resident}"
    )


def _operations(prepared: MappedStep) -> list[str]:
    lines = []
    for item in prepared.mapped:
        lines += [_title(item, prepared.machine), *(f"    {line}" for line in item.choice.plan.formula().splitlines())]
    return lines


def _title(item: MappedOperation, machine: Machine) -> str:
    operation, placement = item.operation, item.placement
    flow = f" {placement.dataflow.value}" if placement.dataflow is not None else ""
    moved = sum(t.bytes for move in item.choice.moves for t in move.loads + move.stores)
    notes = [f"{item.choice.plan.chunk_count} chunks", f"{moved:,} B to and from DRAM"]
    if item.slowdown > 1:
        notes.append(f"SRAM ports too few: {item.slowdown} cycles per issue")
    if item.resident:
        side = "reads" if item.consumes else "leaves"
        notes.append(f"{side} {', '.join(sorted(item.resident))} in SRAM")
    where = f"{machine.engines[placement.engine].name}{flow}"
    return f"  {operation.layer} {operation.pass_.value} {operation.part.value} on {where}; " + ", ".join(notes)
