"""Every backward mode on two networks: simulated steps with their memory, beside the same step on real arrays."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.reversible_cases import (
    BLOCK_CASES,
    BLOCKS,
    CASES,
    FUSED,
    LEVEL_CASES,
    MLP,
    VGG,
    ModeCase,
    mode_experiment,
)
from simsnn.reproduction.reversible_steps import RealCase, operations_of, real_case, synapse_passes
from simsnn.reproduction.stages import Stages
from simsnn.results.memory_report import MemoryReport
from simsnn.results.report import Report
from simsnn.sim.census import RunMemory


@dataclass(frozen=True, slots=True)
class NetworkCase:
    """A network of the comparison, the hidden layer whose passes are counted, and what is trained on it."""

    name: str
    file: str
    hidden: str
    cases: tuple[ModeCase, ...]


NETWORKS = (
    NetworkCase("vgg", VGG, "conv2_1", (*CASES, *LEVEL_CASES)),
    NetworkCase("mlp", MLP, "fc2", (*CASES, *LEVEL_CASES)),
)
STREAMS = NetworkCase("blocks", BLOCKS, "branch2", BLOCK_CASES)
"""Needs a version that has blocks."""


def networks() -> tuple[NetworkCase, ...]:
    """The networks that this version can run."""
    return NETWORKS if FUSED is None else (*NETWORKS, STREAMS)


@dataclass(frozen=True, slots=True, eq=False)
class ModeRun:
    """A mode on a network.

    Parameters
    ----------
    network : NetworkCase
        Which network.
    case : ModeCase
        Which neuron and mode.
    experiment : ExperimentConfig
        The resolved experiment.
    report : Report
        Of the simulated step.
    memory : RunMemory
        Bytes over time.
    passes : float
        Of the hidden layer's synapses.
    real : RealCase
        The same on real arrays.
    """

    network: NetworkCase
    case: ModeCase
    experiment: ExperimentConfig
    report: Report
    memory: RunMemory
    passes: float
    real: RealCase

    @property
    def held(self) -> MemoryReport:
        """Memory section of the report."""
        assert self.report.memory is not None  # every simulated step has one
        return self.report.memory


def run_modes(stages: Stages) -> tuple[ModeRun, ...]:
    """All modes on all networks."""
    found = []
    for network in networks():
        for case in network.cases:
            stages.next(f"{network.name}: {case.label}")
            found.append(run_mode(network, case))
    return tuple(found)


def run_mode(network: NetworkCase, case: ModeCase, *overrides: str) -> ModeRun:
    """One mode on one network."""
    experiment = mode_experiment(network.file, case.neuron, case.mode, *overrides)
    workload, result = experiment.workload, simulate(experiment)
    slots = workload.timesteps * workload.batch
    passes = synapse_passes(operations_of(experiment), network.hidden, slots)
    real = real_case(network.file, case, workload.timesteps, workload.batch)
    return ModeRun(network, case, experiment, result.report, result.memory, passes, real)


def modes_table(runs: tuple[ModeRun, ...]) -> Table:
    """One row per network, neuron and mode."""
    columns = (
        "network",
        "neuron",
        "mode",
        "synapse_passes",
        "cycles",
        "energy_uj",
        "dram_bytes",
        "network_peak_bytes",
        "node_peak_bytes",
        "on_chip_peak_bytes",
        "gradient_error",
        "gradient_elements_differing",
        "inverse_leftover",
        "kept_elements",
        "node_kept_elements",
    )
    return Table("modes", columns, tuple(map(_row, runs)))


def _row(run: ModeRun) -> tuple[object, ...]:
    totals, held, real = run.report.totals, run.held, run.real
    return (
        run.network.name,
        run.case.family,
        run.case.name,
        run.passes,
        totals.total_cycles,
        totals.total_energy_pj / 1e6,
        totals.dram_bytes,
        held.peak_bytes,
        held.node_peak_bytes,
        held.peak_on_chip_bytes,
        real.error,
        real.differing,
        "" if real.leftover is None else real.leftover,
        real.all_elements,
        real.node_elements,
    )


def run_of(runs: tuple[ModeRun, ...], network: str, family: str, name: str) -> ModeRun:
    """The run of that network, neuron and mode."""
    return next(run for run in runs if (run.network.name, run.case.family, run.case.name) == (network, family, name))
