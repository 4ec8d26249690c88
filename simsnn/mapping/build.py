"""From operations to a task graph: place, cut, fuse, connect.

Dependencies follow from tensor names in program order: a reader waits for the last writer, a
writer for the last writer and for every reader since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simsnn.config.experiment import MappingConfig
from simsnn.engines.base import Engine, Plan
from simsnn.engines.systolic import SystolicEngine
from simsnn.mapping.alike import Known, KnownCut, coarse_options, cut_again, options_of, position
from simsnn.mapping.blocking import Choice, choose, choose_coarse
from simsnn.mapping.expand import reductions_of_partials, split_accumulation, split_col2im
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation, Placed, reads, writes
from simsnn.mapping.masks import with_mask_writers, with_masks
from simsnn.mapping.pairs import fuse_pairs
from simsnn.mapping.place import Placement, place
from simsnn.mapping.ports import across_roles, slowdown
from simsnn.mapping.search import CutSearch, Together, anywhere
from simsnn.mapping.tasks import load_slots, task_chunks, task_of
from simsnn.schedule.graph import TaskGraph
from simsnn.workload.operation import GemmOperation, Operation


def placed(operations: tuple[Operation, ...], mapping: MappingConfig, machine: Machine) -> tuple[Placed, ...]:
    """Engine of every operation, and the vector work that follows from how an engine does its products.

    Products that leave columns are followed by their scatter, weight gradients that are not added in
    place by their re-add; masks that an engine scans are written by whoever writes what they describe.
    """
    result: list[Placed] = []
    for operation in operations:
        placement = place(operation, mapping, machine)
        pieces = _pieces(operation, machine.engines[placement.engine])
        result.append(Placed(pieces[0], placement))
        result += [Placed(piece, place(piece, mapping, machine)) for piece in pieces[1:]]
    return with_mask_writers(tuple(result))


def _pieces(operation: Operation, engine: Engine) -> tuple[Operation, ...]:
    """The operation as its engine does it, and what the vector unit must add."""
    if not isinstance(operation, GemmOperation):
        return (operation,)
    operation = with_masks(operation, engine.capabilities)
    if operation.accumulates and not engine.capabilities.accumulates_in_place:
        return split_accumulation(operation)
    if isinstance(engine, SystolicEngine):
        product, scatter = split_col2im(operation, engine.config.b_lowering)
        return (product,) if scatter is None else (product, scatter)
    return (operation,)


def map_operations(
    operations: tuple[Operation, ...], mapping: MappingConfig, machine: Machine, together: Together = anywhere
) -> tuple[MappedOperation, ...]:
    """Place, cut and fuse every operation; the first that does not fit is refused with its numbers.

    ``together`` says which pairs may be fused.
    """
    return map_placed(placed(operations, mapping, machine), mapping, machine, together, Known())


def map_placed(
    pairs: tuple[Placed, ...], mapping: MappingConfig, machine: Machine, together: Together, known: Known
) -> tuple[MappedOperation, ...]:
    """Cut and fuse placed operations; ``known`` is what was found out before, and learns what is found now."""
    search = CutSearch(machine, sram_users(pairs, machine), mapping.most_chunks, together, known)
    mapped: list[MappedOperation] = []
    for item in pairs:
        mapped.append(map_one(item, search))
        partials = getattr(mapped[-1].choice.plan, "partial_outputs", 0)
        if isinstance(item.operation, GemmOperation) and partials:
            reductions = reductions_of_partials(item.operation, partials + 1)
            pieces = replace(item.operation, output=reductions[0].reads[0])
            mapped[-1] = replace(mapped[-1], operation=pieces)
            mapped += [map_one(Placed(r, place(r, mapping, machine)), search) for r in reductions]
    # the ways not taken are dropped: their chunk tables are most of what a large network would keep in memory
    return tuple(replace(item, options=()) if item.options else item for item in fuse_pairs(tuple(mapped), search))


def map_one(item: Placed, search: CutSearch) -> MappedOperation:
    """Cut one operation, or remember how one of its shape was cut."""
    machine, known = search.machine, search.known
    operation, placement = item.operation, item.placement
    shape = known.key((operation, placement))
    options: tuple[Plan, ...] = ()
    if shape in known.cuts:
        cut = known.cuts[shape]
        choice = cut_again(cut, operation, placement, machine)
    else:
        options, choice = _cheapest(operation, placement, search)
        across = across_roles(operation, placement.dataflow, getattr(machine.engines[placement.engine], "config", None))
        slow = slowdown(choice.plan, machine, across)
        cut = KnownCut(choice.plan, position(options, choice.plan), choice.moves, choice.cycles, across, slow)
        known.cuts[shape] = cut
    return MappedOperation(operation, placement, options, choice, cut.across, cut.slowdown)


def _cheapest(operation: Operation, placement: Placement, search: CutSearch) -> tuple[tuple[Plan, ...], Choice]:
    """The ways to cut an operation that may be taken, alone or in a pair, and the cheapest of them alone."""
    machine, shares, layouts = search.machine, search.shares(placement.engine), search.known.layouts
    lay_out = None if layouts is None else layouts.moves(operation, placement)
    coarse = coarse_options(operation, placement, machine, search.most_chunks)
    found = choose_coarse(operation, coarse, machine, shares, search.most_chunks, lay_out)
    if found is not None:
        return coarse, found
    options = options_of(operation, placement, machine)
    return options, choose(operation, options, machine, shares, search.most_chunks, lay_out)


def sram_users(pairs: tuple[Placed, ...], machine: Machine) -> tuple[frozenset[int], ...]:
    """Engines that touch each SRAM over the whole step."""
    users: list[set[int]] = [set() for _ in machine.srams]
    for item in pairs:
        for operand in (*reads(item.operation), *writes(item.operation)):
            users[machine.sram_of(operand.role)].add(item.placement.engine)
    return tuple(map(frozenset, users))


def build_graph(mapped: tuple[MappedOperation, ...], machine: Machine, *, serial: bool = False) -> TaskGraph:
    """Tasks in program order with the edges that their tensors imply; ``serial``: each waits for the one before.

    A fused pair counts as one task: its consumer runs behind its producer, chunk by chunk.
    """
    slots = load_slots(machine)
    edges = task_edges(mapped, serial=serial)
    tasks = tuple(
        task_of(id_, item, task_chunks(id_, item, slots), after)
        for id_, (item, after) in enumerate(zip(mapped, edges, strict=True))
    )
    engines = tuple(engine.name for engine in machine.engines)
    return TaskGraph(tasks, engines, tuple(sram.name for sram in machine.srams), (slots,) * len(engines))


def task_edges(mapped: tuple[MappedOperation, ...], *, serial: bool = False) -> Iterator[tuple[int, ...]]:
    """For every operation those that it waits for, as :func:`build_graph` says."""
    last_writer: dict[str, int] = {}
    readers: dict[str, list[int]] = {}
    for id_, item in enumerate(mapped):
        after: set[int] = set()
        for operand in reads(item.operation):
            if operand.tensor in last_writer:
                after.add(last_writer[operand.tensor])
        for operand in writes(item.operation):
            after.update(readers.get(operand.tensor, ()))
            if operand.tensor in last_writer:
                after.add(last_writer[operand.tensor])
        if serial:
            after.update(range(max(0, id_ - 3), id_))  # two of them may be a fused pair, and one its producer
        if item.fused is not None and item.consumes:
            after.discard(id_ - 1)
        yield tuple(sorted(after))
        for operand in reads(item.operation):
            readers.setdefault(operand.tensor, []).append(id_)
        for operand in writes(item.operation):
            last_writer[operand.tensor] = id_
            readers[operand.tensor] = []
