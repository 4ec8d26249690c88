"""A pipeline program: which processor does which task of which iteration, in which order.

Nothing here knows a clock. A program is an assignment and one list of jobs per processor; when a
job runs follows from its inputs and from the job before it. Which weights a job reads is declared:
with D = ``staleness[l]``, F of layer l in iteration n reads the weights that iterations 0 .. n-1-D
have updated (D = 0: all before it; the initial weights where n <= D). With ``weights: stashed`` the
backward pass reads that same version; with ``latest`` it reads what ``backward_staleness`` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from simsnn.schedule.step_graph import StepGraph


class Weights(StrEnum):
    """Which weights the backward pass reads."""

    STASHED = "stashed"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """One task of one iteration for one micro-batch; U runs once per iteration, with ``micro_batch`` 0."""

    task: int
    iteration: int
    micro_batch: int = 0


@dataclass(frozen=True)
class PipelineProgram:
    """What a schedule decided.

    Parameters
    ----------
    name : str
        Schedule, or the candidate of a schedule: ``spikepipe: contiguous seed``.
    processors, iterations, micro_batches : int
        P, simulated iterations N, micro-batches m per iteration.
    assignment : tuple of int, per task
        Processor of each task.
    order : tuple of tuple of Job, per processor
        Jobs of each processor in the order in which it runs them.
    weights : Weights
        Which weights the backward pass reads.
    staleness : tuple of int, per layer
        D(l) of the forward pass.
    backward_staleness : tuple of int, per layer
        The same for the backward pass; equal to ``staleness`` for stashed weights.
    offsets : tuple of int, per task, or None
        Period in which a periodic program runs the task of iteration 0; None where batches are flushed.
    """

    name: str
    processors: int
    iterations: int
    micro_batches: int
    assignment: tuple[int, ...]
    order: tuple[tuple[Job, ...], ...]
    weights: Weights
    staleness: tuple[int, ...]
    backward_staleness: tuple[int, ...]
    offsets: tuple[int, ...] | None = None


class MessageCosts(Protocol):
    """What a schedule may know of the links."""

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """Cycles of a message with the links to itself, from its sending until all of it is there; 0 to itself."""


class PipelineSchedule(Protocol):
    """A schedule of the pipelined kind; its strict config fulfils this itself."""

    kind: str
    iterations: int
    micro_batches: int
    optimum: bool
    model_version: ClassVar[int]
    pipelined: ClassVar[bool]

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:
        """Programs worth simulating; the fastest is kept, the others are reported."""
