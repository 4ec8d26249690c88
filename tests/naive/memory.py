"""Census of memory, cycle by cycle: every tensor and every tile asked in which cycles it is there.

Written from the sentences of ``simsnn/results/memory.py`` and ``memory_on_chip.py``; shares nothing with them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.engines.base import Tile
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.mapping.mapped import MappedOperation
from simsnn.sim.execution import Execution
from simsnn.workload.operation import GemmOperation, Operand, Pass, TaskPart

Live = dict[OperandClass, NDArray[np.int64]]
"""Bytes of each class in every cycle, the one in which the run ends included."""


def nothing(execution: Execution) -> Live:
    return {operand: np.zeros(execution.makespan_cycles + 1, np.int64) for operand in OperandClass}


def touched(item: MappedOperation) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    """What an operation reads and what it writes."""
    operation = item.operation
    if not isinstance(operation, GemmOperation):
        return operation.reads, operation.writes
    old = [operation.output] if operation.accumulates else []
    return (operation.left, operation.right, *operation.masks, *old), (operation.output,)


def tensors_alive(mapped: tuple[MappedOperation, ...], execution: Execution, names: set[str] | None = None) -> Live:
    """Stored tensors (those of ``names``, or all) in every cycle."""
    live = nothing(execution)
    every = {o.tensor for item in mapped for side in touched(item) for o in side if o.tensor not in item.resident}
    for name in sorted(every if names is None else every & names):
        uses = [
            (task, "read" if side == 0 else "write", operand)
            for task, item in enumerate(mapped)
            for side, operands in enumerate(touched(item))
            for operand in operands
            if operand.tensor == name and name not in item.resident
        ]
        start = execution.tasks[uses[0][0]].start if uses[0][1] == "write" else 0
        outlives = uses[-1][1] == "write"
        end = execution.makespan_cycles if outlives else max(execution.tasks[task].done for task, _, _ in uses)
        (role,) = {operand.role for _, _, operand in uses}
        live[role][start:end] += max(operand.bytes for _, _, operand in uses)
    return live


def kept(mapped: tuple[MappedOperation, ...]) -> set[str]:
    """Tensors that the neuron of a layer touches in F and again in a later pass, without what it delivers."""
    delivers = (OperandClass.SPIKES, OperandClass.INPUTS, OperandClass.GRADIENTS)
    found = set()
    for early in mapped:
        for late in mapped:
            same = early.operation.layer == late.operation.layer
            neurons = early.operation.part is late.operation.part is TaskPart.NEURON
            if same and neurons and early.operation.pass_ is Pass.F and late.operation.pass_ is not Pass.F:
                there = {o.tensor for side in touched(late) for o in side}
                found |= {o.tensor for side in touched(early) for o in side if o.role not in delivers} & there
    return found


def tiles_on_chip(mapped: tuple[MappedOperation, ...], execution: Execution, tasks: set[int] | None = None) -> Live:
    """Tiles in SRAM and state in lanes in every cycle, of some tasks or of all."""
    live, rows = nothing(execution), list(execution.moments)
    for task, item in enumerate(mapped):
        if tasks is not None and task not in tasks:
            continue
        mine = [row for row in rows if row["task"] == task]
        behind = [row for row in rows if row["task"] == task + 1]
        there: dict[tuple[str, tuple[int, ...]], NDArray[np.bool_]] = {}
        tiles: dict[tuple[str, tuple[int, ...]], Tile] = {}
        for tile, start, end in when(item, mine, behind):
            name = (tile.tensor, tile.key)
            assert tiles.setdefault(name, tile).bytes == tile.bytes, "a tile has one size"
            cycles = there.setdefault(name, np.zeros(execution.makespan_cycles + 1, np.bool_))
            cycles[start:end] = True
        for name, cycles in there.items():
            live[tiles[name].role] += tiles[name].bytes * cycles
    return live


def when(item: MappedOperation, mine: list[np.void], behind: list[np.void]) -> Iterator[tuple[Tile, int, int]]:
    """A tile and the cycles in which a chunk keeps it, over and over again."""
    plan, passes_on = item.choice.plan, item.fused is not None and not item.consumes
    for chunk, row in enumerate(mine):
        last = mine[chunk - 1] if chunk else None
        for tile in plan.needs(chunk):
            if tile.tensor in item.resident:
                continue
            yield tile, row["admitted"], row["issue_end"]
            if last is not None and tile in plan.needs(chunk - 1):
                yield tile, last["admitted"], row["issue_end"]
        for tile in plan.leaves(chunk):
            if tile.tensor not in item.resident:
                yield tile, row["ready"], row["stored"]
            elif passes_on:
                assert item.fused is not None
                yield tile, row["ready"], behind[item.fused.group[chunk]]["issue_end"]
        for tile in plan.holds(chunk):
            yield tile, row["ready"], row["result_end"]
            later = (*plan.holds(chunk + 1), *plan.leaves(chunk + 1)) if chunk + 1 < len(mine) else ()
            if (tile.tensor, tile.key) in [(other.tensor, other.key) for other in later]:
                yield tile, row["ready"], mine[chunk + 1]["ready"]
        if isinstance(plan, VectorPlan) and plan.config.order == "t_inner":
            operation = plan.operation
            block = plan.config.block_slots * plan.config.lanes if plan.config.block_slots else 10**9
            neurons = min(block, plan.chunk_elements[chunk])
            state = OperandClass.GRADIENTS if operation.reverse else OperandClass.MEMBRANE
            words = -(-neurons * operation.state_bits // 8)
            yield Tile("state in lanes", state, (chunk,), words), row["ready"], row["result_end"]
            steps = -(-neurons * operation.steps * operation.kept_bits // 8)
            yield Tile("steps in lanes", OperandClass.MEMBRANE, (chunk,), steps), row["ready"], row["result_end"]
