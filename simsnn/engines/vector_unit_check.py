"""Vector unit plan against its register-level reference: values, cycles, parts, counts, chunk ends.

Random machines and operations cover the edges on purpose: one element, fewer elements than
lanes, one-slot blocks, latency equal to interval, one step, more chunks than fill the pipeline,
random ready times. Used by ``simsnn validate`` (many cases) and by the test suite (fewer).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import Action, CycleBreakdown, OperandClass, OperationCounts
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_plan import VectorPlan, most_pieces
from simsnn.kernels.vector_unit import integer_leaky_values
from simsnn.reference.vector_unit import DRAIN, RELOAD, STALL, STREAM, run_vector_unit
from simsnn.workload.operation import Operand, Pass, TaskPart, VectorOperation

Order = Literal["t_outer", "t_inner"]
THRESHOLD = 24


@dataclass(frozen=True, slots=True)
class Case:
    """A plan with the ready times of its chunks, its input currents (T, N) int64, and a slow buffer's rho."""

    plan: VectorPlan
    ready: tuple[int, ...]
    currents: NDArray[np.int64]
    slowdown: int = 1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a comparison; ``max_error`` is the largest difference of any integer compared."""

    cases: int
    mismatches: int
    max_error: int


def draw_case(rng: np.random.Generator, order: Order, *, reverse: bool, waits: bool, slow: bool) -> Case:
    """Random small machine and operation; every fourth has one edge value forced."""
    lanes, block = int(rng.integers(1, 9)), int(rng.integers(1, 7))
    pipeline, per_cycle = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    batch, steps = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    neurons, arithmetic = int(rng.integers(1, 20)), int(rng.integers(0, 9))
    forced = int(rng.integers(0, 20))
    if forced == 0:
        batch, neurons = 1, 1
    elif forced == 1:
        batch, lanes, neurons = 1, 8, int(rng.integers(1, 8))
    elif forced == 2:
        block = 1
    elif forced == 3:
        pipeline = 1
    elif forced == 4:
        steps = 1
    config = VectorUnitConfig(
        name="vector0", lanes=lanes, ops_per_cycle=per_cycle, pipeline_cycles=pipeline, order=order, block_slots=block
    )
    operation = recurrent_operation(batch, neurons, steps, arithmetic, reverse=reverse)
    operation = replace(operation, chains=1 + forced % 2)
    blocks = int(rng.integers(1, batch + 1))
    pieces = int(rng.integers(1, most_pieces(config, operation) + 1)) if blocks == batch else 1
    plan = VectorUnit(config).plan(operation, blocks, pieces)
    gaps = rng.integers(0, 40, plan.chunk_count) * int(waits)
    ready = tuple(int(edge) for edge in np.cumsum(gaps))
    currents = rng.integers(-8, 24, (steps, operation.elements), dtype=np.int64)
    return Case(plan, ready, currents, int(rng.integers(2, 5)) if slow else 1)


def recurrent_operation(batch: int, neurons: int, steps: int, arithmetic: int, *, reverse: bool) -> VectorOperation:
    """Neuron recurrence of ``batch`` samples with ``arithmetic`` adds per element and step."""
    slots, total = batch * steps, batch * neurons * steps
    current = Operand("layer.current", OperandClass.CURRENTS, total, 16, slots=slots)
    spikes = Operand("layer.spikes", OperandClass.SPIKES, total, 1, binary=True, slots=slots)
    return VectorOperation(
        layer="layer",
        pass_=Pass.B if reverse else Pass.F,
        part=TaskPart.NEURON,
        elements=batch * neurons,
        steps=steps,
        counts=OperationCounts(add=arithmetic),
        bits=16,
        reads=(current,),
        writes=(spikes,),
        state_bits=16,
        reverse=reverse,
        slots=slots,
        timesteps=steps,
    )


def compare_case(case: Case) -> int:
    """Largest absolute difference between plan and reference over everything compared; 0 when equal."""
    plan, operation = case.plan, case.plan.operation
    resident = np.array([plan.resident_slots(c) for c in range(plan.chunk_count)], dtype=np.int64)
    spikes, state, parts, ends, counts, tag = run_vector_unit(
        case.currents,
        np.array(plan.chunk_elements, dtype=np.int64),
        resident,
        np.array(case.ready, dtype=np.int64),
        plan.config.lanes,
        plan.interval,
        plan.latency - plan.interval + 1,  # a pair node runs through the pipeline once per half
        case.slowdown,
        THRESHOLD,
        operation.reverse,
    )
    want_spikes, want_state = integer_leaky_values(case.currents, THRESHOLD, operation.reverse)
    fast_ends, fast_parts = _advance_all(case)
    # while a later chunk issues, its freezes also hold back the results of the one before
    last_only = slice(-1 if case.slowdown > 1 else 0, None)
    differences = [
        int(np.abs(spikes - want_spikes).max()),
        int(np.abs(state - want_state).max()),
        int(np.abs(tag - operation.steps).max()),
        int(np.abs(ends[0] - fast_ends[:, 0]).max()),
        int(np.abs(ends[1] - fast_ends[:, 1])[last_only].max()),
        _parts_difference(parts, fast_parts),
        abs(int(ends[1, -1]) - fast_parts.total),
        *_count_differences(plan, counts),
    ]
    return max(differences)


def _advance_all(case: Case) -> tuple[NDArray[np.int64], CycleBreakdown]:
    """Ends of all chunks and parts; a slow buffer adds rho - 1 edges per issue, booked as stall."""
    plan, state, frozen, ends = case.plan, case.plan.start(), 0, []
    for chunk in range(plan.chunk_count):
        issue_end, result_end = plan.advance(state, chunk, max(0, case.ready[chunk] - frozen))
        frozen += (case.slowdown - 1) * plan.issues(chunk)
        ends.append((issue_end + frozen, result_end + frozen))
    return np.array(ends, dtype=np.int64), plan.parts(state) + CycleBreakdown(stall=frozen)


def _parts_difference(parts: NDArray[np.int64], fast: CycleBreakdown) -> int:
    expected = {STREAM: fast.stream, RELOAD: fast.reload, STALL: fast.stall, DRAIN: fast.drain}
    unknown = fast.accounted - sum(expected.values())
    return max(abs(unknown), *(abs(int(parts[row]) - value) for row, value in expected.items()))


def _count_differences(plan: VectorPlan, counts: NDArray[np.int64]) -> tuple[int, ...]:
    actions, done = plan.actions(), int(counts[0])
    adds = actions.get("lane", Action.ADD) - done * plan.operation.counts.add
    registers = actions.get("lane", Action.REGISTER_WRITE) - int(counts[1])
    if plan.config.order == "t_inner":
        reads, writes = (actions.get("lane_state", a) for a in (Action.REGISTER_READ, Action.REGISTER_WRITE))
    else:
        access = plan.state_access
        reads, writes = (access.read_elements, access.written_elements) if access else (0, 0)
    return (abs(adds), abs(registers), abs(reads - int(counts[2])), abs(writes - int(counts[3])))


def check_vector_unit(
    cases: int,
    seed: int = 0,
    *,
    order: Order = "t_inner",
    reverse: bool = False,
    waits: bool = False,
    slow: bool = False,
) -> CheckResult:
    """Compare plan and reference on random cases of one switch setting.

    Parameters
    ----------
    cases : int
        Number of random cases.
    seed : int
        Seed of the draws.
    order : "t_outer" or "t_inner"
        Order of the unit.
    reverse : bool
        Time runs backwards.
    waits : bool
        Chunks become ready at random edges, else all at edge 0.
    slow : bool
        A buffer is too narrow by a random factor of 2 to 4.
    """
    rng = np.random.default_rng(seed)
    errors = [compare_case(draw_case(rng, order, reverse=reverse, waits=waits, slow=slow)) for _ in range(cases)]
    return CheckResult(cases, sum(error > 0 for error in errors), max(errors, default=0))
