"""Where the energy went: components, a bar per layer and pass, and the whole step with its leakage.

Bars of layers hold the energy of counted actions; static energy belongs to the time of the whole
step and stands in the total alone. Proof: ``tests/unit/test_figures.py``.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simsnn.results.grouping import Group
from simsnn.results.prefix import percent
from simsnn.results.report import Report
from simsnn.viz.bars import (
    Fill,
    Segments,
    draw_bars,
    fits,
    label_rows,
    rows_of,
)
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import (
    BLUE,
    GREEN,
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
    value_axis,
)

STATIC = "static (leakage)"
_COLOURS = (GREEN, YELLOW, PURPLE, SKY, BLUE, ORANGE, "#404040")
_HATCHES = ("", "////", "....", "xxxx", "----")
_PJ = 1e-12
_WHOLE = "whole step"


@style()
def energy_figure(report: Report) -> Figure:
    """Draw energy by component, and below it the total of the step with its static energy.

    Parameters
    ----------
    report : Report
        A run's result.

    Returns
    -------
    Figure
        Up to 60 bars; more are put together by layer, which the title says.
    """
    rows = rows_of(report)
    fills = component_fills(report)
    largest = max((group.energy_pj for group in rows.groups), default=0.0)
    scale = Scale.of(largest, "J", _PJ)
    panels = (Panel(legend_inches([*fills, STATIC]), rows.height_inches, 0.46), Panel(0.04, 0.32, 0.46))
    drawn = page(report, f"energy {rows.by}", (*rows.labels, _WHOLE), panels)
    bars, total = drawn.axes
    segments = _segments(rows.groups, fills, scale)
    draw_bars(bars, len(rows.groups), segments, tuple(quantity(g.energy_pj * _PJ, "J") for g in rows.groups))
    label_rows(bars, rows)
    value_axis(bars, f"energy of counted actions ({scale.unit})", largest / scale.factor)
    _draw_total(total, report, fills)
    draw_legend(bars, *total.get_legend_handles_labels())
    return drawn.figure


def component_fills(report: Report) -> dict[str, Fill]:
    """Look of every component: engines' own, then SRAMs, the DRAM last and always in one colour.

    Components beyond the seven other colours repeat them hatched.
    """
    named = {component for task in report.tasks for component in task.energy_pj}
    srams = {name.rsplit(".", 1)[0] for name in report.static_energy_pj}
    order = sorted(named - srams - {report.dram_level}) + sorted(named & srams)
    fills = {
        name: Fill(_COLOURS[index % len(_COLOURS)], _HATCHES[index // len(_COLOURS) % len(_HATCHES)])
        for index, name in enumerate(order)
    }
    if report.dram_level in named:
        fills[report.dram_level] = Fill(VERMILLION)
    return fills


def _segments(groups: tuple[Group, ...], fills: dict[str, Fill], scale: Scale) -> tuple[Segments, ...]:
    return tuple(
        Segments(name, fill, tuple(group.component_pj(name) / scale.factor for group in groups))
        for name, fill in fills.items()
    )


def _draw_total(axes: Axes, report: Report, fills: dict[str, Fill]) -> None:
    """One bar: components of all tasks and leakage; segments that are wide enough carry their share."""
    whole = Group(report.tasks, "step")
    static = sum(report.static_energy_pj.values())
    total = report.totals.total_energy_pj
    scale = Scale.of(total, "J", _PJ)
    segments = _segments((whole,), fills, scale)
    segments += (Segments(STATIC, Fill("#B4B4B4", "/////"), (static / scale.factor,)),)
    draw_bars(axes, 1, segments, (quantity(total * _PJ, "J"),))
    axes.set_yticks([0], [_WHOLE])
    axes.tick_params(axis="y", length=0)
    value_axis(axes, f"energy with leakage ({scale.unit})", total / scale.factor)
    left = 0.0
    for segment in segments:
        width = segment.values[0]
        text = percent(width * scale.factor / total) if total else ""
        if fits(width, total / scale.factor * 1.16, text, 6):
            box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            axes.text(left + width / 2, 0, text, ha="center", va="center", size=6, bbox=box)
        left += width
