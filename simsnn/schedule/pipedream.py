"""PipeDream: contiguous stages, no flush, old weights kept for the iterations on their way.

With S(l) stages behind the stage of layer l, F of iteration n reads weights that are D(l) updates old:

* ``convention: one_f_one_b``: D = S(l). Stage s of S runs S - s forward passes before its first backward
  pass, then one of each in turn, forward and backward pass in one period.
* ``convention: retimed``: D = 2 S(l). Every hop between stages takes one whole period, forward and
  backward; delays come from :mod:`simsnn.schedule.periodic`, not from this formula.

D + 1 copies of what the forward pass leaves are kept, and D + 1 versions of the weights; of the first layer's
one, since its backward pass has no product that would read an old one. With
``weights: stashed`` the backward pass reads the version that the forward pass of its iteration read,
with ``latest`` the newest. Links aside, an iteration takes as long as its slowest stage.
Tests: tests/unit/test_schedule_formulas.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.schedule.partition import layer_cuts
from simsnn.schedule.periodic import Hop, derive_offsets, stage_assignment, unroll
from simsnn.schedule.pipelined import PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, Weights
from simsnn.schedule.stages import Stage, staged_program, stages_of
from simsnn.schedule.step_graph import StepGraph


class PipeDream(PipelinedModel):
    """Schedule ``pipedream``: stages by the optimal contiguous partition, one micro-batch per iteration."""

    kind: Literal["pipedream"] = "pipedream"
    micro_batches: Literal[1] = 1
    convention: Literal["one_f_one_b", "retimed"] = "one_f_one_b"
    weights: Annotated[Weights, Field(strict=False)] = Weights.STASHED

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:
        """The one program; ConfigError if there are more processors than layers."""
        cuts = layer_cuts(step, self.kind)
        if self.convention == "retimed":
            return (self._retimed(step, cuts, messages),)
        stages = stages_of(step, cuts)
        return (
            staged_program(
                step,
                self.kind,
                stages,
                tuple(self._jobs(stage) for stage in stages),
                iterations=self.iterations,
                weights=self.weights,
                behind=tuple(stage.behind for stage in stages),
                offsets=_offsets(step, stages),
            ),
        )

    def _retimed(self, step: StepGraph, cuts: tuple[int, ...], messages: MessageCosts) -> PipelineProgram:
        assignment = stage_assignment(step, cuts)
        order = tuple(stage.period for stage in stages_of(step, cuts))
        offsets = derive_offsets(step, assignment, order, hop=Hop.SLOT)
        return unroll(
            step,
            self.kind,
            assignment,
            order,
            offsets,
            self.iterations,
            self.weights,
            hop=Hop.SLOT,
            messages=messages,
        )

    def _jobs(self, stage: Stage) -> tuple[Job, ...]:
        ahead = min(stage.behind + 1, self.iterations)
        found = [job for n in range(ahead) for job in stage.forward(n, 0)]
        for n in range(self.iterations):
            found += stage.backward(n, 0, 1)
            if n + ahead < self.iterations:
                found += stage.forward(n + ahead, 0)
        return tuple(found)


def _offsets(step: StepGraph, stages: tuple[Stage, ...]) -> tuple[int, ...]:
    """Stage s runs F of iteration n in its period n + s and the backward pass in its period n + S - 1."""
    found = [len(stages) - 1] * len(step.tasks)
    for stage in stages:
        for layer in stage.layers:
            found[layer.forward] = stage.index
    return tuple(found)
