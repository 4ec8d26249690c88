"""Every schedule on one machine: periods, memory, bytes, and the Gantt charts behind them.

The same batch of samples per iteration for all: schedules with flush cut it into micro-batches.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.api import simulate
from simsnn.config.experiment import ExperimentConfig
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.spikepipe_cells import Workload, cell_experiment
from simsnn.reproduction.stages import Stages
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.report import Report

BATCH, MICRO_BATCHES, SIZE = 4, 4, 32


@dataclass(frozen=True, slots=True)
class Compared:
    """A network and the number of processors that all schedules have."""

    workload: Workload
    processors: int


COMPARED = (
    Compared(Workload("gesture", "spikepipe_gesture", 40), 4),
    Compared(Workload("vgg9", "spikepipe_vgg9", 20), 8),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A schedule with its keys, as ``--set`` takes them."""

    name: str
    overrides: tuple[str, ...]


def _variant(name: str, kind: str, *keys: str) -> Variant:
    return Variant(name, (f"schedule={{kind: {kind}, iterations: 24}}", *(f"schedule.{key}" for key in keys)))


VARIANTS = (
    _variant("sequential", "sequential"),
    _variant("gpipe", "gpipe", f"micro_batches={MICRO_BATCHES}"),
    _variant("one_f_one_b", "one_f_one_b", f"micro_batches={MICRO_BATCHES}"),
    _variant("pipedream", "pipedream"),
    _variant("pipedream, retimed", "pipedream", "convention=retimed"),
    _variant("layerpipe", "layerpipe"),
    _variant("spikepipe", "spikepipe"),
    _variant("spikepipe, slot", "spikepipe", "hop=slot"),
    _variant("spikepipe, latest weights", "spikepipe", "weights=latest"),
)


@dataclass(frozen=True)
class ScheduleRun:
    """One schedule on one network."""

    compared: Compared
    variant: Variant
    experiment: ExperimentConfig
    report: Report

    @property
    def pipeline(self) -> PipelineReport:
        """The section of the report that it is about."""
        assert self.report.pipeline is not None  # the machine has processors
        return self.report.pipeline


def run_schedules(stages: Stages) -> tuple[ScheduleRun, ...]:
    """All schedules on all networks of the comparison."""
    found = []
    for compared in COMPARED:
        for variant in VARIANTS:
            stages.next(f"{compared.workload.name}: {variant.name}")
            overrides = (f"workload.batch={BATCH}", *variant.overrides)
            experiment = cell_experiment(compared.workload, SIZE, compared.processors, *overrides)
            named = experiment.model_copy(update={"name": f"spikepipe_{compared.workload.name}"})
            found.append(ScheduleRun(compared, variant, named, simulate(named).report))
    return tuple(found)


def schedule_table(runs: tuple[ScheduleRun, ...]) -> Table:
    """One row per network and schedule; memory and bytes are summed over the processors."""
    columns = (
        "network", "processors", "schedule", "program", "cycles_per_iteration", "exact_period",
        "speedup_over_sequential",
        "over_lower_bound", "resource_cycles", "largest_task_cycles", "loop_cycles", "utilisation", "bubble_share",
        "largest_delay", "weight_versions", "peak_memory_bytes", "stash_bytes", "version_bytes",
        "link_bytes_per_iteration", "overhead_share",
    )  # fmt: skip
    rows = []
    for run in runs:
        sequential = next(r for r in runs if r.compared is run.compared and r.variant.name == "sequential")
        rows.append(_row(run, sequential.pipeline.iteration_cycles / run.pipeline.iteration_cycles))
    return Table("schedules", columns, tuple(rows))


def _row(run: ScheduleRun, speedup: float) -> tuple[object, ...]:
    found, bounds = run.pipeline, run.pipeline.bounds
    spent = found.makespan_cycles * found.processor_count
    return (
        run.compared.workload.name,
        found.processor_count,
        run.variant.name,
        found.program,
        found.iteration_cycles,
        found.period_cycles is not None,
        speedup,
        found.distance,
        bounds.resource_cycles,
        bounds.largest_task_cycles,
        bounds.loop_cycles,
        run.report.totals.utilisation,
        sum(row.bubble_cycles for row in found.processors) / spent,
        max(layer.staleness for layer in found.layers),
        max(layer.weight_versions for layer in found.layers),
        sum(row.peak_memory_bytes for row in found.processors),
        sum(row.peak_stash_bytes for row in found.processors),
        sum(row.version_bytes for row in found.processors),
        sum(row.bytes for row in found.messages) // found.iterations,
        found.overhead.share,
    )


def memory_table(runs: tuple[ScheduleRun, ...]) -> Table:
    """What every processor keeps under every schedule."""
    columns = (
        "network", "schedule", "processor", "tasks", "peak_memory_bytes", "weight_bytes", "version_bytes",
        "gradient_bytes", "peak_stash_bytes", "weight_versions", "received_bytes", "sent_bytes", "busy_share",
    )  # fmt: skip
    rows = [
        (
            run.compared.workload.name,
            run.variant.name,
            row.name,
            " ".join(task.replace(" ", ".") for task in row.tasks),
            row.peak_memory_bytes,
            row.weight_bytes,
            row.version_bytes,
            row.gradient_bytes,
            row.peak_stash_bytes,
            row.weight_versions,
            row.received_bytes,
            row.sent_bytes,
            row.busy_share,
        )
        for run in runs
        for row in run.pipeline.processors
    ]
    return Table("memory", columns, tuple(rows))
