"""A network whose forward pass and weight update run on a LUT engine, through the public interface."""

from __future__ import annotations

import pytest

from simsnn.api import Result, simulate
from simsnn.engines.lut_forward_plan import LutForwardPlan
from simsnn.engines.lut_update_plan import LutUpdatePlan
from simsnn.errors import ConfigError, UnsupportedOperation
from tests.experiments import layers, synthetic

LUT = (
    "{name: lut0, kind: lut, address_bits: 4, build_ports: 2, lanes: 8, groups: 4, read_ports: 2, tables: double,"
    " block_positions: 256, skip: zero_address, skip_window: 4, skip_groups: all_lanes, grouping: time,"
    " accumulator_words: 20000, accumulators: double, drain_width: 4, bypass: when_cheaper, sharing: 2,"
    " acc_width: 32 bit}"
)
ARRAY = "{name: array0, kind: systolic, rows: 8, columns: 8, pe: mac, acc_rows: 256, acc_width: 32 bit}"
NETWORK = layers(
    "{name: a, kind: conv2d, channels: 12, kernel: 3, padding: 1}",
    "{name: p, kind: max_pool, kernel: 2}",
    "{name: b, kind: conv2d, channels: 10, kernel: 3, padding: 1, stride: 2}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)
MAPPING = (
    "mapping={F: {engine: lut0}, B: {engine: array0, dataflow: ws}, W: {engine: lut0}, U: {engine: vector0},"
    " neuron: {engine: vector0}}"
)


def run(*overrides: str, lut: str = LUT, encoding: str = "poisson") -> Result:
    hardware = f"hardware.arrays=[{lut}, {ARRAY}]"
    return simulate(synthetic(NETWORK, hardware, MAPPING, f"workload.encoding={encoding}", *overrides))


@pytest.fixture(scope="module")
def result() -> Result:
    return run()


def test_both_passes_run_on_the_lut_and_report_what_they_noticed(result: Result) -> None:
    tasks = [task for task in result.report.tasks if task.engine == "lut"]
    assert len(tasks) == 6
    for task in tasks:
        seen = task.observations
        assert 0 < seen["operations"] < seen["dense_operations"]
        assert seen["table_reads"] + seen["bypassed_tiles"] > 0
        assert seen["table_builds"] >= 0
        assert sum(task.energy_pj.values()) > 0
    assert any(task.observations["position_groups_dropped"] for task in tasks)
    assert any(task.observations["issues_skipped"] for task in tasks)


def test_neurons_follow_their_products(result: Result) -> None:
    plans = [(item.choice.plan, item.fused) for item in result.prepared.mapped]
    assert any(isinstance(plan, LutForwardPlan) and fused is not None for plan, fused in plans)
    assert any(isinstance(plan, LutUpdatePlan) for plan, _ in plans)


def test_real_spikes_are_faster_than_the_dense_case(result: Result) -> None:
    mapped = [item for item in result.prepared.mapped if isinstance(item.choice.plan, LutForwardPlan | LutUpdatePlan)]
    for item in mapped:
        dense = item.choice.plan.with_activity(None).cost().cycles.total
        task = next(
            t for t in result.report.tasks if (t.layer, t.pass_) == (item.operation.layer, item.operation.pass_)
        )
        assert task.cycles - task.parts.stall <= dense


def test_the_table_size_changes_the_run(result: Result) -> None:
    wide = run(lut=LUT.replace("address_bits: 4", "address_bits: 6"))
    assert wide.report.totals.total_cycles != result.report.totals.total_cycles


def test_small_buffers_cut_the_work_finer(result: Result) -> None:
    small = run(
        *(f"hardware.srams.{i}.{key}" for i in range(3) for key in ("banks=2", "size=4 KiB")),
        "hardware.srams.1.size=16 KiB",
        "hardware.srams.2.size=8 KiB",
    )
    assert len(small.report.tasks) == len(result.report.tasks)
    chunks = [
        sum(item.choice.plan.chunk_count for item in run_.prepared.mapped if item.placement.engine == 0)
        for run_ in (result, small)
    ]
    assert chunks[1] > chunks[0]


def test_step_by_step_adds_to_the_gradient_in_memory() -> None:
    done = run("schedule={kind: step_by_step}", "hardware.vector_units.0.order=t_outer")
    updates = [item for item in done.prepared.mapped if isinstance(item.choice.plan, LutUpdatePlan)]
    adding = [item for item in updates if item.operation.accumulates]  # type: ignore[union-attr]
    assert adding
    for item in adding:
        plan = item.choice.plan
        assert plan.core.totals.readback_words == plan.core.totals.drained_words  # type: ignore[attr-defined]


def test_dense_inputs_are_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedOperation, match="addressed by bits") as caught:
        run(encoding="direct")
    assert "poisson" in str(caught.value)


def test_too_many_address_bits_are_refused_in_the_file() -> None:
    with pytest.raises(ConfigError, match="8,192 entries"):
        run(lut=LUT.replace("address_bits: 4", "address_bits: 13"))
