"""A finished run as files: report, rows, figures, trace, resolved configuration, wall times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsnn.api import Result
from simsnn.config.dump import to_yaml
from simsnn.mapping.pipeline_graph import PipelineGraph
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.results import store
from simsnn.sim.trace import Kind
from simsnn.viz.figures import (
    cycles_figure,
    density_figure,
    energy_figure,
    memory_figure,
    pipeline_figure,
    save,
    timeline_figure,
)
from simsnn.viz.gantt import LinkActivity
from simsnn.viz.memory import STEPS
from simsnn.viz.perfetto import MAX_EVENTS, SHARED, TraceNames, write_perfetto


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
            save(pipeline_figure(report, link_activity(result)), place / store.PIPELINE)
        if result.execution.trace is not None:
            memory = result.memory.thinned(STEPS)
            memory.save(place / store.LIVE_BYTES)
            save(memory_figure(report, memory), place / store.MEMORY)
            perfetto_file(result, place / store.TRACE)
    return folder


def perfetto_file(result: Result, path: Path, most: int = MAX_EVENTS) -> None:
    """Write the trace of a run for Perfetto, with at most so many slices, and so many arrows."""
    assert result.execution.trace is not None
    waiting, live = task_dependencies(result), result.memory.off_chip
    write_perfetto(result.execution.trace, trace_names(result), path, most, waiting, live)


def trace_names(result: Result) -> TraceNames:
    """Names behind the numbers of a trace."""
    if isinstance(result.prepared, PreparedPipeline):
        return _pipeline_names(result.prepared, result.pipeline)
    graph, machine = result.prepared.graph, result.prepared.machine
    tasks = tuple(f"{task.layer} {task.pass_.value} {task.part.value}" for task in graph.tasks)
    return TraceNames(graph.engines, (machine.dram.name,), graph.srams, tasks, machine.config.clock)


def _pipeline_names(prepared: PreparedPipeline, laid_out: PipelineGraph | None) -> TraceNames:
    """Names on a machine with processors; tasks carry their iteration and, of several, their micro-batch."""
    assert laid_out is not None
    processors, graph = prepared.processors, laid_out.graph
    several = laid_out.jobs and max(job.micro_batch for job in laid_out.jobs) > 0
    tasks: list[str] = []
    for number, job in enumerate(laid_out.jobs):
        which = f" #{job.iteration}" + (f".{job.micro_batch}" if several else "")
        for task in (graph.tasks[id_] for id_ in laid_out.span(number)):
            tasks.append(f"{task.layer} {task.pass_.value} {task.part.value}{which}")
    count = [len(processors.machines[group].engines) for group in processors.group]
    srams = [len(processors.machines[group].srams) for group in processors.group]
    memories = processors.names if processors.private else ()
    messages = zip(graph.messages, laid_out.tensors, strict=True)
    return TraceNames(
        graph.engines,
        (processors.dram.name, *(f"{name}.memory" for name in memories)),
        graph.srams,
        tuple(tasks),
        processors.config.clock,
        tuple(link.name for link in processors.interconnect.links),
        tuple(f"{tensor} ({message.operand.value})" for message, tensor in messages),
        processors.names,
        tuple(p for p, size in enumerate(count) for _ in range(size)),
        (SHARED, *range(len(memories))),
        tuple(p for p, size in enumerate(srams) for _ in range(size)),
    )


def link_activity(result: Result) -> tuple[LinkActivity, ...]:
    """When the links were busy; nothing without a trace."""
    trace, prepared = result.execution.trace, result.prepared
    if trace is None or not isinstance(prepared, PreparedPipeline):
        return ()
    sends = trace.intervals[trace.intervals["kind"] == Kind.SEND]
    found = []
    for number, link in enumerate(prepared.processors.interconnect.links):
        rows = sends[sends["resource"] == trace.engines + trace.channels + number]
        found.append(LinkActivity(link.name, tuple(zip(rows["start"].tolist(), rows["end"].tolist(), strict=True))))
    return tuple(found)


def task_dependencies(result: Result) -> NDArray[np.int32]:
    """Tasks and the tasks that wait for all of them, int32, shape (n, 2)."""
    if result.pipeline is not None:
        tasks = result.pipeline.graph.tasks
    else:
        tasks = result.prepared.graph.tasks if not isinstance(result.prepared, PreparedPipeline) else ()
    found = [(before, task.id) for task in tasks for before in task.after]
    return np.array(found, np.int32).reshape(-1, 2)
