"""When every engine ran what: a lane per engine, a lane per memory channel where a trace is given.

Stalls are hatched. A report knows how long a task stalled but not when, so without a trace the
hatched height of a task is its stalled share; with a trace it is the stalled share of each of
``BINS`` equal slices of the run, and channels show the occupied share of each slice. However long
a run, the figure has a bounded number of marks. Proof: ``tests/unit/test_figures.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from simsnn.results.prefix import percent
from simsnn.results.report import Report, TaskRow
from simsnn.sim.trace import Kind, Trace
from simsnn.viz.bars import fits
from simsnn.viz.gantt import pipeline_figure
from simsnn.viz.gantt_rows import Window as Shown
from simsnn.viz.legend import draw_legend, legend_inches
from simsnn.viz.style import INK, PASS_COLOURS, PASS_NAMES, Panel, Scale, page, style

BINS = 600
_LANE_INCHES, _CHANNEL_INCHES, _HEIGHT, _LABEL_POINTS = 0.62, 0.42, 0.8, 6.0
_MAX_LABELLED = 400
_VEIL, _STALL_HATCH, _LOADS, _STORES = "#FFFFFF80", "//////", "#7F7F7F", "#1A1A1A"


@dataclass(frozen=True, slots=True)
class Window:
    """The time axis: cycles of the whole run and the scale in which they are drawn."""

    cycles: int
    scale: Scale

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the slices in cycles, float64, shape (BINS + 1,)."""
        return np.linspace(0, max(self.cycles, 1), BINS + 1)


@style()
def timeline_figure(report: Report, trace: Trace | None = None) -> Figure:
    """Draw the engines' tasks over time, coloured by pass, stalls hatched; of a pipelined run its jobs.

    Rows of a pipelined report are sums over iterations, which no box can show; its jobs say when what ran.

    Parameters
    ----------
    report : Report
        A run's result.
    trace : Trace, optional
        Its trace: task i of the trace is row i of the report. Adds when engines stalled and how
        busy the DRAM and links were.

    Raises
    ------
    ValueError
        If the trace names tasks that the report does not have.
    """
    if report.pipeline is not None:
        return pipeline_figure(report, window=Shown(0, report.pipeline.makespan_cycles))
    if trace is not None and len(trace.intervals) and int(trace.intervals["task"].max()) >= len(report.tasks):
        raise ValueError(f"trace of {int(trace.intervals['task'].max()) + 1} tasks, report of {len(report.tasks)}")
    ends = [task.end_cycle for task in report.tasks] + ([trace.makespan_cycles] if trace is not None else [])
    cycles = max([report.totals.total_cycles, *ends])
    window = Window(cycles, Scale.of(cycles, "cycles"))
    arrays = tuple(dict.fromkeys(task.array for task in report.tasks))
    channels = _channels(report, trace)
    lanes = tuple(_lane_label(report, array, window) for array in arrays)
    names = tuple(_channel_label(trace, *channel, window) for channel in channels) if trace is not None else ()
    handles = _legend(report, bool(channels))
    drawn = page(report, "when the engines ran", (*lanes, *names), _panels(len(lanes), len(names), handles))
    axes = drawn.axes
    _draw_engines(axes[0], report, arrays, window, trace)
    axes[0].set_yticks(range(len(lanes)), lanes)
    if trace is not None:
        for place, (channel, _), name in zip(axes[1:], channels, names, strict=True):
            _draw_channel(place, trace, channel, window)
            place.set_yticks([0.5], [name])
    for place in axes:
        _time_axis(place, window, place is axes[-1])
    draw_legend(axes[0], handles, [str(handle.get_label()) for handle in handles])
    return drawn.figure


def _panels(lanes: int, channels: int, handles: list[Patch]) -> tuple[Panel, ...]:
    """One panel for all engines, one for each channel, the time below the last."""
    above = legend_inches([str(handle.get_label()) for handle in handles])
    engines = Panel(above, _LANE_INCHES * max(lanes, 1), 0.08 if channels else 0.46)
    rest = tuple(Panel(0.0, _CHANNEL_INCHES, 0.46 if index == channels - 1 else 0.08) for index in range(channels))
    return (engines, *rest)


def _channels(report: Report, trace: Trace | None) -> tuple[tuple[int, str], ...]:
    """Resource and name of every channel of a trace: the DRAM, then the links."""
    if trace is None:
        return ()
    names = (report.dram_level, *(f"link {index}" for index in range(trace.channels - 1)))
    return tuple((trace.engines + index, name) for index, name in enumerate(names[: trace.channels]))


def _draw_engines(axes: Axes, report: Report, arrays: tuple[str, ...], window: Window, trace: Trace | None) -> None:
    for lane, array in enumerate(arrays):
        tasks = tuple(task for task in report.tasks if task.array == array)
        _draw_tasks(axes, tasks, lane, window)
        base = lane + _HEIGHT / 2
        if trace is None:
            _hatch_tasks(axes, tasks, base, window)
        else:
            _hatch_slices(axes, stalled_share(report, trace, array, window), base, window)
        _label_tasks(axes, tasks, lane, window)
    axes.set_ylim(max(len(arrays), 1) - 0.5, -0.5)


def _draw_tasks(axes: Axes, tasks: tuple[TaskRow, ...], lane: int, window: Window) -> None:
    """One box per task; white lines part wide ones, thin ones are edged in their colour to stay visible."""
    spans = [(t.start_cycle / window.scale.factor, t.cycles / window.scale.factor) for t in tasks]
    colours = [PASS_COLOURS[task.pass_] for task in tasks]
    wide = window.cycles / 250
    edges = ["white" if task.cycles > wide else colour for task, colour in zip(tasks, colours, strict=True)]
    axes.broken_barh(spans, (lane - _HEIGHT / 2, _HEIGHT), facecolors=colours, edgecolors=edges, linewidth=0.5)


def _lane_label(report: Report, array: str, window: Window) -> str:
    """Name of an engine with the share of the run that it worked."""
    tasks = [task for task in report.tasks if task.array == array]
    worked = sum(task.cycles - task.parts.stall / task.groups for task in tasks)
    return f"{array}\n{percent(worked / max(window.cycles, 1))} busy"


def _hatch_tasks(axes: Axes, tasks: tuple[TaskRow, ...], base: float, window: Window) -> None:
    """Hatch the stalled share of each task's height, from the bottom of the lane up."""
    times, tops = [0.0], [base]
    for task in sorted(tasks, key=lambda task: task.start_cycle):
        share = task.parts.stall / (task.groups * task.cycles) if task.cycles else 0.0
        times += [task.start_cycle / window.scale.factor, task.end_cycle / window.scale.factor]
        tops += [base - _HEIGHT * share, base]
    _hatch(axes, np.array(times), np.array(tops), base)


def _hatch_slices(axes: Axes, shares: NDArray[np.float64], base: float, window: Window) -> None:
    """Hatch the stalled share of every slice, from the bottom of the lane up."""
    _hatch(axes, window.edges / window.scale.factor, base - _HEIGHT * np.append(shares, shares[-1]), base)


def _hatch(axes: Axes, times: NDArray[np.float64], tops: NDArray[np.float64], base: float) -> None:
    axes.fill_between(times, base, tops, step="post", facecolor=_VEIL, edgecolor=INK, hatch=_STALL_HATCH, linewidth=0.0)


def stalled_share(report: Report, trace: Trace, array: str, window: Window) -> NDArray[np.float64]:
    """Share of every slice in which an engine stalled, float64 in 0..1, shape (BINS,)."""
    rows = trace.intervals[(trace.intervals["kind"] == Kind.STALL) & (trace.intervals["resource"] < trace.engines)]
    arrays = np.array([task.array == array for task in report.tasks], bool)
    return slice_shares(rows[arrays[rows["task"]]], window)


def slice_shares(rows: NDArray[np.void], window: Window) -> NDArray[np.float64]:
    """Share of every slice that intervals of one resource cover, float64 in 0..1, shape (BINS,).

    The covered time up to each edge is a piecewise linear function through the intervals' ends.
    """
    if not len(rows):
        return np.zeros(BINS)
    order = np.argsort(rows["start"], kind="stable")
    starts, ends = rows["start"][order], rows["end"][order]
    done = np.concatenate(([0], np.cumsum(ends - starts)))
    times = np.stack((starts, ends), axis=1).ravel()
    covered = np.interp(window.edges, times, np.stack((done[:-1], done[1:]), axis=1).ravel())
    shares: NDArray[np.float64] = np.diff(covered) / np.diff(window.edges)
    return np.clip(shares, 0.0, 1.0)


def _channel_label(trace: Trace, channel: int, name: str, window: Window) -> str:
    """Name of a channel with the share of the run that it was occupied."""
    rows = trace.intervals[trace.intervals["resource"] == channel]
    busy = float((rows["end"] - rows["start"]).sum()) / max(window.cycles, 1)
    return f"{name}\n{percent(busy)} busy"


def _draw_channel(axes: Axes, trace: Trace, channel: int, window: Window) -> None:
    """Occupied share over time, loads below and stores on top."""
    rows = trace.intervals[trace.intervals["resource"] == channel]
    loads = slice_shares(rows[rows["kind"] == Kind.LOAD], window)
    stores = slice_shares(rows[rows["kind"] == Kind.STORE], window)
    edges = window.edges / window.scale.factor
    low, high = np.append(loads, loads[-1]), np.append(loads + stores, loads[-1] + stores[-1])
    axes.fill_between(edges, 0, low, step="post", facecolor=_LOADS, linewidth=0)
    axes.fill_between(edges, low, high, step="post", facecolor=_STORES, linewidth=0)
    axes.set_ylim(0, 1.05)


def _label_tasks(axes: Axes, tasks: tuple[TaskRow, ...], lane: int, window: Window) -> None:
    """Name a task inside its box where the name fits, upright where only that fits."""
    for task in tasks[:_MAX_LABELLED]:
        text = task.layer if task.part in ("synapse", "pool") else f"{task.layer} {task.part}"
        flat = fits(task.cycles, window.cycles, text, _LABEL_POINTS)
        upright = fits(task.cycles, window.cycles, "M", _LABEL_POINTS) and len(task.layer) <= 8
        if flat or upright:
            axes.text(
                (task.start_cycle + task.cycles / 2) / window.scale.factor,
                lane,
                text if flat else task.layer,
                size=_LABEL_POINTS,
                color="white" if task.pass_ in "FBW" else INK,
                ha="center",
                va="center",
                rotation=0 if flat else 90,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": PASS_COLOURS[task.pass_], "edgecolor": "none"},
            )


def _time_axis(axes: Axes, window: Window, last: bool) -> None:
    axes.set_xlim(0, max(window.cycles, 1) / window.scale.factor)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelbottom=last)
    if last:
        axes.set_xlabel(f"time ({window.scale.unit})")


def _legend(report: Report, channels: bool) -> list[Patch]:
    passes = [letter for letter in PASS_COLOURS if any(task.pass_ == letter for task in report.tasks)]
    handles = [Patch(facecolor=PASS_COLOURS[letter], label=PASS_NAMES[letter]) for letter in passes]
    stalled = Patch(facecolor=_VEIL, edgecolor=INK, hatch=_STALL_HATCH, linewidth=0.0, label="stalled share")
    handles.append(stalled)
    if channels:
        handles += [Patch(facecolor=_LOADS, label="loads"), Patch(facecolor=_STORES, label="stores")]
    return handles
