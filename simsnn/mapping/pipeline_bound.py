"""The coarse formula of an engine pipeline: its contention-free twin, from closed forms alone.

With FE(i), BE(i), WUE(i) the cycles of sample group i in pass F, in loss and passes B and R, and in
pass W, each the longest path of those tasks alone (docs/machines section 8)::

    engines, two or more buffers   FE(0) + sum_i max(FE(i+1), BE(i), WUE(i)) + U
    engines, one buffer            sum_i (FE(i) + max(BE(i), WUE(i))) + U
    none                           sum_i (FE(i) + BE(i) + WUE(i)) + U

Each max stands for a stage, and no stage is shorter than the work of any one engine in it: so the
formula never undercuts the closed-form work of an engine over the whole step, also where one engine
serves several passes. It is exact where a group is one task per engine that waits for nothing but
the group's forward task and its buffers. In general it is no bound of a run: a real pipeline has no
barrier between stages (which makes it faster) and a group's W waits for its own B (which makes it
slower). Memory is left out.

Tests: ``tests/unit/test_pipeline_bound.py``, ``tests/integration/test_engine_pipeline.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from simsnn.mapping.mapped import MappedOperation
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.sim.channel import DramModel
from simsnn.sim.critical_path import closed_form
from simsnn.workload.operation import Operation, Pass


class Role(StrEnum):
    """What a task does in the pipeline."""

    FORWARD = "forward"
    BACKWARD = "backward"
    WEIGHTS = "weights"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task stands in the pipeline.

    Parameters
    ----------
    role : Role
        Which of the engines' work it is.
    group : int
        Number of its sample group; 0 for the update, which is of all groups.
    follows : bool
        Whether it runs behind the task before it, chunk by chunk.
    """

    role: Role
    group: int
    follows: bool = False


def places_of(mapped: tuple[MappedOperation, ...]) -> tuple[Place, ...]:
    """Places of the tasks of a mapped program, in its order; what follows a task stands where that does."""
    starts = sorted({_start(item.operation) for item in mapped})
    places: list[Place] = []
    for item in mapped:
        role = places[-1].role if item.consumes else _role(item.operation)  # a loss behind its readout
        places.append(Place(role, starts.index(_start(item.operation)), item.consumes))
    return tuple(places)


def _start(operation: Operation) -> int:
    """First sample that an operation covers; work on weights stands with the first group."""
    return operation.extent.samples[0] if operation.extent is not None else 0


def _role(operation: Operation) -> Role:
    if operation.pass_ is Pass.F:
        return Role.FORWARD
    if operation.pass_ is Pass.U:
        return Role.UPDATE
    return Role.WEIGHTS if operation.pass_ is Pass.W else Role.BACKWARD


def coarse_pipeline_cycles(
    graph: TaskGraph, dram: DramModel, places: tuple[Place, ...], *, in_flight: int, serial: bool
) -> int:
    """Cycles of the coarse formula.

    Parameters
    ----------
    graph : TaskGraph
        The step.
    dram : DramModel
        Names the channel; no transfer takes time here.
    places : tuple of Place
        One per task.
    in_flight : int
        Buffers between engines.
    serial : bool
        Whether nothing overlaps (``pipeline: none``).
    """
    groups = 1 + max(place.group for place in places)
    return sum(
        _stage_cycles(graph, dram, places, stage, serial=serial)
        for stage in _stages(groups, overlaps=in_flight > 1, serial=serial)
    )


def _stages(groups: int, *, overlaps: bool, serial: bool) -> list[tuple[tuple[Role, int], ...]]:
    """What runs side by side, stage by stage."""
    end: list[tuple[tuple[Role, int], ...]] = [((Role.UPDATE, 0),)]
    if serial:
        return [((role, g),) for g in range(groups) for role in Role if role is not Role.UPDATE] + end
    backward = [((Role.BACKWARD, g), (Role.WEIGHTS, g)) for g in range(groups)]
    if not overlaps:
        return [stage for g in range(groups) for stage in (((Role.FORWARD, g),), backward[g])] + end
    # past the last group there is no forward pass: a part without tasks takes no cycles
    return [((Role.FORWARD, 0),), *((*backward[g], (Role.FORWARD, g + 1)) for g in range(groups)), *end]


def _stage_cycles(
    graph: TaskGraph, dram: DramModel, places: tuple[Place, ...], stage: tuple[tuple[Role, int], ...], *, serial: bool
) -> int:
    longest, work = 0, [0] * len(graph.engines)
    for role, group in stage:
        numbers = [n for n, place in enumerate(places) if (place.role, place.group) == (role, group)]
        part = _part(graph, places, numbers, serial=serial)
        run = closed_form(part, dram)
        longest = max(longest, run.makespan_cycles)
        for task, record in zip(part.tasks, run.tasks, strict=True):
            work[task.engine] += record.end - record.start
    return max(longest, *work)


def _part(graph: TaskGraph, places: tuple[Place, ...], numbers: list[int], *, serial: bool) -> TaskGraph:
    """Some tasks of a graph with the edges between them; ``serial``: one after another."""
    ids = {number: position for position, number in enumerate(numbers)}
    tasks: list[Task] = []
    for number in numbers:
        task = graph.tasks[number]
        before = [n for n in numbers if n < number] if serial else task.after
        after = {ids[n] for n in before if n in ids}
        if places[number].follows:
            after.discard(ids.get(number - 1, -1))
        chunks = (Chunk(),) * len(task.chunks)
        tasks.append(replace(task, id=ids[number], chunks=chunks, after=tuple(sorted(after))))
    return replace(graph, tasks=tuple(tasks))
