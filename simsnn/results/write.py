"""A finished run as files: report, rows, figures, trace, resolved configuration, wall times."""

from __future__ import annotations

import json
from pathlib import Path

from simsnn.api import Result
from simsnn.config.dump import to_yaml
from simsnn.results import store
from simsnn.viz.figures import cycles_figure, density_figure, energy_figure, pipeline_figure, save, timeline_figure
from simsnn.viz.perfetto import TraceNames, write_perfetto


def write_run(result: Result, root: Path) -> Path:
    """Write ``<root>/<name>-<id>/`` and return it.

    Raises
    ------
    StorageError
        If it cannot be written; nothing is left then.
    """
    report = result.report
    folder = root / f"{report.name}-{report.id}"
    with store.writing(folder) as place:
        (place / store.CONFIG).write_text(to_yaml(result.prepared.experiment), encoding="utf-8")
        (place / store.REPORT).write_text(report.to_json(), encoding="utf-8")
        (place / store.LAYERS).write_text(report.to_csv(), encoding="utf-8")
        (place / store.TIMING).write_text(json.dumps(result.timing.seconds, indent=1) + "\n", encoding="utf-8")
        save(cycles_figure(report), place / store.CYCLES)
        save(energy_figure(report), place / store.ENERGY)
        save(timeline_figure(report), place / store.TIMELINE)
        if report.activity.rates:
            save(density_figure(report), place / store.DENSITY)
        if report.pipeline is not None:
            save(pipeline_figure(report), place / store.PIPELINE)
        if result.execution.trace is not None:
            write_perfetto(result.execution.trace, trace_names(result), place / store.TRACE)
    return folder


def trace_names(result: Result) -> TraceNames:
    """Names behind the numbers of a trace."""
    graph, machine = result.prepared.graph, result.prepared.machine
    tasks = tuple(f"{task.layer} {task.pass_.value} {task.part.value}" for task in graph.tasks)
    return TraceNames(graph.engines, (machine.dram.name,), graph.srams, tasks, machine.config.clock)
