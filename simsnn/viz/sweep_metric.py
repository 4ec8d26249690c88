"""Metrics of points as figures show them: label, unit, scale, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simsnn.results.prefix import mm2, si
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import Goal
from simsnn.viz.style import Scale, quantity

_LOG_RATIO = 30.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: how it is called, its unit, what 1 of the stored values is in it, which way is better."""

    name: str
    label: str
    unit: str
    in_unit: float = 1.0
    goal: Goal = "min"

    def scale(self, values: Iterable[float]) -> Scale:
        """Prefix for the largest of some values."""
        if self.unit in ("%", "mm²"):
            return Scale(1 / self.in_unit, self.unit)
        return Scale.of(max(values, default=0.0), self.unit, self.in_unit)

    def text(self, value: float) -> str:
        """A value with three digits and its unit."""
        if self.unit == "%":
            return f"{value * self.in_unit:.3g} %"
        if self.unit == "mm²":
            return mm2(value).replace("mm2", "mm²")
        if self.unit == "cycles":
            return si(value, digits=3)
        return quantity(value * self.in_unit, self.unit)

    def axis_label(self, scale: Scale) -> str:
        """``total energy (µJ)``."""
        return f"{self.label} ({scale.unit})" if scale.unit else self.label


_ALL = (
    Metric("total_cycles", "total cycles", "cycles"),
    Metric("time_ns", "time", "s", 1e-9),
    Metric("total_energy_pj", "total energy", "J", 1e-12),
    Metric("area_um2", "area", "mm²", 1e-6),
    Metric("utilisation", "use of arrays", "%", 100.0, "max"),
    Metric("dram_bytes", "DRAM traffic", "B"),
    Metric("accuracy", "accuracy", "%", 100.0, "max"),
    Metric("samples_per_s", "samples per second", "", 1.0, "max"),
    Metric("energy_per_sample_pj", "energy per sample", "J", 1e-12),
    Metric("peak_live_bytes", "peak live tensors", "B"),
)
METRIC = {metric.name: metric for metric in _ALL}
"""Every metric of a point by name."""


def goal_of(stored: StoredSweep, metric: Metric) -> Goal:
    """Which way is better: as the sweep's objectives say, else as is usual."""
    return next((own.goal for own in stored.info.objectives if own.metric == metric.name), metric.goal)


def logarithmic(values: Iterable[float]) -> bool:
    """Whether values are so far apart that a linear axis would press most of them flat."""
    found = list(values)
    return bool(found) and min(found) > 0 and max(found) / min(found) > _LOG_RATIO
