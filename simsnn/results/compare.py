"""Runs side by side: what came out, as ratios to the first run, and what their configurations have different.

A value that a run does not have (accuracy of synthetic activity, links of a machine without any) is null. A run
without a pipeline does one iteration, its step, after another, so cycles per iteration are those of the step.
Tests: ``tests/unit/test_compare.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simsnn.config.quantities import StrictModel
from simsnn.errors import ConfigError
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.report import Report

Scalar = str | int | float | bool | None


class Metrics(StrictModel):
    """Numbers of one run; ``cycles_per_iteration`` is the exact period where one was found, else the pace.

    ``settled`` is false where that is a guess from a short run, null where it is a mean over the run; a guess has no
    ``distance`` from the lower bound.
    ``peak_on_chip_bytes`` is known with a trace alone; ``node_peak_bytes`` is what neurons keep between their passes.
    ``bubble_share`` is the mean over processors, ``overhead_share`` communication that is there only because the
    passes of a layer are apart; ``peak_memory_bytes`` and ``peak_stash_bytes`` are the most that each processor held,
    added up; ``weight_versions`` the most that is kept of one layer.
    """

    total_cycles: int
    cycles_per_iteration: float
    period_is_exact: bool | None
    settled: bool | None = None
    distance: float | None = None
    samples_per_s: float
    total_energy_pj: float
    energy_per_sample_pj: float
    utilisation: float
    dram_bytes: int
    processor_count: int | None = None
    bubble_share: float | None = None
    link_bytes: int | None
    link_bytes_per_iteration: float | None = None
    overhead_share: float | None = None
    peak_live_bytes: int
    peak_on_chip_bytes: int | None = None
    node_peak_bytes: int | None = None
    peak_memory_bytes: int | None
    peak_stash_bytes: int | None = None
    weight_versions: int | None
    area_um2: float | None
    accuracy: float | None


class ComparedRun(StrictModel):
    """One run; ``ratios`` are its metrics over those of the first run, null where one of the two is missing or 0."""

    id: str
    name: str
    level: str
    synthetic: bool
    activity: str
    schedule: str | None
    activity_sha256: str | None
    metrics: Metrics
    ratios: dict[str, float | None]


class Difference(StrictModel):
    """A place of the configuration, dotted, with the value of every run; null where a run has nothing there."""

    path: str
    values: tuple[Scalar, ...]


class RunComparison(StrictModel):
    """Runs in the order given; everything is held against the first."""

    runs: tuple[ComparedRun, ...]
    differences: tuple[Difference, ...]


def compare(reports: Sequence[Report], configurations: Sequence[Any]) -> RunComparison:
    """Compare runs.

    Parameters
    ----------
    reports : sequence of Report
        At least two.
    configurations : sequence
        Resolved configuration of each as plain mappings, lists and scalars.

    Raises
    ------
    ConfigError
        For fewer than two runs.
    """
    if len(reports) < 2:
        raise ConfigError(
            f"a comparison needs two runs or more, {len(reports)} given",
            value=", ".join(report.id for report in reports),
            remedy="name two or more; `simsnn runs` lists them",
        )
    metrics = [metrics_of(report) for report in reports]
    runs = tuple(
        ComparedRun(
            id=report.id,
            name=report.name,
            level=report.level,
            synthetic=report.activity.synthetic,
            activity=report.activity.kind,
            schedule=_schedule(configuration),
            activity_sha256=report.provenance.activity_sha256,
            metrics=own,
            ratios=_ratios(own, metrics[0]),
        )
        for report, configuration, own in zip(reports, configurations, metrics, strict=True)
    )
    return RunComparison(runs=runs, differences=tuple(differences(configurations)))


def metrics_of(report: Report) -> Metrics:
    """Numbers of one run."""
    totals, pipeline = report.totals, report.pipeline
    found = Metrics(
        total_cycles=totals.total_cycles,
        cycles_per_iteration=float(totals.total_cycles),
        period_is_exact=None,
        samples_per_s=totals.samples_per_s,
        total_energy_pj=totals.total_energy_pj,
        energy_per_sample_pj=totals.energy_per_sample_pj,
        utilisation=totals.utilisation,
        dram_bytes=totals.dram_bytes,
        link_bytes=None,
        peak_live_bytes=totals.peak_live_bytes,
        peak_on_chip_bytes=None if report.memory is None else report.memory.peak_on_chip_bytes,
        node_peak_bytes=None if report.memory is None else report.memory.node_peak_bytes,
        peak_memory_bytes=None,
        weight_versions=None,
        area_um2=totals.area_um2,
        accuracy=report.activity.accuracy,
    )
    return found if pipeline is None else found.model_copy(update=dict(_pipelined(pipeline)))


def _pipelined(pipeline: PipelineReport) -> Iterator[tuple[str, Scalar]]:
    """Metrics that a pipelined run has besides, or of its steady state."""
    rows, sent = pipeline.processors, sum(link.bytes for link in pipeline.links)
    yield "cycles_per_iteration", pipeline.iteration_cycles
    yield "period_is_exact", pipeline.period_cycles is not None
    yield "settled", pipeline.settled if pipeline.period_cycles or pipeline.pace_cycles else None
    yield "distance", pipeline.distance if pipeline.settled else None
    yield "samples_per_s", pipeline.samples_per_s
    yield "processor_count", pipeline.processor_count
    yield "bubble_share", sum(row.bubble_cycles for row in rows) / (len(rows) * pipeline.makespan_cycles)
    yield "link_bytes", sent
    yield "link_bytes_per_iteration", sent / pipeline.iterations
    yield "overhead_share", pipeline.overhead.share
    yield "peak_memory_bytes", sum(row.peak_memory_bytes for row in rows)
    yield "peak_stash_bytes", sum(row.peak_stash_bytes for row in rows)
    yield "weight_versions", max(layer.weight_versions for layer in pipeline.layers)


def _schedule(configuration: Any) -> str | None:
    """Kind of the schedule that a resolved configuration names."""
    kind = (configuration.get("schedule") or {}).get("kind")
    return str(kind) if kind is not None else None


def _ratios(own: Metrics, first: Metrics) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in Metrics.model_fields:
        value, base = getattr(own, name), getattr(first, name)
        if not isinstance(value, bool) and not isinstance(base, bool):
            found[name] = value / base if value is not None and base else None
    return found


def differences(configurations: Sequence[Any]) -> Iterator[Difference]:
    """Places in which configurations are not all the same, in the order of the files.

    A list of scalars is one value; lists of anything else are taken apart by index, as ``--set`` counts them.
    """
    flat = [dict(_leaves(configuration, ())) for configuration in configurations]
    for path in dict.fromkeys(path for leaves in flat for path in leaves):
        values = tuple(leaves.get(path) for leaves in flat)
        if any(_key(value) != _key(values[0]) for value in values):
            yield Difference(path=path, values=values)


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(node, list) and any(isinstance(item, dict | list) for item in node):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, str(index)))
    elif isinstance(node, list):
        yield ".".join(path), f"[{', '.join(map(str, node))}]"
    else:
        yield ".".join(path), node


def _key(value: Scalar) -> tuple[bool, Scalar]:
    """1 and 1.0 are the same value, 1 and true are not."""
    return isinstance(value, bool), value
