"""Register-level dual-sparsity engine: values = dense masked gradient, cycles = recurrences by hand."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass, replace

import numpy as np
import pytest

from simsnn.errors import ConfigError
from simsnn.reference.dual_sparse import (
    ComputeCode,
    DualSparseMachine,
    DualSparseRun,
    PixelList,
    ScanCode,
    run_dual_sparse,
)
from simsnn.workload.dual_sparse_pixels import pixel_list
from simsnn.workload.operation import ConvGeometry
from tests.naive.dual_sparse import Cost, all_costs, ceil_div, dense_gradient, pixels_by_loop, schedule

SWITCHES = list(itertools.product((False, True), (False, True)))
FILL, STREAM, SCAN, IMBALANCE, DRAIN, STALL = 0, 1, 4, 5, 6, 7


@dataclass(frozen=True)
class Case:
    """One operation on one machine."""

    machine: DualSparseMachine
    geometry: ConvGeometry
    samples: int
    steps: int
    gradient: np.ndarray
    weights: np.ndarray
    needed: np.ndarray
    c_bounds: np.ndarray
    co_bounds: np.ndarray
    chunk_pixels: np.ndarray
    ready: np.ndarray

    def run(self, trace_edges: int = 0) -> DualSparseRun:
        pixels = pixel_list(self.geometry, self.samples * self.steps, self.steps)
        operands = (self.gradient, self.weights, self.needed)
        bounds = (self.c_bounds, self.co_bounds, self.chunk_pixels)
        return run_dual_sparse(self.machine, *operands, pixels, *bounds, self.ready, trace_edges)


def random_geometry(rng: np.random.Generator) -> ConvGeometry:
    """Convolution, or now and then a linear layer, with at least one output pixel."""
    if rng.random() < 0.15:
        return ConvGeometry(int(rng.integers(1, 20)), 1, 1, int(rng.integers(1, 20)))
    while True:
        h, w, kh, kw = (int(n) for n in rng.integers(1, (6, 6, 4, 4)))
        sh, sw, ph, pw, dh, dw = (int(n) for n in rng.integers((1, 1, 0, 0, 1, 1), (4, 4, 3, 3, 3, 3)))
        ci, co = (int(n) for n in rng.integers(1, (12, 9)))
        geometry = ConvGeometry(ci, h, w, co, kh, kw, sh, sw, ph, pw, dh, dw)
        if geometry.out_h > 0 and geometry.out_w > 0:
            return geometry


def sparse(rng: np.random.Generator, shape: tuple[int, ...], density: float) -> np.ndarray:
    return (rng.random(shape) < density).astype(np.int64)


def random_machine(rng: np.random.Generator, dynamic: bool, compact: bool) -> DualSparseMachine:
    lanes = int(rng.integers(1, 6))
    z = int(rng.choice((1, 2, 3, 8, 64)))
    numbers = [int(n) for n in rng.integers(1, (6, 4, 4))]
    groups, values, grants = numbers
    banks, barrier = int(rng.integers(1, lanes + 1)), int(rng.integers(1, 5))
    return DualSparseMachine(groups, lanes, values, z, compact, banks, dynamic, barrier, grants)


def random_bounds(rng: np.random.Generator, total: int) -> np.ndarray:
    """Slice bounds 0 .. total with up to two cuts between."""
    cuts = rng.integers(1, total + 1, int(rng.integers(0, 3)))
    return np.unique(np.concatenate(([0], cuts, [total]))).astype(np.int64)


def random_case(rng: np.random.Generator, machine: DualSparseMachine, late: bool) -> Case:
    geometry = random_geometry(rng)
    samples, steps = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    slots = samples * steps
    densities = [float(rng.choice((0.0, 0.1, 0.4, 0.8, 1.0), p=(0.1, 0.2, 0.3, 0.3, 0.1))) for _ in range(2)]
    shape = (slots * geometry.out_pixels, geometry.out_channels)
    gradient = rng.integers(-50, 51, shape) * sparse(rng, shape, densities[0])
    weights = rng.integers(-50, 51, (geometry.taps, geometry.out_channels, geometry.in_channels))
    needed = sparse(rng, (slots * geometry.in_pixels, geometry.in_channels), densities[1]).astype(np.uint8)
    pixels = slots * geometry.in_pixels
    unit = 1 if machine.dynamic else machine.barrier_pixels * machine.groups
    cuts = np.minimum(rng.integers(0, pixels // unit + 2, int(rng.integers(0, 4))) * unit, pixels)
    chunk_pixels = np.concatenate(([0], np.sort(cuts), [pixels])).astype(np.int64)
    c_bounds, co_bounds = random_bounds(rng, geometry.in_channels), random_bounds(rng, geometry.out_channels)
    chunks = (len(c_bounds) - 1) * (len(co_bounds) - 1) * (len(chunk_pixels) - 1)
    ready = np.cumsum(rng.integers(0, 60, chunks)) * int(late)
    return Case(machine, geometry, samples, steps, gradient, weights, needed, c_bounds, co_bounds, chunk_pixels, ready)


def naive_counts(case: Case, pairs: list[list[Cost]]) -> tuple[int, ...]:
    """Counts in the order of DualSparseCounts."""
    per_c = len(case.co_bounds) - 1
    cells = [(i % per_c, cost) for i, costs in enumerate(pairs) for cost in costs]
    products = sum(cost.n_in * cost.n_out for _, cost in cells)
    return (
        products,
        products,
        sum(cost.bits for _, cost in cells),
        sum(cost.scan for _, cost in cells),
        sum(cost.n_in * cost.passes for _, cost in cells),
        sum(cost.n_out for co, cost in cells if co == per_c - 1),
        sum(cost.n_out for co, cost in cells if co > 0),
        sum(cost.n_out for co, cost in cells if co < per_c - 1),
        sum(cost.passes for _, cost in cells),
        sum(cost.compute > 0 for _, cost in cells),
        len(cells),
    )


def check(case: Case) -> DualSparseRun:
    """Run the engine and compare everything it says with the loops and recurrences."""
    run, machine = case.run(), case.machine
    pixels = pixels_by_loop(case.geometry, case.samples, case.steps)
    assert np.array_equal(run.values, dense_gradient(case.gradient, case.weights, case.needed, pixels))
    bounds = (case.c_bounds, case.co_bounds, case.chunk_pixels)
    pairs = all_costs(machine, case.gradient, case.needed, pixels, *bounds)
    want = schedule(machine, pairs, case.ready)
    assert run.total_cycles == want.total
    assert run.parts.tolist() == want.parts
    assert run.parts.sum() == machine.groups * run.total_cycles
    assert np.array_equal(run.ends, want.ends)
    assert astuple(run.counts) == naive_counts(case, pairs)
    costs = [cost for group in pairs for cost in group]
    losses = run.losses
    assert (losses.exposed_scan, losses.imbalance) == (want.exposed, want.imbalance)
    assert losses.bank_conflicts == sum(cost.conflicts for cost in costs)
    assert run.useful_lane_cycles == sum(cost.useful for cost in costs)
    lane_cycles = run.parts[STREAM] * machine.lanes
    assert lane_cycles == run.useful_lane_cycles + losses.lane_rounding + losses.bank_conflicts * machine.lanes
    return run


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("dynamic", "compact"), SWITCHES)
def test_random_cases_equal_dense_gradient_and_recurrences(dynamic, compact, late):
    rng = np.random.default_rng([3, dynamic, compact, late])
    stalled = 0
    for _ in range(100):
        run = check(random_case(rng, random_machine(rng, dynamic, compact), late))
        stalled += int(run.parts[STALL])
    assert (stalled > 0) == late


def small_case(machine: DualSparseMachine, gradient_density: float, needed_density: float) -> Case:
    """3x3 convolution on 4x5 pixels, 10 -> 6 channels, 2 samples of 2 steps, one slice, one chunk."""
    rng = np.random.default_rng(9)
    geometry = ConvGeometry(10, 4, 5, 6, 3, 3, 1, 1, 1, 1)
    gradient = rng.integers(1, 9, (80, 6)) * sparse(rng, (80, 6), gradient_density)
    needed = sparse(rng, (80, 10), needed_density).astype(np.uint8)
    weights = rng.integers(-9, 9, (9, 6, 10))
    bounds = (np.array([0, 10]), np.array([0, 6]), np.array([0, 80]))
    return Case(machine, geometry, 2, 2, gradient, weights, needed, *bounds, np.zeros(1, np.int64))


@pytest.mark.parametrize(("dynamic", "compact"), SWITCHES)
def test_all_ones_masks_give_the_dense_count(dynamic, compact):
    for lanes, values, z, banks in ((4, 1, 4, 4), (4, 2, 3, 2), (16, 3, 64, 5), (1, 1, 1, 1)):
        machine = DualSparseMachine(3, lanes, values, z, compact, banks, dynamic, 2, 1)
        run = check(small_case(machine, 1.0, 1.0))
        fields = [len(entries) for _, entries in pixels_by_loop(ConvGeometry(10, 4, 5, 6, 3, 3, 1, 1, 1, 1), 2, 2)]
        runs = [range(first, min(first + lanes, 10)) for first in range(0, 10, lanes)]
        factor = sum(max(np.bincount([c % banks for c in one])) for one in runs) if compact else len(runs)
        dense = [Cost(0, ceil_div(10, z) + n * ceil_div(6, z), int(factor) * ceil_div(n * 6, values)) for n in fields]
        want = schedule(machine, [dense], np.zeros(1, np.int64))
        assert (run.total_cycles, run.parts.tolist()) == (want.total, want.parts)
        assert run.parts[STREAM] == sum(cost.compute for cost in dense)
        assert run.counts.multiplies == sum(fields) * 6 * 10


@pytest.mark.parametrize(("dynamic", "compact"), SWITCHES)
def test_a_zero_gradient_costs_scan_and_one_edge_per_pass(dynamic, compact):
    machine = DualSparseMachine(2, 4, 2, 4, compact, 4, dynamic, 3, 1)
    run = check(small_case(machine, 0.0, 0.5))
    # a bank conflict repeats the edge that writes zeros, as it would repeat any other
    assert run.parts[STREAM] == run.counts.passes + run.losses.bank_conflicts
    assert run.counts.passes > 0
    assert (run.losses.bank_conflicts > 0) == compact
    assert run.counts.multiplies == run.counts.value_reads == 0
    assert run.counts.written > 0
    assert not run.values.any()


@pytest.mark.parametrize("dynamic", [False, True])
def test_pixels_that_need_nothing_only_scan_their_output_mask(dynamic):
    for z in (1, 3, 10, 64):
        machine = DualSparseMachine(1, 4, 1, z, False, 1, dynamic, 3, 1)
        run = check(small_case(machine, 0.5, 0.0))
        assert run.total_cycles == 80 * ceil_div(10, z)
        assert run.parts.tolist() == [run.total_cycles, 0, 0, 0, 0, 0, 0, 0]
        assert run.counts.scanned_bits == 800
        assert run.counts.active_pixels == 0


def test_one_pixel_worked_by_hand():
    """Two mask words, one tap of two words, then 3 channels in two lanes and 3 values: 2 passes of 3."""
    pixels = PixelList(np.array([0]), np.array([0, 1]), np.array([0]), np.array([0]))
    machine = DualSparseMachine(1, 2, 1, 2, False, 1, False, 1, 1)
    gradient, needed = np.array([[5, 0, -1, 2]]), np.array([[1, 1, 1]], np.uint8)
    weights = np.arange(12).reshape(1, 4, 3)
    bounds = (np.array([0, 3]), np.array([0, 4]), np.array([0, 1]))
    run = run_dual_sparse(machine, gradient, weights, needed, pixels, *bounds, np.array([7]), 20)
    # edges 0..6 late, 7 8 output mask, 9 10 field, 11..16 issues, 17 18 multiply and result
    assert run.parts.tolist() == [4, 6, 0, 0, 0, 0, 2, 7]
    assert run.ends.tolist() == [[17, 19]]
    assert run.values.tolist() == (gradient @ weights[0]).tolist()
    assert (run.losses.lane_rounding, run.useful_lane_cycles) == (3, 9)
    late, out, taps, none = ScanCode.LATE, ScanCode.OUTPUT_MASK, ScanCode.FIELD_MASK, ScanCode.EMPTY
    assert run.trace[:, 0, 0].tolist() == [late] * 7 + [out, out, taps, taps] + [none] * 8
    assert run.trace[:, 0, 1].tolist() == [ComputeCode.IDLE] * 11 + [ComputeCode.ISSUE] * 6 + [ComputeCode.IDLE] * 2


@pytest.mark.parametrize(("dynamic", "compact"), SWITCHES)
def test_the_trace_shows_every_scan_and_issue(dynamic, compact):
    machine = DualSparseMachine(3, 4, 1, 2, compact, 2, dynamic, 4, 1)
    case = replace(small_case(machine, 0.4, 0.5), ready=np.array([5]))
    run, plain = case.run(10**5), case.run()
    assert run.trace.shape == (run.total_cycles, 3, 2)
    assert plain.trace.shape == (0, 3, 2)
    assert (plain.parts.tolist(), plain.counts) == (run.parts.tolist(), run.counts)
    scanner, compute = run.trace[:, :, 0], run.trace[:, :, 1]
    assert np.isin(scanner, (ScanCode.OUTPUT_MASK, ScanCode.FIELD_MASK)).sum() == run.counts.scan_edges
    assert (compute != ComputeCode.IDLE).sum() == run.parts[STREAM]
    assert (compute == ComputeCode.CONFLICT).sum() == run.losses.bank_conflicts
    assert (scanner == ScanCode.LATE).sum() == 15
    assert ((scanner == ScanCode.NO_GRANT).sum() > 0) == dynamic
    assert (scanner == ScanCode.NO_LIST).any()


def test_pixel_lists_equal_a_walk_over_the_forward_sum():
    rng = np.random.default_rng(2)
    for _ in range(150):
        geometry, samples, steps = random_geometry(rng), int(rng.integers(1, 4)), int(rng.integers(1, 4))
        got = pixel_list(geometry, samples * steps, steps)
        want = pixels_by_loop(geometry, samples, steps)
        assert got.pixels == len(want)
        assert got.rows.tolist() == [row for row, _ in want]
        assert np.diff(got.field_start).tolist() == [len(entries) for _, entries in want]
        assert got.field_row.tolist() == [row for _, entries in want for row, _ in entries]
        assert got.field_tap.tolist() == [tap for _, entries in want for _, tap in entries]


def test_slots_that_are_no_whole_samples_are_refused():
    with pytest.raises(ConfigError, match="5 slots are not whole samples of 2 time steps"):
        pixel_list(ConvGeometry(1, 1, 1, 1), 5, 2)


def test_a_machine_without_lanes_is_refused():
    with pytest.raises(ConfigError, match="lanes = 0"):
        DualSparseMachine(1, 0, 1, 1, False, 1, False, 1, 1)


def test_chunks_that_split_a_block_or_lack_a_ready_edge_are_refused():
    case = small_case(DualSparseMachine(3, 4, 1, 4, False, 1, False, 2, 1), 0.5, 0.5)
    with pytest.raises(ConfigError, match="whole blocks of 6"):
        replace(case, chunk_pixels=np.array([0, 10, 80]), ready=np.zeros(2, np.int64)).run()
    with pytest.raises(ConfigError, match="1 ready edges for 2 chunks"):
        replace(case, chunk_pixels=np.array([0, 12, 80])).run()
