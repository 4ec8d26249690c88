"""Systolic plan against its register-level reference: values, cycles, parts, counts, chunk ends.

``COMBINATIONS`` names every combination of switches; ``check_systolic`` draws random small
arrays, products (bare, and lowered convolutions with groups and phases), blockings and ready
times for one of them. Edge shapes (one, primes, smaller and larger than the array) are drawn on
purpose. Used by ``simsnn validate`` (many cases) and by the test suite (fewer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_config import (
    Buffering,
    Drain,
    DrainEnable,
    FoldOrder,
    PartialFolds,
    PartialSums,
    ProcessingElement,
    SystolicConfig,
    WeightLoad,
)
from simsnn.engines.systolic_counts import RegisterCounts, register_counts
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.systolic_reference import OperandPair, run_plan
from simsnn.reference import systolic_registers as registers
from simsnn.reference.systolic import SystolicRun
from simsnn.workload.operation import ConvGeometry, Gemm, GemmOperation, Operand, Pass


@dataclass(frozen=True, slots=True)
class Switches:
    """One combination of the switches that the registers know."""

    dataflow: Dataflow
    partial_folds: PartialFolds
    buffering: Buffering = Buffering.DOUBLE
    weight_load: WeightLoad = WeightLoad.ROW_ADDRESSED
    fold_order: FoldOrder = FoldOrder.K_INNER
    psum: PartialSums = PartialSums.ACCUMULATE
    drain: Drain = Drain.SERIAL
    drain_enable: DrainEnable = DrainEnable.GLOBAL

    @property
    def name(self) -> str:
        """``ws trimmed double row_addressed k_inner accumulate``, ``os full overlapped skewed``."""
        words = [self.dataflow.value, self.partial_folds.value]
        if self.dataflow is Dataflow.OS:
            words.append(self.drain.value)
            return " ".join([*words, self.drain_enable.value] if self.drain is Drain.OVERLAPPED else words)
        words += [self.buffering.value, self.weight_load.value, self.fold_order.value, self.psum.value]
        return " ".join(words)


def _combinations() -> Iterator[Switches]:
    for flow in (Dataflow.WS, Dataflow.IS):
        for partial in PartialFolds:
            for buffering in Buffering:
                for load in WeightLoad:
                    for order in FoldOrder:
                        for psum in PartialSums:
                            yield Switches(flow, partial, buffering, load, order, psum)
    for partial in PartialFolds:
        yield Switches(Dataflow.OS, partial)
        for enable in DrainEnable:
            yield Switches(Dataflow.OS, partial, drain=Drain.OVERLAPPED, drain_enable=enable)


COMBINATIONS: tuple[Switches, ...] = tuple(_combinations())
"""Every combination, in a fixed order."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A plan with the ready times of its chunks and the operands of its products."""

    plan: SystolicPlan
    ready: tuple[int, ...]
    operands: tuple[OperandPair, ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a comparison; ``max_error`` is the largest difference of any integer compared."""

    cases: int
    mismatches: int
    max_error: int


def draw_config(rng: np.random.Generator, switches: Switches, widest: int) -> SystolicConfig:
    """Random small array with the given switches; ``widest`` bounds the column folds in flight."""
    rows, columns = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    return SystolicConfig(
        name="array",
        rows=rows,
        columns=columns,
        pe=ProcessingElement.MAC if rng.random() < 0.5 else ProcessingElement.GATED_ADD,
        partial_folds=switches.partial_folds,
        stationary_buffering=switches.buffering,
        weight_load=switches.weight_load,
        drain=switches.drain,
        drain_enable=switches.drain_enable,
        fold_order=switches.fold_order,
        psum=switches.psum,
        acc_rows=-(-widest // columns) * int(rng.integers(1, 14)),
        acc_width=f"{int(rng.choice([24, 32, 48]))} bit",  # type: ignore[arg-type]
    )


def _dimension(rng: np.random.Generator) -> int:
    """1, a prime, or anything up to 18."""
    kind = int(rng.integers(0, 4))
    return 1 if kind == 0 else int(rng.choice([2, 3, 5, 7, 11, 13])) if kind == 1 else int(rng.integers(1, 19))


def draw_geometry(rng: np.random.Generator) -> ConvGeometry:
    """Random small convolution whose output exists, with groups, stride, dilation and padding."""
    groups = int(rng.integers(1, 4))
    kernel, dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 3))
    padding = int(rng.integers(0, 2))
    least = [max(1, dilation * (k - 1) + 1 - 2 * padding) for k in kernel]
    return ConvGeometry(
        in_channels=groups * int(rng.integers(1, 4)),
        in_h=least[0] + int(rng.integers(0, 3)),
        in_w=least[1] + int(rng.integers(0, 3)),
        out_channels=groups * int(rng.integers(1, 6)),
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=int(rng.integers(1, 3)),
        stride_w=int(rng.integers(1, 3)),
        padding_h=padding,
        padding_w=padding,
        dilation_h=dilation,
        dilation_w=dilation,
        groups=groups,
    )


def draw_operation(rng: np.random.Generator, pass_: Pass | None) -> GemmOperation:
    """A bare product (``pass_`` None) or a convolution in one pass."""
    slots = 1 if pass_ is None else int(rng.integers(1, 5))
    geometry = None if pass_ is None else draw_geometry(rng)
    gemm = Gemm(_dimension(rng), _dimension(rng), _dimension(rng)) if pass_ is None else None
    binary = pass_ is not Pass.B
    left = Operand("left", OperandClass.SPIKES, slots * 8, 1 if binary else 8, binary, slots)
    right = Operand("right", OperandClass.WEIGHTS, 8, 8)
    output = Operand("out", OperandClass.CURRENTS, slots * 8, 32, slots=slots)
    return GemmOperation("layer", pass_ or Pass.F, slots, geometry, gemm, left, right, output)


def draw_blocking(rng: np.random.Generator, operation: GemmOperation) -> Blocking:
    """Random blocking that the operation allows; every third is the whole operation."""
    if rng.random() < 0.33:
        return Blocking()
    slots = int(rng.integers(1, operation.slots + 1))
    return Blocking(slots, *(int(rng.integers(low, high)) for low, high in ((1, 4), (0, 3), (0, 3), (1, 4))))


def draw_operands(rng: np.random.Generator, plan: SystolicPlan) -> tuple[OperandPair, ...]:
    """Integers of the operands' kinds: spikes are 0 or 1, the rest signed bytes."""
    pairs = []
    for gemm in plan.gemms:
        left = rng.integers(-128, 128, (gemm.m, gemm.k))
        if plan.operation.left.binary:
            left = (rng.random((gemm.m, gemm.k)) < rng.choice([0.0, 0.2, 1.0])).astype(np.int64)
        pairs.append((left, rng.integers(-128, 128, (gemm.k, gemm.n))))
    return tuple(pairs)


def draw_case(rng: np.random.Generator, switches: Switches) -> Case:
    """Random machine, operation, blocking, operands and ready times."""
    pass_ = (None, None, Pass.F, Pass.B, Pass.W)[int(rng.integers(0, 5))]
    config = draw_config(rng, switches, widest=64)
    operation = draw_operation(rng, pass_)
    while not SystolicEngine(config).gemms(operation):  # no tap reaches any input pixel
        operation = draw_operation(rng, pass_)
    if operation.multiplies:
        config = config.model_copy(update={"pe": ProcessingElement.MAC})
    config = config.model_copy(update={"acc_rows": _enough_rows(config, operation, switches)})
    plan = SystolicEngine(config).plan(operation, switches.dataflow, draw_blocking(rng, operation))
    ready = np.zeros(plan.chunk_count, np.int64)
    if rng.random() < 0.6:
        late = rng.random(plan.chunk_count) < 0.5
        ready = np.cumsum(rng.integers(0, 40, plan.chunk_count)) * late
    operands = draw_operands(rng, plan)
    nonzeros = sum(int(np.count_nonzero(left)) for left, _ in operands)
    return Case(plan.with_nonzeros(nonzeros), tuple(ready.tolist()), operands)


def _enough_rows(config: SystolicConfig, operation: GemmOperation, switches: Switches) -> int:
    """Random accumulator size, large enough for one streamed row of every column fold in flight."""
    if switches.fold_order is FoldOrder.K_INNER:
        return config.acc_rows
    width = max(max(gemm.n, gemm.m) for gemm in SystolicEngine(config).gemms(operation))
    return max(config.acc_rows, width)


def systolic_cases(switches: Switches, cases: int, seed: int) -> Iterator[Case]:
    """``cases`` random cases of one combination of switches."""
    rng = np.random.default_rng([seed, COMBINATIONS.index(switches)])
    for _ in range(cases):
        yield draw_case(rng, switches)


def expected_output(case: Case, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """NumPy's product, or its partial products over the K blocks of an ``os`` plan."""
    left, right = case.operands[index]
    plan = case.plan
    if not plan.partial_outputs:
        return left @ right
    bounds = plan.grids[index % len(plan.period)].stream.bounds
    return np.stack([left[:, a:b] @ right[a:b] for a, b in pairwise(bounds)])


def differences(case: Case, run: SystolicRun) -> list[int]:
    """Every difference between the registers, the plan and NumPy; all zero when they agree."""
    plan, tally = case.plan, run.tally
    found = [int(np.abs(out - expected_output(case, i)).max(initial=0)) for i, out in enumerate(run.outputs)]
    found.append(run.collisions)
    state, ends = plan.advance_all(np.array(case.ready, np.int64))
    parts = plan.parts(state)
    found += [int(ends[-1, 1]) - run.cycles, parts.total - run.cycles]
    for value, word in (
        (parts.fill, registers.T_FILL),
        (parts.stream, registers.T_STREAM),
        (parts.reload, registers.T_RELOAD),
        (parts.stall, registers.T_STALL),
        (parts.drain, registers.T_DRAIN),
    ):
        found.append(value - int(tally[word]))
    found += _count_differences(register_counts(plan), tally)
    if not any(case.ready):
        found.append(plan.cost().cycles.total - run.cycles)
    return [abs(value) for value in found]


def _count_differences(counts: RegisterCounts, tally: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> list[int]:
    words = (
        (counts.operand_hops, registers.OPERAND_WRITES),
        (counts.sum_writes, registers.SUM_WRITES),
        (counts.work, registers.WORK),
        (counts.tile_writes, registers.TILE_WRITES),
        (counts.swap_writes, registers.SWAP_WRITES),
        (counts.drain_writes, registers.DRAIN_WRITES),
    )
    return [value - int(tally[word]) for value, word in words]


def check_systolic(switches: Switches, cases: int, seed: int = 0) -> CheckResult:
    """Compare ``cases`` random runs of one combination; exact equality is expected.

    Returns
    -------
    CheckResult
        Number of cases, of cases that differ anywhere, and the largest difference.
    """
    mismatches, worst = 0, 0
    for case in systolic_cases(switches, cases, seed):
        error = max(differences(case, run_plan(case.plan, case.operands, case.ready)))
        mismatches += error > 0
        worst = max(worst, error)
    return CheckResult(cases, mismatches, worst)
