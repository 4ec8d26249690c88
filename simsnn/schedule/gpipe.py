"""GPipe: contiguous stages, all forward passes of the micro-batches, then all backward passes, then U.

Batches are flushed, so weights are never stale; every stage keeps what the forward passes of all m
micro-batches leave. For S equal stages the makespan is ``formulas.flush_makespan``.

The backward passes run in the order of the forward passes, because the weight gradients of a batch
are summed in micro-batch order. The reverse order takes equally long: when the last stage starts its
first backward pass, all forward passes are done, and micro-batches differ in nothing from there on.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simsnn.schedule.pipelined import MicroBatches, PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram
from simsnn.schedule.stages import Stage, flushed_program
from simsnn.schedule.step_graph import StepGraph


class GPipe(PipelinedModel):
    """Schedule ``gpipe``: stages by the optimal contiguous partition, ``micro_batches`` per batch."""

    kind: Literal["gpipe"] = "gpipe"
    micro_batches: MicroBatches = 4

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:  # noqa: ARG002
        """The one program; ConfigError if there are more processors than layers."""
        return (flushed_program(step, self.kind, self.iterations, self.micro_batches, self._jobs),)

    def _jobs(self, stage: Stage) -> tuple[Job, ...]:
        found: list[Job] = []
        for n in range(self.iterations):
            for j in range(self.micro_batches):
                found += stage.forward(n, j)
            for j in range(self.micro_batches):
                found += stage.backward(n, j, self.micro_batches)
        return tuple(found)
