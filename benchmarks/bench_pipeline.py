"""A deep network on many processors: programs and their check, task graph, critical path, event engine with trace.

The network is synthetic: 99 linear layers of 128 neurons and a readout, whose operations take at most 4
chunks each. Cutting them is reported apart; micro-batches differ in their samples alone, so two are cut and
the second stands for all others.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace

from benchmarks.laps import Laps, median_of
from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig
from simsnn.mapping.pipeline_graph import PipelineGraph, pipeline_graph
from simsnn.mapping.pipeline_step import GroupTasks, step_graph
from simsnn.mapping.processors import Processors
from simsnn.pipeline_preparation import (
    PreparedPipeline,
    group_tasks,
    message_costs,
    pipeline_schedule,
    prepare_pipeline,
)
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import check_program
from simsnn.sim.critical_path import critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.sim.garbage import collector_paused

LAYERS, MICRO_BATCHES, ARRAYS, TIMESTEPS, WIDTH = 100, 64, 16, 4, 128
MOST_CHUNKS, FEWEST_JOBS, REPEATS = 4, 19_000, 3
NEURON = (
    "{kind: lif, leak: 0.5, threshold: 0.5, reset: soft, detach_reset: true, surrogate: {kind: triangle, width: 0.35}}"
)


@dataclass(frozen=True, slots=True)
class Deep:
    """What is measured: a schedule, and the operations it orders."""

    experiment: ExperimentConfig
    processors: Processors
    groups: tuple[GroupTasks, ...]
    step: StepGraph


@dataclass(frozen=True, slots=True)
class DeepRun:
    """One run through all stages."""

    laps: Laps
    program: PipelineProgram
    graph: PipelineGraph
    path: Execution
    execution: Execution

    @property
    def chunks(self) -> list[int]:
        """Of each task."""
        return [len(task.chunks) for task in self.graph.graph.tasks]


def pipeline_deep() -> Measurement:
    """Seconds from the step graph to the trace, GPipe with one iteration."""
    cutting = Laps()
    deep = cutting.measure("cutting", lambda: deep_network("gpipe"))
    runs = [run_deep(deep) for _ in range(REPEATS + 1)][1:]
    run = runs[0]
    jobs = sum(map(len, run.program.order))
    if jobs < FEWEST_JOBS or max(run.chunks) > MOST_CHUNKS:
        raise NotMeasured(f"{jobs:,} step tasks of up to {max(run.chunks)} chunks are not what the goal is about")
    if run.path.makespan_cycles > run.execution.makespan_cycles:
        raise NotMeasured("the event engine is faster than the critical path")
    laps = median_of([one.laps for one in runs])
    note = (
        f"{jobs:,} step tasks as {len(run.chunks):,} operations of {sum(run.chunks):,} chunks,"
        f" {len(run.graph.graph.messages):,} messages; {laps.text()}; cutting two micro-batches {cutting.cpu_s:.1f} s"
    )
    path = next(lap.wall_s for lap in laps.laps if lap.name == "critical path")
    return Measurement(laps.wall_s, Yardstick("its critical path alone", path), note)


def deep_network(kind: str) -> Deep:
    """Cut the network for two micro-batches, and let the second stand for all that follow."""
    experiment, few = (_experiment(kind, count) for count in (MICRO_BATCHES, 2))
    cut = prepare_pipeline(few)
    (group,) = group_tasks(cut.parts, cut.numbers)
    groups = (replace(group, tasks=(group.tasks[0], *(group.tasks[1:] * (MICRO_BATCHES - 1)))),)
    return Deep(experiment, cut.processors, groups, _step(cut, groups))


def _step(cut: PreparedPipeline, groups: tuple[GroupTasks, ...]) -> StepGraph:
    return step_graph(groups, cut.processors.group)


def _experiment(kind: str, micro_batches: int) -> ExperimentConfig:
    hidden = "".join(f"{{name: fc{n}, kind: linear, features: {WIDTH}}}, " for n in range(LAYERS - 1))
    layers = f"[{{name: flat, kind: flatten}}, {hidden}{{name: readout, kind: linear, features: 10}}]"
    network = f"{{schema: simsnn/network/1, name: deep, input: [1, 16, 16], neuron: {NEURON}, layers: {layers}}}"
    overrides = (
        f"network={network}",
        f"workload.timesteps={TIMESTEPS}",
        f"workload.batch={micro_batches}",
        f"hardware.processors.0.count={ARRAYS}",
        f"mapping.most_chunks={MOST_CHUNKS}",
        f"schedule={{kind: {kind}, iterations: 1, micro_batches: {micro_batches}}}",
    )
    return load("spikepipe_cell", overrides)[0]


@collector_paused()
def run_deep(deep: Deep) -> DeepRun:
    """Every stage once; what the run before left is collected first, as it is no work of this one."""
    gc.collect()
    laps, processors, step = Laps(), deep.processors, deep.step
    messages = message_costs(processors)
    schedule = pipeline_schedule(deep.experiment)
    (program,) = laps.measure("programs", lambda: schedule.programs(step, messages))
    laps.measure("check", lambda: check_program(step, program, processors.capacity_bytes, messages))
    graph = laps.measure("task graph", lambda: pipeline_graph(step, program, deep.groups, processors))
    dram, memories, links = processors.dram, processors.memories, processors.interconnect
    path = laps.measure("critical path", lambda: critical_path(graph.graph, dram, memories, links))
    run = laps.measure("event engine", lambda: execute(graph.graph, dram, True, memories, links))
    return DeepRun(laps, program, graph, path, run)
