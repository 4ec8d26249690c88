"""Every SCALE-Sim 3.0.0 row is reproduced under ``compatibility: scalesim`` (docs/machines section 3.2)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass

ORACLE = Path(__file__).with_name("scalesim_cycles.csv")


def compatible_plan(gemm: Gemm, rows: int, columns: int, dataflow: Dataflow) -> SystolicPlan:
    config = SystolicConfig.model_validate(
        {
            "name": "array",
            "rows": rows,
            "columns": columns,
            "pe": "mac",
            "acc_rows": 1,
            "acc_width": "32 bit",
            "compatibility": "scalesim",
            "partial_folds": "trimmed",
        }
    )
    left = Operand("left", OperandClass.INPUTS, gemm.m * gemm.k, 8)
    right = Operand("right", OperandClass.WEIGHTS, gemm.k * gemm.n, 8)
    output = Operand("output", OperandClass.CURRENTS, gemm.m * gemm.n, 32)
    return SystolicEngine(config).plan(GemmOperation("g", Pass.F, 1, None, gemm, left, right, output), dataflow)


def test_every_row() -> None:
    with ORACLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 282
    for row in rows:
        gemm = Gemm(int(row["M"]), int(row["K"]), int(row["N"]))
        plan = compatible_plan(gemm, int(row["rows"]), int(row["cols"]), Dataflow(row["dataflow"]))
        parts = plan.cost().cycles
        assert parts.total == int(row["cycles"]), row["name"]
        assert min(parts.fill, parts.stream, parts.reload, parts.drain, parts.stall) >= 0


@pytest.mark.parametrize(("m", "k", "n"), [(1024, 1152, 128), (64, 64, 64), (256, 2304, 256), (17, 65, 33)])
def test_wide_and_square_arrays_tie_in_ws(m: int, k: int, n: int) -> None:
    """32x32 and 16x64 both have 2R + C = 96; equal fold counts give equal cycles."""
    square = compatible_plan(Gemm(m, k, n), 32, 32, Dataflow.WS)
    wide = compatible_plan(Gemm(m, k, n), 16, 64, Dataflow.WS)
    if square.folds_of(0) == wide.folds_of(0):
        assert square.cost().cycles.total == wide.cost().cycles.total
    else:
        assert square.cost().cycles.total != wide.cost().cycles.total


def test_one_element_array_has_no_drain_to_take_the_last_index_from() -> None:
    parts = compatible_plan(Gemm(1, 1, 1), 1, 1, Dataflow.OS).cost().cycles
    assert (parts.total, parts.drain, parts.stream) == (0, 0, 0)
