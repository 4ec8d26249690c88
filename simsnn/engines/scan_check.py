"""Scan plan against its register-level reference: values, cycles, parts, counts, chunk ends.

As :mod:`simsnn.engines.vector_unit_check`, for operations with chained recurrences. Random machines and
operations cover the edges on purpose: one lane, lanes that are no power of two, one step, T below, at
and above the lanes, a last round of one step, one neuron, issues that neurons fill in part, one-slot blocks,
late chunks, narrow buffers, both directions of time. Used by ``simsnn validate`` and by the test suite.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import Action, CycleBreakdown, OperationCounts
from simsnn.engines.scan_network import network_lanes
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_check import CheckResult, Order, recurrent_operation
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_cut import most_pieces
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.kernels.scan import chained_values
from simsnn.reference import scan as registers
from simsnn.workload.operation import VectorOperation

MOST_CHAINED = 3


@dataclass(frozen=True, slots=True)
class ScanSwitches:
    """Order of the unit, direction of time, late operands, a narrow buffer."""

    order: Order
    reverse: bool
    waits: bool
    slow: bool

    @property
    def name(self) -> str:
        """``t_inner reverse late operands``."""
        flags = (("reverse", self.reverse), ("late operands", self.waits), ("narrow buffer", self.slow))
        return " ".join([self.order, *(name for name, on in flags if on)])


_ORDERS: tuple[Order, ...] = ("t_outer", "t_inner")
_FLAGS = (False, True)
SCANS: tuple[ScanSwitches, ...] = tuple(
    ScanSwitches(order, reverse, waits, slow)
    for order, reverse, waits, slow in product(_ORDERS, _FLAGS, _FLAGS, _FLAGS)
)
"""Every setting, in a fixed order."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanCase:
    """A plan with the ready times of its chunks, inputs (T, N) int64, coefficients (q,) int64, a slow buffer's rho."""

    plan: VectorPlan
    ready: tuple[int, ...]
    inputs: NDArray[np.int64]
    coefficients: NDArray[np.int64]
    slowdown: int = 1


def scan_operation(
    batch: int, neurons: int, steps: int, counts: OperationCounts, chained: int, *, reverse: bool = False
) -> VectorOperation:
    """Chained recurrences of ``batch`` samples; one carry of 16 bits for each of them."""
    base = recurrent_operation(batch, neurons, steps, 0, reverse=reverse)
    return VectorOperation(
        layer=base.layer,
        pass_=base.pass_,
        part=base.part,
        elements=base.elements,
        steps=steps,
        counts=counts,
        bits=base.bits,
        reads=base.reads,
        writes=base.writes,
        state_bits=16 * chained,
        reverse=reverse,
        slots=base.slots,
        timesteps=steps,
        scan=chained,
    )


def draw_scan_case(rng: np.random.Generator, switches: ScanSwitches) -> ScanCase:
    """Random small machine and operation; every third has one edge value forced."""
    lanes, block = int(rng.integers(1, 20)), int(rng.integers(1, 7))
    pipeline, per_cycle = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    batch, neurons = int(rng.integers(1, 5)), int(rng.integers(1, 14))
    steps, chained = int(rng.integers(1, 40)), int(rng.integers(1, MOST_CHAINED + 1))
    forced = int(rng.integers(0, 18))
    wide = network_lanes(lanes)
    if forced < 4:
        steps = (1, wide, wide + 1, 3 * wide)[forced]
    elif forced == 4:
        lanes = 1
    elif forced == 5:
        batch, neurons = 1, 1
    config = VectorUnitConfig(
        name="vector0",
        lanes=lanes,
        ops_per_cycle=per_cycle,
        pipeline_cycles=pipeline,
        order=switches.order,
        block_slots=block,
        scan=True,
        scan_networks=MOST_CHAINED,
    )
    counts = OperationCounts(add=int(rng.integers(0, 9)))
    operation = scan_operation(batch, neurons, steps, counts, chained, reverse=switches.reverse)
    blocks = int(rng.integers(1, batch + 1)) if steps > 1 else int(rng.integers(1, operation.slots + 1))
    pieces = 1
    if blocks == (batch if steps > 1 else operation.slots):
        pieces = int(rng.integers(1, most_pieces(config, operation) + 1))
    plan = VectorUnit(config).plan(operation, blocks, pieces)
    gaps = rng.integers(0, 40, plan.chunk_count) * int(switches.waits)
    inputs = rng.integers(-(2**62), 2**62, (steps, operation.elements), dtype=np.int64)
    coefficients = rng.integers(-(2**62), 2**62, chained, dtype=np.int64)
    ready = tuple(int(edge) for edge in np.cumsum(gaps))
    return ScanCase(plan, ready, inputs, coefficients, int(rng.integers(2, 5)) if switches.slow else 1)


def compare_scan(case: ScanCase) -> int:
    """Largest absolute difference between plan and reference over everything compared; 0 when equal."""
    plan, operation = case.plan, case.plan.operation
    resident = np.array([plan.resident_slots(c) for c in range(plan.chunk_count)], dtype=np.int64)
    outputs, carries, parts, ends, counts, tag = registers.run_scan(
        case.inputs,
        case.coefficients,
        np.array(plan.chunk_elements, dtype=np.int64),
        resident,
        np.array(case.ready, dtype=np.int64),
        network_lanes(plan.config.lanes),
        plan.interval,
        plan.config.pipeline_cycles,
        case.slowdown,
        operation.reverse,
    )
    want, last = chained_values(case.inputs, case.coefficients, operation.reverse)
    fast_ends, fast_parts = _advance_all(case)
    # while a later chunk issues, its freezes also hold back the results of the one before
    last_only = slice(-1 if case.slowdown > 1 else 0, None)
    differences = [
        int(np.count_nonzero(outputs != want)),
        int(np.count_nonzero(carries != last)),
        int(np.abs(tag - plan.rounds).max()),
        int(np.abs(ends[0] - fast_ends[:, 0]).max()),
        int(np.abs(ends[1] - fast_ends[:, 1])[last_only].max()),
        abs(int(ends[1, -1]) - fast_parts.total),
        *_parts_differences(parts, fast_parts),
        *_count_differences(plan, counts),
    ]
    return max(differences)


def _advance_all(case: ScanCase) -> tuple[NDArray[np.int64], CycleBreakdown]:
    """Ends of all chunks and parts; a slow buffer adds rho - 1 edges per issue, booked as stall."""
    plan, state, frozen, ends = case.plan, case.plan.start(), 0, []
    for chunk in range(plan.chunk_count):
        issue_end, result_end = plan.advance(state, chunk, max(0, case.ready[chunk] - frozen))
        frozen += (case.slowdown - 1) * plan.issues(chunk)
        ends.append((issue_end + frozen, result_end + frozen))
    return np.array(ends, dtype=np.int64), plan.parts(state) + CycleBreakdown(stall=frozen)


def _parts_differences(parts: NDArray[np.int64], fast: CycleBreakdown) -> list[int]:
    expected = (
        (registers.STREAM, fast.stream),
        (registers.RELOAD, fast.reload),
        (registers.STALL, fast.stall),
        (registers.DRAIN, fast.drain),
    )
    unknown = fast.accounted - sum(value for _, value in expected)
    return [abs(unknown), *(abs(int(parts[row]) - value) for row, value in expected)]


def _count_differences(plan: VectorPlan, counts: NDArray[np.int64]) -> list[int]:
    actions, done = plan.actions(), int(counts[registers.DONE])
    added = int(counts[registers.ADDITIONS])
    if plan.config.order == "t_inner":
        reads, writes = (actions.get("lane_state", a) for a in (Action.REGISTER_READ, Action.REGISTER_WRITE))
    else:
        access = plan.state_access
        reads, writes = (access.read_elements, access.written_elements) if access else (0, 0)
    found = (
        actions.get("lane", Action.ADD) - done * plan.operation.counts.add,
        actions.get("lane", Action.REGISTER_WRITE) - int(counts[registers.LANE_WRITES]),
        actions.get("scan", Action.ADD) - added,
        actions.get("scan", Action.MULTIPLY) - added,
        reads - int(counts[registers.CARRIES_READ]),
        writes - int(counts[registers.CARRIES_WRITTEN]),
    )
    return [abs(value) for value in found]


def check_scan(switches: ScanSwitches, cases: int, seed: int = 0) -> CheckResult:
    """Compare plan and reference on random cases of one setting; exact equality is expected."""
    rng = np.random.default_rng([seed, SCANS.index(switches)])
    errors = [compare_scan(draw_scan_case(rng, switches)) for _ in range(cases)]
    return CheckResult(cases, sum(error > 0 for error in errors), max(errors, default=0))
