"""Run folders for tests of pages, made from reports that are laid out by hand; nothing in them was simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simsnn import api
from simsnn.config.dump import to_yaml
from simsnn.results import store
from simsnn.results.report import Report
from simsnn.sim.census import Census, RunMemory
from simsnn.viz.perfetto import TraceNames, write_perfetto
from tests.naive.reports import CLOCK_HZ, make_trace


def write_run_folder(
    folder: Path, report: Report, config: str | None = None, traced: bool = True, chunks: int = 4
) -> Path:
    """Report, configuration of an experiment, and for a step its trace and live bytes."""
    folder.mkdir(parents=True)
    (folder / store.REPORT).write_text(report.to_json(), encoding="utf-8")
    if config is not None:
        experiment, _ = api.load(config)
        (folder / store.CONFIG).write_text(to_yaml(experiment), encoding="utf-8")
    if traced:
        write_made_trace(folder / store.TRACE, report, chunks)
        made_memory(report.totals.total_cycles).save(folder / store.LIVE_BYTES)
    return folder


def write_made_trace(path: Path, report: Report, chunks: int = 4) -> None:
    """The trace of a made report, as a run stores it."""
    engines = tuple(dict.fromkeys(task.array for task in report.tasks))
    tasks = tuple(f"{task.layer} {task.pass_} {task.part}" for task in report.tasks)
    names = TraceNames(engines, (report.dram_level,), ("a", "b", "c"), tasks, CLOCK_HZ)
    write_perfetto(make_trace(report, chunks), names, path)


def made_memory(cycles: int) -> RunMemory:
    """Bytes that rise and fall, by a rule of the cycle."""
    times = np.arange(0, cycles, max(1, cycles // 50))
    one = np.ones(len(times), np.int64)
    deltas = np.where(np.arange(len(times)) % 2, -4000, 5000).astype(np.int64)
    part = Census.of(times, 2 * one, deltas)
    return RunMemory(part, Census.of(times, 2 * one, deltas // 2), part)
