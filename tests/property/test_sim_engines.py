"""Plans of real engines in the event engine: their contract holds under contention, bounds too."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest

from simsnn.costs import CycleBreakdown, OperandClass
from simsnn.engines.base import Dataflow, Plan
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_check import COMBINATIONS, draw_case
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_check import recurrent_operation
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_plan import cut_units
from simsnn.memory.dram import FixedRateDram
from simsnn.schedule.graph import Chunk, Task, TaskGraph
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.critical_path import closed_form
from simsnn.sim.executor import execute
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass, TaskPart
from tests.naive.executor import NaiveExecutor
from tests.naive.sim_graphs import Shape, transfers
from tests.unit.sim_samples import ONE_BYTE, graph, load

SHAPE = Shape(channels=1, largest_bytes=12)


def random_plan(rng: Random, numbers: np.random.Generator) -> Plan:
    if rng.random() < 0.6:
        return draw_case(numbers, rng.choice(COMBINATIONS)).plan
    order = rng.choice(["t_outer", "t_inner"])
    lanes, rate, pipeline, block = (rng.randint(1, most) for most in (9, 4, 9, 8))
    config = VectorUnitConfig(
        name="v", lanes=lanes, ops_per_cycle=rate, pipeline_cycles=pipeline, order=order, block_slots=block
    )
    operation = recurrent_operation(rng.randint(1, 5), rng.randint(1, 20), rng.randint(1, 4), 5, reverse=False)
    return VectorUnit(config).plan(operation, rng.randint(1, cut_units(config, operation)))


def random_tasks(rng: Random, numbers: np.random.Generator) -> TaskGraph:
    tasks = []
    for number in range(rng.randint(1, 4)):
        plan = random_plan(rng, numbers)
        chunks = tuple(Chunk(transfers(rng, SHAPE), transfers(rng, SHAPE)) for _ in range(plan.chunk_count))
        after = tuple(t for t in range(number) if rng.random() < 0.2)
        issues = tuple(rng.randint(0, 9) for _ in chunks)
        place = ("layer", Pass.F, TaskPart.SYNAPSE, rng.randrange(3), "ws")
        tasks.append(Task(number, *place, plan, chunks, after, rng.choice((1, 1, 2)), issues))
    return TaskGraph(tuple(tasks), ("a", "b", "c"), ("i", "o"), tuple(rng.randint(1, 2) for _ in range(3)))


@pytest.mark.parametrize("block", range(4))
def test_real_plans_under_contention(block: int) -> None:
    contended = stepped = 0
    for seed in range(40 * block, 40 * block + 40):
        rng, numbers = Random(seed), np.random.default_rng(seed)
        sample = random_tasks(rng, numbers)
        dram = FixedRateDram("dram0", Fraction(rng.choice((1, 3, 8)), rng.randint(1, 3)), rng.randint(0, 7))
        run = execute(sample, dram, trace=True)
        assert run.trace is not None
        run.trace.check()
        bounds = find_bounds(sample, dram)
        check_bounds(run, bounds)
        contended += run.makespan_cycles > bounds.critical_path_cycles
        for record in run.tasks:
            assert record.cycles.accounted == record.end - record.start
            assert record.stalls.total == record.cycles.stall
        if len(run.moments) < 12 and run.makespan_cycles < 600:
            stepped += 1
            twins = NaiveExecutor(sample, (dram,)).run()
            assert [(r.start, r.end, r.done) for r in run.tasks] == [(t.start, t.end, t.done) for t in twins]
    assert contended > 5
    assert stepped > 5


@pytest.mark.parametrize("seed", range(30))
def test_closed_form_level_is_the_engines_closed_form(seed: int) -> None:
    rng, numbers = Random(seed), np.random.default_rng(seed)
    sample = random_tasks(rng, numbers)
    for task_, record in zip(sample.tasks, closed_form(sample, ONE_BYTE).tasks, strict=True):
        frozen = CycleBreakdown(stall=(task_.slowdown - 1) * sum(task_.issues))
        assert record.cycles == task_.plan.cost().cycles + frozen


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 1), (7, 9, 5)])
@pytest.mark.parametrize("array", [1, 4])
def test_last_index_convention_runs(shape: tuple[int, int, int], array: int) -> None:
    m, k, n = shape
    config = SystolicConfig.model_validate(
        {"name": "a", "rows": array, "columns": array, "pe": "mac", "acc_rows": 64, "acc_width": "32 bit"}
        | {"compatibility": "scalesim"}
    )
    left, right = Operand("l", OperandClass.INPUTS, m * k, 8), Operand("r", OperandClass.WEIGHTS, k * n, 8)
    product = GemmOperation(
        "g", Pass.F, 1, None, Gemm(m, k, n), left, right, Operand("o", OperandClass.CURRENTS, m * n, 32)
    )
    plan = SystolicEngine(config).plan(product, Dataflow.WS)
    chunks = tuple(Chunk(load(4)) for _ in range(plan.chunk_count))
    run = execute(graph(task_of(plan, chunks)), ONE_BYTE, trace=True)
    assert run.trace is not None
    run.trace.check()
    assert run.tasks[0].cycles.total == run.tasks[0].end == plan.cost().cycles.total + run.tasks[0].cycles.stall


def task_of(plan: Plan, chunks: tuple[Chunk, ...]) -> Task:
    return Task(0, "g", Pass.F, TaskPart.SYNAPSE, 0, "ws", plan, chunks)
