"""Ways to cut an operation for a systolic array, from whole to fine, the same whatever the buffers.

Steps are by four, because a factor of two in chunk size changes little and costs a search twice as
long. Slots are cut where whole samples end, as long as there are samples to cut, so that a neuron
update can run behind its product chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.workload.operation import Gemm, SlotAxis

MOST_PIECES = 2**17
"""Finer ways to cut are not listed: such chunks are smaller than any buffer."""
_STREAMED = ((SlotAxis.M, Dataflow.WS), (SlotAxis.N, Dataflow.IS))
"""Slots that lie along the stream, where a cut reloads nothing."""


def blockings(plan: SystolicPlan) -> Iterator[Blocking]:
    """Blockings of a plan's operation; ``plan`` is the operation in one piece."""
    rows, columns = plan.grids[0].rows.count(), plan.grids[0].columns.count()
    for blocking in _all_blockings(plan):
        along_rows = -(-rows // blocking.row_folds) if blocking.row_folds else 1
        along_columns = -(-columns // blocking.column_folds) if blocking.column_folds else 1
        pieces = blocking.slot_blocks * blocking.row_blocks * along_rows * along_columns
        if pieces * len(plan.gemms) <= MOST_PIECES:
            yield blocking


def _all_blockings(plan: SystolicPlan) -> Iterator[Blocking]:
    operation, grid = plan.operation, plan.grids[0]
    slots = operation.cut_slots if operation.slot_axis is not SlotAxis.NONE else 1
    row_steps, column_steps = _fold_steps(grid.rows.count()), _fold_steps(grid.columns.count())
    if plan.applies_mixing and plan.dataflow is Dataflow.OS:
        column_steps = [0]  # blocks of slots are cut out of the columns already
    streamed = (operation.slot_axis, plan.dataflow) in _STREAMED
    for slot_blocks in _slot_steps(slots, operation.cut_timesteps):
        for row_folds, column_folds in product(row_steps, column_steps):
            yield Blocking(slot_blocks, 1, column_folds, row_folds)
        again = grid.rows.count() > 1 or (plan.applies_mixing and grid.columns.count() > 1)
        if streamed and slot_blocks > 1 and again:
            # all K folds of a block in one chunk: its input is fetched once, at the price of more tile loads
            for column_folds in column_steps:
                yield Blocking(slot_blocks, 1, column_folds, 0, slot_blocks)
        if plan.triangle is not None and plan.dataflow is Dataflow.WS:
            # blocks of M, without which no fold holds zeros alone; each reloads its stationary tiles
            for m_blocks, column_folds in product(_steps(grid.rows.count())[1:], column_steps):
                yield Blocking(slot_blocks, 1, column_folds, 0, m_blocks)
    axis = operation.refined_axis
    per_slot = slots if operation.slot_axis is axis else 1
    for row_blocks in _steps(max(_length(gemm, axis) // per_slot for gemm in plan.period))[1:]:
        for column_folds in column_steps:
            yield Blocking(slots, row_blocks, column_folds, row_steps[-1])
            yield Blocking(slots, row_blocks, column_folds, 0)
            if streamed and plan.applies_mixing:
                yield Blocking(slots, row_blocks, column_folds, 0, slots * row_blocks)


def accumulator_blockings(plan: SystolicPlan) -> Iterator[Blocking]:
    """Ways to cut the stream of a whole ``ws`` product with a triangle, so that folds of zeros can be left out."""
    if plan.triangle is not None and plan.dataflow is Dataflow.WS:
        for m_blocks in _steps(plan.grids[0].rows.count())[1:]:
            yield Blocking(m_blocks=m_blocks)


def _length(gemm: Gemm, axis: SlotAxis) -> int:
    return {SlotAxis.M: gemm.m, SlotAxis.K: gemm.k, SlotAxis.N: gemm.n}[axis]


def _steps(most: int) -> list[int]:
    """1, 4, 16, ... and ``most`` itself."""
    steps = [1]
    while steps[-1] * 4 < most:
        steps.append(steps[-1] * 4)
    return sorted({*steps, max(1, most)})


def _fold_steps(folds: int) -> list[int]:
    """Folds per chunk: all (0), then a quarter, a sixteenth, ... and one."""
    return [0, *(-(-folds // parts) for parts in _steps(folds)[1:])]


def _slot_steps(slots: int, timesteps: int) -> list[int]:
    """Numbers of slot blocks: divisors of the samples near powers of four, the samples, the slots."""
    samples = max(1, slots // max(1, timesteps))
    divisors = [count for count in range(1, samples + 1) if samples % count == 0]
    near = {min(d for d in divisors if d >= step) for step in _steps(samples) if step <= samples}
    return sorted(near | {samples, slots})
