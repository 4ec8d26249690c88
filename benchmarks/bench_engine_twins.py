"""Register-level LUT and dual-sparsity engines at the sizes of assumption set A0, beside the rewriting of registers."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from simsnn.reference.dual_sparse import DualSparseMachine, run_dual_sparse
from simsnn.reference.lut import LutMachine, run_lut_forward
from simsnn.workload.dual_sparse_pixels import pixel_list
from simsnn.workload.operation import ConvGeometry

EDGES = 2000
"""Edges of the register rewriting per timed call."""
LANES, GROUPS, PORTS, ADDRESS_BITS = 64, 16, 4, 4
ROWS, POSITIONS = 256, 1024
PIXEL_GROUPS, PIXEL_LANES, SIDE, CHANNELS = 256, 16, 16, 16


def reference_lut() -> Measurement:
    """Lane-cycles per second of a forward product, sums checked."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-99, 99, (ROWS, 2 * LANES))
    spikes = (rng.random((POSITIONS, ROWS)) < 0.2).astype(np.uint8)
    machine = LutMachine(ADDRESS_BITS, 2, PORTS, LANES, GROUPS, double_tables=True, skip_window=4, bypass=False)
    tiles = np.array([weights.shape[1] // LANES * (ROWS // (GROUPS * ADDRESS_BITS))])
    task = (weights, spikes, np.array([0, POSITIONS]), tiles, np.zeros(1, np.int64))
    run = run_lut_forward(machine, *task)
    if not np.array_equal(run.values, spikes.astype(np.int64) @ weights):
        raise NotMeasured("the tables hold wrong sums")
    cycles = int(run.ends[-1, 1])
    rate = cycles * LANES / median_seconds(lambda: run_lut_forward(machine, *task))
    name = f"copying its {GROUPS * PORTS} read registers per lane and edge"
    rewritten = _rewrite_rate((LANES, GROUPS, PORTS), LANES)
    note = f"{POSITIONS} x {ROWS} x {weights.shape[1]} on {LANES} lanes x {GROUPS} groups, {cycles:,} cycles"
    return Measurement(rate, Yardstick(name, rewritten), note)


def reference_dual_sparse() -> Measurement:
    """Lane-cycles per second of a backward product with both masks, gradients checked on one pixel list."""
    rng = np.random.default_rng(0)
    geometry = ConvGeometry(CHANNELS, SIDE, SIDE, 2 * CHANNELS, 3, 3, 1, 1, 1, 1)
    slots = 8
    rows, taps = slots * geometry.in_pixels, geometry.taps
    gradient = rng.integers(-9, 9, (rows, geometry.out_channels)) * (rng.random((rows, geometry.out_channels)) < 0.5)
    weights = rng.integers(-9, 9, (taps, geometry.out_channels, CHANNELS))
    needed = (rng.random((rows, CHANNELS)) < 0.4).astype(np.uint8)
    pixels = pixel_list(geometry, slots, 1)
    machine = DualSparseMachine(PIXEL_GROUPS, PIXEL_LANES, 1, 128, False, 16, False, 8, 16)
    bounds = (np.array([0, CHANNELS]), np.array([0, geometry.out_channels]), np.array([0, pixels.pixels]))
    task = (gradient, weights, needed, pixels, *bounds, np.zeros(1, np.int64))
    run = run_dual_sparse(machine, *task)
    dense = np.zeros((rows, CHANNELS), np.int64)
    for tap in range(taps):
        entry = np.flatnonzero(pixels.field_tap == tap)
        pixel = np.searchsorted(pixels.field_start, entry, side="right") - 1
        dense[pixels.rows[pixel]] += gradient[pixels.field_row[entry]] @ weights[tap]
    if not np.array_equal(run.values, dense * needed):
        raise NotMeasured("the registers hold wrong gradients")
    lanes = PIXEL_GROUPS * PIXEL_LANES
    rate = run.total_cycles * lanes / median_seconds(lambda: run_dual_sparse(machine, *task))
    yardstick = Yardstick("copying a product and a sum per lane and edge", _rewrite_rate((lanes, 2), lanes))
    note = f"{pixels.pixels} pixels x {CHANNELS} of {taps * geometry.out_channels} values on {PIXEL_GROUPS} groups"
    return Measurement(rate, yardstick, f"{note} x {PIXEL_LANES} lanes, {run.total_cycles:,} cycles")


def _rewrite_rate(registers: tuple[int, ...], lanes: int) -> float:
    """Lane-edges per second of a machine that only copies so many 64-bit registers at every edge."""
    now, after = np.zeros(registers, np.int64), np.empty(registers, np.int64)

    def rewrite() -> None:
        for _ in range(EDGES):
            np.copyto(after, now)

    return EDGES * lanes / median_seconds(rewrite)
