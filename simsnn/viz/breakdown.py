"""Cycles and energy put together: by pass with their parts and components, by layer with their passes.

Cycles are those of the tasks, added up; where engines work side by side they are more than the run takes, which the
axis says. Energy that no task has (leakage, links) stands in a row of its own. Proof:
``tests/unit/test_run_figures.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simsnn.results.grouping import PASS_ORDER, Group, at_most
from simsnn.results.prefix import percent, si
from simsnn.results.report import Report
from simsnn.viz.bars import MAX_ROWS, Fill, Segments, draw_bars, of_run
from simsnn.viz.cycles import cycle_segments
from simsnn.viz.energy import component_fills, energy_segments
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import (
    PASS_COLOURS,
    PASS_NAMES,
    Panel,
    Scale,
    page,
    quantity,
    shortened,
    style,
    value_axis,
)

_PJ = 1e-12
_ROW_INCHES, _CLOSE_INCHES, _MANY = 0.2, 0.14, 24


@style()
def passes_figure(report: Report) -> Figure:
    """Draw a bar per pass: cycles by part and stall above, energy by component below."""
    groups = by_pass(report)
    labels = tuple(PASS_NAMES.get(group.passes, group.passes) for group in groups)
    cycles = Scale.of(max((group.cycles for group in groups), default=0), "cycles")
    rest = energy_of_no_task(report)
    energy = Scale.of(max((rest, *(group.energy_pj for group in groups))), "J", _PJ)
    parts = cycle_segments(groups, cycles)
    others = name_of_no_task(report)
    components = energy_segments(groups, report, component_fills(report), energy)
    components = _with_rest(components, others, rest / energy.factor)
    panels = (
        Panel(legend_inches([one.label for one in parts]), _height(len(groups)), 0.5),
        Panel(legend_inches([one.label for one in components]), _height(len(groups) + 1), 0.46),
    )
    drawn = page(report, f"cycles and energy by pass{of_run(report)}", (*labels, others), panels)
    _draw(drawn.axes[0], labels, parts, _cycle_ends(groups))
    _cycle_axis(drawn.axes[0], groups, cycles)
    ends = tuple(_joules(value, report) for value in (*(group.energy_pj for group in groups), rest))
    _draw(drawn.axes[1], (*labels, others), components, ends)
    largest = max((rest, *(group.energy_pj for group in groups)))
    value_axis(drawn.axes[1], f"energy ({energy.unit}); behind each bar: share of the whole", largest / energy.factor)
    return drawn.figure


@style()
def layers_figure(report: Report) -> Figure:
    """Draw a bar per layer: cycles by pass above, energy by pass below."""
    groups, note = by_layer(report)
    labels = tuple(shortened(group.host) for group in groups)
    cycles = Scale.of(max((group.cycles for group in groups), default=0), "cycles")
    energy = Scale.of(max((group.energy_pj for group in groups), default=0.0), "J", _PJ)
    parts = _by_pass(groups, lambda group: group.cycles / cycles.factor)
    components = _by_pass(groups, lambda group: group.energy_pj / energy.factor)
    legend = legend_inches([one.label for one in parts])
    panels = (Panel(legend, _height(len(groups)), 0.5), Panel(0.04, _height(len(groups)), 0.46))
    drawn = page(report, f"cycles and energy by layer{of_run(report)}{note}", labels or (" ",), panels)
    _draw(drawn.axes[0], labels, parts, _cycle_ends(groups))
    _cycle_axis(drawn.axes[0], groups, cycles)
    _draw(drawn.axes[1], labels, components, tuple(_joules(group.energy_pj, report) for group in groups), False)
    largest = max((group.energy_pj for group in groups), default=0.0)
    axis = f"energy of counted actions ({energy.unit}); behind each bar: share of the whole"
    value_axis(drawn.axes[1], axis, largest / energy.factor)
    return drawn.figure


def by_pass(report: Report) -> tuple[Group, ...]:
    """Tasks of each pass, in the order F B W U I R."""
    passes = [letter for letter in PASS_ORDER if any(task.pass_ == letter for task in report.tasks)]
    return tuple(Group(tuple(task for task in report.tasks if task.pass_ == p), p) for p in passes)


def by_layer(report: Report) -> tuple[tuple[Group, ...], str]:
    """Tasks of each layer in order of first appearance, and what the title says where they are too many."""
    names = dict.fromkeys(task.layer for task in report.tasks)
    groups = tuple(Group(tuple(task for task in report.tasks if task.layer == name), name) for name in names)
    kept, rest = at_most(groups, MAX_ROWS)
    if rest is None:
        return groups, ""
    return (*kept, rest), f", the {len(kept)} of {len(groups)} with most cycles"


def name_of_no_task(report: Report) -> str:
    """What :func:`energy_of_no_task` is called in the figures."""
    return "leakage" if report.pipeline is None else "leakage, links"


def energy_of_no_task(report: Report) -> float:
    """Leakage, and on machines with processors their links."""
    links = report.pipeline.links if report.pipeline is not None else ()
    return sum(report.static_energy_pj.values()) + sum(link.energy_pj or 0.0 for link in links)


def _by_pass(groups: tuple[Group, ...], value: Callable[[Group], float]) -> tuple[Segments, ...]:
    found = []
    for letter in PASS_ORDER:
        parts = [Group(tuple(task for task in group.tasks if task.pass_ == letter), group.host) for group in groups]
        if any(part.tasks for part in parts):
            found.append(Segments(PASS_NAMES[letter], Fill(PASS_COLOURS[letter]), tuple(map(value, parts))))
    return tuple(found)


def _with_rest(segments: tuple[Segments, ...], name: str, rest: float) -> tuple[Segments, ...]:
    """One more row, which has what no task has."""
    zeros = (0.0,) * (len(segments[0].values) if segments else 0)
    longer = tuple(Segments(one.label, one.fill, (*one.values, 0.0)) for one in segments)
    return (*longer, Segments(name, Fill("#B4B4B4", "/////"), (*zeros, rest)))


def _height(rows: int) -> float:
    return max(rows, 2) * (_ROW_INCHES if rows <= _MANY else _CLOSE_INCHES)


def _draw(
    axes: Axes, labels: tuple[str, ...], segments: tuple[Segments, ...], ends: tuple[str, ...], legend: bool = True
) -> None:
    draw_bars(axes, len(labels), segments, ends)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    if legend:
        draw_legend(axes, *axes.get_legend_handles_labels())


def _cycle_ends(groups: tuple[Group, ...]) -> tuple[str, ...]:
    whole = sum(group.cycles for group in groups) or 1
    return tuple(f"{si(group.cycles, digits=3)}, {percent(group.cycles / whole)}" for group in groups)


def _joules(energy_pj: float, report: Report) -> str:
    return f"{quantity(energy_pj * _PJ, 'J')}, {percent(energy_pj / (report.totals.total_energy_pj or 1.0))}"


def _cycle_axis(axes: Axes, groups: tuple[Group, ...], scale: Scale) -> None:
    largest = max((group.cycles for group in groups), default=0)
    whole = si(sum(group.cycles for group in groups))
    value_axis(axes, f"cycles of tasks, of all engines ({scale.unit}); {whole} together", largest / scale.factor)
