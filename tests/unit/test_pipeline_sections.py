"""The pipeline section of a report, from runs: covered cycles, memory, jobs, links, bounds."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.activities import resolve_activity
from simsnn.config.experiment import ExperimentConfig
from simsnn.costs import OperandClass
from simsnn.errors import CapacityError
from simsnn.pipeline_preparation import PreparedPipeline, group_tasks, message_costs, prepare_pipeline
from simsnn.pipeline_run import PipelineResult, run_pipeline, simulate_programs
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.pipeline_sections import EXTRA, union_cycles
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.replay import replay
from simsnn.sim.trace import Kind
from tests.pipelines import (
    CHAIN,
    KINDS,
    LINKS,
    MEMORY,
    RESIDUAL,
    experiment,
    group,
    machine,
    network,
    prepared,
    schedule,
)

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12)


@given(SPANS)
@settings(max_examples=60, deadline=None)
def test_covered_cycles_are_those_that_some_span_has(spans: list[tuple[int, int]]) -> None:
    rows = np.array([(start, start + length) for start, length in spans], np.int64).reshape(-1, 2)
    assert union_cycles(rows) == len({cycle for start, length in spans for cycle in range(start, start + length)})


@cache
def ran(kind: str, layers: str = RESIDUAL, link: str = "ring") -> tuple[PreparedPipeline, PipelineResult]:
    """A run at level event with a trace."""
    run = prepared(layers, link, kind)
    return run, run_pipeline(run, resolve_activity(run.experiment, run.network, None))


def section(result: PipelineResult) -> PipelineReport:
    """Its section."""
    assert result.report.pipeline is not None
    return result.report.pipeline


@pytest.mark.parametrize("kind", KINDS)
def test_busy_and_bubbles_cycle_by_cycle(kind: str) -> None:
    """Marked in arrays with one entry per cycle."""
    run, result = ran(kind)
    trace, makespan = result.execution.trace, result.execution.makespan_cycles
    assert trace is not None
    for number, row in enumerate(section(result).processors):
        engines = range(2 * number, 2 * number + 2)
        works, has = np.zeros(makespan, bool), np.zeros(makespan, bool)
        for interval in trace.intervals[trace.intervals["kind"] == Kind.COMPUTE]:
            if interval["resource"] in engines:
                works[interval["start"] : interval["end"]] = True
        for task, record, ready in zip(
            result.graph.graph.tasks, result.execution.tasks, first_ready(result), strict=True
        ):
            if task.engine in engines:
                has[ready : record.end] = True
        assert row.busy_cycles == int(works.sum())
        assert row.bubble_cycles == makespan - int(has.sum())
        assert row.busy_cycles + row.bubble_cycles <= makespan
    assert run.processors.count == len(section(result).processors)


def first_ready(result: PipelineResult) -> list[int]:
    """Per task, when all that its first chunk needs was there."""
    moments = result.execution.moments
    return [int(row["ready"]) for row in moments if row["chunk"] == 0]


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_are_where_and_when_the_program_has_them(kind: str) -> None:
    run, result = ran(kind)
    pipeline = section(result)
    program = next(program for program in run.programs if program.name == pipeline.program)
    order: list[list[tuple[str, int, int]]] = [[] for _ in run.processors.names]
    for job in pipeline.jobs:
        order[run.processors.names.index(job.processor)].append((job.name, job.iteration, job.micro_batch))
    wanted = [
        [(run.step.tasks[job.task].name, job.iteration, job.micro_batch) for job in jobs] for jobs in program.order
    ]
    assert order == wanted
    assert max(job.end_cycle for job in pipeline.jobs) == max(record.done for record in result.execution.tasks)
    assert all(job.start_cycle < job.end_cycle for job in pipeline.jobs)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_leave_arrive_and_are_carried(kind: str) -> None:
    run, result = ran(kind, link="crossbar")
    pipeline, graph = section(result), result.graph.graph
    for number, row in enumerate(pipeline.processors):
        assert row.sent_bytes == sum(m.bytes for m in graph.messages if m.source == number)
        assert row.received_bytes == sum(m.bytes for m in graph.messages if number in m.destinations)
    by_class = Counter[str]()
    for message in graph.messages:
        by_class[message.operand.value] += message.bytes
    assert {row.operand: row.bytes for row in pipeline.messages} == dict(by_class)
    assert sum(row.messages for row in pipeline.messages) == len(graph.messages)
    extra = sum(by_class[role.value] for role in EXTRA)
    assert pipeline.overhead.extra_bytes == extra
    assert pipeline.overhead.total_bytes == sum(by_class.values()) - extra
    assert sum(link.bytes for link in pipeline.links) >= sum(row.sent_bytes for row in pipeline.processors)
    if kind in ("gpipe", "one_f_one_b", "pipedream"):
        assert extra == 0, "all passes of a layer are on one processor"
    read_locally = sum(row.bytes for row in pipeline.local_bytes)
    assert read_locally > 0
    assert {OperandClass.WEIGHTS.value} <= {row.operand for row in pipeline.local_bytes}
    assert run.processors.interconnect.links


@pytest.mark.parametrize("kind", KINDS)
def test_delays_and_copies_of_the_kept_program(kind: str) -> None:
    run, result = ran(kind)
    pipeline = section(result)
    program = next(program for program in run.programs if program.name == pipeline.program)
    assert tuple(layer.staleness for layer in pipeline.layers) == program.staleness
    assert tuple(layer.backward_staleness for layer in pipeline.layers) == program.backward_staleness
    assert sum(candidate.kept for candidate in pipeline.candidates) == 1
    assert {candidate.name for candidate in pipeline.candidates} == {program.name for program in run.programs}
    if kind == "sequential":
        assert all(layer.stash_copies == layer.weight_versions == 1 for layer in pipeline.layers)
        assert [row.peak_memory_bytes for row in pipeline.processors][1:] == [0, 0, 0]
    if kind == "gpipe":
        assert all(layer.staleness == 0 and layer.stash_copies == 2 for layer in pipeline.layers)
    if kind == "pipedream":
        assert pipeline.layers[0].staleness == 3
        assert pipeline.layers[-1].staleness == 0


def test_the_kept_program_is_the_faster_one() -> None:
    _, result = ran("spikepipe")
    pipeline = section(result)
    assert [candidate.name for candidate in pipeline.candidates] == ["spikepipe: search", "spikepipe: contiguous seed"]
    kept = next(candidate for candidate in pipeline.candidates if candidate.kept)
    assert (kept.makespan_cycles, kept.name) == (result.execution.makespan_cycles, pipeline.program)
    exact = [candidate.iteration_cycles for candidate in pipeline.candidates]
    if None not in exact:
        assert kept.iteration_cycles == min(exact)  # type: ignore[type-var]


def peak(run: PreparedPipeline) -> int:
    """Most bytes that a processor holds in the replay of any of the programs."""
    messages = message_costs(run.processors)
    uses = [memory_use(run.step, p, replay(run.step, p, messages), messages) for p in run.programs]
    return max(use.peak_bytes for of_program in uses for use in of_program)


def sized(kind: str, size: str) -> ExperimentConfig:
    """The experiment with local memories of this size."""
    memory = MEMORY.replace("16 MiB", size)
    return experiment(network(CHAIN), machine(group("core", 2, memory), links=LINKS["crossbar"]), schedule(kind))


@pytest.mark.parametrize("kind", ["sequential", "gpipe", "pipedream", "layerpipe"])
def test_memory_that_does_not_suffice_is_refused_with_what_would(kind: str) -> None:
    """Exactly what the replay holds passes before the run, one byte less does not."""
    needed = peak(prepare_pipeline(sized(kind, "16 MiB")))
    assert peak(prepare_pipeline(sized(kind, f"{needed} B"))) == needed
    with pytest.raises(CapacityError) as caught:
        prepare_pipeline(sized(kind, f"{needed - 1} B"))
    error = caught.value
    assert (error.demand, error.bound, error.unit) == (needed, needed - 1, "B")
    assert error.levers[0].startswith("hardware.processors.0.memory.size: ")
    assert error.where.path == "hardware.processors.0.memory.size"
    assert "local memory of core" in error.message


@pytest.mark.parametrize("kind", ["sequential", "one_f_one_b", "spikepipe"])
def test_the_advised_memory_size_is_enough_for_the_run(kind: str) -> None:
    with pytest.raises(CapacityError) as caught:
        prepare_pipeline(sized(kind, "4 KiB"))
    advised = caught.value.levers[0].removeprefix("hardware.processors.0.memory.size: ").split(" (")[0]
    run = prepare_pipeline(sized(kind, advised))
    assert run_pipeline(run, resolve_activity(run.experiment, run.network, None)).report.pipeline is not None


def test_a_run_that_holds_more_than_its_replay_is_refused_too() -> None:
    """Tasks overlap on a processor: the update of a layer still reads its gradients while the next product runs."""
    kind = "sequential"
    usual = prepare_pipeline(sized(kind, "16 MiB"))
    activity, needed = resolve_activity(usual.experiment, usual.network, None), peak(usual)
    held = max(row.peak_memory_bytes for row in section(run_pipeline(usual, activity)).processors)
    assert held > needed
    with pytest.raises(CapacityError) as caught:
        run_pipeline(prepare_pipeline(sized(kind, f"{needed} B")), activity)
    assert caught.value.demand == held
    enough = run_pipeline(prepare_pipeline(sized(kind, f"{held} B")), activity)
    assert max(row.peak_memory_bytes for row in section(enough).processors) == held


def test_a_program_that_held_too_much_is_left_out_of_several() -> None:
    """The search of spikepipe; its contiguous program needs less here."""
    usual = prepare_pipeline(sized("spikepipe", "16 MiB"))
    activity = resolve_activity(usual.experiment, usual.network, None)
    messages = message_costs(usual.processors)
    held = {
        one.program.name: max(u.peak_bytes for u in memory_use(usual.step, one.program, one.replay, messages))
        for one in simulate_programs(usual, group_tasks(usual.parts, usual.numbers))
    }
    low, high = sorted(held.values())
    tight = prepare_pipeline(sized("spikepipe", f"{high - 1} B"))
    found = run_pipeline(tight, activity).report
    assert low < high
    assert found.pipeline is not None
    assert held[found.pipeline.program] == low
    assert any("is left out" in note for note in found.approximations)
