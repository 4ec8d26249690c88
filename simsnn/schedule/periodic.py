"""Periodic programs: every processor repeats its tasks in one order, each for an iteration of its own.

A periodic program is an assignment, one order of tasks per processor, and an iteration offset
sigma(v) per task: in period k a processor runs its tasks in order, task v for iteration
k - sigma(v). Everything else follows.

Layout: within a period every processor runs its tasks back to back from cycle 0, so that
start(v) is the sum of what stands before v and the period is Lambda = the largest load.
Distance in periods between a producer u and a consumer v:

    same processor                 0 if u stands before v, else 1
    other processor, earliest      max(0, ceil((finish(u) + message - start(v)) / Lambda)), but 1 where
                                   0 would let v start together with u
    other processor, slot          1

    sigma(v)   = max over the tensors u -> v of sigma(u) + distance(u, v), least 0     (least fixpoint)
    sigma(B_l) >= sigma(F_l) + distance(U_l, B_l) - distance(U_l, F_l)
    D(l)       = max(0, sigma(U_l) + distance(U_l, F_l) - sigma(F_l) - 1)              (the same with B_l)

The second line lets weights that F_l reads get to B_l as well, wherever that is: so the backward
pass never reads older weights than the forward pass, and with stashed weights it has the same.

The search of SpikePipe also shifts the periods of processors against each other and leaves idle cycles within
them (``Layout.moved``); all of this holds for such layouts too.

Dependencies of distance 0 advance in time, or in position where no time passes, so that those within
one period never form a circle. With ``earliest`` and the message times given, the layout repeated every
Lambda cycles obeys every dependence: alone on the links, the program needs exactly Lambda cycles per
iteration. With ``slot`` that holds as long as a message fits in a period. Grouping layers in stages with
one slot per hop gives D(l) = 2 S(l), S(l) = stages behind the layer's stage
(tests/unit/test_schedule_periodic.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, Weights
from simsnn.schedule.step_graph import StepGraph

Order = tuple[tuple[int, ...], ...]
"""Task ids of each processor in the order within a period."""


class Hop(StrEnum):
    """What a tensor between two processors costs in periods."""

    EARLIEST = "earliest"
    SLOT = "slot"


class NoLinks:
    """Messages that take no time."""

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:  # noqa: ARG002
        """Always 0."""
        return 0


@dataclass(frozen=True)
class Layout:
    """One period, every processor busy from cycle 0.

    Parameters
    ----------
    assignment : tuple of int, per task
        Processor of each task.
    position : tuple of int, per task
        Place in its processor's order.
    start, finish : tuple of int, per task
        Cycles within the period.
    period_cycles : int
        Lambda: the largest load, at least 1.
    """

    assignment: tuple[int, ...]
    position: tuple[int, ...]
    start: tuple[int, ...]
    finish: tuple[int, ...]
    period_cycles: int

    @classmethod
    def of(cls, step: StepGraph, assignment: tuple[int, ...], order: Order) -> Layout:
        """Place the tasks of one period; ValueError unless ``order`` holds each task once, where it is assigned."""
        count = len(step.tasks)
        position, start, finish = [-1] * count, [0] * count, [0] * count
        period = 1
        for processor, tasks in enumerate(order):
            now = 0
            for place, task in enumerate(tasks):
                if assignment[task] != processor or position[task] >= 0:
                    raise ValueError(f"task {task} stands in the order of processor {processor} by mistake")
                position[task], start[task] = place, now
                now += step.tasks[task].cycles[processor]
                finish[task] = now
            period = max(period, now)
        if -1 in position:
            raise ValueError(f"task {position.index(-1)} stands in no order")
        return cls(assignment, tuple(position), tuple(start), tuple(finish), period)

    def moved(self, order: Order, start: tuple[int, ...]) -> Layout:
        """Same tasks from other cycles on: idle between them, periods of processors shifted against each other.

        ValueError unless every processor still runs one task at a time and repeats after the same period.
        """
        finish = tuple(begin + end - old for begin, end, old in zip(start, self.finish, self.start, strict=True))
        for tasks in order:
            overlap = any(finish[task] > start[behind] for task, behind in pairwise(tasks))
            if tasks and (overlap or finish[tasks[-1]] > start[tasks[0]] + self.period_cycles):
                raise ValueError(f"tasks {tasks} do not fit in a period of {self.period_cycles} cycles")
        return Layout(self.assignment, self.position, start, finish, self.period_cycles)

    def distance(self, source: int, target: int, hop: Hop, message_cycles: int = 0) -> int:
        """Periods that must lie between two tasks, the second of which waits for the first."""
        if self.assignment[source] == self.assignment[target]:
            return 0 if self.position[source] < self.position[target] else 1
        if hop is Hop.SLOT:
            return 1
        late = self.finish[source] + message_cycles - self.start[target]
        if late > 0:
            return -(-late // self.period_cycles)
        return 0 if self.start[source] < self.start[target] else 1


@dataclass(frozen=True)
class Staleness:
    """D per layer, of the forward and of the backward pass."""

    forward: tuple[int, ...]
    backward: tuple[int, ...]


@dataclass(frozen=True)
class Depth:
    """Copies that the layers of a periodic program keep.

    Parameters
    ----------
    stash : tuple of int, per layer
        Iterations whose forward results wait for W of the layer: sigma(W) - sigma(F) + 1.
    weight_versions : tuple of int, per layer
        Versions alive between the readers of the weights: sigma(B) - sigma(F) + 1 where weights are
        stashed and B reads them, else 1.
    """

    stash: tuple[int, ...]
    weight_versions: tuple[int, ...]


def derive_offsets(
    step: StepGraph, assignment: tuple[int, ...], order: Order, *, hop: Hop, messages: MessageCosts | None = None
) -> tuple[int, ...]:
    """Least iteration offsets.

    Parameters
    ----------
    step : StepGraph
        Tasks and tensors.
    assignment : tuple of int, per task
        Processor of each task.
    order : tuple of tuple of int, per processor
        Task ids in the order within a period.
    hop : Hop
        What a tensor between processors costs.
    messages : MessageCosts or None
        Times of the links, which only ``earliest`` heeds; without, messages take none.

    Returns
    -------
    tuple of int, per task
        sigma; 0 for tasks without sources.
    """
    return offsets_of(step, Layout.of(step, assignment, order), hop, messages or NoLinks())


def offsets_of(step: StepGraph, layout: Layout, hop: Hop, messages: MessageCosts) -> tuple[int, ...]:
    """:func:`derive_offsets` on a layout that stands already."""
    offsets = [0] * len(step.tasks)
    later = [0] * len(step.tasks)
    forward = list(range(len(step.tasks)))
    for layer in step.layers:
        if layer.backward_reads_weights:
            there = _distance(layout, layer.update, layer.backward, hop, messages, layer.weight_bytes)
            here = _distance(layout, layer.update, layer.forward, hop, messages, layer.weight_bytes)
            later[layer.backward], forward[layer.backward] = there - here, layer.forward
    # edges are sorted by source and lead forward: when one is met, its source has all of its own
    for edge in step.edges:
        source, target = edge.source, edge.target
        offsets[source] = max(offsets[source], offsets[forward[source]] + later[source])
        least = offsets[source] + _distance(layout, source, target, hop, messages, edge.bytes)
        if least > offsets[target]:
            offsets[target] = least
    return tuple(offsets)


def _distance(layout: Layout, source: int, target: int, hop: Hop, messages: MessageCosts, size: int) -> int:
    here, there = layout.assignment[source], layout.assignment[target]
    cycles = messages.alone_cycles(here, there, size) if here != there else 0
    return layout.distance(source, target, hop, cycles)


def staleness(
    step: StepGraph,
    assignment: tuple[int, ...],
    order: Order,
    offsets: tuple[int, ...],
    *,
    hop: Hop,
    weights: Weights,
    messages: MessageCosts | None = None,
) -> Staleness:
    """D of every layer: updates that a pass is behind, as the offsets allow; stashed weights: one D for F and B."""
    layout = Layout.of(step, assignment, order)
    return staleness_of(step, layout, offsets, hop, weights, messages or NoLinks())


def staleness_of(
    step: StepGraph, layout: Layout, offsets: tuple[int, ...], hop: Hop, weights: Weights, messages: MessageCosts
) -> Staleness:
    """:func:`staleness` on a layout that stands already."""

    def behind(update: int, reader: int, size: int) -> int:
        distance = _distance(layout, update, reader, hop, messages, size)
        return max(0, offsets[update] + distance - offsets[reader] - 1)

    forward = tuple(behind(layer.update, layer.forward, layer.weight_bytes) for layer in step.layers)
    backward = tuple(
        behind(layer.update, layer.backward, layer.weight_bytes) if layer.backward_reads_weights else delay
        for layer, delay in zip(step.layers, forward, strict=True)
    )
    return Staleness(forward, forward if weights is Weights.STASHED else backward)


def depth(step: StepGraph, offsets: tuple[int, ...], weights: Weights) -> Depth:
    """Stash copies and weight versions of every layer."""
    stash = tuple(offsets[layer.gradient] - offsets[layer.forward] + 1 for layer in step.layers)
    kept = tuple(
        offsets[layer.backward] - offsets[layer.forward] + 1
        if weights is Weights.STASHED and layer.backward_reads_weights
        else 1
        for layer in step.layers
    )
    return Depth(stash, kept)


def unroll(
    step: StepGraph,
    name: str,
    assignment: tuple[int, ...],
    order: Order,
    offsets: tuple[int, ...],
    iterations: int,
    weights: Weights,
    *,
    hop: Hop,
    messages: MessageCosts | None = None,
) -> PipelineProgram:
    """Program of N iterations, start-up and drain included.

    In period k a processor runs task v for iteration k - sigma(v) where that lies in 0 .. N-1.

    Raises
    ------
    ValueError
        If an offset is smaller than a dependence allows.
    """
    layout = Layout.of(step, assignment, order)
    return unroll_layout(step, name, layout, order, offsets, iterations, weights, hop=hop, messages=messages)


def unroll_layout(
    step: StepGraph,
    name: str,
    layout: Layout,
    order: Order,
    offsets: tuple[int, ...],
    iterations: int,
    weights: Weights,
    *,
    hop: Hop,
    messages: MessageCosts | None = None,
) -> PipelineProgram:
    """:func:`unroll` on a layout that stands already."""
    _check_offsets(step, layout, offsets, hop)
    delays = staleness_of(step, layout, offsets, hop, weights, messages or NoLinks())
    periods = iterations + max(offsets, default=0)
    jobs = tuple(
        tuple(
            Job(task, period - offsets[task])
            for period in range(periods)
            for task in tasks
            if 0 <= period - offsets[task] < iterations
        )
        for tasks in order
    )
    return PipelineProgram(
        name=name,
        processors=step.processors,
        iterations=iterations,
        micro_batches=1,
        assignment=layout.assignment,
        order=jobs,
        weights=weights,
        staleness=delays.forward,
        backward_staleness=delays.backward,
        offsets=offsets,
    )


def _check_offsets(step: StepGraph, layout: Layout, offsets: tuple[int, ...], hop: Hop) -> None:
    for edge in step.edges:
        if offsets[edge.target] < offsets[edge.source] + layout.distance(edge.source, edge.target, hop):
            raise ValueError(
                f"offset {offsets[edge.target]} of task {edge.target} is too small behind task {edge.source}"
                f" with offset {offsets[edge.source]}"
            )


def contiguous_order(step: StepGraph, assignment: tuple[int, ...]) -> Order:
    """Program order on every processor: F of a period first, then B, W and U from the last layer to the first."""
    found: list[list[int]] = [[] for _ in range(step.processors)]
    for task, processor in enumerate(assignment):
        found[processor].append(task)
    return tuple(tuple(sorted(tasks)) for tasks in found)


def stage_assignment(step: StepGraph, cuts: tuple[int, ...]) -> tuple[int, ...]:
    """Every task of a layer on the processor of its stage.

    Parameters
    ----------
    step : StepGraph
        Tasks and layers.
    cuts : tuple of int
        First layer of each stage, ascending from 0; stage s is processor s.
    """
    found = [0] * len(step.tasks)
    for stage, (first, last) in enumerate(pairwise((*cuts, len(step.layers)))):
        for layer in step.layers[first:last]:
            for task in (layer.forward, layer.backward, layer.gradient, layer.update):
                found[task] = stage
    return tuple(found)
