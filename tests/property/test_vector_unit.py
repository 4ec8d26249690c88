"""Vector unit: laws that hold for every machine and operation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.costs import Action, OperandClass, OperationCounts
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_check import recurrent_operation
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_plan import VectorPlan, cut_units
from simsnn.errors import CapacityError, UnsupportedOperation
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass, TaskPart, VectorOperation

SMALL = st.integers(1, 40)


@st.composite
def units(draw: st.DrawFn) -> VectorUnit:
    order = draw(st.sampled_from(["t_outer", "t_inner"]))
    lanes, per_cycle, pipeline, block = (draw(st.integers(1, high)) for high in (40, 6, 12, 20))
    config = VectorUnitConfig(
        name="v", lanes=lanes, ops_per_cycle=per_cycle, pipeline_cycles=pipeline, order=order, block_slots=block
    )
    return VectorUnit(config)


def update_operation(weights: int) -> VectorOperation:
    reads = (
        Operand("fc.weight", OperandClass.WEIGHTS, weights, 8),
        Operand("fc.momentum", OperandClass.OPTIMIZER_STATE, weights, 13),
    )
    counts = OperationCounts(add=2, multiply=3)
    return VectorOperation("fc", Pass.U, TaskPart.UPDATE, weights, 1, counts, 32, reads, reads[:1])


def pooling_operation(slots: int, timesteps: int) -> VectorOperation:
    reads = (Operand("a.spikes", OperandClass.SPIKES, slots * 48, 1, binary=True, slots=slots),)
    writes = (Operand("p.spikes", OperandClass.SPIKES, slots * 12, 1, binary=True, slots=slots),)
    counts = OperationCounts(compare=3)
    return VectorOperation(
        "p", Pass.F, TaskPart.POOL, slots * 12, 1, counts, 1, reads, writes, slots=slots, timesteps=timesteps
    )


@settings(max_examples=150, deadline=None)
@given(units(), SMALL, SMALL, st.integers(1, 6), st.data())
def test_chunks_share_out_all_elements_bytes_and_issues(unit, batch, neurons, steps, data):
    operation = data.draw(
        st.sampled_from(
            [
                recurrent_operation(batch, neurons, steps, 5, reverse=True),
                update_operation(batch * neurons),
                pooling_operation(batch * steps, steps),
            ]
        )
    )
    plan = unit.plan(operation, data.draw(st.integers(1, cut_units(unit.config, operation))))
    assert sum(plan.chunk_elements) == operation.elements
    assert min(plan.chunk_elements) > 0
    chunks = range(plan.chunk_count)
    if operation.part is TaskPart.UPDATE:  # what a chunk loads is what it computes
        assert [plan.needs(c)[0].key[1] - plan.needs(c)[0].key[0] for c in chunks] == list(plan.chunk_elements)
    for operand in operation.reads:
        tiles = [t for c in chunks for t in plan.needs(c) if t.tensor == operand.tensor]
        assert sum(t.bytes for t in tiles) == operand.bytes
        assert [t.key[0] for t in tiles[1:]] == [t.key[1] for t in tiles[:-1]]
    written = sum(t.bytes for c in chunks for t in plan.leaves(c))
    assert written == sum(o.bytes for o in operation.writes)
    parts = plan.cost().cycles
    assert parts.stream == sum(plan.issues(c) for c in chunks) * plan.interval
    if operation.part is TaskPart.UPDATE:  # weights are cut at whole issues: cutting is free
        assert parts.total == VectorPlan(plan.config, operation).cost().cycles.total


@settings(max_examples=150, deadline=None)
@given(units(), SMALL, SMALL, st.integers(1, 6), st.data())
def test_advance_is_max_plus(unit, batch, neurons, steps, data):
    """Waiting shifts; it never saves time, costs at most the wait, and parts add up to the last result."""
    plan = unit.plan(recurrent_operation(batch, neurons, steps, 5, reverse=False), data.draw(st.integers(1, batch)))
    ready = data.draw(st.lists(st.integers(0, 200), min_size=plan.chunk_count, max_size=plan.chunk_count))
    free, waiting = plan.start(), plan.start()
    for chunk in range(plan.chunk_count):
        early, late = plan.advance(free, chunk, 0), plan.advance(waiting, chunk, ready[chunk])
        assert 0 <= late[0] - early[0] <= max(ready[: chunk + 1])
        assert late[1] - late[0] == plan.latency - plan.interval
        assert plan.parts(waiting).total == late[1]
        assert plan.parts(free).stall == 0
    assert plan.parts(free) == plan.cost().cycles


def test_state_is_touched_every_step_or_once():
    operation = recurrent_operation(4, 10, 6, 5, reverse=False)
    settings_ = {"name": "v", "lanes": 8, "ops_per_cycle": 2, "pipeline_cycles": 3, "block_slots": 2}
    outer = VectorUnit(VectorUnitConfig(order="t_outer", **settings_)).plan(operation)
    inner = VectorUnit(VectorUnitConfig(order="t_inner", **settings_)).plan(operation)
    assert (outer.state_access.read_elements, outer.state_access.written_elements) == (240, 240)
    assert (inner.state_access.read_elements, inner.state_access.written_elements) == (40, 40)
    assert inner.actions().get("lane_state", Action.REGISTER_WRITE) == 240
    assert outer.actions().get("lane_state", Action.REGISTER_WRITE) == 0
    # II = ceil(5 / 2) = 3, d = 3 + 3 - 1: five lane registers written per element and step
    assert outer.actions().get("lane", Action.REGISTER_WRITE) == 240 * 5
    assert outer.actions().get("lane", Action.ADD) == 240 * 5
    roles = [(d.role, d.reads_per_edge, d.writes_per_edge) for d in outer.port_demand()]
    # eight lanes take their operands over the three edges of an issue
    assert roles == [(OperandClass.CURRENTS, 3, 0), (OperandClass.SPIKES, 0, 3), (OperandClass.MEMBRANE, 3, 3)]
    assert len(inner.port_demand()) == 2
    assert outer.state_bytes(0) == 80


def test_pooling_asks_for_its_whole_window_per_issue():
    unit = VectorUnit(VectorUnitConfig(name="v", lanes=8, ops_per_cycle=3, pipeline_cycles=1, order="t_outer"))
    read, write = unit.plan(pooling_operation(6, 3)).port_demand()
    assert (read.reads_per_edge, write.writes_per_edge) == (32, 8)  # II = 1


def test_an_operand_without_slots_is_whole_in_every_chunk_and_done_with_the_last():
    unit = VectorUnit(VectorUnitConfig(name="v", lanes=8, ops_per_cycle=3, pipeline_cycles=1, order="t_outer"))
    scale = Operand("norm.scale", OperandClass.WEIGHTS, 10, 16)
    total = Operand("norm.sums", OperandClass.PARTIAL_SUMS, 10, 32)
    x = Operand("norm.input", OperandClass.CURRENTS, 600, 16, slots=6)
    counts = OperationCounts(add=1, multiply=1)
    operation = VectorOperation(
        "norm", Pass.F, TaskPart.STATISTICS, 600, 1, counts, 16, (x, scale), (total,), slots=6, timesteps=3
    )
    plan = unit.plan(operation, 2)
    assert [[t.bytes for t in plan.needs(c)] for c in (0, 1)] == [[600, 20], [600, 20]]
    assert plan.needs(0)[1] == plan.needs(1)[1]
    assert [[t.bytes for t in plan.leaves(c)] for c in (0, 1)] == [[], [40]]
    assert plan.cost().approximations


def test_a_single_feature_map_is_not_cut():
    unit = VectorUnit(VectorUnitConfig(name="v", lanes=8, ops_per_cycle=3, pipeline_cycles=1, order="t_outer"))
    assert unit.most_blocks(pooling_operation(1, 1)) == 1
    assert unit.most_blocks(update_operation(17)) == 3


def test_refusals_name_the_reason():
    unit = VectorUnit(VectorUnitConfig(name="v", lanes=8, ops_per_cycle=3, pipeline_cycles=1, order="t_outer"))
    operand = Operand("x", OperandClass.INPUTS, 4, 8)
    gemm = GemmOperation("g", Pass.F, 1, None, Gemm(2, 2, 2), operand, operand, operand)
    with pytest.raises(UnsupportedOperation, match="matrix products"):
        unit.plan(gemm)
    with pytest.raises(CapacityError, match="needs 7 chunks, has 6 chunks"):
        unit.plan(pooling_operation(6, 3), 7)
    with pytest.raises(ValueError, match="block_slots"):
        VectorUnitConfig(name="v", lanes=8, ops_per_cycle=3, pipeline_cycles=1, order="t_inner")
