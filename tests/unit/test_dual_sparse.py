"""Dual-sparsity engine: refusals with numbers, weight slices, hardware, notes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from simsnn.costs import Action, Observed, OperandClass, OperationCounts
from simsnn.energy.area import AreaModel
from simsnn.energy.parts import AreaUnit
from simsnn.energy.sram_table import sram_table
from simsnn.engines import ENGINES
from simsnn.engines.base import DatapathWidths
from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.dual_sparse_check import backward_operation
from simsnn.engines.dual_sparse_config import Balance, DualSparseConfig
from simsnn.engines.dual_sparse_slices import weight_slices
from simsnn.errors import CapacityError, UnsupportedOperation
from simsnn.mapping.masks import with_masks
from simsnn.workload.operation import ConvGeometry, Gemm, Operand, Pass, TaskPart, VectorOperation

CONV = ConvGeometry(64, 8, 8, 128, 3, 3, padding_h=1, padding_w=1)
WIDTHS = DatapathWidths(stationary=16, streamed=16, arithmetic=32, state=16)


def config(**changes) -> DualSparseConfig:
    base = {"name": "be0", "groups": 4, "lanes": 16, "scan_bits": 64, "weight_words": 18432, "acc_width": "32 bit"}
    return DualSparseConfig(**{**base, **changes})


def test_the_kind_is_registered():
    assert dict(ENGINES)["dual_sparse"] is DualSparseEngine


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": 0}, "greater than 0"),
        ({"lanes": 0}, "greater than 0"),
        ({"lane_map": "compact", "banks": 17}, "banks is 17, more than the 16 lanes"),
        ({"weight_words": 15}, "weight_words is 15, but 16 lanes"),
        ({"acc_width": "64 bit"}, "accumulator of 64 bit"),
        ({"sparsity": "both"}, "'dual', 'input', 'output' or 'none'"),
        ({"balance": "fair"}, "'static' or 'dynamic'"),
        ({"lane_map": "any"}, "'modulo' or 'compact'"),
        ({"grants_per_cycle": 0}, "greater than 0"),
        ({"barrier_pixels": 0}, "greater than 0"),
        ({"weights": "shared"}, "unknown key"),
    ],
)
def test_bad_parameters_are_refused_with_what_is_allowed(changes, words):
    with pytest.raises(ValidationError, match=words):
        config(**changes)


def test_only_pass_b_of_layers_is_supported():
    engine, operation = DualSparseEngine(config()), backward_operation(CONV, 2, 3)
    assert engine.supports(operation) is None
    for pass_ in (Pass.F, Pass.W):
        refusal = engine.supports(replace(operation, pass_=pass_))
        assert refusal is not None
        assert f"not pass {pass_.value}" in refusal.reason
        assert "LUT" in refusal.remedy
    bare = engine.supports(replace(operation, geometry=None, gemm=Gemm(2, 2, 2)))
    assert bare is not None
    assert "no pixels" in bare.reason
    weights = Operand("w", OperandClass.WEIGHTS, 8, 8)
    update = VectorOperation("l", Pass.U, TaskPart.UPDATE, 8, 1, OperationCounts(add=1), 16, (weights,), (weights,))
    vector = engine.supports(update)
    assert vector is not None
    assert "vector unit" in vector.remedy


def test_a_slice_that_fits_nowhere_is_refused_with_taps_lanes_and_words():
    small = config(weight_words=143)
    refusal = DualSparseEngine(small).supports(backward_operation(CONV, 1, 1))
    assert refusal is not None
    assert "9 taps x 16 lanes need 144 weight words, a group holds 143" in refusal.reason
    assert "144 or more" in refusal.remedy
    assert "at most 15 lanes" in refusal.remedy
    with pytest.raises(UnsupportedOperation, match="be0: 9 taps x 16 lanes"):
        DualSparseEngine(small).plan(backward_operation(CONV, 1, 1))
    with pytest.raises(CapacityError) as caught:
        weight_slices(small, CONV)
    assert (caught.value.demand, caught.value.bound) == (144, 143)
    assert len(weight_slices(config(weight_words=144), CONV).co) == 128


def test_slices_of_sixteen_lanes_and_128_channels_take_36_kib_per_group():
    words = 9 * 128 * 16
    assert words * 16 // 8 == 36 * 1024
    slices = weight_slices(config(weight_words=words), CONV)
    assert slices.c == ((0, 16), (16, 32), (32, 48), (48, 64))
    assert slices.co == ((0, 128),)
    assert slices.pairs == ((0, 0), (1, 0), (2, 0), (3, 0))
    wider = weight_slices(config(weight_words=words), replace(CONV, out_channels=512))
    assert wider.co == ((0, 128), (128, 256), (256, 384), (384, 512))
    assert wider.pairs[:5] == ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0))
    assert [wider.first_of_sum(p) for p in range(5)] == [True, False, False, False, True]
    assert [wider.last_of_sum(p) for p in range(5)] == [False, False, False, True, False]


def test_output_slices_are_the_fewest_and_balanced():
    slices = weight_slices(config(weight_words=9 * 16 * 100), CONV)
    assert slices.co == ((0, 64), (64, 128))
    uneven = weight_slices(config(weight_words=9 * 16 * 50), CONV)
    assert [high - low for low, high in uneven.co] == [42, 43, 43]


def test_slices_end_with_the_channels_and_restart_with_every_conv_group():
    odd = replace(CONV, in_channels=40, out_channels=6, groups=2)
    slices = weight_slices(config(weight_words=9 * 3 * 16), odd)
    assert slices.c == ((0, 16), (16, 20), (20, 36), (36, 40))
    assert slices.co == ((0, 3), (3, 6))
    assert slices.pairs == ((0, 0), (1, 0), (2, 1), (3, 1))
    whole = weight_slices(config(weight_words=9 * 3 * 32), odd)
    assert whole.c == ((0, 20), (20, 40))


def test_the_copies_dominate_the_area_and_every_part_has_one():
    for changes in ({}, {"lane_map": "compact", "banks": 8, "balance": "dynamic", "values_per_cycle": 2}):
        engine = DualSparseEngine(config(**changes))
        parts = engine.area_parts(WIDTHS)
        banks = next(part for part in parts if part.unit is AreaUnit.WEIGHT_BANK)
        copies = engine.config.groups * engine.config.values_per_cycle
        assert banks.widths[0] * banks.count == 18432 * copies
        units = {part.unit for part in parts}
        assert {AreaUnit.SCANNER, AreaUnit.MAC_PE, AreaUnit.REGISTER} <= units
        assert (AreaUnit.CROSSBAR in units) == bool(changes)
        lines = AreaModel.of(45, sram_table("cacti7_lstp", 45.0)).lines(parts)
        assert {line.unit for line in lines} == units
        assert all(line.um2 > 0 for line in lines)
        assert max(lines, key=lambda line: line.um2).unit is AreaUnit.WEIGHT_BANK


def test_a_refused_output_mask_is_reported_and_the_layer_runs_dense_in_it():
    operation = backward_operation(CONV, 2, 3)
    assert operation.sparsity is not None
    refused = replace(operation.sparsity, needed=None, refusal="the arctan surrogate of conv1 has no zeros")
    operation = replace(operation, sparsity=refused, masks=(operation.masks[0],))
    note = "be0: output sparsity refused on layer: the arctan surrogate of conv1 has no zeros"
    cost = DualSparseEngine(config()).plan(operation).cost()
    assert note in cost.approximations
    assert note not in DualSparseEngine(config(sparsity="input")).plan(operation).cost().approximations
    assert cost.observed(Observed.ACTIVE_PIXELS) == cost.observed(Observed.PIXELS)


@pytest.mark.parametrize(
    ("use", "gradient", "needed"),
    [("dual", True, True), ("input", True, False), ("output", False, True), ("none", False, False)],
)
def test_only_the_masks_in_use_are_asked_for(use, gradient, needed):
    capabilities = DualSparseEngine(config(sparsity=use)).capabilities
    operation = with_masks(replace(backward_operation(CONV, 2, 3), masks=()), capabilities)
    names = {mask.tensor for mask in operation.masks}
    assert ("layer.dcurrent.mask" in names, "below.spikes.needed" in names) == (gradient, needed)
    assert capabilities.needs_activity == (use != "none")


def test_actions_and_buffer_accesses_follow_from_the_counts():
    engine = DualSparseEngine(config(lane_map="compact", banks=8, sparsity="none"))
    plan = engine.plan(replace(backward_operation(CONV, 2, 3), masks=()))
    total, actions = plan.totals, plan.cost().actions
    assert total.multiplies == plan.work().useful == 6 * 22 * 22 * 64 * 128
    assert plan.work().peak_per_cycle == 4 * 16
    assert actions.get("lane", Action.MULTIPLY) == actions.get("bank", Action.BANK_READ) == total.multiplies
    assert actions.get("crossbar", Action.SELECT) == 3 * total.multiplies
    assert actions.get("bank", Action.BANK_WRITE) == 4 * CONV.weights
    accesses = {access.role: access for access in plan.buffer_accesses() if access.role is not OperandClass.GRADIENTS}
    assert set(accesses) == {OperandClass.WEIGHTS}
    assert accesses[OperandClass.WEIGHTS].read_elements == CONV.weights
    assert total.written == 6 * 64 * 64
    assert "4 slice pairs" in plan.formula()


def test_only_blocks_are_monotone():
    blocks, queue = (DualSparseEngine(config(balance=kind)).plan(backward_operation(CONV, 1, 2)) for kind in Balance)
    assert (blocks.monotone, queue.monotone) == (True, False)
