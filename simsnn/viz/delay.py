"""Test accuracy against the delay of the gradients: mean over seeds, lowest and highest, one panel per network.

Proof: ``tests/unit/test_delay_figure.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, INK, LIGHT, ORANGE, VERMILLION, WIDTH_INCHES, style

_COLOURS, _MARKERS = (BLUE, VERMILLION, GREEN, ORANGE), ("o", "s", "^", "D")
_PANEL_INCHES, _PANEL_GAP_INCHES, _TITLE_INCHES, _FOOTER_INCHES, _COLUMNS = 1.75, 0.72, 0.5, 0.25, 2
_LEFT_INCHES, _RIGHT_INCHES, _APART = 0.62, 0.15, 0.12
_LEAST_POINTS = 4.0


@dataclass(frozen=True, slots=True)
class DelayPoint:
    """Accuracy in percent at one delay: mean, lowest and highest over the seeds."""

    delay: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DelayCurve:
    """Points of one convention and kind of weights; curves of equal label share a colour over the panels."""

    label: str
    points: tuple[DelayPoint, ...]


@dataclass(frozen=True, slots=True)
class DelayPanel:
    """One network.

    Parameters
    ----------
    title : str
        Network, depth and data.
    plain : DelayPoint
        Without delay.
    allowed_points : float
        How many points below its mean a training still counts as good; shaded.
    curves : tuple of DelayCurve
        With delay.
    """

    title: str
    plain: DelayPoint
    allowed_points: float
    curves: tuple[DelayCurve, ...]


@dataclass(frozen=True, slots=True)
class DelayContent:
    """Caption and panels; the footer says what the numbers rest on."""

    title: str
    subtitle: str
    footer: str
    panels: tuple[DelayPanel, ...]


@style()
def delay_figure(content: DelayContent) -> Figure:
    """Draw the panels, two in a row."""
    labels = tuple(dict.fromkeys(curve.label for panel in content.panels for curve in panel.curves))
    rows = -(-len(content.panels) // _COLUMNS)
    above = legend_inches([*labels, "", ""])
    height = _TITLE_INCHES + above + rows * (_PANEL_INCHES + _PANEL_GAP_INCHES) + _FOOTER_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = 0.1 / WIDTH_INCHES
    figure.text(left, 1 - 0.1 / height, content.title, va="top", size=10, weight="bold")
    figure.text(left, 1 - 0.3 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(left, 0.07 / height, content.footer, size=6, color="#5A5A5A")
    width = WIDTH_INCHES / _COLUMNS
    for index, panel in enumerate(content.panels):
        row, column = divmod(index, _COLUMNS)
        bottom = height - _TITLE_INCHES - above - (row + 1) * _PANEL_INCHES - (row + 0.35) * _PANEL_GAP_INCHES
        across = (width - _LEFT_INCHES - _RIGHT_INCHES) / WIDTH_INCHES
        place = ((column * width + _LEFT_INCHES) / WIDTH_INCHES, bottom / height, across, _PANEL_INCHES / height)
        _draw(figure.add_axes(place), panel, labels)
    top = (height - _TITLE_INCHES - above) / height
    anchor = figure.add_axes((0, top, 1, 0.01 / height))  # the legend stands on it, above the panels' titles
    anchor.set_axis_off()
    _legend(anchor, labels)
    return figure


def _draw(axes: Axes, panel: DelayPanel, labels: tuple[str, ...]) -> None:
    plain = panel.plain
    axes.axhspan(plain.mean - panel.allowed_points, plain.mean, color=LIGHT, zorder=0, linewidth=0)
    axes.axhline(plain.mean, color=INK, linewidth=0.8, linestyle="--", zorder=1)
    _points(axes, (plain,), INK, "o", 0.0)
    for curve in panel.curves:
        place = labels.index(curve.label)
        # a little apart, or equal delays would hide one another
        shift = _APART * (place - (len(labels) - 1) / 2)
        colour = _COLOURS[place % len(_COLOURS)]
        _points(axes, curve.points, colour, _MARKERS[place % len(_MARKERS)], shift)
    every = (plain, *(point for curve in panel.curves for point in curve.points))
    low, high = min(point.low for point in every), max(point.high for point in every)
    low = min(low, plain.mean - panel.allowed_points, high - _LEAST_POINTS)
    axes.set_ylim(low - 0.06 * (high - low), min(100.0, high + 0.06 * (high - low)))
    axes.set_xlim(-0.6, max(point.delay for point in every) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.grid(axis="y")
    axes.set_title(panel.title, loc="left", size=7.5)
    axes.set_xlabel("delay of the first layer / updates")
    axes.set_ylabel("test accuracy / %")


def _points(axes: Axes, points: tuple[DelayPoint, ...], colour: str, marker: str, shift: float) -> None:
    x, y = [point.delay + shift for point in points], [point.mean for point in points]
    down, up = [p.mean - p.low for p in points], [p.high - p.mean for p in points]
    axes.errorbar(
        x, y, (down, up), color=colour, marker=marker, markersize=3.5, linewidth=0.8, elinewidth=0.8, capsize=2
    )


def _legend(axes: Axes, labels: tuple[str, ...]) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, linewidth=0.8)
        for _, colour, marker in zip(labels, _COLOURS, _MARKERS, strict=False)
    ]
    handles += [Line2D([], [], color=INK, linewidth=0.8, linestyle="--"), Patch(facecolor=LIGHT)]
    draw_legend(axes, handles, [*labels, "no delay", "accepted loss"])
