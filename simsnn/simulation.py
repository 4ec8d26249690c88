"""One run, straight through: prepare (all that can be refused), then cost, execute, price, report.

Capacity and every name are checked in ``prepare``, before anything is trained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.activities import ResolvedActivity
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.resolve import canonical, content_hash
from simsnn.mapping.build import build_graph
from simsnn.mapping.machine import Machine
from simsnn.mapping.pipeline_bound import coarse_pipeline_cycles, places_of
from simsnn.mapping.place import check_layer_names
from simsnn.preparation import (
    MappedStep,
    area_model,
    assumptions,
    build_experiment_network,
    check_cost,
    datapath_widths,
    map_step,
    model_versions,
    provenance,
    step_operations,
    unit_forms,
    with_activity,
)
from simsnn.results.assemble import Identity, Outcome, assemble
from simsnn.results.gpu_baselines import with_gpu_baselines
from simsnn.results.memory import run_memory
from simsnn.results.parallel_report import parallel_unit_rows
from simsnn.results.report import SCHEMA, Report
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.schedule.graph import TaskGraph
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.census import RunMemory
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.workload.backward_modes import Stash


@dataclass(frozen=True)
class Prepared(MappedStep):
    """A resolved experiment with everything checked and cut, ready to run."""

    graph: TaskGraph


def prepare(experiment: ExperimentConfig) -> Prepared:
    """Build network and machine, place and cut every operation, look up every price.

    Raises
    ------
    SimsnnError
        Whatever can be refused is refused here, before training.
    """
    network = build_experiment_network(experiment)
    check_layer_names(experiment.mapping, tuple(layer.name for layer in network.layers))
    step = map_step(experiment, network, step_operations(experiment, network))
    graph = build_graph(step.mapped, step.machine, serial=experiment.schedule.serial)
    return Prepared(experiment, network, step.machine, step.energy, step.mapped, graph)


@dataclass(frozen=True)
class StepRun:
    """What a run gives: the report, the run itself, and where its memory went over time."""

    report: Report
    execution: Execution
    memory: RunMemory


def run_prepared(prepared: Prepared, activity: ResolvedActivity) -> StepRun:
    """Execute at the experiment's level, check it against its bounds, price it, report it."""
    prepared = bound(prepared, activity)
    experiment, machine, graph = prepared.experiment, prepared.machine, prepared.graph
    execution = _execute(experiment, graph, machine)
    bounds = find_bounds(graph, machine.dram)
    if experiment.simulation.level == "event":
        check_bounds(execution, bounds)
    costs = tuple(item.choice.plan.cost() for item in prepared.mapped)
    for item, cost, record in zip(prepared.mapped, costs, execution.tasks, strict=True):
        check_cost(item, cost, record.cycles.accounted - record.cycles.stall)
    area, memory = area_model(prepared), run_memory(prepared.mapped, execution)
    outcome = Outcome(
        prepared.mapped,
        costs,
        machine,
        execution,
        bounds,
        prepared.energy,
        area,
        datapath_widths(prepared),
        memory,
        _coarse_cycles(prepared),
    )
    identity = Identity(
        run_id(prepared, activity),
        experiment.name,
        experiment.simulation.level,
        1 if prepared.network.bare_gemms else experiment.workload.batch,
        activity.steps_per_epoch,
    )
    notes = assumptions(prepared, activity)
    report = assemble(identity, outcome, provenance(experiment, activity), activity.summary, notes)
    report = report.model_copy(update={"parallel_units": parallel_unit_rows(unit_forms(prepared))})
    return StepRun(_with_baselines(report, prepared), execution, memory)


def _coarse_cycles(prepared: Prepared) -> int | None:
    """Coarse formula of the engine pipeline; None for other schedules."""
    schedule = prepared.experiment.schedule
    if not isinstance(schedule, EnginePipeline):
        return None
    return coarse_pipeline_cycles(
        prepared.graph,
        prepared.machine.dram,
        places_of(prepared.mapped),
        in_flight=schedule.groups_in_flight,
        serial=schedule.serial,
    )


def _with_baselines(report: Report, prepared: Prepared) -> Report:
    """The report against the GPUs asked for; whatever the machine does, they run whole layers and recompute nothing."""
    experiment, network = prepared.experiment, prepared.network
    if experiment.baselines is None:
        return report
    workload = experiment.workload.model_copy(update={"stash": Stash.STORE, "backward": None})
    plain = {"schedule": LayerByLayer(), "workload": workload}
    operations = step_operations(experiment.model_copy(update=plain), network)
    timesteps = 1 if network.bare_gemms else experiment.workload.timesteps
    return with_gpu_baselines(report, experiment.baselines, operations, timesteps)


def bound(prepared: Prepared, activity: ResolvedActivity) -> Prepared:
    """The prepared run with real spikes and masks in its plans; how it is cut stays as it was."""
    mapped = tuple(with_activity(item, activity) for item in prepared.mapped)
    tasks = tuple(
        replace(task, plan=item.choice.plan, issues=tuple(map(item.choice.plan.issues, range(len(task.chunks)))))
        for task, item in zip(prepared.graph.tasks, mapped, strict=True)
    )
    return replace(prepared, mapped=mapped, graph=replace(prepared.graph, tasks=tasks))


def _execute(experiment: ExperimentConfig, graph: TaskGraph, machine: Machine) -> Execution:
    if experiment.simulation.level == "closed_form":
        return closed_form(graph, machine.dram)
    if experiment.simulation.level == "critical_path":
        return critical_path(graph, machine.dram)
    return execute(graph, machine.dram, experiment.simulation.trace)


def run_id(prepared: Prepared, activity: ResolvedActivity) -> str:
    """First 16 hex digits of the hash over experiment, activity, model versions and report schema."""
    parts = (canonical(prepared.experiment), str(activity.digest), repr(model_versions(prepared)), SCHEMA)
    return content_hash("\n".join(parts))[:16]
