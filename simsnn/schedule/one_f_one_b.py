"""1F1B with flush: contiguous stages, one backward pass after each forward pass once the pipeline is full.

Stage s of S runs min(S - s, m) forward passes, then one backward and one forward pass in turn, then
what is left, then U. Weights are never stale. For S equal stages it takes as long as GPipe
(``formulas.flush_makespan``) and keeps min(S - s, m) instead of m copies of what the forward pass leaves.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simsnn.schedule.partition import layer_cuts
from simsnn.schedule.pipelined import MicroBatches, PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram
from simsnn.schedule.stages import Stage, staged_program, stages_of
from simsnn.schedule.step_graph import StepGraph


class OneFOneB(PipelinedModel):
    """Schedule ``one_f_one_b``: stages by the optimal contiguous partition, ``micro_batches`` per batch."""

    kind: Literal["one_f_one_b"] = "one_f_one_b"
    micro_batches: MicroBatches = 4

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:  # noqa: ARG002
        """The one program; ConfigError if there are more processors than layers."""
        stages = stages_of(step, layer_cuts(step, self.kind, self.micro_batches))
        order = tuple(self._jobs(stage) for stage in stages)
        return (
            staged_program(
                step, self.kind, stages, order, iterations=self.iterations, micro_batches=self.micro_batches
            ),
        )

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
