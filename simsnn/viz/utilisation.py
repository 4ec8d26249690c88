"""How much of the engines' peak was used: what every engine did with the run, and what each operation reached.

Above, a bar per engine: cycles in which it worked, was stalled, had no task; they add up to the run. Below, a bar per
operation (layer, pass, part): dense work over the engine's peak in its own cycles, above 100 % where an engine skips
zeros. Proof: ``tests/unit/test_run_figures.py``.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simsnn.results.engine_summary import EngineSummary, engine_summaries
from simsnn.results.grouping import Group, Grouping, at_most, group_tasks
from simsnn.results.prefix import percent
from simsnn.results.report import Report
from simsnn.viz.bars import CLOSE_ROW_INCHES, MANY_ROWS, MAX_ROWS, ROW_INCHES, Fill, Segments, draw_bars, value_bars
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import GREEN, INK, LIGHT, PASS_COLOURS, PASS_NAMES, VERMILLION, Panel, page, shortened, style

MAX_ENGINES = 40
_FILLS = {"works": Fill(GREEN), "stalled": Fill(VERMILLION, "/////"), "has no task": Fill(LIGHT)}
_MIXED = "#9A9A9A"


@style()
def utilisation_figure(report: Report) -> Figure:
    """Draw shares of the run of every engine, and the utilisation of every operation."""
    engines = engine_summaries(report)
    shown = tuple(sorted(engines, key=lambda engine: engine.idle_cycles)[:MAX_ENGINES])
    shown = tuple(engine for engine in engines if engine in shown)
    groups, by = operations_of(report)
    passes = [letter for letter in PASS_COLOURS if any(group.passes == letter for group in groups)]
    heads = [*_FILLS], [PASS_NAMES[letter] for letter in passes]
    panels = (
        Panel(legend_inches(heads[0]), _height(len(shown)), 0.46),
        Panel(legend_inches(heads[1]) if passes else 0.1, _height(len(groups)), 0.46),
    )
    labels = tuple(shortened(engine.name) for engine in shown), tuple(map(_name, groups))
    title = f"use of engines, and of their peak by {by}"
    drawn = page(report, title, (*labels[0], *labels[1], " " * 8), panels)
    _draw_engines(drawn.axes[0], shown, labels[0])
    if len(shown) < len(engines):
        drawn.axes[0].set_xlabel(f"share of the run, the {len(shown)} of {len(engines)} engines with most work")
    _draw_operations(drawn.axes[1], groups, labels[1])
    draw_legend(drawn.axes[1], [Patch(facecolor=PASS_COLOURS[letter]) for letter in passes], heads[1])
    return drawn.figure


def operations_of(report: Report, most: int = MAX_ROWS) -> tuple[tuple[Group, ...], str]:
    """Rows of the lower panel and what they are: operations, layers and passes, or the largest of these."""
    groups = group_tasks(report, Grouping.PART)
    if len(groups) <= most:
        return groups, "operation"
    groups = group_tasks(report, Grouping.PASS)
    if len(groups) <= most:
        return groups, "layer and pass"
    kept, rest = at_most(groups, most)
    assert rest is not None
    return (*kept, rest), f"layer and pass, the {len(kept)} of {len(groups)} with most cycles"


def _height(rows: int) -> float:
    return max(rows, 2) * (ROW_INCHES if rows <= MANY_ROWS else CLOSE_ROW_INCHES)


def _name(group: Group) -> str:
    """``conv1 F synapse``; of an operation that ran on one engine alone with its engine."""
    parts = group.parts[0] if len(group.parts) == 1 else ""
    name = f"{shortened(group.host, 22)} {group.passes} {parts}".rstrip()
    return shortened(f"{name} ({group.arrays[0]})", 44) if len(group.arrays) == 1 and parts else name


def _draw_engines(axes: Axes, engines: tuple[EngineSummary, ...], labels: tuple[str, ...]) -> None:
    shares = {
        "works": [engine.busy_cycles for engine in engines],
        "stalled": [engine.stall_cycles for engine in engines],
        "has no task": [float(engine.idle_cycles) for engine in engines],
    }
    totals = [engine.total_cycles or 1 for engine in engines]
    segments = tuple(
        Segments(name, fill, tuple(100 * cycles / total for cycles, total in zip(shares[name], totals, strict=True)))
        for name, fill in _FILLS.items()
    )
    ends = tuple(f"works {percent(cycles / total)}" for cycles, total in zip(shares["works"], totals, strict=True))
    draw_bars(axes, len(engines), segments, ends)
    axes.set_yticks(range(len(engines)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 114)
    axes.set_xticks(range(0, 101, 20))
    axes.grid(axis="x")
    axes.set_xlabel("share of the run (%)")
    draw_legend(axes, *axes.get_legend_handles_labels())


def _draw_operations(axes: Axes, groups: tuple[Group, ...], labels: tuple[str, ...]) -> None:
    values = tuple(100 * group.utilisation for group in groups)
    colours = tuple(PASS_COLOURS.get(group.passes, _MIXED) for group in groups)
    value_bars(axes, values, colours, tuple(percent(group.utilisation) for group in groups))
    axes.set_yticks(range(len(groups)), labels)
    axes.tick_params(axis="y", length=0)
    largest = max((100.0, *values))
    axes.set_xlim(0, largest * 1.14)
    axes.axvline(100, color=INK, linewidth=0.6)
    axes.grid(axis="x")
    over = ", above 100 where zeros are skipped" if largest > 100.5 else ""
    axes.set_xlabel(f"dense work over the engine's peak while it ran (%){over}")
