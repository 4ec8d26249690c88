"""SCALE-Sim 3.0.0 as an oracle: its cycle counts, reproduced under ``compatibility: scalesim``.

SCALE-Sim reports the index of the last cycle, one less than the number of cycles. The numbers in
``scalesim_cycles.csv`` were made with that tool; its header says how.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_config import Compatibility, ProcessingElement, SystolicConfig
from simsnn.validation.outcome import Row
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass


@dataclass(frozen=True, slots=True)
class OracleRow:
    """One product on one array, and the index of the last cycle that SCALE-Sim reports."""

    name: str
    gemm: Gemm
    rows: int
    columns: int
    dataflow: Dataflow
    last_cycle: int


def oracle_rows() -> tuple[OracleRow, ...]:
    """Every row of the stored table."""
    text = resources.files("simsnn.validation").joinpath("scalesim_cycles.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(
        OracleRow(
            raw["name"],
            Gemm(int(raw["M"]), int(raw["K"]), int(raw["N"])),
            int(raw["rows"]),
            int(raw["cols"]),
            Dataflow(raw["dataflow"]),
            int(raw["cycles"]),
        )
        for raw in csv.DictReader(lines)
    )


def compatible_cycles(row: OracleRow) -> int:
    """What our array reports for the row under ``compatibility: scalesim``."""
    config = SystolicConfig(
        name="array",
        rows=row.rows,
        columns=row.columns,
        pe=ProcessingElement.MAC,
        acc_rows=1,
        acc_width="32 bit",  # type: ignore[arg-type]
        compatibility=Compatibility.SCALESIM,
    )
    m, k, n = row.gemm.m, row.gemm.k, row.gemm.n
    left = Operand("left", OperandClass.INPUTS, m * k, 8)
    right = Operand("right", OperandClass.WEIGHTS, k * n, 8)
    output = Operand("output", OperandClass.CURRENTS, m * n, 32)
    operation = GemmOperation(row.name, Pass.F, 1, None, row.gemm, left, right, output)
    return SystolicEngine(config).plan(operation, row.dataflow).cost().cycles.total


def check_scalesim(dataflow: Dataflow) -> Row:
    """Compare every stored row of a dataflow."""
    rows = [row for row in oracle_rows() if row.dataflow is dataflow]
    errors = [abs(compatible_cycles(row) - row.last_cycle) for row in rows]
    return Row("systolic", f"{dataflow.value} scalesim", "scalesim", len(rows), sum(e > 0 for e in errors), max(errors))
