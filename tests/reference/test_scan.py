"""Scan network = its registers, exactly; formulas, additions one by one, area, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.costs import Action, OperandClass, OperationCounts
from simsnn.energy.parts import AreaUnit
from simsnn.engines.base import Box, DatapathWidths
from simsnn.engines.scan_check import SCANS, ScanCase, ScanSwitches, check_scan, compare_scan, scan_operation
from simsnn.engines.scan_network import ScanShape, combining_lanes, network_lanes, stages_of
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_check import recurrent_operation
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.errors import UnsupportedOperation
from simsnn.kernels.scan import chained_values
from tests.naive.scan import chained_neuron, issues_by_hand, network_additions
from tests.naive.vector_unit import blocks_of, greedy_total


def unit(**switches: object) -> VectorUnit:
    given = {
        "name": "v", "lanes": 16, "ops_per_cycle": 2, "pipeline_cycles": 3, "order": "t_inner", "block_slots": 4,
        "scan": True,
    }  # fmt: skip
    return VectorUnit(VectorUnitConfig.model_validate({**given, **switches}))


def plan_of(batch: int, neurons: int, steps: int, chained: int = 1, adds: int = 4, **switches: object) -> VectorPlan:
    operation = scan_operation(batch, neurons, steps, OperationCounts(add=adds), chained)
    return unit(**{"scan_networks": 4, **switches}).plan(operation)


def case_of(plan: VectorPlan) -> ScanCase:
    rng = np.random.default_rng(2)
    shape = (plan.operation.steps, plan.operation.elements)
    coefficients = rng.integers(-99, 99, plan.operation.scan)
    return ScanCase(plan, (0,) * plan.chunk_count, rng.integers(-99, 99, shape), coefficients)


@pytest.mark.parametrize("switches", SCANS, ids=lambda s: s.name)
def test_random_cases(switches: ScanSwitches) -> None:
    """100 random machines, operations, cuts and ready times of each setting."""
    result = check_scan(switches, cases=100, seed=3)
    assert (result.cases, result.mismatches, result.max_error) == (100, 0, 0)


def test_values_equal_one_neuron_at_a_time() -> None:
    rng = np.random.default_rng(5)
    inputs = rng.integers(-(2**62), 2**62, (9, 12))
    for chained in (1, 2, 3):
        coefficients = rng.integers(-(2**62), 2**62, chained)
        for reverse in (False, True):
            outputs, carries = chained_values(inputs, coefficients, reverse)
            for element in range(inputs.shape[1]):
                column = inputs[::-1, element] if reverse else inputs[:, element]
                want, last = chained_neuron(column.tolist(), coefficients.tolist())
                got = outputs[::-1, element] if reverse else outputs[:, element]
                assert (got.tolist(), carries[element].tolist()) == (want, last)


@pytest.mark.parametrize("segment", [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33])
def test_stages_and_additions_of_a_network(segment: int) -> None:
    assert (stages_of(segment), combining_lanes(segment)) == network_additions(segment)
    assert stages_of(segment) == math.ceil(math.log2(segment))


def test_issues_are_those_of_lanes_filled_one_at_a_time() -> None:
    rng = np.random.default_rng(8)
    for _ in range(300):
        lanes, steps, neurons = int(rng.integers(1, 40)), int(rng.integers(1, 90)), int(rng.integers(1, 60))
        plan = plan_of(1, neurons, steps, lanes=lanes)
        assert (plan.issue_slots(0), plan.rounds) == issues_by_hand(neurons, steps, lanes)
        assert network_lanes(lanes) == 2 ** int(math.log2(lanes))


def test_cycles_equal_greedy_issue_written_by_hand() -> None:
    rng = np.random.default_rng(11)
    for _ in range(300):
        lanes, pipeline, adds, block = (int(rng.integers(1, high)) for high in (20, 9, 9, 8))
        neurons, steps, chained = (int(rng.integers(1, high)) for high in (30, 70, 5))
        order = ("t_outer", "t_inner")[int(rng.integers(2))]
        plan = plan_of(1, neurons, steps, chained, adds, lanes=lanes, pipeline_cycles=pipeline, order=order,
                       block_slots=block, ops_per_cycle=1)  # fmt: skip
        slots, rounds = issues_by_hand(neurons, steps, lanes)
        stages, _ = network_additions(min(steps, network_lanes(lanes)))
        latency = pipeline + adds - 1 + chained * stages
        blocks = blocks_of(slots, slots if order == "t_outer" else block)
        assert plan.cost().cycles.total == greedy_total([blocks], rounds, adds, latency)


def test_short_sequences_share_an_issue_and_need_no_carry() -> None:
    """T = 5 on 16 lanes: three neurons per issue, three stages, n II + d - II cycles, nothing waits."""
    plan = plan_of(2, 10, 5, chained=2)
    parts = plan.cost().cycles
    assert (plan.issue_slots(0), plan.rounds, plan.interval, plan.latency) == (7, 1, 2, 3 + 2 - 1 + 2 * 3)
    assert (parts.stream, parts.reload, parts.drain) == (14, 0, 8)
    assert plan.state_access is None
    assert plan.holds(0) == ()
    assert plan.actions().get("lane_state", Action.REGISTER_WRITE) == 0
    # 4 + 3 + 1 lanes add in the three stages of a segment of five
    assert plan.actions().get("scan", Action.MULTIPLY) == 20 * 2 * 8


def test_long_sequences_carry_from_round_to_round() -> None:
    """T = 40 on 16 lanes: rounds of 16, 16 and 8 steps; few neurons wait for their carries, many do not."""
    few, many = plan_of(1, 2, 40, chained=2), plan_of(1, 64, 40, chained=2, block_slots=64)
    latency = 3 + 2 - 1 + 2 * 4
    assert (few.rounds, few.latency) == (3, latency)
    assert few.cost().cycles.total == 2 * latency + 2 + latency
    assert few.cost().cycles.reload == 2 * (latency - 4)
    assert many.cost().cycles.reload == 0
    assert many.cost().cycles.total == 64 * 3 * 2 + latency - 2
    added = 2 * (2 * combining_lanes(16) + combining_lanes(8) + 2)
    assert many.actions().get("scan", Action.ADD) == 64 * added
    assert many.state_access is not None
    assert many.state_access.read_elements == 64
    outer = plan_of(1, 64, 40, chained=2, order="t_outer")
    assert outer.state_access is not None
    assert outer.state_access.read_elements == 64 * 3
    assert [(d.role, d.reads_per_edge, d.writes_per_edge) for d in outer.port_demand()] == [
        (OperandClass.CURRENTS, 8, 0),
        (OperandClass.SPIKES, 0, 8),
        (OperandClass.MEMBRANE, 1, 1),
    ]
    assert [t.bytes for t in outer.holds(0)] == [64 * 32 // 8]


def test_a_unit_of_one_lane_is_the_recurrence() -> None:
    step_by_step = VectorUnit(
        VectorUnitConfig(
            name="v", lanes=1, ops_per_cycle=2, pipeline_cycles=3, order="t_inner", block_slots=4, scan=False
        )
    ).plan(recurrent_operation(1, 7, 12, 4, reverse=False))
    assert plan_of(1, 7, 12, lanes=1).cost().cycles == step_by_step.cost().cycles


def test_work_without_a_scan_does_not_see_the_network() -> None:
    operation = recurrent_operation(3, 20, 6, 5, reverse=True)
    with_, without = unit().plan(operation, 2), unit(scan=False).plan(operation, 2)
    assert with_.cost() == without.cost()
    assert with_.port_demand() == without.port_demand()
    assert with_.formula() == without.formula()
    assert [with_.holds(c) for c in range(2)] == [without.holds(c) for c in range(2)]


def test_it_follows_the_product_before_it() -> None:
    """Chunks along boxes of slots and channels keep all neurons and agree with the registers."""
    operation = scan_operation(2, 12, 20, OperationCounts(add=3), 2)
    boxes = tuple(Box((20 * b, 20 * b + 20), span) for b in range(2) for span in ((0, 5), (5, 12)))
    plan = unit().follow(operation, boxes, 12)
    assert plan.chunk_elements == (5, 7, 5, 7)
    assert compare_scan(case_of(plan)) == 0


def test_a_wrong_plan_is_noticed() -> None:
    plan = plan_of(1, 9, 37, chained=2)
    case = case_of(plan)
    assert compare_scan(case) == 0

    class Late(VectorPlan):
        @property
        def latency(self) -> int:  # type: ignore[override]
            return VectorPlan(self.config, self.operation).latency + 1

    class Idle(ScanShape):
        @property
        def additions(self) -> int:
            return 0

    late = Late(plan.config, plan.operation)
    assert compare_scan(ScanCase(late, case.ready, case.inputs, case.coefficients)) > 0
    idle = VectorPlan(plan.config, plan.operation)
    idle.__dict__["scan"] = Idle(16, 37, 2)
    assert compare_scan(ScanCase(idle, case.ready, case.inputs, case.coefficients)) > 0


def test_what_is_told_of_a_scan() -> None:
    text = plan_of(1, 9, 40, chained=2).formula()
    assert "9 issue slots of 1 x 16 lanes" in text
    assert "T = 40 in 3 rounds" in text
    assert "2 x 4 scan stages" in text


def test_area_of_the_networks() -> None:
    """Two networks of 16 lanes: 15 + 14 + 12 + 8 multiply-adders and one for the carry, 64 registers each."""
    widths = DatapathWidths(8, 8, 24, 16)
    extra = list(unit().area_parts(widths))
    for part in unit(scan=False).area_parts(widths):
        extra.remove(part)
    assert [(p.unit, p.widths, p.count) for p in extra] == [
        (AreaUnit.MULTIPLY, (24, 24), 2 * 50),
        (AreaUnit.ADD, (24,), 2 * 50),
        (AreaUnit.REGISTER, (24,), 2 * 64),
    ]
    assert len(unit(lanes=1).area_parts(widths)) == len(unit(lanes=1, scan=False).area_parts(widths)) + 2


def test_refusals_name_the_reason_and_the_way_out() -> None:
    operation = scan_operation(1, 4, 9, OperationCounts(add=3), 3)
    without = unit(scan=False).supports(operation)
    assert without is not None
    assert "no scan network" in without.reason
    assert "scan: true" in without.remedy
    few = unit().supports(operation)
    assert few is not None
    assert (few.reason, few.remedy) == (
        "3 chained recurrences need as many scan networks, it has 2",
        "scan_networks: 3",
    )
    assert unit(scan_networks=3).supports(operation) is None
    with pytest.raises(UnsupportedOperation, match="3 chained recurrences"):
        unit().plan(operation)
    less = unit().supports(scan_operation(1, 4, 9, OperationCounts(add=3), -1))
    assert less is not None
    assert "-1 chained recurrences" in less.reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scan": "yes"}, "boolean"),
        ({"scan": False, "scan_networks": 2}, "set scan: true"),
        ({"scan_networks": 0}, "greater than 0"),
        ({"scan_networks": 9}, "less than or equal to 8"),
    ],
)
def test_configuration_errors(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        unit(**given)
