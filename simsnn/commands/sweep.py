"""``simsnn sweep``: run a sweep file and say how it goes and what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simsnn import api
from simsnn.api import Result
from simsnn.errors import ConfigError
from simsnn.results.sweep_store import StoredSweep
from simsnn.results.sweep_table import PointStatus, Scalar
from simsnn.sweep.composition import Composer
from simsnn.sweep.executors import SerialExecutor
from simsnn.sweep.plan import SweepPlan
from simsnn.sweep.runner import SweepOptions, SweepProgress, Watch
from simsnn.sweep.worker import Task, WorkerPlan

if TYPE_CHECKING:
    from rich.console import Console

BEST = 5
"""Points shown per table."""


def describe(plan: SweepPlan) -> str:
    """A sweep in one line: its points, axes, condition and level."""
    axes = " x ".join(f"{axis.name} ({len(axis)})" for axis in plan.axes)
    sampling = plan.config.sampling
    size = f"{len(plan.points):,} points" if plan.points else f"up to {getattr(sampling, 'points', 0):,} designs"
    kind = "" if sampling.kind == "grid" else f", {sampling.kind}"
    where = f" where {plan.config.where}" if plan.config.where else ""
    level = plan.first.simulation.level
    return f"{plan.config.name}: {size}{kind}: {axes}{where}; level {level}"


def print_estimate(plan: SweepPlan, options: SweepOptions, as_json: bool) -> None:
    """``--dry-run``: how many points there are and how long they may take."""
    seconds = estimate(plan, options.worker_count)
    points = len(plan.points) or getattr(plan.config.sampling, "points", 0)
    if as_json:
        found = {"name": plan.config.name, "points": points, "estimate_s": seconds, "workers": options.worker_count}
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        sys.stdout.write(f"{points:,} points, about {duration(seconds)} with {options.worker_count} workers\n")


def estimate(plan: SweepPlan, workers: int) -> float:
    """Seconds that the sweep may take: two of its points are run here, and nothing is stored.

    The first also pays for kernels, training and what is kept for the rest; the last is counted.
    """
    points = [plan.points[0].choice, plan.points[-1].choice] if plan.points else [next(plan.space.grid())] * 2
    with SerialExecutor(WorkerPlan(plan.base, plan.axes, None)) as executor:
        *_, last = executor.run(Task(str(number), choice) for number, choice in enumerate(points))
    count = len(plan.points) or getattr(plan.config.sampling, "points", 1)
    return last.seconds * count / min(workers, count)


def run_point(plan: SweepPlan, number: int) -> Result:
    """One point as a run of its own.

    Raises
    ------
    ConfigError
        If there is no such point.
    """
    if not 0 <= number < len(plan.points):
        allowed = (f"0 to {len(plan.points) - 1}",) if plan.points else ("a grid or random sampling",)
        raise ConfigError(f"no point {number} in this sweep", value=number, allowed=allowed)
    return api.simulate(Composer(plan.base, plan.axes).compose(plan.points[number].choice))


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@contextmanager
def watching(quiet: bool) -> Iterator[Watch | None]:
    """Yield what shows progress on stderr: a bar where someone looks, else the estimate alone; None when quiet."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    lines = _Lines()
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("sweep", total=None, rate="")

        def show(progress: SweepProgress) -> None:
            lines.show(progress)
            bar.update(task, completed=progress.done, total=progress.total, rate=_rate(progress))

        yield show


class _Lines:
    """What is said once: how much is left to run, and, once every worker has warmed up, how long that may take."""

    def __init__(self) -> None:
        self._started = self._estimated = False

    def show(self, progress: SweepProgress) -> None:
        left = progress.total - progress.done
        if not self._started:
            self._started = True
            refused = progress.done - progress.stored
            more = f"{refused:,} refused, " if refused else ""
            self._say(f"{progress.stored:,} of {progress.total:,} points are stored; {more}{left:,} to run")
        if not self._estimated and len(progress.seconds) > progress.workers and progress.left_s is not None and left:
            self._estimated = True
            noun = "worker" if progress.workers == 1 else "workers"
            self._say(f"about {duration(progress.left_s)} with {progress.workers} {noun}")

    def _say(self, text: str) -> None:
        sys.stderr.write(text + "\n")


def _rate(progress: SweepProgress) -> str:
    left = progress.left_s
    parts = [] if left is None else [f"{duration(left)} left"]
    if progress.seconds:
        parts.insert(0, f"{progress.workers * len(progress.seconds) / max(sum(progress.seconds), 1e-9):.1f} points/s")
    stopped = ((PointStatus.FAILED, "failed"), (PointStatus.REFUSED, "refused"))
    parts += [f"{progress.counts[status]} {word}" for status, word in stopped if progress.counts[status]]
    return ", ".join(parts)


def failed(stored: StoredSweep) -> bool:
    """Whether a point failed; refused points are answers, not failures."""
    return any(row.status is PointStatus.FAILED for row in stored.table.rows)


def draw(stored: StoredSweep) -> None:
    """Draw the figures of the sweep into its folder."""
    from simsnn.viz.sweep_figures import write_sweep_figures

    write_sweep_figures(stored, stored.folder)


def outcome_json(stored: StoredSweep) -> dict[str, Any]:
    """What ``sweep --json`` prints."""
    rows = stored.table.rows
    return {
        "name": stored.info.name,
        "folder": str(stored.folder),
        "points": stored.info.points,
        **{status.value: sum(row.status is status for row in rows) for status in PointStatus},
        "objectives": [entry.model_dump(mode="json") for entry in stored.info.objectives],
        "pareto": [record for record in stored.table.records() if record["pareto"]],
        "synthetic": stored.info.synthetic,
    }


def print_outcome(stored: StoredSweep, console: Console) -> None:
    """How many points ran, the front, and one example of every way in which points stopped."""
    from rich.table import Table

    from simsnn.results.terminal import widen

    widen(console)
    rows = stored.table.rows
    counts = {status: [row for row in rows if row.status is status] for status in PointStatus}
    said = ", ".join(f"{len(found):,} {status.value}" for status, found in counts.items())
    note = "; the activity is synthetic" if stored.info.synthetic else ""
    console.print(f"{stored.info.name}: {said} of {stored.info.points:,} points, level {stored.info.level}{note}")
    goals = " and ".join(f"{entry.goal} {entry.metric}" for entry in stored.info.objectives)
    front = sorted((row for row in rows if row.pareto), key=lambda row: _keys(stored, row.point))
    if front:
        shown = tuple(dict.fromkeys((*(entry.metric for entry in stored.info.objectives), "area_um2", "utilisation")))
        table = Table("point", *stored.table.axes, *shown, box=None, header_style="bold", title_justify="left")
        for row in front[: 4 * BEST]:
            cells = [*row.values, *(getattr(row.metrics, name) for name in shown)]
            table.add_row(str(row.point), *map(cell, cells))
        more = f" (first {4 * BEST} of {len(front)})" if len(front) > 4 * BEST else ""
        console.print(f"Pareto front, {goals}{more}:", highlight=False)
        console.print(table)
    for status in (PointStatus.FAILED, PointStatus.REFUSED):
        reasons: dict[str, list[int]] = {}
        for row in counts[status]:
            reasons.setdefault(row.error, []).append(row.point)
        for error, points in list(reasons.items())[:BEST]:
            more = f" and {len(points) - 1:,} more" if len(points) > 1 else ""
            text = f"{status.value}, point {points[0]}{more}: {error}"
            console.print(text, highlight=False, markup=False, soft_wrap=True)


def _keys(stored: StoredSweep, point: int) -> tuple[float, ...]:
    row = next(row for row in stored.table.rows if row.point == point)
    return tuple(float(getattr(row.metrics, entry.metric)) for entry in stored.info.objectives)


def cell(value: Scalar) -> str:
    """A value for the eye; the files hold it exactly."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
