"""Two objectives of a sweep against one another: every point, the Pareto front as steps, its points labelled.

Three objectives make a panel per pair; there the front is marked, not joined, as it is one of three dimensions. Points
that were refused or failed have no place: their marks stand in a row above the panel. Proof:
``tests/unit/test_sweep_figures.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import Goal, SweepRow
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import INK, VERMILLION, Panel, captioned, style
from simsnn.viz.sweep_axis import SweepAxis, plain, sweep_axes
from simsnn.viz.sweep_cells import Cell, cell, value_of
from simsnn.viz.sweep_metric import METRIC, Metric, logarithmic
from simsnn.viz.sweep_page import LOST, UNKNOWN, caption, described, log_ticks, lost_handles, nothing, series_colours

MOST_LABELS, MOST_PAIRS, MOST_COLOURS = 14, 3, 8
_HEIGHT_INCHES, _MARKS_INCHES, _MOST_MARKS = 3.1, 0.18, 45
_CORNERS = ((False, False), (True, True), (True, False), (False, True))
"""Where a label may stand: right of its point, above it; towards what is better first."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point with both values."""

    row: SweepRow
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two objectives, and the points that have both."""

    x: Metric
    y: Metric
    goals: tuple[Goal, Goal]
    spots: tuple[Spot, ...]

    @property
    def front(self) -> tuple[Spot, ...]:
        """Points that the table marks as on the front, from left to right."""
        return tuple(sorted((spot for spot in self.spots if spot.row.pareto), key=lambda spot: (spot.x, spot.y)))


def pairs_of(stored: StoredSweep) -> tuple[Pair, ...]:
    """Pairs of objectives of a sweep, at most three of them; none for fewer than two objectives."""
    named = list(dict.fromkeys(own.metric for own in stored.info.objectives))
    goals = {own.metric: own.goal for own in stored.info.objectives}
    found = []
    for first, second in list(combinations(named, 2))[:MOST_PAIRS]:
        x, y = METRIC[first], METRIC[second]
        spots = []
        for row in stored.table.rows:
            across, up = value_of(row, x), value_of(row, y)
            if across is not None and up is not None:
                spots.append(Spot(row, across, up))
        found.append(Pair(x, y, (goals[first], goals[second]), tuple(spots)))
    return tuple(found)


@style()
def pareto_figure(stored: StoredSweep) -> Figure:
    """Draw the points of a sweep with two objectives or more by what it looks for."""
    pairs = pairs_of(stored)
    axes_of_sweep = tuple(axis for axis in sweep_axes(stored) if axis.varies)
    colours = _Colours(stored, axes_of_sweep)
    missing = tuple(one for one in (cell((row,), pairs[0].x) for row in stored.table.rows) if not one.values)
    handles = [*colours.handles(), *_front_handles(pairs), *lost_handles(missing)]
    labels = [str(handle.get_label()) for handle in handles]
    marks = _MARKS_INCHES if missing else 0.06
    rooms = [
        Panel((legend_inches(labels) if not number else 0.0) + marks, _HEIGHT_INCHES, 0.5)
        for number in range(len(pairs))
    ]
    whole = described(axes_of_sweep)
    names = tuple(axis.name for axis in stored.info.axes)

    def named(row: SweepRow) -> str:
        values = (axis.label(plain(row.value(axis.name, names))) for axis in axes_of_sweep)
        return ", ".join(values) or f"point {row.point}"

    note = f"labels: {whole}" if whole else ""
    title = f"{' against '.join(METRIC[own.metric].label for own in stored.info.objectives)}"
    drawn = captioned(caption(stored, title, note), (" " * 11,), tuple(rooms))
    for axes, pair in zip(drawn.axes, pairs, strict=True):
        _draw(axes, pair, colours, named, len(pairs) == 1)
        if missing:
            _draw_missing(axes, missing)
    draw_legend(drawn.axes[0], handles, labels, marks)
    return drawn.figure


def _front_handles(pairs: tuple[Pair, ...]) -> list[Line2D]:
    if not any(pair.front for pair in pairs):
        return []
    look = {"marker": "o", "markersize": 6, "markerfacecolor": "none", "markeredgecolor": VERMILLION}
    line = "-" if len(pairs) == 1 else "none"
    return [Line2D([], [], color=VERMILLION, linewidth=1.0, linestyle=line, label="Pareto front", **look)]  # type: ignore[arg-type]


class _Colours:
    """Points take the colour of their value of the first axis that has few values."""

    def __init__(self, stored: StoredSweep, axes: Sequence[SweepAxis]) -> None:
        fitting = [axis for axis in axes if len(axis.values) <= MOST_COLOURS]
        self.axis = next((axis for axis in fitting if axis.numbers is None), fitting[0] if fitting else None)
        self.column = None if self.axis is None else [axis.name for axis in stored.info.axes].index(self.axis.name)
        self.colours = series_colours(self.axis)

    def of(self, row: SweepRow) -> str:
        """Colour of a point."""
        if self.axis is None or self.column is None:
            return self.colours[0]
        return self.colours[self.axis.values.index(plain(row.values[self.column]))]

    def handles(self) -> list[Line2D]:
        """Legend of the colours."""
        if self.axis is None:
            return []
        return [
            Line2D(
                [], [], marker="o", linestyle="none", markersize=4.5, color=colour, label=f"{self.axis.name} {label}"
            )
            for colour, label in zip(self.colours, self.axis.labels, strict=True)
        ]


def _draw(axes: Axes, pair: Pair, colours: _Colours, labels: Callable[[SweepRow], str], joined: bool) -> None:
    across, up = [spot.x for spot in pair.spots], [spot.y for spot in pair.spots]
    scales = pair.x.scale(across), pair.y.scale(up)
    goals = {"min": "less is better", "max": "more is better"}
    axes.set_xlabel(f"{pair.x.axis_label(scales[0])}, {goals[pair.goals[0]]}")
    axes.set_ylabel(f"{pair.y.axis_label(scales[1])},\n{goals[pair.goals[1]]}")
    if not pair.spots:
        nothing(axes, "no point has both values")
        axes.set_xticks([])
        return
    axes.scatter(
        [x / scales[0].factor for x in across],
        [y / scales[1].factor for y in up],
        s=20,
        c=[colours.of(spot.row) for spot in pair.spots],
        alpha=0.85,
        linewidths=0,
        zorder=3,
    )
    if logarithmic(across):
        axes.set_xscale("log")
        log_ticks(axes.xaxis)
    if logarithmic(up):
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    axes.grid(True)
    axes.margins(0.09)
    front = [(spot.x / scales[0].factor, spot.y / scales[1].factor) for spot in pair.front]
    if front:
        xs, ys = [x for x, _ in front], [y for _, y in front]
        if joined:
            steps = "steps-post" if pair.goals[0] == "min" else "steps-pre"
            axes.plot(xs, ys, color=VERMILLION, linewidth=1.0, drawstyle=steps, zorder=2)
        axes.plot(xs, ys, "o", markersize=7, markerfacecolor="none", markeredgecolor=VERMILLION, zorder=4)
        _label_front(axes, front, tuple(labels(spot.row) for spot in pair.front))


def _label_front(axes: Axes, front: list[tuple[float, float]], texts: tuple[str, ...]) -> None:
    """Write what the points of the front are beside them, its ends first; of a long front those with room."""
    axes.autoscale_view()  # places in pixels are asked for before anything is drawn
    room, dots = axes.get_window_extent(), axes.figure.dpi / 72
    taken: list[_Box] = []
    for index in sorted(range(len(front)), key=lambda index: (index not in (0, len(front) - 1), index)):
        x, y = axes.transData.transform(front[index])
        for right, above in _CORNERS:
            box = _Box.beside(x, y, (right, above), len(texts[index]), dots)
            if box.inside(room.x0, room.x1, room.y0, room.y1) and not any(map(box.overlaps, taken)):
                taken.append(box)
                shift = (4.5 if right else -4.5, 3.5 if above else -3.5)
                note = axes.annotate(texts[index], front[index], shift, textcoords="offset points", size=6, color=INK)
                note.set(ha="left" if right else "right", va="bottom" if above else "top", zorder=6)
                break
        if len(taken) == MOST_LABELS:
            return


@dataclass(frozen=True, slots=True)
class _Box:
    """Room that a label takes, in pixels."""

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def beside(cls, x: float, y: float, corner: tuple[bool, bool], letters: int, dots: float) -> _Box:
        """Room of a text of some letters beside a point."""
        wide, tall = 3.6 * letters * dots, 7.5 * dots
        left = x + 4.5 * dots if corner[0] else x - 4.5 * dots - wide
        low = y + 3.5 * dots if corner[1] else y - 3.5 * dots - tall
        return cls(left, low, left + wide, low + tall)

    def inside(self, left: float, right: float, low: float, high: float) -> bool:
        """Whether it lies within the axes."""
        return left <= self.left and self.right <= right and low <= self.low and self.high <= high

    def overlaps(self, other: _Box) -> bool:
        """Whether two labels cover one another."""
        apart = self.right < other.left or other.right < self.left or self.high < other.low or other.high < self.low
        return not apart


def _draw_missing(axes: Axes, missing: tuple[Cell, ...]) -> None:
    """A row of marks over the panel, one per point without values."""
    height = axes.get_position().height * axes.figure.get_figheight()  # type: ignore[union-attr]
    up = 1 + 0.09 / height
    for number, one in enumerate(missing[:_MOST_MARKS]):
        mark, colour, _ = LOST[one.lost] if one.lost is not None else UNKNOWN
        look = {"marker": mark, "color": colour, "markersize": 4.5, "linestyle": "none", "clip_on": False}
        axes.plot([0.012 + 0.014 * number], [up], transform=axes.transAxes, **look)  # type: ignore[arg-type]
    shown = min(len(missing), _MOST_MARKS)
    words = [(LOST[one.lost] if one.lost is not None else UNKNOWN)[2] for one in missing]
    text = "without a place: " + ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    axes.text(0.012 + 0.014 * shown + 0.005, up, text, transform=axes.transAxes, size=6, va="center")
