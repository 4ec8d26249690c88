"""Neurons, machines and schedules against one another: the cells of the grid, and what is measured of each.

One small VGG, trained with each neuron on enlarged digits; its recorded activity drives the engines that skip zeros.
A cell that an engine refuses keeps the reason. Cycles are those of one training step of the same batch:
the whole run where layers follow one another, an iteration of the steady state where they are pipelined.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsnn.api import load, simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.errors import SimsnnError
from simsnn.reproduction.stages import Stages
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.report import Report

ITERATIONS = 36
"""Of a pipelined run: enough for start-up, a steady state and the drain."""


@dataclass(frozen=True, slots=True)
class NeuronChoice:
    """A row of the grid: which network file, which backward mode."""

    name: str
    network: str
    mode: str


@dataclass(frozen=True, slots=True)
class MachineChoice:
    """A panel of the grid: experiment of one core, and of four on a ring."""

    name: str
    alone: str
    cores: str


NEURONS = (
    NeuronChoice("lif", "combined_vgg", "bptt"),
    NeuronChoice("reversible", "combined_vgg_reversible", "reversible"),
    NeuronChoice("psu", "combined_vgg_psu", "bptt"),
    NeuronChoice("psu triangle", "combined_vgg_psu_triangle", "bptt"),
    NeuronChoice("exact integer", "combined_vgg_integer", "reversible"),
)
MACHINES = (
    MachineChoice("systolic", "combined_systolic", "combined_systolic_x4"),
    MachineChoice("h2learn", "combined_h2learn", "combined_h2learn_x4"),
)
SCHEDULES = ("layer_by_layer", "pipedream", "spikepipe")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a cell that runs says of one training step.

    Parameters
    ----------
    cycles : float
        Of a step: makespan, or cycles per iteration of the pipeline.
    pace : str
        ``whole run``, ``exact``, ``settled`` or ``guess``.
    energy_pj : float
        Per sample.
    memory_bytes, node_bytes : int
        Most that all memories off chip hold at one moment; of it what neurons keep for their own backward pass.
    stash_bytes, version_bytes : int
        Tensors between tasks and old weights, each at its peak, summed over processors; zero without a pipeline.
    traffic_bytes, link_bytes : float
        To and from memories, and over links, per step.
    versions : int
        Most versions of one layer's weights kept by one processor.
    accuracy : float or None
        Of the trained network.
    activity : str or None
        Digest of the recorded activity.
    """

    cycles: float
    pace: str
    energy_pj: float
    memory_bytes: int
    node_bytes: int
    stash_bytes: int
    version_bytes: int
    traffic_bytes: float
    link_bytes: float
    versions: int
    accuracy: float | None
    activity: str | None


@dataclass(frozen=True, slots=True)
class GridCell:
    """One combination: measured, or refused with a reason."""

    neuron: NeuronChoice
    machine: MachineChoice
    schedule: str
    measured: Measured | None
    refusal: str = ""


def cell_experiment(neuron: NeuronChoice, machine: MachineChoice, schedule: str) -> ExperimentConfig:
    """Experiment of a cell."""
    alone = schedule == "layer_by_layer"
    overrides = [f"network={{preset: {neuron.network}}}", f"workload.backward={{kind: {neuron.mode}}}"]
    if not alone:
        overrides.append(f"schedule={{kind: {schedule}, iterations: {ITERATIONS}}}")
    experiment, _ = load(machine.alone if alone else machine.cores, tuple(overrides))
    short = neuron.name.replace(" ", "_")
    return experiment.model_copy(update={"name": f"combined_{short}_{machine.name}_{schedule}"})


def measure_grid(stages: Stages) -> tuple[GridCell, ...]:
    """Run every cell; a refused one is a cell as well."""
    cells = []
    for machine in MACHINES:
        for neuron in NEURONS:
            for schedule in SCHEDULES:
                stages.next(f"{neuron.name} neurons on {machine.name}, {schedule}")
                cells.append(_cell(neuron, machine, schedule))
    return tuple(cells)


def _cell(neuron: NeuronChoice, machine: MachineChoice, schedule: str) -> GridCell:
    empty = GridCell(neuron, machine, schedule, None)
    try:
        report = simulate(cell_experiment(neuron, machine, schedule)).report
    except SimsnnError as error:
        return replace(empty, refusal=error.message)
    return replace(empty, measured=_measured(report))


def _measured(report: Report) -> Measured:
    totals, memory, pipeline = report.totals, report.memory, report.pipeline
    assert memory is not None
    steps = 1 if pipeline is None else pipeline.iterations
    return Measured(
        cycles=float(totals.total_cycles) if pipeline is None else pipeline.iteration_cycles,
        pace="whole run" if pipeline is None else _pace(pipeline),
        energy_pj=totals.energy_per_sample_pj,
        memory_bytes=memory.peak_bytes,
        node_bytes=memory.node_peak_bytes,
        stash_bytes=0 if pipeline is None else sum(row.peak_stash_bytes for row in pipeline.processors),
        version_bytes=0 if pipeline is None else sum(row.version_bytes for row in pipeline.processors),
        traffic_bytes=totals.dram_bytes / steps,
        link_bytes=0.0 if pipeline is None else sum(row.bytes for row in pipeline.links) / steps,
        versions=1 if pipeline is None else max(row.weight_versions for row in pipeline.processors),
        accuracy=report.activity.accuracy,
        activity=report.provenance.activity_sha256,
    )


def _pace(pipeline: PipelineReport) -> str:
    if pipeline.period is not None:
        return "exact"
    return "settled" if pipeline.settled else "guess"
