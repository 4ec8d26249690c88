"""An epoch of 50,000 samples by steady state: the shipped VGG-like network on eight processors, 1F1B with flush.

Batches are flushed, so the run shows an exact period after few iterations. Self-timed pipelines without flush may
drift for long before they wait for one another; they have no exact period to extend until then.
"""

from __future__ import annotations

from benchmarks.laps import Laps, median_of
from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from simsnn.activities import resolve_activity
from simsnn.api import load
from simsnn.pipeline_preparation import prepare_pipeline
from simsnn.pipeline_run import run_pipeline
from simsnn.results.pipeline_report import PipelineReport

SAMPLES, BATCH, SIMULATED, CHECKED, REPEATS = 50_000, 4, 12, 16, 3


def epoch_steady() -> Measurement:
    """Seconds from the experiment to the report with its epoch."""
    short = run_epoch(CHECKED * BATCH, SIMULATED, Laps())
    full = run_epoch(None, CHECKED, Laps())
    if short.epoch is None or short.epoch.cycles != full.makespan_cycles or not short.epoch.proven:
        raise NotMeasured(f"{CHECKED} iterations take {full.makespan_cycles:,} cycles, the extended run says otherwise")
    runs, found = [Laps() for _ in range(REPEATS)], short
    for laps in runs:
        found = run_epoch(SAMPLES, SIMULATED, laps)
    if found.epoch is None or found.epoch.simulated_iterations >= CHECKED:
        raise NotMeasured("the run shows no steady state to extend")
    laps, epoch = median_of(runs), found.epoch
    each = laps.laps[-1].wall_s / epoch.simulated_iterations
    yardstick = Yardstick("all iterations at the rate of the simulated ones", each * epoch.iterations)
    note = (
        f"{epoch.iterations:,} iterations from {epoch.simulated_iterations}, exact period, proven;"
        f" {CHECKED} iterations extended equal {CHECKED} simulated; {laps.text()}"
    )
    return Measurement(laps.wall_s, yardstick, note)


def run_epoch(samples: int | None, iterations: int, laps: Laps) -> PipelineReport:
    """One run as ``simsnn run`` does it."""
    overrides = (
        f"workload.batch={BATCH}",
        f"schedule={{kind: one_f_one_b, iterations: {iterations}}}",
        f"simulation.epoch_samples={'null' if samples is None else samples}",
    )
    experiment = load("spikepipe_vgg9", overrides)[0]
    prepared = laps.measure("mapping and schedule", lambda: prepare_pipeline(experiment))
    activity = resolve_activity(experiment, prepared.network, None)
    report = laps.measure("simulation and report", lambda: run_pipeline(prepared, activity)).report
    assert report.pipeline is not None
    return report.pipeline
