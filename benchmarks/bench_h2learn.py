"""One training step of the CIFAR net on assumption set A0, counted on spikes and masks that exist already.

A first process makes the synthetic activity and writes it as a trace file. The processes that are
measured read that file, cut the step, count it, simulate its events and write the run folder with
its figures and its trace; the first of them, not counted, compiles what is not compiled yet.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.bench_quickstart import LIBRARIES
from benchmarks.child import ChildRun, run_child
from benchmarks.console import simsnn_command
from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds

EXPERIMENT = "h2learn_cifar"
REPEATS = 3
BLAS_ROWS, BLAS_DEPTH, BLAS_COLUMNS = 4096, 1152, 256


@dataclass(frozen=True, slots=True)
class StepRuns:
    """Whole runs, seconds within them by part, dense operations of the step, and a process that only imports."""

    runs: tuple[ChildRun, ...]
    parts: tuple[dict[str, float], ...]
    dense_operations: int
    libraries: ChildRun


def h2learn_step() -> Measurement:
    """Seconds of the whole command, activity read from a file."""
    runs = _runs()
    rate = _dense_rate()
    name = f"its {runs.dense_operations / 1e9:.0f} G dense operations in float32 BLAS at {rate / 1e9:.0f} GMAC/s"
    seconds = median(run.seconds for run in runs.runs)
    core = median(run.cpu_seconds for run in runs.runs)
    parts = ", ".join(f"{part} {median(p[part] for p in runs.parts):.1f} s" for part in runs.parts[0])
    note = f"median of {REPEATS} processes, {core:.1f} s on a core; B = 64, T = 6; {parts}, the rest files"
    return Measurement(seconds, Yardstick(name, runs.dense_operations / rate), note)


def h2learn_memory() -> Measurement:
    """Peak resident memory of these runs in GB."""
    runs = _runs()
    yardstick = Yardstick("importing the libraries it uses", runs.libraries.peak_bytes / 1e9)
    return Measurement(max(run.peak_bytes for run in runs.runs) / 1e9, yardstick, f"largest of {REPEATS} processes")


def _dense_rate() -> float:
    """Multiply-accumulates per second of one core's float32 matrix product."""
    rng = np.random.default_rng(0)
    left, right = rng.random((BLAS_ROWS, BLAS_DEPTH), np.float32), rng.random((BLAS_DEPTH, BLAS_COLUMNS), np.float32)
    return BLAS_ROWS * BLAS_DEPTH * BLAS_COLUMNS / median_seconds(lambda: left @ right, 9)


@cache
def _runs() -> StepRuns:
    with tempfile.TemporaryDirectory(prefix="simsnn-bench-") as name:
        folder = Path(name)
        trace = folder / "activity.npz"
        run_child((sys.executable, "-m", "benchmarks.activity_child", EXPERIMENT, trace), Path(__file__).parents[1])
        _step(folder, trace)
        measured = tuple(_step(folder, trace) for _ in range(REPEATS))
        libraries = run_child((sys.executable, "-c", LIBRARIES), folder)
    return StepRuns(tuple(run for run, _, _ in measured), tuple(p for _, p, _ in measured), measured[0][2], libraries)


def _step(folder: Path, trace: Path) -> tuple[ChildRun, dict[str, float], int]:
    """One run; its seconds by part, and the dense operations that its engines report."""
    runs = folder / "runs"
    activity = f"activity={{kind: file, file: {trace}}}"
    run = run_child((simsnn_command(), "run", EXPERIMENT, "--set", activity, "-o", runs), folder)
    (place,) = runs.iterdir()
    parts = json.loads((place / "timing.json").read_text())
    report = json.loads((place / "report.json").read_text())
    dense = sum(task["observations"].get("dense_operations", 0) for task in report["tasks"])
    shutil.rmtree(runs)
    if not dense:
        raise NotMeasured("the run reports no dense operations")
    return run, parts, dense
