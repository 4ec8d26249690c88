"""A machine with processors, prepared: equal processors mapped once, tasks and tensors, programs that fit.

Programs are made with the cycles of dense operands, so that neither what can be refused nor the delays of the
gradients depend on activity.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.activities import update_rule
from simsnn.config.experiment import ExperimentConfig
from simsnn.config.group import inside_group, mapping_of
from simsnn.errors import CapacityError, ConfigError, UnsupportedOperation, Where, nearest
from simsnn.mapping.pipeline_step import GroupTasks, step_graph
from simsnn.mapping.place import check_layer_names
from simsnn.mapping.processors import Processors
from simsnn.mapping.step_tasks import PASSES, TaskNumbers
from simsnn.preparation import (
    MappedStep,
    build_experiment_network,
    map_step,
    step_scope,
    step_widths,
)
from simsnn.refusals import check_size
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.program import MessageCosts, PipelineProgram, PipelineSchedule, Weights
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import MemoryPlace, check_program
from simsnn.workload.network import Network
from simsnn.workload.recompute import repeats_products
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
    trained : PipelineProgram or None
        The program whose delays are trained with, where gradients are delayed.
    """

    experiment: ExperimentConfig
    network: Network
    processors: Processors
    parts: tuple[MappedStep, ...]
    numbers: TaskNumbers
    step: StepGraph
    programs: tuple[PipelineProgram, ...]
    dropped: tuple[str, ...] = ()
    trained: PipelineProgram | None = None


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
    """Programs that fit the memories, and why the others do not; if none does, what lacks least is raised."""
    messages, fitting, refused = message_costs(processors), list[PipelineProgram](), list[CapacityError]()
    dropped, places = list[str](), memory_places(processors)
    for program in _offered(step, schedule, processors):
        try:
            check_program(step, program, processors.capacity_bytes, messages, places)
            fitting.append(program)
        except CapacityError as error:
            refused.append(error)
            dropped.append(f"program {program.name!r} is left out, its memory does not suffice: {error}")
    if not fitting:
        raise least_short(refused)
    return tuple(fitting), tuple(dropped)


def _offered(step: StepGraph, schedule: PipelineSchedule, processors: Processors) -> tuple[PipelineProgram, ...]:
    """What the schedule offers; too many processors of one group are the fault of its count."""
    try:
        return schedule.programs(step, message_costs(processors))
    except ConfigError as error:
        if error.where.path != "hardware.processors" or len(processors.machines) > 1:
            raise
        raise error.located(Where("hardware.processors.0.count")) from None


def least_short(refused: list[CapacityError]) -> CapacityError:
    """Of several refusals that with the least to do: the first that lacks least."""
    return min(refused, key=lambda error: error.demand - error.bound)


def memory_places(processors: Processors) -> tuple[MemoryPlace, ...]:
    """Per processor: its name, and where the size of its memory stands in the file."""
    return tuple(
        MemoryPlace(name, f"hardware.processors.{group}.memory.size")
        for name, group in zip(processors.names, processors.group, strict=True)
    )


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
    latest = getattr(schedule, "weights", Weights.STASHED) is Weights.LATEST
    if latest and repeats_products(network, workload.mode):
        raise UnsupportedOperation(
            "with weights: latest the currents of the forward pass cannot be made again: its weights are gone",
            where=Where("workload.backward"),
            value=workload.mode.kind,
            remedy="use schedule.weights stashed, or a mode that repeats no product (bptt)",
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
    scope, widths = step_scope(alone, frozenset(PASSES)), step_widths(experiment)
    kind = experiment.schedule.kind
    operations = micro_batches(network, scope, widths, update_rule(experiment), numbers.samples, kind)
    numbers.check_repeats(operations, experiment.workload.mode.kind)
    for operation in operations:
        check_size(operation)
    with inside_group(experiment, group):
        return map_step(alone, network, operations, numbers.together)
