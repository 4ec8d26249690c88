"""Sequential training: everything on the first processor, in program order.

The reference of every speed-up: N (m (F + B + W) + U) cycles, no weight version but the newest, one
copy of what the forward pass leaves. Further processors stay idle.
"""

from __future__ import annotations

from itertools import chain
from typing import ClassVar, Literal

from simsnn.schedule.pipelined import MicroBatches, PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram
from simsnn.schedule.stages import staged_program, stages_of
from simsnn.schedule.step_graph import StepGraph


class Sequential(PipelinedModel):
    """Schedule ``sequential``: one processor, ``micro_batches`` one after another."""

    kind: Literal["sequential"] = "sequential"
    micro_batches: MicroBatches = 1

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:  # noqa: ARG002
        """The one program."""
        stages = stages_of(step, (0,))
        once = [self._iteration(step, n) for n in range(self.iterations)]
        order = (tuple(chain(*once)), *((),) * (step.processors - 1))
        return (
            staged_program(
                step, self.kind, stages, order, iterations=self.iterations, micro_batches=self.micro_batches
            ),
        )

    def _iteration(self, step: StepGraph, iteration: int) -> tuple[Job, ...]:
        """Program order once per micro-batch; U with the last."""
        updates = {layer.update for layer in step.layers}
        last = self.micro_batches - 1
        return tuple(
            Job(task.id, iteration, 0 if task.id in updates else j)
            for j in range(self.micro_batches)
            for task in step.tasks
            if j == last or task.id not in updates
        )
