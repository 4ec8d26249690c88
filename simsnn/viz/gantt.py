"""Gantt charts of pipelined runs: a row per processor, its step tasks as bars, bubbles as what is left.

A bar lasts from the first start to the last end of a task's operations. Neighbours on one processor may overlap where
its engines do; the later one then covers the end of the earlier. Where a run has an exact period one is shown, between
dashed lines with a little of what is before and behind; else the whole run, with a line where each iteration ends.
Shares beside the names of processors and links are those of the report, of the whole run, whatever is shown.
Proof: ``tests/unit/test_gantt.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.prefix import percent, si
from simsnn.results.report import Report
from simsnn.viz.gantt_rows import (
    BUBBLE,
    BUBBLE_EDGE,
    BUBBLE_HATCH,
    Window,
    default_window,
    draw_rows,
    middle_start,
    row_labels,
    rows_inches,
    steady_start,
)
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import PASS_COLOURS, PASS_NAMES, WIDTH_INCHES, Panel, Scale, page, shortened, style

_MOST_LINKS, _LINK_ROW_INCHES, _LINK_HEIGHT, _LINK = 12, 0.14, 0.6, "#4D4D4D"
_TITLE_INCHES, _CHART_INCHES, _AXIS_INCHES, _FOOTER_INCHES, _CHARACTER_INCHES = 0.46, 0.24, 0.44, 0.2, 0.058
_HINT = "shade: iterations in turn, number: iteration"
_SHARES = "%: busy in the whole run"
_NO_PERIOD = "dotted: ends of iterations"


@dataclass(frozen=True, slots=True)
class LinkActivity:
    """When one directed channel of the links was busy.

    Parameters
    ----------
    name : str
        Of the channel.
    stretches : tuple of (int, int)
        First cycle and end of every busy stretch, ascending.
    """

    name: str
    stretches: tuple[tuple[int, int], ...]

    def busy(self, window: Window) -> int:
        """Busy cycles inside a window."""
        clipped = (window.clip(start, end) for start, end in self.stretches)
        return sum(max(0, end - start) for start, end in clipped)


@dataclass(frozen=True, slots=True)
class Chart:
    """One schedule of a comparison."""

    title: str
    pipeline: PipelineReport


@style()
def pipeline_figure(report: Report, links: tuple[LinkActivity, ...] = (), window: Window | None = None) -> Figure:
    """Draw the Gantt chart of a report's pipeline.

    Parameters
    ----------
    report : Report
        A run's result with its ``pipeline`` section.
    links : tuple of LinkActivity, optional
        When the links were busy; adds a row for each of the busiest in the window.
    window : Window, optional
        What is shown, instead of one period or the whole run.

    Raises
    ------
    ValueError
        For a report without that section.
    """
    pipeline = report.pipeline
    if pipeline is None:
        raise ValueError(f"run {report.id} has no pipeline section")
    shown = default_window(pipeline) if window is None else window
    scale, handles = Scale.of(shown.end, "cycles"), _legend(bool(links))
    busy = tuple(sorted(links, key=lambda link: -link.busy(shown))[:_MOST_LINKS])
    names = tuple(f"{shortened(link.name, 24)} {percent(_link_share(link, pipeline))}" for link in busy)
    panels = [Panel(legend_inches(_labels(handles)), rows_inches(pipeline), 0.06 if busy else _AXIS_INCHES)]
    if busy:
        panels.append(Panel(0.0, _LINK_ROW_INCHES * len(busy) + 0.06, _AXIS_INCHES))
    title = f"{pipeline.program}, {_what(pipeline, window)}"
    drawn = page(report, title, (*row_labels(pipeline), *names), tuple(panels))
    draw_rows(drawn.axes[0], pipeline, shown, scale)
    if busy:
        _draw_links(drawn.axes[1], busy, names, shown, scale)
    label = "time" if pipeline.period_cycles is not None else f"time, {_NO_PERIOD}"
    for axes in drawn.axes:
        _time_axis(axes, shown, scale, label if axes is drawn.axes[-1] else "")
    draw_legend(drawn.axes[0], handles, _labels(handles))
    return drawn.figure


@style()
def schedules_figure(title: str, subtitle: str, footer: str, charts: tuple[Chart, ...]) -> Figure:
    """Draw a stretch from the middle of several schedules on one scale, as long as the longest period, first on top.

    Times count from the start of a period, or of an iteration where a run shows none (two iterations then); a
    schedule faster than the slowest shows more than one.
    """
    span = max(_stretch(chart.pipeline) for chart in charts)
    scale, handles = Scale.of(span, "cycles"), _legend(False)
    heights = [rows_inches(chart.pipeline) for chart in charts]
    above = _TITLE_INCHES + legend_inches(_labels(handles))
    height = above + sum(heights) + _CHART_INCHES * len(charts) + _AXIS_INCHES + _FOOTER_INCHES
    figure = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(figure)
    left = _CHARACTER_INCHES * max(len(label) for chart in charts for label in row_labels(chart.pipeline)) + 0.2
    top = height - above
    for chart, rows in zip(charts, heights, strict=True):
        top -= _CHART_INCHES + rows
        axes = figure.add_axes((left / WIDTH_INCHES, top / height, 0.98 - left / WIDTH_INCHES, rows / height))
        start = steady_start(chart.pipeline)
        start = middle_start(chart.pipeline) if start is None else start
        window = Window(start, start + span, start)
        draw_rows(axes, chart.pipeline, window, scale)
        _time_axis(axes, window, scale, "time from the start of a period" if chart is charts[-1] else "")
        axes.set_title(f"{chart.title}: {_speed(chart.pipeline)}", loc="left", size=7.5, pad=3)
    _caption(figure, (title, subtitle, footer), height)
    corner = (0.1 / WIDTH_INCHES, 1 - above / height)
    labels = _labels(handles)
    figure.legend(handles, labels, loc="lower left", bbox_to_anchor=corner, ncols=len(labels), borderaxespad=0.0)
    return figure


def _link_share(link: LinkActivity, pipeline: PipelineReport) -> float:
    """Share of the run in which a link was busy, as the report has it; stretches may contain pauses of a message."""
    known = (row.busy_share for row in pipeline.links if row.name == link.name)
    return next(known, link.busy(Window(0, pipeline.makespan_cycles)) / pipeline.makespan_cycles)


def _caption(figure: Figure, texts: tuple[str, str, str], height: float) -> None:
    x, y = 0.1 / WIDTH_INCHES, 1 - 0.1 / height
    figure.text(x, y, texts[0], va="top", size=10, weight="bold")
    figure.text(x, y - 0.2 / height, texts[1], va="top", size=7, color="#5A5A5A")
    figure.text(x, 0.07 / height, texts[2], size=6, color="#5A5A5A")


def _stretch(pipeline: PipelineReport) -> int:
    """One period; two iterations where there is none."""
    if pipeline.period_cycles is not None:
        return pipeline.period_cycles
    return min(pipeline.makespan_cycles, round(2 * pipeline.iteration_cycles))


def _what(pipeline: PipelineReport, window: Window | None) -> str:
    if window is not None:
        return f"cycles {window.start:,} to {window.end:,}"
    return "one period" if pipeline.period_cycles is not None else "the whole run"


def _speed(pipeline: PipelineReport) -> str:
    mean = "" if pipeline.period_cycles is not None else " on average"
    return f"{si(pipeline.iteration_cycles)} cycles per iteration{mean}, x{pipeline.distance:.2f} the lower bound"


def _draw_links(
    axes: Axes, links: tuple[LinkActivity, ...], names: tuple[str, ...], window: Window, scale: Scale
) -> None:
    for row, link in enumerate(links):
        spans = [window.clip(start, end) for start, end in link.stretches]
        bars = [
            ((start - window.origin) / scale.factor, (end - start) / scale.factor)
            for start, end in spans
            if end > start
        ]
        axes.broken_barh(bars, (row - _LINK_HEIGHT / 2, _LINK_HEIGHT), facecolor=_LINK, edgecolor=_LINK, linewidth=0.2)
    axes.set_ylim(len(links) - 0.4, -0.6)
    axes.set_yticks(range(len(links)), names, size=6)
    axes.tick_params(axis="y", length=0)


def _time_axis(axes: Axes, window: Window, scale: Scale, label: str) -> None:
    left, right = window.start - window.origin, window.end - window.origin
    axes.set_xlim(left / scale.factor, right / scale.factor)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(axis="x", labelbottom=bool(label))
    if label:
        axes.set_xlabel(f"{label} ({scale.unit}); {_HINT}; {_SHARES}", size=7, loc="right")


def _legend(links: bool) -> list[Patch]:
    handles = [Patch(facecolor=PASS_COLOURS[letter], label=PASS_NAMES[letter]) for letter in "FBWU"]
    handles.append(Patch(facecolor=BUBBLE, edgecolor=BUBBLE_EDGE, hatch=BUBBLE_HATCH, linewidth=0, label="bubble"))
    return [*handles, Patch(facecolor=_LINK, label="link busy")] if links else handles


def _labels(handles: list[Patch]) -> list[str]:
    return [str(handle.get_label()) for handle in handles]
