"""From mapped operations to the step graph of a pipeline: tasks with their cycles, tensors between them.

One group of equal processors maps the whole iteration; a task's operations are those that
:class:`TaskNumbers` gives it. A task's cycles are its longest path alone on a processor of the group, on dense
operands, so that how work is assigned never depends on activity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.costs import OperandClass
from simsnn.mapping.build import build_graph
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.mapping.repeats import repeats
from simsnn.mapping.step_tasks import TaskNumbers
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph, StepTask
from simsnn.sim.critical_path import critical_path
from simsnn.workload.kept import kept_by_neurons
from simsnn.workload.operation import Operand, Pass


@dataclass(frozen=True)
class GroupTasks:
    """The operations of every task on one group of processors.

    Parameters
    ----------
    machine : Machine
        One of its processors by itself.
    numbers : TaskNumbers
        What the tasks are.
    tasks : tuple of tuple of tuple of MappedOperation, [micro_batch][task]
        Operations in order; the consumer of a fused pair stands behind its producer.
    """

    machine: Machine
    numbers: TaskNumbers
    tasks: tuple[tuple[tuple[MappedOperation, ...], ...], ...]

    @classmethod
    def of(cls, mapped: tuple[MappedOperation, ...], machine: Machine, numbers: TaskNumbers) -> GroupTasks:
        """Sort the operations of an iteration into its tasks."""
        count = 1 + max(numbers.micro_batch_of(item.operation) for item in mapped)
        found: list[list[list[MappedOperation]]] = [[[] for _ in range(numbers.count)] for _ in range(count)]
        for item in mapped:
            operation = item.operation
            found[numbers.micro_batch_of(operation)][numbers.task_of(operation)].append(item)
        return cls(machine, numbers, tuple(tuple(tuple(items) for items in batch) for batch in found))

    @cached_property
    def cycles(self) -> tuple[int, ...]:
        """Cycles of each task alone, first micro-batch."""
        return tuple(self._alone(items) for items in self.tasks[0])

    def _alone(self, items: tuple[MappedOperation, ...]) -> int:
        return critical_path(build_graph(items, self.machine), self.machine.dram).makespan_cycles if items else 0

    @cached_property
    def engine_work(self) -> tuple[tuple[int, ...], ...]:
        """Closed-form cycles of each engine in each task, all micro-batches together: what no run undercuts.

        Where engines look for zeros, micro-batches differ in their cycles.
        """
        found = [[0] * len(self.machine.engines) for _ in self.tasks[0]]
        for batch, cycles in zip(self.tasks, self.closed_cycles, strict=True):
            for task, items in enumerate(batch):
                for item, own in zip(items, cycles[task], strict=True):
                    found[task][item.placement.engine] += own
        return tuple(tuple(work) for work in found)

    @cached_property
    def closed_cycles(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Closed-form cycles of every operation, [micro_batch][task][operation]."""
        found: list[tuple[tuple[int, ...], ...]] = []
        for batch in self.tasks:
            known = found[1] if len(found) > 1 else None  # the first adds to no sum of gradients
            found.append(
                tuple(
                    known[task]
                    if known is not None and repeats(items, self.tasks[1][task])
                    else tuple(item.choice.plan.cost().cycles.total for item in items)
                    for task, items in enumerate(batch)
                )
            )
        return tuple(found)

    @cached_property
    def writers(self) -> dict[str, int]:
        """Task that writes each tensor of an iteration."""
        return {o.tensor: task for task, items in self._first() for item in items for o in writes(item.operation)}

    def _first(self) -> list[tuple[int, tuple[MappedOperation, ...]]]:
        """Every task with its operations for the first micro-batch, in program order."""
        return list(enumerate(self.tasks[0]))

    @cached_property
    def versioned(self) -> frozenset[str]:
        """Tensors that updates write and others read: the weights."""
        updates = [item for task, items in self._first() if self._is_update(task) for item in items]
        return frozenset(o.tensor for item in updates for o in writes(item.operation) if o.role is OperandClass.WEIGHTS)

    def _is_update(self, task: int) -> bool:
        return self.numbers.layer_and_pass(task)[1] is Pass.U

    def inputs(self, task: int) -> tuple[tuple[int, Operand], ...]:
        """Tensors that a task reads and another task of the same iteration wrote, with that task."""
        found: dict[str, tuple[int, Operand]] = {}
        for item in self.tasks[0][task]:
            for operand in reads(item.operation):
                source = self.writers.get(operand.tensor, task)
                if source != task and operand.tensor not in self.versioned:
                    found.setdefault(operand.tensor, (source, operand))
        return tuple(found.values())

    def position_of(self, task: int, tensor: str, micro_batch: int = 0) -> int:
        """Last operation of a task that writes a tensor; the task's last one where this group's does not write it."""
        items = self.tasks[micro_batch][task]
        places = [i for i, item in enumerate(items) if any(o.tensor == tensor for o in writes(item.operation))]
        return places[-1] if places else len(items) - 1


def step_graph(groups: tuple[GroupTasks, ...], group: tuple[int, ...]) -> StepGraph:
    """Step graph of an iteration.

    Parameters
    ----------
    groups : tuple of GroupTasks
        One per group of equal processors.
    group : tuple of int, per processor
        Its group.
    """
    numbers = groups[0].numbers
    tasks = []
    for task in range(numbers.count):
        layer, pass_ = numbers.layer_and_pass(task)
        cycles = tuple(groups[g].cycles[task] for g in group)
        tasks.append(StepTask(task, layer, pass_, f"{numbers.names[layer]} {pass_.value}", cycles))
    layers = tuple(_layer(groups[0], number) for number in range(len(numbers.names)))
    return StepGraph(tuple(tasks), _edges(groups), layers, len(group))


def _edges(groups: tuple[GroupTasks, ...]) -> tuple[StepEdge, ...]:
    """Tensors between tasks; a mask that only some groups read is an edge for all."""
    found: dict[tuple[int, int, str], StepEdge] = {}
    kept = kept_by_neurons(item.operation for part in groups for items in part.tasks[0] for item in items)
    for part in groups:
        for task in range(part.numbers.count):
            for source, operand in part.inputs(task):
                ready = part.position_of(source, operand.tensor)
                node = operand.tensor in kept
                edge = StepEdge(source, task, operand.tensor, operand.role, operand.bytes, ready, node)
                found.setdefault((source, task, operand.tensor), edge)
    return tuple(found[key] for key in sorted(found))


def unwritten(groups: tuple[GroupTasks, ...]) -> tuple[str, ...]:
    """Tensors that some group reads and another does not write where its task is there: masks it has no use for."""
    missing = {
        edge.tensor for edge in _edges(groups) for part in groups if part.writers.get(edge.tensor) != edge.source
    }
    return tuple(sorted(missing))


def _layer(part: GroupTasks, layer: int) -> LayerTasks:
    numbers = part.numbers
    forward, backward, gradient, update = (numbers.number(layer, pass_) for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U))
    touched = {o.tensor: o for item in part.tasks[0][update] for o in reads(item.operation)}
    sizes = {role: sum(o.bytes for o in touched.values() if o.role is role) for role in OperandClass}
    read_back = {o.tensor for item in part.tasks[0][backward] for o in reads(item.operation)}
    return LayerTasks(
        numbers.names[layer],
        forward,
        backward,
        gradient,
        update,
        sizes[OperandClass.WEIGHTS],
        sizes[OperandClass.WEIGHT_GRADIENTS],
        sizes[OperandClass.OPTIMIZER_STATE],
        bool(read_back & part.versioned),
    )
