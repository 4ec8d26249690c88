"""Draw the timing diagrams of the engine pages from their register-level twins: ``make figures``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsnn.reference.dual_sparse import run_dual_sparse
from simsnn.reference.dual_sparse_machine import ComputeCode, DualSparseMachine, DualSparseRun, PixelList, ScanCode
from simsnn.reference.lut import LutMachine, LutRun, LutUpdateMachine, run_lut_forward, run_lut_update
from simsnn.reference.lut_machine import BuilderState, IssueState
from simsnn.viz.figures import save
from simsnn.viz.timing_diagram import Lane, timing_figure

BUILDER = {
    BuilderState.DONE: "idle",
    BuilderState.HELD: "waits for room",
    BuilderState.LATE: "operands late",
    BuilderState.BUILD: "builds",
}
ISSUE = {
    IssueState.DONE: "idle",
    IssueState.ISSUE: "works",
    IssueState.TABLE: "waits for a table",
    IssueState.DRAIN: "waits for a drain",
    IssueState.BUBBLE: "skips zeros",
}
SCAN = {
    ScanCode.EMPTY: "idle",
    ScanCode.OUTPUT_MASK: "scans outputs",
    ScanCode.FIELD_MASK: "scans the field",
    ScanCode.NO_LIST: "waits for room",
    ScanCode.LATE: "operands late",
    ScanCode.NO_GRANT: "waits for a grant",
}
COMPUTE = {ComputeCode.IDLE: "idle", ComputeCode.ISSUE: "works", ComputeCode.CONFLICT: "bank conflict"}
Ints = NDArray[np.int64]


def lut_lanes(run: LutRun, drains: bool = False) -> tuple[Lane, ...]:
    """Builder, issue stage, accumulators and, in a weight update, the drain chain."""
    trace = run.trace
    assert trace is not None
    builder = tuple(BUILDER[BuilderState(code)] for code in trace.builder)
    issue = tuple(ISSUE[IssueState(code)] for code in trace.issue)
    lanes = [
        Lane("table builder", builder, _named(trace.builder_tile, builder, "tile ")),
        Lane("issue stage", issue, _named(trace.issue_tile, issue, "tile ")),
        _busy("accumulate", trace.accumulate_tile, "tile "),
    ]
    return (*lanes, _busy("drain chain", trace.drain, "channel ")) if drains else tuple(lanes)


def _named(numbers: Ints, states: tuple[str, ...], what: str) -> tuple[str, ...]:
    marked = ("builds", "works")
    return tuple(f"{what}{n}" if s in marked and n >= 0 else "" for n, s in zip(numbers, states, strict=True))


def _busy(label: str, numbers: Ints, what: str) -> Lane:
    states = tuple("works" if n >= 0 else "idle" for n in numbers)
    return Lane(label, states, tuple(f"{what}{n}" if n >= 0 else "" for n in numbers))


def dual_sparse_lanes(run: DualSparseRun) -> tuple[Lane, ...]:
    """Scanner and compute stage of every group."""
    lanes = []
    for group in range(run.trace.shape[1]):
        scan = tuple(SCAN[ScanCode(code)] for code in run.trace[:, group, 0])
        compute = tuple(COMPUTE[ComputeCode(code)] for code in run.trace[:, group, 1])
        blank = ("",) * len(scan)
        lanes += [Lane(f"group {group} scan", scan, blank), Lane(f"group {group} compute", compute, blank)]
    return tuple(lanes)


def forward_run() -> LutRun:
    """Four tiles with skipping: the second table set is built while the first is read; the last chunk is late."""
    rng = np.random.default_rng(3)
    spikes = (rng.random((14, 16)) < 0.25).astype(np.uint8)
    spikes[:, 4:8] = 0
    machine = LutMachine(4, 2, 1, 2, 1, double_tables=True, skip_window=3, bypass=False)
    bounds, chunks, ready = np.array([0, 14]), np.array([3, 1]), np.array([0, 55])
    return run_lut_forward(machine, rng.integers(-9, 9, (16, 2)), spikes, bounds, chunks, ready, trace=True)


def update_run() -> LutRun:
    """Three output channels, one lane, one accumulator set: the issue stage waits for the drain chain."""
    rng = np.random.default_rng(4)
    spikes = (rng.random((12, 8)) < 0.4).astype(np.uint8)
    machine = LutMachine(3, 2, 1, 1, 1, double_tables=True, skip_window=2, bypass=False)
    update = LutUpdateMachine(skip_groups=True, double_accumulators=False, drain_width=1, readback=False)
    groups = np.arange(12).reshape(4, 3)
    gradients = rng.integers(-9, 9, (12, 3)) * (rng.random((12, 3)) < 0.5)
    late, whole, zero = np.zeros(3, np.int64), np.array([0, 4]), np.zeros((8, 3), np.int64)
    return run_lut_update(machine, gradients, spikes, groups, update, whole, late, zero, trace=True)


def backward_run() -> DualSparseRun:
    """Twelve pixels on three groups of two lanes, a barrier every two pixels of a group."""
    rng = np.random.default_rng(6)
    pixels, taps, inputs, outputs = 12, 3, 6, 5
    gradient = rng.integers(-9, 9, (pixels, outputs)) * (rng.random((pixels, outputs)) < 0.35)
    needed = (rng.random((pixels, inputs)) < 0.4).astype(np.uint8)
    rows = np.arange(pixels)
    field = [(row + tap - 1, tap) for row in rows for tap in range(taps) if 0 <= row + tap - 1 < pixels]
    starts = np.concatenate([[0], np.cumsum([sum(0 <= r + t - 1 < pixels for t in range(taps)) for r in rows])])
    listed = PixelList(rows, starts, np.array([f[0] for f in field]), np.array([f[1] for f in field]))
    weights = rng.integers(-9, 9, (taps, outputs, inputs))
    machine = DualSparseMachine(3, 2, 1, 4, False, 1, False, 2, 1)
    whole = (np.array([0, inputs]), np.array([0, outputs]), np.array([0, 6, 12]), np.array([0, 0]))
    return run_dual_sparse(machine, gradient, weights, needed, listed, *whole, trace_edges=1000)


def draw(folder: Path) -> tuple[Path, ...]:
    """Write the three diagrams and return their files."""
    forward, update, backward = forward_run(), update_run(), backward_run()
    figures = (
        (
            "lut_forward_timing",
            timing_figure(
                "LUT engine, forward: four tiles of one lane and one group",
                "k = 4, two build ports, two table sets, window of 3 flags; tile 1 has no spike, the operands of tile 3"
                f" arrive at edge 55; {forward.cycles} edges",
                lut_lanes(forward),
            ),
        ),
        (
            "lut_update_timing",
            timing_figure(
                "LUT engine, weight update: three output channels on one lane",
                "k = 3, single accumulators: an output channel waits until the one before has left;"
                f" {update.cycles} edges",
                lut_lanes(update, drains=True),
            ),
        ),
        (
            "dual_sparse_timing",
            timing_figure(
                "Dual-sparsity engine: twelve pixels on three groups",
                "two lanes each, 4 mask bits per edge, a barrier every two pixels of a group;"
                f" {backward.total_cycles} edges",
                dual_sparse_lanes(backward),
            ),
        ),
    )
    written = []
    for name, figure in figures:
        save(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    return tuple(written)


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures"))
