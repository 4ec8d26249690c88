"""Dual-sparsity plan against the register-level engine: values, cycles, parts, counts, losses, chunk ends.

``COMBINATIONS`` names every combination of switches; ``check_dual_sparse`` draws random small engines,
layers, weight capacities (so that slices of both kinds occur), masks from empty to full, chunks and
ready times for one of them. Used by ``simsnn validate`` (many cases) and by the test suite (fewer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import Action, Observed, OperandClass
from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.dual_sparse_config import Balance, DualSparseConfig, LaneMap, MaskUse
from simsnn.engines.dual_sparse_plan import DualSparsePlan
from simsnn.engines.dual_sparse_tiles import Cut
from simsnn.reference.dual_sparse import DualSparseMachine, DualSparseRun, run_dual_sparse
from simsnn.workload.dual_sparse_pixels import pixel_list
from simsnn.workload.operation import ConvGeometry, GemmOperation, Operand, Pass, Sparsity
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

Ints = NDArray[np.int64]
Mask = NDArray[np.uint8]
PARTS = ("fill", "stream", "build", "reload", "scan", "imbalance", "drain", "stall")


@dataclass(frozen=True, slots=True)
class Switches:
    """One combination of the switches that the registers know, and whether chunks come late."""

    balance: Balance
    lane_map: LaneMap
    sparsity: MaskUse
    late: bool

    @property
    def name(self) -> str:
        """``static modulo dual``, ``dynamic compact input late operands``."""
        words = f"{self.balance.value} {self.lane_map.value} {self.sparsity.value}"
        return f"{words} late operands" if self.late else words


COMBINATIONS: tuple[Switches, ...] = tuple(
    Switches(balance, lane_map, sparsity, late)
    for balance, lane_map, sparsity, late in product(Balance, LaneMap, MaskUse, (False, True))
)
"""Every combination, in a fixed order."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A plan with its ready times and operands.

    ``gradient`` int64 (slots * output pixels, Co), ``weights`` int64 (taps, Co, Ci) and ``needed`` uint8
    (slots * input pixels, Ci) are what the machine meets: masks that it does not use are all ones.
    """

    plan: DualSparsePlan
    ready: tuple[int, ...]
    gradient: Ints
    weights: Ints
    needed: Mask


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a comparison; ``max_error`` is the largest difference of any integer compared."""

    cases: int
    mismatches: int
    max_error: int


def draw_geometry(rng: np.random.Generator) -> ConvGeometry:
    """Random small layer; every fifth is linear."""
    channels = (int(rng.integers(1, 12)), int(rng.integers(1, 9)))
    if rng.random() < 0.2:
        return ConvGeometry(channels[0], 1, 1, channels[1])
    kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    padding, dilation = int(rng.integers(0, 3)), int(rng.integers(1, 3))
    least = [max(1, dilation * (int(k) - 1) + 1 - 2 * padding) for k in kernel]
    size = [low + int(rng.integers(0, 4)) for low in least]
    steps = (int(stride[0]), int(stride[1]), padding, padding, dilation, dilation)
    return ConvGeometry(channels[0], size[0], size[1], channels[1], int(kernel[0]), int(kernel[1]), *steps)


def draw_config(rng: np.random.Generator, switches: Switches, geometry: ConvGeometry) -> DualSparseConfig:
    """Random small engine whose weights hold anything from one channel per lane to the whole layer."""
    lanes = int(rng.integers(1, 6))
    least = geometry.taps * lanes
    most = geometry.taps * geometry.out_channels * (geometry.in_channels + lanes)
    return DualSparseConfig(
        name="backward",
        groups=int(rng.integers(1, 6)),
        lanes=lanes,
        values_per_cycle=int(rng.integers(1, 4)),
        scan_bits=int(rng.integers(1, 9)),
        lane_map=switches.lane_map,
        banks=int(rng.integers(1, lanes + 1)),
        balance=switches.balance,
        barrier_pixels=int(rng.integers(1, 5)),
        grants_per_cycle=int(rng.integers(1, 4)),
        weight_words=int(rng.integers(least, max(least, most) + 1)),
        sparsity=switches.sparsity,
        acc_width="48 bit",  # type: ignore[arg-type]
    )


def backward_operation(geometry: ConvGeometry, batch: int, timesteps: int) -> GemmOperation:
    """Pass B of one layer with both masks."""
    slots = batch * timesteps
    outputs, inputs = geometry.out_pixels * geometry.out_channels, geometry.in_pixels * geometry.in_channels
    left = Operand("layer.dcurrent", OperandClass.GRADIENTS, slots * outputs, 16, slots=slots)
    right = Operand("layer.weights", OperandClass.WEIGHTS, geometry.weights, 16)
    output = Operand("layer.dinput", OperandClass.GRADIENTS, slots * inputs, 16, slots=slots)
    gradient = Operand("layer.dcurrent.mask", OperandClass.MASKS, slots * outputs, 1, binary=True, slots=slots)
    needed = Operand("below.spikes.needed", OperandClass.MASKS, slots * inputs, 1, binary=True, slots=slots)
    zeros = Sparsity(gradient, needed, "below.spikes")
    operands = (left, right, output, timesteps)
    return GemmOperation("layer", Pass.B, slots, geometry, None, *operands, sparsity=zeros, masks=(gradient, needed))


def draw_cut(rng: np.random.Generator, config: DualSparseConfig, total: int) -> Cut:
    """Random runs of whole blocks."""
    unit = config.block_pixels
    inner = range(unit, total, unit)
    chosen: list[int] = []
    if inner:
        chosen = rng.choice(inner, int(rng.integers(0, min(len(inner), 5) + 1)), replace=False).tolist()
    return Cut((0, *sorted(chosen), total), by_sample=bool(rng.random() < 0.5))


def _tensor(rows: NDArray[np.generic], batch: int, steps: int, h: int, w: int) -> SpikeTensor:
    """Rows (slot, y, x) x channels, slot b * T + t, as a packed (T, B, C, H, W) tensor."""
    shaped = rows.reshape(batch, steps, h, w, -1).transpose(1, 0, 4, 2, 3)
    return SpikeTensor.from_dense(np.ascontiguousarray(shaped).astype(np.uint8))


def draw_case(rng: np.random.Generator, switches: Switches) -> Case:
    """Random engine, layer, masks, operands, chunks and ready times."""
    geometry, (batch, steps) = draw_geometry(rng), (int(n) for n in rng.integers(1, 4, 2))
    operation = backward_operation(geometry, batch, steps)
    config, slots = draw_config(rng, switches, geometry), batch * steps
    nonzero, needed = (
        (rng.random((slots * pixels, channels)) < rng.choice([0.0, 0.1, 0.4, 0.8, 1.0])).astype(np.uint8)
        for pixels, channels in (
            (geometry.out_pixels, geometry.out_channels),
            (geometry.in_pixels, geometry.in_channels),
        )
    )
    if rng.random() < 0.3:  # whole pixels without a zero or without anything else
        needed[rng.random(len(needed)) < 0.5] = int(rng.integers(0, 2))
    cut = draw_cut(rng, config, slots * geometry.in_pixels)
    activity = ProductActivity(
        geometry,
        _tensor(needed, batch, steps, geometry.in_h, geometry.in_w),
        _tensor(nonzero, batch, steps, geometry.out_h, geometry.out_w),
        _tensor(needed, batch, steps, geometry.in_h, geometry.in_w),
    )
    plan = DualSparseEngine(config).plan(operation, cut).with_activity(activity)
    met = nonzero if switches.sparsity.input else np.ones_like(nonzero)
    gradient = rng.integers(1, 128, nonzero.shape) * rng.choice([-1, 1], nonzero.shape) * met
    weights = rng.integers(-128, 128, (geometry.taps, geometry.out_channels, geometry.in_channels))
    used = needed if switches.sparsity.output else np.ones_like(needed)
    ready = np.zeros(plan.chunk_count, np.int64)
    if switches.late:
        ready = np.cumsum(rng.integers(0, int(rng.choice([4, 40, 200])), plan.chunk_count))
        ready *= rng.random(plan.chunk_count) < 0.7
    return Case(plan, tuple(int(edge) for edge in ready), gradient, weights, used)


def machine_of(config: DualSparseConfig) -> DualSparseMachine:
    """The register-level engine of a configuration."""
    return DualSparseMachine(
        groups=config.groups,
        lanes=config.lanes,
        values_per_cycle=config.values_per_cycle,
        scan_bits=config.scan_bits,
        compact=config.compact,
        banks=config.bank_count,
        dynamic=config.dynamic,
        barrier_pixels=config.barrier_pixels,
        grants_per_cycle=config.grants_per_cycle,
    )


def run_registers(case: Case) -> DualSparseRun:
    """Step the register-level engine through a case."""
    plan, slices = case.plan, case.plan.pixel_work.slices
    operation = plan.operation
    return run_dual_sparse(
        machine_of(plan.config),
        case.gradient,
        case.weights,
        case.needed,
        pixel_list(plan.geometry, operation.slots, operation.timesteps),
        np.array([0, *(high for _, high in slices.c)]),
        np.array([0, *(high for _, high in slices.co)]),
        np.array(plan.cut.bounds),
        np.array(case.ready, np.int64),
    )


def masked_gradient(case: Case) -> Ints:
    """Dense input gradient where it is needed, by the sum of the forward pass read backwards."""
    g, slots = case.plan.geometry, case.plan.operation.slots
    values = np.zeros((slots, g.in_h, g.in_w, g.in_channels), np.int64)
    gradient = case.gradient.reshape(slots, g.out_h, g.out_w, g.out_channels)
    for y, x, ky, kx in product(range(g.out_h), range(g.out_w), range(g.kernel_h), range(g.kernel_w)):
        i, j = y * g.stride_h + g.dilation_h * ky - g.padding_h, x * g.stride_w + g.dilation_w * kx - g.padding_w
        if 0 <= i < g.in_h and 0 <= j < g.in_w:
            values[:, i, j] += gradient[:, y, x] @ case.weights[ky * g.kernel_w + kx]
    return values.reshape(-1, g.in_channels) * case.needed


def differences(case: Case, run: DualSparseRun) -> list[int]:
    """Every difference between registers, plan and the dense masked gradient; all zero when they agree."""
    plan, state, ends = case.plan, case.plan.start(), np.zeros((case.plan.chunk_count, 2), np.int64)
    for chunk, ready in enumerate(case.ready):
        ends[chunk] = plan.advance(state, chunk, ready)
        accounted = plan.parts(state).accounted
        if accounted != ends[chunk, 1] * plan.config.groups:
            return [int(accounted - ends[chunk, 1] * plan.config.groups)]
    parts, losses = plan.parts(state), plan.losses(state)
    found = [int(np.abs(run.values - masked_gradient(case)).max(initial=0)), int(np.abs(run.ends - ends).max())]
    found += [getattr(parts, name) - int(run.parts[index]) for index, name in enumerate(PARTS)]
    found += [parts.total - run.total_cycles, int(ends[-1, 1]) - run.total_cycles]
    found += [losses[0] - run.losses.exposed_scan, losses[1] - run.losses.imbalance]
    found += _count_differences(plan, run)
    if not any(case.ready):
        cost = plan.cost()
        found += [cost.cycles.total - run.total_cycles, cost.observed(Observed.OPERATIONS) - run.counts.multiplies]
    return [abs(value) for value in found]


def _count_differences(plan: DualSparsePlan, run: DualSparseRun) -> list[int]:
    total, counts, actions = plan.totals, run.counts, plan.cost().actions
    groups = plan.config.groups
    stream = sum(plan.issues(chunk) for chunk in range(plan.chunk_count)) * groups
    return [
        total.multiplies - counts.multiplies,
        actions.get("lane", Action.MULTIPLY) - counts.multiplies,
        actions.get("bank", Action.BANK_READ) - counts.weight_reads,
        total.value_reads - counts.value_reads,
        total.scanned_bits - counts.scanned_bits,
        total.scan_edges - counts.scan_edges,
        total.passes - counts.passes,
        total.written - counts.written,
        total.partial_reads - counts.partial_reads,
        total.partial_writes - counts.partial_writes,
        total.active_pixels - counts.active_pixels,
        total.pixels - counts.pixels,
        total.lane_rounding - run.losses.lane_rounding,
        total.bank_conflicts - run.losses.bank_conflicts,
        total.useful_lane_cycles - run.useful_lane_cycles,
        min(0, stream - total.issues),
        max(0, stream - total.issues - plan.chunk_count * groups),
    ]


def dual_sparse_cases(switches: Switches, cases: int, seed: int) -> Iterator[Case]:
    """``cases`` random cases of one combination of switches."""
    rng = np.random.default_rng([seed, COMBINATIONS.index(switches)])
    for _ in range(cases):
        yield draw_case(rng, switches)


def check_dual_sparse(switches: Switches, cases: int, seed: int = 0) -> CheckResult:
    """Compare ``cases`` random runs of one combination; exact equality is expected.

    Returns
    -------
    CheckResult
        Number of cases, of cases that differ anywhere, and the largest difference.
    """
    mismatches, worst = 0, 0
    for case in dual_sparse_cases(switches, cases, seed):
        error = max(differences(case, run_registers(case)))
        mismatches += error > 0
        worst = max(worst, error)
    return CheckResult(cases, mismatches, worst)
