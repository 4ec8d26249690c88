"""The path of a pair, and of each of its halves, is the critical path of the task graph that they make."""

from __future__ import annotations

import random

import pytest

from simsnn.errors import SimsnnError
from simsnn.mapping import pairs
from simsnn.mapping.fusion import Fused, pair_chunks
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.search import CutSearch
from simsnn.mapping.tasks import load_slots, task_of
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.sim.critical_path import critical_path
from simsnn.simulation import prepare
from tests.experiments import synthetic


def graph_cycles(tasks: tuple[Task, Task], machine: Machine) -> int:
    """Longest path of two tasks, but never less than their transfers on one channel."""
    slots, engines = load_slots(machine), tuple(engine.name for engine in machine.engines)
    graph = TaskGraph(tasks, engines, tuple(s.name for s in machine.srams), (slots,) * len(engines))
    run = critical_path(graph, machine.dram)
    return max(run.makespan_cycles, run.dram.busy_cycles)


def apart(producer: MappedOperation, consumer: MappedOperation, machine: Machine) -> int:
    first, second = (
        tuple(Chunk(move.loads, move.stores) for move in item.choice.moves) for item in (producer, consumer)
    )
    return graph_cycles((task_of(0, producer, first, ()), task_of(1, consumer, second, (0,))), machine)


def together(producer: MappedOperation, consumer: MappedOperation, fused: Fused, machine: Machine) -> int:
    first, second = pair_chunks(fused, (0, 1), load_slots(machine))
    one, two = pairs.joined(producer, consumer, fused)
    return graph_cycles((task_of(0, one, first, ()), task_of(1, two, second, ())), machine)


@pytest.mark.parametrize("seed", range(12))
def test_paths_are_critical_paths(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    found_apart, found_together = pairs._apart_cycles, pairs._fused_cycles

    def check_apart(producer: MappedOperation, consumer: MappedOperation, search: CutSearch) -> int:
        cycles = found_apart(producer, consumer, search)
        assert cycles == apart(producer, consumer, search.machine)
        compared.append(cycles)
        return cycles

    def check_together(producer: MappedOperation, consumer: MappedOperation, fused: Fused, machine: Machine) -> int:
        cycles = found_together(producer, consumer, fused, machine)
        assert cycles == together(producer, consumer, fused, machine)
        compared.append(cycles)
        return cycles

    monkeypatch.setattr(pairs, "_apart_cycles", check_apart)
    monkeypatch.setattr(pairs, "_fused_cycles", check_together)
    pick = random.Random(seed).choice
    keys = [
        f"hardware.arrays.0.rows={pick([4, 8, 16, 32])}",
        f"hardware.arrays.0.psum={pick(['accumulate', 'spill'])}",
        *(f"mapping.{pass_}.dataflow={pick(['ws', 'is', 'os'])}" for pass_ in "FBW"),
        f"mapping.most_chunks={pick([1, 16, 256])}",
        f"hardware.dram.bandwidth={pick([1, 16, 200])} GB/s",
        f"hardware.srams.2.banks={pick([2, 8, 32])}",  # few banks slow the engines down
        *(f"hardware.srams.{sram}.buffering={pick(['single', 'double'])}" for sram in range(3)),
        f"workload={{timesteps: {pick([1, 4])}, batch: {pick([1, 4])}}}",
    ]
    try:
        prepare(synthetic(*keys))
    except SimsnnError:
        pytest.skip("does not fit")
    if not compared:
        pytest.skip("no pair fits")
