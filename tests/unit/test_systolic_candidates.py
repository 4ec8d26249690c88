"""Ways to cut a product that come out the same are listed once, and no other is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.engines.base import Dataflow
from simsnn.engines.mixing_check import mixing_operation
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_candidates import blockings
from simsnn.engines.systolic_chunk_count import chunks_of_product
from simsnn.engines.systolic_config import (
    Compatibility,
    FoldOrder,
    PartialFolds,
    PartialSums,
    ProcessingElement,
    SystolicConfig,
)
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.kernels import folds
from simsnn.simulation import prepare
from simsnn.workload.mixing import Mixing
from simsnn.workload.operation import GemmOperation
from tests.experiments import layers, synthetic

KINDS = (Mixing(8, 1536, "lower"), Mixing(40, 600, "upper"), Mixing(4, 512, copies=8), Mixing(8, 512, kind="gradient"))


def described(plan: SystolicPlan) -> tuple[object, ...]:
    """All that a chunked run and its report read of a plan."""
    tables = plan.tables
    words = tuple(part.tobytes() for part in (tables.runs, tables.bounds, tables.boxes))
    tiles = tuple((plan.needs(chunk), plan.leaves(chunk), plan.holds(chunk)) for chunk in range(plan.chunk_count))
    return plan.gemms, words, tiles, plan.cost(), plan.port_demand(), plan.partial_outputs


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("mixing", KINDS, ids=lambda mixing: f"{mixing.kind}-{mixing.timesteps}-{mixing.copies}")
def test_the_first_of_equal_cuts_is_always_listed(flow: Dataflow, mixing: Mixing) -> None:
    engine = SystolicEngine(synthetic().hardware.arrays[0])
    operation = mixing_operation(mixing, 4)
    whole = engine.plan(operation, flow)
    every = [engine.plan(operation, flow, blocking) for blocking in dict.fromkeys(blockings(whole))]
    first: dict[object, SystolicPlan] = {}
    for plan in (plan for plan in every if plan.chunk_count <= 256):
        first.setdefault(described(plan), plan)
    kept = dict.fromkeys(plan.blocking for plan in first.values())
    listed = [plan for plan in engine.candidates(operation, flow) if plan.chunk_count <= 256]
    assert [plan.blocking for plan in listed if plan.blocking in kept] == list(kept)
    assert len({plan.cuts for plan in listed}) == len(listed)


def test_the_list_of_a_weight_stationary_product_is_much_shorter() -> None:
    """Slots and column folds cut the same axis there."""
    engine = SystolicEngine(synthetic().hardware.arrays[0])
    operation = mixing_operation(KINDS[0], 16)
    whole = engine.plan(operation, Dataflow.WS)
    coarse = [b for b in dict.fromkeys(blockings(whole)) if engine.plan(operation, Dataflow.WS, b).chunk_count <= 256]
    listed = [plan for plan in engine.candidates(operation, Dataflow.WS) if plan.chunk_count <= 256]
    assert 2 * len(listed) < len(coarse)


CONFIGS = (
    {},
    {"rows": 8, "columns": 12, "acc_rows": 16},
    {"rows": 5, "columns": 3, "fold_order": FoldOrder.N_INNER, "acc_rows": 4096},
    {"psum": PartialSums.SPILL, "columns": 9},
    {"compatibility": Compatibility.SCALESIM, "partial_folds": PartialFolds.TRIMMED},
)


def engine_of(keys: dict[str, object]) -> SystolicEngine:
    array = synthetic().hardware.arrays[0]
    assert isinstance(array, SystolicConfig)
    return SystolicEngine(array.model_copy(update=keys))


def products() -> tuple[GemmOperation, ...]:
    """Products of all passes, of a strided and a grouped layer among them."""
    shapes = (
        "{name: c1, kind: conv2d, channels: 6, kernel: 3, padding: 1}",
        "{name: c2, kind: conv2d, channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2}",
        "{name: flat, kind: flatten}",
        "{name: f1, kind: linear, features: 10}",
    )
    mapped = prepare(synthetic("workload={timesteps: 3, batch: 2}", layers(*shapes))).mapped
    return tuple(item.operation for item in mapped if isinstance(item.operation, GemmOperation))


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("keys", CONFIGS, ids=str)
def test_chunks_are_counted_as_a_walk_through_the_folds_counts_them(flow: Dataflow, keys: dict[str, object]) -> None:
    engine, counted, alone = engine_of(keys), 0, 0
    for operation in products():
        whole = engine.plan(operation, flow)
        for blocking in dict.fromkeys(blockings(whole)):
            plan = engine.plan(operation, flow, blocking)
            axes, own = plan.axes
            known = [chunks_of_product(gemm, axes, plan.config, flow, own) for gemm in plan.period]
            counted += None not in known
            assert plan.chunk_count == len(plan.tables.boxes)
            assert (plan.boxes == plan.tables.boxes).all()
            alone += plan.chunk_count == 1
    assert counted > 40
    assert alone


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("keys", CONFIGS, ids=str)
@pytest.mark.parametrize("ready", [0, 1, 977])
def test_a_plan_of_one_chunk_advances_as_its_folds_do(flow: Dataflow, keys: dict[str, object], ready: int) -> None:
    for operation in products():
        plan = engine_of(keys).plan(operation, flow)
        if plan.chunk_count > 1:
            continue
        state, slow = plan.start(), plan.start()
        found = plan.advance(state, 0, ready)
        tables = plan.tables
        ends = folds.advance_chunk(slow, tables.runs, tables.bounds, 0, ready, plan.machine)
        assert found == tuple(map(int, ends))
        assert plan.parts(state) == plan.parts(slow)
        assert (state[folds.ISSUE_END], state[folds.FIRST]) == (slow[folds.ISSUE_END], slow[folds.FIRST])


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("most", [1, 4, 64])
@pytest.mark.parametrize("keys", CONFIGS, ids=str)
def test_coarse_candidates_are_those_of_few_chunks(flow: Dataflow, most: int, keys: dict[str, object]) -> None:
    engine = engine_of(keys)
    for operation in products():
        coarse = engine.coarse(operation, flow, most)
        every = list(engine.candidates(operation, flow))
        if flow is Dataflow.IS and engine.config.fold_order is FoldOrder.N_INNER:
            assert not coarse
            continue
        assert coarse[0].blocking == every[0].blocking
        few = [plan.blocking for plan in every[1:] if plan.chunk_count <= most]
        assert [plan.blocking for plan in coarse[1:]] == few


@pytest.mark.parametrize("flow", list(Dataflow))
def test_plans_of_one_layout_have_the_same_tiles(flow: Dataflow) -> None:
    known: dict[object, list[object]] = {}
    for operation in products():
        for keys in CONFIGS:
            for plan in engine_of(keys).coarse(operation, flow, 8):
                chunks = range(plan.chunk_count)
                tiles = [(plan.needs(c), plan.leaves(c), plan.holds(c), plan.completes(c)) for c in chunks]
                assert known.setdefault((operation, plan.layout), tiles) == tiles  # type: ignore[arg-type]


def test_a_renamed_plan_is_the_plan_of_the_other_operation() -> None:
    engine = engine_of({"pe": ProcessingElement.GATED_ADD})
    operation = next(each for each in products() if each.left.binary)
    other = replace(operation, layer="other", output=replace(operation.output, tensor="other.current"))
    for plan in engine.coarse(operation, Dataflow.WS, 8):
        plan.cost(), plan.with_nonzeros(3).cost()
        anew = engine.plan(other, Dataflow.WS, plan.blocking)
        assert described(plan.renamed(other)) == described(anew)
        assert plan.renamed(other).with_nonzeros(3).cost() == anew.with_nonzeros(3).cost() != anew.cost()
