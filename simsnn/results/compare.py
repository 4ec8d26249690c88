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
from simsnn.results.report import Report

Scalar = str | int | float | bool | None


class Metrics(StrictModel):
    """Numbers of one run; ``cycles_per_iteration`` is the exact period where one was found, else the mean.

    ``peak_memory_bytes`` is the most that the processors' local memories held, added up; ``weight_versions`` the
    most that is kept of one layer.
    """

    total_cycles: int
    cycles_per_iteration: float
    period_is_exact: bool | None
    samples_per_s: float
    total_energy_pj: float
    energy_per_sample_pj: float
    utilisation: float
    dram_bytes: int
    link_bytes: int | None
    peak_live_bytes: int
    peak_memory_bytes: int | None
    weight_versions: int | None
    area_um2: float | None
    accuracy: float | None


class ComparedRun(StrictModel):
    """One run; ``ratios`` are its metrics over those of the first run, null where one of the two is missing or 0."""

    id: str
    name: str
    level: str
    synthetic: bool
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
    return Metrics(
        total_cycles=totals.total_cycles,
        cycles_per_iteration=float(totals.total_cycles) if pipeline is None else pipeline.iteration_cycles,
        period_is_exact=None if pipeline is None else pipeline.period_cycles is not None,
        samples_per_s=totals.samples_per_s if pipeline is None else pipeline.samples_per_s,
        total_energy_pj=totals.total_energy_pj,
        energy_per_sample_pj=totals.energy_per_sample_pj,
        utilisation=totals.utilisation,
        dram_bytes=totals.dram_bytes,
        link_bytes=None if pipeline is None else sum(link.bytes for link in pipeline.links),
        peak_live_bytes=totals.peak_live_bytes,
        peak_memory_bytes=None if pipeline is None else sum(row.peak_memory_bytes for row in pipeline.processors),
        weight_versions=None if pipeline is None else max(layer.weight_versions for layer in pipeline.layers),
        area_um2=totals.area_um2,
        accuracy=report.activity.accuracy,
    )


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
