"""1F1B with flush: contiguous stages, one backward pass after each forward pass once the pipeline is full.

Stage s of S runs min(S - s, m) forward passes, then one backward and one forward pass in turn, then
what is left, then U. Weights are never stale. For S equal stages it takes as long as GPipe
(``formulas.flush_makespan``) and keeps min(S - s, m) instead of m copies of what the forward pass leaves.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simsnn.schedule.pipelined import MicroBatches, PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram
from simsnn.schedule.stages import Stage, flushed_program
from simsnn.schedule.step_graph import StepGraph


class OneFOneB(PipelinedModel):
    """Schedule ``one_f_one_b``: stages by the optimal contiguous partition, ``micro_batches`` per batch."""

    kind: Literal["one_f_one_b"] = "one_f_one_b"
    micro_batches: MicroBatches = 4

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:  # noqa: ARG002
        """The one program; ConfigError if there are more processors than layers."""
        return (flushed_program(step, self.kind, self.iterations, self.micro_batches, self._jobs),)

    def _jobs(self, stage: Stage) -> tuple[Job, ...]:
        found: list[Job] = []
        ahead = min(stage.behind + 1, self.micro_batches)
        for n in range(self.iterations):
            for j in range(ahead):
                found += stage.forward(n, j)
            for j in range(self.micro_batches):
                found += stage.backward(n, j, self.micro_batches)
                if ahead + j < self.micro_batches:
                    found += stage.forward(n, ahead + j)
        return tuple(found)
