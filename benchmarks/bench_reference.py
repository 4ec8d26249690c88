"""Register-level systolic array, beside the plain rewriting of its registers."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from simsnn.kernels import folds
from simsnn.reference.systolic import FoldSpec, SystolicTask, run_systolic

ROWS = COLUMNS = 64
STREAMED, DEPTH = 2000, 256
EDGES = 4096
"""Edges of the register rewriting per timed call."""


def reference_systolic() -> Measurement:
    """PE-cycles per second of a weight-stationary product, values and collisions checked."""
    rng = np.random.default_rng(0)
    left, right = rng.integers(-9, 9, (STREAMED, DEPTH)), rng.integers(-9, 9, (DEPTH, COLUMNS))
    task = _task(left, right)
    run = run_systolic(task)
    if run.collisions or not np.array_equal(run.outputs[0], left @ right):
        raise NotMeasured("the registers hold a wrong product")
    elements = ROWS * COLUMNS
    rate = run.cycles * elements / median_seconds(lambda: run_systolic(task))
    name = "copying two 64-bit registers per PE and edge"
    note = f"{STREAMED} x {DEPTH} x {COLUMNS} on {ROWS} x {COLUMNS}, {run.cycles:,} cycles"
    return Measurement(rate, Yardstick(name, EDGES * elements / median_seconds(_rewrite)), note)


def _task(left: folds.Ints, right: folds.Ints) -> SystolicTask:
    machine = np.zeros(folds.MACHINE_WORDS, np.int64)
    machine[folds.WEIGHT_LOAD], machine[folds.EXTRA_EDGE] = folds.ROW_ADDRESSED, 1
    specs = tuple(
        FoldSpec(
            gemm=0,
            rows=(start, start + ROWS),
            columns=(0, COLUMNS),
            stream=(0, STREAMED),
            timed=(ROWS, COLUMNS),
            first=start == 0,
            last=start == DEPTH - ROWS,
        )
        for start in range(0, DEPTH, ROWS)
    )
    return SystolicTask((left,), (right,), specs, (ROWS, COLUMNS), machine, bank_rows=STREAMED)


def _rewrite() -> None:
    """A two-phase machine rewrites at least the streamed operand and the partial sum of every PE."""
    now, after = np.zeros((2, ROWS, COLUMNS), np.int64), np.empty((2, ROWS, COLUMNS), np.int64)
    for _ in range(EDGES):
        np.copyto(after, now)
