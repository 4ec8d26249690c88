"""LayerPipe-style schedule: the passes of a layer are tasks of their own, dealt out as neighbours.

The tasks of an iteration stand in the order

    F_1 .. F_L, then for each layer from the last to the first: B_l, W_l with U_l

and are cut into P runs of neighbours with the least largest load. So F, B and W of one layer may
be on different processors, weights then cross the links after each update, and up to 3 L
processors find work. No task is cut in pieces. Offsets, delays, versions and copies follow from the order
(:mod:`simsnn.schedule.periodic`); ``hop: slot`` gives every tensor between processors a whole period.
The published method also cuts backward tasks in halves; this one does not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.schedule.partition import contiguous_partition
from simsnn.schedule.periodic import Hop, Order, derive_offsets, unroll
from simsnn.schedule.pipelined import PipelinedModel, too_many_processors
from simsnn.schedule.program import MessageCosts, PipelineProgram, Weights
from simsnn.schedule.step_graph import StepGraph

Item = tuple[int, ...]


class LayerPipe(PipelinedModel):
    """Schedule ``layerpipe``: optimal contiguous partition of the sequence of F, B and W tasks."""

    kind: Literal["layerpipe"] = "layerpipe"
    micro_batches: Literal[1] = 1
    hop: Annotated[Hop, Field(strict=False)] = Hop.EARLIEST
    weights: Annotated[Weights, Field(strict=False)] = Weights.STASHED

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:
        """The one program; ConfigError if there are more processors than F, B and W tasks."""
        order = self._order(step)
        assignment = [0] * len(step.tasks)
        for processor, tasks in enumerate(order):
            for task in tasks:
                assignment[task] = processor
        places = tuple(assignment)
        offsets = derive_offsets(step, places, order, hop=self.hop, messages=messages)
        return (
            unroll(
                step,
                self.kind,
                places,
                order,
                offsets,
                self.iterations,
                self.weights,
                hop=self.hop,
                messages=messages,
            ),
        )

    def _order(self, step: StepGraph) -> Order:
        items = task_sequence(step)
        if step.processors > len(items):
            raise too_many_processors(self.kind, step.processors, len(items), "tasks F, B and W")
        processors = range(step.processors)
        cycles = [tuple(sum(step.tasks[task].cycles[p] for task in item) for p in processors) for item in items]
        runs = pairwise((*contiguous_partition(cycles), len(items)))
        return tuple(tuple(task for item in items[first:last] for task in item) for first, last in runs)


def task_sequence(step: StepGraph) -> tuple[Item, ...]:
    """F of every layer, then per layer from the last B, and W with its U; each item is never taken apart."""
    forward: list[Item] = [(layer.forward,) for layer in step.layers]
    backward: list[Item] = []
    for layer in reversed(step.layers):
        backward += [(layer.backward,), (layer.gradient, layer.update)]
    return (*forward, *backward)
