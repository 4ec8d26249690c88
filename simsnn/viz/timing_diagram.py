"""Timing diagrams: what every unit of an engine does at every edge, from the trace of its register-level twin.

Proof: ``tests/unit/test_timing_diagram.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simsnn.viz.bars import fits
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, INK, LIGHT, ORANGE, PURPLE, SKY, VERMILLION, WIDTH_INCHES, YELLOW, style

_LANE_INCHES, _TITLE_INCHES, _BELOW_INCHES, _LABEL_INCHES = 0.2, 0.46, 0.42, 0.06

STATE_COLOURS = {
    "works": GREEN,
    "builds": PURPLE,
    "waits for a table": ORANGE,
    "waits for a drain": BLUE,
    "skips zeros": YELLOW,
    "waits for room": SKY,
    "operands late": VERMILLION,
    "bank conflict": VERMILLION,
    "scans outputs": YELLOW,
    "scans the field": BLUE,
    "waits for a grant": PURPLE,
    "idle": LIGHT,
}
"""Colour of every state that a lane can be in."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One unit of the engine.

    Parameters
    ----------
    label : str
        What it is.
    states : tuple of str
        State at every edge, a key of ``STATE_COLOURS``.
    marks : tuple of str
        What it works on at every edge (a tile, a pixel); empty where nothing.
    """

    label: str
    states: tuple[str, ...]
    marks: tuple[str, ...]

    def runs(self) -> tuple[tuple[int, int, str, str], ...]:
        """First edge, edges, state and mark of every run of equal edges."""
        found, start = [], 0
        for (state, mark), members in groupby(zip(self.states, self.marks, strict=True)):
            length = len(tuple(members))
            found.append((start, length, state, mark))
            start += length
        return tuple(found)


@style()
def timing_figure(title: str, subtitle: str, lanes: tuple[Lane, ...]) -> Figure:
    """Draw one row per lane, edges to the right, marks inside where they fit."""
    used = [state for state in STATE_COLOURS if any(state in lane.states for lane in lanes)]
    above, rows = legend_inches(used), len(lanes) * _LANE_INCHES
    height = _TITLE_INCHES + above + rows + _BELOW_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = _LABEL_INCHES * max(len(lane.label) for lane in lanes) + 0.15
    shape = (left / WIDTH_INCHES, _BELOW_INCHES / height, 0.98 - left / WIDTH_INCHES, rows / height)
    axes = figure.add_axes(shape)
    x, top = 0.1 / WIDTH_INCHES, 1 - 0.08 / height
    figure.text(x, top, title, va="top", size=9, weight="bold")
    figure.text(x, top - 0.18 / height, subtitle, va="top", size=6.5, color="#5A5A5A")
    for row, lane in enumerate(lanes):
        _draw(axes, row, lane)
    draw_legend(axes, [Patch(facecolor=STATE_COLOURS[state]) for state in used], used)
    _scale(axes, lanes)
    return figure


def _draw(axes: Axes, row: int, lane: Lane) -> None:
    span = len(lane.states)
    for start, length, state, mark in lane.runs():
        axes.barh(row, length, 0.8, start, align="center", color=STATE_COLOURS[state], edgecolor="white", linewidth=0.3)
        if mark and fits(length, span, mark, 5.5):
            axes.text(start + length / 2, row, mark, ha="center", va="center", size=5.5, color=INK)


def _scale(axes: Axes, lanes: tuple[Lane, ...]) -> None:
    axes.set_yticks(range(len(lanes)), [lane.label for lane in lanes])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lanes) - 0.45, -0.55)
    axes.set_xlim(0, max(len(lane.states) for lane in lanes))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    axes.grid(axis="x")
    axes.set_xlabel("clock edge")
