"""Orders within a period: when each processor runs its tasks so that tensors and weights wait little.

With the assignment, the period Lambda is given: the largest load. What is left is a cyclic schedule.
Tasks are placed one after the other, sources before readers, each as early as its inputs allow at one of the two
ends of what stands on its processor already; this block is shorter than a period and repeats.
A processor may idle, in all, as many cycles as its load leaves free. So every placement is feasible, and
times once given never change.

    cost = sum of bytes x (end of the last reader - start of the producer) / all bytes
         + mean over layers of (end of U - start of F)

where a tensor counts once for each processor that reads it. Random choices of the end for single tasks are
kept where the cost does not grow. The layout that results has offsets by :mod:`simsnn.schedule.periodic`.
With one slot per hop the order of the program gives the least offsets, and nothing is searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from random import Random

from simsnn.schedule.periodic import Layout, Order, contiguous_order
from simsnn.schedule.program import MessageCosts, Weights
from simsnn.schedule.step_graph import StepGraph


class End(IntEnum):
    """Which end of its processor's block a task takes."""

    EARLIEST = 0
    BEHIND = 1
    BEFORE = 2


@dataclass(frozen=True)
class Arranged:
    """Order and times of one period.

    Parameters
    ----------
    order : tuple of tuple of int, per processor
        Task ids.
    layout : Layout
        Where they lie.
    """

    order: Order
    layout: Layout


def program_order(step: StepGraph, assignment: tuple[int, ...]) -> Arranged:
    """Tasks as the program lists them, back to back."""
    order = contiguous_order(step, assignment)
    return Arranged(order, Layout.of(step, assignment, order))


def arrange(
    step: StepGraph, assignment: tuple[int, ...], messages: MessageCosts, weights: Weights, trials: int, seed: int
) -> Arranged:
    """Order in which results wait little.

    Parameters
    ----------
    step : StepGraph
        Tasks and tensors.
    assignment : tuple of int, per task
        Processor of each task.
    messages : MessageCosts
        Times of the links.
    weights : Weights
        Stashed weights wait from F to B.
    trials : int
        Random changes that are tried.
    seed : int
        Of these.
    """
    problem = _Problem.of(step, assignment, messages, weights)
    ends = [End.EARLIEST] * len(step.tasks)
    best = min((problem.place(ends, order) for order in _sequences(step)), key=problem.cost)
    sequence, cost = best.sequence, problem.cost(best)
    rng = Random(seed)
    for _ in range(trials):
        changed = list(ends)
        for _ in range(rng.randint(1, 2)):
            changed[rng.randrange(len(changed))] = rng.choice(tuple(End))
        placed = problem.place(changed, sequence)
        found = problem.cost(placed)
        if found <= cost:
            best, cost, ends = placed, found, changed
    return _arranged(step, assignment, best)


def _sequences(step: StepGraph) -> tuple[tuple[int, ...], ...]:
    """Orders of placing: program order; W and U behind all else, since nothing of their iteration waits for them."""
    late = {task for layer in step.layers for task in (layer.gradient, layer.update)}
    ids = range(len(step.tasks))
    return tuple(ids), tuple(sorted(ids, key=lambda task: (task in late, task)))


@dataclass(frozen=True)
class _Placed:
    sequence: tuple[int, ...]
    start: list[int]
    blocks: list[list[int]]
    """Tasks of each processor from the front of its block to its end."""


@dataclass(frozen=True)
class _Problem:
    """What stays the same from one trial to the next."""

    processors: tuple[int, ...]
    cycles: tuple[int, ...]
    period: int
    slack: tuple[int, ...]
    sources: tuple[tuple[tuple[int, int], ...], ...]
    """Per task: (source, cycles of the message)."""
    waits: tuple[tuple[int, int, tuple[int, ...]], ...]
    """(bytes, producer, readers on one processor)."""
    loops: tuple[tuple[int, int], ...]
    """(F, U) of each layer."""

    @classmethod
    def of(cls, step: StepGraph, assignment: tuple[int, ...], messages: MessageCosts, weights: Weights) -> _Problem:
        cycles = tuple(task.cycles[place] for task, place in zip(step.tasks, assignment, strict=True))
        loads = [0] * step.processors
        for task, place in enumerate(assignment):
            loads[place] += cycles[task]
        sources: list[list[tuple[int, int]]] = [[] for _ in step.tasks]
        read: dict[tuple[int, str, int], tuple[int, list[int]]] = {}
        for edge in step.edges:
            here, there = assignment[edge.source], assignment[edge.target]
            alone = messages.alone_cycles(here, there, edge.bytes) if here != there else 0
            sources[edge.target].append((edge.source, alone))
            read.setdefault((edge.source, edge.tensor, there), (edge.bytes, []))[1].append(edge.target)
        waits = [(size, source, tuple(readers)) for (source, _, _), (size, readers) in read.items()]
        if weights is Weights.STASHED:
            waits += [
                (layer.weight_bytes, layer.forward, (layer.backward,))
                for layer in step.layers
                if layer.backward_reads_weights
            ]
        loops = tuple((layer.forward, layer.update) for layer in step.layers)
        period = max(1, *loads)
        slack = tuple(period - load for load in loads)
        return cls(assignment, cycles, period, slack, tuple(map(tuple, sources)), tuple(waits), loops)

    def cost(self, placed: _Placed) -> int:
        """Byte-cycles and loops, each as a mean, scaled to whole numbers."""
        start, cycles = placed.start, self.cycles
        bytes_, waited = 0, 0
        for size, source, readers in self.waits:
            bytes_ += size
            waited += size * (max(start[v] + cycles[v] for v in readers) - start[source])
        loops = sum(start[update] + cycles[update] - start[forward] for forward, update in self.loops)
        return waited * len(self.loops) + loops * max(1, bytes_)

    def place(self, ends: list[End], sequence: tuple[int, ...]) -> _Placed:
        """Times of all tasks of iteration 0."""
        period, cycles, count = self.period, self.cycles, len(self.slack)
        start = [0] * len(cycles)
        slack = list(self.slack)
        front, back = [0] * count, [0] * count
        blocks: list[list[int]] = [[] for _ in range(count)]
        for task in sequence:
            ready = 0
            for source, message in self.sources[task]:
                there = start[source] + cycles[source] + message
                if there > ready:
                    ready = there
            p, own = self.processors[task], cycles[task]
            if not blocks[p]:
                start[task], front[p], back[p] = ready, ready, ready + own
                blocks[p].append(task)
                continue
            spare = slack[p]
            # behind the block, or before it, in the first period in which that is not too early
            behind = back[p] - (back[p] + spare - ready) // period * period
            idle_behind = max(0, ready - behind)
            before = front[p] - own - (front[p] - own - ready) // period * period
            idle_before = min(spare, before - ready)
            first = before - idle_before
            append = behind + idle_behind <= first if ends[task] is End.EARLIEST else ends[task] is End.BEHIND
            if append:
                start[task] = behind + idle_behind
                slack[p] -= idle_behind
                back[p] += idle_behind + own
                blocks[p].append(task)
            else:
                start[task] = first
                slack[p] -= idle_before
                front[p] -= idle_before + own
                blocks[p].insert(0, task)
        return _Placed(sequence, start, blocks)


def _arranged(step: StepGraph, assignment: tuple[int, ...], placed: _Placed) -> Arranged:
    """The blocks as a layout: each begins within the first period."""
    order = tuple(tuple(block) for block in placed.blocks)
    layout = Layout.of(step, assignment, order)
    period = layout.period_cycles
    start = list(layout.start)
    for block in placed.blocks:
        if not block:
            continue
        now = placed.start[block[0]] % period
        for task, behind in zip(block, (*block[1:], -1), strict=True):
            start[task] = now
            if behind >= 0:
                # idle cycles and the length of the task: less than a period, whichever period the next lies in
                length = step.tasks[task].cycles[assignment[task]]
                now += length + (placed.start[behind] - placed.start[task] - length) % period
    return Arranged(order, layout.moved(order, tuple(start)))
