"""Plans that several tasks share: the same times and counters as plans of their own."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from benchmarks.product import chunked_product
from simsnn.costs import OperandClass
from simsnn.memory.dram import FixedRateDram
from simsnn.schedule.graph import Chunk, Task, TaskGraph, Transfer
from simsnn.sim.critical_path import critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.sim.known_runs import MOST_CHUNKS, KnownRuns
from simsnn.workload.operation import Pass, TaskPart

DRAM = FixedRateDram("dram0", Fraction(32), 30)


def graph_of(chunks: int, seed: int, *, shared: bool) -> TaskGraph:
    """Twelve tasks of one shape on three engines; their loads differ, so that chunks are late in many ways."""
    rng, plan = Random(seed), chunked_product(chunks, 32)
    issues = tuple(plan.issues(chunk) for chunk in range(chunks))
    store = (Transfer(OperandClass.CURRENTS, 1, 256),)
    tasks = []
    for number in range(12):
        sizes = [rng.choice([64, 512, 4096]) for _ in range(chunks)]
        moved = tuple(Chunk((Transfer(OperandClass.SPIKES, 0, size),), store) for size in sizes)
        own = plan if shared else replace(plan)
        slow = 1 + number % 2
        tasks.append(Task(number, "a", Pass.F, TaskPart.SYNAPSE, number % 3, "ws", own, moved, (), slow, issues))
    return TaskGraph(tuple(tasks), ("a", "b", "c"), ("inputs", "outputs"), (2, 2, 2))


def same(found: Execution, expected: Execution) -> None:
    """Every time and counter."""
    assert found.tasks == expected.tasks
    assert np.array_equal(found.moments, expected.moments)
    assert found.channels == expected.channels
    assert found.makespan_cycles == expected.makespan_cycles


@pytest.mark.parametrize("chunks", [1, 3, MOST_CHUNKS + 1])
def test_shared_plans_run_like_plans_of_their_own(chunks: int) -> None:
    for seed in range(3):
        shared, apart = (graph_of(chunks, seed, shared=which) for which in (True, False))
        same(execute(shared, DRAM, True), execute(apart, DRAM, True))
        same(critical_path(shared, DRAM), critical_path(apart, DRAM))


def test_states_are_kept_of_shared_plans_of_few_chunks_alone() -> None:
    assert KnownRuns(graph_of(2, 0, shared=False).tasks).begin(graph_of(2, 0, shared=False).tasks[0]) is None
    many = graph_of(MOST_CHUNKS + 1, 0, shared=True).tasks
    assert KnownRuns(many).begin(many[0]) is None
    few = graph_of(2, 0, shared=True).tasks
    runs = KnownRuns(few)
    first = runs.begin(few[0])
    assert first is not None
    assert runs.begin(few[1]) is first
    assert first.advance(0, 7) is first.advance(0, 7)
    assert first.advance(0, 7)[0] is not first.advance(0, 8)[0]
    assert first.parts.accounted == 0
