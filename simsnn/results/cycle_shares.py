"""To which layer and pass each cycle of a run belongs, so that the parts add up to the run.

Engines work side by side, so cycles of tasks add up to more than the run takes. Here a cycle in which tasks of n rows
(layer and pass) are under way counts 1/n for each of them, and one without any task for none: that is fair between
rows, depends on no order, and adds up. Sums are exact fractions, rounded to whole cycles by largest remainder. Of a
pipelined run the jobs are what is under way. Tests: ``tests/unit/test_waterfall.py``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from simsnn.results.report import Report

Key = tuple[str, str]
"""Layer and pass."""


@dataclass(frozen=True, slots=True)
class CycleShares:
    """Whole cycles of every layer and pass, and those in which no task was under way; together the run."""

    rows: dict[Key, int]
    no_task: int


def spans(report: Report) -> Iterator[tuple[Key, int, int]]:
    """What was under way from when to when: tasks, or jobs of a pipelined run; cut at the end of the run."""
    end = report.totals.total_cycles
    if report.pipeline is not None and report.pipeline.jobs:
        jobs = report.pipeline.jobs
        found: list[tuple[Key, int, int]] = [((job.layer, job.pass_), job.start_cycle, job.end_cycle) for job in jobs]
    else:
        found = [((task.layer, task.pass_), task.start_cycle, task.end_cycle) for task in report.tasks]
    for key, start, stop in found:
        if min(stop, end) > max(start, 0):
            yield key, max(start, 0), min(stop, end)


def cycle_shares(report: Report) -> CycleShares:
    """Share out the cycles of a run.

    Parameters
    ----------
    report : Report
        A run's result, of any level and machine.
    """
    changes: dict[int, list[tuple[Key, int]]] = defaultdict(list)
    for key, start, stop in spans(report):
        changes[start].append((key, 1))
        changes[stop].append((key, -1))
    shared: dict[Key, Counter[int]] = defaultdict(Counter)
    under_way: Counter[Key] = Counter()
    covered, last = 0, 0
    for now in sorted(changes):
        if under_way:
            covered += now - last
            for key in under_way:
                shared[key][len(under_way)] += now - last
        for key, step in changes[now]:
            under_way[key] += step
            if not under_way[key]:
                del under_way[key]
        last = now
    exact = {key: sum((Fraction(length, n) for n, length in own.items()), Fraction()) for key, own in shared.items()}
    return CycleShares(_whole(exact, covered), report.totals.total_cycles - covered)


def _whole(exact: dict[Key, Fraction], total: int) -> dict[Key, int]:
    """Whole numbers next to fractions that add up to a whole total: what is left goes to the largest remainders."""
    found = {key: int(value) for key, value in exact.items()}
    order = sorted(exact, key=lambda key: (found[key] - exact[key], key))
    for key in order[: total - sum(found.values())]:
        found[key] += 1
    return found
