"""Figures of the H2Learn comparison, as bars beside the published ranges."""

from __future__ import annotations

from simsnn.engines.gpu import GpuColumn
from simsnn.reproduction.h2learn_ablations import BACKWARD, FORWARD, UPDATE, Ablated
from simsnn.reproduction.h2learn_claims import ENERGY_SAVING, GPU, SPEEDUP, energy_saving, speedup
from simsnn.reproduction.h2learn_runs import Measured
from simsnn.viz.comparison import Band, Comparison, Series

_SYNTHETIC = "synthetic activity, fitted to networks trained at reduced scale; machine: assumption set A0"


def _columns(fraction: float) -> tuple[tuple[GpuColumn, float], ...]:
    return (GpuColumn.EAGER, fraction), (GpuColumn.FUSED, fraction), (GpuColumn.ROOFLINE, 1.0)


def speedup_bars(measured: tuple[Measured, ...], fraction: float) -> Comparison:
    """Speed-up against the V100 in its three columns."""
    series = tuple(
        Series(f"against {GPU} {column.value}", tuple(speedup(each, column, used) for each in measured))
        for column, used in _columns(fraction)
    )
    return Comparison(
        "H2Learn: speed-up of one training step",
        f"eager V100 calibrated on the first network (sustained fraction {fraction:.3g}); the others follow",
        _SYNTHETIC,
        tuple(_label(each) for each in measured),
        series,
        "GPU time over accelerator time",
        (Band(*SPEEDUP, "published, over its networks"),),
    )


def energy_bars(measured: tuple[Measured, ...], fraction: float) -> Comparison:
    """Energy saving against the V100 in its three columns."""
    series = tuple(
        Series(f"against {GPU} {column.value}", tuple(energy_saving(each, column, used) for each in measured))
        for column, used in _columns(fraction)
    )
    return Comparison(
        "H2Learn: energy of one training step",
        "V100 average power times time over priced actions and SRAM leakage; nothing fitted to energy",
        _SYNTHETIC,
        tuple(_label(each) for each in measured),
        series,
        "GPU energy over accelerator energy",
        (Band(*ENERGY_SAVING, "published, over its networks"),),
        logarithmic=True,
    )


def _label(each: Measured) -> str:
    workload = each.experiment.workload
    return f"{each.pair.name}\nB={workload.batch} T={workload.timesteps}"


def area_bars(each: Measured) -> Comparison:
    """Area of the machine by component."""
    areas: dict[str, float] = {}
    for row in each.report.area:
        areas[row.component] = areas.get(row.component, 0.0) + row.um2
    names = tuple(sorted(areas, key=lambda name: -areas[name]))
    return Comparison(
        "Assumption set A0: area by component",
        f"{sum(areas.values()) / 1e6:.4g} mm2 at 28 nm; logic areas are lower bounds: no timing constraint",
        "implied by the published ratio, if the whole V100 die of 815 mm2 was meant: 110 mm2",
        names,
        (Series("area", tuple(areas[name] / 1e6 for name in names)),),
        "mm2",
    )


def ablation_bars(ablated: tuple[Ablated, ...]) -> Comparison:
    """Cycles of the step and of the three engines, relative to the base."""
    base = ablated[0]
    whole = tuple(a.report.totals.total_cycles / base.report.totals.total_cycles for a in ablated)
    series = [Series("whole step", whole)]
    for label, engine in (("forward engine", FORWARD), ("update engine", UPDATE), ("backward engine", BACKWARD)):
        series.append(Series(label, tuple(a.busy(engine) / base.busy(engine) for a in ablated)))
    return Comparison(
        "H2Learn: ablations on the CIFAR net, busy cycles relative to A0",
        f"{base.report.totals.samples} samples, T = 6; one change at a time",
        _SYNTHETIC,
        tuple(a.variation.name for a in ablated),
        tuple(series),
        "cycles over those of A0",
    )
