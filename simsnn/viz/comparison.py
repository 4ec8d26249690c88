"""Groups of horizontal bars beside a band of published values: how reproductions show their numbers.

Proof: ``tests/unit/test_comparison.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, WIDTH_INCHES, YELLOW, style

COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, GREY)
_ROW_INCHES, _TITLE_INCHES, _BELOW_INCHES, _LABEL_INCHES = 0.16, 0.5, 0.62, 0.06
_BAND = "#F3D9C9"


@dataclass(frozen=True, slots=True)
class Series:
    """One bar per group, of one colour; None leaves a bar out. ``spread``: lowest and highest behind each, if known."""

    label: str
    values: tuple[float | None, ...]
    spread: tuple[tuple[float, float] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A range of published or accepted values."""

    low: float
    high: float
    label: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison figure shows.

    Parameters
    ----------
    title, subtitle, footer : str
        Caption; the footer says what the numbers rest on.
    groups : tuple of str
        Names of the groups, first on top.
    series : tuple of Series
        Bars of each group in this order.
    axis : str
        What the values are, with unit.
    bands : tuple of Band
        Shaded ranges.
    logarithmic : bool
        Logarithmic value axis.
    """

    title: str
    subtitle: str
    footer: str
    groups: tuple[str, ...]
    series: tuple[Series, ...]
    axis: str
    bands: tuple[Band, ...] = ()
    logarithmic: bool = False


@style()
def comparison_figure(content: Comparison) -> Figure:
    """Draw the bars, their values behind them, and the bands."""
    labels = [*(s.label for s in content.series), *(band.label for band in content.bands)]
    above = legend_inches(labels)
    rows = len(content.groups) * (len(content.series) + 0.7)
    height = _TITLE_INCHES + above + rows * _ROW_INCHES + _BELOW_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = _LABEL_INCHES * max(len(line) for group in content.groups for line in group.splitlines()) + 0.2
    box = (left / WIDTH_INCHES, _BELOW_INCHES / height, 0.98 - left / WIDTH_INCHES, rows * _ROW_INCHES / height)
    axes = figure.add_axes(box)
    _caption(figure, content, height)
    _bars(axes, content)
    handles = [Patch(facecolor=colour) for _, colour in zip(content.series, COLOURS, strict=False)]
    handles += [Patch(facecolor=_BAND) for _ in content.bands]
    draw_legend(axes, handles, labels)
    return figure


def _caption(figure: Figure, content: Comparison, height: float) -> None:
    x, top = 0.1 / WIDTH_INCHES, 1 - 0.1 / height
    figure.text(x, top, content.title, va="top", size=10, weight="bold")
    figure.text(x, top - 0.2 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(x, 0.07 / height, content.footer, size=6, color="#5A5A5A")


def _bars(axes: Axes, content: Comparison) -> None:
    largest = max(v for s in content.series for v in s.values if v is not None)
    for band in content.bands:
        axes.axvspan(band.low, band.high, color=_BAND, zorder=0, linewidth=0)
        largest = max(largest, band.high)
    pitch = len(content.series) + 0.7
    for index, (series, colour) in enumerate(zip(content.series, COLOURS, strict=False)):
        for group, value in enumerate(series.values):
            if value is None:
                continue
            place = group * pitch + index
            axes.barh(place, value, 0.82, color=colour, linewidth=0)
            ends = series.spread[group] if series.spread else None
            if ends is not None:
                axes.plot(ends, (place, place), color=INK, linewidth=0.8, marker="|", markersize=4)
            behind = (value if ends is None else max(value, ends[1]), place)
            axes.annotate(
                f"{value:.3g}", behind, (3, 0), textcoords="offset points", va="center", size=6, color="#404040"
            )
    middle = (len(content.series) - 1) / 2
    axes.set_yticks([group * pitch + middle for group in range(len(content.groups))], content.groups)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(content.groups) * pitch - 0.9, -0.75)
    if content.logarithmic:
        axes.set_xscale("log")
        smallest = min(v for s in content.series for v in s.values if v is not None)
        axes.set_xlim(min(1.0, smallest / 2), largest * 2)
    else:
        axes.set_xlim(0, largest * 1.12)
    axes.grid(axis="x")
    axes.set_xlabel(content.axis)
