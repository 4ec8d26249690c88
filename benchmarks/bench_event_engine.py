"""Event engine under contention, beside a bare SimPy loop of timeouts."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction

import simpy

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.product import chunked_product
from benchmarks.timing import median_seconds
from simsnn.costs import OperandClass
from simsnn.memory.dram import FixedRateDram
from simsnn.schedule.graph import Chunk, Task, TaskGraph, Transfer
from simsnn.sim.executor import execute
from simsnn.workload.operation import Pass, TaskPart

ENGINES, CHUNKS, ROWS_PER_CHUNK = 2, 5_000, 32
TIMEOUTS = 50_000
DRAM = FixedRateDram("dram0", Fraction(32), 30)


def event_engine_contended() -> Measurement:
    """Chunks per second, each a load, a compute and a store; both engines wait for one DRAM; trace on."""
    graph = _graph()
    execution = execute(graph, DRAM, trace=True)
    busy, makespan = execution.dram.busy_cycles, execution.makespan_cycles
    if busy < 0.99 * makespan:
        raise NotMeasured(f"no contention: the DRAM is busy for {busy:,} of {makespan:,} cycles")
    chunks = ENGINES * CHUNKS
    rate = chunks / median_seconds(lambda: execute(graph, DRAM, trace=True), 5)
    yardstick = Yardstick("bare SimPy timeouts per second", TIMEOUTS / median_seconds(_timeouts, 5))
    note = f"{chunks:,} chunks, DRAM busy {busy / makespan:.2%} of {makespan:,} cycles"
    return Measurement(rate, yardstick, note)


def _graph() -> TaskGraph:
    plan = chunked_product(CHUNKS, ROWS_PER_CHUNK)
    size = ROWS_PER_CHUNK * plan.config.rows
    chunk = Chunk((Transfer(OperandClass.SPIKES, 0, size),), (Transfer(OperandClass.CURRENTS, 1, 2 * size),))
    issues = tuple(plan.issues(index) for index in range(plan.chunk_count))
    tasks = tuple(
        Task(i, f"layer{i}", Pass.F, TaskPart.SYNAPSE, i, "ws", plan, (chunk,) * plan.chunk_count, issues=issues)
        for i in range(ENGINES)
    )
    return TaskGraph(tasks, ("array0", "array1"), ("inputs", "outputs"), (2,) * ENGINES)


def _timeouts() -> None:
    environment = simpy.Environment()

    def clock() -> Generator[simpy.Event, object, None]:
        for _ in range(TIMEOUTS):
            yield environment.timeout(1)

    environment.process(clock())
    environment.run()
