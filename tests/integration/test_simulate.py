"""Whole runs from Python: levels, passes, schedules, bare products, refusals, conservation."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simsnn.api import Result, simulate
from simsnn.errors import CapacityError, ConfigError, SimsnnError, UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.results.report import Report, TaskRow
from tests.experiments import bare, layers, synthetic

CONV = "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}"
POOL = "{name: p, kind: max_pool, kernel: 2}"
STRIDED = "{name: b, kind: conv2d, channels: 8, kernel: 3, stride: 2, padding: 1}"
FLAT = "{name: f, kind: flatten}"
LINEAR = "{name: o, kind: linear, features: 5}"


@pytest.fixture(scope="module")
def quick() -> Result:
    return simulate(synthetic())


def task(report: Report, layer: str, pass_: str, part: str) -> TaskRow:
    (row,) = [r for r in report.tasks if (r.layer, r.pass_, r.part) == (layer, pass_, part)]
    return row


def test_every_pass_of_every_layer_runs_once(quick: Result) -> None:
    products = [(r.layer, r.pass_) for r in quick.report.tasks if r.part == "synapse"]
    names = [layer.name for layer in quick.prepared.network.weight_layers]
    expected = [(name, p) for name in names for p in "FBW" if (name, p) != (names[0], "B")]
    assert sorted(products) == sorted(expected)
    assert sorted(r.layer for r in quick.report.tasks if r.pass_ == "U") == sorted(names)
    neurons = [(r.layer, r.pass_) for r in quick.report.tasks if r.part == "neuron"]
    assert sorted(neurons) == sorted((name, p) for name in names[:-1] for p in "FB")


def test_the_bounds_hold_and_the_levels_are_ordered(quick: Result) -> None:
    cycles = {}
    for level in ("closed_form", "critical_path", "event"):
        report = simulate(synthetic(f"simulation.level={level}")).report
        cycles[level] = report.totals.total_cycles
        assert report.level == level
    assert cycles["closed_form"] <= cycles["critical_path"] <= cycles["event"]
    totals = quick.report.totals
    assert totals.lower_bound_cycles <= totals.total_cycles <= totals.upper_bound_cycles
    assert totals.total_cycles == cycles["event"]


def test_tasks_end_with_the_run_and_never_overlap_on_an_engine(quick: Result) -> None:
    for array in {row.array for row in quick.report.tasks}:
        rows = sorted((r for r in quick.report.tasks if r.array == array), key=lambda r: r.start_cycle)
        for before, after in pairwise(rows):
            assert before.end_cycle <= after.start_cycle
    assert max(row.end_cycle for row in quick.report.tasks) <= quick.report.totals.total_cycles


def test_energy_is_the_sum_of_tasks_and_leakage(quick: Result) -> None:
    report = quick.report
    total = sum(row.total_energy_pj for row in report.tasks) + sum(report.static_energy_pj.values())
    assert total == pytest.approx(report.totals.total_energy_pj, rel=1e-12)
    assert all(value > 0 for row in report.tasks for value in row.energy_pj.values())


def test_every_stored_tensor_goes_to_dram_exactly_once(quick: Result) -> None:
    for item in quick.prepared.mapped:
        stored = sum(t.bytes for move in item.choice.moves for t in move.stores)
        kept = sum(operand.bytes for operand in writes(item.operation) if operand.tensor not in item.resident)
        assert stored == kept, item.operation


def test_every_input_is_fetched_at_least_once(quick: Result) -> None:
    for item in quick.prepared.mapped:
        fetched = sum(t.bytes for move in item.choice.moves for t in move.loads)
        needed = sum(operand.bytes for operand in reads(item.operation) if operand.tensor not in item.resident)
        assert fetched >= needed, item.operation


def test_chunks_fit_their_srams(quick: Result) -> None:
    for item in quick.prepared.mapped:
        for move in item.choice.moves:
            for size, sram in zip(move.occupies, quick.prepared.machine.srams, strict=True):
                assert size <= sram.chunk_bytes


def test_inference_alone_needs_no_stash() -> None:
    report = simulate(synthetic("workload.passes=[F]")).report
    assert {row.pass_ for row in report.tasks} == {"F"}
    neuron = task(report, "conv1", "F", "neuron")
    assert not any(entry.operand == "membrane" for entry in neuron.traffic if entry.level == "dram0")


@pytest.mark.parametrize(("flow", "cycles"), [("ws", 33 + 2 * 32 + 32 - 2), ("is", 17 + 94), ("os", 32 + 94)])
def test_a_bare_product_of_one_fold_takes_its_formula(flow: str, cycles: int) -> None:
    m, k, n = {"ws": (33, 20, 7), "is": (20, 20, 17), "os": (20, 32, 7)}[flow]
    experiment = bare(m, k, n, "simulation.level=closed_form", f"mapping={{F: {{engine: array0, dataflow: {flow}}}}}")
    report = simulate(experiment).report
    assert report.totals.total_cycles == cycles
    assert report.activity.kind == "none"
    assert report.totals.samples == 1


def test_several_bare_products_are_independent_tasks() -> None:
    network = (
        "network={layers: [{name: g0, kind: gemm, m: 5, k: 6, n: 7}, {name: g1, kind: gemm, m: 40, k: 50, n: 60}]}"
    )
    result = simulate(bare(1, 1, 1, network))
    assert [row.layer for row in result.report.tasks] == ["g0", "g1"]
    assert all(not t.after for t in result.prepared.graph.tasks)


def test_a_product_of_one_on_an_array_of_one() -> None:
    report = simulate(bare(1, 1, 1, "hardware.arrays.0.rows=1", "hardware.arrays.0.columns=1")).report
    assert report.totals.total_cycles > 0


@pytest.mark.parametrize("network", [(CONV, STRIDED, FLAT, LINEAR), (CONV, POOL, STRIDED, FLAT, LINEAR)])
@pytest.mark.parametrize("lowering", ["phases", "zeros", "col2im"])
def test_every_lowering_of_b_runs(network: tuple[str, ...], lowering: str) -> None:
    report = simulate(synthetic(layers(*network), f"hardware.arrays.0.b_lowering={lowering}")).report
    scatters = [row for row in report.tasks if row.part == "scatter"]
    assert bool(scatters) == (lowering == "col2im")


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
@pytest.mark.parametrize("psum", ["accumulate", "spill"])
def test_every_dataflow_and_psum_runs(dataflow: str, psum: str) -> None:
    flows = [f"mapping.{p}.dataflow={dataflow}" for p in "FBW"]
    report = simulate(synthetic(layers(CONV, STRIDED, FLAT, LINEAR), f"hardware.arrays.0.psum={psum}", *flows)).report
    assert {row.dataflow for row in report.tasks if row.part == "synapse"} == {dataflow}


@pytest.mark.parametrize("encoding", ["poisson", "latency"])
def test_spiking_encodings_make_the_first_layer_binary(encoding: str) -> None:
    result = simulate(synthetic(f"workload.encoding={encoding}"))
    assert result.report.tasks[0].part == "encoding"
    assert result.prepared.network.layers[0].in_formats[0].binary


def test_step_by_step_runs_every_time_step() -> None:
    result = simulate(synthetic("schedule.kind=step_by_step", "hardware.vector_units.0.order=t_outer"))
    forward = [r for r in result.report.tasks if (r.layer, r.pass_, r.part) == ("conv1", "F", "synapse")]
    assert len(forward) == 4
    again = [r for r in result.report.tasks if (r.layer, r.pass_, r.part) == ("conv2", "W", "reduce")]
    assert len(again) >= 3
    rows = result.report.to_rows()
    assert len({(row["layer"], row["pass"], row["part"]) for row in rows}) == len(rows)


def test_step_by_step_with_resident_neurons_is_refused() -> None:
    with pytest.raises(UnsupportedOperation, match="t_inner"):
        simulate(synthetic("schedule.kind=step_by_step"))


def test_step_by_step_with_batch_statistics_is_refused() -> None:
    norm = "{name: n, kind: batch_norm}"
    overrides = ("schedule.kind=step_by_step", "hardware.vector_units.0.order=t_outer")
    with pytest.raises(UnsupportedOperation, match="statistics span all time steps"):
        simulate(synthetic(layers(CONV, norm, FLAT, LINEAR), *overrides))
    frozen = "{name: n, kind: batch_norm, mode: frozen}"
    assert simulate(synthetic(layers(CONV, frozen, FLAT, LINEAR), *overrides)).report.tasks


def test_normalisation_and_residual_sums_run() -> None:
    block = (
        CONV,
        "{name: n, kind: batch_norm}",
        "{name: b, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
        "{name: s, kind: add, inputs: [b, n]}",
        FLAT,
        LINEAR,
    )
    parts = {(row.layer, row.pass_, row.part) for row in simulate(synthetic(layers(*block))).report.tasks}
    assert {("n", "F", "statistics"), ("n", "F", "normalisation"), ("n", "B", "statistics")} <= parts
    assert {("s", "F", "residual"), ("n", "B", "residual")} <= parts


def test_gated_adders_refuse_what_multiplies() -> None:
    with pytest.raises(UnsupportedOperation, match="gated adders need one binary operand"):
        simulate(synthetic("hardware.arrays.0.pe=gated_add"))


def test_gated_adders_count_real_spikes() -> None:
    overrides = ("hardware.arrays.0.pe=gated_add", "workload.passes=[F]", "workload.encoding=poisson")
    few, many = (simulate(synthetic(*overrides, f"activity.rate={rate}")).report for rate in (0.1, 0.4))
    adds = [task(r, "conv2", "F", "synapse").actions["pe.add_32"] for r in (few, many)]
    assert 3 < adds[1] / adds[0] < 5
    assert few.totals.total_cycles == many.totals.total_cycles


@pytest.mark.parametrize(
    ("override", "kind", "says"),
    [
        ("hardware.srams.0.size=64 B", CapacityError, "does not fit spike_buffer"),
        ("hardware.srams.2.size=512 B", CapacityError, "does not fit state_buffer"),
        ("hardware.srams.1.port_shortage=refuse", CapacityError, "weight_buffer"),
        ("hardware.clock=5 GHz", CapacityError, "slower than the clock"),
        ("hardware.srams.0.holds=[inputs, spikes]", ConfigError, "no SRAM of ws32 holds masks"),
        ("mapping.F.engine=array1", ConfigError, "no engine 'array1'"),
        ("mapping.F.engine=vector0", UnsupportedOperation, "does no matrix products"),
        ("mapping.neuron.engine=array0", UnsupportedOperation, "no elementwise work"),
        ("mapping.U=null", ConfigError, "does not say which engine runs U"),
        ("mapping.U.dataflow=ws", ConfigError, "no dataflows to choose from"),
        ("hardware.arrays.0.dataflows=[ws]", ConfigError, "does not offer dataflow os"),
        ("mapping.layers={convx: {F: {engine: array0}}}", ConfigError, "no layer of the network"),
        ("energy.arithmetic=horowitz_32nm", ConfigError, "is for 32 nm"),
        ("energy.sram=cacti", ConfigError, "cacti"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(override: str, kind: type[SimsnnError], says: str) -> None:
    with pytest.raises(kind) as error:
        simulate(synthetic(override))
    assert says in str(error.value)


def test_a_layer_may_have_its_own_mapping() -> None:
    report = simulate(synthetic("mapping.layers={conv2: {F: {engine: array0, dataflow: os}}}")).report
    assert task(report, "conv2", "F", "synapse").dataflow == "os"
    assert task(report, "conv1", "F", "synapse").dataflow == "ws"


def test_synthetic_activity_says_so(quick: Result) -> None:
    assert quick.report.activity.synthetic
    assert any("synthetic" in warning for warning in quick.report.activity.warnings)


def test_a_report_reads_back(quick: Result) -> None:
    assert Report.from_json(quick.report.to_json()) == quick.report
    assert len(quick.report.to_csv().splitlines()) == 1 + len(quick.report.to_rows())
