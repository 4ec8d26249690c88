"""Networks of reversible neurons really trained: accuracy, firing rate, and the simulated time of a step.

Data: the bundled 8 x 8 digits, as images and read column by column. Widths, learning rate and epochs are a choice, the
same for all; the accuracy is that of the last epoch, one seed. ``executed`` says whether the training ran in
its mode: modes whose gradient is that of store-all are not executed but relied upon (the exact checks).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from simsnn.api import simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.reversible_cases import LIF, MLP, ModeCase, case_of, mode_experiment
from simsnn.reproduction.stages import Stages
from simsnn.results.report import Report
from simsnn.workload.backward_modes import Bptt

EXPERIMENT = "reversible_recipe"
TRAINED = (
    case_of("LIF", "store-all"),
    case_of("LIF", "layer checkpoint"),
    case_of("LIF", "SLTT"),
    case_of("LIF", "OTTT"),
    case_of("pair node", "store-all"),
    case_of("pair node", "streamlined reversible"),
    case_of("integer pair (E1)", "streamlined reversible"),
    case_of("integer LIF (E2)", "streamlined reversible"),
)


@dataclass(frozen=True, slots=True)
class DataCase:
    """A data set and its network; ``overrides`` are those of the experiment."""

    name: str
    network: str
    overrides: tuple[str, ...] = ()


_COLUMNS = ("workload.encoding=sequence", "activity.dataset={kind: digits_columns}")
DATA = (DataCase("digits", MLP), DataCase("digits_columns", "reversible_columns", _COLUMNS))


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training and one simulated step of it.

    Parameters
    ----------
    data : DataCase
        What it learned.
    case : ModeCase
        Neuron and mode.
    accuracy : float
        On held-out samples, 0..1.
    firing_rate : float
        Spikes per neuron and step, mean over the layers of neurons.
    report : Report
        Of the simulated step.
    """

    data: DataCase
    case: ModeCase
    accuracy: float
    firing_rate: float
    report: Report


def train_recipes(
    stages: Stages, cases: tuple[ModeCase, ...] = TRAINED, data: tuple[DataCase, ...] = DATA
) -> tuple[Recipe, ...]:
    """Every case on every data set."""
    found = []
    for each in data:
        for case in cases:
            stages.next(f"{each.name}: train {case.label}")
            found.append(train_recipe(each, case))
    return tuple(found)


def recipe_experiment(data: DataCase, case: ModeCase, *overrides: str) -> ExperimentConfig:
    """The experiment of a recipe."""
    return mode_experiment(data.network, case.neuron, case.mode, *data.overrides, *overrides, experiment=EXPERIMENT)


def train_recipe(data: DataCase, case: ModeCase, *overrides: str) -> Recipe:
    """Train, or fetch what an earlier training stored, and simulate a step."""
    report = simulate(recipe_experiment(data, case, *overrides)).report
    accuracy = report.activity.accuracy
    assert accuracy is not None  # the experiment trains
    rates = [rate for name, rate in report.activity.rates.items() if name.endswith(".output")]
    return Recipe(data, case, accuracy, fmean(rates), report)


def recipe_table(recipes: tuple[Recipe, ...]) -> Table:
    """One row per data set, neuron and mode."""
    columns = ("data", "neuron", "mode", "executed", "accuracy", "firing_rate", "cycles", "time_us", "energy_uj")
    rows = []
    for each in recipes:
        totals = each.report.totals
        executed = not each.case.exact or isinstance(each.case.mode, Bptt)
        row = (each.data.name, each.case.family, each.case.name, "yes" if executed else "no", each.accuracy)
        rows.append((*row, each.firing_rate, totals.total_cycles, totals.time_ns / 1e3, totals.total_energy_pj / 1e6))
    return Table("recipes", columns, tuple(rows))


_ADDERS = "mapping.layers={fc2: {F: {engine: adders0, dataflow: ws}}, fc3: {F: {engine: adders0, dataflow: ws}}}"


def dense_table() -> Table:
    """Products of a hidden layer that read spikes, on multipliers and on gated adders, or a real output."""
    node = case_of("pair node", "store-all")
    plain = ModeCase("store-all", "LIF", LIF, Bptt())
    rows: list[tuple[object, ...]] = []
    both = ("F", "W")
    for case, passes, overrides in ((plain, both, ()), (plain, ("F",), (_ADDERS,)), (node, both, ())):
        report = train_recipe(DATA[0], case, *overrides).report
        for task in report.tasks:
            if (task.layer, task.part) == ("fc2", "synapse") and task.pass_ in passes:
                operands = [row for row in task.traffic if row.operand in ("spikes", "inputs")]
                read = sum(row.read_bytes for row in operands if row.level == report.dram_level)
                prices = (task.energy_pj.get("pe", 0.0) / 1e6, task.energy_pj.get(report.dram_level, 0.0) / 1e6)
                place = (case.family, task.pass_, task.array, task.cycles)
                rows.append((*place, read, *prices, task.total_energy_pj / 1e6))
    columns = ("neuron", "pass", "engine", "cycles", "input_bytes_from_dram", "pe_uj", "dram_uj", "energy_uj")
    return Table("dense", columns, tuple(rows))
