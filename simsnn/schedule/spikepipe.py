"""SpikePipe: unsplit tasks F, B and W on any processor, with delays that follow from the order.

A contiguous partition keeps all passes of a layer on one processor, so that its period is at least the
largest F + B + W + U; here it is at least the largest of F, B and W + U. Where one layer dominates, the
gain is thus at most 3, and at most 2 for the first layer, whose B has no product and next to no work.

Two programs come out: the search result and the best contiguous PipeDream program from which the search
starts, in the same hop convention. Whichever runs faster with its messages on the links is kept, the
other reported, so that the kept one never loses to the contiguous one. The scheduler of the publication is not
known; this search is an assumption, its result is held against bounds and, for small
instances, the proven optimum (tests/unit/test_schedule_optimum.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simsnn.errors import ConfigError, Where
from simsnn.schedule.periodic import Hop
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.pipelined import PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, Weights
from simsnn.schedule.spikepipe_search import Effort, search
from simsnn.schedule.step_graph import StepGraph

Kicks = Annotated[int, Field(ge=0, le=1000)]
Trials = Annotated[int, Field(ge=0, le=100_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class SpikePipe(PipelinedModel):
    """Schedule ``spikepipe``: multiprocessor scheduling of unsplit tasks, one micro-batch per iteration.

    Parameters
    ----------
    hop : Hop
        ``earliest``: a tensor is used as soon as the order within a period allows; the contiguous program
        is that of ``pipedream`` with ``convention: one_f_one_b``. ``slot``: every tensor between
        processors takes one whole period; ``convention: retimed``.
    weights : Weights
        Weights of the backward pass: those of the forward pass, or the newest.
    kicks : int
        Random restarts of the search for the assignment.
    order_trials : int
        Random changes of the order within a period that are tried; the smaller, the larger delays and stash.
    seed : int
        Of the search: equal seeds give equal programs.
    """

    kind: Literal["spikepipe"] = "spikepipe"
    micro_batches: Literal[1] = 1
    hop: Annotated[Hop, Field(strict=False)] = Hop.EARLIEST
    weights: Annotated[Weights, Field(strict=False)] = Weights.STASHED
    kicks: Kicks = 30
    order_trials: Trials = 150
    seed: Seed = 0

    model_version: ClassVar[int] = 1

    def programs(self, step: StepGraph, messages: MessageCosts) -> tuple[PipelineProgram, ...]:
        """Search result, then the contiguous program; ConfigError if there are more processors than tasks."""
        self._check_processors(step)
        seed = contiguous_seed(step, messages, self._contiguous())
        found = search(
            step,
            messages,
            seed.assignment,
            name=f"{self.kind}: search",
            iterations=self.iterations,
            weights=self.weights,
            hop=self.hop,
            effort=Effort(self.kicks, self.order_trials, self.seed),
        )
        return found.program, replace(seed, name=f"{self.kind}: contiguous seed")

    def _contiguous(self) -> PipeDream:
        convention: Literal["one_f_one_b", "retimed"] = "retimed" if self.hop is Hop.SLOT else "one_f_one_b"
        return PipeDream(iterations=self.iterations, weights=self.weights, convention=convention)

    def _check_processors(self, step: StepGraph) -> None:
        tasks = 3 * len(step.layers)
        if step.processors > tasks:
            raise ConfigError(
                f"schedule {self.kind} has {tasks} tasks to deal out, F, B and W of {len(step.layers)} layers with"
                f" weights, and never cuts one; there are {step.processors} processors",
                where=Where("hardware.processors"),
                value=step.processors,
                allowed=(f"1 to {tasks} processors",),
                remedy=f"count: {tasks} or fewer, or a network with more layers",
            )


def contiguous_seed(step: StepGraph, messages: MessageCosts, pipedream: PipeDream) -> PipelineProgram:
    """The best contiguous program.

    With more processors than layers it runs on as many as there are layers: the fastest by the cycles of
    all tasks, the others stay idle. Up to that, on all of them, as ``pipedream`` does.
    """
    count = len(step.layers)
    if step.processors <= count:
        return pipedream.programs(step, messages)[0]
    total = [sum(task.cycles[p] for task in step.tasks) for p in range(step.processors)]
    used = tuple(sorted(sorted(range(step.processors), key=lambda p: (total[p], p))[:count]))
    tasks = tuple(replace(task, cycles=tuple(task.cycles[p] for p in used)) for task in step.tasks)
    narrow = replace(step, tasks=tasks, processors=count)
    found = pipedream.programs(narrow, _Subset(messages, used))[0]
    order: list[tuple[Job, ...]] = [()] * step.processors
    for place, jobs in zip(used, found.order, strict=True):
        order[place] = jobs
    return replace(
        found,
        processors=step.processors,
        assignment=tuple(used[place] for place in found.assignment),
        order=tuple(order),
    )


class _Subset:
    """Links as a machine of some of the processors sees them."""

    def __init__(self, messages: MessageCosts, used: tuple[int, ...]) -> None:
        self._messages, self._used = messages, used

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """Between the processors that are used."""
        return self._messages.alone_cycles(self._used[source], self._used[destination], size_bytes)
