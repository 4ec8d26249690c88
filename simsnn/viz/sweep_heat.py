"""A metric over two axes of a sweep: a heat map, or coloured points where the grid is mostly empty.

Cells are of equal size, whatever the steps between the values. A cell put together of repetitions shows their mean;
one put together of further axes shows the best, and the title says so. Refused cells are hatched, failed ones crossed;
places without a point stay white. Cells of the Pareto front are framed. Proof: ``tests/unit/test_sweep_figures.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import Goal, PointStatus
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import INK, LIGHT, VERMILLION, Panel, captioned, style
from simsnn.viz.sweep_axis import SweepAxis, limits, set_up
from simsnn.viz.sweep_cells import Cell, Place, cells_of
from simsnn.viz.sweep_metric import Metric, goal_of, logarithmic
from simsnn.viz.sweep_page import caption, described, log_ticks, lost_handles, mark_lost, nothing

MOST_PANELS, MOST_WRITTEN = 4, 144
_COLOURS = "YlGnBu"
_DARK = 0.6
_BAR_INCHES = 0.85
_HATCH = {PointStatus.REFUSED: "////", PointStatus.FAILED: "xxxx"}


@dataclass(frozen=True, slots=True)
class HeatView:
    """Axes of a heat map, and what points differ in besides."""

    x: SweepAxis
    y: SweepAxis
    others: tuple[SweepAxis, ...]


@dataclass(frozen=True, slots=True)
class HeatPanel:
    """One map: what holds for it, its cells by (x, y), and the value that each shows."""

    label: str
    cells: dict[Place, Cell]
    shown: dict[Place, float | None]


def heat_panels(stored: StoredSweep, metric: Metric, view: HeatView) -> tuple[tuple[HeatPanel, ...], str]:
    """Maps of a figure, one per combination of further axes where these are few, and what was put together."""
    cells = cells_of(stored, metric, (view.x, view.y, *view.others))
    combinations = list(dict.fromkeys(place[2:] for place in cells))
    if len(combinations) <= MOST_PANELS:
        panels = []
        for others in combinations:
            own = {place[:2]: one for place, one in cells.items() if place[2:] == others}
            pairs = zip(view.others, others, strict=True)
            label = ", ".join(f"{axis.name} {axis.label(value)}" for axis, value in pairs)
            panels.append(HeatPanel(label, own, {place: one.mean for place, one in own.items()}))
        return tuple(panels), ""
    goal = goal_of(stored, metric)
    merged = cells_of(stored, metric, (view.x, view.y))
    shown = {place: _best([one for key, one in cells.items() if key[:2] == place], goal) for place in merged}
    word = "lowest" if goal == "min" else "highest"
    return (HeatPanel("", merged, shown),), f"{word} over {described(view.others)}"


def _best(cells: list[Cell], goal: Goal) -> float | None:
    means = [one.mean for one in cells if one.mean is not None]
    return (min(means) if goal == "min" else max(means)) if means else None


@style()
def heat_figure(stored: StoredSweep, metric: Metric, view: HeatView) -> Figure:
    """Draw a metric over two axes.

    Parameters
    ----------
    stored : StoredSweep
        The sweep.
    metric : Metric
        What the colour is.
    view : HeatView
        Axes across and up.
    """
    panels, note = heat_panels(stored, metric, view)
    cells = [one for panel in panels for one in panel.cells.values()]
    values = [value for panel in panels for value in panel.shown.values() if value is not None]
    sparse = max((len(panel.cells) for panel in panels), default=0) * 3 < len(view.x.values) * len(view.y.values)
    handles = _sparse_legend(cells) if sparse else _legend(cells)
    labels = [str(handle.get_label()) for handle in handles]
    title = f"{metric.label} over {view.x.name} and {view.y.name}" + (f", {note}" if note else "")
    height = 3.0 if sparse else min(6.0, max(0.9, 0.26 * len(view.y.values)))
    below = 0.46 if len(panels) == 1 else 0.5
    rooms = [Panel((legend_inches(labels) if labels else 0.1) + 0.16, height, below)]
    rooms += [Panel(0.2, height, below)] * (len(panels) - 1)
    longest = max(view.y.labels, key=len, default="")
    drawn = captioned(caption(stored, title), (longest + "000",), tuple(rooms))
    colour = _Colour(metric, values)
    for axes, panel in zip(drawn.axes, panels, strict=True):
        _narrow(axes)
        if sparse:
            _draw_points(axes, panel, view, colour)
        else:
            _draw_cells(axes, panel, view, colour)
        axes.set_ylabel(view.y.name)
        if panel.label:
            axes.set_title(panel.label, loc="left", size=7.5, pad=3)
    if values:
        _colour_bar(drawn.figure, drawn.axes[0], colour)
    draw_legend(drawn.axes[0], handles, labels, 0.16)
    return drawn.figure


class _Colour:
    """Colours of the values of a figure, the same in all its maps."""

    def __init__(self, metric: Metric, values: list[float]) -> None:
        self.scale = metric.scale(values)
        ends = (min(values, default=0.0) / self.scale.factor, max(values, default=1.0) / self.scale.factor)
        if ends[0] == ends[1]:
            ends = (ends[0] - 0.5 * (abs(ends[0]) or 1.0), ends[1] + 0.5 * (abs(ends[1]) or 1.0))
        self.norm: Normalize = LogNorm(*ends) if logarithmic(values) else Normalize(*ends)
        self.map = colormaps[_COLOURS]

    def share(self, value: float) -> float:
        """Where a value lies between the lightest and the darkest colour."""
        return float(self.norm(value / self.scale.factor))

    def of(self, value: float) -> Any:
        """Colour of a value."""
        return self.map(0.08 + 0.92 * self.share(value))


def _narrow(axes: Axes) -> None:
    """Leave room for the bar of colours on the right."""
    box, width = axes.get_position(), axes.figure.get_figwidth()  # type: ignore[union-attr]
    axes.set_position((box.x0, box.y0, box.width - _BAR_INCHES / width, box.height))


def _draw_cells(axes: Axes, panel: HeatPanel, view: HeatView, colour: _Colour) -> None:
    written = len(view.x.values) * len(view.y.values) <= MOST_WRITTEN and len(view.x.values) <= 12
    squares: list[Rectangle] = []
    frames: list[Rectangle] = []
    colours: list[Any] = []
    for place, one in panel.cells.items():
        column, row = view.x.values.index(place[0]), view.y.values.index(place[1])
        value = panel.shown[place]
        if value is None:
            _draw_lost(axes, (column, row), one)
        else:
            squares.append(Rectangle((column - 0.5, row - 0.5), 1, 1))
            colours.append(colour.of(value))
        if one.pareto:
            frames.append(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9))
        if value is not None and written:
            ink = "white" if 0.08 + 0.92 * colour.share(value) > _DARK else INK
            text = f"{value / colour.scale.factor:.3g}" + ("*" if len(one.values) < len(one.rows) else "")
            axes.text(column, row, text, ha="center", va="center", size=6, color=ink)
        elif written and not one.values:
            word = one.lost.value if one.lost is not None else "no value"
            box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
            axes.text(column, row, word, ha="center", va="center", size=5.5, color=INK, bbox=box)
    axes.add_collection(PatchCollection(squares, facecolors=colours or "none", edgecolors="white", linewidths=0.6))
    front = PatchCollection(frames, facecolors="none", edgecolors=VERMILLION, linewidths=1.4, zorder=4)
    axes.add_collection(front)
    axes.set_xlim(-0.5, len(view.x.values) - 0.5)
    axes.set_ylim(-0.5, len(view.y.values) - 0.5)
    _name_cells(axes, view)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if not any(value is not None for value in panel.shown.values()) and not panel.cells:
        nothing(axes)


def _draw_lost(axes: Axes, corner: tuple[int, int], one: Cell) -> None:
    """A cell without a value: hatched by what became of it."""
    column, row = corner
    hatch = _HATCH[one.lost] if one.lost is not None else "...."
    edge = VERMILLION if one.lost is PointStatus.FAILED else "#9A9A9A"
    look = {"facecolor": "#F4F4F4", "edgecolor": edge, "hatch": hatch, "linewidth": 0}
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **look))  # type: ignore[arg-type]


def _name_cells(axes: Axes, view: HeatView) -> None:
    """Label rows and columns, of many every so many."""
    for axis, own, most in ((axes.xaxis, view.x, 14), (axes.yaxis, view.y, 30)):
        step = max(1, -(-len(own.values) // most))
        places = list(range(0, len(own.values), step))
        axis.set_ticks(places, [own.labels[place] for place in places])
        axis.set_tick_params(length=0)
    if sum(len(label) + 2 for label in view.x.labels) > 80:
        axes.tick_params(axis="x", labelrotation=30)
    axes.set_xlabel(view.x.name)


def _draw_points(axes: Axes, panel: HeatPanel, view: HeatView, colour: _Colour) -> None:
    """Points of a search, each where it lies; those without a value as marks there."""
    set_up(axes, view.x)
    if view.y.logarithmic:
        axes.set_yscale("log")
    axes.set_ylim(*limits(view.y))
    if view.y.numbers is None:
        axes.set_yticks(range(len(view.y.values)), view.y.labels)
    for place, one in panel.cells.items():
        x, y, value = view.x.place(place[0]), view.y.place(place[1]), panel.shown[place]
        if value is None:
            mark_lost(axes, one, (x, y))
        else:
            edge, width = (VERMILLION, 1.4) if one.pareto else (INK, 0.4)
            axes.plot(
                [x],
                [y],
                "o",
                markersize=6,
                markerfacecolor=colour.of(value),
                markeredgecolor=edge,
                markeredgewidth=width,
            )
    axes.grid(True)


def _colour_bar(figure: Figure, beside: Axes, colour: _Colour) -> None:
    box, width = beside.get_position(), figure.get_figwidth()
    axes = figure.add_axes((box.x1 + 0.12 / width, box.y0, 0.12 / width, box.height))
    steps: NDArray[np.float64] = np.linspace(0.08, 1.0, 128)
    low, high = colour.norm.vmin or 0.0, colour.norm.vmax or 1.0
    edges = np.geomspace(low, high, 129) if isinstance(colour.norm, LogNorm) else np.linspace(low, high, 129)
    axes.barh(edges[:-1], 1.0, np.diff(edges), align="edge", color=[colour.map(step) for step in steps], linewidth=0)
    if isinstance(colour.norm, LogNorm):
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    axes.set_ylim(low, high)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_title(colour.scale.unit, size=7, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _legend(cells: list[Cell]) -> list[Patch]:
    found = []
    lost = [one for one in cells if not one.values]
    for status, hatch in _HATCH.items():
        if any(one.lost is status for one in lost):
            edge = VERMILLION if status is PointStatus.FAILED else "#9A9A9A"
            found.append(Patch(facecolor="#F4F4F4", edgecolor=edge, hatch=hatch, linewidth=0, label=status.value))
    if any(one.lost is None for one in lost):
        found.append(Patch(facecolor="#F4F4F4", edgecolor="#9A9A9A", hatch="....", linewidth=0, label="no value"))
    if any(one.pareto for one in cells):
        found.append(Patch(facecolor=LIGHT, edgecolor=VERMILLION, linewidth=1.4, label="on the Pareto front"))
    if any(one.values and len(one.values) < len(one.rows) for one in cells):
        found.append(Patch(facecolor="none", edgecolor="none", label="* without points that were refused or failed"))
    return found


def _sparse_legend(cells: list[Cell]) -> list[Line2D]:
    found = lost_handles(cells)
    if any(one.pareto for one in cells):
        look = {"marker": "o", "markerfacecolor": LIGHT, "markeredgecolor": VERMILLION, "markeredgewidth": 1.4}
        found.append(Line2D([], [], linestyle="none", markersize=6, label="on the Pareto front", **look))  # type: ignore[arg-type]
    return found
