"""The cycles of a dual-sparsity plan in words and numbers, for ``simsnn explain``."""

from __future__ import annotations

from simsnn.costs import CycleBreakdown
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_counts import DualSparseTotals
from simsnn.engines.dual_sparse_work import PixelWork
from simsnn.workload.operation import ConvGeometry


def formula(
    config: DualSparseConfig,
    geometry: ConvGeometry,
    work: PixelWork,
    total: DualSparseTotals,
    parts: CycleBreakdown,
) -> str:
    """Slices, what the pixels ask for, and the parts that add up to groups * cycles."""
    (low, high), (first, last) = work.slices.c[0], work.slices.co[0]
    hand_out = f"queue, {config.grants_per_cycle} grants per edge"
    if not config.dynamic:
        hand_out = f"blocks of {config.barrier_pixels} x {config.groups} pixels"
    lines = [
        f"c_t = {high - low} of {work.slices.group_channels}, co_t = {last - first} of"
        f" {geometry.out_channels // geometry.groups} channels: {len(work.slices.pairs)} slice pairs"
        f" in {config.weight_words:,} words of each of {config.groups} groups",
        f"{work.pixels:,} pixels x {len(work.slices.pairs)} = {total.pixels:,}, of them {total.active_pixels:,}"
        f" active, {hand_out}; scan ceil(c / {config.scan_bits}) + taps ceil(co / {config.scan_bits})"
        f" = {total.scan_edges:,} edges",
        f"compute f max(ceil(n_in / {config.values_per_cycle}), 1) per pass of {config.lanes} lanes"
        f" ({config.lane_map.value}): {total.passes:,} passes, {total.issues:,} edges,"
        f" {total.multiplies:,} of {total.dense:,} multiplies",
        f"fill {parts.fill:,} + stream {parts.stream:,} + scan {parts.scan:,} + imbalance {parts.imbalance:,}"
        f" + drain {parts.drain:,} = {parts.accounted:,} group-cycles / {parts.groups} = {parts.total:,} cycles",
    ]
    return "\n".join(lines)
