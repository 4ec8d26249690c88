"""What each task of a program sends to other processors: tensors of its iteration, and new weights.

Tests: ``tests/unit/test_pipeline_graph.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.costs import OperandClass
from simsnn.mapping.mapped import reads, writes
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.mapping.processors import Processors
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.step_graph import StepGraph


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A tensor that a task sends to other processors.

    Parameters
    ----------
    tensor, operand, bytes
        What, and how much of it.
    destinations : tuple of int
        Processors that read it.
    lag : int
        Iterations until the first of them reads it; 0 for tensors of the same iteration.
    summed : bool
        True for what micro-batches add up, which is sent once, with the last of them.
    """

    tensor: str
    operand: OperandClass
    bytes: int
    destinations: tuple[int, ...]
    lag: int = 0
    summed: bool = False


def outgoing(
    step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], processors: Processors
) -> list[tuple[Outgoing, ...]]:
    """What each task sends; nothing where all processors share one memory.

    Raises
    ------
    ConfigError
        If two processors that must talk are not joined by links.
    """
    if not processors.private:
        return [()] * len(step.tasks)
    found, reading = [], _reading(groups, processors, program)
    for task in step.tasks:
        sent = _results(step, program, reading, task.id)
        if task.id == step.layers[task.layer].update:
            sent += _weights(step, program, groups, task.layer)
        for message in sent:
            processors.interconnect.routes(program.assignment[task.id], message.destinations)
        found.append(tuple(sent))
    return found


def _reading(
    groups: tuple[GroupTasks, ...], processors: Processors, program: PipelineProgram
) -> tuple[frozenset[str], ...]:
    """Tensors that each task reads where it is: masks are read by engines that scan them alone."""
    tasks = [groups[processors.group[place]].tasks[0][task] for task, place in enumerate(program.assignment)]
    return tuple(frozenset(o.tensor for item in items for o in reads(item.operation)) for items in tasks)


def _results(
    step: StepGraph, program: PipelineProgram, reading: tuple[frozenset[str], ...], task: int
) -> list[Outgoing]:
    """Tensors that tasks of the same iteration read elsewhere."""
    place, found = program.assignment, dict[str, Outgoing]()
    updates = {layer.update for layer in step.layers}
    for edge in step.edges:
        if edge.source == task and place[edge.target] != place[task] and edge.tensor in reading[edge.target]:
            known = found.get(edge.tensor, Outgoing(edge.tensor, edge.role, edge.bytes, (), summed=True))
            where = tuple(sorted({*known.destinations, place[edge.target]}))
            summed = known.summed and edge.target in updates
            found[edge.tensor] = replace(known, destinations=where, summed=summed)
    return list(found.values())


def _weights(step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], layer: int) -> list[Outgoing]:
    """New weights for every reader on another processor."""
    place, tasks, group = program.assignment, step.layers[layer], groups[0]
    found: dict[str, Outgoing] = {}
    new = [o for item in group.tasks[0][tasks.update] for o in writes(item.operation) if o.tensor in group.versioned]
    for operand in new:
        for reader in step.weight_readers(layer):
            used = any(o.tensor == operand.tensor for i in group.tasks[0][reader] for o in reads(i.operation))
            if not used or place[reader] == place[tasks.update]:
                continue
            stale = program.staleness if reader == tasks.forward else program.backward_staleness
            lag = 1 + stale[layer]
            known = found.get(operand.tensor, Outgoing(operand.tensor, operand.role, operand.bytes, (), lag))
            where = tuple(sorted({*known.destinations, place[reader]}))
            found[operand.tensor] = replace(known, destinations=where, lag=min(known.lag, lag))
    return list(found.values())
