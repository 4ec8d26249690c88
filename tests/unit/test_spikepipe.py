"""SpikePipe: its caps, its seed, its refusals, and the pieces of its search."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from simsnn.errors import ConfigError
from simsnn.schedule.bounds import own_period
from simsnn.schedule.periodic import Hop, contiguous_order, derive_offsets, offsets_of, stage_assignment, staleness_of
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.program import PipelineProgram, Weights
from simsnn.schedule.replay import replay
from simsnn.schedule.spikepipe import SpikePipe
from simsnn.schedule.spikepipe_assign import gather, largest_first, level, level_thriftily, multifit, neighbours
from simsnn.schedule.spikepipe_deal import Deal
from simsnn.schedule.spikepipe_items import Items
from simsnn.schedule.spikepipe_order import arrange
from simsnn.schedule.spikepipe_search import least_load, waiting_bytes
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import check_program
from tests.unit.spikepipe_samples import FlatMessages, chain, random_step


def load(step: StepGraph, program: PipelineProgram) -> int:
    """Busy cycles of the fullest processor per iteration."""
    items = Items.of(step)
    return max(items.loads(items.places_of(program.assignment)))


def test_an_inner_layer_that_dominates_gains_three_at_most() -> None:
    """F, B and W of one layer on processors of their own: a third of the layer, here exactly."""
    cycles = [(1, 1, 1, 0), (90, 90, 90, 0), (1, 1, 1, 0)]
    for processors in (4, 6, 9):
        found, seed = SpikePipe().programs(step := chain(cycles, processors), FlatMessages())
        assert (load(step, seed), load(step, found)) == (270, 90)


def test_a_first_layer_that_dominates_gains_two_at_most() -> None:
    """Its B has no product; F and W remain."""
    cycles = [(90, 0, 90, 0), (1, 1, 1, 0), (1, 1, 1, 0)]
    for processors in (3, 5, 9):
        found, seed = SpikePipe().programs(step := chain(cycles, processors), FlatMessages())
        assert (load(step, seed), load(step, found)) == (180, 90)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("seed", range(25))
def test_the_caps_hold_for_any_tasks_where_each_layer_may_have_a_stage(seed: int, first: bool) -> None:
    rng = Random(seed)
    layers = rng.randint(2, 5)
    cycles = [tuple(rng.randint(1, 9) for _ in range(4)) for _ in range(layers)]
    dominant = 0 if first else rng.randrange(1, layers)
    cycles[dominant] = (rng.randint(100, 300), 0 if first else rng.randint(100, 300), rng.randint(100, 300), 5)
    step = chain(cycles, rng.randint(layers, 3 * layers))  # type: ignore[arg-type]
    found, contiguous = SpikePipe().programs(step, FlatMessages())
    assert load(step, contiguous) == sum(cycles[dominant])
    assert load(step, contiguous) <= (2 if first else 3) * load(step, found)


@pytest.mark.parametrize(("hop", "convention", "factor"), [("earliest", "one_f_one_b", 1), ("slot", "retimed", 2)])
def test_the_seed_is_the_pipedream_program_of_the_same_hop_convention(hop: str, convention: str, factor: int) -> None:
    step, links = random_step(Random(3), 6, 4), FlatMessages(3, 16)
    _, seed = SpikePipe.model_validate({"hop": hop, "iterations": 5}).programs(step, links)
    (same,) = PipeDream.model_validate({"convention": convention, "iterations": 5}).programs(step, links)
    assert (seed.order, seed.assignment, seed.offsets, seed.staleness) == (
        same.order,
        same.assignment,
        same.offsets,
        same.staleness,
    )
    assert (seed.name, seed.staleness[0]) == ("spikepipe: contiguous seed", 3 * factor)


def test_with_more_processors_than_layers_the_seed_leaves_the_slowest_idle() -> None:
    step = chain([(5, 5, 5, 1)] * 2, 4, speeds=[3, 1, 2, 1])
    _, seed = SpikePipe(iterations=4).programs(step, FlatMessages(1, 8))
    assert [len(jobs) for jobs in seed.order] == [0, 16, 0, 16]
    assert set(seed.assignment) == {1, 3}
    check_program(step, seed, messages=FlatMessages(1, 8))


def test_more_processors_than_tasks_are_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"6 tasks .* 2 layers .* 7 processors") as refusal:
        SpikePipe().programs(chain([(1, 1, 1, 1)] * 2, 7), FlatMessages())
    assert refusal.value.where.path == "hardware.processors"
    assert refusal.value.allowed == ("1 to 6 processors",)
    assert "6 or fewer" in refusal.value.remedy
    assert SpikePipe().programs(chain([(1, 1, 1, 1)] * 2, 6), FlatMessages())


@pytest.mark.parametrize("hop", Hop)
@pytest.mark.parametrize("seed", range(12))
def test_the_period_of_the_search_is_exact_and_never_above_the_seed(seed: int, hop: Hop) -> None:
    rng = Random(seed)
    layers = rng.randint(2, 7)
    step = random_step(rng, layers, rng.randint(2, 3 * layers), unequal=bool(seed % 2))
    links = FlatMessages(rng.choice((0, 5, 90)), rng.choice((0, 8)))
    schedule = SpikePipe(hop=hop, weights=rng.choice(tuple(Weights)), iterations=3, seed=seed)
    found, contiguous = schedule.programs(step, links)
    items = Items.of(step)
    assert least_load(items) <= load(step, found) <= load(step, contiguous)
    if hop is Hop.EARLIEST:
        longer = schedule.model_copy(update={"iterations": 90}).programs(step, links)[0]
        steady = replay(step, longer, links)
        assert steady.makespan_cycles >= 90 * load(step, found)
        # the layout itself needs a period for each iteration, and the largest offset and a period or two around
        around = 3 + max(longer.offsets or ())
        assert steady.makespan_cycles <= (90 + around) * load(step, found)
    assert all(late <= d for d, late in zip(found.staleness, found.backward_staleness, strict=True))
    # equal processors: no more than P times faster than one
    if seed % 2 == 0:
        assert sum(task.cycles[0] for task in step.tasks) <= step.processors * load(step, found)


@pytest.mark.parametrize("seed", range(20))
def test_programs_are_valid_up_to_three_processors_per_layer(seed: int) -> None:
    rng = Random(seed)
    layers = rng.randint(1, 6)
    step = random_step(rng, layers, rng.randint(1, 3 * layers), unequal=bool(seed % 2))
    links = FlatMessages(rng.choice((0, 5, 200)), rng.choice((0, 1, 40)))
    for hop, weights in product(Hop, Weights):
        schedule = SpikePipe(hop=hop, weights=weights, iterations=rng.randint(1, 9), kicks=5, order_trials=30)
        for program in schedule.programs(step, links):
            check_program(step, program, messages=links)
            assert all(program.assignment[layer.gradient] == program.assignment[layer.update] for layer in step.layers)


def test_equal_seeds_give_equal_programs_and_less_effort_no_shorter_period() -> None:
    step, links = random_step(Random(11), 8, 5), FlatMessages(2, 32)
    one, other = (SpikePipe(seed=5).programs(step, links)[0] for _ in range(2))
    assert one == other
    lazy = SpikePipe(kicks=0, order_trials=0).programs(step, links)[0]
    assert load(step, lazy) >= load(step, one)


@pytest.mark.parametrize("stages", [2, 3, 5])
@pytest.mark.parametrize("lengths", [(4, 4, 4), (2, 3, 5), (9, 1, 2)])
def test_the_order_found_for_equal_stages_delays_no_more_than_1f1b(stages: int, lengths: tuple[int, int, int]) -> None:
    """D(l) <= S(l), with S(l) + 1 copies at most, where the order of the program has 2 S(l)."""
    step = chain([(*lengths, 0)] * stages, stages)
    assignment = stage_assignment(step, tuple(range(stages)))
    arranged = arrange(step, assignment, FlatMessages(), Weights.STASHED, 200, 0)
    offsets = offsets_of(step, arranged.layout, Hop.EARLIEST, FlatMessages())
    found = staleness_of(step, arranged.layout, offsets, Hop.EARLIEST, Weights.STASHED, FlatMessages())
    behind = [stages - 1 - stage for stage in range(stages)]
    assert all(delay <= limit for delay, limit in zip(found.forward, behind, strict=True))
    plain = derive_offsets(step, assignment, contiguous_order(step, assignment), hop=Hop.EARLIEST)
    assert plain[step.layers[0].update] - plain[step.layers[0].forward] == 2 * behind[0]


@pytest.mark.parametrize("seed", range(15))
def test_an_assignment_under_change_counts_right(seed: int) -> None:
    rng = Random(seed)
    items = Items.of(random_step(rng, rng.randint(2, 7), rng.randint(2, 6), unequal=bool(seed % 2)))
    count = len(items.cycles[0])
    starts = [largest_first(items), multifit(items, least_load(items)), [rng.randrange(count) for _ in items.tasks]]
    if count <= len(items.tasks):
        starts.append(neighbours(items))
    for start in starts:
        deal = Deal(items, start)
        before = deal.largest_load
        (level_thriftily if seed % 3 else level)(deal, least_load(items))
        assert deal.largest_load <= before
        capacity, crossing = deal.largest_load, items.crossing_bytes(deal.places)
        gather(deal, capacity)
        assert deal.largest_load <= capacity
        assert items.crossing_bytes(deal.places) <= crossing
        fresh = Deal(items, deal.places)
        assert (fresh.loads, [sorted(on) for on in deal.on]) == (deal.loads, fresh.on)
        kept = [{p: size for p, size in near.items() if size} for near in deal.near]
        assert kept == fresh.near


def test_multifit_is_optimal_where_largest_first_is_not() -> None:
    """3 3 | 2 2 2 on two processors: largest first ends at 7."""
    step = chain([(3, 3, 2, 0), (2, 2, 0, 0)], 2)
    items = Items.of(step)
    assert max(items.loads(largest_first(items))) == 7
    assert max(items.loads(multifit(items, least_load(items)))) == 6
    best = min(max(items.loads(list(places))) for places in product(range(2), repeat=6))
    assert best == least_load(items) == 6


def test_what_waits_is_counted_by_copies() -> None:
    """Two stages, one slot per hop: sigma is 0 1 for F, 1 for B W U of the last layer, 2 for those of the first."""
    step = chain([(1, 1, 1, 0), (1, 1, 1, 0)], 2, size=10)
    assignment = stage_assignment(step, (0, 1))
    _, seed = SpikePipe(hop=Hop.SLOT, iterations=2).programs(step, FlatMessages())
    assert seed.assignment == assignment
    assert seed.offsets == (0, 1, 1, 1, 1, 2, 2, 2)
    first = 10 * 3 + 80 + 20  # mask of the first layer for two periods; its gradient and dW at once
    second = 10 + 80 + 20
    between = 10 * 2 + 80 * 2  # spikes up, gradient down, one hop each
    assert waiting_bytes(step, seed, seed.offsets) == first + second + between + 20  # and one version of weights
    order = tuple(tuple(sorted({job.task for job in jobs})) for jobs in seed.order)
    assert own_period(step, seed, order) == 3
