"""No replay beats the bounds; the period of a periodic program is what its own circles say."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from random import Random

import pytest

from simsnn.schedule.bounds import own_period, period_bounds, resource_bound, work_cycles
from simsnn.schedule.periodic import Hop, Layout, contiguous_order, derive_offsets, stage_assignment, unroll
from simsnn.schedule.program import Job, PipelineProgram, Weights
from simsnn.schedule.replay import replay
from simsnn.schedule.step_graph import StepGraph
from tests.unit.spikepipe_samples import FlatMessages, chain, random_plan, random_step


def flushed(step: StepGraph, assignment: tuple[int, ...], iterations: int, batches: int) -> PipelineProgram:
    """All F of an iteration, then all B and W, then U: micro-batches one after the other."""
    order = []
    for tasks in contiguous_order(step, assignment):
        jobs: list[Job] = []
        for n in range(iterations):
            for half in ("F", "BW"):
                for j in range(batches):
                    jobs += [Job(v, n, j) for v in tasks if step.tasks[v].pass_.value in half]
            jobs += [Job(v, n) for v in tasks if step.tasks[v].pass_.value == "U"]
        order.append(tuple(jobs))
    none = (0,) * len(step.layers)
    return PipelineProgram(
        "flushed", step.processors, iterations, batches, assignment, tuple(order), Weights.STASHED, none, none
    )


@pytest.mark.parametrize("hop", Hop)
@pytest.mark.parametrize("seed", range(30))
def test_no_periodic_program_beats_its_bounds(seed: int, hop: Hop) -> None:
    rng = Random(seed)
    step = random_step(rng, rng.randint(1, 6), rng.randint(1, 5), unequal=bool(seed % 2))
    assignment, order = random_plan(rng, step)
    links = FlatMessages(rng.choice((0, 7, 300)), rng.choice((1, 50)))
    offsets = derive_offsets(step, assignment, order, hop=hop, messages=links)
    weights = rng.choice(tuple(Weights))

    def program(iterations: int) -> PipelineProgram:
        return unroll(step, "any", assignment, order, offsets, iterations, weights, hop=hop, messages=links)

    def makespan(iterations: int) -> int:
        return replay(step, program(iterations), links).makespan_cycles

    bounds = period_bounds(step, program(1), links)
    last_message = max(links.alone_cycles(0, 1, layer.weight_bytes) for layer in step.layers)
    for iterations in (1, 5, 40):
        assert makespan(iterations) >= iterations * max(bounds.resource_cycles, bounds.load_cycles)
        # nobody waits for the weights of the last iteration
        assert makespan(iterations) + last_message >= iterations * bounds.loop_cycles
    period = own_period(step, program(1), order, links)
    assert max(bounds.lower_cycles, bounds.load_cycles) <= period
    if hop is Hop.EARLIEST:
        assert period == Layout.of(step, assignment, order).period_cycles == max(1, bounds.load_cycles)
    # behind the start-up, which is long where two circles are nearly equal, the run repeats after as many
    # periods as its slowest circle has lags
    first = 60 if max(offsets) < 20 else 240
    enough = makespan(first)
    assert any(Fraction(makespan(first + more) - enough, more) == period for more in (1, 2, 3, 4, 5, 6, 8, 12))


@pytest.mark.parametrize("seed", range(25))
def test_no_flushed_program_beats_its_bounds(seed: int) -> None:
    rng = Random(seed)
    processors = rng.randint(1, 4)
    step = random_step(rng, processors + rng.randint(0, 3), processors, unequal=bool(seed % 2))
    cuts = (0, *sorted(rng.sample(range(1, len(step.layers)), processors - 1)))
    iterations, batches = 5, rng.randint(1, 6)
    program = flushed(step, stage_assignment(step, cuts), iterations, batches)
    links = FlatMessages(rng.choice((0, 20)), 16)
    run = replay(step, program, links)
    bounds = period_bounds(step, program, links)
    assert run.makespan_cycles >= iterations * bounds.lower_cycles
    assert bounds.loop_cycles.denominator == 1


@pytest.mark.parametrize("batches", [1, 3, 8])
def test_the_bound_of_equal_flushed_stages_is_their_makespan(batches: int) -> None:
    """GPipe: (m + P - 1) slots of F and of B, and W and U of the first stage behind the last of them."""
    stages, length = 4, 6
    for gradient, update in ((0, 0), (0, 5)):
        step = chain([(length, 2 * length, gradient, update)] * stages, stages)
        program = flushed(step, stage_assignment(step, tuple(range(stages))), 3, batches)
        bounds = period_bounds(step, program)
        assert bounds.loop_cycles == 3 * (batches + stages - 1) * length + update
        assert replay(step, program, FlatMessages()).makespan_cycles == 3 * bounds.loop_cycles


def test_sequential_training_is_bound_by_its_loop() -> None:
    step = chain([(5, 7, 9, 2), (3, 4, 6, 1)], 1)
    assignment = (0,) * 8
    program = unroll(
        step, "one", assignment, contiguous_order(step, assignment), (0,) * 8, 4, Weights.STASHED, hop=Hop.EARLIEST
    )
    bounds = period_bounds(step, program)
    assert (bounds.resource_cycles, bounds.largest_task_cycles, bounds.load_cycles) == (37, 9, 37)
    # F0 F1 B1 B0 W0 U0: W1 and U1 lie beside the loop
    assert bounds.loop_cycles == 5 + 3 + 4 + 7 + 9 + 2
    assert bounds.lower_cycles == 37


@pytest.mark.parametrize("seed", range(60))
def test_the_resource_bound_holds_for_every_assignment(seed: int) -> None:
    rng = Random(seed)
    processors = rng.randint(1, 3)
    work = tuple(tuple(rng.randint(1, 30) for _ in range(processors)) for _ in range(rng.randint(1, 6)))

    def load(assignment: tuple[int, ...]) -> int:
        return max(sum(row[q] for row, q in zip(work, assignment, strict=True) if q == p) for p in range(processors))

    best = min(load(assignment) for assignment in product(range(processors), repeat=len(work)))
    assert resource_bound(work) <= best


def test_the_resource_bound_is_exact_for_equal_and_for_related_processors() -> None:
    assert resource_bound(((7, 7, 7), (4, 4, 4), (1, 1, 1))) == 4
    # twice and three times as slow: 60 (1 + 1/2 + 1/3)^-1 = 32.7
    assert resource_bound(((20, 40, 60), (40, 80, 120))) == 33
    assert resource_bound(((0, 0), (0, 0))) == 0
    step = chain([(1, 2, 3, 4)], 2)
    assert work_cycles(step, 3) == ((3, 3), (6, 6), (9, 9), (4, 4))
