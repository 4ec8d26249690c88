"""Offsets, delays and copies of periodic programs: D(l) = 2 S(l) with one slot per hop, and what a layout promises."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from simsnn.schedule.periodic import (
    Hop,
    Layout,
    contiguous_order,
    depth,
    derive_offsets,
    stage_assignment,
    staleness,
    unroll,
)
from simsnn.schedule.program import Job, Weights
from simsnn.schedule.step_graph import StepGraph
from tests.unit.spikepipe_samples import FlatMessages, chain, random_plan, random_step


def stages_behind(cuts: tuple[int, ...], layers: int) -> list[int]:
    """S(l): stages behind the stage of layer l."""
    found: list[int] = []
    for stage, (first, last) in enumerate(pairwise((*cuts, layers))):
        found += [len(cuts) - 1 - stage] * (last - first)
    return found


@pytest.mark.parametrize("weights", Weights)
@pytest.mark.parametrize("cuts", [(0,), (0, 1, 2, 3, 4, 5), (0, 2, 4), (0, 1, 5), (0, 4)])
def test_one_slot_per_hop_delays_by_twice_the_stages_behind(cuts: tuple[int, ...], weights: Weights) -> None:
    step = chain([(7, 11, 5, 1), (3, 9, 8, 0), (20, 1, 1, 1), (4, 4, 4, 4), (9, 2, 6, 0), (5, 5, 5, 5)], len(cuts))
    assignment = stage_assignment(step, cuts)
    order = contiguous_order(step, assignment)
    offsets = derive_offsets(step, assignment, order, hop=Hop.SLOT)
    behind = stages_behind(cuts, 6)
    found = staleness(step, assignment, order, offsets, hop=Hop.SLOT, weights=weights)
    assert found.forward == tuple(2 * stages for stages in behind)
    kept = depth(step, offsets, weights)
    assert kept.stash == tuple(2 * stages + 1 for stages in behind)
    if weights is Weights.STASHED:
        assert found.backward == found.forward
        assert kept.weight_versions == (1, *(2 * stages + 1 for stages in behind[1:]))
    else:
        # U has run by the time B of the next iteration comes, on the same processor
        assert set(found.backward) <= {0, *found.forward}
        assert found.backward[1:] == (0,) * 5
        assert kept.weight_versions == (1,) * 6


def test_the_reference_counts_two_periods_per_layer_behind() -> None:
    """One layer per stage: D(l) = 2 (L - l), layers counted from 1."""
    step = chain([(4, 4, 4, 0)] * 5, 5)
    assignment = stage_assignment(step, (0, 1, 2, 3, 4))
    order = contiguous_order(step, assignment)
    offsets = derive_offsets(step, assignment, order, hop=Hop.SLOT)
    delays = staleness(step, assignment, order, offsets, hop=Hop.SLOT, weights=Weights.STASHED)
    assert delays.forward == (8, 6, 4, 2, 0)
    for layer, delay in zip(step.layers, delays.forward, strict=True):
        assert offsets[layer.gradient] - offsets[layer.forward] == delay


def test_backward_first_halves_the_delays_where_a_hop_need_not_cost_a_period() -> None:
    """Two equal stages, F 1 cycle, the rest 2: the order B W F of 1F1B is one update behind, not two."""
    step = chain([(1, 1, 1, 0), (1, 1, 1, 0)], 2)
    first, second = step.layers
    assignment = stage_assignment(step, (0, 1))
    order = (
        (first.backward, first.gradient, first.update, first.forward),
        (second.forward, second.backward, second.gradient, second.update),
    )
    delays = [
        staleness(step, assignment, order, offsets, hop=hop, weights=Weights.STASHED).forward
        for hop in Hop
        for offsets in [derive_offsets(step, assignment, order, hop=hop)]
    ]
    assert delays == [(1, 0), (1, 0)]
    program_order = contiguous_order(step, assignment)
    offsets = derive_offsets(step, assignment, program_order, hop=Hop.EARLIEST)
    late = staleness(step, assignment, program_order, offsets, hop=Hop.EARLIEST, weights=Weights.STASHED)
    assert late.forward == (2, 0)


def test_one_processor_in_program_order_is_sequential_training() -> None:
    step = random_step(Random(1), 5, 1)
    assignment = (0,) * len(step.tasks)
    order = contiguous_order(step, assignment)
    program = unroll(
        step, "one", assignment, order, derive_offsets(step, assignment, order, hop=Hop.EARLIEST), 3,
        Weights.STASHED, hop=Hop.EARLIEST,
    )  # fmt: skip
    assert program.staleness == (0,) * 5
    assert program.order == (tuple(Job(task, n) for n in range(3) for task in range(len(step.tasks))),)


def needs(step: StepGraph, delays: tuple[tuple[int, ...], tuple[int, ...]]) -> list[tuple[int, int, int, int]]:
    """(producer, reader, iterations between, bytes): what the layout must obey, written out."""
    found = [(edge.source, edge.target, 0, edge.bytes) for edge in step.edges]
    for number, layer in enumerate(step.layers):
        found.append((layer.update, layer.forward, 1 + delays[0][number], layer.weight_bytes))
        if layer.backward_reads_weights:
            found.append((layer.update, layer.backward, 1 + delays[1][number], layer.weight_bytes))
    return found


@pytest.mark.parametrize("weights", Weights)
@pytest.mark.parametrize("seed", range(40))
def test_the_layout_repeated_obeys_every_dependence_and_no_smaller_delay_does(seed: int, weights: Weights) -> None:
    rng = Random(seed)
    step = random_step(rng, rng.randint(1, 6), rng.randint(1, 5), unequal=bool(seed % 2))
    assignment, order = random_plan(rng, step)
    links = FlatMessages(rng.choice((0, 3, 400)), rng.choice((1, 16)))
    layout = Layout.of(step, assignment, order)
    offsets = derive_offsets(step, assignment, order, hop=Hop.EARLIEST, messages=links)
    found = staleness(step, assignment, order, offsets, hop=Hop.EARLIEST, weights=weights, messages=links)

    def slack(source: int, target: int, lag: int, size: int) -> int:
        message = links.alone_cycles(assignment[source], assignment[target], size)
        periods = lag + offsets[target] - offsets[source]
        return periods * layout.period_cycles + layout.start[target] - layout.finish[source] - message

    for need in needs(step, (found.forward, found.backward)):
        assert slack(*need) >= 0
    for number, layer in enumerate(step.layers):
        readers = [(layer.forward, found.forward[number])]
        if layer.backward_reads_weights and weights is Weights.LATEST:
            readers.append((layer.backward, found.backward[number]))
            assert found.backward[number] <= found.forward[number]
        for reader, delay in readers:
            # one update less, and the reader would start before the weights are there (or with U, at no cycles)
            assert delay == 0 or slack(layer.update, reader, delay, layer.weight_bytes) <= 0


@pytest.mark.parametrize("hop", Hop)
def test_a_period_runs_each_task_for_the_iteration_its_offset_says(hop: Hop) -> None:
    rng = Random(9)
    step = random_step(rng, 4, 3)
    assignment, order = random_plan(rng, step)
    offsets = derive_offsets(step, assignment, order, hop=hop)
    program = unroll(step, "any", assignment, order, offsets, 7, Weights.LATEST, hop=hop)
    for processor, jobs in enumerate(program.order):
        keys = [
            (job.iteration + offsets[job.task], order[processor].index(job.task)) for job in jobs
        ]  # ascending: no period begins before the one before it has ended
        assert keys == sorted(set(keys))
        assert {job.task for job in jobs} == set(order[processor])
        assert len(jobs) == 7 * len(order[processor])


def test_refuses_what_is_no_order_and_offsets_that_are_too_small() -> None:
    step = chain([(1, 1, 1, 1), (1, 1, 1, 1)], 2)
    assignment = stage_assignment(step, (0, 1))
    order = contiguous_order(step, assignment)
    with pytest.raises(ValueError, match="in no order"):
        Layout.of(step, assignment, (order[0], order[1][1:]))
    with pytest.raises(ValueError, match="by mistake"):
        Layout.of(step, assignment, (order[1], order[0]))
    with pytest.raises(ValueError, match="too small"):
        unroll(step, "early", assignment, order, (0,) * 8, 2, Weights.STASHED, hop=Hop.SLOT)
