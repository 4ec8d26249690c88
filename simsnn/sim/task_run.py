"""One task while it runs: engine time, frozen edges and stalls.

Engine time starts at 0 at the task's origin t0 and does not move while a slow SRAM port freezes
the engine (docs/machines section 7). With slowdown rho every issue edge is followed by rho - 1
frozen edges; those of a chunk are booked together at the end of its issues. With f_c = (rho - 1) *
(issues of chunks 0..c-1) the frozen edges before chunk c, engine time x of chunk c is real time

    t0 + f_c + x         up to its issue_end,
    t0 + f_(c+1) + x     for its issue_end and its result_end.

While a chunk is frozen the engine's clock stands still at its issue_end. A moment y of real time is
therefore the engine time

    max over j = 0..c of min(y - t0 - f_j, issue_end_j),  not below 0, without the min for j = c.

A result that is under way while a later chunk is frozen is not held back; the end of the task is, to
the end of all frozen edges. Without waits a task takes total + (rho - 1) * issues cycles; the frozen edges are its
``sram_bank`` stall.

Tests: ``tests/unit/test_executor_slowdown.py``, ``tests/property/test_sim_twin.py``.
"""

from __future__ import annotations

from simsnn.costs import CycleBreakdown
from simsnn.errors import ModelDisagreement
from simsnn.schedule.graph import Task
from simsnn.sim.execution import Stalls, TaskRecord
from simsnn.sim.known_runs import Reached
from simsnn.sim.wait import SRAM_BANK, Wait, idle_cycles

_CAUSES = len(Stalls.__dataclass_fields__)
_NONE = Stalls()


class TaskRun:
    """Recurrence state of one task and the cycles booked so far.

    Parameters
    ----------
    task : Task
        What runs.
    free : int
        End of the engine's previous task.
    after_done : int
        When the last of the tasks before it was done.
    wait : Wait
        Of its first chunk, with its arrivals.
    known : Reached or None
        State of its plan before the first chunk, where other tasks run the same plan.

    Attributes
    ----------
    origin : int
        t0 = max(free, after_done, last arrival), in real cycles.
    end : int
        Last result so far, in real cycles.
    stall_cycles, frozen_cycles : int
        Cycles waited (group-cycles rounded down) and cycles frozen so far; they do not overlap.
    """

    __slots__ = (
        "_freezes",
        "_idle",
        "_known",
        "_monotone",
        "_plan",
        "_result_end",
        "_stall",
        "_state",
        "causes",
        "end",
        "frozen_cycles",
        "origin",
        "stall_cycles",
        "task",
    )

    def __init__(self, task: Task, free: int, after_done: int, wait: Wait, known: Reached | None = None) -> None:
        self.task = task
        self.origin = self.end = max(free, after_done, wait.arrival)
        self._idle = idle_cycles(free, after_done, wait)
        self.causes = [0] * _CAUSES
        self._plan = task.plan
        self._monotone = bool(getattr(task.plan, "monotone", True))
        self._known = known
        self._state = task.plan.start() if known is None else None
        self.frozen_cycles = 0
        # Per chunk so far, if the engine is slowed down: frozen edges before it, its issue_end.
        self._freezes: list[tuple[int, int]] = []
        self._result_end = 0
        self._stall = 0
        self.stall_cycles = 0

    def advance(self, chunk: int, wait: Wait) -> tuple[int, int]:
        """Run one chunk; return its issue_end and result_end in real cycles.

        Raises
        ------
        ModelDisagreement
            If the plan breaks its contract: an issue or a result before ready.
        """
        ready = wait.load
        if wait.edge > ready:
            ready = wait.edge
        if wait.output_slot > ready:
            ready = wait.output_slot
        inside = ready - self.origin
        if self._freezes:
            inside = self._engine_time(inside)
        if inside < 0:
            inside = 0
        issue_end, result_end = self._run(chunk, inside)
        # The last-index convention may put a result one cycle before the end of its issue.
        if inside > issue_end or inside > result_end:
            raise ModelDisagreement(
                f"chunk {chunk} of task {self.task.id} is ready at {inside} but issues until {issue_end}"
                f" and has its result at {result_end} cycles"
            )
        if inside or not self._monotone:  # a dynamic queue may pay for an earlier chunk's lateness now
            self._book_stall(chunk, wait)
        if result_end > self._result_end:
            self._result_end = result_end
        if self.task.slowdown > 1:
            self._freezes.append((self.frozen_cycles, issue_end))
            self.frozen_cycles += (self.task.slowdown - 1) * self.task.issues[chunk]
        offset = self.origin + self.frozen_cycles
        self.end = offset + self._result_end
        return offset + issue_end, offset + result_end

    def _run(self, chunk: int, inside: int) -> tuple[int, int]:
        if self._known is not None:
            self._known, issue_end, result_end = self._known.advance(chunk, inside)
            return issue_end, result_end
        assert self._state is not None
        ends = self._plan.advance(self._state, chunk, inside)
        return int(ends[0]), int(ends[1])

    def _parts(self) -> CycleBreakdown:
        if self._known is not None:
            return self._known.parts
        assert self._state is not None
        return self._plan.parts(self._state)

    def _engine_time(self, elapsed: int) -> int:
        """Engine time ``elapsed`` real cycles after the origin."""
        inside = elapsed - self.frozen_cycles
        for frozen, issue_end in reversed(self._freezes):
            if inside >= issue_end:
                break
            inside = min(elapsed - frozen, issue_end)
        return inside

    def _book_stall(self, chunk: int, wait: Wait) -> None:
        parts = self._parts()
        added = int(parts.stall) - self._stall
        if added < 0:
            raise ModelDisagreement(f"chunk {chunk} of task {self.task.id} takes back {-added} stall cycles")
        self._stall += added
        self.stall_cycles = self._stall // parts.groups
        if added:
            wait.blame(added, parts.groups, self.causes)

    def record(self, done: int) -> TaskRecord:
        """Close the task, whose last store is complete at ``done``.

        Raises
        ------
        ModelDisagreement
            If the plan's parts do not add up to its last result_end, or it stalled unasked.
        """
        parts = self._parts()
        if parts.accounted != parts.groups * self._result_end:
            raise ModelDisagreement(
                f"parts of task {self.task.id} add up to {parts.accounted} group-cycles,"
                f" not {parts.groups} x {self._result_end}"
            )
        if parts.stall != self._stall:
            raise ModelDisagreement(
                f"task {self.task.id} has {parts.stall} stall cycles but waited for {self._stall} of them"
            )
        frozen = parts.groups * self.frozen_cycles
        self.causes[SRAM_BANK] = frozen
        cycles = parts + CycleBreakdown(stall=frozen, groups=parts.groups) if frozen else parts
        stalls = Stalls(*self.causes) if any(self.causes) else _NONE
        return TaskRecord(self.task.id, self.origin, self.end, done, cycles, stalls, self.idle)

    @property
    def idle(self) -> Stalls:
        """Cycles for which the engine stood empty before the task."""
        dependency, link = self._idle
        return Stalls(dependency=dependency, link=link) if dependency or link else _NONE
