"""Ways to cut a product that come out the same are listed once, and no other is lost."""

from __future__ import annotations

import pytest

from simsnn.engines.base import Dataflow
from simsnn.engines.mixing_check import mixing_operation
from simsnn.engines.systolic import SystolicEngine
from simsnn.engines.systolic_candidates import blockings
from simsnn.engines.systolic_plan import SystolicPlan
from simsnn.workload.mixing import Mixing
from tests.experiments import synthetic

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
