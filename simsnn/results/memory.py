"""Memory of a run over time: which tensors are stored from when to when, which of them neurons keep.

What is counted:

* *off chip*, and altogether: every tensor that operations store. Its home is the DRAM (of a processor: its own
  memory), so it counts once, wherever copies of it lie. It lives from the start of its first writer (from cycle 0 if it
  is read before anything writes it) to the end of its last reader; what is written and not read again, and so
  whatever outlives the step (weights, optimizer state), lives to the end. A buffer that sample groups share is one
  tensor. Not counted: what passes from a product to its consumer inside SRAM, partial sums that an engine spills and
  reads back within one task.
* *node*: of these, what a neuron touches in F and again, of its own layer, in any later pass, and does not deliver:
  membrane potentials, masks, side bits, kept states, and currents that are read again. What it delivers (spikes, or
  the real output of a reversible node) is the input of another layer and counts with the network alone.
* *on chip*: :mod:`simsnn.results.memory_on_chip`.

Of a processor: :mod:`simsnn.schedule.memory_use`, at the times of the run.

A task ends when everything it stores is complete. Assumption: a tensor is allocated whole.
Tests: ``tests/unit/test_memory.py``, against the census of every cycle in ``tests/naive/memory.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsnn.costs import OperandClass
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.results.memory_on_chip import on_chip_census
from simsnn.schedule.memory_use import ClassChanges, MemoryUse
from simsnn.sim.census import Census, Holdings, RunMemory
from simsnn.sim.execution import Execution
from simsnn.sim.trace import OPERANDS
from simsnn.workload.kept import kept_by_neurons
from simsnn.workload.operation import Operand


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in memory: its class, its bytes, the cycles ``start <= t < end`` in which it is there."""

    name: str
    role: OperandClass
    bytes: int
    start: int
    end: int


def run_memory(mapped: tuple[MappedOperation, ...], execution: Execution) -> RunMemory:
    """Where the memory of a step went.

    Parameters
    ----------
    mapped : tuple of MappedOperation
        Its operations, one per task, in order.
    execution : Execution
        How they ran; on chip is known where it has a trace.
    """
    tensors = tuple(stored_tensors(mapped, execution))
    kept = kept_by_neurons(item.operation for item in mapped)
    on_chip = None if execution.trace is None else on_chip_census(mapped, execution.moments)
    return RunMemory(census_of(tensors), census_of(tuple(t for t in tensors if t.name in kept)), on_chip)


def processor_memory(use: MemoryUse, on_chip: Census | None = None) -> RunMemory:
    """Where the memory of one processor of a pipelined run went."""
    return RunMemory(_census(use.classes), _census(use.kept), on_chip)


def _census(classes: tuple[ClassChanges, ...]) -> Census:
    rows = [(cycle, OPERANDS.index(one.operand), size) for one in classes for cycle, size in one.changes]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Census.of(columns[0], columns[1], columns[2])


def census_of(tensors: tuple[StoredTensor, ...]) -> Census:
    """Bytes of tensors over time, by class."""
    holdings = Holdings()
    for tensor in tensors:
        holdings.hold(tensor.role, tensor.start, tensor.end, tensor.bytes)
    return holdings.census()


def stored_tensors(mapped: tuple[MappedOperation, ...], execution: Execution) -> Iterator[StoredTensor]:
    """Every stored tensor of a step, in the order in which operations name them."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    written: dict[str, bool] = {}
    largest: dict[str, Operand] = {}
    for item, record in zip(mapped, execution.tasks, strict=True):
        uses = [(o, False) for o in reads(item.operation)] + [(o, True) for o in writes(item.operation)]
        for operand, writing in uses:
            name = operand.tensor
            if name in item.resident:
                continue
            first.setdefault(name, record.start if writing else 0)
            last[name] = max(last.get(name, 0), record.done)
            written[name] = writing
            if name not in largest or operand.bytes > largest[name].bytes:
                largest[name] = operand
    for name, operand in largest.items():
        end = execution.makespan_cycles if written[name] else last[name]
        yield StoredTensor(name, operand.role, operand.bytes, first[name], end)
