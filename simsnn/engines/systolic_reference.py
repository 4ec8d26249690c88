"""Running the register-level twin on a plan: the same folds, blocks, tiles and ready times.

The folds are enumerated with plain loops over the hard bounds of the grid; which chunk a streamed
row belongs to follows from the issue counts of the chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

import numpy as np

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Axis, Cut, Ints
from simsnn.engines.systolic_config import PartialSums, ProcessingElement
from simsnn.engines.systolic_grid import FoldGrid
from simsnn.engines.systolic_mixing import Triangle
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.errors import ConfigError, ModelDisagreement
from simsnn.kernels.systolic_chunks import C_ISSUES
from simsnn.reference.systolic import FoldSpec, Forcing, SystolicRun, SystolicTask, run_systolic
from simsnn.reference.systolic_registers import GATE_NONE, GATE_STATIONARY, GATE_STREAMED

OperandPair = tuple[Ints, Ints]
Range = tuple[int, int]


def _pieces(cut: Cut) -> list[Range]:
    found = []
    for start, stop in pairwise(cut.bounds.tolist()):
        step = cut.piece or stop - start
        found += [(begin, min(begin + step, stop)) for begin in range(start, stop, step)]
    return found


def _kept_rows(
    pieces: list[Range], triangle: Triangle | None, dataflow: Dataflow, columns: Range, stream: Range
) -> list[Range]:
    """K tiles that a column tile (``is``) or a block of the stream (``ws``) runs, in order."""
    if triangle is None or dataflow is Dataflow.OS:
        return pieces
    m = columns if dataflow is Dataflow.IS else stream
    return [rows for rows in pieces if triangle.runs(m, rows)]


def _folds_of(
    grid: FoldGrid, index: int, full: Range, dataflow: Dataflow, triangle: Triangle | None
) -> Iterator[FoldSpec]:
    """Folds of one product in loop order, without those that hold nothing but zeros of a triangle."""
    pieces = [_pieces(grid.rows), _pieces(grid.columns), _pieces(grid.stream)]
    for picked in product(*(enumerate(pieces[axis]) for axis in grid.order)):
        at: dict[Axis, tuple[int, Range]] = dict(zip(grid.order, picked, strict=True))
        (_, rows), (column, columns), (block, stream) = (at[axis] for axis in Axis)
        kept = _kept_rows(pieces[Axis.ROWS], triangle, dataflow, columns, stream)
        if triangle is not None and dataflow is Dataflow.OS:
            stream = triangle.streamed(rows, stream)
        elif rows not in kept:
            continue
        timed = full if full[0] else (rows[1] - rows[0], columns[1] - columns[0])
        base = column * (stream[1] - stream[0]) if grid.order[0] is Axis.STREAM else 0
        first, last, copy = rows == kept[0], rows == kept[-1], 0
        if dataflow is Dataflow.OS:
            first, last, base, copy = True, True, 0, block
        yield FoldSpec(index, rows, columns, stream, timed, first, last, base, copy)


def plan_folds(plan: SystolicPlan, ready: Sequence[int] | None = None) -> tuple[FoldSpec, ...]:
    """All folds of a plan with the ready times of their chunks (0 where none are given)."""
    found: list[FoldSpec] = []
    issues = plan.tables.boxes[:, C_ISSUES].tolist()
    times = list(ready) if ready is not None else [0] * len(issues)
    chunk, left = 0, issues[0]
    for index in range(len(plan.gemms)):
        grid = plan.grids[index % len(plan.period)]
        for fold in _folds_of(grid, index, plan.full, plan.dataflow, plan.triangle):
            inner = [b for b in grid.tiles.tolist() if fold.stream[0] < b < fold.stream[1]]
            bounds = [fold.stream[0], *inner, fold.stream[1]]
            tiles: list[Range] = []
            load = 0
            for start, stop in pairwise(bounds):
                if left == 0:
                    chunk, left = chunk + 1, issues[chunk + 1]
                if left < stop - start:
                    raise ModelDisagreement(f"chunk {chunk} ends inside a tile of {stop - start} rows")
                left -= stop - start
                load = times[chunk] if not tiles else load
                tiles.append((stop - start, times[chunk]))
            found.append(replace(fold, tiles=tuple(tiles), ready_load=load))
    return tuple(found)


def gate_of(plan: SystolicPlan) -> int:
    """Which operand gates the adders."""
    if plan.config.pe is ProcessingElement.MAC:
        return GATE_NONE
    left_moves = plan.dataflow is not Dataflow.IS
    return GATE_STREAMED if plan.operation.left.binary == left_moves else GATE_STATIONARY


def plan_task(
    plan: SystolicPlan,
    operands: Sequence[OperandPair],
    ready: Sequence[int] | None = None,
    forcing: tuple[Forcing, ...] = (),
) -> SystolicTask:
    """The plan as a task for the registers; operands are left (M x K) and right (K x N) per product.

    Raises
    ------
    ConfigError
        For a compatibility machine, which has no registers to step.
    ValueError
        If an operand is not of its product's shape.
    """
    if plan.config.scalesim:
        raise ConfigError("compatibility: scalesim is a way of counting, no machine that could be stepped")
    for gemm, (left, right) in zip(plan.gemms, operands, strict=True):
        if left.shape != (gemm.m, gemm.k) or right.shape != (gemm.k, gemm.n):
            raise ValueError(f"product {gemm} was given operands {left.shape} and {right.shape}")
    moving, held = [pair[0] for pair in operands], [pair[1] for pair in operands]
    if plan.dataflow is Dataflow.IS:
        moving, held = [right.T for right in held], [left.T for left in moving]
    specs = plan_folds(plan, ready)
    banks = max(spec.bank_base + spec.stream[1] - spec.stream[0] for spec in specs)
    if plan.config.psum is PartialSums.ACCUMULATE and any(not (s.first and s.last) for s in specs):
        banks = plan.config.acc_rows
    shape = (plan.config.rows, plan.config.columns)
    switches = (plan.machine, plan.config.acc_width, gate_of(plan), banks, forcing)
    return SystolicTask(tuple(moving), tuple(held), specs, shape, *switches)


def run_plan(
    plan: SystolicPlan,
    operands: Sequence[OperandPair],
    ready: Sequence[int] | None = None,
    forcing: tuple[Forcing, ...] = (),
) -> SystolicRun:
    """Step the registers through a plan; the outputs are (M x N), or stacked partial copies of it."""
    run = run_systolic(plan_task(plan, operands, ready, forcing))
    if plan.dataflow is not Dataflow.IS:
        return run
    return replace(run, outputs=[np.ascontiguousarray(out.T) for out in run.outputs])
