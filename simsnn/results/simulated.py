"""One program of a pipeline and how it ran: its jobs in time, its period."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simsnn.mapping.pipeline_graph import PipelineGraph
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.replay import Replay
from simsnn.sim.bounds import Bounds
from simsnn.sim.execution import Execution
from simsnn.sim.iteration_times import IterationTimes, iteration_times
from simsnn.sim.steady_state import ABSENT, NotSteady, Period, SteadyState, find_steady_state

SPANS = (6, 12)
"""Iterations over which a pace is taken: whole periods of one, two, three and six; also of four."""
EVEN = 0.002
"""How much they may differ."""


@dataclass(frozen=True)
class SimulatedProgram:
    """One program and how it ran."""

    program: PipelineProgram
    graph: PipelineGraph
    execution: Execution
    bounds: Bounds

    @cached_property
    def by_iteration(self) -> IterationTimes:
        """When everything of each iteration happened."""
        places: dict[tuple[int, int, int], int] = {}
        iteration, place = [], []
        for number, job in enumerate(self.graph.jobs):
            for index in range(len(self.graph.span(number))):
                key = (job.task, job.micro_batch, index)
                place.append(places.setdefault(key, len(places)))
                iteration.append(job.iteration)
        return iteration_times(self.graph.graph, self.execution, iteration, place)

    @cached_property
    def steady(self) -> SteadyState | NotSteady:
        """How the run repeats itself, or how many more iterations to look at."""
        found = self.by_iteration
        return find_steady_state(found.times, self.reach, found.quiet)

    @property
    def period(self) -> Period | None:
        """Its exact period, if the run shows one."""
        return self.steady.period if isinstance(self.steady, SteadyState) else None

    @property
    def reach(self) -> int:
        """Iterations that a job may look back or ahead: offsets, delays and buffers."""
        program = self.program
        slots = max(self.graph.graph.load_slots)
        return 1 + max(program.offsets or (0,)) + max(program.staleness, default=0) + slots

    @property
    def settled(self) -> bool:
        """Whether ``pace`` rests on an exact period or on even events, and not on the ends of iterations alone."""
        return self.period is not None or self._slowest_even is not None

    @cached_property
    def pace(self) -> Fraction:
        """Cycles per iteration: of the exact period, else of the slowest even events before the drain.

        An event is even if it takes the same (within ``EVEN``) for a span of iterations, four times in a row. What
        limits a run is so from early on; events that still drift are left out, and so are the ends of
        iterations, which come closer together for as long as the filling of the pipeline hides what limits it.
        Where fewer than half of the events are even yet, the ends are what there is.
        """
        if self.period is not None:
            return Fraction(self.period.cycles, self.period.iterations)
        if self._slowest_even is not None:
            return self._slowest_even
        last = self._last_before_drain
        if last < SPANS[0]:
            return Fraction(self.execution.makespan_cycles, self.program.iterations)
        ends = self.by_iteration.times.max(axis=1)
        return Fraction(int(ends[last] - ends[last - SPANS[0]]), SPANS[0])

    @property
    def more_iterations(self) -> int:
        """How many more would show a pace at least."""
        return max(SPANS[0], SPANS[0] + 3 - self._last_before_drain)

    @property
    def _last_before_drain(self) -> int:
        return self.program.iterations - 2 - max(self.program.offsets or (0,))

    @cached_property
    def _slowest_even(self) -> Fraction | None:
        """Cycles per iteration of the slowest even event; None unless half of the events are even over some span."""
        return next((pace for span in SPANS if (pace := self._even_over(span)) is not None), None)

    def _even_over(self, span: int) -> Fraction | None:
        times, last = self.by_iteration.times, self._last_before_drain
        if last < span + 3:
            return None
        times = times[:, (times[: last + 1] != ABSENT).all(axis=0)]
        taken = np.stack([times[last - back] - times[last - back - span] for back in range(4)])
        taken = taken[:, taken.min(axis=0) > 0]
        even = taken.max(axis=0) - taken.min(axis=0) <= EVEN * taken.max(axis=0)
        return Fraction(int(taken[0][even].max()), span) if 2 * even.sum() > max(1, even.size) else None

    @property
    def rank(self) -> tuple[Fraction, int]:
        """What is kept has the least: cycles per iteration, then the makespan."""
        return self.pace, self.execution.makespan_cycles

    @cached_property
    def begins(self) -> NDArray[np.int64]:
        """When each task had what its first chunk needs, int64, shape (tasks,).

        A task starts when its engine is free for it; it may then still wait for its producer's first chunk.
        """
        moments = self.execution.moments
        first = moments["chunk"] == 0
        found: NDArray[np.int64] = moments["ready"][first]
        return found

    @cached_property
    def replay(self) -> Replay:
        """When its jobs ran; one without operations (B of a first layer whose neuron is another's) at cycle 0."""
        program = self.program
        size = len(program.assignment) * program.iterations * program.micro_batches
        found = Replay(
            [-1] * size, [-1] * size, self.execution.makespan_cycles, (), program.iterations, program.micro_batches
        )
        for number, job in enumerate(self.graph.jobs):
            span, place = self.graph.span(number), found.position(job)
            found.start[place] = int(self.begins[span.start : span.stop].min()) if len(span) else 0
            found.end[place] = max((self.execution.tasks[task].done for task in span), default=0)
        return found
