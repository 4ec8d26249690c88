"""T x T products on the systolic array against its register-level reference, exactly.

As :mod:`simsnn.engines.systolic_check`, for products of :class:`simsnn.workload.operation.Mixing`: values,
cycles, parts, counts, chunk ends with random ready times. A setting is a dataflow and a kind of
product; every other switch is drawn. T of one, of less than R, and no multiple of R, one column, and
packed copies with a part-empty last column are drawn on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_check import COMBINATIONS, Case, CheckResult, Switches, differences, draw_config
from simsnn.engines.systolic_config import FoldOrder, ProcessingElement, SystolicConfig
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.systolic_reference import run_plan
from simsnn.workload.mixing import Mixing, MixingShape
from simsnn.workload.operation import GemmOperation, Operand, Pass

_BY_FLOW = {flow: [s for s in COMBINATIONS if s.dataflow is flow] for flow in Dataflow}
_SHAPES: tuple[MixingShape, ...] = ("lower", "upper", "full")


@dataclass(frozen=True, slots=True)
class MixingSwitches:
    """A dataflow and a kind of product: a shape of the matrix, several copies of it, or its gradient."""

    dataflow: Dataflow
    kind: str

    @property
    def name(self) -> str:
        """``is lower``."""
        return f"{self.dataflow.value} {self.kind}"


MIXINGS: tuple[MixingSwitches, ...] = tuple(
    MixingSwitches(flow, kind) for flow, kind in product(Dataflow, (*_SHAPES, "copies", "gradient"))
)
"""Every setting, in a fixed order."""


def mixing_operation(mixing: Mixing, samples: int, bits: int = 16) -> GemmOperation:
    """The product over so many samples; all of its operands are real and of ``bits`` bits."""
    steps, total = mixing.timesteps, samples * mixing.neurons * mixing.timesteps
    slots = samples * steps
    matrix = Operand("layer.mixing", OperandClass.WEIGHTS, steps * steps, bits)
    x = Operand("layer.current", OperandClass.CURRENTS, total, bits, slots=slots)
    if mixing.kind == "apply":
        y = Operand("layer.mixed", OperandClass.CURRENTS, total, bits, slots=slots)
        return GemmOperation("layer", Pass.F, samples, None, None, matrix, x, y, steps, mixing=mixing)
    gradient = Operand("layer.mixed.gradient", OperandClass.GRADIENTS, total, bits, slots=slots)
    dw = Operand("layer.mixing.gradient", OperandClass.WEIGHT_GRADIENTS, steps * steps, 32)
    return GemmOperation("layer", Pass.W, samples, None, None, gradient, x, dw, steps, mixing=mixing)


def mixing_matrix(mixing: Mixing, entries: NDArray[np.int64]) -> NDArray[np.int64]:
    """The left operand of ``apply``: the T x T ``entries`` inside the shape, on the diagonal once per copy."""
    inside = entries
    if mixing.shape != "full":
        inside = np.tril(entries) if mixing.shape == "lower" else np.triu(entries)
    return np.kron(np.eye(mixing.copies, dtype=np.int64), inside)


def draw_mixing(rng: np.random.Generator, kind: str, rows: int) -> Mixing:
    """Random product for an array of so many rows."""
    steps = int(rng.choice([1, rows, 2 * rows, int(rng.integers(1, 20))]))
    neurons = int(rng.choice([1, int(rng.integers(1, 16))]))
    if kind == "gradient":
        return Mixing(steps, neurons, _SHAPES[int(rng.integers(3))], "gradient")
    if kind == "copies":
        steps = int(rng.integers(1, rows + 1))
        copies = int(rng.integers(1, rows // steps + 1))
        return Mixing(steps, neurons, _SHAPES[int(rng.integers(3))], "apply", copies)
    shape = next(shape for shape in _SHAPES if shape == kind)
    return Mixing(steps, neurons, shape)


def _machine(rng: np.random.Generator, switches: Switches) -> SystolicConfig:
    config = draw_config(rng, switches, widest=64)
    # n_inner keeps a row of every column tile alive
    least = 64 if switches.fold_order is FoldOrder.N_INNER else 1
    return config.model_copy(
        update={"pe": ProcessingElement.MAC, "acc_rows": max(config.acc_rows, least), "acc_width": 48}
    )


def _blocking(rng: np.random.Generator, operation: GemmOperation) -> Blocking:
    if rng.random() < 0.25:
        return Blocking()
    slots = int(rng.integers(1, operation.cut_slots + 1))
    return Blocking(slots, *(int(rng.integers(low, high)) for low, high in ((1, 4), (0, 3), (0, 3), (1, 4))))


def _operands(rng: np.random.Generator, plan: SystolicPlan) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    mixing = plan.operation.mixing
    assert mixing is not None
    steps = mixing.timesteps
    matrix = mixing_matrix(mixing, rng.integers(-128, 128, (steps, steps)))
    pairs = []
    for gemm in plan.gemms:
        left = matrix if mixing.kind == "apply" else rng.integers(-128, 128, (gemm.m, gemm.k))
        pairs.append((left, rng.integers(-128, 128, (gemm.k, gemm.n))))
    return tuple(pairs)


def draw_mixing_case(rng: np.random.Generator, setting: MixingSwitches) -> Case:
    """Random machine, product, blocking, operands and ready times of one setting."""
    choices = _BY_FLOW[setting.dataflow]
    switches = choices[int(rng.integers(len(choices)))]
    config = _machine(rng, switches)
    operation = mixing_operation(draw_mixing(rng, setting.kind, config.rows), int(rng.integers(1, 5)))
    plan = SystolicEngine(config).plan(operation, setting.dataflow, _blocking(rng, operation))
    ready = np.zeros(plan.chunk_count, np.int64)
    if rng.random() < 0.6:
        late = rng.random(plan.chunk_count) < 0.5
        ready = np.cumsum(rng.integers(0, 40, plan.chunk_count)) * late
    return Case(plan, tuple(ready.tolist()), _operands(rng, plan))


def check_mixing(setting: MixingSwitches, cases: int, seed: int = 0) -> CheckResult:
    """Compare ``cases`` random runs of one setting; exact equality is expected.

    Returns
    -------
    CheckResult
        Number of cases, of cases that differ anywhere, and the largest difference.
    """
    rng, mismatches, worst = np.random.default_rng([seed, MIXINGS.index(setting)]), 0, 0
    for _ in range(cases):
        case = draw_mixing_case(rng, setting)
        error = max(differences(case, run_plan(case.plan, case.operands, case.ready)))
        mismatches += error > 0
        worst = max(worst, error)
    return CheckResult(cases, mismatches, worst)
