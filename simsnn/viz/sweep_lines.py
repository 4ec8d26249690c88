"""A metric over one axis of a sweep: a line per value of a second axis, repetitions as mean and band.

Where points differ in further axes too, every combination of these is a line of its own, in the colour of its value of
the second axis; few of them have line styles of their own. Points of a search are not joined. A point that was refused,
failed or has no value is a mark above its place, in the colour
of its line. Proof: ``tests/unit/test_sweep_figures.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import Scalar
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import GREY, Panel, Scale, captioned, style
from simsnn.viz.sweep_axis import SweepAxis, set_up
from simsnn.viz.sweep_cells import Cell, Place, all_values, cells_of
from simsnn.viz.sweep_metric import Metric, logarithmic
from simsnn.viz.sweep_page import (
    LEVEL_INCHES,
    LostMarks,
    caption,
    described,
    log_ticks,
    lost_handles,
    lost_levels,
    nothing,
    series_colours,
)

STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
MARKERS = "osD^vP*X"
MOST_ENTRIES = 16
_HEIGHT_INCHES = 2.9


@dataclass(frozen=True, slots=True)
class LinesView:
    """Axes of a figure of lines.

    Parameters
    ----------
    x : SweepAxis
        Horizontal axis.
    series : SweepAxis or None
        A line per value of it.
    others : tuple of SweepAxis
        What points differ in besides.
    seeded : bool
        Whether an axis of the sweep repeats points.
    joined : bool
        Whether points of one line follow one another; those of a search do not.
    """

    x: SweepAxis
    series: SweepAxis | None
    others: tuple[SweepAxis, ...]
    seeded: bool
    joined: bool

    @property
    def axes(self) -> tuple[SweepAxis, ...]:
        """All of them, the horizontal one first."""
        return (self.x, *((self.series,) if self.series is not None else ()), *self.others)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: value of the series axis, those of the further axes, and its cells in the order of x."""

    series: Scalar
    others: Place
    cells: tuple[tuple[float, Cell], ...]


def lines_of(stored: StoredSweep, metric: Metric, view: LinesView) -> tuple[Line, ...]:
    """Lines of a figure, in the order of the series axis; every point is in exactly one."""
    grouped: dict[tuple[Scalar, Place], list[tuple[float, Cell]]] = {}
    skip = 1 if view.series is None else 2
    for place, one in cells_of(stored, metric, view.axes).items():
        series = None if view.series is None else place[1]
        grouped.setdefault((series, place[skip:]), []).append((view.x.place(place[0]), one))
    values = (None,) if view.series is None else view.series.values
    lines = sorted(grouped, key=lambda key: values.index(key[0]))
    return tuple(Line(key[0], key[1], tuple(sorted(grouped[key], key=lambda pair: pair[0]))) for key in lines)


@style()
def lines_figure(stored: StoredSweep, metric: Metric, view: LinesView) -> Figure:
    """Draw a metric over an axis.

    Parameters
    ----------
    stored : StoredSweep
        The sweep.
    metric : Metric
        Vertical axis.
    view : LinesView
        Horizontal axis and lines.
    """
    lines = lines_of(stored, metric, view)
    cells = [one for line in lines for _, one in line.cells]
    values = all_values(cells)
    scale = metric.scale(values)
    looks = _Looks(view, tuple(dict.fromkeys(line.others for line in lines)))
    handles = [*looks.handles(), *lost_handles(cells)]
    if view.seeded and any(one.spread for one in cells):
        handles.append(Patch(facecolor=GREY, alpha=0.3, label="range of repetitions"))
    labels = [str(handle.get_label()) for handle in handles]
    title = f"{metric.label} over {view.x.name}" + (f" and {view.series.name}" if view.series else "")
    below = 0.46 if view.x.numbers is not None or not _long(view.x) else 0.46 + 0.05 * max(map(len, view.x.labels))
    marks = LEVEL_INCHES * lost_levels(pair for line in lines for pair in line.cells)
    room = (Panel((legend_inches(labels) if labels else 0.1) + marks, _HEIGHT_INCHES, below),)
    drawn = captioned(caption(stored, title, looks.note()), (" " * 8,), room)
    axes = drawn.axes[0]
    set_up(axes, view.x)
    if below > 0.46:
        axes.tick_params(axis="x", labelrotation=90 if len(view.x.values) > 12 else 30)
    lost = LostMarks(axes)
    for line in lines:
        looks.draw(axes, line, scale)
        for place, one in line.cells:
            if not one.values:
                lost.mark(place, one, looks.colours[looks.number(line)])
    if values and logarithmic(values):
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    elif values:
        axes.set_ylim(min(0.0, min(values) / scale.factor), max(values) / scale.factor * 1.1 or 1.0)
    axes.set_ylabel(metric.axis_label(scale))
    axes.grid(axis="y")
    if not values:
        nothing(axes)
    draw_legend(axes, handles, labels, marks)
    return drawn.figure


def _long(axis: SweepAxis) -> bool:
    return sum(len(label) + 2 for label in axis.labels) > 95


class _Looks:
    """Colour of a line by its value of the series axis, style by its further axes."""

    def __init__(self, view: LinesView, others: tuple[Place, ...]) -> None:
        self.view, self.others = view, others
        self.colours = series_colours(view.series)

    @property
    def styled(self) -> bool:
        """Whether every combination of the further axes has a line style of its own."""
        return self.view.joined and 1 < len(self.others) <= len(STYLES)

    def number(self, line: Line) -> int:
        """Place of a line's value on the series axis."""
        return 0 if self.view.series is None else self.view.series.values.index(line.series)

    def draw(self, axes: Axes, line: Line, scale: Scale) -> None:
        """Draw mean and band of one line."""
        number, pairs = self.number(line), [(x, one) for x, one in line.cells if one.values]
        colour = self.colours[number]
        faint = len(self.others) > len(STYLES)
        axes.plot(
            [x for x, _ in pairs],
            [(one.mean or 0.0) / scale.factor for _, one in pairs],
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            markersize=3.0 if faint else 4.0,
            linewidth=0.8 if faint else 1.4,
            alpha=0.65 if faint else 1.0,
            linestyle=self._style(line) if self.view.joined else "none",
        )
        bands = [(x, one.spread or (one.mean or 0.0,) * 2) for x, one in pairs]
        if any(one.spread for _, one in pairs):
            low = [ends[0] / scale.factor for _, ends in bands]
            high = [ends[1] / scale.factor for _, ends in bands]
            axes.fill_between([x for x, _ in bands], low, high, color=colour, alpha=0.22, linewidth=0)
            axes.vlines([x for x, _ in bands], low, high, color=colour, linewidth=0.7)

    def _style(self, line: Line) -> str:
        return STYLES[self.others.index(line.others)] if self.styled else "-"

    def handles(self) -> list[Artist]:
        """Legend: colours, then styles; of very many values some, from first to last."""
        found: list[Artist] = []
        series = self.view.series
        if series is not None:
            size = len(series.values)
            step = max(1, -(-size // MOST_ENTRIES))
            for index in sorted({*range(0, size, step), size - 1}):
                look: dict[str, Any] = {
                    "color": self.colours[index],
                    "marker": MARKERS[index % len(MARKERS)],
                    "markersize": 4.0,
                }
                label = f"{series.name} {series.labels[index]}"
                found.append(Line2D([], [], linestyle="-" if self.view.joined else "none", label=label, **look))
        if self.styled:
            for index, others in enumerate(self.others):
                text = ", ".join(axis.label(value) for axis, value in zip(self.view.others, others, strict=True))
                found.append(Line2D([], [], color=GREY, linestyle=STYLES[index], label=text))
        return found

    def note(self) -> str:
        """What the subtitle says of the further axes."""
        if not self.view.others or len(self.others) < 2:
            return ""
        names = described(self.view.others)
        return f"line styles: {names}" if self.styled else f"points also differ in {names}"
