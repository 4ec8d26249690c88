"""Actions, buffer accesses and observations of the dual-sparsity engine, from its tallies.

Per issued value and active lane one weight is read from the private banks, multiplied and
accumulated. Assumed: a pass clears its accumulators by overwriting; the mask word and every listed
index are written to registers once; a crossbar passes a weight through ceil(log2 banks) selects; a
broadcast writes every copy of a weight once per slice pair. With V values per edge every bank has V
copies, since the values of an edge ask for V unrelated words.

Proof of the counts: ``tests/reference/test_dual_sparse.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import Action, ActionCounts, ActionKey, Observed, OperandClass
from simsnn.engines.base import BufferAccess, PortDemand
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_tiles import TileMap
from simsnn.engines.dual_sparse_work import PixelWork
from simsnn.kernels import dual_sparse as kernel
from simsnn.workload.operation import GemmOperation


@dataclass(frozen=True, slots=True)
class DualSparseTotals:
    """What a task does, as the register-level engine counts it; ``weights`` are those of all slice loads."""

    multiplies: int
    value_reads: int
    passes: int
    written: int
    partial_writes: int
    partial_reads: int
    active_pixels: int
    pixels: int
    scanned_bits: int
    scan_edges: int
    issues: int
    useful_lane_cycles: int
    lane_rounding: int
    bank_conflicts: int
    listed: int
    dense: int
    weights: int
    output_bits: int


def totals(work: PixelWork, tiles: TileMap) -> DualSparseTotals:
    """Sums over the slice pairs."""
    sums = [int(value) for value in work.tallies.sum(axis=0)]
    slices, pairs = work.slices, range(len(work.slices.pairs))
    results = [int(work.tallies[pair, kernel.T_WRITTEN]) for pair in pairs]
    ranges = [slices.channels(pair) for pair in pairs]
    return DualSparseTotals(
        multiplies=sums[kernel.T_MULTIPLIES],
        value_reads=sums[kernel.T_VALUES],
        passes=sums[kernel.T_PASSES],
        written=sum(results[pair] for pair in pairs if slices.last_of_sum(pair)),
        partial_writes=sum(results[pair] for pair in pairs if not slices.last_of_sum(pair)),
        partial_reads=sum(results[pair] for pair in pairs if not slices.first_of_sum(pair)),
        active_pixels=sums[kernel.T_ACTIVE],
        pixels=sums[kernel.T_PIXELS],
        scanned_bits=sums[kernel.T_BITS],
        scan_edges=sums[kernel.T_SCANS],
        issues=sums[kernel.T_ISSUES],
        useful_lane_cycles=sums[kernel.T_USEFUL],
        lane_rounding=sums[kernel.T_ROUNDING],
        bank_conflicts=sums[kernel.T_CONFLICTS],
        listed=sums[kernel.T_LISTED],
        dense=sums[kernel.T_DENSE],
        weights=sum(tiles.slice_words(pair) for pair in pairs),
        output_bits=work.pixels * sum(high - low for low, high in ranges),
    )


def action_counts(config: DualSparseConfig, operation: GemmOperation, total: DualSparseTotals) -> ActionCounts:
    """Priced actions of a task."""
    value, weight, width = operation.left.bits, operation.right.bits, config.acc_width
    words = -(-config.weight_words // config.bank_count)
    copies = config.groups * config.values_per_cycle
    levels = (config.bank_count - 1).bit_length() if config.compact else 0
    done, index = total.multiplies, config.index_bits
    results = total.written + total.partial_writes
    return ActionCounts.of(
        (ActionKey("lane", Action.MULTIPLY, value, weight), done),
        (ActionKey("lane", Action.ADD, width), done),
        (ActionKey("lane", Action.REGISTER_WRITE, width), done + results),
        (ActionKey("lane", Action.REGISTER_WRITE, weight), done),
        (ActionKey("lane", Action.REGISTER_WRITE, value), total.value_reads),
        (ActionKey("lane", Action.ADD, width), total.partial_reads),
        (ActionKey("bank", Action.BANK_READ, weight, words), done),
        (ActionKey("bank", Action.BANK_WRITE, weight, words), total.weights * copies),
        (ActionKey("crossbar", Action.SELECT, weight), done * levels),
        (ActionKey("scanner", Action.REGISTER_WRITE, 1), total.scanned_bits),
        (ActionKey("scanner", Action.REGISTER_WRITE, index), total.listed),
    )


def buffer_accesses(
    config: DualSparseConfig, operation: GemmOperation, total: DualSparseTotals
) -> tuple[BufferAccess, ...]:
    """Elements moved between the engine and its SRAMs; a broadcast reads a weight once for all copies."""
    left, right, output, known = operation.left, operation.right, operation.output, operation.sparsity
    found = [
        BufferAccess(left.role, left.bits, total.value_reads, 0),
        BufferAccess(right.role, right.bits, total.weights, 0),
        BufferAccess(output.role, output.bits, 0, total.written),
    ]
    for mask in operation.masks:
        first = known is not None and mask == known.gradient
        bits = total.scanned_bits - total.output_bits if first else total.output_bits
        found.append(BufferAccess(mask.role, 1, bits, 0))
    if total.partial_writes or total.partial_reads:
        sums = BufferAccess(OperandClass.PARTIAL_SUMS, config.acc_width, total.partial_reads, total.partial_writes)
        found.append(sums)
    return tuple(found)


def port_demand(config: DualSparseConfig, operation: GemmOperation, co_slices: int) -> tuple[PortDemand, ...]:
    """Elements at an edge at which every group issues, scans and writes a pass vector.

    The first co-slice writes partial sums, the last reads them and writes results; both happen at one
    edge only in between.
    """
    groups, lanes = config.groups, config.groups * config.lanes
    left, output = operation.left, operation.output
    found = [
        PortDemand(left.role, groups * config.values_per_cycle, 0, left.bits),
        PortDemand(output.role, 0, lanes, output.bits),
    ]
    if operation.masks:
        found.append(PortDemand(operation.masks[0].role, groups * config.scan_bits, 0, 1))
    if co_slices > 1:
        rewritten = lanes if co_slices > 2 else 0
        found.append(PortDemand(OperandClass.PARTIAL_SUMS, lanes, rewritten, config.acc_width))
    return tuple(found)


def observations(
    config: DualSparseConfig, work: PixelWork, total: DualSparseTotals, exposed_scan: int, imbalance: int
) -> tuple[tuple[Observed, int], ...]:
    """What the engine noticed; cycles are group-cycles, or lane-cycles of the compute edges."""
    return (
        (Observed.OPERATIONS, total.multiplies),
        (Observed.DENSE_OPERATIONS, total.dense),
        (Observed.PIXELS, total.pixels),
        (Observed.ACTIVE_PIXELS, total.active_pixels),
        (Observed.SCANNED_BITS, total.scanned_bits),
        (Observed.SLICES, len(work.slices.pairs)),
        (Observed.WEIGHT_COPIES, config.groups),
        (Observed.LANE_CYCLES_USED, total.useful_lane_cycles),
        (Observed.LANE_CYCLES_ROUNDING, total.lane_rounding),
        (Observed.LANE_CYCLES_BANK_CONFLICT, total.bank_conflicts * config.lanes),
        (Observed.EXPOSED_SCAN_CYCLES, exposed_scan),
        (Observed.IMBALANCE_CYCLES, imbalance),
    )
