"""Figures of the comparison of parallel units."""

from __future__ import annotations

from statistics import fmean

from simsnn.reproduction.psu_crossover import Crossing, CurvePoint
from simsnn.reproduction.psu_recipes import UNITS, Study
from simsnn.viz.comparison import Comparison, Series
from simsnn.viz.curves import Curve, CurvePanel, Curves, Mark

_PASSES = {"F": "forward", "B": "backward"}
_FOOTER = "closed forms, nothing late, memory left out; machines are ours"


def cycle_curves(points: tuple[CurvePoint, ...], crossings: tuple[Crossing, ...]) -> Curves:
    """Cycles over T: a panel per machine, layer and pass, T* marked where it lies in the panel."""
    places = dict.fromkeys((p.shape, p.neurons, p.pass_) for p in points)
    panels = []
    for shape, neurons, pass_ in places:
        mine = [p for p in points if (p.shape, p.neurons, p.pass_) == (shape, neurons, pass_)]
        marks = [_marks(c) for c in crossings if (c.shape, c.neurons, c.pass_) == (shape, neurons, pass_)]
        title = f"{shape.name}, N = {neurons:,}, {_PASSES[pass_]}"
        found = tuple(mark for group in marks for mark in group)
        panels.append(CurvePanel(title, "time steps T", "cycles", _lines(mine), x_log=True, y_log=True, marks=found))
    return Curves(
        "PSU: cycles of one layer over T",
        "array R x C beside lanes of so many operations per cycle; T*: products are slower from there on",
        _FOOTER,
        tuple(panels),
    )


def _marks(crossing: Crossing) -> tuple[Mark, ...]:
    found = []
    if crossing.one_after_another is not None:
        found.append(Mark(crossing.one_after_another, f"T* {crossing.one_after_another}"))
    if crossing.overlapped is not None:
        found.append(Mark(crossing.overlapped, f"T* {crossing.overlapped}, side by side", dashed=True))
    return tuple(found)


def _lines(points: list[CurvePoint]) -> tuple[Curve, ...]:
    found = []
    for form in dict.fromkeys(point.form for point in points):
        mine = [point for point in points if point.form == form]
        steps = tuple(float(point.timesteps) for point in mine)
        if form == "product":
            found.append(Curve("T x T products, one after another", steps, tuple(float(p.cycles) for p in mine)))
            beside = tuple(float(p.overlapped) for p in mine)
            found.append(Curve("T x T products, array and lanes side by side", steps, beside, dashed=True))
        else:
            found.append(Curve(form, steps, tuple(float(p.cycles) for p in mine)))
    return tuple(found)


def accuracy_bars(found: Study) -> Comparison:
    """Mean accuracy of every unit on every data set."""
    units = tuple(dict.fromkeys(training.unit for training in found.trainings))
    seeds = len({training.seed for training in found.trainings})
    series = []
    for name in found.experiments:
        values = [found.of(name, unit) for unit in units]
        found_in = [[100 * training.accuracy for training in group] for group in values]
        means = tuple(fmean(group) if group else None for group in found_in)
        spread = tuple((min(group), max(group)) if group else None for group in found_in)
        series.append(Series(name.removeprefix("psu_"), means, spread))
    return Comparison(
        "Parallel units and a LIF on real sequences",
        f"test accuracy after the last epoch, mean, lowest and highest of {seeds} seeds",
        "networks, epochs and learning rates are assumed; small networks of two hidden layers",
        units,
        tuple(series),
        "test accuracy / %",
    )


def step_bars(found: Study, energy: bool) -> Comparison:
    """Cycles or energy of a training step of every unit and form."""
    groups = tuple(dict.fromkeys((step.unit, step.form, step.short_form) for step in found.steps))
    series = []
    for name in found.experiments:
        values = []
        for unit, form, _ in groups:
            step = next((s for s in found.steps if (s.experiment, s.unit, s.form) == (name, unit, form)), None)
            values.append(None if step is None else step.energy_pj / 1e6 if energy else step.cycles / 1e3)
        series.append(Series(name.removeprefix("psu_"), tuple(values)))
    what = "energy" if energy else "cycles"
    known = {unit.name for unit in UNITS}
    labels = tuple(f"{unit}\n{short}" if unit in known else unit for unit, _, short in groups)
    return Comparison(
        f"Parallel units: {what} of a training step",
        "recorded activity of real training; event level with SRAM ports and DRAM; 32 x 32 array beside 32 lanes",
        "machine: ws32_scan, a choice; networks are assumed",
        labels,
        tuple(series),
        "uJ per training step" if energy else "thousand cycles per training step",
    )
