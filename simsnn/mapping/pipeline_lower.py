"""Bounds that hold for a run of a pipeline program chunk by chunk, not only for whole tasks one at a time.

On a processor the vector work of one task overlaps the product of the next, and W starts as soon as
the neuron backward inside B is done. So the bounds of :mod:`simsnn.schedule.bounds` are taken of a
smaller step graph, in which a task lasts as long as its busiest engine works and W waits for what B
waits for. The resource bound is taken engine by engine where processors are equal, and of the work
of all engines shared among them in any case.

Proof: every run checks its period against them (``assemble_pipeline``); ``tests/unit/test_pipeline_graph.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter

from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.schedule.bounds import PeriodBounds, period_bounds, resource_bound, work_cycles
from simsnn.schedule.program import MessageCosts, PipelineProgram
from simsnn.schedule.step_graph import StepEdge, StepGraph


def run_bounds(
    step: StepGraph,
    program: PipelineProgram,
    groups: tuple[GroupTasks, ...],
    group: tuple[int, ...],
    messages: MessageCosts,
) -> PeriodBounds:
    """Lower bounds of the cycles per iteration of a simulated run.

    Parameters
    ----------
    step, program : StepGraph, PipelineProgram
        What runs.
    groups, group : tuple
        Operations of each group of processors, and the group of each processor.
    messages : MessageCosts
        Cycles of a message alone.
    """
    busiest = _with_work(step, groups, group, max)
    found = period_bounds(busiest, program, messages)
    shared = _with_work(step, groups, group, lambda work: sum(work) // len(work))
    resource = resource_bound(work_cycles(shared, program.micro_batches))
    if len(groups) == 1:
        for engine in range(len(groups[0].machine.engines)):
            alone = _with_work(step, groups, group, itemgetter(engine))
            resource = max(resource, resource_bound(work_cycles(alone, program.micro_batches)))
    return replace(found, resource_cycles=resource)


def _with_work(
    step: StepGraph, groups: tuple[GroupTasks, ...], group: tuple[int, ...], pick: Callable[[tuple[int, ...]], int]
) -> StepGraph:
    """The step graph with cycles picked from the work of each task's engines."""
    tasks = tuple(
        replace(task, cycles=tuple(pick(groups[g].engine_work[task.id]) for g in group)) for task in step.tasks
    )
    return StepGraph(tasks, _through(step), step.layers, step.processors)


def _through(step: StepGraph) -> tuple[StepEdge, ...]:
    """Edges, those from B to W of a layer replaced by the ones into B."""
    pairs = {(layer.backward, layer.gradient) for layer in step.layers}
    found: dict[tuple[int, int, str], StepEdge] = {}
    for edge in step.edges:
        if (edge.source, edge.target) not in pairs:
            found.setdefault((edge.source, edge.target, edge.tensor), edge)
            continue
        for before in (e for e in step.edges if e.target == edge.source):
            passed = replace(before, target=edge.target)
            found.setdefault((passed.source, passed.target, passed.tensor), passed)
    return tuple(found[key] for key in sorted(found))
