"""SpikePipe (arXiv 2406.06879) held against the simulator: ``simsnn reproduce spikepipe``.

The publication's networks, array sizes, batch and averaging are not known to us. Networks and machine
(assumption set S0, ``configs/hardware/spikepipe_ideal.yaml``) are ours, nothing is fitted, and every number against
the publication is *assumed*; what is exact is said per check.
"""

from __future__ import annotations

from simsnn.config.dump import to_yaml
from simsnn.reproduction.outcome import Drawing, Reproduction
from simsnn.reproduction.spikepipe_accuracy import AccuracyStudy, accuracy_study
from simsnn.reproduction.spikepipe_accuracy_figure import accuracy_against_delay
from simsnn.reproduction.spikepipe_cells import SIZES, WORKLOADS, Cell, cell_experiment, measure_cells
from simsnn.reproduction.spikepipe_claims import published_claims
from simsnn.reproduction.spikepipe_communication import WORKLOADS as COMMUNICATING
from simsnn.reproduction.spikepipe_communication import communication_table, measure_communication
from simsnn.reproduction.spikepipe_exact import exact_claims
from simsnn.reproduction.spikepipe_optimum import measure_gaps, optimum_claim, optimum_table
from simsnn.reproduction.spikepipe_schedules import (
    COMPARED,
    VARIANTS,
    Compared,
    ScheduleRun,
    memory_table,
    run_schedules,
    schedule_table,
)
from simsnn.reproduction.spikepipe_tables import accuracy_table, cell_table, point_table
from simsnn.reproduction.stages import Stage, Stages
from simsnn.viz.delay import delay_figure
from simsnn.viz.gantt import Chart, schedules_figure
from simsnn.viz.speedup import SpeedupCurve, Speedups, speedup_figure
from simsnn.viz.style import save

_DRAWN = ("pipedream", "layerpipe", "spikepipe", "gpipe", "one_f_one_b")


def reproduce_spikepipe(tell: Stage) -> Reproduction:
    """Train with delays, simulate, compare; nothing is written."""
    stages = Stages(tell, len(WORKLOADS) * len(SIZES) + len(COMPARED) * len(VARIANTS) + len(COMMUNICATING) + 3)
    stages.next("training with delayed gradients")
    study = accuracy_study(_quietly)
    cells = measure_cells(stages)
    runs = run_schedules(stages)
    communication = measure_communication(stages)
    gaps = measure_gaps(stages)
    stages.next("exact checks")
    claims = (*exact_claims(cells, runs), *published_claims(cells, communication, study), optimum_claim(gaps))
    tables = (
        point_table(cells),
        cell_table(cells),
        schedule_table(runs),
        memory_table(runs),
        communication_table(communication),
        accuracy_table(study),
        optimum_table(gaps),
    )
    drawings = (_speedup(cells), *(_gantt(compared, runs) for compared in COMPARED), *_accuracy(study))
    configs = tuple((f"spikepipe_{workload.name}", to_yaml(cell_experiment(workload, 32, 4))) for workload in WORKLOADS)
    return Reproduction("spikepipe", claims, (), tables, drawings, configs)


def _quietly(_what: str, _done: int, _total: int) -> None:
    """One stage for all trainings."""


def _speedup(cells: tuple[Cell, ...]) -> Drawing:
    curves = tuple(
        SpeedupCurve(
            cell.workload,
            f"{cell.size} x {cell.size}",
            tuple(point.processors for point in cell.points),
            tuple(point.speedup for point in cell.points),
        )
        for cell in cells
    )
    content = Speedups(
        "SpikePipe: speed-up over the best contiguous program",
        "kept program on the event engine with links against PipeDream, one sample per iteration",
        "networks and machine are assumed; processors beyond the number of tasks idle",
        "speed-up over PipeDream",
        curves,
    )
    return Drawing("speedup", lambda path: save(speedup_figure(content), path))


def _gantt(compared: Compared, runs: tuple[ScheduleRun, ...]) -> Drawing:
    chosen = [run for run in runs if run.compared is compared and run.variant.name in _DRAWN]
    chosen.sort(key=lambda run: _DRAWN.index(run.variant.name))
    charts = tuple(Chart(run.variant.name, run.pipeline) for run in chosen)
    name = compared.workload.name
    title = f"{name} on {compared.processors} arrays"
    subtitle = "a stretch in the steady state, four samples per iteration"
    footer = "networks and machine are assumed"
    return Drawing(f"gantt_{name}", lambda path: save(schedules_figure(title, subtitle, footer, charts), path))


def _accuracy(study: AccuracyStudy) -> tuple[Drawing, ...]:
    if not study.records:
        return ()
    content = accuracy_against_delay(study.records)
    return (Drawing("accuracy", lambda path: save(delay_figure(content), path)),)
