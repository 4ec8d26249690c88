"""What no schedule can beat: resources, the largest task, loops through the weights.

Per iteration of m micro-batches, with c(v, p) the cycles of task v on processor p and w(v) = m times that
for F, B and W, once for U:

    resource      at any weights y of the processors, max load >= sum over v of min over p of y(p) w(v, p) / sum y
                  (the dual of the fractional assignment). Equal processors: ceil(total / P).
    largest task  max over v of min over p of w(v, p): a task is not split
    loop          F_l, .. B_l, W_l, U_l and, 1 + D(l) iterations later, F_l again: the largest ratio of cycles
                  to iterations over every such circle, at the durations and message times of the program
    flush         from the first F_l of an iteration to its U_l, over 1 + D(l): for any tasks between the two on
                  one processor, the least way to one of them + their work w + the least way from one of
                  them. GPipe's (m + P - 1) (F + B) for equal stages, where W and U take nothing.

``resource`` and ``largest task`` hold for any program, ``loop`` and ``flush`` (where a program has no offsets;
the larger counts) for the assignment and the delays of one. N iterations take at least N times
``lower_cycles``, less one message: nobody waits for the last weights. (A circle walked from the right place keeps
its mean in every part.) Held against replays in tests/property/test_period_bounds.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simsnn.schedule.cycle_ratio import Arc, max_cycle_ratio
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.program import MessageCosts, PipelineProgram
from simsnn.schedule.step_graph import StepGraph
from simsnn.workload.operation import Pass

_ROUNDS = 60
"""Steps of the search for processor weights; the bound holds at any weights."""
_SCALE = 1 << 24
"""Processor weights are rounded to this many parts, then used exactly."""


@dataclass(frozen=True)
class PeriodBounds:
    """Lower bounds of the cycles per iteration.

    Parameters
    ----------
    resource_cycles, largest_task_cycles : int
        For any program of unsplit tasks on these processors.
    loop_cycles : Fraction
        For the assignment, delays and messages of the program; with the bound of a flush.
    load_cycles : int
        Busy cycles of the program's fullest processor: its period is at least this. Not part of
        ``lower_cycles``, which shall show how far the assignment is from the best.
    """

    resource_cycles: int
    largest_task_cycles: int
    loop_cycles: Fraction
    load_cycles: int

    @property
    def lower_cycles(self) -> Fraction:
        """The largest of resource, largest task and loop."""
        return max(Fraction(self.resource_cycles), Fraction(self.largest_task_cycles), self.loop_cycles)


def period_bounds(step: StepGraph, program: PipelineProgram, messages: MessageCosts | None = None) -> PeriodBounds:
    """Bounds of a program.

    Parameters
    ----------
    step : StepGraph
        Tasks and tensors.
    program : PipelineProgram
        Its assignment, micro-batches and delays.
    messages : MessageCosts or None
        Times of the links; without, messages take none.
    """
    work = work_cycles(step, program.micro_batches)
    loads = [0] * program.processors
    for task, processor in enumerate(program.assignment):
        loads[processor] += work[task][processor]
    return PeriodBounds(
        resource_cycles=resource_bound(work),
        largest_task_cycles=max((min(row) for row in work), default=0),
        loop_cycles=loop_bound(step, program, messages or NoLinks()),
        load_cycles=max(loads),
    )


def work_cycles(step: StepGraph, micro_batches: int) -> tuple[tuple[int, ...], ...]:
    """Cycles of each task per iteration on each processor, shape (tasks, processors)."""
    return tuple(
        task.cycles if task.pass_ is Pass.U else tuple(micro_batches * cycles for cycles in task.cycles)
        for task in step.tasks
    )


def resource_bound(work: tuple[tuple[int, ...], ...]) -> int:
    """Smallest possible largest load, tasks divisible; exact where processors differ by a factor alone.

    Parameters
    ----------
    work : tuple of tuple of int, shape (tasks, processors)
        Cycles per iteration.
    """
    rows = [row for row in work if min(row) > 0]
    if not rows:
        return 0
    cycles = np.asarray(rows, np.float64)
    # weights that make the processors equal if they differ by a factor alone
    weights = 1.0 / cycles.sum(axis=0)
    bound = _dual_value(rows, weights)
    if np.ptp(cycles, axis=1).max() == 0:
        return bound
    for round_ in range(_ROUNDS):
        chosen = np.argmin(cycles * weights, axis=1)
        loads = np.bincount(chosen, cycles[np.arange(len(rows)), chosen], len(weights))
        # a processor that the cheapest choice overloads becomes dearer
        weights = weights * np.exp((loads / loads.mean() - 1.0) / (2.0 + round_))
        bound = max(bound, _dual_value(rows, weights))
    return bound


def _dual_value(rows: list[tuple[int, ...]], weights: np.ndarray) -> int:
    """The bound at given weights, in exact arithmetic, rounded up as loads are whole cycles."""
    whole = [max(1, int(weight)) for weight in weights / weights.max() * _SCALE]
    value = sum(min(y * cycles for y, cycles in zip(whole, row, strict=True)) for row in rows)
    return -(-value // sum(whole))


def loop_bound(step: StepGraph, program: PipelineProgram, messages: MessageCosts) -> Fraction:
    """Largest ratio of cycles to iterations over the circles that the new weights close."""
    data = _data_arcs(step, program, messages)
    circles = max_cycle_ratio(len(step.tasks), [*data, *_weight_arcs(step, program, messages)])
    return circles if program.offsets is not None else max(circles, _window_bound(step, program, data))


def _window_bound(step: StepGraph, program: PipelineProgram, data: list[Arc]) -> Fraction:
    """Largest time from the first F of a layer to its U, per iteration that may be on its way meanwhile."""
    out: list[list[Arc]] = [[] for _ in step.tasks]
    for arc in data:
        out[arc.source].append(arc)
    cycles = [task.cycles[place] for task, place in zip(step.tasks, program.assignment, strict=True)]
    best = Fraction(0)
    for layer, delay in zip(step.layers, program.staleness, strict=True):
        head = _longest_from(layer.forward, out, len(cycles))
        tail = _longest_to(layer.update, out, len(cycles))
        groups: dict[int, list[tuple[int, int, int]]] = {}
        for task, place in enumerate(program.assignment):
            if head[task] >= 0 and tail[task] >= 0:
                body = cycles[task] * (1 if task == layer.update else program.micro_batches)
                # what follows the task: its way to the start of U less itself, then U
                behind = 0 if task == layer.update else tail[task] - cycles[task] + cycles[layer.update]
                groups.setdefault(place, []).append((head[task], body, behind))
        for found in groups.values():
            all_of_it = min(row[0] for row in found) + sum(row[1] for row in found) + min(row[2] for row in found)
            best = max(best, Fraction(max(all_of_it, *(sum(row) for row in found)), 1 + delay))
    return best


def _longest_from(first: int, out: list[list[Arc]], count: int) -> list[int]:
    """Cycles from the start of a task to that of each other; -1 where none leads."""
    found = [-1] * count
    found[first] = 0
    for task in range(first, count):
        if found[task] >= 0:
            for arc in out[task]:
                found[arc.target] = max(found[arc.target], found[task] + arc.cycles)
    return found


def _longest_to(last: int, out: list[list[Arc]], count: int) -> list[int]:
    """Cycles from the start of each task to that of one; -1 where none leads."""
    found = [-1] * count
    found[last] = 0
    for task in range(last - 1, -1, -1):
        found[task] = max((arc.cycles + found[arc.target] for arc in out[task] if found[arc.target] >= 0), default=-1)
    return found


def _data_arcs(step: StepGraph, program: PipelineProgram, messages: MessageCosts) -> list[Arc]:
    return [_arc(step, program, messages, edge.source, edge.target, edge.bytes, 0) for edge in step.edges]


def _weight_arcs(step: StepGraph, program: PipelineProgram, messages: MessageCosts) -> list[Arc]:
    found = []
    delays = zip(step.layers, program.staleness, program.backward_staleness, strict=True)
    for layer, forward, backward in delays:
        size = layer.weight_bytes
        found.append(_arc(step, program, messages, layer.update, layer.forward, size, 1 + forward))
        found.append(_arc(step, program, messages, layer.update, layer.update, 0, 1))
        if layer.backward_reads_weights:
            found.append(_arc(step, program, messages, layer.update, layer.backward, size, 1 + backward))
    return found


def _arc(
    step: StepGraph, program: PipelineProgram, messages: MessageCosts, source: int, target: int, size: int, lag: int
) -> Arc:
    here, there = program.assignment[source], program.assignment[target]
    cycles = step.tasks[source].cycles[here]
    if here != there:
        cycles += messages.alone_cycles(here, there, size)
    return Arc(source, target, cycles, lag)


def own_period(
    step: StepGraph,
    program: PipelineProgram,
    order: tuple[tuple[int, ...], ...],
    messages: MessageCosts | None = None,
) -> Fraction:
    """Exact period of a periodic program whose messages never wait for each other.

    The circles of :func:`loop_bound` and those of the processors, which run one job after the other in
    their order. Counted in periods, all lags are 0 or more.

    Parameters
    ----------
    step : StepGraph
        Tasks and tensors.
    program : PipelineProgram
        With offsets.
    order : tuple of tuple of int, per processor
        Task ids in the order within a period, from which the program was unrolled.
    messages : MessageCosts or None
        Times of the links; without, messages take none.

    Raises
    ------
    ValueError
        If the program flushes, hence has no offsets, or waits for itself.
    """
    offsets = program.offsets
    if offsets is None:
        raise ValueError(f"{program.name} has no offsets")
    links = messages or NoLinks()
    arcs = [*_data_arcs(step, program, links), *_weight_arcs(step, program, links)]
    moved = [arc._replace(lag=arc.lag + offsets[arc.target] - offsets[arc.source]) for arc in arcs]
    for processor, tasks in enumerate(order):
        for place, task in enumerate(tasks):
            last = place + 1 == len(tasks)
            behind = tasks[0] if last else tasks[place + 1]
            moved.append(Arc(task, behind, step.tasks[task].cycles[processor], int(last)))
    return max_cycle_ratio(len(step.tasks), moved)
