"""Laws of the LUT engine: closed forms without skipping, thinned spikes never slower, chunks change nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simsnn.engines.lut import LutEngine
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_draw import LutCase, LutSwitches, draw_case, draw_config, draw_operation, draw_plan
from simsnn.engines.lut_forward_plan import ForwardCore, LutForwardPlan
from simsnn.workload.operation import ConvGeometry, Pass
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor
from tests.unit.lut_samples import config, forward


@pytest.mark.parametrize("tables", ["single", "double"])
@pytest.mark.parametrize("build_ports", [1, 2, 8])
@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_equal_tiles_without_skipping_have_the_closed_form(tables: str, build_ports: int, pixels: int) -> None:
    """F tiles: F (tb + s) + D, or tb + (F - 1) max(s, tb) + s + D."""
    machine = config(tables=tables, build_ports=build_ports, block_positions=6 * pixels)
    operation = forward(ConvGeometry(29, 1, pixels, 10), 4, 3)
    plan = LutForwardPlan(next(iter(LutEngine(machine).candidates(operation))).core)  # type: ignore[attr-defined]
    tb, s, depth = machine.build_cycles, 3 * pixels, machine.depth
    tiles = 3 * 2 * 3  # output-channel tiles, position blocks, group tiles
    assert plan.core.totals.tiles == tiles
    expected = tiles * (tb + s) + depth if tables == "single" else tb + (tiles - 1) * max(s, tb) + s + depth
    assert plan.cost().cycles.total == expected


def counted(machine: LutConfig, core: ForwardCore) -> int:
    """Cycles by walking the loops once more, nothing skipped: unequal blocks, tail tiles and bypass included."""
    built = read = before = 0
    k = machine.address_bits
    for _ in range(core.work.oc_tiles):
        for start, stop in pairwise(core.bounds):
            issues = -(-(stop - start) // machine.read_ports)
            serial = machine.bypasses(issues)
            build = machine.copy_cycles if serial else machine.build_cycles
            for _ in range(core.group_tiles):
                built = (max(built, before) if machine.tables == "double" else read) + build
                before, read = read, max(built, read) + (k * issues if serial else issues)
    return read + machine.depth


@pytest.mark.parametrize("seed", range(40))
def test_without_skipping_cycles_need_no_spikes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    switches = LutSwitches(False, str(rng.choice(["single", "double"])), "none", "when_cheaper")
    machine, operation = draw_config(rng, switches), draw_operation(rng, update=False)
    assert operation.geometry is not None
    plan = draw_plan(rng, machine, replace(operation, geometry=replace(operation.geometry, groups=1)))
    assert isinstance(plan.core, ForwardCore)
    assert plan.cost().cycles.total == counted(machine, plan.core)


def thinned(case: LutCase, rng: np.random.Generator) -> ProductActivity:
    """The same activity with half of the spikes removed at random, but at least one left."""
    spikes = case.spikes * (rng.random(case.spikes.shape) < 0.5)
    geometry = case.plan.core.work.geometry
    mask = SpikeTensor.from_dense((case.gradients != 0).astype(np.uint8))
    return ProductActivity(geometry, SpikeTensor.from_dense(spikes.astype(np.uint8)), mask)


@pytest.mark.parametrize("seed", range(60))
def test_thinned_spikes_are_never_slower_forward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    switches = LutSwitches(False, str(rng.choice(["single", "double"])), "zero_address", "never")
    for _ in range(5):
        case = draw_case(rng, switches)
        fewer = case.plan.with_activity(thinned(case, rng))
        assert fewer.cost().cycles.total <= case.plan.cost().cycles.total
        assert fewer.cost().cycles.stream <= case.plan.cost().cycles.stream


@pytest.mark.parametrize("seed", range(30))
def test_thinned_spikes_are_never_slower_in_the_update(seed: int) -> None:
    """While every output-channel tile keeps an issue: one without any drains only when its flags are passed."""
    rng = np.random.default_rng(seed)
    kinds = [str(rng.choice(["single", "double"])) for _ in range(2)]
    switches = LutSwitches(True, kinds[0], "zero_address", "never", accumulators=kinds[1])
    for _ in range(5):
        case = draw_case(rng, switches)
        fewer = case.plan.with_activity(thinned(case, rng))
        core = fewer.core
        issued = all(
            core.table(section, oc)[:, 2].sum() > 0
            for section in range(len(core.sections))
            for oc in range(core.work.oc_tiles)
        )
        if issued:
            assert fewer.cost().cycles.total <= case.plan.cost().cycles.total


@pytest.mark.parametrize("seed", range(20))
def test_cuts_into_chunks_change_no_cycle_and_no_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = draw_case(rng, LutSwitches(False, "double", "zero_address", "when_cheaper"))
    core = case.plan.core
    assert isinstance(core, ForwardCore)
    for cut in ((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)):
        plan = LutForwardPlan(core, *cut)
        state = plan.start()
        for chunk in range(plan.chunk_count):
            plan.advance(state, chunk, 0)
        assert plan.parts(state) == case.plan.cost().cycles


@pytest.mark.parametrize("seed", range(20))
def test_operations_are_spikes_times_fan_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = [str(rng.choice(options)) for options in (("none", "all_lanes"), ("none", "zero_address"))]
    case = draw_case(rng, LutSwitches(bool(seed % 2), "double", kinds[1], "when_cheaper", kinds[0]))
    geometry = case.plan.core.work.geometry
    activity = ProductActivity(geometry, SpikeTensor.from_dense(case.spikes.astype(np.uint8)))
    assert activity.nonzeros is not None
    totals = case.plan.core.totals
    assert totals.operations == activity.nonzeros * (geometry.out_channels // geometry.groups)
    assert totals.table_adds == totals.tables * (2**case.plan.core.config.address_bits - 1) - totals.table_copies
    assert (case.plan.core.work.operation.pass_ is Pass.W) is bool(seed % 2)


@pytest.mark.parametrize("seed", range(30))
def test_later_operands_never_make_a_chunk_earlier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    update = bool(seed % 3)
    switches = LutSwitches(update, "double", "zero_address", "when_cheaper", "all_lanes" if update else "none")
    for _ in range(5):
        plan = draw_case(rng, switches).plan
        early = rng.integers(0, 80, plan.chunk_count)
        late = early + rng.integers(0, 30, plan.chunk_count)
        states = (plan.start(), plan.start())
        for chunk in range(plan.chunk_count):
            first, second = (
                plan.advance(state, chunk, int(ready[chunk]))
                for state, ready in zip(states, (early, late), strict=True)
            )
            assert first[0] <= second[0]
            assert first[1] <= second[1]
