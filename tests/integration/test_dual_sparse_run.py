"""Whole runs with pass B on a dual-sparsity engine, F and W on a systolic array."""

from __future__ import annotations

from functools import cache

import pytest

from simsnn.api import simulate
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.results.report import Report, TaskRow
from tests.experiments import layers, synthetic

ARRAY = "{name: array0, kind: systolic, rows: 8, columns: 8, pe: mac, acc_rows: 256, acc_width: 32 bit}"
NETWORK = (
    "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
    "{name: p, kind: max_pool, kernel: 2}",
    "{name: b, kind: conv2d, channels: 12, kernel: 3, stride: 2, padding: 1}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)


def overrides(**changes: str) -> tuple[str, ...]:
    engine = {"groups": "4", "lanes": "4", "scan_bits": "16", "weight_words": "288", "barrier_pixels": "4"} | changes
    keys = ", ".join(f"{key}: {value}" for key, value in engine.items())
    arrays = f"hardware.arrays=[{ARRAY}, {{name: be0, kind: dual_sparse, {keys}, acc_width: 32 bit}}]"
    return (layers(*NETWORK), arrays, "mapping.B={engine: be0}")


@cache
def run(sparsity: str = "dual", level: str = "event", balance: str = "static") -> Report:
    changed = overrides(sparsity=sparsity, balance=balance)
    return simulate(synthetic(*changed, f"simulation.level={level}")).report


def backward(report: Report) -> dict[str, TaskRow]:
    return {row.layer: row for row in report.tasks if row.array == "be0"}


def test_only_the_backward_products_run_on_the_engine():
    report = run()
    assert {(row.layer, row.pass_, row.part) for row in report.tasks if row.array == "be0"} == {
        ("b", "B", "synapse"),
        ("o", "B", "synapse"),
    }
    assert {row.pass_ for row in report.tasks if row.array == "array0"} == {"F", "W"}


def test_the_levels_are_ordered_and_group_cycles_add_up():
    cycles = {}
    for level in ("closed_form", "critical_path", "event"):
        report = run(level=level)
        cycles[level] = report.totals.total_cycles
        for row in backward(report).values():
            assert row.groups == 4
            assert row.parts.total == row.cycles * 4
            if level == "closed_form":
                assert row.parts.stall == 0
    assert cycles["closed_form"] <= cycles["critical_path"] <= cycles["event"]


def test_every_mask_used_makes_the_products_faster_and_the_operations_fewer():
    rows = {use: backward(run(use, "closed_form"))["b"] for use in ("dual", "input", "output", "none")}
    done = {use: row.observations["operations"] for use, row in rows.items()}
    assert done["dual"] < min(done["input"], done["output"])
    assert max(done["input"], done["output"]) < done["none"]
    assert done["none"] == rows["none"].observations["dense_operations"]
    cycles = {use: row.cycles for use, row in rows.items()}
    assert cycles["dual"] <= min(cycles["input"], cycles["output"])
    assert max(cycles["input"], cycles["output"]) <= cycles["none"]
    assert rows["dual"].observations["slices"] == 4  # two of 8 result channels by two of 12 summed
    assert rows["dual"].observations["weight_copies"] == 4


def test_one_queue_runs_as_well():
    closed = backward(run(level="closed_form", balance="dynamic"))
    static = backward(run(level="closed_form"))
    for layer, row in closed.items():
        assert row.observations["operations"] == static[layer].observations["operations"]
        assert row.parts.total == row.cycles * 4


def test_what_binds_weighs_waits_of_all_groups_against_their_work():
    row = backward(simulate(synthetic(*overrides(), "hardware.dram.bandwidth=4 GB/s")).report)["o"]
    busy = (row.parts.total - row.parts.stall) // row.groups
    assert row.stalls.dram // row.groups < busy < row.stalls.dram  # in group-cycles the wait only looks longer
    assert row.binds == "compute"


def test_energy_and_area_of_the_engine_are_priced():
    report = run()
    components = {name for row in backward(report).values() for name in row.energy_pj}
    assert {"lane", "bank", "scanner"} <= components
    assert "crossbar" not in components
    assert any("broadcast of a weight slice" in note for note in report.approximations)


def test_a_surrogate_without_zeros_is_reported():
    smooth = layers(*NETWORK).replace("{kind: triangle, width: 1.0}", "{kind: arctan, alpha: 2.0}")
    changed = (smooth, *overrides()[1:], "simulation.level=closed_form")
    report = simulate(synthetic(*changed)).report
    assert any(
        "output sparsity refused on b: the arctan surrogate of a has no zeros" in n for n in report.approximations
    )


@pytest.mark.parametrize("pass_", ["F", "W"])
def test_other_passes_are_refused_with_the_reason(pass_):
    with pytest.raises(UnsupportedOperation, match=f"not pass {pass_}"):
        simulate(synthetic(*overrides(), f"mapping.{pass_}={{engine: be0}}"))


def test_masks_must_be_known_unless_none_is_used():
    with pytest.raises(ConfigError, match="be0 skips zeros"):
        simulate(synthetic(*overrides(), "activity=null"))
    report = simulate(synthetic(*overrides(sparsity="none"), "activity=null", "simulation.level=closed_form")).report
    assert backward(report)["b"].cycles == backward(run("none", "closed_form"))["b"].cycles


def test_a_kernel_larger_than_the_private_weights_is_refused_with_numbers():
    with pytest.raises(UnsupportedOperation, match="9 taps x 4 lanes need 36 weight words, a group holds 35"):
        simulate(synthetic(*overrides(weight_words="35")))
