"""What all figures of sweeps share: caption, colours of series, marks of points without a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from simsnn.results.prefix import count
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import PointStatus
from simsnn.viz.comparison import COLOURS
from simsnn.viz.style import GREY, INK, VERMILLION, Caption
from simsnn.viz.sweep_axis import SweepAxis
from simsnn.viz.sweep_cells import Cell

LOST = {PointStatus.REFUSED: ("x", INK, "refused"), PointStatus.FAILED: ("X", VERMILLION, "failed")}
"""Mark, colour and name of points that have no metrics."""
UNKNOWN = ("+", GREY, "no value")
_MANY = 4
MOST_LEVELS, LEVEL_INCHES = 8, 0.085
"""Rows of marks above a plot, and the height of one."""


def caption(stored: StoredSweep, title: str, note: str = "") -> Caption:
    """Title with the sweep's name, how many points became what, what they rest on."""
    info, rows = stored.info, stored.table.rows
    numbers = {status: sum(row.status is status for row in rows) for status in PointStatus}
    told = [
        f"{numbers[status]} {status.value}" for status in PointStatus if numbers[status] or status is PointStatus.OK
    ]
    missing = f" of {info.points}" if info.points > len(rows) else ""
    subtitle = f"{count(len(rows), 'point')}{missing}: {', '.join(told)}{f'; {note}' if note else ''}"
    footer = (
        f"simsnn sweep {info.name}   base {info.base_sha256[:12]}   level: {info.level}   sampling: {info.sampling}"
    )
    return Caption(f"{info.name}: {title}", subtitle, footer, info.synthetic)


def series_colours(axis: SweepAxis | None) -> tuple[str, ...]:
    """Colour of every value of an axis: many numbers from dark to light, anything else apart."""
    if axis is None:
        return (COLOURS[0],)
    size = len(axis.values)
    if axis.numbers is not None and size > _MANY:
        return tuple(to_hex(colormaps["viridis"](0.92 * index / (size - 1))) for index in range(size))
    return tuple(COLOURS[index % len(COLOURS)] for index in range(size))


def mark_lost(axes: Axes, cell: Cell, at: tuple[float, float]) -> None:
    """Put the mark of a cell without a value where it lies."""
    mark, colour, _ = _look(cell)
    axes.plot(*([value] for value in at), marker=mark, color=colour, markersize=4.5, linestyle="none", zorder=5)


def _look(cell: Cell) -> tuple[str, str, str]:
    return LOST[cell.lost] if cell.lost is not None else UNKNOWN


def lost_levels(cells: Iterable[tuple[float, Cell]]) -> int:
    """Rows of marks that cells without a value need above a plot: the most that share a place."""
    places = [place for place, cell in cells if not cell.values]
    return min(max((places.count(place) for place in places), default=0), MOST_LEVELS)


class LostMarks:
    """Marks of cells without a value in rows above a plot, each over its place and in the colour of its series."""

    def __init__(self, axes: Axes) -> None:
        self._axes, self._levels = axes, dict[float, int]()
        self._height = axes.get_position().height * axes.figure.get_figheight()  # type: ignore[union-attr]

    def mark(self, place: float, cell: Cell, colour: str) -> None:
        """Add the mark of a cell; where more share a place than there are rows, the last row has several."""
        level = self._levels.get(place, 0)
        self._levels[place] = level + 1
        up = 1 + LEVEL_INCHES * (min(level, MOST_LEVELS - 1) + 0.7) / self._height
        look = {"marker": _look(cell)[0], "color": colour, "markersize": 4.5, "linestyle": "none", "clip_on": False}
        self._axes.plot([place], [up], transform=self._axes.get_xaxis_transform(), zorder=5, **look)  # type: ignore[arg-type]


def lost_handles(cells: Iterable[Cell]) -> list[Line2D]:
    """Legend of the marks that some cells need."""
    needed = [cell for cell in cells if not cell.values]
    entries = [LOST[status] for status in LOST if any(cell.lost is status for cell in needed)]
    entries += [UNKNOWN] if any(cell.lost is None for cell in needed) else []
    return [
        Line2D([], [], marker=mark, color=colour, linestyle="none", markersize=4.5, label=label)
        for mark, colour, label in entries
    ]


def log_ticks(axis: Axis) -> None:
    """Plain numbers along a logarithmic axis: 1, 2, 5, 10."""
    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def nothing(axes: Axes, text: str = "no point has a value") -> None:
    """Say that there is nothing to show, where there is nothing."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color="#5A5A5A")


def described(axes: Sequence[SweepAxis]) -> str:
    """``rows, columns and depth``."""
    names = [axis.name for axis in axes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
