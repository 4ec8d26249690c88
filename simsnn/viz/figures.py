"""Figures of a stored report; each is drawn in its own file."""

from __future__ import annotations

from simsnn.viz.cycles import cycles_figure
from simsnn.viz.density import density_figure
from simsnn.viz.energy import energy_figure
from simsnn.viz.gantt import pipeline_figure
from simsnn.viz.memory import memory_figure
from simsnn.viz.style import save
from simsnn.viz.timeline import timeline_figure

__all__ = [
    "cycles_figure",
    "density_figure",
    "energy_figure",
    "memory_figure",
    "pipeline_figure",
    "save",
    "timeline_figure",
]
