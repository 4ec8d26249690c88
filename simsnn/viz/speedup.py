"""Speed-up against the number of processors: a panel per network, a line per array size, with their caps.

A cap is what no assignment of whole tasks exceeds; it is drawn dotted, in the colour of its line or in black where
several share it, with its value. Proof: ``tests/unit/test_speedup.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from simsnn.viz.legend import columns
from simsnn.viz.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION, WIDTH_INCHES, style

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY, INK)
MARKERS = "osD^vPX*"
_COLUMNS, _PANEL_INCHES, _TITLE_INCHES, _ROW_INCHES = 3, 1.5, 0.44, 0.55
_DOTS = (0, (1, 1.4))
_LEFT_INCHES, _GAP_INCHES, _BELOW_INCHES, _LINE_INCHES = 0.5, 0.42, 0.62, 0.16


@dataclass(frozen=True, slots=True)
class SpeedupCurve:
    """One network on one array size.

    Parameters
    ----------
    network, array : str
        Panel and line.
    processors : tuple of int
        Ascending.
    speedups : tuple of float
        At each of them.
    cap : float or None
        What the speed-up cannot exceed, if that is known.
    """

    network: str
    array: str
    processors: tuple[int, ...]
    speedups: tuple[float, ...]
    cap: float | None = None

    @property
    def mean(self) -> float:
        """Arithmetic mean over the processors."""
        return sum(self.speedups) / len(self.speedups)


@dataclass(frozen=True, slots=True)
class Speedups:
    """What the figure shows.

    Parameters
    ----------
    title, subtitle, footer : str
        Caption; the footer says what the numbers rest on.
    axis : str
        What the speed-up is over: ``speed-up over PipeDream``.
    curves : tuple of SpeedupCurve
        Panels in order of first appearance of their networks.
    """

    title: str
    subtitle: str
    footer: str
    axis: str
    curves: tuple[SpeedupCurve, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """Panels."""
        return tuple(dict.fromkeys(curve.network for curve in self.curves))

    @property
    def arrays(self) -> tuple[str, ...]:
        """Lines."""
        return tuple(dict.fromkeys(curve.array for curve in self.curves))


@style()
def speedup_figure(content: Speedups) -> Figure:
    """Draw one panel per network, three in a row, all on the same axes."""
    networks, arrays = content.networks, content.arrays
    across = min(_COLUMNS, len(networks))
    down = -(-len(networks) // across)
    labels = [*arrays, "cap", "as fast as the baseline"]
    above = _TITLE_INCHES + _LINE_INCHES * -(-len(labels) // columns(labels)) + 0.1
    height = above + down * (_PANEL_INCHES + _ROW_INCHES) + _BELOW_INCHES - _GAP_INCHES + 0.1
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    width = (WIDTH_INCHES - _LEFT_INCHES - 0.15 - (across - 1) * _GAP_INCHES) / across
    first: Axes | None = None
    for number, network in enumerate(networks):
        left = _LEFT_INCHES + (number % across) * (width + _GAP_INCHES)
        bottom = height - above - (number // across + 1) * (_PANEL_INCHES + _ROW_INCHES) + _ROW_INCHES - 0.25
        box = (left / WIDTH_INCHES, bottom / height, width / WIDTH_INCHES, _PANEL_INCHES / height)
        axes = figure.add_axes(box, sharex=first, sharey=first)
        first = axes if first is None else first
        _draw_panel(axes, tuple(curve for curve in content.curves if curve.network == network), arrays)
        axes.set_title(network, loc="left", size=8, pad=4)
        if number % across == 0:
            axes.set_ylabel(content.axis)
        if number + across >= len(networks):
            axes.set_xlabel("processors")
    if first is not None:
        _set_limits(first, content)
    x, top = 0.1 / WIDTH_INCHES, 1 - 0.1 / height
    figure.text(x, top, content.title, va="top", size=10, weight="bold")
    figure.text(x, top - 0.2 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(x, 0.07 / height, content.footer, size=6, color="#5A5A5A")
    corner = (x, top - _TITLE_INCHES / height)
    figure.legend(
        _handles(arrays), labels, loc="upper left", bbox_to_anchor=corner, ncols=columns(labels), borderaxespad=0.0
    )
    return figure


def _draw_panel(axes: Axes, curves: tuple[SpeedupCurve, ...], arrays: tuple[str, ...]) -> None:
    axes.axhline(1.0, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)))
    for curve in curves:
        colour, marker = _look(curve.array, arrays)
        axes.plot(curve.processors, curve.speedups, color=colour, marker=marker, markersize=3, linewidth=1.1)
    for cap in sorted({curve.cap for curve in curves if curve.cap is not None}):
        owners = [curve.array for curve in curves if curve.cap == cap]
        colour = _look(owners[0], arrays)[0] if len(owners) == 1 else INK
        axes.axhline(cap, color=colour, linewidth=0.9, linestyle=_DOTS)
        axes.annotate(
            f"{cap:.3g}",
            (1.0, cap),
            (-1, 1.5),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="bottom",
            size=5.5,
            color=colour,
        )
    axes.grid(axis="y")


def _look(array: str, arrays: tuple[str, ...]) -> tuple[str, str]:
    number = arrays.index(array)
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]


def _set_limits(axes: Axes, content: Speedups) -> None:
    """Axes that hold every point and every cap, of all panels."""
    speeds = [speed for curve in content.curves for speed in (*curve.speedups, curve.cap or 1.0)]
    numbers = [number for curve in content.curves for number in curve.processors]
    axes.set_ylim(min(1.0, *speeds) - 0.08, max(speeds) * 1.06)
    axes.set_xlim(min(numbers) - 0.6, max(numbers) + 0.8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))


def _handles(arrays: tuple[str, ...]) -> list[Line2D]:
    lines = []
    for array in arrays:
        colour, marker = _look(array, arrays)
        lines.append(Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=1.1))
    cap = Line2D([], [], color=INK, linewidth=0.9, linestyle=_DOTS)
    return [*lines, cap, Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (4, 2)))]
