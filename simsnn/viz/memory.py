"""Live bytes over time, stacked by operand class: off chip above, on chip below.

What stays for long lies at the bottom. A line off chip shows what neurons keep between F and a later pass of their own
layer (the node level). Each panel names its peak. Proof: ``tests/unit/test_memory_figure.py``.
"""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.results.report import Report
from simsnn.sim.census import Census, RunMemory
from simsnn.viz.bars import Fill
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Panel,
    Scale,
    page,
    quantity,
    style,
)

FILLS = {
    OperandClass.WEIGHTS: Fill(GREEN),
    OperandClass.WEIGHT_VERSIONS: Fill(GREEN, "xxxx"),
    OperandClass.WEIGHT_GRADIENTS: Fill(GREEN, "....."),
    OperandClass.OPTIMIZER_STATE: Fill(GREY),
    OperandClass.INPUTS: Fill(LIGHT),
    OperandClass.SPIKES: Fill(BLUE),
    OperandClass.MASKS: Fill(SKY),
    OperandClass.SIDE_BITS: Fill(SKY, "/////"),
    OperandClass.MEMBRANE: Fill(ORANGE),
    OperandClass.CURRENTS: Fill(YELLOW),
    OperandClass.PARTIAL_SUMS: Fill(PURPLE),
    OperandClass.GRADIENTS: Fill(VERMILLION),
}
"""Looks of the classes, from the bottom of the stack up."""

STEPS = 1000
"""Steps of a stored census: more than a page shows."""

_HEIGHT_INCHES, _NODE = 1.7, "kept by neurons"


@style()
def memory_figure(report: Report, memory: RunMemory) -> Figure:
    """Draw what was held over time.

    Parameters
    ----------
    report : Report
        A run's result, for the caption and the end of the time axis.
    memory : RunMemory
        Bytes over time; without ``on_chip`` the lower panel is left out.
    """
    parts = [part for part in (memory.off_chip, memory.on_chip) if part is not None]
    shown = [operand for operand in FILLS if any(part.peak_of(operand) for part in parts)]
    handles: list[Artist] = [_patch(operand) for operand in shown]
    handles.append(Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (3, 1)), label=_NODE))
    labels = [str(handle.get_label()) for handle in handles]
    panels = [Panel(legend_inches(labels), _HEIGHT_INCHES, 0.46 if len(parts) == 1 else 0.16)]
    panels += [Panel(0.0, _HEIGHT_INCHES, 0.46)] * (len(parts) - 1)
    drawn = page(report, "live bytes by operand class", ("000.0 MB",), tuple(panels))
    cycles = Scale.of(report.totals.total_cycles, "cycles")
    for axes, part, place in zip(drawn.axes, parts, ("off chip", "on chip"), strict=False):
        size = Scale.of(part.peak, "B")
        _stack(axes, part, shown, report.totals.total_cycles, (cycles, size))
        if part is memory.off_chip:
            times, values = _steps(memory.node, memory.node.total.values, report.totals.total_cycles)
            dashes = {"color": INK, "linewidth": 1.0, "linestyle": (0, (3, 1))}
            axes.step(times / cycles.factor, values / size.factor, where="post", **dashes)  # type: ignore[arg-type]
        _finish(axes, part, place, (cycles, size), report.totals.total_cycles)
        axes.tick_params(axis="x", labelbottom=axes is drawn.axes[-1])
    drawn.axes[-1].set_xlabel(f"time ({cycles.unit})")
    draw_legend(drawn.axes[0], handles, labels)
    return drawn.figure


def _patch(operand: OperandClass) -> Patch:
    fill = FILLS[operand]
    edge = INK if fill.hatch else fill.colour
    name = operand.value.replace("_", " ")
    return Patch(facecolor=fill.colour, edgecolor=edge, hatch=fill.hatch, linewidth=0.0, label=name)


def _steps(census: Census, values: NDArray[np.int64], end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times and values from cycle 0, where nothing is held yet unless said, to the end of the run."""
    times = np.concatenate(([0], census.times, [max(end, int(census.times.max(initial=0)))]))
    return times, np.concatenate(([0], values, values[-1:] if len(values) else [0]))


def _stack(axes: Axes, part: Census, shown: list[OperandClass], end: int, scales: tuple[Scale, Scale]) -> None:
    base = np.zeros(len(part.times) + 2)
    for operand in shown:
        times, values = _steps(part, part.counter(operand).values, end)
        if not values.any():
            continue
        fill, top = FILLS[operand], base + values / scales[1].factor
        axes.fill_between(
            times / scales[0].factor,
            base,
            top,
            step="post",
            linewidth=0.0,
            facecolor=fill.colour,
            edgecolor=INK if fill.hatch else "none",
            hatch=fill.hatch,
        )
        base = top


def _finish(axes: Axes, part: Census, place: str, scales: tuple[Scale, Scale], end: int) -> None:
    cycles, size = scales
    axes.set_xlim(0, max(end, 1) / cycles.factor)
    axes.set_ylim(0, (part.peak / size.factor or 1.0) * 1.18)  # room for the line that names the peak
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y")
    axes.set_ylabel(f"{place} ({size.unit})")
    peak = f"{place}: peak {quantity(part.peak, 'B')}"
    axes.text(0.006, 0.97, peak, transform=axes.transAxes, size=7, va="top")
