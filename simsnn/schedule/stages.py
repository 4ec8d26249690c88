"""Stages: runs of neighbouring layers, all passes of a layer on one processor.

In a stage the backward pass of a micro-batch runs B of all its layers, from the last to the first, and
then W of the same layers in that order; behind the last micro-batch each W is followed by its U. So the
stage before gets its gradient as soon as it can exist, and nothing is later by it: the stage's own
work, and when its last task ends, are the same in either order. What it costs is memory, the
gradients of all layers of the stage being kept until their W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from simsnn.schedule.partition import layer_cuts
from simsnn.schedule.program import Job, PipelineProgram, Weights
from simsnn.schedule.step_graph import LayerTasks, StepGraph


@dataclass(frozen=True)
class Stage:
    """One stage of a contiguous partition.

    Parameters
    ----------
    index, count : int
        s, counted from 0, and S.
    first, last : int
        Its layers: first .. last - 1.
    layers : tuple of LayerTasks
        Their tasks, first to last.
    """

    index: int
    count: int
    first: int
    last: int
    layers: tuple[LayerTasks, ...]

    @property
    def behind(self) -> int:
        """S(l): stages behind this one."""
        return self.count - 1 - self.index

    @property
    def period(self) -> tuple[int, ...]:
        """Tasks of one iteration with one micro-batch: forward, then backward."""
        return tuple(job.task for job in (*self.forward(0, 0), *self.backward(0, 0, 1)))

    def forward(self, iteration: int, micro_batch: int) -> tuple[Job, ...]:
        """F of a micro-batch, first layer to last."""
        return tuple(Job(layer.forward, iteration, micro_batch) for layer in self.layers)

    def backward(self, iteration: int, micro_batch: int, micro_batches: int) -> tuple[Job, ...]:
        """B of a micro-batch, then W, last layer to first; with the last micro-batch U behind each W."""
        back = self.layers[::-1]
        jobs = [Job(layer.backward, iteration, micro_batch) for layer in back]
        for layer in back:
            jobs.append(Job(layer.gradient, iteration, micro_batch))
            if micro_batch == micro_batches - 1:
                jobs.append(Job(layer.update, iteration))
        return tuple(jobs)


def stages_of(step: StepGraph, cuts: tuple[int, ...]) -> tuple[Stage, ...]:
    """Stages of a partition given by the first layer of each."""
    runs = pairwise((*cuts, len(step.layers)))
    return tuple(Stage(s, len(cuts), first, last, step.layers[first:last]) for s, (first, last) in enumerate(runs))


def flushed_program(
    step: StepGraph, kind: str, iterations: int, micro_batches: int, jobs: Callable[[Stage], tuple[Job, ...]]
) -> PipelineProgram:
    """Program of the optimal contiguous partition whose batches are flushed; ``jobs`` orders those of a stage.

    Raises
    ------
    ConfigError
        If there are more processors than layers.
    """
    stages = stages_of(step, layer_cuts(step, kind, micro_batches))
    order = tuple(map(jobs, stages))
    return staged_program(step, kind, stages, order, iterations=iterations, micro_batches=micro_batches)


def staged_program(
    step: StepGraph,
    name: str,
    stages: tuple[Stage, ...],
    order: tuple[tuple[Job, ...], ...],
    *,
    iterations: int,
    micro_batches: int = 1,
    weights: Weights = Weights.STASHED,
    behind: tuple[int, ...] | None = None,
    offsets: tuple[int, ...] | None = None,
) -> PipelineProgram:
    """Program in which stage s is processor s.

    Parameters
    ----------
    step, name, stages, order : StepGraph, str, tuple of Stage, tuple of tuple of Job
        What runs where in which order.
    iterations, micro_batches, weights, offsets : int, int, Weights, tuple of int or None
        As in :class:`~simsnn.schedule.program.PipelineProgram`.
    behind : tuple of int, per stage, or None
        Staleness of the forward pass of each stage's layers; none by default. With ``weights: latest`` the
        backward pass reads weights that are not stale: U of the iteration before ran on the same processor.
    """
    assignment = [0] * len(step.tasks)
    staleness = []
    for stage in stages:
        for layer in stage.layers:
            staleness.append(behind[stage.index] if behind else 0)
            for task in (layer.forward, layer.backward, layer.gradient, layer.update):
                assignment[task] = stage.index
    forward = tuple(staleness)
    return PipelineProgram(
        name=name,
        processors=step.processors,
        iterations=iterations,
        micro_batches=micro_batches,
        assignment=tuple(assignment),
        order=order,
        weights=weights,
        staleness=forward,
        backward_staleness=forward if weights is Weights.STASHED else (0,) * len(forward),
        offsets=offsets,
    )
