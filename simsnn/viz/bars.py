"""Stacked horizontal bars, one per layer and pass: what the cycle and the energy figure share."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes

from simsnn.results.grouping import Group, Grouping, at_most, group_tasks
from simsnn.results.report import Report
from simsnn.viz.style import INK, ORANGE, PASS_COLOURS, WIDTH_INCHES, shortened

MAX_ROWS = 60
MANY_ROWS, ROW_INCHES, CLOSE_ROW_INCHES = 24, 0.17, 0.14
_BAR_HEIGHT = 0.74


@dataclass(frozen=True, slots=True)
class Fill:
    """How one kind of segment looks."""

    colour: str
    hatch: str = ""


@dataclass(frozen=True, slots=True)
class Segments:
    """One kind of segment over all bars: a legend entry with a value per bar, in data units."""

    label: str
    fill: Fill
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Groups drawn as bars, and how they were put together."""

    groups: tuple[Group, ...]
    by: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Layer and pass of every bar."""
        return tuple(f"{shortened(group.host)}  {group.passes}" for group in self.groups)

    @property
    def height_inches(self) -> float:
        """Height of the bars together; many are drawn closer."""
        return max(len(self.groups), 3) * (ROW_INCHES if len(self.groups) <= MANY_ROWS else CLOSE_ROW_INCHES)


def rows_of(report: Report, most: int = MAX_ROWS) -> Rows:
    """Bars of a report: layers and passes, layers where those are too many, then the largest."""
    groups = group_tasks(report, Grouping.PASS)
    if len(groups) <= most:
        return Rows(groups, "by layer and pass")
    layers = group_tasks(report, Grouping.LAYER)
    if len(layers) <= most:
        return Rows(layers, f"by layer ({len(groups)} rows of layer and pass are too many)")
    hosts = group_tasks(report, Grouping.HOST)
    kept, rest = at_most(hosts, most)
    if rest is None:
        return Rows(kept, f"by weight layer, with what follows it ({len(layers)} layers are too many)")
    return Rows((*kept, rest), f"by weight layer, the {len(kept)} of {len(hosts)} with most cycles")


def of_run(report: Report) -> str:
    """End of a title: what a pipelined report adds up over iterations is of the run."""
    return "" if report.pipeline is None else ", whole run"


def draw_bars(axes: Axes, rows: int, segments: tuple[Segments, ...], ends: tuple[str, ...]) -> None:
    """Stack segments from left to right, first row on top, and write ``ends`` behind the bars."""
    places = tuple(range(rows))
    lefts = [0.0] * rows
    for segment in segments:
        shown = [index for index in places if segment.values[index]]
        axes.barh(
            shown or [0],
            [segment.values[index] for index in shown] or [0.0],
            _BAR_HEIGHT,
            [lefts[index] for index in shown] or [0.0],
            color=segment.fill.colour,
            hatch=segment.fill.hatch or None,
            edgecolor="white" if segment.fill.hatch else "none",  # colour of the hatch; a line would hide thin bars
            linewidth=0,
            label=segment.label,
        )
        lefts = [left + value for left, value in zip(lefts, segment.values, strict=True)]
    for place, left, text in zip(places, lefts, ends, strict=True):
        axes.annotate(text, (left, place), (3, 0), textcoords="offset points", va="center", size=6, color="#404040")
    axes.set_ylim(rows - 0.45, -0.55)


def value_bars(axes: Axes, values: tuple[float, ...], colours: tuple[str, ...], ends: tuple[str, ...]) -> None:
    """One plain bar a row in its own colour, first row on top, with ``ends`` behind the bars."""
    places = range(len(values))
    axes.barh(places, values, _BAR_HEIGHT, color=colours, linewidth=0)
    for place, value, text in zip(places, values, ends, strict=True):
        axes.annotate(
            text, (max(value, 0.0), place), (3, 0), textcoords="offset points", va="center", size=6, color="#404040"
        )
    axes.set_ylim(len(values) - 0.45, -0.55)


def label_rows(axes: Axes, rows: Rows) -> None:
    """Name the bars; the label of a pass takes the colour of the pass."""
    axes.set_yticks(range(len(rows.groups)), rows.labels)
    axes.tick_params(axis="y", length=0)
    for label, group in zip(axes.get_yticklabels(), rows.groups, strict=True):
        if len(group.passes) == 1:
            colour = PASS_COLOURS[group.passes]
            label.set_color(INK if colour == ORANGE else colour)  # orange letters are too pale to read


def fits(width_units: float, span_units: float, text: str, points: float) -> bool:
    """Say whether a text of some size fits into a width of an axis that spans most of the page."""
    inches = width_units / span_units * WIDTH_INCHES * 0.82
    return inches * 72 > len(text) * points * 0.62 + 3
