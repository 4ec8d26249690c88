"""What pipelines of equal stages take and keep, exactly, with free messages.

With S stages, m micro-batches, t_F the forward pass of a stage, t_B its whole backward pass for one
micro-batch (B and W), t_H its cycles from the start of the backward pass until the stage before has its
gradient (0 < t_H <= t_B), and t_U its update, once per batch:

    GPipe and 1F1B with flush:  (m + S - 1) t_F + (S - 1) t_H + m t_B + t_U   per iteration

because the last stage starts its first backward pass at S t_F, each stage then starts its own t_H after the
one behind it, and none ever waits again. Where the gradient leaves with the end of the backward pass and
the update is part of it (t_H = t_B, t_U = 0) this is the textbook's (m + S - 1)(t_F + t_B), with a bubble
share of (S - 1) / (m + S - 1). As W of a stage's layers runs behind their B, t_H is smaller here.

Replayed programs equal every formula (tests/unit/test_schedule_formulas.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal


def flush_makespan(
    stages: int, micro_batches: int, *, forward: int, backward: int, hand_over: int | None = None, update: int = 0
) -> int:
    """Cycles of one iteration of GPipe, or of 1F1B with flush, with equal stages.

    Parameters
    ----------
    stages, micro_batches : int
        S, m.
    forward, backward, update : int
        t_F, t_B and t_U of a stage.
    hand_over : int or None
        t_H; t_B when left out.
    """
    early = backward if hand_over is None else hand_over
    if not 0 <= early <= backward:
        raise ValueError(f"the gradient leaves {early} cycles into a backward pass of {backward}")
    return (micro_batches + stages - 1) * forward + (stages - 1) * early + micro_batches * backward + update


def textbook_makespan(stages: int, micro_batches: int, forward: int, backward: int) -> int:
    """(m + S - 1)(t_F + t_B): gradients leave with the end of the backward pass, updates are part of it."""
    return flush_makespan(stages, micro_batches, forward=forward, backward=backward)


def textbook_bubble_share(stages: int, micro_batches: int) -> Fraction:
    """Share of its time that each stage has nothing to do in a flushed pipeline: (S - 1) / (m + S - 1)."""
    return Fraction(stages - 1, micro_batches + stages - 1)


def bubble_share(busy_cycles: int, processors: int, makespan_cycles: int) -> Fraction:
    """Share of all processor cycles without a job."""
    return 1 - Fraction(busy_cycles, processors * makespan_cycles)


def gpipe_stash(micro_batches: int) -> int:
    """Micro-batches whose forward results each stage of GPipe keeps."""
    return micro_batches


def one_f_one_b_stash(stage: int, stages: int, micro_batches: int) -> int:
    """The same for stage s of 1F1B with flush: min(S - s, m)."""
    return min(stages - stage, micro_batches)


def pipedream_staleness(stage: int, stages: int, convention: Literal["one_f_one_b", "retimed"]) -> int:
    """D of the layers of stage s: the stages behind it, twice that where each hop takes a period of its own."""
    behind = stages - 1 - stage
    return behind if convention == "one_f_one_b" else 2 * behind


def pipedream_copies(staleness: int) -> int:
    """Copies of what a forward pass leaves, and versions of stashed weights: D + 1.

    The first layer keeps one version: its backward pass has no product, so nobody reads an old one.
    """
    return staleness + 1


def pipedream_period(stage_cycles: Sequence[int]) -> int:
    """Cycles per iteration in the steady state: those of the slowest stage."""
    return max(stage_cycles)


def sequential_makespan(iteration_cycles: int, iterations: int) -> int:
    """Cycles of everything one after another."""
    return iteration_cycles * iterations
