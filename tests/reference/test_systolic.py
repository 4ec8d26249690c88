"""Systolic plan = register-level reference, exactly: values, cycles, parts, counts, for every switch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_check import COMBINATIONS, Case, Switches, check_systolic, differences
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.systolic_reference import run_plan
from simsnn.errors import ConfigError
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass

EDGE_SHAPES = [(1, 1, 1), (1, 7, 1), (7, 1, 1), (1, 1, 7), (13, 11, 7), (4, 6, 3), (3, 4, 6), (2, 2, 2), (29, 31, 23)]


def config(rows: int, columns: int, **switches: object) -> SystolicConfig:
    given = {"name": "a", "rows": rows, "columns": columns, "pe": "mac", "acc_rows": 64, "acc_width": "32 bit"}
    return SystolicConfig.model_validate({**given, **switches})


def bare_plan(
    array: SystolicConfig, m: int, k: int, n: int, flow: Dataflow, cut: Blocking = Blocking()
) -> SystolicPlan:
    left = Operand("left", OperandClass.INPUTS, m * k, 8)
    right = Operand("right", OperandClass.WEIGHTS, k * n, 8)
    output = Operand("output", OperandClass.CURRENTS, m * n, 32)
    return SystolicEngine(array).plan(
        GemmOperation("g", Pass.F, 1, None, Gemm(m, k, n), left, right, output), flow, cut
    )


def bare_case(plan: SystolicPlan, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    pairs = tuple((rng.integers(-99, 99, (g.m, g.k)), rng.integers(-99, 99, (g.k, g.n))) for g in plan.gemms)
    return Case(plan, (0,) * plan.chunk_count, pairs)


@pytest.mark.parametrize("switches", COMBINATIONS, ids=lambda s: s.name)
def test_random_cases(switches: Switches) -> None:
    """24 random machines, operations, blockings and ready times of each combination of switches."""
    result = check_systolic(switches, cases=24, seed=7)
    assert (result.cases, result.mismatches, result.max_error) == (24, 0, 0)


@pytest.mark.parametrize("shape", EDGE_SHAPES)
@pytest.mark.parametrize("array", [(1, 1), (4, 6), (6, 4), (1, 5), (5, 1)])
@pytest.mark.parametrize("flow", list(Dataflow))
def test_edge_shapes(shape: tuple[int, int, int], array: tuple[int, int], flow: Dataflow) -> None:
    for partial in ("full", "trimmed"):
        case = bare_case(bare_plan(config(*array, partial_folds=partial), *shape, flow))
        assert max(differences(case, run_plan(case.plan, case.operands))) == 0


def test_check_sees_a_wrong_model() -> None:
    """The comparison is alive: counts, cycles and values that are off are reported as such."""
    case = bare_case(bare_plan(config(3, 4), 9, 8, 7, Dataflow.WS))
    run = run_plan(case.plan, case.operands)
    assert max(differences(case, run)) == 0
    other = bare_plan(config(3, 4, weight_load="shift_global"), 9, 8, 7, Dataflow.WS)
    assert max(differences(replace(case, plan=other), run)) > 0
    wrong = replace(case, operands=tuple((left + 1, right) for left, right in case.operands))
    assert max(differences(wrong, run)) > 0


@pytest.mark.parametrize("width", [8, 12])
@pytest.mark.parametrize("flow", list(Dataflow))
def test_accumulator_overflow_is_reported_and_wraps(flow: Dataflow, width: int) -> None:
    plan = bare_plan(config(3, 3, acc_width=f"{width} bit"), 4, 9, 4, flow)
    left, right = np.full((4, 9), 100, np.int64), np.full((9, 4), 100, np.int64)
    run = run_plan(plan, [(left, right)])
    exact = left @ right
    wrapped = (exact + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))
    assert run.overflows(width)
    assert np.array_equal(run.outputs[0], wrapped)
    with pytest.raises(ConfigError, match="overflows acc_width") as caught:
        SystolicEngine(plan.config).reference(plan, [(left, right)])
    enough = int(caught.value.remedy.split()[3])
    wide = bare_plan(config(3, 3, acc_width=f"{enough} bit"), 4, 9, 4, flow)
    assert np.array_equal(SystolicEngine(wide.config).reference(wide, [(left, right)]).outputs[0], exact)
    narrow = bare_plan(config(3, 3, acc_width=f"{enough - 1} bit"), 4, 9, 4, flow)
    assert run_plan(narrow, [(left, right)]).overflows(enough - 1)
    small = run_plan(plan, [(np.eye(4, 9, dtype=np.int64), np.ones((9, 4), np.int64))])
    assert not small.overflows(width)
    assert small.largest_magnitude == 1


def test_measured_single_folds() -> None:
    """Cycle counts of one tile measured on SystemVerilog: ws M+2R+C-2, os K+2R+C-2."""
    for rows, columns, stream, cycles in [(4, 4, 5, 15), (8, 8, 32, 54), (8, 4, 17, 35), (16, 16, 64, 110)]:
        case = bare_case(bare_plan(config(rows, columns), stream, rows, columns, Dataflow.WS))
        assert run_plan(case.plan, case.operands).cycles == case.plan.cost().cycles.total == cycles
    for rows, columns, depth, cycles in [(4, 4, 8, 18), (8, 8, 32, 54), (8, 4, 30, 48), (16, 16, 64, 110)]:
        case = bare_case(bare_plan(config(rows, columns), rows, depth, columns, Dataflow.OS))
        assert run_plan(case.plan, case.operands).cycles == case.plan.cost().cycles.total == cycles


@pytest.mark.parametrize(
    ("load", "rows", "columns", "interval"),
    [("shift_global", 8, 8, 22), ("shift_global", 4, 8, 14), ("shift_skewed", 8, 8, 15), ("shift_skewed", 4, 8, 7)],
)
def test_measured_double_buffered_intervals(load: str, rows: int, columns: int, interval: int) -> None:
    """Smallest interval of two tiles with one streamed row, by bisection on SystemVerilog."""
    array = config(rows, columns, weight_load=load, psum="spill")
    one, two = (bare_plan(array, 1, rows, columns * tiles, Dataflow.WS) for tiles in (1, 2))
    assert two.cost().cycles.total - one.cost().cycles.total == interval
    case = bare_case(two)
    assert max(differences(case, run_plan(two, case.operands))) == 0
