"""A run on several processors: every program of the schedule simulated, the fastest kept, priced, reported."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.activities import ResolvedActivity
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.resolve import canonical, content_hash
from simsnn.costs import EngineCost
from simsnn.energy.model import EnergyModel
from simsnn.errors import CapacityError
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.pipeline_graph import PipelineGraph, pipeline_graph
from simsnn.mapping.pipeline_step import GroupTasks, unwritten
from simsnn.mapping.processors import Processors
from simsnn.pipeline_preparation import (
    PreparedPipeline,
    group_tasks,
    least_short,
    memory_places,
    message_costs,
    pipeline_schedule,
)
from simsnn.preparation import (
    MappedStep,
    assumptions,
    check_cost,
    energy_model,
    model_versions,
    provenance,
    unit_forms,
    with_activity,
)
from simsnn.results.assemble_pipeline import PipelineOutcome, assemble_pipeline, pipeline_energy
from simsnn.results.epoch import epoch_run
from simsnn.results.parallel_report import parallel_unit_rows
from simsnn.results.report import SCHEMA, Report
from simsnn.results.simulated import SimulatedProgram
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.optimum import optimal_load
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.validity import check_capacity
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.census import RunMemory
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.sim.garbage import collector_paused
from simsnn.training.config import TrainConfig


@dataclass(frozen=True)
class PipelineResult:
    """What a run on several processors gives: the report, the kept program as it ran, what it held."""

    report: Report
    execution: Execution
    graph: PipelineGraph
    memory: RunMemory


def run_pipeline(prepared: PreparedPipeline, activity: ResolvedActivity) -> PipelineResult:
    """Simulate every program at the experiment's level, keep the fastest, price and report it.

    Raises
    ------
    CapacityError
        If no program fits the memories as it ran: tasks overlap there, so it may hold more than its replay.
    """
    experiment = prepared.experiment
    parts = tuple(_bound(part, activity) for part in prepared.parts)
    groups = group_tasks(parts, prepared.numbers)
    simulated, dropped = _that_held(prepared, simulate_programs(prepared, groups))
    outcome = PipelineOutcome(
        parts,
        groups,
        prepared.processors,
        prepared.step,
        simulated,
        experiment.workload.batch,
        message_costs(prepared.processors),
        (*dropped, *_notes(prepared, parts, activity)),
        _optimum_cycles(prepared),
        trained=prepared.trained,
    )
    outcome = replace(outcome, notes=(*outcome.notes, *_unsettled(outcome)))
    outcome = _with_epoch(prepared, outcome)
    report = assemble_pipeline(
        run_id(prepared, activity),
        experiment,
        outcome,
        provenance(experiment, activity),
        activity.summary,
        activity.steps_per_epoch,
    )
    rows = parallel_unit_rows(unit_forms(prepared.parts[0]))  # of a processor of the first group
    report = report.model_copy(update={"parallel_units": rows})
    kept = simulated[outcome.kept]
    return PipelineResult(report, kept.execution, kept.graph, outcome.memory)


def simulate_programs(prepared: PreparedPipeline, groups: tuple[GroupTasks, ...]) -> tuple[SimulatedProgram, ...]:
    """Every program at the experiment's level, with the operations of each group of processors."""
    return tuple(_simulated(prepared, program, groups) for program in prepared.programs)


def _with_epoch(prepared: PreparedPipeline, outcome: PipelineOutcome) -> PipelineOutcome:
    """The kept program extended to an epoch, where one is asked for; a note where its run does not repeat."""
    samples = prepared.experiment.simulation.epoch_samples
    if samples is None:
        return outcome
    best = outcome.best

    def again(iterations: int) -> SimulatedProgram:
        schedule = prepared.experiment.schedule.model_copy(update={"iterations": iterations})
        longer = prepared.experiment.model_copy(update={"schedule": schedule})
        offered = pipeline_schedule(longer).programs(prepared.step, outcome.messages)
        program = next(program for program in offered if program.name == best.program.name)
        return _simulated(prepared, program, outcome.groups)

    found = epoch_run(best, samples, outcome.batch, again)
    if isinstance(found, str):
        return replace(outcome, notes=(*outcome.notes, found))
    return replace(outcome, epoch=found)


def _that_held(
    prepared: PreparedPipeline, simulated: tuple[SimulatedProgram, ...]
) -> tuple[tuple[SimulatedProgram, ...], tuple[str, ...]]:
    """Programs that fitted the memories while they ran, and why the others did not."""
    processors, places = prepared.processors, memory_places(prepared.processors)
    fitting, refused, dropped = list[SimulatedProgram](), list[CapacityError](), list[str]()
    for one in simulated:
        uses = memory_use(prepared.step, one.program, one.replay, message_costs(processors))
        try:
            check_capacity(one.program, uses, processors.capacity_bytes, places, ran=True)
            fitting.append(one)
        except CapacityError as error:
            if one.program is prepared.trained:
                raise
            refused.append(error)
            dropped.append(f"program {one.program.name!r} is left out, as it ran its memory did not suffice: {error}")
    if not fitting:
        raise least_short(refused)
    return tuple(fitting), tuple(dropped)


def with_trained(prepared: PreparedPipeline) -> PreparedPipeline:
    """The same, with the program whose delays are trained with, where the experiment trains with delayed gradients.

    It must be known before the training that makes the activity: the fastest on dense operands. Whatever is
    fastest on the activity, the report is of this one. Where several programs are offered, they are simulated for it.
    """
    config = prepared.experiment.activity
    if prepared.trained is not None or not isinstance(config, TrainConfig) or config.gradients != "delayed":
        return prepared
    program = prepared.programs[0]
    if len(prepared.programs) > 1:
        every = simulate_programs(prepared, group_tasks(prepared.parts, prepared.numbers))
        simulated, _ = _that_held(prepared, every)
        program = min(simulated, key=lambda one: one.rank).program
    return replace(prepared, trained=program)


def _unsettled(outcome: PipelineOutcome) -> tuple[str, ...]:
    """A note on programs whose pace is a guess: their runs are too short to show it."""
    found = [one.program for one in outcome.simulated if not one.settled]
    if not found:
        return ()
    names = ", ".join(program.name for program in found)
    wanted = max(one.more_iterations for one in outcome.simulated if not one.settled)
    return (f"{names}: cycles per iteration are a guess from a short run; add some {wanted} schedule.iterations",)


def _optimum_cycles(prepared: PreparedPipeline) -> int | None:
    """Least largest load of whole tasks, where it is asked for and proven.

    Raises
    ------
    ConfigError
        If the solver is not installed.
    """
    if not pipeline_schedule(prepared.experiment).optimum:
        return None
    found = optimal_load(prepared.step, prepared.programs[0].assignment)
    return found.load_cycles if found.proven else None


def _bound(part: MappedStep, activity: ResolvedActivity) -> MappedStep:
    """One group's operations with real spikes and masks in their plans."""
    mapped = tuple(with_activity(item, activity) for item in part.mapped)
    return MappedStep(part.experiment, part.network, part.machine, part.energy, mapped)


@collector_paused()
def _simulated(
    prepared: PreparedPipeline, program: PipelineProgram, groups: tuple[GroupTasks, ...]
) -> SimulatedProgram:
    processors, simulation = prepared.processors, prepared.experiment.simulation
    laid_out = pipeline_graph(prepared.step, program, groups, processors)
    graph, dram, memories, links = laid_out.graph, processors.dram, processors.memories, processors.interconnect
    path = critical_path(graph, dram, memories, links)
    if simulation.level == "closed_form":
        execution = closed_form(graph, dram, memories, links)
    elif simulation.level == "critical_path":
        execution = path
    else:
        execution = execute(graph, dram, simulation.trace, memories, links)
    bounds = find_bounds(graph, dram, memories, links, path)
    if simulation.level == "event":
        check_bounds(execution, bounds)
    _check_costs(laid_out.items, execution)
    return SimulatedProgram(program, laid_out, execution, bounds)


def _check_costs(items: tuple[MappedOperation, ...], execution: Execution) -> None:
    costs: dict[int, EngineCost] = {}
    for item, record in zip(items, execution.tasks, strict=True):
        if id(item) not in costs:
            costs[id(item)] = item.choice.plan.cost()
        check_cost(item, costs[id(item)], record.cycles.accounted - record.cycles.stall)


def _notes(prepared: PreparedPipeline, parts: tuple[MappedStep, ...], activity: ResolvedActivity) -> tuple[str, ...]:
    """What is assumed, beyond what engines say of themselves."""
    found = [*prepared.dropped, *(note for part in parts for note in assumptions(part, activity))]
    found.append("programs are made with the cycles of dense operands; every iteration has the same recorded batch")
    found.append("the input batch lies in the memory of the processors that read it when an iteration starts")
    if prepared.trained is not None:
        late = ", ".join(map(str, prepared.trained.staleness))
        found.append(
            f"trained with delayed gradients: forward passes read weights {late} updates old, first layer to last"
        )
    masks = unwritten(group_tasks(parts, prepared.numbers))
    if masks:
        found.append(
            f"processors differ: {', '.join(masks)} are sent to engines that scan them; on processors without such"
            " engines writing them costs nothing"
        )
    if prepared.processors.private:
        found.append("links: whole tensors are sent; they read and write local memories at no cost in time or energy")
        if any(link.pj_per_bit is None for link in prepared.experiment.hardware.links):
            found.append("links without pj_per_bit: their bytes are counted, their energy is not priced")
    return tuple(found)


def run_id(prepared: PreparedPipeline, activity: ResolvedActivity) -> str:
    """First 16 hex digits of the hash over experiment, activity, model versions and report schema."""
    versions: dict[str, int] = {}
    for part in prepared.parts:
        versions |= model_versions(part)
    schedule = prepared.experiment.schedule
    versions = {key: value for key, value in versions.items() if not key.startswith("schedule.")}
    versions[f"schedule.{schedule.kind}"] = schedule.model_version
    versions |= {f"link.{link.kind}": link.model_version for link in prepared.experiment.hardware.links}
    text = (canonical(prepared.experiment), str(activity.digest), repr(dict(sorted(versions.items()))), SCHEMA)
    return content_hash("\n".join(text))[:16]


def machine_energy(experiment: ExperimentConfig) -> EnergyModel:
    """Price tables of an experiment, looked up for its machine, with processors or without."""
    if not experiment.hardware.processors:
        return energy_model(experiment)
    processors = Processors.build(experiment.hardware)
    alone = [experiment.hardware.of_processor(group) for group in range(len(processors.machines))]
    models = tuple(energy_model(experiment.model_copy(update={"hardware": hardware})) for hardware in alone)
    return pipeline_energy(models, processors)
