"""Dual-sparsity engine: laws of its static, crossbar-free form, and of its counts in every form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.engines.dual_sparse_check import COMBINATIONS, Switches, dual_sparse_cases
from simsnn.engines.dual_sparse_config import Balance, LaneMap, MaskUse
from simsnn.engines.dual_sparse_work import dense_work, masked_work
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

DUAL = [s for s in COMBINATIONS if s.sparsity is MaskUse.DUAL and not s.late]


def activity_of(case, gradient, needed):
    plan = case.plan
    g, steps = plan.geometry, plan.operation.timesteps

    def tensor(rows, h, w):
        shaped = rows.reshape(-1, steps, h, w, rows.shape[1]).transpose(1, 0, 4, 2, 3)
        return SpikeTensor.from_dense(np.ascontiguousarray(shaped != 0).astype(np.uint8))

    below = tensor(needed, g.in_h, g.in_w)
    return ProductActivity(g, below, tensor(gradient, g.out_h, g.out_w), below)


def cycles(case, gradient, needed):
    return case.plan.with_activity(activity_of(case, gradient, needed)).cost().cycles.total


def test_thinned_masks_are_never_slower_with_blocks_and_fixed_lanes():
    rng, faster = np.random.default_rng(1), 0
    switches = Switches(Balance.STATIC, LaneMap.MODULO, MaskUse.DUAL, late=False)
    for case in dual_sparse_cases(switches, 250, seed=9):
        before = cycles(case, case.gradient, case.needed)
        kept = [rng.random(mask.shape) < rng.choice([0.0, 0.5, 0.95, 1.0]) for mask in (case.gradient, case.needed)]
        after = cycles(case, case.gradient * kept[0], case.needed * kept[1])
        assert after <= before
        faster += after < before
    assert faster > 50


@pytest.mark.parametrize("switches", DUAL, ids=lambda switches: switches.name.replace(" ", "-"))
def test_all_ones_masks_are_the_dense_count(switches):
    for case in dual_sparse_cases(switches, 40, seed=4):
        ones = case.plan.with_activity(activity_of(case, np.ones_like(case.gradient), np.ones_like(case.needed)))
        dense = case.plan.with_activity(None)
        assert ones.cost() == dense.cost()
        assert dense.totals.multiplies == dense.totals.dense == dense.work().useful


@pytest.mark.parametrize("switches", DUAL, ids=lambda switches: switches.name.replace(" ", "-"))
def test_empty_masks_only_scan(switches):
    for case in dual_sparse_cases(switches, 40, seed=6):
        nothing = case.plan.with_activity(activity_of(case, case.gradient, np.zeros_like(case.needed)))
        total, slices = nothing.totals, nothing.pixel_work.slices
        bits = nothing.config.scan_bits
        words = sum(-(-(high - low) // bits) for low, high in map(slices.channels, range(len(slices.pairs))))
        assert total.scan_edges == nothing.pixel_work.pixels * words
        assert (total.issues, total.written, total.multiplies) == (0, 0, 0)
        silent = case.plan.with_activity(activity_of(case, np.zeros_like(case.gradient), case.needed))
        assert silent.totals.issues == silent.totals.passes + silent.totals.bank_conflicts
        assert silent.totals.multiplies == 0


@pytest.mark.parametrize("switches", DUAL, ids=lambda switches: switches.name.replace(" ", "-"))
def test_lane_cycles_and_group_cycles_add_up(switches):
    for case in dual_sparse_cases(switches, 40, seed=8):
        total, config = case.plan.totals, case.plan.config
        lanes = total.useful_lane_cycles + total.lane_rounding + total.bank_conflicts * config.lanes
        assert total.issues * config.lanes == lanes
        assert total.listed >= total.active_pixels
        parts = case.plan.cost().cycles
        assert parts.stream == total.issues
        assert parts.accounted == parts.total * config.groups


def test_a_mask_that_is_not_used_counts_as_ones():
    switches = Switches(Balance.STATIC, LaneMap.MODULO, MaskUse.DUAL, late=False)
    for case in dual_sparse_cases(switches, 30, seed=12):
        plan, activity = case.plan, activity_of(case, case.gradient, case.needed)
        for use in (MaskUse.INPUT, MaskUse.OUTPUT, MaskUse.NONE):
            config = plan.config.model_copy(update={"sparsity": use})
            work = masked_work(config, plan.operation, plan.geometry, activity)
            met = replace(
                activity,
                gradient=activity.gradient if use.input else None,
                needed=activity.needed if use.output else None,
            )
            same = masked_work(plan.config, plan.operation, plan.geometry, met)
            assert np.array_equal(work.tallies, same.tallies)
            if use is MaskUse.NONE:
                dense = dense_work(config, plan.operation, plan.geometry)
                assert np.array_equal(work.tallies, dense.tallies)


def test_late_operands_only_add_stalls_with_blocks():
    for lane_map in LaneMap:
        switches = Switches(Balance.STATIC, lane_map, MaskUse.DUAL, late=True)
        for case in dual_sparse_cases(switches, 60, seed=13):
            state, closed = case.plan.start(), case.plan.cost().cycles
            for chunk, ready in enumerate(case.ready):
                issue_end, result_end = case.plan.advance(state, chunk, ready)
                assert ready <= issue_end <= result_end
            parts = case.plan.parts(state)
            assert parts.accounted - parts.stall <= closed.accounted
            assert parts.stream == closed.stream
