"""Bounds that hold for a run of a pipeline program chunk by chunk, not only for whole tasks one at a time.

On a processor the vector work of one task overlaps the product of the next, W starts as soon as the
neuron backward inside B is done, and a sum in front of a layer waits for less than the layer in front of
it does. So tasks are taken apart here:

    resource      as :mod:`simsnn.schedule.bounds` has it, of the work of all engines shared among them and of the
                  work of one engine of each group, for every choice of these or, where they are many, of those
                  that have most to do. On each processor the chosen engine works for all tasks that are there,
                  so whatever is chosen no period is shorter than the bound for these cycles of tasks
    largest task  a task lasts at least as long as its busiest engine works
    loop          circles through the operations, each as long as it is with all operands present: an operation
                  starts when what it reads has been stored, and has arrived where it comes from elsewhere
    flush         the same bound as there over the operations of an engine

The consumer of a fused pair starts no earlier and ends no earlier than its producer; that is all that is
counted of their overlap. Of several micro-batches the circles go through the last; a flush takes for each operation
the least cycles of any micro-batch on its ways, and the sum of all as its work.

Proof: ``tests/unit/test_pipeline_step.py``, against runs of programs made to reach them;
``tests/unit/test_run_bounds.py``, where micro-batches differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from operator import itemgetter

from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.schedule.bounds import PeriodBounds, resource_bound
from simsnn.schedule.cycle_ratio import Arc, max_cycle_ratio
from simsnn.schedule.program import MessageCosts, PipelineProgram
from simsnn.schedule.step_graph import StepGraph
from simsnn.workload.operation import Pass, TaskPart

MOST_CHOICES = 16
"""Choices of one engine per group that are all looked at."""


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
    largest = max((min(row) for row in _work(step, groups, group, max)), default=0)
    resource = resource_bound(_work(step, groups, group, lambda work: sum(work) // len(work)))
    for engines in _choices(groups):
        resource = max(resource, resource_bound(_work_of(step, groups, group, engines)))
    operations = _Operations(step, program, groups, group, messages, itemgetter(-1))
    loop = operations.circles()
    if program.offsets is None:
        loop = max(loop, _Operations(step, program, groups, group, messages, min).windows())
    return PeriodBounds(resource, largest, loop, max(operations.loads().values(), default=0))


def _work(
    step: StepGraph, groups: tuple[GroupTasks, ...], group: tuple[int, ...], pick: Callable[[tuple[int, ...]], int]
) -> tuple[tuple[int, ...], ...]:
    """Cycles per iteration of each task on each processor, picked from the work of its engines."""
    return tuple(tuple(pick(groups[g].engine_work[task.id]) for g in group) for task in step.tasks)


def _choices(groups: tuple[GroupTasks, ...]) -> tuple[tuple[int, ...], ...]:
    """Which engines are looked at together, one of each group: all choices, or the engines with most to do."""
    engines = [range(len(part.machine.engines)) for part in groups]
    if prod(map(len, engines)) <= MOST_CHOICES:
        return tuple(product(*engines))
    work = [[sum(column) for column in zip(*part.engine_work, strict=True)] for part in groups]
    return (tuple(own.index(max(own)) for own in work),)


def _work_of(
    step: StepGraph, groups: tuple[GroupTasks, ...], group: tuple[int, ...], engines: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """Cycles per iteration of each task on the chosen engine of each processor."""
    return tuple(tuple(groups[g].engine_work[task.id][engines[g]] for g in group) for task in step.tasks)


@dataclass(frozen=True, slots=True)
class _Node:
    """One operation of one task, where its task is assigned."""

    task: int
    item: MappedOperation
    processor: int
    cycles: int
    work: int
    """Cycles of all its micro-batches."""

    @property
    def engine(self) -> tuple[int, int]:
        """Processor and the engine on it."""
        return self.processor, self.item.placement.engine


def _kind(item: MappedOperation) -> tuple[str, Pass, TaskPart]:
    """What an operation does; the first micro-batch has no sum of weight gradients to add to."""
    return item.operation.layer, item.operation.pass_, item.operation.part


def _cycles_by_kind(
    items: tuple[MappedOperation, ...], cycles: tuple[int, ...]
) -> dict[tuple[str, Pass, TaskPart], list[int]]:
    found = defaultdict[tuple[str, Pass, TaskPart], list[int]](list)
    for item, own in zip(items, cycles, strict=True):
        found[_kind(item)].append(own)
    return found


class _Operations:
    """Operations of an iteration in program order, and what they wait for.

    Micro-batches differ in their cycles where engines look for zeros: ``pick`` says which an operation has.
    """

    def __init__(
        self,
        step: StepGraph,
        program: PipelineProgram,
        groups: tuple[GroupTasks, ...],
        group: tuple[int, ...],
        messages: MessageCosts,
        pick: Callable[[list[int]], int],
    ) -> None:
        self.step, self.program, self.messages = step, program, messages
        self.tasks = [groups[group[processor]] for processor in program.assignment]
        self.nodes: list[_Node] = []
        self.first: list[int] = []
        for task, own in enumerate(self.tasks):
            self.first.append(len(self.nodes))
            count = 1 if step.tasks[task].pass_ is Pass.U else len(own.tasks)
            known = [_cycles_by_kind(own.tasks[j][task], own.closed_cycles[j][task]) for j in range(count)]
            seen = Counter[tuple[str, Pass, TaskPart]]()
            for item in own.tasks[self._batch(task)][task]:
                kind = _kind(item)
                cycles = [found[kind][seen[kind]] for found in known if len(found[kind]) > seen[kind]]
                seen[kind] += 1
                self.nodes.append(_Node(task, item, program.assignment[task], pick(cycles), sum(cycles)))
        self.arcs = self._all_arcs()

    def loads(self) -> dict[tuple[int, int], int]:
        """Work of each engine in an iteration."""
        found: dict[tuple[int, int], int] = {}
        for node in self.nodes:
            found[node.engine] = found.get(node.engine, 0) + node.work
        return found

    def circles(self) -> Fraction:
        """Largest ratio of cycles to iterations over all circles, those of the last micro-batch."""
        return max_cycle_ratio(len(self.nodes), self.arcs)

    def _batch(self, task: int) -> int:
        """The last micro-batch, which W adds to all others; an update runs once."""
        return 0 if self.step.tasks[task].pass_ is Pass.U else self.program.micro_batches - 1

    def _all_arcs(self) -> list[Arc]:
        arcs: list[Arc] = []
        for task, first in enumerate(self.first):
            items = self.tasks[task].tasks[self._batch(task)][task]
            written: dict[str, int] = {}
            for number, item in enumerate(items, first):
                found = self._inputs(task, number, item, written)
                if item.fused is not None and item.consumes:
                    # it starts when its producer may, and its producer ends before it does
                    found = [arc for arc in found if arc.source != number - 1]
                    found += [arc._replace(target=number) for arc in arcs if arc.target == number - 1]
                arcs += found
                written |= {o.tensor: number for o in writes(item.operation)}
        pairs = {n: n - 1 for n, node in enumerate(self.nodes) if node.item.fused is not None and node.item.consumes}
        late = [arc for arc in arcs if arc.source in pairs]
        for arc in late:
            more = self.nodes[pairs[arc.source]].cycles - self.nodes[arc.source].cycles
            arcs.append(arc._replace(source=pairs[arc.source], cycles=arc.cycles + more))
        return sorted(arcs, key=lambda arc: (arc.source, arc.target))

    def _inputs(self, task: int, number: int, item: MappedOperation, written: dict[str, int]) -> list[Arc]:
        """Arcs into one operation."""
        inside = {written[o.tensor] for o in (*reads(item.operation), *writes(item.operation)) if o.tensor in written}
        found = [Arc(before, number, self.nodes[before].cycles, 0) for before in inside]
        for operand in reads(item.operation):
            writer = self.tasks[task].writers.get(operand.tensor)
            if operand.tensor in written or writer is None:
                continue
            lag = self._lag(task, writer, operand.tensor)
            if lag is not None:
                place = self.tasks[writer].position_of(writer, operand.tensor, self._batch(writer))
                found.append(self._arc(self.first[writer] + place, number, operand.bytes, lag))
        return found

    def _lag(self, task: int, writer: int, tensor: str) -> int | None:
        """Iterations between a writer and a reader; None for the sum of an earlier micro-batch."""
        own = self.step.tasks[task]
        if own.pass_ is Pass.U and writer == task:
            return 1
        if tensor in self.tasks[task].versioned:
            stale = self.program.staleness if own.pass_ is Pass.F else self.program.backward_staleness
            return 1 + stale[own.layer]
        return None if writer == task else 0

    def _arc(self, source: int, target: int, size: int, lag: int) -> Arc:
        here, there = self.nodes[source].processor, self.nodes[target].processor
        sent = self.messages.alone_cycles(here, there, size) if here != there else 0
        return Arc(source, target, self.nodes[source].cycles + sent, lag)

    def windows(self) -> Fraction:
        """Largest time from the first F of a layer to its U, per iteration that may be on its way meanwhile.

        Where batches are flushed; of all micro-batches, so every operation has the least cycles of its own.
        """
        best = Fraction(0)
        ahead: list[list[Arc]] = [[] for _ in self.nodes]
        for arc in self.arcs:
            if arc.lag == 0:
                ahead[arc.source].append(arc)
        for arc in (
            arc for arc in self.arcs if arc.lag and self.step.tasks[self.nodes[arc.target].task].pass_ is Pass.F
        ):
            best = max(best, Fraction(self._window(ahead, arc.target, arc.source), arc.lag))
        return best

    def _window(self, ahead: list[list[Arc]], first: int, last: int) -> int:
        """Cycles that lie between the start of the first F that reads weights and the end of the U that changes them.

        Of the operations of one engine between them: the least way to one of them, their work in all
        micro-batches, and the least way from one of them.
        """
        head, tail = self._from(ahead, first), self._to(ahead, last)
        rows: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for number, node in enumerate(self.nodes):
            if head[number] >= 0 and tail[number] >= 0:
                behind = max(0, tail[number] - node.cycles)
                rows.setdefault(node.engine, []).append((head[number], node.work, behind))
        sums = (
            min(r[0] for r in found) + sum(r[1] for r in found) + min(r[2] for r in found) for found in rows.values()
        )
        return max([*sums, head[last] + self.nodes[last].cycles if head[last] >= 0 else 0])

    def _from(self, ahead: list[list[Arc]], first: int) -> list[int]:
        """Cycles from the start of an operation to that of each other; -1 where none leads."""
        found = [-1] * len(self.nodes)
        found[first] = 0
        for number in range(first, len(found)):
            if found[number] >= 0:
                for arc in ahead[number]:
                    found[arc.target] = max(found[arc.target], found[number] + arc.cycles)
        return found

    def _to(self, ahead: list[list[Arc]], last: int) -> list[int]:
        """Cycles from the start of each operation to the end of one; -1 where none leads."""
        found = [-1] * len(self.nodes)
        found[last] = self.nodes[last].cycles
        for number in range(last - 1, -1, -1):
            ways = [arc.cycles + found[arc.target] for arc in ahead[number] if found[arc.target] >= 0]
            found[number] = max(ways, default=-1)
        return found
