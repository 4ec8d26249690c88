"""The ``pipeline`` section of a report, from simulated programs.

Overhead, the definition of the reference (hypothesis): what crosses links only because the passes of a layer
are on different processors is weights and weight gradients; it is held against the activations,
masks and gradients that cross links.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass, StallCause
from simsnn.mapping.pipeline_lower import run_bounds
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.mapping.processors import Processors
from simsnn.results.epoch import EpochRun
from simsnn.results.memory import processor_memory
from simsnn.results.memory_on_chip import on_chip_census
from simsnn.results.memory_report import PROCESSOR, memory_report
from simsnn.results.pipeline_report import (
    CandidateRow,
    EpochRow,
    JobRow,
    LayerRow,
    LinkRow,
    LocalRow,
    MessageRow,
    Overhead,
    PeriodBounds,
    PipelineReport,
    ProcessorRow,
)
from simsnn.results.simulated import SimulatedProgram
from simsnn.results.stalls import Stalls
from simsnn.schedule.graph import Task
from simsnn.schedule.memory_use import MemoryUse, memory_use
from simsnn.schedule.program import MessageCosts
from simsnn.schedule.step_graph import StepGraph
from simsnn.sim.census import RunMemory
from simsnn.sim.execution import Execution
from simsnn.sim.trace import Kind
from simsnn.units import cycles_to_ns

OVERHEAD = (
    "weights and weight gradients that cross links, which they do only because F, B and W of a layer are on"
    " different processors, over activations, masks and gradients that cross links"
)
EXTRA = frozenset({OperandClass.WEIGHTS, OperandClass.WEIGHT_GRADIENTS, OperandClass.WEIGHT_VERSIONS})


@dataclass(frozen=True)
class Sections:
    """Everything the section is made of."""

    simulated: tuple[SimulatedProgram, ...]
    kept: int
    step: StepGraph
    processors: Processors
    groups: tuple[GroupTasks, ...]
    messages: MessageCosts
    samples_per_s: float
    utilisation: tuple[float, ...]
    optimum_cycles: int | None
    epoch: EpochRun | None = None

    @property
    def best(self) -> SimulatedProgram:
        """The kept program."""
        return self.simulated[self.kept]

    @cached_property
    def memory(self) -> tuple[MemoryUse, ...]:
        """What each processor held, at the times of the run."""
        return memory_use(self.step, self.best.program, self.best.replay, self.messages)

    @cached_property
    def run_memory(self) -> tuple[RunMemory, ...]:
        """The same by operand class over time, with what the SRAMs of each processor held."""
        engines, tasks = self.processors.engine_base, self.best.graph.graph.tasks
        mine: list[list[int]] = [[] for _ in engines]
        for task in tasks:
            mine[bisect_right(engines, task.engine) - 1].append(task.id)
        found = []
        for number, use in enumerate(self.memory):
            on_chip = None
            if self.best.execution.trace is not None:
                on_chip = on_chip_census(self.best.graph.items, self.best.execution.moments, mine[number])
            found.append(processor_memory(use, on_chip))
        return tuple(found)


def pipeline_report(schedule: str, sections: Sections) -> PipelineReport:
    """The section, of a schedule of this kind."""
    best = sections.best
    program, makespan = best.program, best.execution.makespan_cycles
    found = run_bounds(sections.step, program, sections.groups, sections.processors.group, sections.messages)
    bounds = PeriodBounds(
        resource_cycles=float(found.resource_cycles),
        largest_task_cycles=float(found.largest_task_cycles),
        loop_cycles=float(found.loop_cycles),
        lower_cycles=float(found.lower_cycles),
        optimum_cycles=sections.optimum_cycles,
    )
    period, per_iteration = best.period, makespan / program.iterations
    return PipelineReport(
        schedule=schedule,
        program=program.name,
        processor_count=program.processors,
        iterations=program.iterations,
        micro_batches=program.micro_batches,
        weights=program.weights.value,
        makespan_cycles=makespan,
        period_cycles=None if period is None else period.cycles,
        period_iterations=None if period is None else period.iterations,
        samples_per_s=sections.samples_per_s,
        step_cycles=per_iteration,
        bounds=bounds,
        pace_cycles=None if period is not None else float(best.pace),
        settled=best.settled,
        distance=float(best.pace) / bounds.lower_cycles,
        processors=_processors(sections),
        links=_links(sections),
        messages=_messages(best),
        local_bytes=_local(sections),
        overhead=_overhead(best),
        layers=_layers(sections),
        candidates=tuple(_candidate(one, one is best) for one in sections.simulated),
        jobs=_jobs(sections),
        epoch=_epoch(sections),
    )


def _epoch(sections: Sections) -> EpochRow | None:
    found = sections.epoch
    if found is None:
        return None
    return EpochRow(
        samples=found.samples,
        iterations=found.iterations,
        cycles=found.cycles,
        time_ns=cycles_to_ns(found.cycles, sections.processors.config.clock),
        simulated_iterations=found.simulated_iterations,
        proven=found.proven,
    )


def _candidate(one: SimulatedProgram, kept: bool) -> CandidateRow:
    period = one.period
    return CandidateRow(
        name=one.program.name,
        period_cycles=None if period is None else period.cycles,
        period_iterations=None if period is None else period.iterations,
        makespan_cycles=one.execution.makespan_cycles,
        kept=kept,
        pace_cycles=None if period is not None else float(one.pace),
        settled=one.settled,
    )


def _processors(sections: Sections) -> tuple[ProcessorRow, ...]:
    best, processors = sections.best, sections.processors
    makespan, graph = best.execution.makespan_cycles, best.graph.graph
    sent, received = Counter[int](), Counter[int]()
    for message in graph.messages:
        sent[message.source] += message.bytes
        received.update(dict.fromkeys(message.destinations, message.bytes))
    rows = []
    for number, name in enumerate(processors.names):
        first = processors.engine_base[number]
        engines = range(first, first + len(processors.machines[processors.group[number]].engines))
        busy, covered = _busy(best, engines)
        use = sections.memory[number]
        tasks = tuple(task.name for task in sections.step.tasks if best.program.assignment[task.id] == number)
        rows.append(
            ProcessorRow(
                name=name,
                group=processors.config.processors[processors.group[number]].name,
                tasks=tasks,
                busy_cycles=busy,
                busy_share=busy / makespan,
                utilisation=sections.utilisation[number],
                bubble_cycles=makespan - covered,
                stalls=_stalls(best.execution, engines, graph.tasks),
                idle=_idle(best.execution, engines, graph.tasks),
                received_bytes=received[number],
                sent_bytes=sent[number],
                memory_bytes=processors.capacity_bytes[number],
                peak_memory_bytes=use.peak_bytes,
                weight_bytes=use.weight_bytes,
                version_bytes=use.version_bytes,
                optimizer_bytes=use.optimizer_bytes,
                gradient_bytes=use.gradient_bytes,
                peak_stash_bytes=use.stash_bytes,
                weight_versions=max(use.weight_versions, default=0),
                memory=memory_report(sections.run_memory[number], PROCESSOR),
            )
        )
    return tuple(rows)


def _busy(best: SimulatedProgram, engines: range) -> tuple[int, int]:
    """Cycles in which an engine works, and in which one has a task.

    Without a trace the first is that of the busiest engine.
    """
    execution, tasks = best.execution, zip(best.begins, best.execution.tasks, best.graph.graph.tasks, strict=True)
    spans = [(int(begin), record.end) for begin, record, task in tasks if task.engine in engines]
    covered = union_cycles(np.array(spans, np.int64).reshape(-1, 2))
    if execution.trace is None:
        return max(execution.engine_busy_cycles[engine] for engine in engines), covered
    rows = execution.trace.intervals
    mine = (rows["kind"] == Kind.COMPUTE) & (rows["resource"] >= engines.start) & (rows["resource"] < engines.stop)
    return union_cycles(np.stack([rows["start"][mine], rows["end"][mine]], axis=1)), covered


def union_cycles(spans: NDArray[np.int64]) -> int:
    """Cycles that at least one of the spans covers; int64, shape (n, 2): start, end."""
    if not len(spans):
        return 0
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    fresh = spans[1:, 1] - np.maximum(spans[1:, 0], reach[:-1])
    return int(spans[0, 1] - spans[0, 0] + np.maximum(fresh, 0).sum())


def _stalls(execution: Execution, engines: range, tasks: tuple[Task, ...]) -> Stalls:
    """Waiting of all engines of a processor; group-cycles count as shares of a cycle."""
    total = Counter[str]()
    for record, task in zip(execution.tasks, tasks, strict=True):
        if task.engine in engines:
            total.update({c.value: int(getattr(record.stalls, c.value)) // record.cycles.groups for c in StallCause})
    return Stalls(**{cause.value: total[cause.value] for cause in StallCause})


def _idle(execution: Execution, engines: range, tasks: tuple[Task, ...]) -> Stalls:
    """What the engines of a processor stood empty for."""
    mine = [record.idle for record, task in zip(execution.tasks, tasks, strict=True) if task.engine in engines]
    return Stalls(**{cause.value: sum(int(getattr(idle, cause.value)) for idle in mine) for cause in StallCause})


def _links(sections: Sections) -> tuple[LinkRow, ...]:
    best, links = sections.best, sections.processors.interconnect.links
    names, makespan = sections.processors.config.links, best.execution.makespan_cycles
    return tuple(
        LinkRow(
            name=link.name,
            component=names[link.component].name,
            busy_cycles=use.busy_cycles,
            busy_share=min(1.0, use.busy_cycles / makespan),
            bytes=use.bytes,
            packets=use.packets,
            energy_pj=None if link.pj_per_bit is None else 8 * use.bytes * link.pj_per_bit,
        )
        for link, use in zip(links, best.execution.links, strict=True)
    )


def _messages(best: SimulatedProgram) -> tuple[MessageRow, ...]:
    count, size = Counter[OperandClass](), Counter[OperandClass]()
    for message in best.graph.graph.messages:
        count[message.operand] += 1
        size[message.operand] += message.bytes
    return tuple(
        MessageRow(operand=operand.value, messages=count[operand], bytes=size[operand])
        for operand in OperandClass
        if count[operand]
    )


def _local(sections: Sections) -> tuple[LocalRow, ...]:
    """Tensors between tasks of one processor, once each, over the whole run."""
    program, step, size = sections.best.program, sections.step, Counter[OperandClass]()
    place = program.assignment
    kept = {(e.source, e.tensor): e for e in step.edges if place[e.source] == place[e.target]}
    for edge in kept.values():
        size[edge.role] += edge.bytes * program.iterations * program.micro_batches
    for number, layer in enumerate(step.layers):
        if any(place[reader] == place[layer.update] for reader in step.weight_readers(number)):
            size[OperandClass.WEIGHTS] += layer.weight_bytes * program.iterations
    return tuple(LocalRow(operand=role.value, bytes=size[role]) for role in OperandClass if size[role])


def _overhead(best: SimulatedProgram) -> Overhead:
    extra = sum(m.bytes for m in best.graph.graph.messages if m.operand in EXTRA)
    total = sum(m.bytes for m in best.graph.graph.messages if m.operand not in EXTRA)
    share = extra / total if total else 0.0
    return Overhead(definition=OVERHEAD, extra_bytes=extra, total_bytes=total, share=share)


def _layers(sections: Sections) -> tuple[LayerRow, ...]:
    program, names = sections.best.program, sections.processors.names
    return tuple(
        LayerRow(
            name=layer.name,
            forward=names[program.assignment[layer.forward]],
            backward=names[program.assignment[layer.backward]],
            gradient=names[program.assignment[layer.gradient]],
            update=names[program.assignment[layer.update]],
            staleness=program.staleness[number],
            backward_staleness=program.backward_staleness[number],
            weight_versions=max(1, *(use.weight_versions[number] for use in sections.memory)),
            stash_copies=max(1, *(use.stash_copies[number] for use in sections.memory)),
        )
        for number, layer in enumerate(sections.step.layers)
    )


def _jobs(sections: Sections) -> tuple[JobRow, ...]:
    best, step, names = sections.best, sections.step, sections.processors.names
    found = best.replay
    return tuple(
        JobRow(
            name=step.tasks[job.task].name,
            pass_=step.tasks[job.task].pass_.value,  # type: ignore[arg-type]
            layer=step.layers[step.tasks[job.task].layer].name,
            processor=names[best.program.assignment[job.task]],
            iteration=job.iteration,
            micro_batch=job.micro_batch,
            start_cycle=found.start[found.position(job)],
            end_cycle=found.end[found.position(job)],
        )
        for job in best.graph.jobs
    )
