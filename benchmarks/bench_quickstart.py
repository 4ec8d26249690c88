"""``simsnn run quickstart`` as a user meets it: trained now, stored activity, peak memory.

The runs have a cache of their own, so that neither the user's stored activity nor a stale one is
met. A first run, not counted, compiles what is not compiled yet.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from benchmarks.child import ChildRun, run_child
from benchmarks.console import simsnn_command
from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from simsnn.kernels.compiler import source_digest
from simsnn.paths import CACHE_VARIABLE, cache_root

REPEATS = 3
LIBRARIES = "import numba, numpy, pydantic, rich, simpy, typer, matplotlib.figure"


@dataclass(frozen=True, slots=True)
class QuickstartRuns:
    """Runs that train, runs that find the activity stored, and processes that only import the libraries."""

    training: tuple[ChildRun, ...]
    stored: tuple[ChildRun, ...]
    libraries: tuple[ChildRun, ...]


def quickstart_cold_activity() -> Measurement:
    """Seconds with training."""
    runs = _runs()
    yardstick = Yardstick("the same run with stored activity", _seconds(runs.stored))
    return Measurement(_seconds(runs.training), yardstick, _note(runs.training))


def quickstart_stored() -> Measurement:
    """Seconds with stored activity."""
    runs = _runs()
    yardstick = Yardstick("importing the libraries it uses", _seconds(runs.libraries))
    return Measurement(_seconds(runs.stored), yardstick, _note(runs.stored))


def quickstart_memory() -> Measurement:
    """Peak resident memory in MB of the runs that train."""
    runs = _runs()
    return Measurement(
        max(run.peak_bytes for run in runs.training) / 1e6,
        Yardstick("importing the libraries it uses", max(run.peak_bytes for run in runs.libraries) / 1e6),
        f"largest of {REPEATS} processes",
    )


@cache
def _runs() -> QuickstartRuns:
    with tempfile.TemporaryDirectory(prefix="simsnn-bench-") as name:
        folder = Path(name)
        _copy_kernels(folder / "cache")
        _run(folder)
        training = tuple(_run_training(folder) for _ in range(REPEATS))
        stored = tuple(_run(folder) for _ in range(REPEATS))
        libraries = tuple(run_child((sys.executable, "-c", LIBRARIES), folder) for _ in range(REPEATS))
    return QuickstartRuns(training, stored, libraries)


def _copy_kernels(cache_folder: Path) -> None:
    kernels = Path("numba") / source_digest()
    if (cache_root() / kernels).is_dir():
        shutil.copytree(cache_root() / kernels, cache_folder / kernels)


def _run(folder: Path) -> ChildRun:
    command = (simsnn_command(), "run", "quickstart", "-o", folder / "runs")
    run = run_child(command, folder, {CACHE_VARIABLE: str(folder / "cache")})
    shutil.rmtree(folder / "runs", ignore_errors=True)
    return run


def _run_training(folder: Path) -> ChildRun:
    """A run that finds no activity and must therefore store one."""
    activity = folder / "cache" / "activity"
    shutil.rmtree(activity, ignore_errors=True)
    run = _run(folder)
    if not activity.is_dir():
        raise NotMeasured("the run that should train stored no activity")
    return run


def _seconds(runs: tuple[ChildRun, ...]) -> float:
    return median(run.seconds for run in runs)


def _note(runs: tuple[ChildRun, ...]) -> str:
    return f"median of {len(runs)} processes, {median(run.cpu_seconds for run in runs):.2f} s on a core"
