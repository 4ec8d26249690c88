"""A systolic plan's cycle formula with its numbers in it, for ``simsnn explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_config import Buffering, Drain, DrainEnable, WeightLoad

if TYPE_CHECKING:
    from simsnn.engines.systolic_plan import SystolicPlan
    from simsnn.workload.mixing import Mixing

_AXES = {Dataflow.WS: ("K", "N", "M"), Dataflow.IS: ("K", "M", "N"), Dataflow.OS: ("M", "N", "K")}


def formula(plan: SystolicPlan) -> str:
    """Shape, folds and cycles of a plan in one or two lines.

    The symbolic form is given where all folds are equal and the array's own size (docs/machines
    section 3.2); otherwise the recurrence is evaluated and its parts are shown.
    """
    gemm, count = plan.period[0], len(plan.gemms)
    rows, columns, stream = _AXES[plan.dataflow]
    total_n = gemm.n if not plan.applies_mixing else sum(product.n for product in plan.gemms)
    shape = f"(M x K)(K x N) = ({gemm.m:,} x {gemm.k:,})({gemm.k:,} x {total_n:,})"
    times = f" and {count - 1} more product{'s' if count > 2 else ''}" if count > 1 else ""
    if plan.operation.mixing is not None:
        times = _mixing(plan.operation.mixing, count)
    folds = sum(plan.folds_of(index) for index in range(len(plan.period))) * plan.groups
    parts = plan.cost().cycles
    total = " + ".join(f"{name} {getattr(parts, name):,}" for name in ("fill", "stream", "reload", "drain"))
    r, c = plan.config.rows, plan.config.columns
    lines = [
        f"{shape}{times}; {rows} on {r} rows, {columns} on {c} columns, {stream} streamed: {folds:,} folds",
        f"{total} = {parts.total:,} cycles",
    ]
    closed = _equal_folds(plan, folds)
    if closed is not None:
        lines.append(closed)
    return "\n".join(lines)


def _mixing(mixing: Mixing, blocks: int) -> str:
    """What is particular to a T x T product: N blocks, copies, folds that are left out."""
    found = f" in {blocks} blocks" if blocks > 1 else ""
    if mixing.copies > 1:
        found += f", {mixing.copies} copies of a {mixing.timesteps} x {mixing.timesteps} matrix on the diagonal"
    elif mixing.shape != "full" and mixing.kind == "apply":
        found += f", {mixing.shape} triangle: no folds of zeros"
    return found


def _interval(plan: SystolicPlan) -> tuple[str, int]:
    """Shortest interval II of equal full folds, as text and value."""
    r, c = plan.config.rows, plan.config.columns
    long, middle, short = ("2R + C - 2", 2 * r + c - 2), ("2R - 1", 2 * r - 1), ("R", r)
    if plan.dataflow is Dataflow.OS:
        enables = {DrainEnable.GLOBAL: long, DrainEnable.SKEWED: middle, DrainEnable.ROW_TIMED: short}
        return enables[plan.config.drain_enable]
    loads = {WeightLoad.SHIFT_GLOBAL: long, WeightLoad.SHIFT_SKEWED: middle, WeightLoad.ROW_ADDRESSED: short}
    return loads[plan.config.weight_load]


def _equal_folds(plan: SystolicPlan, folds: int) -> str | None:
    """The closed formula, where every fold is as long and as large as the next."""
    grid = plan.grids[0]
    streams = set(grid.stream.sizes().tolist())
    if (
        len(plan.gemms) > 1
        or plan.triangle is not None
        or len(streams) > 1
        or not plan.config.full_folds
        or plan.config.scalesim
    ):
        return None
    s, r, c = streams.pop(), plan.config.rows, plan.config.columns
    overlapped = (
        plan.config.drain is Drain.OVERLAPPED
        if plan.dataflow is Dataflow.OS
        else plan.config.stationary_buffering is Buffering.DOUBLE
    )
    extra = plan.cost().cycles.total
    symbol = "K" if plan.dataflow is Dataflow.OS else "S"
    if not overlapped:
        value = folds * (s + 2 * r + c - 2)
        text = f"F ({symbol} + 2R + C - 2) = {folds:,} ({s:,} + {2 * r} + {c} - 2) = {value:,}"
    else:
        name, interval = _interval(plan)
        value = s + 2 * r + c - 2 + (folds - 1) * max(s, interval)
        text = f"{symbol} + 2R + C - 2 + (F - 1) max({symbol}, {name}) = {value:,}"
    edge = extra - value
    return f"= {text}" + (f", + {edge} accumulator edge" if edge else "")
