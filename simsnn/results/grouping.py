"""Tasks of a report put together into rows: by layer, pass and part, or coarser where rows are many.

Whatever the grouping, every task is in exactly one group, so cycles and energy of the groups add
up to those of the tasks. Proof: ``tests/unit/test_terminal.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum

from simsnn.results.report import Parts, Report, TaskRow
from simsnn.results.stalls import Stalls

WORK_PARTS = tuple(name for name in Parts.model_fields if name != "stall")
"""Parts of a task's cycles that are not waiting."""

STALL_CAUSES = tuple(Stalls.model_fields)
"""Causes of the stall part."""

PASS_ORDER = "FBWUIR"


class Grouping(Enum):
    """How finely tasks are put into rows, finest first."""

    PART = "layer, pass and part"
    PASS = "layer and pass"
    HOST_PASS = "weight layer and pass"
    LAYER = "layer"
    HOST = "weight layer"


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that share a row, in the order of the report.

    ``host`` is the layer that names the row where layers without weights joined the one before them.
    """

    tasks: tuple[TaskRow, ...]
    host: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of the tasks, the host first."""
        return tuple(dict.fromkeys((self.host, *(task.layer for task in self.tasks))))

    @property
    def passes(self) -> str:
        """Letters of the passes, in the order F B W U I R."""
        found = {task.pass_ for task in self.tasks}
        return "".join(letter for letter in PASS_ORDER if letter in found)

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts in order of first appearance."""
        return tuple(dict.fromkeys(task.part for task in self.tasks))

    @property
    def arrays(self) -> tuple[str, ...]:
        """Engines by name, the one with most cycles first."""
        return self._by_cycles(tuple(task.array for task in self.tasks))

    @property
    def binds(self) -> str:
        """What binds most of the cycles."""
        return self._by_cycles(tuple(task.binds for task in self.tasks))[0]

    def _by_cycles(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        total: dict[str, int] = {}
        for key, task in zip(keys, self.tasks, strict=True):
            total[key] = total.get(key, 0) + task.cycles
        return tuple(sorted(total, key=lambda key: -total[key]))

    @property
    def cycles(self) -> int:
        """Cycles of all tasks, one after another."""
        return sum(task.cycles for task in self.tasks)

    @property
    def energy_pj(self) -> float:
        """Energy of the counted actions, leakage left out."""
        return sum(task.total_energy_pj for task in self.tasks)

    @property
    def utilisation(self) -> float:
        """Mean over the cycles."""
        weighted = sum(task.utilisation * task.cycles for task in self.tasks)
        return weighted / self.cycles if self.cycles else 0.0

    def part_cycles(self, part: str) -> float:
        """Cycles of one part; group-cycles of engines with parallel groups count as a share of a cycle."""
        return sum(int(getattr(task.parts, part)) / task.groups for task in self.tasks)

    def stall_cycles(self, cause: str) -> float:
        """Cycles of one stall cause, scaled as ``part_cycles``."""
        return sum(int(getattr(task.stalls, cause)) / task.groups for task in self.tasks)

    def component_pj(self, component: str) -> float:
        """Energy of one component."""
        return sum(task.energy_pj.get(component, 0.0) for task in self.tasks)


def group_tasks(report: Report, grouping: Grouping) -> tuple[Group, ...]:
    """Put the tasks of a report into groups, in order of first appearance."""
    hosts = _hosts(report)

    def key(task: TaskRow) -> Hashable:
        host = hosts[task.layer]
        return {
            Grouping.PART: (task.layer, task.pass_, task.part),
            Grouping.PASS: (task.layer, task.pass_),
            Grouping.HOST_PASS: (host, task.pass_),
            Grouping.LAYER: task.layer,
            Grouping.HOST: host,
        }[grouping]

    joined = grouping in (Grouping.HOST_PASS, Grouping.HOST)
    return tuple(
        Group(tasks, hosts[tasks[0].layer] if joined else tasks[0].layer) for tasks in _collect(report.tasks, key)
    )


def _collect(tasks: tuple[TaskRow, ...], key: Callable[[TaskRow], Hashable]) -> tuple[tuple[TaskRow, ...], ...]:
    groups: dict[Hashable, list[TaskRow]] = {}
    for task in tasks:
        groups.setdefault(key(task), []).append(task)
    return tuple(map(tuple, groups.values()))


def _hosts(report: Report) -> dict[str, str]:
    """Weight layer in front of every layer: itself, or for one without weights the last before it.

    Layers stand in the order in which they first appear; what comes before any weight layer keeps
    its own name.
    """
    weighted = {task.layer for task in report.tasks if task.part == "synapse"}
    hosts: dict[str, str] = {}
    last: str | None = None
    for layer in dict.fromkeys(task.layer for task in report.tasks):
        last = layer if layer in weighted else last
        hosts[layer] = last or layer
    return hosts


def at_most(groups: tuple[Group, ...], rows: int) -> tuple[tuple[Group, ...], Group | None]:
    """Keep the groups with most cycles, in their order, and put the others into one more group.

    Returns
    -------
    kept, rest : tuple of Group, Group or None
        Together at most ``rows`` groups (``rows`` >= 2) that hold every task; ``rest`` is None
        where all fit.
    """
    if len(groups) <= rows:
        return groups, None
    order = sorted(range(len(groups)), key=lambda index: (-groups[index].cycles, index))
    keep = set(order[: rows - 1])
    others = tuple(group for index, group in enumerate(groups) if index not in keep)
    tasks = tuple(task for group in others for task in group.tasks)
    kept = tuple(group for index, group in enumerate(groups) if index in keep)
    return kept, Group(tasks, f"{len(others)} others")
