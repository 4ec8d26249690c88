"""Panels of curves and points over one quantity, linear or logarithmic: lines, steps of a census, marked points.

Curves of equal label share their look over the panels, and the legend names each once. Proof:
``tests/unit/test_curves.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, WIDTH_INCHES, style

_COLOURS, _MARKERS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK, GREY), "os^DvPX*<>hd"
_TITLE_INCHES, _FOOTER_INCHES, _GAP_INCHES = 0.5, 0.25, 0.75
_LEFT_INCHES, _RIGHT_INCHES, _MOST_TICKS = 0.68, 0.15, 9
_DASHES = (0, (3, 1.5))

Kind = Literal["line", "steps", "points"]
LineStyle = Literal["-", "none"] | tuple[float, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve: its name in the legend, its points in the order in which they are joined; dashed without markers."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line with a few words at its foot; drawn only between the ends of the panel's curves."""

    x: float
    label: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """One plot.

    Parameters
    ----------
    title, x_label, y_label : str
        Its words; labels carry their unit.
    curves : tuple of Curve
        What it shows.
    kind : str
        ``line``: joined points; ``steps``: each value holds until the next; ``points``: not joined.
    x_log, y_log : bool
        Logarithmic axes; every point that is drawn is then above 0.
    marks : tuple of Mark
        Values of the horizontal axis worth a word.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    kind: Kind = "line"
    x_log: bool = False
    y_log: bool = False
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """Caption and panels; the footer says what the numbers rest on.

    Parameters
    ----------
    title, subtitle, footer : str
        Caption.
    panels : tuple of CurvePanel
        In order.
    columns : int
        Panels beside one another.
    panel_inches : float
        Height of a panel.
    """

    title: str
    subtitle: str
    footer: str
    panels: tuple[CurvePanel, ...]
    columns: int = 2
    panel_inches: float = 1.9

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all curves, each once."""
        return tuple(dict.fromkeys(curve.label for panel in self.panels for curve in panel.curves))


@style()
def curves_figure(content: Curves) -> Figure:
    """Draw the panels below a common legend."""
    labels = content.labels
    rows = -(-len(content.panels) // content.columns)
    above = legend_inches(list(labels))
    height = _TITLE_INCHES + above + rows * (content.panel_inches + _GAP_INCHES) + _FOOTER_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = 0.1 / WIDTH_INCHES
    figure.text(left, 1 - 0.1 / height, content.title, va="top", size=10, weight="bold")
    figure.text(left, 1 - 0.3 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(left, 0.07 / height, content.footer, size=6, color="#5A5A5A")
    width = WIDTH_INCHES / content.columns
    across = (width - _LEFT_INCHES - _RIGHT_INCHES) / WIDTH_INCHES
    for index, panel in enumerate(content.panels):
        row, column = divmod(index, content.columns)
        bottom = height - _TITLE_INCHES - above - (row + 1) * content.panel_inches - (row + 0.35) * _GAP_INCHES
        place = ((column * width + _LEFT_INCHES) / WIDTH_INCHES, bottom / height, across, content.panel_inches / height)
        _draw(figure.add_axes(place), panel, labels)
    anchor = figure.add_axes((0, (height - _TITLE_INCHES - above) / height, 1, 0.01 / height))
    anchor.set_axis_off()
    points = any(panel.kind == "points" for panel in content.panels)
    steps = all(panel.kind == "steps" for panel in content.panels)
    dashed = {curve.label for panel in content.panels for curve in panel.curves if curve.dashed}
    handles = [_look(labels, label, joined=not points, marked=not steps, dashed=label in dashed) for label in labels]
    draw_legend(anchor, handles, list(labels))
    return figure


def _look(labels: tuple[str, ...], label: str, *, joined: bool, marked: bool, dashed: bool) -> Line2D:
    place = labels.index(label)
    colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
    line: LineStyle = (_DASHES if dashed else "-") if joined else "none"
    mark = marker if marked and not dashed else "none"
    # a second round of the colours is drawn hollow
    fill = "none" if place >= len(_COLOURS) else colour
    return Line2D(
        [], [], color=colour, linestyle=line, marker=mark, markersize=4.0, linewidth=1.1, markerfacecolor=fill
    )


def _draw(axes: Axes, panel: CurvePanel, labels: tuple[str, ...]) -> None:
    for curve in panel.curves:
        joined, marked = panel.kind != "points", panel.kind != "steps"
        look = _look(labels, curve.label, joined=joined, marked=marked, dashed=curve.dashed)
        look.set_data(curve.x, curve.y)
        if panel.kind == "steps":
            look.set_drawstyle("steps-post")
        axes.add_line(look)
    axes.set_xscale("log" if panel.x_log else "linear")
    axes.set_yscale("log" if panel.y_log else "linear")
    axes.relim()
    axes.autoscale_view()
    if panel.x_log:
        ticks = sorted({value for curve in panel.curves for value in curve.x})
        if len(ticks) <= _MOST_TICKS:
            axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.minorticks_off()
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    if not panel.y_log:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.grid()
    for mark in panel.marks:
        _draw_mark(axes, mark, sorted({x for curve in panel.curves for x in curve.x}))
    axes.set_title(panel.title, loc="left", size=7.5)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)


def _draw_mark(axes: Axes, mark: Mark, ticks: list[float]) -> None:
    if not ticks[0] <= mark.x <= ticks[-1]:
        return
    axes.axvline(mark.x, color=INK, linewidth=0.8, linestyle=_DASHES if mark.dashed else "-")
    right = mark.x**2 > ticks[0] * ticks[-1]  # beyond the middle the words stand on the other side
    axes.annotate(
        mark.label,
        (mark.x, 0.02),
        (-2 if right else 2, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        size=6,
    )
