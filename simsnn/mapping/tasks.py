"""A mapped operation as a task of the graph: its chunks, and what they wait for."""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass
from simsnn.engines.base import Plan
from simsnn.mapping.fusion import Fused, pair_chunks
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.transfers import TileKey
from simsnn.schedule.graph import Chunk, ChunkEdge, Event, Task


def load_slots(machine: Machine) -> int:
    """Chunks of one engine that may be in flight: two where every SRAM is double-buffered."""
    return 2 if all(sram.config.buffering == "double" for sram in machine.srams) else 1


def task_chunks(id_: int, item: MappedOperation, slots: int) -> tuple[Chunk, ...]:
    """Chunks of a task; the consumer of a fused pair stands directly behind its producer."""
    fused: Fused | None = item.fused
    if fused is None:
        chunks = tuple(Chunk(loads=move.loads, stores=move.stores) for move in item.choice.moves)
    else:
        first = id_ - 1 if item.consumes else id_
        chunks = pair_chunks(fused, (first, first + 1), slots)[int(item.consumes)]
    return _after_spills(id_, item.choice.plan, chunks)


def _after_spills(id_: int, plan: Plan, chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """Partial sums are read back only after the chunk that spilled them has stored them."""
    if not any(t.role is OperandClass.PARTIAL_SUMS for c in range(len(chunks)) for t in plan.leaves(c)):
        return chunks
    left: dict[TileKey, int] = {}
    ordered = []
    for number, chunk in enumerate(chunks):
        before = {left[t.tensor, t.key] for t in plan.needs(number) if (t.tensor, t.key) in left}
        edges = tuple(ChunkEdge(id_, earlier, Event.STORED) for earlier in sorted(before))
        ordered.append(replace(chunk, load_after=chunk.load_after + edges))
        left |= {(t.tensor, t.key): number for t in plan.leaves(number) if t.role is OperandClass.PARTIAL_SUMS}
    return tuple(ordered)


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
