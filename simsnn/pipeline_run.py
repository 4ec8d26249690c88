"""A run on several processors: prepare (all that can be refused), make programs, simulate each, report the fastest.

Equal processors are mapped once. Programs are made with the cycles of dense operands, so that neither what can be
refused nor the delays of the gradients depend on activity; they are then simulated with the real one.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.activities import ResolvedActivity, update_rule
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.group import inside_group, mapping_of
from simsnn.config.resolve import canonical, content_hash
from simsnn.costs import EngineCost
from simsnn.energy.model import EnergyModel
from simsnn.errors import CapacityError, ConfigError, UnsupportedOperation, Where, nearest
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.pipeline_graph import PipelineGraph, pipeline_graph
from simsnn.mapping.pipeline_step import GroupTasks, step_graph, unwritten
from simsnn.mapping.place import check_layer_names
from simsnn.mapping.processors import Processors
from simsnn.mapping.step_tasks import PASSES, TaskNumbers
from simsnn.preparation import (
    MappedStep,
    assumptions,
    build_experiment_network,
    check_cost,
    energy_model,
    map_step,
    model_versions,
    provenance,
    step_scope,
    step_widths,
    with_activity,
)
from simsnn.refusals import check_size
from simsnn.results.assemble_pipeline import PipelineOutcome, assemble_pipeline, pipeline_energy
from simsnn.results.report import SCHEMA, Report
from simsnn.results.simulated import SimulatedProgram
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.program import MessageCosts, PipelineProgram, PipelineSchedule, Weights
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import check_capacity, check_program
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.training.config import TrainConfig
from simsnn.training.delayed import Delays
from simsnn.workload.network import Network
from simsnn.workload.step_tensors import Stash
from simsnn.workload.training_step import micro_batches


@dataclass(frozen=True)
class PreparedPipeline:
    """A resolved experiment on several processors, with everything checked, cut and scheduled.

    Parameters
    ----------
    experiment, network : ExperimentConfig, Network
        What is run.
    processors : Processors
        The machine.
    parts : tuple of MappedStep, per group
        The operations of one iteration on a processor of each group by itself.
    numbers : TaskNumbers
        Which operation belongs to which task.
    step : StepGraph
        Tasks, tensors, cycles.
    programs : tuple of PipelineProgram
        What the schedule offers and the memories hold.
    dropped : tuple of str
        What it offered and no memory holds.
    """

    experiment: ExperimentConfig
    network: Network
    processors: Processors
    parts: tuple[MappedStep, ...]
    numbers: TaskNumbers
    step: StepGraph
    programs: tuple[PipelineProgram, ...]
    dropped: tuple[str, ...] = ()


def prepare_pipeline(experiment: ExperimentConfig, known: tuple[MappedStep, ...] | None = None) -> PreparedPipeline:
    """Map, schedule and check.

    Parameters
    ----------
    experiment : ExperimentConfig
        What to run.
    known : tuple of MappedStep or None
        Mapped operations of an experiment that differs in the number of processors, the links or the schedule alone.

    Raises
    ------
    SimsnnError
        Whatever can be refused is refused here, before training.
    """
    schedule = pipeline_schedule(experiment)
    network = build_experiment_network(experiment)
    check_layer_names(experiment.mapping, tuple(layer.name for layer in network.layers))
    _check(experiment, network, schedule)
    processors = Processors.build(experiment.hardware)
    samples = experiment.workload.batch // schedule.micro_batches
    numbers = TaskNumbers.of(network, samples)
    groups = range(len(experiment.hardware.processors))
    parts = known or tuple(_part(experiment, network, group, numbers) for group in groups)
    step = step_graph(group_tasks(parts, numbers), processors.group)
    programs, dropped = _that_fit(step, schedule, processors)
    return PreparedPipeline(experiment, network, processors, parts, numbers, step, programs, dropped)


def _that_fit(
    step: StepGraph, schedule: PipelineSchedule, processors: Processors
) -> tuple[tuple[PipelineProgram, ...], tuple[str, ...]]:
    """Programs that fit the memories, and why the others do not; if none does, the last one's numbers are raised."""
    messages, fitting, dropped = message_costs(processors), list[PipelineProgram](), list[str]()
    offered = schedule.programs(step, messages)
    for program in offered:
        try:
            check_program(step, program, processors.capacity_bytes, messages)
            fitting.append(program)
        except CapacityError as error:
            if program is offered[-1] and not fitting:
                raise
            dropped.append(f"program {program.name!r} is left out, its memory does not suffice: {error}")
    return tuple(fitting), tuple(dropped)


def pipeline_schedule(experiment: ExperimentConfig) -> PipelineSchedule:
    """The schedule of an experiment on several processors.

    Raises
    ------
    ConfigError
        If its schedule knows one machine only, or its machine has no processors.
    """
    schedule = experiment.schedule
    if not schedule.pipelined:
        raise ConfigError(
            f"schedule {schedule.kind} orders the operations of one machine, this one has"
            f" {len(experiment.hardware.processor_names)} processors",
            where=Where("schedule.kind"),
            value=schedule.kind,
            remedy="choose a pipelined schedule: sequential, gpipe, one_f_one_b, pipedream, layerpipe or spikepipe",
        )
    if not experiment.hardware.processors:
        raise ConfigError(
            f"schedule {schedule.kind} deals tasks out to processors, {experiment.hardware.name} has none",
            where=Where("hardware.processors"),
            remedy="list processors in the hardware file, or choose layer_by_layer, step_by_step or engine_pipeline",
        )
    return schedule  # type: ignore[return-value]


def message_costs(processors: Processors) -> MessageCosts:
    """What schedules count for messages: the links, or nothing where all processors share a memory."""
    return processors.interconnect if processors.private else NoLinks()


def group_tasks(parts: tuple[MappedStep, ...], numbers: TaskNumbers) -> tuple[GroupTasks, ...]:
    """Operations by task, per group of processors."""
    return tuple(GroupTasks.of(part.mapped, part.machine, numbers) for part in parts)


def _check(experiment: ExperimentConfig, network: Network, schedule: PipelineSchedule) -> None:
    workload, batches = experiment.workload, schedule.micro_batches
    if network.bare_gemms or set(workload.passes) != set(PASSES):
        raise ConfigError(
            f"schedule {schedule.kind} runs whole training iterations",
            where=Where("workload.passes"),
            value=[pass_.value for pass_ in workload.passes],
            allowed=("[F, B, W, U]",),
        )
    if workload.batch % batches:
        raise ConfigError(
            f"a batch of {workload.batch} cannot be cut into {batches} equal micro-batches",
            where=Where("schedule.micro_batches"),
            value=batches,
            allowed=tuple(str(n) for n in range(1, workload.batch + 1) if workload.batch % n == 0),
        )
    if workload.stash is Stash.RECOMPUTE and getattr(schedule, "weights", Weights.STASHED) is Weights.LATEST:
        raise UnsupportedOperation(
            "with weights: latest the potentials of the forward pass cannot be made again: its weights are gone",
            where=Where("workload.stash"),
            value=workload.stash.value,
            allowed=(Stash.STORE.value,),
            remedy="use schedule.weights stashed, or stash: store",
        )
    groups = tuple(group.name for group in experiment.hardware.processors)
    for name in experiment.mapping.processors:
        if name not in groups:
            raise ConfigError(
                f"mapping.processors names {name!r}, which is no group of processors",
                where=Where(f"mapping.processors.{name}"),
                value=name,
                allowed=groups,
                nearest=nearest(name, groups),
            )


def _part(experiment: ExperimentConfig, network: Network, group: int, numbers: TaskNumbers) -> MappedStep:
    """One iteration on a processor of one group by itself."""
    hardware = experiment.hardware
    alone = experiment.model_copy(
        update={
            "hardware": hardware.of_processor(group),
            "mapping": mapping_of(experiment.mapping, hardware.processors[group].name),
            "schedule": LayerByLayer(),
        }
    )
    scope, widths = step_scope(experiment, frozenset(PASSES)), step_widths(experiment)
    kind = experiment.schedule.kind
    operations = micro_batches(network, scope, widths, update_rule(experiment), numbers.samples, kind)
    for operation in operations:
        check_size(operation)
    with inside_group(experiment, group):
        return map_step(alone, network, operations, numbers.together)


@dataclass(frozen=True)
class PipelineResult:
    """What a run on several processors gives: the report, and the kept program as it ran."""

    report: Report
    execution: Execution
    graph: PipelineGraph


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
    )
    report = assemble_pipeline(
        run_id(prepared, activity),
        experiment,
        outcome,
        provenance(experiment, activity),
        activity.summary,
        activity.steps_per_epoch,
    )
    kept = simulated[outcome.kept]
    return PipelineResult(report, kept.execution, kept.graph)


def simulate_programs(prepared: PreparedPipeline, groups: tuple[GroupTasks, ...]) -> tuple[SimulatedProgram, ...]:
    """Every program at the experiment's level, with the operations of each group of processors."""
    return tuple(_simulated(prepared, program, groups) for program in prepared.programs)


def _that_held(
    prepared: PreparedPipeline, simulated: tuple[SimulatedProgram, ...]
) -> tuple[tuple[SimulatedProgram, ...], tuple[str, ...]]:
    """Programs that fitted the memories while they ran, and why the others did not."""
    processors, fitting, dropped = prepared.processors, list[SimulatedProgram](), list[str]()
    for one in simulated:
        uses = memory_use(prepared.step, one.program, one.replay, message_costs(processors))
        try:
            check_capacity(one.program, uses, processors.capacity_bytes)
            fitting.append(one)
        except CapacityError as error:
            if one is simulated[-1] and not fitting:
                raise
            dropped.append(f"program {one.program.name!r} is left out, as it ran its memory did not suffice: {error}")
    return tuple(fitting), tuple(dropped)


def kept_delays(prepared: PreparedPipeline) -> Delays | None:
    """Delays of the program that is kept on dense operands, where the experiment trains with delayed gradients.

    They must be known before the training that makes the activity. Where several programs are offered, they are
    simulated for it.
    """
    config = prepared.experiment.activity
    if not isinstance(config, TrainConfig) or config.gradients != "delayed":
        return None
    programs = prepared.programs
    if len(programs) > 1:
        every = simulate_programs(prepared, group_tasks(prepared.parts, prepared.numbers))
        simulated, _ = _that_held(prepared, every)
        kept = min(range(len(simulated)), key=lambda number: (simulated[number].rank, number))
        programs = (simulated[kept].program,)
    return Delays(programs[0].staleness, programs[0].backward_staleness)


def _bound(part: MappedStep, activity: ResolvedActivity) -> MappedStep:
    """One group's operations with real spikes and masks in their plans."""
    mapped = tuple(with_activity(item, activity) for item in part.mapped)
    return MappedStep(part.experiment, part.network, part.machine, part.energy, mapped)


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
    masks = unwritten(group_tasks(parts, prepared.numbers))
    if masks:
        found.append(
            f"processors differ: {', '.join(masks)} are sent to engines that scan them; on processors without such"
            " engines writing them costs nothing"
        )
    if prepared.processors.private:
        found.append("links: whole tensors are sent; they read and write local memories through ports of their own")
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
