"""From the simulated programs of a pipeline to a report: the kept one in full, the others by their times.

Rows are sums over iterations and micro-batches: one per operation and processor, with ``instances``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import ActionCounts, ActionKey, CycleBreakdown, StallCause, Traffic, TrafficEntry
from simsnn.energy.area import dram_interface
from simsnn.energy.model import EnergyModel, PricedSram
from simsnn.energy.parts import AreaUnit
from simsnn.errors import ModelDisagreement
from simsnn.mapping.accesses import memory_actions
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.mapping.processors import Processors
from simsnn.preparation import MappedStep, area_model, datapath_widths
from simsnn.results.assemble import area_rows, energy_sources, largest, traffic_rows
from simsnn.results.epoch import EpochRun
from simsnn.results.memory_report import ALL_PROCESSORS, memory_report
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.pipeline_sections import Sections, pipeline_report
from simsnn.results.report import ActivitySummary, AreaRow, Parts, Provenance, Report, TaskRow, Totals
from simsnn.results.simulated import SimulatedProgram
from simsnn.results.stalls import Stalls
from simsnn.schedule.program import MessageCosts, PipelineProgram
from simsnn.schedule.step_graph import StepGraph
from simsnn.sim.census import RunMemory
from simsnn.sim.execution import Stalls as ExecutionStalls
from simsnn.sim.execution import TaskRecord
from simsnn.units import cycles_to_ns
from simsnn.workload.operation import GemmOperation

_INTERFACE = frozenset({AreaUnit.DRAM_PHY.value, AreaUnit.DRAM_CONTROLLER.value})
"""What memories off the die take on it: rows of the area, no part of its total."""


@dataclass(frozen=True)
class PipelineOutcome:
    """Everything a report of a pipeline is made of."""

    parts: tuple[MappedStep, ...]
    groups: tuple[GroupTasks, ...]
    processors: Processors
    step: StepGraph
    simulated: tuple[SimulatedProgram, ...]
    batch: int
    messages: MessageCosts
    notes: tuple[str, ...]
    optimum_cycles: int | None = None
    epoch: EpochRun | None = None
    trained: PipelineProgram | None = None

    @cached_property
    def kept(self) -> int:
        """Which program is kept: the one trained with, else the fastest, the first of equals."""
        if self.trained is not None:
            return next(number for number, one in enumerate(self.simulated) if one.program is self.trained)
        return min(range(len(self.simulated)), key=lambda number: (self.simulated[number].rank, number))

    @property
    def best(self) -> SimulatedProgram:
        """The kept program."""
        return self.simulated[self.kept]

    @property
    def samples_per_s(self) -> float:
        """Of the steady state; of the run where it has no exact period."""
        cycles_per_iteration = float(self.best.rank[0])
        return self.batch * self.processors.config.clock / cycles_per_iteration

    @cached_property
    def product_work(self) -> tuple[tuple[int, int], ...]:
        """Per processor, useful multiply-accumulates of its products, and the most that its arrays do in a cycle.

        Arrays of its group's mapping count whether or not the program gives them a task.
        """
        useful = [0] * self.processors.count
        peaks = [_product_peaks(self.parts[group]) for group in self.processors.group]
        for number, job in enumerate(self.best.graph.jobs):
            processor = self.best.program.assignment[job.task]
            for task in self.best.graph.span(number):
                item = self.best.graph.items[task]
                if isinstance(item.operation, GemmOperation):
                    work = item.choice.plan.work()
                    useful[processor] += work.useful
                    peaks[processor][item.placement.engine] = work.peak_per_cycle
        return tuple((done, sum(peak.values())) for done, peak in zip(useful, peaks, strict=True))

    @cached_property
    def sections(self) -> Sections:
        """What the pipeline section is made of."""
        makespan = self.best.execution.makespan_cycles
        return Sections(
            self.simulated,
            self.kept,
            self.step,
            self.processors,
            self.groups,
            self.messages,
            self.samples_per_s,
            tuple(done / (peak * makespan) if peak else 0.0 for done, peak in self.product_work),
            self.optimum_cycles,
            self.epoch,
        )

    @cached_property
    def memory(self) -> RunMemory:
        """What all processors together held over time."""
        return RunMemory.together(self.sections.run_memory)


def _product_peaks(part: MappedStep) -> dict[int, int]:
    """Most multiply-accumulates per cycle of every engine that products are mapped to."""
    products = (item for item in part.mapped if isinstance(item.operation, GemmOperation))
    return {item.placement.engine: item.choice.plan.work().peak_per_cycle for item in products}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an operation runs, which is what makes a row."""

    engine: int
    layer: str
    pass_: str
    part: str
    dataflow: str


class _Instances:
    """What the instances of one operation on one engine add up to."""

    def __init__(self, processor: int, first: TaskRecord) -> None:
        self.processor = processor
        self.start, self.end = first.start, first.end
        self.cycles = 0
        self.breakdown, self.stalls = CycleBreakdown(groups=first.cycles.groups), ExecutionStalls()
        self.items: dict[int, tuple[MappedOperation, int]] = {}

    def add(self, item: MappedOperation, record: TaskRecord) -> None:
        """One more instance."""
        self.start, self.end = min(self.start, record.start), max(self.end, record.end)
        self.cycles += record.end - record.start
        self.breakdown, self.stalls = self.breakdown + record.cycles, self.stalls + record.stalls
        self.items[id(item)] = (item, self.items.get(id(item), (item, 0))[1] + 1)

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(count for _, count in self.items.values())

    @property
    def item(self) -> MappedOperation:
        """One of them: all are cut alike."""
        return next(iter(self.items.values()))[0]


def _rows(outcome: PipelineOutcome, energy: EnergyModel) -> tuple[TaskRow, ...]:
    best, processors, found = outcome.best, outcome.processors, dict[_Place, _Instances]()
    sizes = [len(processors.machines[group].engines) for group in processors.group]
    owner = [processor for processor, size in enumerate(sizes) for _ in range(size)]
    for item, task, record in zip(best.graph.items, best.graph.graph.tasks, best.execution.tasks, strict=True):
        place = _Place(task.engine, task.layer, task.pass_.value, task.part.value, task.dataflow)
        if place not in found:
            found[place] = _Instances(owner[task.engine], record)
        found[place].add(item, record)
    return tuple(_row(place, instances, processors, energy) for place, instances in found.items())


def _row(place: _Place, found: _Instances, processors: Processors, energy: EnergyModel) -> TaskRow:
    machine, name = processors.machines[processors.group[found.processor]], processors.names[found.processor]
    item, groups = found.item, found.breakdown.groups
    actions, traffic, useful = _work(found, name, machine, processors)
    waits = {cause.value: int(getattr(found.stalls, cause.value)) // groups for cause in StallCause}
    busy = (found.breakdown.accounted - found.breakdown.stall) // groups
    costs = [(i.choice.plan.cost(), count) for i, count in found.items.values()]
    observed = {what.value for cost, _ in costs for what, _ in cost.observations}
    return TaskRow(
        layer=place.layer,
        pass_=place.pass_,
        part=place.part,
        array=processors.engine_names[place.engine],
        engine=machine.engines[item.placement.engine].kind,
        dataflow=place.dataflow,
        chunks=item.choice.plan.chunk_count,
        instances=found.count,
        start_cycle=found.start,
        end_cycle=found.end,
        cycles=found.cycles,
        parts=Parts(**{part: getattr(found.breakdown, part) for part in Parts.model_fields}),
        stalls=Stalls(**{cause.value: getattr(found.stalls, cause.value) for cause in StallCause}),
        groups=groups,
        utilisation=useful / (found.cycles * item.choice.plan.work().peak_per_cycle) if found.cycles else 0.0,
        actions={key.name: count for key, count in actions.counts},
        traffic=traffic_rows(traffic),
        energy_pj=dict(energy.price_actions(actions)),
        binds=largest(busy, waits, found.count * _moved(item, machine)),
        observations={
            name: sum(n * count for cost, n in costs for what, count in cost.observations if what.value == name)
            for name in sorted(observed)
        },
    )


def _work(found: _Instances, name: str, machine: Machine, processors: Processors) -> tuple[ActionCounts, Traffic, int]:
    """Actions, traffic and useful operations of all instances, memories under the names of this processor."""
    actions: list[tuple[ActionKey, int]] = []
    entries: list[TrafficEntry] = []
    useful = 0
    for item, count in found.items.values():
        memory, traffic = memory_actions(item, machine)
        useful += count * item.choice.plan.work().useful
        actions += [(key, count * n) for key, n in (item.choice.plan.cost().actions + memory).counts]
        entries += [
            TrafficEntry(e.level, e.operand, count * e.read_bytes, count * e.write_bytes) for e in traffic.entries
        ]
    return (
        _on_processor(ActionCounts.of(*actions), name, machine, processors),
        _levels(entries, name, machine, processors),
        useful,
    )


def _moved(item: MappedOperation, machine: Machine) -> int:
    return sum(machine.dram.occupancy_cycles(t.bytes) for m in item.choice.moves for t in m.loads + m.stores)


def _on_processor(actions: ActionCounts, processor: str, machine: Machine, processors: Processors) -> ActionCounts:
    """Actions of memories under the name that the processor's own have."""
    names = {sram.name for sram in machine.srams} | ({machine.dram.name} if processors.private else set())
    return ActionCounts.of(
        *(
            (ActionKey(f"{processor}.{k.component}", k.action, k.bits, k.other_bits) if k.component in names else k, n)
            for k, n in actions.counts
        )
    )


def _levels(entries: list[TrafficEntry], processor: str, machine: Machine, processors: Processors) -> Traffic:
    shared = "" if processors.private else machine.dram.name
    named = [e if e.level == shared else replace(e, level=f"{processor}.{e.level}") for e in entries]
    return Traffic.of(*named)


def pipeline_energy(models: tuple[EnergyModel, ...], processors: Processors) -> EnergyModel:
    """One price list for the memories of all processors, each under its own name.

    Parameters
    ----------
    models : tuple of EnergyModel, per group
        Prices of one processor of each group by itself.
    processors : Processors
        The machine.
    """
    first, priced, memories = models[0], list[PricedSram](), list[str]()
    for name, group in zip(processors.names, processors.group, strict=True):
        priced += [replace(sram, name=f"{name}.{sram.name}") for sram in models[group].srams]
        memories.append(f"{name}.{processors.machines[group].dram.name}")
    drams = tuple(memories) if processors.private else (processors.dram.name,)
    return EnergyModel(first.arithmetic, first.sram, tuple(priced), first.dram, drams)


def _area(outcome: PipelineOutcome) -> tuple[AreaRow, ...]:
    """Areas of every group of processors, times their number; links have none."""
    found: list[AreaRow] = []
    clock = outcome.processors.config.clock
    for number, part in enumerate(outcome.parts):
        config = outcome.processors.config.processors[number]
        engines = zip(part.machine.engines, datapath_widths(part), strict=True)
        parts = tuple(piece for engine, widths in engines for piece in engine.area_parts(widths))
        if outcome.processors.private:
            parts += dram_interface(part.machine.dram.name, part.machine.dram.bytes_per_cycle * clock)
        for row in area_rows(area_model(part), parts, part.energy):
            update = {"component": f"{config.name}.{row.component}", "count": row.count * config.count}
            found.append(row.model_copy(update={**update, "um2": row.um2 * config.count}))
    if not outcome.processors.private:
        dram, part = outcome.processors.dram, outcome.parts[0]
        interface = dram_interface(dram.name, dram.bytes_per_cycle * clock)
        found += [r for r in area_rows(area_model(part), interface, part.energy) if r.component == dram.name]
    return tuple(found)


def assemble_pipeline(
    id_: str,
    experiment: ExperimentConfig,
    outcome: PipelineOutcome,
    provenance: Provenance,
    activity: ActivitySummary,
    steps_per_epoch: int | None,
) -> Report:
    """Report of a run on several processors.

    Parameters
    ----------
    id_ : str
        Of the run.
    experiment : ExperimentConfig
        What was asked for.
    outcome : PipelineOutcome
        What came out.
    provenance, activity, steps_per_epoch
        What it rests on.
    """
    energy = pipeline_energy(tuple(part.energy for part in outcome.parts), outcome.processors)
    best = outcome.best
    clock = outcome.processors.config.clock
    time_ns = cycles_to_ns(best.execution.makespan_cycles, clock)
    static, rows = dict(energy.leakage(time_ns)), _rows(outcome, energy)
    pipeline = pipeline_report(experiment.schedule.kind, outcome.sections)
    _check_period(experiment, best, pipeline)
    costs = [item.choice.plan.cost() for part in outcome.parts for item in part.mapped]
    notes = dict.fromkeys([*outcome.notes, *(note for cost in costs for note in cost.approximations)])
    links_pj = sum(row.energy_pj or 0.0 for row in pipeline.links)
    return Report(
        id=id_,
        name=experiment.name,
        provenance=provenance,
        level=experiment.simulation.level,
        approximations=tuple(notes),
        activity=activity,
        clock_hz=clock,
        dram_level=outcome.processors.dram.name,
        energy_sources=energy_sources(energy, area_model(outcome.parts[0])),
        static_energy_pj=static,
        totals=_totals(outcome, rows, time_ns, sum(static.values()) + links_pj, steps_per_epoch),
        area=_area(outcome),
        tasks=rows,
        memory=memory_report(outcome.memory, ALL_PROCESSORS),
        pipeline=pipeline,
    )


def _check_period(experiment: ExperimentConfig, best: SimulatedProgram, pipeline: PipelineReport) -> None:
    """No run repeats itself faster than its bounds; at ``closed_form`` messages and chunk edges take no time.

    Raises
    ------
    ModelDisagreement
        If one does.
    """
    if experiment.simulation.level == "closed_form" or pipeline.period is None or not best.bounds.monotone:
        return
    if float(pipeline.period) < pipeline.bounds.lower_cycles * (1 - 1e-9):
        raise ModelDisagreement(
            f"program {pipeline.program!r} repeats itself every {float(pipeline.period):,.1f} cycles per iteration,"
            f" less than its lower bound of {pipeline.bounds.lower_cycles:,.1f}"
        )


def _totals(
    outcome: PipelineOutcome, rows: tuple[TaskRow, ...], time_ns: float, other_pj: float, steps_per_epoch: int | None
) -> Totals:
    best = outcome.best
    samples, cycles = outcome.batch * best.program.iterations, best.execution.makespan_cycles
    energy = sum(row.total_energy_pj for row in rows) + other_pj
    useful, peak = (sum(column) for column in zip(*outcome.product_work, strict=True))
    return Totals(
        total_cycles=cycles,
        time_ns=time_ns,
        samples_per_s=outcome.samples_per_s,
        total_energy_pj=energy,
        energy_per_sample_pj=energy / samples,
        area_um2=sum(row.um2 for row in _area(outcome) if row.unit not in _INTERFACE),
        utilisation=useful / (peak * cycles) if peak else 0.0,
        dram_bytes=sum(use.bytes for use in best.execution.channels),
        peak_live_bytes=sum(use.peak_bytes for use in outcome.sections.memory),
        critical_path_cycles=best.bounds.critical_path_cycles,
        lower_bound_cycles=best.bounds.lower_cycles,
        upper_bound_cycles=best.bounds.serial_cycles,
        samples=samples,
        steps_per_epoch=steps_per_epoch,
    )
