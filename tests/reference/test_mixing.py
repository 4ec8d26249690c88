"""T x T products on the array: registers, folds one by one, formulas, tiles, bytes, cuts and refusals."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from simsnn.costs import Action, OperandClass, OperationCounts
from simsnn.engines.base import Box, Dataflow
from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.lut import LutEngine
from simsnn.engines.mixing_check import MIXINGS, MixingSwitches, check_mixing, draw_mixing_case, mixing_operation
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_blocking import Blocking
from simsnn.engines.systolic_check import Case, differences
from simsnn.engines.systolic_config import SystolicConfig
from simsnn.engines.systolic_counts import register_counts
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.engines.systolic_reference import plan_folds, run_plan
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.mapping.fusion import completed_boxes
from simsnn.workload.operation import Gemm, GemmOperation, Mixing, Pass, TaskPart, VectorOperation

APPLIED = tuple(setting for setting in MIXINGS if setting.kind != "gradient")


def config(**switches: object) -> SystolicConfig:
    given = {"name": "a", "rows": 4, "columns": 4, "pe": "mac", "acc_rows": 4096, "acc_width": "32 bit"}
    return SystolicConfig.model_validate({**given, **switches})


def plan_of(
    mixing: Mixing, samples: int, flow: Dataflow, cut: Blocking = Blocking(), **switches: object
) -> SystolicPlan:
    return SystolicEngine(config(**switches)).plan(mixing_operation(mixing, samples), flow, cut)


def cases(setting: MixingSwitches, count: int, seed: int) -> list[Case]:
    rng = np.random.default_rng([seed, MIXINGS.index(setting)])
    return [draw_mixing_case(rng, setting) for _ in range(count)]


def ranges(plan: SystolicPlan) -> list[tuple[int, tuple[int, int], tuple[int, int], tuple[int, int], bool]]:
    """Product, M, K and N of every fold of the reference's own list, and whether it is the first along K."""
    found = []
    for fold in plan_folds(plan):
        m, k, n = {
            Dataflow.WS: (fold.stream, fold.rows, fold.columns),
            Dataflow.IS: (fold.columns, fold.rows, fold.stream),
            Dataflow.OS: (fold.rows, fold.stream, fold.columns),
        }[plan.dataflow]
        found.append((fold.gemm, m, k, n, fold.first))
    return found


@pytest.mark.parametrize("setting", MIXINGS, ids=lambda s: s.name)
def test_random_cases(setting: MixingSwitches) -> None:
    """Values, cycles, parts, counts and chunk ends of 40 random machines, products, cuts and ready times."""
    result = check_mixing(setting, cases=40, seed=7)
    assert (result.cases, result.mismatches, result.max_error) == (40, 0, 0)


def test_the_check_sees_a_wrong_model() -> None:
    """A plan that streams everything, or leaves out the other triangle, is told from the registers' run."""
    for flow in Dataflow:
        cut = Blocking(m_blocks=3) if flow is Dataflow.WS else Blocking()
        plan = plan_of(Mixing(11, 3, "lower"), 2, flow, cut, partial_folds="trimmed")
        rng = np.random.default_rng(3)
        pairs = tuple((np.tril(rng.integers(1, 9, (g.m, g.k))), rng.integers(1, 9, (g.k, g.n))) for g in plan.gemms)
        case = Case(plan, (0,) * plan.chunk_count, pairs)
        run = run_plan(plan, pairs)
        assert max(differences(case, run)) == 0
        for shape in ("full", "upper"):
            other = plan_of(Mixing(11, 3, shape), 2, flow, cut, partial_folds="trimmed")
            assert max(differences(replace(case, plan=other, ready=(0,) * other.chunk_count), run)) > 0


@pytest.mark.parametrize("setting", APPLIED, ids=lambda s: s.name)
def test_a_fold_is_left_out_exactly_where_the_matrix_is_zero(setting: MixingSwitches) -> None:
    """Against a mask of the matrix: what runs covers it, and in is and ws no fold of zeros alone runs."""
    for case in cases(setting, 15, seed=5):
        mixing = case.plan.operation.mixing
        assert mixing is not None
        if mixing.copies > 1:
            continue
        steps = mixing.timesteps
        ones = np.ones((steps, steps), bool)
        mask = {"lower": np.tril, "upper": np.triu, "full": np.asarray}[mixing.shape](ones)
        covered = [np.zeros((steps, gemm.n), bool) for gemm in case.plan.gemms]
        depth = [np.zeros((steps, steps, gemm.n), bool) for gemm in case.plan.gemms]
        for index, m, k, n, _ in ranges(case.plan):
            if mixing.shape != "full":
                assert mask[m[0] : m[1], k[0] : k[1]].any()
            if setting.dataflow is Dataflow.OS:
                inside = mask[m[0] : m[1], k[0] : k[1]].any(axis=0)
                assert inside[0]
                assert inside[-1]
            assert not depth[index][m[0] : m[1], k[0] : k[1], n[0] : n[1]].any()
            depth[index][m[0] : m[1], k[0] : k[1], n[0] : n[1]] = True
            covered[index][m[0] : m[1], n[0] : n[1]] = True
        for whole in depth:
            assert (whole | ~mask[:, :, None]).all()


@pytest.mark.parametrize("setting", APPLIED, ids=lambda s: s.name)
def test_reads_and_partial_sums_fold_by_fold(setting: MixingSwitches) -> None:
    for case in cases(setting, 15, seed=6):
        plan = case.plan
        mixing = plan.operation.mixing
        assert mixing is not None
        left = right = again = results = 0
        neurons = plan.operation.slots * mixing.neurons
        starts = np.cumsum([0, *(gemm.n for gemm in plan.gemms)])
        for index, m, k, n, first in ranges(plan):
            span = (starts[index] + n[0], starts[index] + n[1])
            present = min(neurons, span[1] * mixing.copies) - span[0] * mixing.copies
            # columns of the packed matrix that lie in the block of a row, summed over the rows
            blocks = sum(min(k[1], (row // mixing.timesteps + 1) * mixing.timesteps)
                         - max(k[0], row // mixing.timesteps * mixing.timesteps)
                         for row in range(*m)) if mixing.copies > 1 else (m[1] - m[0]) * (k[1] - k[0])  # fmt: skip
            left += blocks
            right += (k[1] - k[0]) * present // mixing.copies
            results += (m[1] - m[0]) * (n[1] - n[0])
            again += 0 if first else (m[1] - m[0]) * (n[1] - n[0])
        assert plan.buffer_reads(OperandClass.WEIGHTS) == left
        assert plan.buffer_reads(OperandClass.CURRENTS) == right
        assert plan.buffer_writes(OperandClass.CURRENTS) == mixing.timesteps * neurons
        counts, spilled = register_counts(plan), plan.buffer_reads(OperandClass.PARTIAL_SUMS)
        banks = plan.config.psum == "accumulate" and any(grid.accumulates for grid in plan.grids)
        assert (counts.bank_reads, counts.bank_writes) == ((again, results) if banks else (0, 0))
        assert spilled == (again if plan.config.psum == "spill" else 0)
        assert plan.cost().actions.get("accumulator", Action.ADD) == again
        assert sum(plan.folds_of(index) for index in range(len(plan.gemms))) == len(ranges(plan))


def test_closed_formulas() -> None:
    """One fold; a causal os sweep of ceil(T/R) row tiles; stationary folds nb (nb + 1) / 2, each N long."""
    small = plan_of(Mixing(3, 10, "lower"), 2, Dataflow.IS, partial_folds="trimmed").cost().cycles
    assert small.total == 20 + 2 * 3 + 3 - 2
    r = c = 4
    for steps, neurons in [(4, 12), (8, 12), (16, 40), (64, 8)]:
        tiles, wide = steps // r, neurons // c
        causal = plan_of(Mixing(steps, neurons, "lower"), 1, Dataflow.OS).cost().cycles
        assert causal.stream == sum((i + 1) * r for i in range(tiles)) * wide
        assert causal.total == causal.stream + r + c - 2 + r
        dense = plan_of(Mixing(steps, neurons), 1, Dataflow.OS).cost().cycles
        assert dense.stream == tiles * steps * wide
        held = plan_of(Mixing(steps, neurons, "upper"), 1, Dataflow.IS).cost().cycles
        folds = tiles * (tiles + 1) // 2
        assert held.stream == folds * neurons
        assert held.total == folds * neurons + 2 * r + c - 2 + (tiles > 1)


def test_blocks_of_the_stream_let_ws_leave_folds_out() -> None:
    """nb (nb + 1) / 2 folds of R rows per column tile, and the search finds that cut."""
    steps, neurons, nb = 32, 8, 8
    plan = plan_of(Mixing(steps, neurons, "lower"), 1, Dataflow.WS, Blocking(m_blocks=nb))
    assert plan.cost().cycles.stream == nb * (nb + 1) // 2 * 4 * (neurons // 4)
    whole = plan_of(Mixing(steps, neurons, "lower"), 1, Dataflow.WS)
    assert whole.cost().cycles.stream == nb * steps * (neurons // 4)
    found = SystolicEngine(config()).candidates(plan.operation, Dataflow.WS)
    assert min(p.cost().cycles.total for p in found) == plan.cost().cycles.total


def test_copies_take_as_many_neurons_at_once() -> None:
    """floor(R / T) copies divide the columns by as much; work counts the blocks and the triangle alone."""
    for shape, entries in (("lower", 10), ("full", 16)):
        one = plan_of(Mixing(4, 60, shape), 3, Dataflow.IS, rows=12, columns=12)
        packed = plan_of(Mixing(4, 60, shape, copies=3), 3, Dataflow.IS, rows=12, columns=12)
        assert packed.gemms == (Gemm(12, 12, 60),)
        assert one.cost().cycles.stream == 180
        assert packed.cost().cycles.stream == 60
        assert one.work().useful == packed.work().useful == entries * 180
        assert one.buffer_reads(OperandClass.CURRENTS) == packed.buffer_reads(OperandClass.CURRENTS) == 4 * 180
        assert packed.buffer_reads(OperandClass.WEIGHTS) == 3 * one.buffer_reads(OperandClass.WEIGHTS)
    odd = plan_of(Mixing(4, 7, copies=3), 3, Dataflow.OS, rows=12, columns=12)
    assert odd.gemms == (Gemm(12, 12, 7),)
    assert odd.buffer_reads(OperandClass.CURRENTS) == odd.buffer_writes(OperandClass.CURRENTS) == 4 * 21


@pytest.mark.parametrize("setting", MIXINGS, ids=lambda s: s.name)
def test_tiles_of_outputs_leave_once_and_partial_sums_come_back(setting: MixingSwitches) -> None:
    for case in cases(setting, 25, seed=8):
        plan = case.plan
        output, left_over, parts = plan.operation.output, set(), 0
        for chunk in range(plan.chunk_count):
            back = {t.key for t in plan.needs(chunk) if t.role is OperandClass.PARTIAL_SUMS}
            if setting.kind != "gradient":
                assert back <= left_over
            left_over |= {t.key for t in plan.leaves(chunk) if t.role is OperandClass.PARTIAL_SUMS}
            parts += sum(t.bytes for t in plan.leaves(chunk) if t.tensor == output.tensor)
            assert all(t.bytes >= 0 for t in (*plan.needs(chunk), *plan.holds(chunk)))
        assert parts == output.bytes * (plan.partial_outputs + 1)


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("copies", [1, 2])
def test_columns_are_cut_at_samples_and_finer(flow: Dataflow, copies: int) -> None:
    """X is loaded once and the boxes that chunks complete are the samples, or runs of their neurons."""
    mixing, samples = Mixing(2, 8, "full", copies=copies), 4
    whole = Box((0, 8), (0, 8))
    for cut, boxes in (
        (Blocking(), [whole]),
        (Blocking(2), [Box((0, 4), (0, 8)), Box((4, 8), (0, 8))]),
        (Blocking(4, 2), [Box((2 * s, 2 * s + 2), (4 * h, 4 * h + 4)) for s in range(4) for h in range(2)]),
    ):
        plan = plan_of(mixing, samples, flow, cut)
        assert [plan.completes(chunk) for chunk in range(plan.chunk_count)] == boxes
        for operand in (plan.operation.right, plan.operation.output):
            found = [t for c in range(plan.chunk_count) for t in (*plan.needs(c), *plan.leaves(c))]
            assert sum(t.bytes for t in found if t.tensor == operand.tensor) == operand.bytes
        assert {t.key for c in range(plan.chunk_count) for t in plan.needs(c) if t.role is OperandClass.WEIGHTS} == {
            (0, 2, 0, 2)
        }


def test_vector_work_can_follow_sample_by_sample() -> None:
    """What reads Y may run behind the product: the boxes of its chunks cover all samples, steps and neurons."""
    consumer = VectorOperation(
        "layer", Pass.F, TaskPart.NEURON, 32, 2, OperationCounts(compare=1), 16, (), (), slots=8, timesteps=2
    )
    for flow in Dataflow:
        plan = plan_of(Mixing(2, 8), 4, flow, Blocking(4))
        found = completed_boxes(plan, plan.operation.output.tensor, consumer)
        assert found is not None
        assert found.boxes == tuple(Box((2 * s, 2 * s + 2), (0, 8)) for s in range(4))
        assert found.channels == 8


@pytest.mark.parametrize("flow", list(Dataflow))
def test_x_enters_sram_once_where_the_matrix_has_several_tiles(flow: Dataflow) -> None:
    """T = 10 on 4 x 4: blocks of N that hold all tiles of A leave whole samples, and no block needs another's X."""
    plan = plan_of(Mixing(10, 6, "lower"), 4, flow, Blocking(4, m_blocks=4))
    assert plan.chunk_count == 4
    assert [plan.completes(chunk) for chunk in range(4)] == [Box((10 * s, 10 * s + 10), (0, 6)) for s in range(4)]
    x = [t.bytes for c in range(4) for t in plan.needs(c) if t.tensor == "layer.current"]
    assert sum(x) == plan.operation.right.bytes
    found = list(SystolicEngine(config()).candidates(plan.operation, flow))
    assert any(p.chunk_count == 4 and p.completes(0) == Box((0, 10), (0, 6)) for p in found)


def test_a_packed_column_with_neurons_of_two_samples_is_cut_between_columns_alone() -> None:
    operation = mixing_operation(Mixing(2, 5, copies=2), 4)
    assert operation.cut_slots == 1
    with pytest.raises(ConfigError, match="2 slot_blocks of 1 slots"):
        _ = plan_of(Mixing(2, 5, copies=2), 4, Dataflow.OS, Blocking(2)).chunk_count
    with pytest.raises(ConfigError, match="2 slot_blocks of 1 slots"):
        _ = plan_of(Mixing(2, 5, copies=2), 4, Dataflow.IS, Blocking(2)).chunk_count
    plan = plan_of(Mixing(2, 5, copies=2), 4, Dataflow.IS, Blocking(1, 3))
    assert [plan.completes(chunk) for chunk in range(3)] == [None, None, None]


def test_a_gradient_is_cut_along_its_sum() -> None:
    """os leaves a partial gradient per block, is and ws add them up in place."""
    mixing = Mixing(6, 10, "lower", "gradient")
    plan = plan_of(mixing, 4, Dataflow.OS, Blocking(4, 2))
    assert plan.partial_outputs == 7
    assert plan_of(mixing, 4, Dataflow.WS, Blocking(4, 2)).partial_outputs == 0
    assert plan.work().useful == 21 * 40


def test_candidates_are_coarse_first_and_count_their_chunks() -> None:
    for shape, flow, copies in product(("lower", "full"), Dataflow, (1, 2)):
        mixing = Mixing(10 if copies == 1 else 2, 12, shape, copies=copies)
        plans = list(SystolicEngine(config()).candidates(mixing_operation(mixing, 6), flow))
        assert plans[0].chunk_count == 1 or shape == "lower"
        assert max(plan.chunk_count for plan in plans) > 30
        assert all(0 < plan.least_chunks <= plan.chunk_count for plan in plans)
        for plan in plans[:: max(1, len(plans) // 8)]:
            state, _ = plan.advance_all(np.zeros(plan.chunk_count, np.int64))
            assert plan.parts(state) == plan.cost().cycles
            assert plan.cost().cycles.total > 0


def test_what_is_told_of_a_product() -> None:
    plan = plan_of(Mixing(16, 40, "lower"), 1, Dataflow.OS)
    assert plan.operation.part is TaskPart.MIXING
    text = plan.formula()
    assert "(16 x 16)(16 x 40)" in text
    assert "40 folds" in text
    assert "lower triangle" in text
    assert [d.role.value for d in plan.port_demand()] == ["weights", "currents", "currents"]
    assert "4 copies" in plan_of(Mixing(1, 40, copies=4), 1, Dataflow.IS).formula()
    blocks = plan_of(Mixing(16, 40, "lower"), 2, Dataflow.OS, Blocking(2))
    assert "(16 x 16)(16 x 80) in 2 blocks" in blocks.formula()


def test_refusals_name_the_reason_and_the_way_out() -> None:
    gated = SystolicEngine(config(pe="gated_add")).supports(mixing_operation(Mixing(3, 4), 2))
    assert gated is not None
    assert "16 bit weights and 16 bit currents" in gated.reason
    assert "pe: mac" in gated.remedy
    packed = SystolicEngine(config()).supports(mixing_operation(Mixing(3, 4, copies=2), 2))
    assert packed is not None
    assert (packed.reason, packed.remedy) == (
        "2 copies of a 3 x 3 matrix need 6 rows, the array has 4",
        "at most 1 copies",
    )
    with pytest.raises(UnsupportedOperation, match="need 6 rows"):
        plan_of(Mixing(3, 4, copies=2), 2, Dataflow.IS)
    lut = {"name": "l", "kind": "lut", "lanes": 2, "address_bits": 2, "groups": 1}
    for engine, values in ((LutEngine, lut), (DualSparseEngine, {"name": "d", "kind": "dual_sparse"})):
        refusal = engine.supports(_bare_engine(engine, values), mixing_operation(Mixing(3, 4), 2))
        assert refusal is not None
        assert "two real matrices" in refusal.reason
        assert "pe: mac" in refusal.remedy


def _bare_engine(engine: type, values: dict[str, object]) -> object:
    """An engine whose configuration plays no part in the refusal."""
    made = object.__new__(engine)
    made.config, made.name = None, str(values["name"])
    return made


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shape": "lowr"}, "shape 'lowr' is unknown"),
        ({"kind": "applied"}, "kind 'applied' is unknown"),
        ({"timesteps": 0}, "timesteps is 0, at least 1"),
        ({"neurons": -2}, "neurons is -2, at least 1"),
        ({"copies": 0}, "copies is 0, at least 1"),
        ({"copies": 2, "kind": "gradient"}, "a gradient has one matrix"),
    ],
)
def test_bad_products(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Mixing(**{"timesteps": 3, "neurons": 4, **given})  # type: ignore[arg-type]


def test_an_operation_of_two_kinds_is_told_apart() -> None:
    applied, gradient = mixing_operation(Mixing(3, 4), 2), mixing_operation(Mixing(3, 4, "full", "gradient"), 2)
    assert isinstance(applied, GemmOperation)
    assert (applied.slot_axis.value, gradient.slot_axis.value) == ("n", "k")
    assert SystolicEngine(config()).gemms(applied) == (Gemm(3, 3, 8),)
    assert SystolicEngine(config()).gemms(gradient) == (Gemm(3, 8, 3),)
