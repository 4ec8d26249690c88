"""Vector unit: plan = register-level reference = formulas of docs/machines section 6, exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_check import Case, check_vector_unit, compare_case, recurrent_operation
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.kernels.vector_unit import integer_leaky_values
from simsnn.reference.vector_unit import run_vector_unit
from tests.naive.vector_unit import blocks_of, greedy_total, leaky_neuron


def plan_of(lanes, ops, pipeline, order, block, batch, neurons, steps) -> VectorPlan:
    config = VectorUnitConfig(
        name="v", lanes=lanes, ops_per_cycle=1, pipeline_cycles=pipeline, order=order, block_slots=block
    )
    return VectorUnit(config).plan(recurrent_operation(batch, neurons, steps, ops, reverse=False))


@pytest.mark.parametrize("order", ["t_outer", "t_inner"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("slow", [False, True])
def test_plan_equals_reference_on_random_cases(order, reverse, waits, slow):
    result = check_vector_unit(400, seed=7, order=order, reverse=reverse, waits=waits, slow=slow)
    assert (result.cases, result.mismatches, result.max_error) == (400, 0, 0)


EDGES = list(
    itertools.product((1, 4), (1, 3), (1, 2, 6), ("t_outer", "t_inner"), (1, 3), (1, 2), (1, 3, 4, 5, 13), (1, 2, 4))
)


def test_plan_equals_reference_on_every_edge_shape():
    rng = np.random.default_rng(3)
    for shape in EDGES:
        plan = plan_of(*shape)
        currents = rng.integers(-8, 24, (plan.operation.steps, plan.operation.elements), dtype=np.int64)
        assert compare_case(Case(plan, (0,), currents)) == 0, shape


def test_one_chunk_takes_the_published_formulas():
    for shape in EDGES:
        lanes, ops, pipeline, order, block, batch, neurons, steps = shape
        plan = plan_of(*shape)
        n, ii, d = -(-batch * neurons // lanes), ops, pipeline + ops - 1
        if order == "t_outer":
            expected = (steps - 1) * max(n * ii, d) + (n - 1) * ii + d
        else:
            q, r = (n - 1) // block, (n - 1) % block + 1
            expected = q * ((steps - 1) * max(block * ii, d) + block * ii)
            expected += (steps - 1) * max(r * ii, d) + (r - 1) * ii + d
        assert plan.cost().cycles.total == expected, shape


def test_plan_equals_greedy_issue_written_by_hand():
    rng = np.random.default_rng(11)
    for _ in range(500):
        lanes, pipeline, ops, block = (int(rng.integers(1, high)) for high in (9, 12, 6, 8))
        batch, neurons, steps = (int(rng.integers(1, high)) for high in (9, 30, 7))
        order = ("t_outer", "t_inner")[int(rng.integers(2))]
        base = plan_of(lanes, ops, pipeline, order, block, batch, neurons, steps)
        plan = VectorPlan(base.config, base.operation, int(rng.integers(1, batch + 1)))
        sizes = [-(-elements // lanes) for elements in plan.chunk_elements]
        chunks = [blocks_of(size, size if order == "t_outer" else block) for size in sizes]
        assert plan.cost().cycles.total == greedy_total(chunks, steps, ops, pipeline + ops - 1)


def test_values_equal_one_neuron_at_a_time():
    rng = np.random.default_rng(5)
    currents = rng.integers(-8, 24, (6, 40), dtype=np.int64)
    for reverse in (False, True):
        spikes, state = integer_leaky_values(currents, 20, reverse)
        assert 0 < spikes.sum() < spikes.size
        for element in range(currents.shape[1]):
            column = currents[::-1, element] if reverse else currents[:, element]
            want, last = leaky_neuron(column.tolist(), 20)
            got = spikes[::-1, element] if reverse else spikes[:, element]
            assert (got.tolist(), int(state[element])) == (want, last)


def test_reference_waits_for_a_late_first_chunk_and_books_it_as_stall():
    plan = plan_of(2, 3, 2, "t_inner", 2, 1, 4, 2)
    currents = np.ones((2, 4), dtype=np.int64)
    # two slots of II 3 and d 4 keep the lane busy: 4 issues of 3 edges, one edge to drain
    _, _, parts, ends, _, _ = run_vector_unit(
        currents, np.array([4]), np.array([2]), np.array([5]), 2, plan.interval, 2, 1, 99, False
    )
    assert parts.tolist() == [12, 0, 5, 1]
    assert ends.ravel().tolist() == [17, 18]


def test_a_wrong_plan_is_noticed():
    plan = plan_of(2, 1, 5, "t_inner", 2, 1, 9, 3)
    currents = np.ones((3, 9), dtype=np.int64)
    assert compare_case(Case(plan, (0,), currents)) == 0
    slower = VectorUnitConfig(name="v", lanes=2, ops_per_cycle=1, pipeline_cycles=5, order="t_inner", block_slots=3)

    class WrongPlan(VectorPlan):
        def _reload_cycles(self, chunk: int) -> int:
            return VectorPlan(slower, self.operation)._reload_cycles(chunk)

    assert compare_case(Case(WrongPlan(plan.config, plan.operation), (0,), currents)) > 0
