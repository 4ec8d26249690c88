"""Figures of a stored run: what there is, and which of it fits the run. Proof: ``tests/unit/test_run_figures.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from simsnn.results.roofs import engine_roofs, roof_points, stored_hardware
from simsnn.results.store import LIVE_BYTES, StoredRun
from simsnn.sim.census import RunMemory
from simsnn.viz.breakdown import layers_figure, passes_figure
from simsnn.viz.cycles import cycles_figure
from simsnn.viz.density import density_figure
from simsnn.viz.energy import energy_figure
from simsnn.viz.gantt import pipeline_figure
from simsnn.viz.memory import memory_figure
from simsnn.viz.named import NamedFigure
from simsnn.viz.roofline import roofline_figure
from simsnn.viz.timeline import timeline_figure
from simsnn.viz.utilisation import utilisation_figure


@dataclass(frozen=True, slots=True)
class RunFigure:
    """A kind of figure: its name, what it shows, how it is drawn, why a run has none (empty where it has one)."""

    name: str
    what: str
    draw: Callable[[StoredRun], Figure]
    missing: Callable[[StoredRun], str] = lambda _: ""


def _roofline(run: StoredRun) -> Figure:
    hardware = stored_hardware(run.folder)
    return roofline_figure(run.report, () if hardware is None else engine_roofs(hardware))


def _no_roofs(run: StoredRun) -> str:
    hardware = stored_hardware(run.folder)
    if hardware is None:
        return "the run folder holds no machine that can be read"
    return "" if roof_points(run.report, engine_roofs(hardware)) else "no engine that ran states its peak"


def _no_rates(run: StoredRun) -> str:
    return "" if run.report.activity.rates else "the run has no activity"


def _no_pipeline(run: StoredRun) -> str:
    return "" if run.report.pipeline is not None else "the machine has no processors"


def _no_census(run: StoredRun) -> str:
    return "" if (run.folder / LIVE_BYTES).exists() else "the run kept no trace"


RUN_FIGURES = (
    RunFigure("cycles", "cycles by part and stall, a bar per layer and pass", lambda run: cycles_figure(run.report)),
    RunFigure("energy", "energy by component, a bar per layer and pass", lambda run: energy_figure(run.report)),
    RunFigure("timeline", "when the engines ran which layer", lambda run: timeline_figure(run.report)),
    RunFigure("passes", "cycles and energy by pass", lambda run: passes_figure(run.report)),
    RunFigure("layers", "cycles and energy by layer, stacked by pass", lambda run: layers_figure(run.report)),
    RunFigure(
        "utilisation", "use of every engine, and of its peak by operation", lambda run: utilisation_figure(run.report)
    ),
    RunFigure("roofline", "operations under the roofs of their engines", _roofline, _no_roofs),
    RunFigure("density", "spikes and gradients that are not zero", lambda run: density_figure(run.report), _no_rates),
    RunFigure("pipeline", "Gantt chart of processors", lambda run: pipeline_figure(run.report), _no_pipeline),
    RunFigure(
        "memory",
        "live bytes over time by operand class",
        lambda run: memory_figure(run.report, RunMemory.load(run.folder / LIVE_BYTES)),
        _no_census,
    ),
)


def figures_of(run: StoredRun) -> tuple[NamedFigure, ...]:
    """Figures that fit a run, in the order of ``RUN_FIGURES``."""
    fitting = (figure for figure in RUN_FIGURES if not figure.missing(run))
    return tuple(NamedFigure(figure.name, figure.what, partial(figure.draw, run)) for figure in fitting)


def figures_missing(run: StoredRun) -> dict[str, str]:
    """Figures that a run cannot have, with the reason."""
    return {figure.name: reason for figure in RUN_FIGURES if (reason := figure.missing(run))}
