"""Closed forms of parallel units: against the whole program, T by T, and against the formulas for T*."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsnn.api import simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import OperationCounts
from simsnn.engines.base import Dataflow
from simsnn.engines.mixing_check import mixing_operation
from simsnn.engines.scan_check import scan_operation
from simsnn.mapping.machine import Machine
from simsnn.mapping.place import place
from simsnn.mapping.unit_forms import UnitForms, closed_form_cycles, one_after_another, side_by_side
from simsnn.preparation import build_experiment_network, step_operations, step_scope, step_widths
from simsnn.results.parallel_report import parallel_unit_rows
from simsnn.results.report import Report
from simsnn.workload.mixing import Mixing
from simsnn.workload.operation import GemmOperation, Pass
from simsnn.workload.parallel_forms import ParallelForm
from tests.experiments import synthetic

KINDS = ("{kind: psu, threshold: 0.5}", "{kind: sliding_psn, threshold: 1, order: 3}", "{kind: rpsu, threshold: 0.5}")
SMALL = (
    "workload.batch=4", "hardware.vector_units.0.scan=true", "hardware.vector_units.0.lanes=4",
    "hardware.arrays.0.rows=8", "hardware.arrays.0.columns=8",
)  # fmt: skip


def experiment(kind: str, *overrides: str) -> ExperimentConfig:
    return synthetic(f"network.neuron={kind}", "workload.timesteps=6", *SMALL, *overrides)


def forms_in(config: ExperimentConfig) -> UnitForms:
    network, scope = build_experiment_network(config), step_scope(config, frozenset(config.workload.passes))
    return UnitForms(network, scope, step_widths(config), config.mapping, Machine.build(config.hardware))


@pytest.mark.parametrize("kind", KINDS)
def test_an_option_is_the_sum_over_the_program_that_runs_it(kind: str) -> None:
    forms = forms_in(experiment(kind))
    layer = forms.layers[1]
    for pass_ in forms.passes:
        for option in (each for each in forms.options(layer, pass_) if not each.reason):
            entry = f"form: {option.form}, copies: {option.copies}"
            if option.form is ParallelForm.PRODUCT:
                entry += f", engine: {option.engine}, dataflow: {option.dataflow}"
            config = experiment(kind, f"mapping.parallel={{{entry}}}")
            assert one_after_another(option) == _summed(config, layer.name, pass_)
            assert forms_in(config).chosen(layer, pass_) == option


def _summed(config: ExperimentConfig, layer: str, pass_: Pass) -> int:
    machine, network, total = Machine.build(config.hardware), build_experiment_network(config), 0
    mine = {Pass.F} if pass_ is Pass.F else {Pass.B, Pass.W}
    for operation in step_operations(config, network):
        unit = not isinstance(operation, GemmOperation) or operation.mixing is not None
        if operation.layer == layer and operation.pass_ in mine and unit:
            where = place(operation, config.mapping, machine)
            plan = next(iter(machine.engines[where.engine].candidates(operation, where.dataflow)))
            total += plan.cost().cycles.total
    return total


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("pass_", [Pass.F, Pass.B])
@pytest.mark.parametrize("measure", [one_after_another, side_by_side])
def test_the_crossover_is_the_last_change_of_mind(kind: str, pass_: Pass, measure: object) -> None:
    """Every T up to 130 beside the search by halves; bounds that spare plans change nothing."""
    forms = forms_in(experiment(kind))
    layer = forms.layers[1]
    slower = []
    for steps in range(1, 131):
        running = [o for o in forms._options(layer, pass_, steps) if not o.reason]
        products = [measure(o) for o in running if o.form is ParallelForm.PRODUCT]
        sweeps = [measure(o) for o in running if o.form is not ParallelForm.PRODUCT]
        slower.append(min(products) > min(sweeps))
        assert forms._slower(layer, pass_, measure, steps) is slower[-1]
        assert measure(forms._least(layer, pass_, steps, 0)) <= min(products)
    assert slower[-1]
    found = forms.crossover(layer, pass_, measure)
    powers = [1 << power for power in range(8)]
    last = max((steps for steps in powers if not slower[steps - 1]), default=0)
    assert found is not None
    assert slower[found - 1]
    assert found == 1 if not last else last < found <= 2 * last
    assert found == 1 or not slower[found - 2]


def test_crossovers_of_one_product_and_one_operation_are_those_of_the_formulas() -> None:
    """32 lanes beside 32 x 32 elements, N = 8192: RC/P = 32; with zeros left out in whole tiles 2 RC/P - R = 32."""
    machine = Machine.build(synthetic("hardware.vector_units.0.scan=true").hardware)
    array, vector = machine.engines[0], machine.engines[1]

    def sweep(steps: int) -> int:
        once = replace(scan_operation(8, 1024, steps, OperationCounts(compare=1), 1), scan=0)
        return closed_form_cycles(vector, once, None)

    def product(steps: int, mixing: Mixing) -> int:
        operation = mixing_operation(replace(mixing, timesteps=steps), 8)
        return min(closed_form_cycles(array, operation, flow) for flow in Dataflow)

    full, lower = Mixing(1, 1024), Mixing(1, 1024, "lower")
    edges = 3 * 32  # filling and draining once
    assert product(32, full) == pytest.approx(sweep(32), abs=edges)
    assert product(64, full) == pytest.approx(2 * sweep(64), abs=edges)
    assert product(33, lower) > 1.4 * sweep(33)
    for tiles in (2, 4, 8):  # T (T + R) / 2 against T N / P: 2 RC/P - R
        steps = 32 * tiles
        assert product(steps, lower) == pytest.approx((steps + 32) / 64 * sweep(steps), abs=edges)


def test_learned_units_have_nothing_to_cross() -> None:
    forms = forms_in(experiment(KINDS[2]))
    layer = forms.layers[0]
    refused = [option for option in forms.options(layer, Pass.F) if option.reason]
    assert [option.form for option in refused] == [ParallelForm.RECURRENCE, ParallelForm.SCAN]
    assert "they have product" in refused[0].reason
    assert forms.crossover(layer, Pass.F) is None
    assert forms.fastest(layer, Pass.F).copies == 1  # T = 6 on 8 rows leaves no room for a second one


def test_what_cannot_run_says_why() -> None:
    forms = forms_in(experiment(KINDS[0], "hardware.vector_units.0.scan=false", "hardware.arrays.0.pe=gated_add"))
    refused = {option.form: option.reason for option in forms.options(forms.layers[0], Pass.F) if option.reason}
    assert "scan" in refused[ParallelForm.SCAN]
    assert "gated adders" in refused[ParallelForm.PRODUCT]
    assert forms.fastest(forms.layers[0], Pass.F).form is ParallelForm.RECURRENCE
    assert forms.crossover(forms.layers[0], Pass.F) is None


def test_only_the_passes_that_run_have_rows() -> None:
    rows = parallel_unit_rows(forms_in(experiment(KINDS[0], "workload.passes=[F]")))
    assert {row.pass_ for row in rows} == {"F"}
    assert [row.layer for row in rows] == ["conv1", "conv2"]


def test_a_report_has_the_section_and_reads_it_back() -> None:
    report = simulate(experiment(KINDS[0], "simulation.level=critical_path")).report
    assert [(row.layer, row.pass_) for row in report.parallel_units] == [
        (layer, pass_) for layer in ("conv1", "conv2") for pass_ in ("F", "B")
    ]
    for row in report.parallel_units:
        assert row.chosen.form == "recurrence"
        assert row.chosen in row.options
        running = [o for o in row.options if o.cycles is not None and o.dram_cycles is not None]
        assert row.fastest == min(running, key=lambda o: (max(o.cycles or 0, o.dram_cycles or 0), o.cycles))
    assert Report.from_json(report.to_json()) == report
    assert simulate(synthetic("simulation.level=critical_path")).report.parallel_units == ()


def test_products_too_large_to_be_timed_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = forms_in(experiment(KINDS[2]))
    layer = forms.layers[0]
    monkeypatch.setattr("simsnn.mapping.unit_forms.MOST_FOLDS", 0)
    refused = [o for o in forms.options(layer, Pass.F) if o.form is ParallelForm.PRODUCT]
    assert all("not timed" in option.reason and "\n" not in option.reason for option in refused)
    assert {option.dataflow for option in refused} == {"ws", "is", "os"}
    assert forms.fastest(layer, Pass.F) == forms.chosen(layer, Pass.F)
    (row, *_) = parallel_unit_rows(forms)
    assert row.fastest.cycles is None
