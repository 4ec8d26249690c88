"""A metric of a sweep as bars: for axes of names, and for whatever no line can be drawn through.

A row per combination of the axes, bars of one colour per value of the series axis, repetitions as mean with lowest and
highest. A point that was refused or failed is a row with its mark and the beginning of its message. Of more than 60
rows the best stay and some of those without a value, all of which the subtitle counts.
Proof: ``tests/unit/test_sweep_figures.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import PointStatus, Scalar
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import INK, VERMILLION, Panel, captioned, shortened, style, value_axis
from simsnn.viz.sweep_axis import SweepAxis
from simsnn.viz.sweep_cells import Cell, all_values, cells_of
from simsnn.viz.sweep_metric import Metric, goal_of, logarithmic
from simsnn.viz.sweep_page import LOST, UNKNOWN, caption, log_ticks, lost_handles, nothing, series_colours

MAX_BARS, MOST_LOST = 60, 12
_ROW_INCHES, _GAP = 0.15, 0.55
_LONGEST_MESSAGE, _LONGEST_GROUP = 70, 42


@dataclass(frozen=True, slots=True)
class BarsView:
    """Axes of a bar figure: those that make the groups, and the one whose values are the colours."""

    groups: tuple[SweepAxis, ...]
    series: SweepAxis | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its group, its value of the series axis, its points."""

    group: str
    series: Scalar
    cell: Cell


def bars_of(stored: StoredSweep, metric: Metric, view: BarsView) -> tuple[tuple[Bar, ...], int]:
    """Bars in the order of the axes, the best where they are too many, and how many there were."""
    axes = (*view.groups, *((view.series,) if view.series is not None else ()))
    cells = cells_of(stored, metric, axes)
    places = sorted(
        cells, key=lambda place: [axis.values.index(value) for axis, value in zip(axes, place, strict=True)]
    )
    bars = []
    for place in places:
        pairs = zip(view.groups, place, strict=False)
        group = ", ".join(axis.label(value) for axis, value in pairs)
        bars.append(Bar(group, None if view.series is None else place[-1], cells[place]))
    if len(bars) <= MAX_BARS:
        return tuple(bars), len(bars)
    sign = 1 if goal_of(stored, metric) == "min" else -1
    means = [bar.cell.mean for bar in bars]
    known = [(sign * mean, index) for index, mean in enumerate(means) if mean is not None]
    most = max(MOST_LOST, MAX_BARS - len(known))
    lost = [index for index, mean in enumerate(means) if mean is None][:most]
    keep = {*lost, *(index for _, index in sorted(known)[: MAX_BARS - len(lost)])}
    return tuple(bar for index, bar in enumerate(bars) if index in keep), len(bars)


@style()
def bars_figure(stored: StoredSweep, metric: Metric, view: BarsView) -> Figure:
    """Draw a metric as bars.

    Parameters
    ----------
    stored : StoredSweep
        The sweep.
    metric : Metric
        Length of the bars.
    view : BarsView
        Groups and colours.
    """
    bars, total = bars_of(stored, metric, view)
    cells = [bar.cell for bar in bars]
    values = all_values(cells)
    scale = metric.scale(values)
    groups = tuple(dict.fromkeys(bar.group for bar in bars))
    labels = tuple(group if len(group) <= _LONGEST_GROUP else f"{group[:20]}…{group[-20:]}" for group in groups)
    colours = series_colours(view.series)
    handles = _legend(view.series, colours, bars)
    texts = [str(handle.get_label()) for handle in handles]
    places = _places(bars)
    height = max(_ROW_INCHES * (places[-1] + 1 if places else 1), 0.5)
    names = " and ".join(axis.name for axis in (*view.groups, *((view.series,) if view.series else ())))
    title = f"{metric.label} by {names}" if names else metric.label
    best = sum(bar.cell.mean is not None for bar in bars)
    title += "" if total == len(bars) else f", the {best} best of {total}" if best else f", {len(bars)} of {total}"
    rooms = (Panel(legend_inches(texts) if texts else 0.1, height, 0.46),)
    drawn = captioned(caption(stored, title), labels or (" ",), rooms)
    axes = drawn.axes[0]
    for bar, place in zip(bars, places, strict=True):
        colour = colours[0 if view.series is None else view.series.values.index(bar.series)]
        _draw_bar(axes, bar.cell, place, colour, (metric, scale.factor))
    middles = [[place for bar, place in zip(bars, places, strict=True) if bar.group == group] for group in groups]
    axes.set_yticks([sum(own) / len(own) for own in middles], labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim((places[-1] if places else 0) + 0.7, -0.7)
    _finish(axes, values, metric, scale.factor)
    axes.set_xlabel(metric.axis_label(scale))
    draw_legend(axes, handles, texts)
    return drawn.figure


def _legend(series: SweepAxis | None, colours: tuple[str, ...], bars: tuple[Bar, ...]) -> list[Artist]:
    found: list[Patch] = []
    if series is not None:
        named = zip(series.labels, colours, strict=True)
        found = [Patch(facecolor=colour, label=f"{series.name} {label}") for label, colour in named]
    handles: list[Artist] = [*found, *lost_handles(bar.cell for bar in bars)]
    if any(bar.cell.pareto for bar in bars):
        look = {"marker": ">", "color": VERMILLION, "markersize": 4}
        handles.append(Line2D([], [], linestyle="none", label="on the Pareto front", **look))  # type: ignore[arg-type]
    return handles


def _places(bars: tuple[Bar, ...]) -> list[float]:
    """Heights of the bars: those of one group together."""
    found: list[float] = []
    for index, bar in enumerate(bars):
        gap = 1.0 + (_GAP if index and bar.group != bars[index - 1].group and bar.series is not None else 0.0)
        found.append(found[-1] + gap if found else 0.0)
    return found


def _draw_bar(axes: Axes, own: Cell, place: float, colour: str, shown: tuple[Metric, float]) -> None:
    metric, factor = shown
    behind: dict[str, Any] = {"textcoords": "offset points", "va": "center", "size": 6, "color": "#404040"}
    if own.mean is None:
        mark, ink, word = LOST[own.lost] if own.lost is not None else UNKNOWN
        edge = axes.get_yaxis_transform()
        axes.plot([0.008], [place], marker=mark, color=ink, markersize=4, transform=edge, linestyle="none")
        message = next((row.error for row in own.rows if row.status is not PointStatus.OK and row.error), "")
        text = f"{word}: {shortened(' '.join(message.split()), _LONGEST_MESSAGE)}" if message else word
        axes.annotate(text, (0.016, place), (2, 0), xycoords=edge, **behind)
        return
    axes.barh(place, own.mean / factor, 0.8, color=colour, linewidth=0)
    end = own.mean / factor
    if own.spread is not None:
        low, high = own.spread[0] / factor, own.spread[1] / factor
        axes.plot((low, high), (place, place), color=INK, linewidth=0.8, marker="|", markersize=4)
        end = high
    lost = len(own.rows) - len(own.values)
    text = metric.text(own.mean) + (f", {lost} of {len(own.rows)} lost" if lost else "")
    axes.annotate(text, (end, place), (4, 0), **behind)
    if own.pareto:
        axes.plot([0.004], [place], ">", color=VERMILLION, markersize=4, transform=axes.get_yaxis_transform())


def _finish(axes: Axes, values: list[float], metric: Metric, factor: float) -> None:
    largest = max(values, default=0.0) / factor
    if not values:
        axes.set_xticks([])
        if not axes.lines:
            nothing(axes)
        return
    value_axis(axes, metric.label, largest)
    if logarithmic(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / factor / 2, largest * 4)
        log_ticks(axes.xaxis)
