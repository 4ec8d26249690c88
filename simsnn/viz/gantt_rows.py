"""Rows of a Gantt chart: the jobs of each processor in a window, bubbles, and where periods begin.

Colour is the pass, shade the iteration (three in turn), and what is wide enough says its layer and iteration.
Proof: ``tests/unit/test_gantt.py``.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from simsnn.results.pipeline_report import JobRow, PipelineReport
from simsnn.results.prefix import percent
from simsnn.viz.style import INK, PASS_COLOURS, Scale, shortened

SHADES = (0.0, 0.3, 0.52)
"""Share of white in the colour of a pass, by iteration."""

MARGIN = 0.1
"""Share of a period that is shown before and behind it."""

MOST_ROWS = 64
BUBBLE, BUBBLE_EDGE, BUBBLE_HATCH = "#F1F1F1", "#CFCFCF", "////"

_MOST_LABELS = 1_500
_ROW_INCHES, _CLOSE_ROW_INCHES, _MANY, _HEAD_ROWS = 0.27, 0.13, 20, 0.6
_HEIGHT, _POINTS, _FINEST = 0.84, 5.2, 600
_DARK = 0.52
_PAD = 1.5
_WAYS = (False, True)
_ADVANCE = {" ": 0.32, ".": 0.32, "W": 0.99, "B": 0.69, "U": 0.73, "m": 0.98, "w": 0.82}
"""Widths of characters in em; all others are taken to be as wide as a digit."""


@dataclass(frozen=True, slots=True)
class Window:
    """Cycles start <= t < end that are shown; the axis counts from ``origin``."""

    start: int
    end: int
    origin: int = 0

    @property
    def cycles(self) -> int:
        """Length."""
        return self.end - self.start

    def clip(self, start: int, end: int) -> tuple[int, int]:
        """Part of an interval that is inside; empty or negative where there is none."""
        return max(start, self.start), min(end, self.end)


def steady_start(pipeline: PipelineReport) -> int | None:
    """Start of a first layer's F from which a period is shown; None without a period.

    Of the periods in which every job starts exactly one period after its like, or before it, the one nearest to the
    middle of the run.
    """
    if pipeline.period_cycles is None:
        return None
    first = pipeline.layers[0].name
    starts = [j.start_cycle for j in pipeline.jobs if j.layer == first and j.pass_ == "F" and not j.micro_batch]
    middle = (pipeline.makespan_cycles - pipeline.period_cycles) // 2
    breaks = _not_repeated(pipeline)
    return min(
        starts,
        key=lambda start: (
            bisect_left(breaks, start) != bisect_left(breaks, start + (pipeline.period_cycles or 0)),
            abs(start - middle),
        ),
        default=None,
    )


def middle_start(pipeline: PipelineReport) -> int:
    """Start of the first layer's F that is nearest to the middle of the run; 0 without jobs."""
    first, middle = pipeline.layers[0].name, pipeline.makespan_cycles // 2
    starts = [j.start_cycle for j in pipeline.jobs if j.layer == first and j.pass_ == "F" and not j.micro_batch]
    return min(starts, key=lambda start: abs(start - middle), default=0)


def _not_repeated(pipeline: PipelineReport) -> list[int]:
    """Starts of jobs that have no like one period before or behind, ascending."""
    period, iterations = pipeline.period_cycles or 0, pipeline.period_iterations or 1
    known = {(job.name, job.micro_batch, job.iteration): job.start_cycle for job in pipeline.jobs}
    found = []
    for job in pipeline.jobs:
        ahead = known.get((job.name, job.micro_batch, job.iteration + iterations))
        behind = known.get((job.name, job.micro_batch, job.iteration - iterations))
        if ahead != job.start_cycle + period and behind != job.start_cycle - period:
            found.append(job.start_cycle)
    return sorted(found)


def default_window(pipeline: PipelineReport) -> Window:
    """One period in the steady state with its margins, or the whole run."""
    start = steady_start(pipeline)
    if start is None or pipeline.period_cycles is None:
        return Window(0, pipeline.makespan_cycles)
    margin = round(pipeline.period_cycles * MARGIN)
    return Window(max(0, start - margin), min(pipeline.makespan_cycles, start + pipeline.period_cycles + margin))


def boundaries(pipeline: PipelineReport, window: Window) -> tuple[int, ...]:
    """Cycles inside a window at which a period begins, or an iteration ends where there is no period."""
    start = steady_start(pipeline)
    if start is not None and pipeline.period_cycles is not None:
        period = pipeline.period_cycles
        return tuple(range(start - (start - window.start) // period * period, window.end + 1, period))
    ends = [0] * pipeline.iterations
    for job in pipeline.jobs:
        ends[job.iteration] = max(ends[job.iteration], job.end_cycle)
    return tuple(end for end in ends if window.start <= end <= window.end)


def row_labels(pipeline: PipelineReport) -> tuple[str, ...]:
    """Name of every processor that is drawn and its busy share in the run; the last says how many more there are."""
    rows = [f"{shortened(row.name, 16)} {percent(row.busy_share)}" for row in pipeline.processors[:MOST_ROWS]]
    if len(pipeline.processors) > MOST_ROWS:
        rows[-1] += f" (+{len(pipeline.processors) - MOST_ROWS})"
    return tuple(rows)


def rows_inches(pipeline: PipelineReport) -> float:
    """Height of the rows and of the room for the length of the period above them."""
    rows = min(len(pipeline.processors), MOST_ROWS)
    return (rows + _HEAD_ROWS) * (_ROW_INCHES if rows <= _MANY else _CLOSE_ROW_INCHES)


def draw_rows(axes: Axes, pipeline: PipelineReport, window: Window, scale: Scale) -> None:
    """Draw all processors, first on top."""
    labels = row_labels(pipeline)
    last = min(window.end, pipeline.makespan_cycles)
    for row in range(len(labels)):
        jobs = _jobs_of(pipeline, row, window)
        _draw_bubbles(axes, gaps(jobs, window, last), row, window, scale)
        _draw_jobs(axes, jobs, row, len(labels), window, scale)
    _draw_boundaries(axes, pipeline, window, scale, len(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5 - _HEAD_ROWS)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)


def _jobs_of(pipeline: PipelineReport, row: int, window: Window) -> tuple[JobRow, ...]:
    """Jobs of one processor that a window shows, by start; of those that start together the shortest is on top."""
    name = pipeline.processors[row].name
    own = (job for job in pipeline.jobs if job.processor == name)
    shown = [job for job in own if job.start_cycle < window.end and job.end_cycle > window.start]
    return tuple(sorted(shown, key=lambda job: (job.start_cycle, -job.end_cycle)))


def gaps(jobs: tuple[JobRow, ...], window: Window, last: int) -> tuple[tuple[int, int], ...]:
    """Stretches up to ``last`` without a job, of those wide enough to be seen."""
    found, reach = [], window.start
    for start, end in [*(window.clip(job.start_cycle, job.end_cycle) for job in jobs), (last, last)]:
        if start - reach > window.cycles / _FINEST:
            found.append((reach, start))
        reach = max(reach, end)
    return tuple(found)


def _draw_bubbles(axes: Axes, spans: tuple[tuple[int, int], ...], row: int, window: Window, scale: Scale) -> None:
    axes.broken_barh(
        [((start - window.origin) / scale.factor, (end - start) / scale.factor) for start, end in spans],
        (row - _HEIGHT / 2, _HEIGHT),
        facecolor=BUBBLE,
        edgecolor=BUBBLE_EDGE,
        hatch=BUBBLE_HATCH,
        linewidth=0,
    )


def _draw_jobs(axes: Axes, jobs: tuple[JobRow, ...], row: int, rows: int, window: Window, scale: Scale) -> None:
    """Later jobs are drawn over earlier ones; white lines part what is wide."""
    spans = [window.clip(job.start_cycle, job.end_cycle) for job in jobs]
    axes.broken_barh(
        [((start - window.origin) / scale.factor, (end - start) / scale.factor) for start, end in spans],
        (row - _HEIGHT / 2, _HEIGHT),
        facecolors=[shade(job) for job in jobs],
        edgecolors=["white" if end - start > window.cycles / 300 else "none" for start, end in spans],
        linewidth=0.5,
    )
    point = axes.figure.dpi / 72
    room = axes.bbox.width / point / window.cycles
    upright = axes.bbox.height / point * _HEIGHT / (rows + _HEAD_ROWS)
    for number, job in enumerate(jobs[:_MOST_LABELS]):
        start, end = seen(spans, number)
        text, turned = label(job, (end - start) * room, upright)
        if text:
            axes.text(
                ((start + end) / 2 - window.origin) / scale.factor,
                row,
                text,
                size=_POINTS,
                color=_ink(shade(job)),
                ha="center",
                va="center",
                rotation=90 if turned else 0,
                clip_on=True,
            )


def seen(spans: list[tuple[int, int]], number: int) -> tuple[int, int]:
    """Longest stretch of a span that later ones, drawn over it, leave; empty where they cover it.

    An update that falls into a long gradient task splits its bar in two: the label stands in the longer part.
    """
    start, end = spans[number]
    best = (start, start)
    for left, right in spans[number + 1 :]:
        if left >= end:
            break
        best = max(best, (start, left), key=_length)
        start = max(start, right)
    return max(best, (start, end), key=_length)


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def label(job: JobRow, width_points: float, height_points: float) -> tuple[str, bool]:
    """What a bar says and whether it is turned: layer, pass, iteration and micro-batch, or as much as fits.

    Pass and iteration stand upright where they do not fit side by side, before the pass is left out.
    """
    number = f"{job.iteration}" if not job.micro_batch else f"{job.iteration}.{job.micro_batch}"
    short = f"{job.pass_}{number}"
    turned = height_points + _PAD / 2 if width_points > _POINTS + _PAD else 0.0
    for text, upright in (
        (f"{job.layer} {job.pass_} {number}", False),
        *((t, u) for t in (short, number) for u in _WAYS),
    ):
        if text_points(text) <= (turned if upright else width_points):
            return text, upright
    return "", False


def text_points(text: str) -> float:
    """Width of a label with a little room at its sides."""
    return _POINTS * sum(_ADVANCE.get(character, 0.64) for character in text) + _PAD


def shade(job: JobRow) -> str:
    """Colour of a job: of its pass, lighter by iteration."""
    return _COLOURS[job.pass_, job.iteration % len(SHADES)]


def _mixed(letter: str, white: float) -> str:
    red, green, blue = (part + (1 - part) * white for part in to_rgb(PASS_COLOURS[letter]))
    return to_hex((red, green, blue))


_COLOURS = {(letter, n): _mixed(letter, white) for letter in "FBWU" for n, white in enumerate(SHADES)}


def _ink(colour: str) -> str:
    """White on what is dark."""
    red, green, blue = to_rgb(colour)
    return "white" if 0.3 * red + 0.59 * green + 0.11 * blue < _DARK else INK


def _draw_boundaries(axes: Axes, pipeline: PipelineReport, window: Window, scale: Scale, rows: int) -> None:
    """Ends of iterations as thin lines; periods as dashed ones, with the length of the first whole one on top."""
    places = [(place - window.origin) / scale.factor for place in boundaries(pipeline, window)]
    top = -0.5 - _HEAD_ROWS
    if steady_start(pipeline) is None:
        axes.vlines(places, top, rows - 0.5, color=INK, linewidth=0.5, linestyle=(0, (1, 2)), zorder=5)
        return
    axes.vlines(places, top, rows - 0.5, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=5)
    if len(places) > 1:
        _write_period(axes, pipeline, places[0], places[1])


def _write_period(axes: Axes, pipeline: PipelineReport, left: float, right: float) -> None:
    height, iterations = -0.5 - _HEAD_ROWS / 2, pipeline.period_iterations or 1
    text = f"period {pipeline.period_cycles:,} cycles" + (f", {iterations} iterations" if iterations > 1 else "")
    arrow = {"arrowstyle": "<->", "linewidth": 0.6, "shrinkA": 0.0, "shrinkB": 0.0, "mutation_scale": 6}
    axes.annotate("", (left, height), (right, height), arrowprops=arrow)
    box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    axes.text((left + right) / 2, height, text, size=5.5, ha="center", va="center", bbox=box)
