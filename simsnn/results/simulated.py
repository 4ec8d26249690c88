"""One program of a pipeline and how it ran: its jobs in time, its period."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simsnn.mapping.pipeline_graph import PipelineGraph
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.schedule.replay import Replay
from simsnn.sim.bounds import Bounds
from simsnn.sim.execution import Execution
from simsnn.sim.steady_state import Period, find_period


@dataclass(frozen=True)
class SimulatedProgram:
    """One program and how it ran."""

    program: PipelineProgram
    graph: PipelineGraph
    execution: Execution
    bounds: Bounds

    @cached_property
    def period(self) -> Period | None:
        """Its exact period, if the run shows one."""
        return find_period(self.times, self.reach)

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """Start, end and done of every task and arrivals of every message, int64, shape (iterations, events).

        -1 stands for messages that the last iterations no longer send, as nobody would read them.
        """
        events: dict[tuple[int, int, str, int], NDArray[np.int64]] = {}
        makers: dict[int, Job] = {}
        for number, job in enumerate(self.graph.jobs):
            for place, task in enumerate(self.graph.span(number)):
                makers[task], record = job, self.execution.tasks[task]
                for name, time in (("start", record.start), ("end", record.end), ("done", record.done)):
                    self._column(events, (job.task, job.micro_batch, name, place))[job.iteration] = time
        arrivals = zip(self.graph.graph.messages, self.execution.messages, self.graph.tensors, strict=True)
        for message, arrival, tensor in arrivals:
            job = makers[message.after]
            for processor, time in zip(message.destinations, arrival.arrived, strict=True):
                self._column(events, (job.task, job.micro_batch, tensor, processor))[job.iteration] = time
        return np.stack([events[key] for key in sorted(events)], axis=1)

    def _column(
        self, events: dict[tuple[int, int, str, int], NDArray[np.int64]], key: tuple[int, int, str, int]
    ) -> NDArray[np.int64]:
        if key not in events:
            events[key] = np.full(self.program.iterations, -1, np.int64)
        return events[key]

    @property
    def reach(self) -> int:
        """Iterations that are under way at once."""
        offsets = self.program.offsets
        return 1 + (max(offsets) if offsets else 0)

    @cached_property
    def pace(self) -> Fraction:
        """Cycles per iteration: of the exact period, else the mean over the last half of the run's iterations."""
        if self.period is not None:
            return Fraction(self.period.cycles, self.period.iterations)
        ends = self.times.max(axis=1)
        first, last = self.program.iterations // 2, self.program.iterations - 1
        if last - first < 1:
            return Fraction(self.execution.makespan_cycles, self.program.iterations)
        return Fraction(int(ends[last] - ends[first]), last - first)

    @property
    def rank(self) -> tuple[Fraction, int]:
        """What is kept has the least: cycles per iteration, then the makespan."""
        return self.pace, self.execution.makespan_cycles

    @cached_property
    def replay(self) -> Replay:
        """When its jobs ran."""
        program = self.program
        size = len(program.assignment) * program.iterations * program.micro_batches
        found = Replay(
            [-1] * size, [-1] * size, self.execution.makespan_cycles, (), program.iterations, program.micro_batches
        )
        for number, job in enumerate(self.graph.jobs):
            records = [self.execution.tasks[task] for task in self.graph.span(number)]
            found.start[found.position(job)] = min((r.start for r in records), default=0)
            found.end[found.position(job)] = max((r.done for r in records), default=0)
        return found
