"""Where the energy went: components, a bar per layer and pass, and the whole step or run with its leakage.

Bars of layers hold the energy of counted actions; static energy belongs to the time of the whole
step, or pipelined run, and stands in the total alone. Equal components of the processors of one group
are one component here. Proof: ``tests/unit/test_figures.py``.
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
    of_run,
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


@style()
def energy_figure(report: Report) -> Figure:
    """Draw energy by component, and below it the total of the step, or the run, with its static energy.

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
    drawn = page(report, f"energy {rows.by}{of_run(report)}", (*rows.labels, _whole(report)), panels)
    bars, total = drawn.axes
    segments = energy_segments(rows.groups, report, fills, scale)
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
    named = set(components(report))
    srams = {_merged_name(report, name.rsplit(".", 1)[0]) for name in report.static_energy_pj}
    order = sorted(named - srams - {report.dram_level}) + sorted(named & srams)
    fills = {
        name: Fill(_COLOURS[index % len(_COLOURS)], _HATCHES[index // len(_COLOURS) % len(_HATCHES)])
        for index, name in enumerate(order)
    }
    if report.dram_level in named:
        fills[report.dram_level] = Fill(VERMILLION)
    return fills


def components(report: Report) -> dict[str, tuple[str, ...]]:
    """Components as they are drawn, and those of the report that each is the sum of."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted({component for task in report.tasks for component in task.energy_pj}):
        merged = _merged_name(report, name)
        found[merged] = (*found.get(merged, ()), name)
    return found


def _merged_name(report: Report, name: str) -> str:
    """``memory`` for ``core0.memory``, with the name of the group where there are several."""
    processors = report.pipeline.processors if report.pipeline is not None else ()
    owner, _, rest = name.partition(".")
    group = next((row.group for row in processors if rest and row.name == owner), None)
    if group is None:
        return name
    return f"{group}.{rest}" if len({row.group for row in processors}) > 1 else rest


def energy_segments(
    groups: tuple[Group, ...], report: Report, fills: dict[str, Fill], scale: Scale
) -> tuple[Segments, ...]:
    """Energy of every component in every group."""
    members = components(report)
    return tuple(
        Segments(name, fill, tuple(sum(map(group.component_pj, members[name])) / scale.factor for group in groups))
        for name, fill in fills.items()
    )


def _whole(report: Report) -> str:
    return "whole step" if report.pipeline is None else "whole run"


def _draw_total(axes: Axes, report: Report, fills: dict[str, Fill]) -> None:
    """One bar: components of all tasks and leakage; segments that are wide enough carry their share."""
    whole = Group(report.tasks, _whole(report))
    static = sum(report.static_energy_pj.values())
    total = report.totals.total_energy_pj
    scale = Scale.of(total, "J", _PJ)
    segments = energy_segments((whole,), report, fills, scale)
    segments += (Segments(STATIC, Fill("#B4B4B4", "/////"), (static / scale.factor,)),)
    draw_bars(axes, 1, segments, (quantity(total * _PJ, "J"),))
    axes.set_yticks([0], [_whole(report)])
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
