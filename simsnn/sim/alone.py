"""Tasks with all operands present: the closed form of a plan, chunk by chunk.

``advance`` with ``ready = 0`` throughout does not depend on when a task runs, so tasks that share a
plan (micro-batches, iterations) are worked out once. Frozen edges of a slow SRAM port are included
(see ``task_run``).

Tests: ``tests/property/test_sim_bounds.py``, ``tests/unit/test_critical_path.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import CycleBreakdown
from simsnn.schedule.graph import Task
from simsnn.sim.execution import Stalls
from simsnn.sim.task_run import TaskRun
from simsnn.sim.wait import Wait


@dataclass(frozen=True, slots=True)
class Alone:
    """One task whose time origin is 0 and that waits for nothing.

    Parameters
    ----------
    issue_ends, result_ends : tuple of int, per chunk
        Moments of its chunks.
    end : int
        Its last result.
    serial : int
        The same task if every chunk waits for the last result of the chunk before it.
    cycles, stalls : CycleBreakdown, Stalls
        Parts, and their stalls: frozen edges alone.
    """

    issue_ends: tuple[int, ...]
    result_ends: tuple[int, ...]
    end: int
    serial: int
    cycles: CycleBreakdown
    stalls: Stalls


class AloneTasks:
    """Closed forms of the tasks of one graph, each kind worked out when first asked for."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # By the identity of the plan, which the graph keeps alive; equal plans may be found twice.
        self._known: dict[tuple[int, int, tuple[int, ...]], Alone] = {}

    def of(self, task: Task) -> Alone:
        """Closed form of a task.

        Raises
        ------
        ModelDisagreement
            If its plan breaks its contract.
        """
        key = (id(task.plan), task.slowdown, task.issues)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _alone(task)
        return found


def _alone(task: Task) -> Alone:
    wait = Wait()
    run = TaskRun(task, 0, 0, wait)
    moments = [run.advance(chunk, wait) for chunk in range(len(task.chunks))]
    record = run.record(run.end)
    issue_ends, result_ends = zip(*moments, strict=True)
    return Alone(issue_ends, result_ends, run.end, _serial(task), record.cycles, record.stalls)


def _serial(task: Task) -> int:
    state, end = task.plan.start(), 0
    for chunk in range(len(task.chunks)):
        end = int(task.plan.advance(state, chunk, end)[1])
    return end + (task.slowdown - 1) * sum(task.issues)
