"""Chunks of LUT plans: outputs stored once, loads cover the operands, the contract of ``advance``."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from simsnn.costs import Observed, OperandClass
from simsnn.engines.base import Box, Plan
from simsnn.engines.lut import LutEngine
from simsnn.engines.lut_candidates import MOST_CHUNKS
from simsnn.engines.lut_forward_plan import LutForwardPlan
from simsnn.workload.operation import ConvGeometry, Gemm, GemmOperation, Pass
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor
from tests.unit.lut_samples import CONV, config, forward, update

GROUPED = ConvGeometry(8, 6, 6, 8, 3, 3, 2, 2, 1, 1, groups=2)
LINEAR = ConvGeometry(40, 1, 1, 10)
LAYERS = (CONV, GROUPED, LINEAR)
SKIPPING = {"skip": "zero_address", "skip_window": 3, "skip_groups": "all_lanes"}


def plans(operation: GemmOperation, **keys: object) -> list[Plan]:
    return [plan for plan in LutEngine(config(**keys)).candidates(operation) if plan.chunk_count <= 400]


def activity(operation: GemmOperation, rate: float = 0.2) -> ProductActivity:
    geometry, extent = operation.geometry, operation.extent
    assert geometry is not None
    assert extent is not None
    rng = np.random.default_rng(1)
    shape = (extent.steps[1], extent.samples[1])
    spikes = rng.random((*shape, geometry.in_channels, geometry.in_h, geometry.in_w)) < rate
    mask = rng.random((*shape, geometry.out_channels, geometry.out_h, geometry.out_w)) < 0.02
    return ProductActivity(geometry, SpikeTensor.from_dense(spikes), SpikeTensor.from_dense(mask))


OPERATIONS = [maker(layer) for maker in (forward, update) for layer in LAYERS] + [update(adds=True)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("words", [400, 80])
def test_every_output_is_stored_once_and_loads_cover(operation: GemmOperation, words: int) -> None:
    found = plans(operation, accumulator_words=words)
    assert len(found) > 3
    assert found[0].chunk_count == min(plan.chunk_count for plan in found)
    for plan in found:
        left = [tile for chunk in range(plan.chunk_count) for tile in plan.leaves(chunk)]
        assert len({tile.key for tile in left}) == len(left)
        assert sum(tile.bytes for tile in left) == operation.output.bytes
        needed = {(t.tensor, t.key): t for chunk in range(plan.chunk_count) for t in plan.needs(chunk)}
        sums = {
            name: sum(t.bytes for (tensor, _), t in needed.items() if tensor == name)
            for name in (operation.left.tensor, operation.right.tensor)
        }
        assert sums[operation.right.tensor] >= operation.right.bytes
        stored = operation.left.slots * -(-operation.left.elements // operation.left.slots // 8)
        assert sums[operation.left.tensor] >= stored * 0.9  # stride 2 leaves some pixels unread
        if operation.pass_ is Pass.W:
            assert ("dw" in {tensor for tensor, _ in needed}) is operation.accumulates
            assert "g.mask" in {tensor for tensor, _ in needed}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_chunks_do_not_depend_on_the_activity(operation: GemmOperation) -> None:
    real = activity(operation)
    for plan in plans(operation, **SKIPPING):
        bound = plan.with_activity(real)
        assert bound.chunk_count == plan.chunk_count
        for chunk in range(plan.chunk_count):
            assert bound.needs(chunk) == plan.needs(chunk)
            assert bound.leaves(chunk) == plan.leaves(chunk)
            assert bound.completes(chunk) == plan.completes(chunk)
        assert bound.cost().cycles.total <= plan.cost().cycles.total
        assert bound.with_activity(None).cost() == plan.cost()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("late", [False, True])
def test_contract_of_advance(operation: GemmOperation, late: bool) -> None:
    rng = np.random.default_rng(3)
    for dense in plans(operation, **SKIPPING):
        plan = dense.with_activity(activity(operation))
        state, before, stall = plan.start(), (0, 0), 0
        for chunk in range(plan.chunk_count):
            ready = int(rng.integers(0, before[1] + 60)) if late else 0
            ends = plan.advance(state, chunk, ready)
            assert min(ends) >= ready
            assert ends[0] >= before[0]
            assert ends[1] >= before[1]
            parts = plan.parts(state)
            assert parts.total == ends[1]
            assert parts.stall >= stall
            assert min(parts.fill, parts.stream, parts.build, parts.reload, parts.scan, parts.drain) >= 0
            before, stall = ends, parts.stall
        worked = plan.parts(state).total - stall
        assert worked <= plan.cost().cycles.total
        if not late:
            assert plan.parts(state) == plan.cost().cycles
        assert sum(plan.issues(chunk) for chunk in range(plan.chunk_count)) == plan.cost().cycles.stream


@pytest.mark.parametrize("layer", LAYERS)
def test_boxes_cover_every_slot_and_channel_once(layer: ConvGeometry) -> None:
    operation, boxed = forward(layer), 0
    for plan in plans(operation):
        chunks = [c for c in range(plan.chunk_count) if plan.leaves(c)]
        boxes: list[Box | None] = [plan.completes(c) for c in chunks]
        if None in boxes:
            continue
        boxed += 1
        seen = np.zeros((operation.slots, layer.out_channels), int)
        for box in boxes:
            assert box is not None
            seen[slice(*box.slots), slice(*box.channels)] += 1
        assert (seen == 1).all()
    assert boxed >= 2


def test_a_bare_binary_product_is_a_linear_layer() -> None:
    bare = replace(forward(), geometry=None, gemm=Gemm(37, 29, 11), slots=1)
    linear = forward(ConvGeometry(29, 1, 1, 11), 37, 1)
    first, second = (plans(operation)[0].cost() for operation in (bare, linear))
    assert (first.cycles, first.observed(Observed.TABLE_READS)) == (
        second.cycles,
        second.observed(Observed.TABLE_READS),
    )


def test_real_layers_are_listed_fast_and_not_too_finely() -> None:
    layer = ConvGeometry(128, 32, 32, 128, 3, 3, padding_h=1, padding_w=1)
    keys = {"lanes": 16, "groups": 16, "read_ports": 4, "block_positions": 4096, "accumulator_words": 16 * 1152}
    for operation in (forward(layer, 64, 6), update(layer, 64, 6)):
        start = time.perf_counter()
        found = list(LutEngine(config(**keys)).candidates(operation))
        assert time.perf_counter() - start < 0.5
        assert len(found) <= 40
        assert max(plan.chunk_count for plan in found) <= MOST_CHUNKS
        assert sum(plan.chunk_count <= 256 for plan in found) >= 4


def test_blocks_of_whole_slots_are_offered_where_they_fit() -> None:
    found = [p for p in plans(forward(), block_positions=61) if isinstance(p, LutForwardPlan)]
    bounds = {plan.core.bounds for plan in found}
    assert any(all(b % 60 == 0 for b in cut) for cut in bounds)  # whole samples: three steps of 20 pixels
    assert all(max(np.diff(cut)) <= 61 for cut in bounds)


def test_formula_and_buffers_carry_the_numbers() -> None:
    plan = plans(forward(), **SKIPPING)[0].with_activity(activity(forward()))
    text = plan.formula()
    assert f"{plan.cost().cycles.total:,} cycles" in text
    assert "tb = 8" in text
    accesses = {access.role: access for access in plan.buffer_accesses()}
    assert accesses[OperandClass.CURRENTS].written_elements == 12 * 10 * 20
    assert accesses[OperandClass.MASKS].read_elements == plan.core.totals.flags  # type: ignore[attr-defined]
    wide = plans(update())[0]
    assert f"{wide.cost().cycles.total:,} cycles" in wide.formula()
    assert {demand.role for demand in wide.port_demand()} >= {OperandClass.SPIKES, OperandClass.GRADIENTS}
