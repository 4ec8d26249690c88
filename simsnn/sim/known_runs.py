"""Runs of plans that several tasks share: what the same plan does after the same moments is found once.

What a plan does next is a function of its recurrence state, and that of the moments at which its chunks so far
were ready. Micro-batches and iterations run one plan again and again, mostly after the same moments, so the states
reached form a small tree. Plans of one task, and of many chunks, gain nothing and are left out.

Tests: ``tests/unit/test_known_runs.py``.
"""

from __future__ import annotations

from collections import Counter

from simsnn.costs import CycleBreakdown
from simsnn.engines.base import Plan, State
from simsnn.schedule.graph import Task

MOST_CHUNKS = 16
"""Of a task whose states are kept."""


class Reached:
    """State of a plan after some chunks, and where it has gone from there.

    Parameters
    ----------
    plan : Plan
        What runs.
    state : State
        Never changed again.
    """

    __slots__ = ("_next", "_parts", "_plan", "_state")

    def __init__(self, plan: Plan, state: State) -> None:
        self._plan = plan
        self._state = state
        self._parts: CycleBreakdown | None = None
        self._next: dict[int, tuple[Reached, int, int]] = {}

    def advance(self, chunk: int, ready: int) -> tuple[Reached, int, int]:
        """State after the next chunk, its issue_end and result_end; see ``Plan.advance``."""
        found = self._next.get(ready)
        if found is None:
            state = self._state.copy()
            issue_end, result_end = self._plan.advance(state, chunk, ready)
            found = self._next[ready] = Reached(self._plan, state), int(issue_end), int(result_end)
        return found

    @property
    def parts(self) -> CycleBreakdown:
        """Parts of all cycles so far."""
        if self._parts is None:
            self._parts = self._plan.parts(self._state)
        return self._parts


class KnownRuns:
    """States reached by the tasks of one run.

    Parameters
    ----------
    tasks : tuple of Task
        All of them.
    """

    __slots__ = ("_begun", "_shared")

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        # By the identity of the plan, which the tasks keep alive.
        uses = Counter([id(task.plan) for task in tasks])
        self._shared = {plan for plan, count in uses.items() if count > 1}
        self._begun: dict[int, Reached] = {}

    def begin(self, task: Task) -> Reached | None:
        """State before the first chunk of a task; None where no other task runs its plan."""
        key = id(task.plan)
        if key not in self._shared or len(task.chunks) > MOST_CHUNKS:
            return None
        found = self._begun.get(key)
        if found is None:
            found = self._begun[key] = Reached(task.plan, task.plan.start())
        return found
