"""Curves on logarithmic axes in panels, with marks on the horizontal axis: how a cost grows with a size.

Proof: ``tests/unit/test_curves.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILLION, WIDTH_INCHES, style

_COLOURS, _MARKERS = (BLUE, GREEN, VERMILLION, ORANGE, PURPLE), "os^Dv"
_COLUMNS, _PANEL_INCHES, _GAP_INCHES, _TITLE_INCHES, _FOOTER_INCHES = 2, 1.55, 0.68, 0.5, 0.25
_LEFT_INCHES, _RIGHT_INCHES = 0.65, 0.15
_DASHES = (0, (3, 1.5))


@dataclass(frozen=True, slots=True)
class Curve:
    """One line; equal labels share a look over the panels. ``dashed`` lines have no markers."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line with a few words at its top; drawn only between the ends of the panel's curves."""

    x: float
    label: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """Curves and marks of one panel."""

    title: str
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """Caption, names of the axes, panels in rows of two; the footer says what the numbers rest on."""

    title: str
    subtitle: str
    footer: str
    x_axis: str
    y_axis: str
    panels: tuple[CurvePanel, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Lines in order of first appearance."""
        return tuple(dict.fromkeys(curve.label for panel in self.panels for curve in panel.curves))


@style()
def curves_figure(content: Curves) -> Figure:
    """Draw the panels, two in a row."""
    rows, above = -(-len(content.panels) // _COLUMNS), legend_inches(content.labels)
    height = _TITLE_INCHES + above + rows * (_PANEL_INCHES + _GAP_INCHES) + _FOOTER_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = 0.1 / WIDTH_INCHES
    figure.text(left, 1 - 0.1 / height, content.title, va="top", size=10, weight="bold")
    figure.text(left, 1 - 0.3 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(left, 0.07 / height, content.footer, size=6, color="#5A5A5A")
    width = WIDTH_INCHES / _COLUMNS
    for number, panel in enumerate(content.panels):
        row, column = divmod(number, _COLUMNS)
        bottom = height - _TITLE_INCHES - above - (row + 1) * _PANEL_INCHES - (row + 0.38) * _GAP_INCHES
        across = (width - _LEFT_INCHES - _RIGHT_INCHES) / WIDTH_INCHES
        box = ((column * width + _LEFT_INCHES) / WIDTH_INCHES, bottom / height, across, _PANEL_INCHES / height)
        _draw(figure.add_axes(box), panel, content)
    top = (height - _TITLE_INCHES - above) / height
    anchor = figure.add_axes((0, top, 1, 0.01 / height))  # the legend stands on it
    anchor.set_axis_off()
    draw_legend(anchor, _handles(content), content.labels)
    return figure


def _draw(axes: Axes, panel: CurvePanel, content: Curves) -> None:
    for curve in panel.curves:
        axes.plot(curve.x, curve.y, linewidth=1.1, **_look(curve, content.labels))  # type: ignore[arg-type]
    ticks = sorted({x for curve in panel.curves for x in curve.x})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(ticks[0] / 1.15, ticks[-1] * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")
    for mark in panel.marks:
        if ticks[0] <= mark.x <= ticks[-1]:
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
    axes.set_title(panel.title, loc="left", size=7.5)
    axes.set_xlabel(content.x_axis)
    axes.set_ylabel(content.y_axis)


def _look(curve: Curve, labels: tuple[str, ...]) -> dict[str, object]:
    number = labels.index(curve.label)
    colour = _COLOURS[number % len(_COLOURS)]
    if curve.dashed:
        return {"color": colour, "linestyle": _DASHES}
    return {"color": colour, "marker": _MARKERS[number % len(_MARKERS)], "markersize": 3}


def _handles(content: Curves) -> list[Line2D]:
    first = {c.label: c for panel in reversed(content.panels) for c in reversed(panel.curves)}
    return [Line2D([], [], linewidth=1.1, **_look(first[label], content.labels)) for label in content.labels]  # type: ignore[arg-type]
