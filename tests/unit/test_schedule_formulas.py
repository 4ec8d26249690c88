"""Programs of equal stages take and keep what the formulas say, to the cycle and the copy."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Literal

import pytest

from simsnn.schedule.formulas import (
    bubble_share,
    flush_makespan,
    gpipe_stash,
    one_f_one_b_stash,
    pipedream_copies,
    pipedream_period,
    pipedream_staleness,
    sequential_makespan,
    textbook_bubble_share,
    textbook_makespan,
)
from simsnn.schedule.gpipe import GPipe
from simsnn.schedule.memory_use import MemoryUse, memory_use
from simsnn.schedule.one_f_one_b import OneFOneB
from simsnn.schedule.partition import layer_cuts, layer_cycles, loads
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.program import Job, PipelineProgram, Weights
from simsnn.schedule.replay import Replay, replay
from simsnn.schedule.sequential import Sequential
from simsnn.schedule.step_graph import StepGraph
from simsnn.workload.operation import Pass
from tests.naive.step_graphs import equal_stages, step_graph

SHAPES = [(stages, batches) for stages in (1, 2, 3, 4, 7) for batches in (1, 2, 3, 4, 9)]
COSTS = [(1, 1, 0, 0), (3, 5, 0, 0), (3, 5, 4, 0), (4, 1, 9, 2), (1, 7, 1, 5)]
"""F, B, W, U of every stage."""


def run(step: StepGraph, program: PipelineProgram) -> Replay:
    return replay(step, program, NoLinks())


def uses(step: StepGraph, program: PipelineProgram) -> tuple[MemoryUse, ...]:
    return memory_use(step, program, run(step, program))


@pytest.mark.parametrize("schedule", [GPipe, OneFOneB])
@pytest.mark.parametrize(("stages", "batches"), SHAPES)
@pytest.mark.parametrize("costs", COSTS)
def test_flushed_pipelines_take_what_the_formula_says(
    schedule: type[GPipe | OneFOneB], stages: int, batches: int, costs: tuple[int, int, int, int]
) -> None:
    forward, back, gradient, update = costs
    step = equal_stages(stages, *costs)
    (program,) = schedule(iterations=3, micro_batches=batches).programs(step, NoLinks())
    found = run(step, program)
    once = flush_makespan(stages, batches, forward=forward, backward=back + gradient, hand_over=back, update=update)
    assert found.iteration_ends == (once, 2 * once, 3 * once)
    busy = stages * (batches * (forward + back + gradient) + update)
    assert bubble_share(3 * busy, stages, found.makespan_cycles) == 1 - Fraction(busy, stages * once)


@pytest.mark.parametrize("schedule", [GPipe, OneFOneB])
@pytest.mark.parametrize(("stages", "batches"), SHAPES)
def test_the_textbook_holds_where_the_gradient_leaves_last(
    schedule: type[GPipe | OneFOneB], stages: int, batches: int
) -> None:
    """All of the backward pass in B: (m + S - 1)(t_F + t_B) and a bubble share of (S - 1)/(m + S - 1)."""
    step = equal_stages(stages, 3, 8)
    (program,) = schedule(iterations=1, micro_batches=batches).programs(step, NoLinks())
    found = run(step, program)
    assert found.makespan_cycles == textbook_makespan(stages, batches, 3, 8) == (batches + stages - 1) * 11
    share = bubble_share(stages * batches * 11, stages, found.makespan_cycles)
    assert share == textbook_bubble_share(stages, batches)


@pytest.mark.parametrize(("stages", "batches"), SHAPES)
def test_flushed_pipelines_keep_what_the_formulas_say(stages: int, batches: int) -> None:
    step = equal_stages(stages, 3, 5, 4, 1)
    (piped,) = GPipe(iterations=2, micro_batches=batches).programs(step, NoLinks())
    (alternating,) = OneFOneB(iterations=2, micro_batches=batches).programs(step, NoLinks())
    for stage in range(stages):
        kept = [use[stage].stash_copies[stage] for use in (uses(step, piped), uses(step, alternating))]
        assert kept == [gpipe_stash(batches), one_f_one_b_stash(stage, stages, batches)]
        assert uses(step, piped)[stage].weight_versions[stage] == 1
        assert uses(step, alternating)[stage].weight_versions[stage] == 1


@pytest.mark.parametrize("stage", range(4))
def test_1f1b_runs_so_many_forward_passes_first(stage: int) -> None:
    step = equal_stages(4, 3, 5, 4)
    (program,) = OneFOneB(iterations=1, micro_batches=6).programs(step, NoLinks())
    passes = [step.tasks[job.task].pass_ for job in program.order[stage]]
    assert passes.index(Pass.B) == 4 - stage


@pytest.mark.parametrize("convention", ["one_f_one_b", "retimed"])
@pytest.mark.parametrize("stages", [1, 2, 3, 5])
def test_pipedream_delays_and_keeps_what_the_formulas_say(
    convention: Literal["one_f_one_b", "retimed"], stages: int
) -> None:
    step = equal_stages(stages, 3, 5, 4, 1)
    (program,) = PipeDream(iterations=16, convention=convention).programs(step, NoLinks())
    held = uses(step, program)
    for stage in range(stages):
        delay = pipedream_staleness(stage, stages, convention)
        assert program.staleness[stage] == program.backward_staleness[stage] == delay
        assert held[stage].stash_copies[stage] == pipedream_copies(delay)
        # the first layer's B has no product, so that nobody reads its old weights
        assert held[stage].weight_versions[stage] == (pipedream_copies(delay) if stage else 1)


@pytest.mark.parametrize("convention", ["one_f_one_b", "retimed"])
def test_pipedream_with_the_latest_weights_keeps_one_version(convention: Literal["one_f_one_b", "retimed"]) -> None:
    step = equal_stages(4, 3, 5, 4, 1)
    schedule = PipeDream(iterations=16, convention=convention, weights=Weights.LATEST)
    (program,) = schedule.programs(step, NoLinks())
    # B of the first layer reads no weights: what is declared of it is never used
    assert program.backward_staleness[1:] == (0, 0, 0)
    assert [use.weight_versions[stage] for stage, use in enumerate(uses(step, program))] == [1] * 4


@pytest.mark.parametrize("convention", ["one_f_one_b", "retimed"])
@pytest.mark.parametrize(
    "stages",
    [
        [(3, 5, 4, 1)] * 4,
        [(1, 1, 1, 1), (9, 2, 3, 1), (4, 4, 4, 0)],
        [(2, 9, 9, 2), (1, 1, 1, 1), (6, 6, 6, 3), (1, 2, 3, 4)],
    ],
)
def test_an_iteration_of_pipedream_takes_as_long_as_its_slowest_stage(
    stages: list[tuple[int, int, int, int]], convention: Literal["one_f_one_b", "retimed"]
) -> None:
    passes = (Pass.F, Pass.B, Pass.W, Pass.U)
    step = step_graph(
        [{pass_: (c,) * len(stages) for pass_, c in zip(passes, costs, strict=True)} for costs in stages], len(stages)
    )
    (program,) = PipeDream(iterations=200, convention=convention).programs(step, NoLinks())
    found = run(step, program)
    period = pipedream_period(loads(layer_cycles(step), layer_cuts(step, "pipedream")))
    for layer in step.layers:
        # behind the start-up, in which stages catch up that are only a little faster, and before the drain
        ends = [found.end[found.position(Job(layer.update, n))] for n in range(170, 190)]
        assert {after - before for before, after in pairwise(ends)} == {period}


def test_sequential_is_the_sum_of_everything() -> None:
    step = equal_stages(3, 3, 5, 4, 2)
    (program,) = Sequential(iterations=4, micro_batches=2).programs(step, NoLinks())
    assert run(step, program).makespan_cycles == sequential_makespan(3 * (2 * 12 + 2), 4)
    first, *others = uses(step, program)
    assert first.stash_copies == (1, 1, 1)
    assert all(use.peak_bytes == 0 for use in others)


def test_sequential_keeps_program_order() -> None:
    step = equal_stages(3, 3, 5, 4, 2)
    (program,) = Sequential(iterations=1).programs(step, NoLinks())
    assert [job.task for job in program.order[0]] == [task.id for task in step.tasks]


def test_a_gradient_cannot_leave_after_the_backward_pass() -> None:
    with pytest.raises(ValueError, match="leaves 9 cycles into a backward pass of 8"):
        flush_makespan(2, 2, forward=1, backward=8, hand_over=9)
