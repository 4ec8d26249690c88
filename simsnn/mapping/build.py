"""From operations to a task graph: place, cut, connect.

Dependencies follow from tensor names in program order: a reader waits for the last writer, a
writer for the last writer and for every reader since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.config.experiment import MappingConfig
from simsnn.costs import OperandClass
from simsnn.engines.base import Plan
from simsnn.engines.systolic import SystolicEngine
from simsnn.mapping.blocking import Choice, Shares, choose
from simsnn.mapping.expand import reduction_of_partials, split_col2im
from simsnn.mapping.machine import Machine
from simsnn.mapping.place import Placement, place
from simsnn.mapping.ports import across_roles, slowdown
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.workload.operation import GemmOperation, Operand, Operation


@dataclass(frozen=True, slots=True)
class MappedOperation:
    """An operation with its engine, its plan and its moves.

    ``across`` names the operand classes read across their packing axis; ``slowdown`` is rho of
    docs/machines section 7.
    """

    operation: Operation
    placement: Placement
    choice: Choice
    across: frozenset[OperandClass]
    slowdown: int


def placed(
    operations: tuple[Operation, ...], mapping: MappingConfig, machine: Machine
) -> tuple[tuple[Operation, Placement], ...]:
    """Engine of every operation; products that leave columns are followed by their scatter."""
    result: list[tuple[Operation, Placement]] = []
    for operation in operations:
        placement = place(operation, mapping, machine)
        engine = machine.engines[placement.engine]
        scatter = None
        if isinstance(operation, GemmOperation) and isinstance(engine, SystolicEngine):
            operation, scatter = split_col2im(operation, engine.config.b_lowering)
        result.append((operation, placement))
        if scatter is not None:
            result.append((scatter, place(scatter, mapping, machine)))
    return tuple(result)


def map_operations(
    operations: tuple[Operation, ...], mapping: MappingConfig, machine: Machine
) -> tuple[MappedOperation, ...]:
    """Place and cut every operation; the first that does not fit is refused with its numbers."""
    pairs = placed(operations, mapping, machine)
    users = sram_users(pairs, machine)
    mapped: list[MappedOperation] = []
    for operation, placement in pairs:
        mapped.append(_map_one(operation, placement, machine, users))
        plan = mapped[-1].choice.plan
        partials = getattr(plan, "partial_outputs", 0)
        if isinstance(operation, GemmOperation) and partials:
            reduce_ = reduction_of_partials(operation, partials + 1)
            mapped[-1] = replace(mapped[-1], operation=replace(operation, output=reduce_.reads[0]))
            mapped.append(_map_one(reduce_, place(reduce_, mapping, machine), machine, users))
    return tuple(mapped)


def _map_one(
    operation: Operation, placement: Placement, machine: Machine, users: tuple[frozenset[int], ...]
) -> MappedOperation:
    engine = machine.engines[placement.engine]
    shares = Shares.of(machine, users, placement.engine)
    choice = choose(operation, engine.candidates(operation, placement.dataflow), machine, shares)
    across = across_roles(operation, placement.dataflow, getattr(engine, "config", None))
    return MappedOperation(operation, placement, choice, across, slowdown(choice.plan, machine, across))


def sram_users(pairs: tuple[tuple[Operation, Placement], ...], machine: Machine) -> tuple[frozenset[int], ...]:
    """Engines that touch each SRAM over the whole step."""
    users: list[set[int]] = [set() for _ in machine.srams]
    for operation, placement in pairs:
        for operand in (*reads(operation), *writes(operation)):
            users[machine.sram_of(operand.role)].add(placement.engine)
    return tuple(map(frozenset, users))


def reads(operation: Operation) -> tuple[Operand, ...]:
    """Tensors that an operation reads."""
    return (operation.left, operation.right) if isinstance(operation, GemmOperation) else operation.reads


def writes(operation: Operation) -> tuple[Operand, ...]:
    """Tensors that an operation writes."""
    return (operation.output,) if isinstance(operation, GemmOperation) else operation.writes


def build_graph(mapped: tuple[MappedOperation, ...], machine: Machine) -> TaskGraph:
    """Tasks in program order with the edges that their tensors imply."""
    last_writer: dict[str, int] = {}
    readers: dict[str, list[int]] = {}
    tasks: list[Task] = []
    for id_, item in enumerate(mapped):
        after: set[int] = set()
        for operand in reads(item.operation):
            if operand.tensor in last_writer:
                after.add(last_writer[operand.tensor])
        for operand in writes(item.operation):
            after.update(readers.get(operand.tensor, ()))
            if operand.tensor in last_writer:
                after.add(last_writer[operand.tensor])
        tasks.append(_task(id_, item, tuple(sorted(after))))
        for operand in reads(item.operation):
            readers.setdefault(operand.tensor, []).append(id_)
        for operand in writes(item.operation):
            last_writer[operand.tensor] = id_
            readers[operand.tensor] = []
    engines = tuple(engine.name for engine in machine.engines)
    srams = tuple(sram.name for sram in machine.srams)
    slots = 2 if all(sram.config.buffering == "double" for sram in machine.srams) else 1
    return TaskGraph(tuple(tasks), engines, srams, (slots,) * len(engines))


def _task(id_: int, item: MappedOperation, after: tuple[int, ...]) -> Task:
    operation, plan = item.operation, item.choice.plan
    chunks = tuple(Chunk(loads=move.loads, stores=move.stores) for move in item.choice.moves)
    flow = item.placement.dataflow
    return Task(
        id_,
        operation.layer,
        operation.pass_,
        operation.part,
        item.placement.engine,
        flow.value if flow is not None else "",
        plan,
        chunks,
        after,
        item.slowdown,
        tuple(_issues(plan)),
    )


def _issues(plan: Plan) -> list[int]:
    return [plan.issues(chunk) for chunk in range(plan.chunk_count)]
