"""Pairs that meet in SRAM: boxes cover the tensor once, shares add up, fusing never costs more."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.api import Result, simulate
from simsnn.engines.base import Box
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_following import FollowingPlan
from simsnn.mapping.fusion import completed_boxes
from simsnn.mapping.mapped import MappedOperation
from simsnn.schedule.graph import Event
from simsnn.workload.operation import VectorOperation
from tests.experiments import layers, synthetic

WIDE = layers(
    "{name: a, kind: conv2d, channels: 80, kernel: 3, padding: 1}",
    "{name: b, kind: conv2d, channels: 40, kernel: 3, padding: 1, stride: 2}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)


@pytest.fixture(scope="module")
def wide() -> Result:
    return simulate(synthetic(WIDE))


def pairs(result: Result) -> list[tuple[MappedOperation, MappedOperation]]:
    mapped = result.prepared.mapped
    return [(mapped[i - 1], item) for i, item in enumerate(mapped) if item.consumes]


def test_neurons_run_behind_their_products_also_where_channels_need_several_folds(wide: Result) -> None:
    fused = {(producer.operation.layer, producer.operation.pass_.value) for producer, _ in pairs(wide)}
    assert {("a", "F"), ("b", "F"), ("b", "B")} & fused
    assert any(len({b.channels for b in c.choice.plan.boxes}) > 1 for _, c in pairs(wide))  # type: ignore[attr-defined]


def test_boxes_cover_every_slot_and_channel_once(wide: Result) -> None:
    for _, consumer in pairs(wide):
        plan = consumer.choice.plan
        assert isinstance(plan, FollowingPlan)
        seen = np.zeros((plan.operation.slots, plan.channels), dtype=int)
        for box in plan.boxes:
            seen[slice(*box.slots), slice(*box.channels)] += 1
        assert (seen == 1).all()
        if plan.operation.steps > 1:
            assert all(bound % plan.operation.timesteps == 0 for box in plan.boxes for bound in box.slots)


def test_elements_and_bytes_of_the_boxes_add_up(wide: Result) -> None:
    for _, consumer in pairs(wide):
        plan, operation = consumer.choice.plan, consumer.operation
        assert isinstance(plan, FollowingPlan)
        assert isinstance(operation, VectorOperation)
        assert sum(plan.chunk_elements) == operation.elements
        for operand in operation.writes:
            tiles = [t for chunk in range(plan.chunk_count) for t in plan.leaves(chunk) if t.tensor == operand.tensor]
            assert sum(tile.bytes for tile in tiles) == operand.bytes


def test_every_box_waits_for_the_chunk_that_completes_it(wide: Result) -> None:
    for task in wide.prepared.graph.tasks:
        for chunk in task.chunks:
            for edge in chunk.compute_after:
                other = wide.prepared.graph.tasks[edge.task]
                assert (edge.event is Event.RESULT) == (other.id < task.id)
    moments = wide.execution.moments
    ends = {(int(m["task"]), int(m["chunk"])): int(m["result_end"]) for m in moments}
    ready = {(int(m["task"]), int(m["chunk"])): int(m["ready"]) for m in moments}
    for task in wide.prepared.graph.tasks:
        for number, chunk in enumerate(task.chunks):
            for edge in chunk.compute_after:
                if edge.event is Event.RESULT:
                    assert ready[task.id, number] >= ends[edge.task, edge.chunk]


def test_the_tensor_between_never_reaches_dram(wide: Result) -> None:
    for producer, consumer in pairs(wide):
        (tensor,) = producer.resident
        assert consumer.resident == producer.resident
        roles = {producer.operation.output.role}  # type: ignore[union-attr]
        assert not any(t.operand in roles for move in producer.choice.moves for t in move.stores), tensor


def test_boxes_that_leave_something_out_are_refused() -> None:
    config = VectorUnitConfig(name="v", lanes=4, ops_per_cycle=1, pipeline_cycles=1, order="t_outer")
    operation = next(
        item.operation
        for item in simulate(synthetic("workload.passes=[F]")).prepared.mapped
        if isinstance(item.operation, VectorOperation) and item.operation.steps > 1
    )
    with pytest.raises(ValueError, match="boxes cover"):
        VectorUnit(config).follow(operation, (Box((0, 4), (0, 1)),), 16)


def test_a_join_needs_the_same_channels_and_the_next_slot() -> None:
    first = Box((0, 2), (0, 8))
    assert first.joined(Box((2, 5), (0, 8))) == Box((0, 5), (0, 8))
    assert first.joined(Box((2, 5), (8, 16))) is None
    assert first.joined(Box((3, 5), (0, 8))) is None


def test_phases_of_a_strided_product_are_no_boxes(wide: Result) -> None:
    mapped = wide.prepared.mapped
    producer = next(m for m in mapped if (m.operation.layer, m.operation.pass_.value) == ("b", "B") and not m.consumes)
    output = producer.operation.output.tensor  # type: ignore[union-attr]
    reader = next(
        m.operation
        for m in mapped
        if isinstance(m.operation, VectorOperation) and any(o.tensor == output for o in m.operation.reads)
    )
    assert completed_boxes(producer.choice.plan, output, reader) is None
    assert producer.fused is None
