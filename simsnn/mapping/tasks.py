"""A mapped operation as a task of the graph: its chunks, and what they wait for."""

from __future__ import annotations

from simsnn.mapping.fusion import Fused, pair_chunks
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.schedule.graph import Chunk, Task


def load_slots(machine: Machine) -> int:
    """Chunks of one engine that may be in flight: two where every SRAM is double-buffered."""
    return 2 if all(sram.config.buffering == "double" for sram in machine.srams) else 1


def task_chunks(id_: int, item: MappedOperation, slots: int) -> tuple[Chunk, ...]:
    """Chunks of a task; the consumer of a fused pair stands directly behind its producer."""
    fused: Fused | None = item.fused
    if fused is None:
        return tuple(Chunk(loads=move.loads, stores=move.stores) for move in item.choice.moves)
    first = id_ - 1 if item.consumes else id_
    return pair_chunks(fused, (first, first + 1), slots)[int(item.consumes)]


def task_of(id_: int, item: MappedOperation, chunks: tuple[Chunk, ...], after: tuple[int, ...]) -> Task:
    """Task of a mapped operation."""
    operation, plan, flow = item.operation, item.choice.plan, item.placement.dataflow
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
        tuple(plan.issues(chunk) for chunk in range(plan.chunk_count)),
    )
