"""What each engine of the machine did in a run: busy, idle, stalled, what it noticed, what it cost.

An engine is *busy* in the cycles of its tasks that are not stall (group-cycles of engines with
parallel groups divided by the groups), *stalled* where a task of its waits for the outside, *idle*
between its tasks; the three add up to the run. Proof: ``tests/unit/test_engine_summary.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from simsnn.costs import Observed
from simsnn.results.grouping import STALL_CAUSES
from simsnn.results.report import Report, TaskRow


@dataclass(frozen=True)
class EngineSummary:
    """One engine over the whole run.

    Parameters
    ----------
    name, kind : str
        As in the hardware file.
    total_cycles : int
        Cycles of the run.
    tasks : tuple of TaskRow
        Its tasks.
    area_um2 : float or None
        Its area, where the report has it by component.
    """

    name: str
    kind: str
    total_cycles: int
    tasks: tuple[TaskRow, ...]
    area_um2: float | None = None

    @property
    def stall_cycles(self) -> float:
        """Cycles of its tasks in which it waited for the outside."""
        return sum(task.parts.stall / task.groups for task in self.tasks)

    @property
    def busy_cycles(self) -> float:
        """Cycles of its tasks in which it did not wait for the outside."""
        return sum(task.cycles for task in self.tasks) - self.stall_cycles

    @property
    def idle_cycles(self) -> int:
        """Cycles in which it had no task."""
        return self.total_cycles - sum(task.cycles for task in self.tasks)

    def stalled_by(self, cause: str) -> float:
        """Stall cycles of one cause."""
        return sum(int(getattr(task.stalls, cause)) / task.groups for task in self.tasks)

    @property
    def causes(self) -> tuple[tuple[str, float], ...]:
        """Causes that stalled it, largest first."""
        found = [(cause, self.stalled_by(cause)) for cause in STALL_CAUSES]
        return tuple(sorted(((c, n) for c, n in found if n), key=lambda entry: -entry[1]))

    def part_cycles(self, part: str) -> float:
        """Cycles of one part over its tasks."""
        return sum(int(getattr(task.parts, part)) / task.groups for task in self.tasks)

    def observed(self, what: Observed) -> int:
        """Sum of an observation over its tasks."""
        return sum(task.observations.get(what.value, 0) for task in self.tasks)

    @cached_property
    def observes(self) -> bool:
        """Whether the engine reports anything besides cycles and actions."""
        return any(task.observations for task in self.tasks)

    @property
    def dynamic_energy_pj(self) -> float:
        """Energy of its tasks: the engine itself and the memories it used."""
        return sum(task.total_energy_pj for task in self.tasks)

    @property
    def energy_by_component(self) -> tuple[tuple[str, float], ...]:
        """Energy of its tasks by component, largest first."""
        names = dict.fromkeys(name for task in self.tasks for name in task.energy_pj)
        sums = [(name, sum(task.energy_pj.get(name, 0.0) for task in self.tasks)) for name in names]
        return tuple(sorted(sums, key=lambda entry: -entry[1]))


def _rank(name: str, processors: dict[str, int]) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Place of the engine's processor, then its name, in which numbers count as such: array2 before array10."""
    processor, _, engine = name.rpartition(".")
    words = tuple((word, int(number or 0)) for word, number in re.findall(r"(\D+)(\d*)", engine))
    return processors.get(processor, len(processors)), words


def engine_summaries(report: Report) -> tuple[EngineSummary, ...]:
    """Every engine that had a task, in order of first appearance; of a pipelined run by processor, then by name."""
    names = list(dict.fromkeys((task.array, task.engine) for task in report.tasks))
    if report.pipeline is not None:
        order = {row.name: number for number, row in enumerate(report.pipeline.processors)}
        names.sort(key=lambda pair: _rank(pair[0], order))
    areas = {row.component: 0.0 for row in report.area}
    for row in report.area:
        areas[row.component] += row.um2
    return tuple(
        EngineSummary(
            name,
            kind,
            report.totals.total_cycles,
            tuple(task for task in report.tasks if task.array == name),
            areas.get(name),
        )
        for name, kind in names
    )
