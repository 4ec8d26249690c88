"""Dual-sparsity engine: plan = register-level engine = dense masked gradient, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.engines.dual_sparse import DualSparseEngine
from simsnn.engines.dual_sparse_check import (
    COMBINATIONS,
    Switches,
    backward_operation,
    check_dual_sparse,
    differences,
    draw_config,
    dual_sparse_cases,
    machine_of,
    run_registers,
)
from simsnn.engines.dual_sparse_config import Balance, LaneMap, MaskUse
from simsnn.kernels import dual_sparse as kernel
from simsnn.reference.dual_sparse import run_dual_sparse
from simsnn.workload.dual_sparse_pixels import pixel_list
from simsnn.workload.operation import ConvGeometry
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor


@pytest.mark.parametrize("switches", COMBINATIONS, ids=lambda switches: switches.name.replace(" ", "-"))
def test_plan_equals_registers_on_random_cases(switches):
    result = check_dual_sparse(switches, 60, seed=11)
    assert (result.cases, result.mismatches, result.max_error) == (60, 0, 0)


def test_the_cases_reach_every_part_and_both_kinds_of_slices():
    seen = {"c": 0, "co": 0, "fill": 0, "scan": 0, "imbalance": 0, "drain": 0, "stall": 0, "conflicts": 0, "silent": 0}
    for switches in (s for s in COMBINATIONS if s.late and s.sparsity is MaskUse.DUAL):
        for case in dual_sparse_cases(switches, 80, seed=5):
            run = run_registers(case)
            slices = case.plan.pixel_work.slices
            seen["c"] += len(slices.c) > 1
            seen["co"] += slices.co_per_group > 1
            for name, column in (("fill", 0), ("scan", 4), ("imbalance", 5), ("drain", 6), ("stall", 7)):
                seen[name] += run.parts[column] > 0
            seen["conflicts"] += run.losses.bank_conflicts > 0
            seen["silent"] += run.counts.active_pixels == 0
    assert min(seen.values()) > 10, seen


@pytest.mark.parametrize("balance", list(Balance))
def test_a_wrong_plan_is_noticed(balance):
    switches = Switches(balance, LaneMap.MODULO, MaskUse.DUAL, late=False)
    cases = list(dual_sparse_cases(switches, 20, seed=2))
    runs = [run_registers(case) for case in cases]
    assert all(max(differences(case, run)) == 0 for case, run in zip(cases, runs, strict=True))
    slower = [replace(case.plan.pixel_work, edges=case.plan.pixel_work.edges * 2) for case in cases]
    wrong = [replace(c, plan=replace(c.plan, pixel_work=work)) for c, work in zip(cases, slower, strict=True)]
    noticed = [max(differences(case, run)) > 0 for case, run in zip(wrong, runs, strict=True)]
    active = [run.counts.active_pixels > 0 for run in runs]
    assert noticed == active
    assert sum(active) > 10


def packed(rows, batch, steps, h, w):
    shaped = rows.reshape(batch, steps, h, w, -1).transpose(1, 0, 4, 2, 3)
    return SpikeTensor.from_dense(np.ascontiguousarray(shaped).astype(np.uint8))


@pytest.mark.parametrize("lane_map", list(LaneMap))
def test_conv_groups_follow_one_another_as_separate_layers(lane_map):
    rng = np.random.default_rng(3)
    switches = Switches(Balance.STATIC, lane_map, MaskUse.DUAL, late=False)
    for _ in range(30):
        groups, inside, outside = (int(rng.integers(2, 4)), int(rng.integers(1, 7)), int(rng.integers(1, 5)))
        g = ConvGeometry(groups * inside, 4, 3, groups * outside, 3, 2, 1, 2, 1, 1, 1, 1, groups)
        one = replace(g, in_channels=inside, out_channels=outside, groups=1)
        config, slots = draw_config(rng, switches, one), 4
        needed = (rng.random((slots * g.in_pixels, g.in_channels)) < 0.5).astype(np.uint8)
        gradient = (rng.random((slots * g.out_pixels, g.out_channels)) < 0.5).astype(np.int64)
        below = packed(needed, 2, 2, g.in_h, g.in_w)
        activity = ProductActivity(g, below, packed(gradient, 2, 2, g.out_h, g.out_w), below)
        plan = DualSparseEngine(config).plan(backward_operation(g, 2, 2)).with_activity(activity)
        slices = DualSparseEngine(config).plan(backward_operation(one, 2, 2)).pixel_work.slices
        runs = []
        for index in range(groups):
            c, co = (slice(index * n, (index + 1) * n) for n in (inside, outside))
            bounds = [np.array([0, *(high for _, high in ranges)]) for ranges in (slices.c, slices.co)]
            pairs = len(slices.pairs)
            operands = (np.ascontiguousarray(gradient[:, co]), rng.integers(-9, 9, (6, outside, inside)))
            where = (np.ascontiguousarray(needed[:, c]), pixel_list(one, slots, 2))
            task = (np.array([0, slots * g.in_pixels]), np.zeros(pairs, np.int64))
            runs.append(run_dual_sparse(machine_of(config), *operands, *where, *bounds, *task))
        for name in ("multiplies", "scanned_bits", "passes", "written", "partial_reads", "active_pixels", "pixels"):
            assert getattr(plan.totals, name) == sum(getattr(run.counts, name) for run in runs)
        exposed, imbalance = plan.losses(plan.pixel_work.closed_form)
        assert exposed == sum(run.losses.exposed_scan for run in runs)
        assert imbalance == sum(run.losses.imbalance for run in runs)
        assert plan.totals.issues == sum(int(run.parts[1]) for run in runs)
        # every group starts when the one before has done its last scan and issue; only the last one drains
        worked = (plan.totals.issues + exposed + imbalance) // config.groups
        last = runs[-1]
        behind = (int(last.parts[1]) + last.losses.exposed_scan + last.losses.imbalance) // config.groups
        assert worked <= plan.cost().cycles.total <= worked + kernel.TAIL
        if last.counts.active_pixels:
            assert plan.cost().cycles.total - worked == last.total_cycles - behind


def test_all_ones_masks_give_the_count_written_by_hand():
    """Two samples of one step, 2 x 2 pixels, 1 x 1 kernel, 8 channels on 4 lanes, 6 values per pixel, one group."""
    geometry = ConvGeometry(8, 2, 2, 6)
    config = draw_config(
        np.random.default_rng(0), Switches(Balance.STATIC, LaneMap.MODULO, MaskUse.NONE, late=False), geometry
    ).model_copy(
        update={"groups": 1, "lanes": 4, "values_per_cycle": 2, "scan_bits": 4, "barrier_pixels": 3, "weight_words": 48}
    )
    plan = DualSparseEngine(config).plan(backward_operation(geometry, 2, 1))
    parts = plan.cost().cycles
    # scan ceil(8 / 4) + ceil(6 / 4) = 4 edges; 2 passes of 3 edges; blocks of 3, 3, 2 pixels: 4 + 6 * pixels each
    assert (parts.fill, parts.stream, parts.scan, parts.drain, parts.total) == (4, 48, 8, 2, 62)
