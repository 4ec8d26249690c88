"""The engine pipeline in whole runs: three arrays stand in for the engines of the passes."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from simsnn.api import Result, load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.results.report import Report, TaskRow
from simsnn.workload.operation import Pass, TaskPart
from tests.experiments import SYNTHETIC, layers

ARRAY = (
    "{{name: {name}, kind: systolic, rows: 8, columns: 8, pe: {pe}, dataflows: [ws, os], b_lowering: phases,"
    " transpose: on_store, group_packing: none, partial_folds: full, stationary_buffering: double,"
    " weight_load: row_addressed, drain: overlapped, drain_enable: row_timed, fold_order: k_inner, psum: accumulate,"
    " acc_rows: 4096, acc_width: 32 bit, im2col: line_buffer, compatibility: none}}"
)
UNIT = (
    "{{name: {name}, kind: vector_unit, lanes: 16, ops_per_cycle: 4, pipeline_cycles: 4, order: t_inner,"
    " block_slots: 64}}"
)
PASSES = (
    "F: {engine: fe0, dataflow: ws}, B: {engine: be0, dataflow: ws}, W: {engine: wue0, dataflow: os},"
    " R: {engine: fe0, dataflow: ws}"
)
VECTOR = "U: {engine: soma0}, neuron: {engine: soma0}, neuron_backward: {engine: grad0}"
NETWORK = layers(
    "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
    "{name: p, kind: max_pool, kernel: 2}",
    "{name: b, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)
ENGINES = "schedule={kind: engine_pipeline, group_samples: 4}"
SERIAL = "schedule={kind: engine_pipeline, group_samples: 4, pipeline: none}"
ONE_GROUP = "schedule={kind: engine_pipeline, group_samples: 16}"


def machine(*overrides: str, pe: str = "mac") -> ExperimentConfig:
    """Small machine with an array per pass and a vector unit per direction; room for all tensors of a group."""
    arrays = ", ".join(ARRAY.format(name=name, pe="mac" if name == "be0" else pe) for name in ("fe0", "be0", "wue0"))
    units = ", ".join(UNIT.format(name=name) for name in ("soma0", "grad0"))
    sizes = (f"hardware.srams.{i}.size=1 MiB" for i in range(3))
    base = (SYNTHETIC, NETWORK, "workload.batch=16", "workload.encoding=poisson", "hardware.dram.bandwidth=64 GB/s")
    parts = (f"hardware.arrays=[{arrays}]", f"hardware.vector_units=[{units}]", *sizes)
    return load("quickstart", (*base, *parts, f"mapping={{{PASSES}, {VECTOR}}}", *overrides))[0]


@pytest.fixture(scope="module")
def piped() -> Result:
    return simulate(machine(ENGINES))


@pytest.fixture(scope="module")
def serial() -> Result:
    return simulate(machine(SERIAL))


def engine_actions(report: Report, *, without: tuple[str, ...] = ()) -> Counter[str]:
    """Counts of the engines themselves; transfers and buffers apart."""
    total: Counter[str] = Counter()
    outside = {"dram0", "spike_buffer", "weight_buffer", "state_buffer"}
    for row in report.tasks:
        for name, count in row.actions.items():
            if name.split(".")[0] not in outside and row.part not in without:
                total[f"{row.pass_}.{row.part}.{name}"] += count
    return total


def traffic(report: Report, operand: str, *, pass_: str = "", part: str = "") -> int:
    rows = [r for r in report.tasks if (not pass_ or r.pass_ == pass_) and (not part or r.part == part)]
    entries = [t for row in rows for t in row.traffic if t.level == report.dram_level and t.operand == operand]
    return sum(t.read_bytes + t.write_bytes for t in entries)


def written(report: Report) -> Counter[str]:
    """Bytes stored in DRAM per operand class, weight gradients apart."""
    total: Counter[str] = Counter()
    for entry in (t for row in report.tasks for t in row.traffic if t.level == report.dram_level):
        if entry.operand != "weight_gradients":
            total[entry.operand] += entry.write_bytes
    return total


def rows(report: Report, *keys: tuple[str, str]) -> list[TaskRow]:
    return [row for row in report.tasks if (row.pass_, row.part) in keys]


def test_the_pipeline_is_faster_and_does_the_same(piped: Result, serial: Result) -> None:
    assert piped.report.totals.total_cycles < serial.report.totals.total_cycles
    assert engine_actions(piped.report) == engine_actions(serial.report)
    assert piped.report.totals.dram_bytes == serial.report.totals.dram_bytes


@pytest.mark.parametrize("result", ["piped", "serial"])
def test_every_run_lies_within_its_bounds(result: str, request: pytest.FixtureRequest) -> None:
    totals = request.getfixturevalue(result).report.totals
    assert totals.lower_bound_cycles <= totals.total_cycles <= totals.upper_bound_cycles
    assert totals.critical_path_cycles <= totals.total_cycles


def test_serial_tasks_do_not_overlap_but_within_a_fused_pair(serial: Result) -> None:
    graph, mapped, records = serial.prepared.graph, serial.prepared.mapped, serial.execution.tasks
    for number in range(1, len(mapped)):
        if mapped[number].consumes:
            assert number - 1 not in graph.tasks[number].after
            continue
        done = max(record.done for record in records[:number])
        moments = [m for m in serial.execution.moments if int(m["task"]) == number]
        assert min(int(m["admitted"]) for m in moments) >= done


def test_groups_overlap_forward_with_backward_and_b_with_w(piped: Result) -> None:
    busy = {name: [r for r in piped.report.tasks if r.array == name] for name in ("fe0", "be0", "wue0")}

    def overlaps(first: str, second: str) -> bool:
        return any(
            a.start_cycle < b.end_cycle and b.start_cycle < a.end_cycle for a in busy[first] for b in busy[second]
        )

    assert overlaps("fe0", "be0")
    assert overlaps("fe0", "wue0")
    assert overlaps("be0", "wue0")


def test_a_writer_waits_for_the_readers_of_its_buffer(piped: Result) -> None:
    """The third group takes the buffer of the first, so it starts after the first has been read."""
    mapped, records = piped.prepared.mapped, piped.execution.tasks

    def of_group(item: MappedOperation, first: int) -> bool:
        extent = item.operation.extent
        return extent is not None and extent.samples[0] == first

    for name in ("a.spikes#0", "p.output#0", "b.spikes#0"):
        users = [i for i, item in enumerate(mapped) if any(o.tensor == name for o in reads(item.operation))]
        writers = [i for i, item in enumerate(mapped) if name in {t.tensor for t in writes(item.operation)}]
        early = [i for i in users if of_group(mapped[i], 0)]
        late = [i for i in writers if of_group(mapped[i], 8)]
        if early and late:
            assert max(records[i].done for i in early) <= min(records[i].start for i in late)
    assert any(name.endswith("#1") for item in mapped for name in (t.tensor for t in writes(item.operation)))
    assert not any("#2" in t.tensor for item in mapped for t in writes(item.operation))


def test_one_group_does_what_layer_by_layer_does() -> None:
    whole, one = simulate(machine("schedule={kind: layer_by_layer}")), simulate(machine(ONE_GROUP))
    total = [sum((Counter(row.actions) for row in r.report.tasks), Counter()) for r in (whole, one)]
    assert total[0] == total[1]
    assert whole.report.totals.dram_bytes == one.report.totals.dram_bytes
    assert engine_actions(whole.report) == engine_actions(one.report)


@pytest.mark.parametrize("samples", [2, 4, 8])
def test_more_groups_do_more_only_where_it_can_be_named(samples: int) -> None:
    """Groups fetch and load weights again and add to dW; nothing else is done or stored twice."""
    # ws: an os product that is cut along K leaves partial gradients, whose number depends on the cut
    flow, schedule = "mapping.W.dataflow=ws", f"schedule={{kind: engine_pipeline, group_samples: {samples}}}"
    one, many = simulate(machine(ONE_GROUP, flow)).report, simulate(machine(schedule, flow)).report
    groups = 16 // samples
    first, later = (engine_actions(report, without=("reduce",)) for report in (one, many))
    work = [name for name in first if name.endswith((".add_32", ".multiply_8x16", ".compare_16", ".select_16"))]
    assert work
    assert {name: later[name] for name in work if ".drain." not in name and ".accumulator." not in name} == {
        name: first[name] for name in work if ".drain." not in name and ".accumulator." not in name
    }
    elements = {"a": 8 * 2 * 9, "b": 8 * 8 * 9, "o": 5 * 128}
    added = rows(many, ("W", "reduce"))
    sums = sum(count for row in added for name, count in row.actions.items() if name == "lane.add_32")
    partial = sum(
        count for r in rows(one, ("W", "reduce")) for name, count in r.actions.items() if name == "lane.add_32"
    )
    assert sums - partial == (groups - 1) * sum(elements.values())
    for operand in ("masks", "membrane", "currents"):
        assert traffic(many, operand) == traffic(one, operand), operand
    assert written(many) == written(one)  # how often a product reads its spikes again depends on its cut
    assert traffic(many, "weights", pass_="F") == groups * traffic(one, "weights", pass_="F")


def test_weight_gradients_of_the_groups_are_summed(piped: Result) -> None:
    """Three re-adds per layer for four groups, on the unit of the forward neurons, each after its product."""
    added = [i for i in piped.prepared.mapped if i.operation.part is TaskPart.REDUCE]
    sums = [tuple(o.tensor for o in reads(item.operation)) for item in added]
    for layer in ("a", "b", "o"):
        total = f"{layer}.dweights"
        assert [names for names in sums if total in names] == [(f"{total}@0.{first}", total) for first in (4, 8, 12)]
    assert {piped.prepared.machine.engines[item.placement.engine].name for item in added} == {"soma0"}


def test_backward_vector_work_runs_on_its_own_unit(piped: Result) -> None:
    on = {(row.pass_, row.part): row.array for row in piped.report.tasks if row.array in ("soma0", "grad0")}
    assert {key for key, array in on.items() if array == "grad0"} == {("B", "neuron"), ("B", "pool"), ("B", "loss")}
    assert on["F", "neuron"] == on["F", "pool"] == on["U", "update"] == "soma0"


def test_a_layer_may_override_the_unit_of_either_direction() -> None:
    layer = "mapping.layers={b: {neuron_backward: {engine: soma0}}, a: {neuron: {engine: grad0}}}"
    report = simulate(machine(ENGINES, layer)).report
    on = {(r.layer, r.pass_): r.array for r in report.tasks if r.part == "neuron"}
    assert on == {("a", "F"): "grad0", ("a", "B"): "grad0", ("b", "F"): "soma0", ("b", "B"): "soma0"}
    one = simulate(machine(ENGINES, f"mapping={{{PASSES}, U: {{engine: soma0}}, neuron: {{engine: soma0}}}}")).report
    assert {r.array for r in one.tasks if r.part == "neuron"} == {"soma0"}


def test_an_unknown_backward_unit_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match="no engine 'nobody'") as caught:
        simulate(machine(ENGINES, "mapping.neuron_backward.engine=nobody"))
    assert caught.value.where.path == "mapping.neuron_backward.engine"


def test_the_coarse_formula_stands_beside_the_run(piped: Result, serial: Result) -> None:
    totals = piped.report.totals
    assert totals.coarse_pipeline_cycles is not None
    work: Counter[str] = Counter()
    for row in piped.report.tasks:
        work[row.array] += row.cycles - row.parts.stall
    busiest = max(work.values())
    assert busiest <= totals.coarse_pipeline_cycles
    assert json.loads(piped.report.to_json())["totals"]["coarse_pipeline_cycles"] == totals.coarse_pipeline_cycles
    closed = simulate(machine(SERIAL, "simulation.level=closed_form")).report.totals
    assert closed.coarse_pipeline_cycles == closed.total_cycles == serial.report.totals.coarse_pipeline_cycles
    assert simulate(machine("schedule={kind: layer_by_layer}")).report.totals.coarse_pipeline_cycles is None


def test_recompute_trades_memory_traffic_for_cycles(piped: Result) -> None:
    again = simulate(machine(ENGINES, "workload.stash=recompute")).report
    stored = piped.report
    assert again.totals.dram_bytes < stored.totals.dram_bytes
    assert again.totals.total_cycles > stored.totals.total_cycles
    assert traffic(stored, "membrane") > 0
    assert traffic(again, "membrane") == 0
    products = rows(again, ("R", "synapse"))
    assert {row.layer for row in products} == {"a", "b"}
    assert {row.array for row in products} == {"fe0"}
    forward = {row.layer: row.actions for row in rows(again, ("F", "synapse"))}
    for row in products:
        for name in ("pe.add_32", "pe.multiply_1x8"):
            assert row.actions[name] == forward[row.layer][name] > 0
    assert again.approximations == stored.approximations


def test_repeated_products_run_fused_with_the_neuron_backward() -> None:
    mapped = simulate(machine(ENGINES, "workload.stash=recompute")).prepared.mapped
    repeated = [(item, mapped[i + 1]) for i, item in enumerate(mapped) if item.operation.pass_ is Pass.R]
    assert repeated
    for product, neuron in repeated:
        assert (neuron.operation.layer, neuron.operation.part) == (product.operation.layer, TaskPart.NEURON)
        assert neuron.consumes


def test_gated_adds_of_a_repeated_product_count_the_real_spikes() -> None:
    report = simulate(machine(ENGINES, "workload.stash=recompute", pe="gated_add")).report
    for layer in ("a", "b"):
        adds = {
            pass_: sum(r.actions["pe.add_32"] for r in rows(report, (pass_, "synapse")) if r.layer == layer)
            for pass_ in ("F", "R")
        }
        assert adds["R"] == adds["F"] > 0


def test_a_lut_repeats_its_forward_product_on_the_same_spikes() -> None:
    lut = (
        "{name: fe0, kind: lut, address_bits: 4, build_ports: 2, lanes: 8, groups: 4, read_ports: 2, tables: double,"
        " block_positions: 1024, skip: zero_address, skip_window: 4, acc_width: 32 bit}"
    )
    flows = "mapping.F={engine: fe0}", "mapping.R={engine: fe0}"
    report = simulate(machine(ENGINES, f"hardware.arrays.0={lut}", *flows, "workload.stash=recompute")).report
    for layer in ("a", "b"):
        forward, again = (
            [row.observations["operations"] for row in rows(report, (pass_, "synapse")) if row.layer == layer]
            for pass_ in ("F", "R")
        )
        assert forward == again
        assert len(forward) == 4
        assert min(forward) > 0


def test_recompute_asks_for_its_engine_and_names_what_keeps_its_stash() -> None:
    without = f"mapping={{{PASSES.split(', R:')[0]}, {VECTOR}}}"
    with pytest.raises(ConfigError, match=r"which engine runs R .*its backward mode repeats the product of F"):
        simulate(machine(ENGINES, without, "workload.stash=recompute"))
    rectangle = "network.neuron.surrogate={kind: rectangle, width: 1.0}"
    report = simulate(machine(ENGINES, rectangle, "workload.stash=recompute")).report
    assert any("layer checkpoints: a, b keep what they stash" in note for note in report.approximations)
    assert not [row for row in report.tasks if row.pass_ == "R"]


def test_registers_of_the_lanes_grow_where_potentials_are_kept(piped: Result) -> None:
    again = simulate(machine(ENGINES, "workload.stash=recompute")).report
    assert again.totals.area_um2 is not None
    assert piped.report.totals.area_um2 is not None
    assert again.totals.area_um2 > piped.report.totals.area_um2
    grown = {row.component for row in again.area if row not in piped.report.area}
    assert grown == {"grad0"}


def test_statistics_over_the_batch_are_refused() -> None:
    norm = layers(
        "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
        "{name: n, kind: batch_norm, mode: training}",
        "{name: f, kind: flatten}",
        "{name: o, kind: linear, features: 5}",
    )
    with pytest.raises(UnsupportedOperation, match="statistics span the batch"):
        simulate(machine(norm, ENGINES))
