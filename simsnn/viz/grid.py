"""A grid of combinations: a row of panels per quantity, a column per machine, bars by schedule and neuron.

A combination that an engine refuses stands as a cross at the axis. Proof: ``tests/unit/test_grid_figure.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simsnn.viz.legend import columns
from simsnn.viz.style import BLUE, GREEN, INK, ORANGE, SKY, VERMILLION, WIDTH_INCHES, Scale, style

COLOURS = (BLUE, VERMILLION, GREEN, SKY, ORANGE)
REFUSED = "refused by an engine"
_PANEL_INCHES, _GAP_INCHES, _TITLE_INCHES, _BELOW_INCHES, _LEFT_INCHES = 1.05, 0.22, 0.46, 0.5, 0.85
_LINE_INCHES, _HEAD_INCHES = 0.16, 0.28


@dataclass(frozen=True, slots=True)
class GridBar:
    """One combination; ``values`` are None where it was refused.

    Parameters
    ----------
    machine, schedule, neuron : str
        Panel column, group of bars, bar.
    values : tuple of float or None
        One per quantity.
    """

    machine: str
    schedule: str
    neuron: str
    values: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a row of panels shows, and its unit; ``in_unit`` is what 1 of the values is in it."""

    label: str
    unit: str
    in_unit: float = 1.0


@dataclass(frozen=True, slots=True)
class Grid:
    """What the figure shows."""

    title: str
    subtitle: str
    footer: str
    quantities: tuple[Quantity, ...]
    bars: tuple[GridBar, ...]

    def names(self, what: str) -> tuple[str, ...]:
        """Machines, schedules or neurons in order of first appearance."""
        return tuple(dict.fromkeys(getattr(bar, what) for bar in self.bars))


@style()
def grid_figure(content: Grid) -> Figure:
    """Draw quantities down, machines across."""
    machines, neurons = content.names("machine"), content.names("neuron")
    labels = [*neurons, REFUSED]
    above = _TITLE_INCHES + _LINE_INCHES * -(-len(labels) // columns(labels)) + _HEAD_INCHES
    rows = len(content.quantities)
    height = above + rows * _PANEL_INCHES + (rows - 1) * _GAP_INCHES + _BELOW_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    width = (WIDTH_INCHES - _LEFT_INCHES - 0.1 - (len(machines) - 1) * 0.2) / len(machines)
    for row, quantity in enumerate(content.quantities):
        first: Axes | None = None
        for column, machine in enumerate(machines):
            left = _LEFT_INCHES + column * (width + 0.2)
            bottom = height - above - (row + 1) * _PANEL_INCHES - row * _GAP_INCHES
            box = (left / WIDTH_INCHES, bottom / height, width / WIDTH_INCHES, _PANEL_INCHES / height)
            axes = figure.add_axes(box, sharey=first)
            first = axes if first is None else first
            _draw_panel(axes, content, row, machine)
            axes.tick_params(labelbottom=row == rows - 1, labelleft=column == 0)
            if row == 0:
                axes.set_title(machine, loc="left", size=8, pad=4)
            if column == 0:
                scale = _scale(content, row)
                axes.set_ylabel(f"{quantity.label}\n[{scale.unit}]" if scale.unit else quantity.label)
    _caption(figure, content, labels, height)
    return figure


def _scale(content: Grid, row: int) -> Scale:
    quantity = content.quantities[row]
    largest = max((bar.values[row] for bar in content.bars if bar.values is not None), default=0.0)
    return Scale.of(largest, quantity.unit, quantity.in_unit)


def _draw_panel(axes: Axes, content: Grid, row: int, machine: str) -> None:
    schedules, neurons, scale = content.names("schedule"), content.names("neuron"), _scale(content, row)
    share = 0.8 / len(neurons)
    for bar in content.bars:
        if bar.machine != machine:
            continue
        number = neurons.index(bar.neuron)
        x = schedules.index(bar.schedule) + (number - (len(neurons) - 1) / 2) * share
        if bar.values is None:
            axes.plot([x], [0.04], marker="x", color=INK, markersize=4, transform=axes.get_xaxis_transform())
        else:
            axes.bar(x, bar.values[row] / scale.factor, share * 0.92, color=COLOURS[number % len(COLOURS)])
    axes.set_xticks(range(len(schedules)), schedules)
    axes.set_xlim(-0.5, len(schedules) - 0.5)
    axes.grid(axis="y")


def _caption(figure: Figure, content: Grid, labels: list[str], height: float) -> None:
    x, top = 0.1 / WIDTH_INCHES, 1 - 0.1 / height
    figure.text(x, top, content.title, va="top", size=10, weight="bold")
    figure.text(x, top - 0.2 / height, content.subtitle, va="top", size=7, color="#5A5A5A")
    figure.text(x, 0.07 / height, content.footer, size=6, color="#5A5A5A")
    handles: list[Patch | Line2D] = [Patch(color=COLOURS[i % len(COLOURS)]) for i in range(len(labels) - 1)]
    handles.append(Line2D([], [], color=INK, marker="x", markersize=4, linestyle="none"))
    corner = (x, top - _TITLE_INCHES / height)
    figure.legend(handles, labels, loc="upper left", bbox_to_anchor=corner, ncols=columns(labels), borderaxespad=0.0)
