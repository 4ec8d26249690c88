"""Where the cycles went: parts and stalls by cause, a bar per layer and pass.

Engines with parallel groups account in group-cycles; their parts are drawn divided by the groups,
so that every bar is as long as its tasks. Proof: ``tests/unit/test_figures.py``.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from simsnn.results.grouping import STALL_CAUSES, Group
from simsnn.results.prefix import percent, si
from simsnn.results.report import Report
from simsnn.viz.bars import Fill, Segments, draw_bars, label_rows, of_run, rows_of
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW, Panel, Scale, page, style, value_axis

_PARTS = {
    "stream": Fill(GREEN),
    "fill": Fill(SKY),
    "build": Fill(PURPLE),
    "reload": Fill(BLUE),
    "scan": Fill(YELLOW),
    "imbalance": Fill(ORANGE),
    "drain": Fill(GREY),
}
_STALLS = {
    "dram": Fill("#D55E00", "/////"),
    "sram_bank": Fill("#E58A4A", "\\\\\\\\\\"),
    "buffer_full": Fill("#A34700", "xxxx"),
    "dependency": Fill("#EDB48A", "....."),
    "link": Fill("#6E3000", "-----"),
}


@style()
def cycles_figure(report: Report) -> Figure:
    """Draw cycles by part, stalls hatched by cause, with cycles and utilisation at each bar's end.

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
    largest = max((group.cycles for group in rows.groups), default=0)
    scale = Scale.of(largest, "cycles")
    segments = cycle_segments(rows.groups, scale)
    panel = Panel(legend_inches([segment.label for segment in segments]), rows.height_inches, 0.46)
    drawn = page(report, f"cycles {rows.by}{of_run(report)}", rows.labels, (panel,))
    axes = drawn.axes[0]
    ends = tuple(f"{si(group.cycles, digits=3)}, {percent(group.utilisation)}" for group in rows.groups)
    draw_bars(axes, len(rows.groups), segments, ends)
    label_rows(axes, rows)
    draw_legend(axes, *axes.get_legend_handles_labels())
    value_axis(axes, f"duration ({scale.unit}); behind each bar: cycles, utilisation", largest / scale.factor)
    return drawn.figure


def cycle_segments(groups: tuple[Group, ...], scale: Scale) -> tuple[Segments, ...]:
    """Segments that any bar has, work first, so that useful work starts at one line."""
    work = [
        Segments(name, fill, tuple(group.part_cycles(name) / scale.factor for group in groups))
        for name, fill in _PARTS.items()
    ]
    stalls = [
        Segments(
            f"stall: {cause.replace('_', ' ')}",
            _STALLS[cause],
            tuple(group.stall_cycles(cause) / scale.factor for group in groups),
        )
        for cause in STALL_CAUSES
    ]
    return tuple(segment for segment in (*work, *stalls) if any(segment.values))
