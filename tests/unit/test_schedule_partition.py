"""The contiguous partition against every possible cut, and the refusal of too many processors."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from simsnn.errors import ConfigError, ExitCode
from simsnn.schedule.layerpipe import task_sequence
from simsnn.schedule.partition import contiguous_partition, layer_cuts, layer_cycles, loads
from simsnn.workload.operation import Pass
from tests.naive.step_graphs import random_step, step_graph


def every_cut(items: int, processors: int) -> list[tuple[int, ...]]:
    return [(0, *inner) for inner in combinations(range(1, items), processors - 1)]


@pytest.mark.parametrize("seed", range(150))
def test_no_cut_is_better_and_of_equal_cuts_the_first_is_taken(seed: int) -> None:
    rng = Random(seed)
    items = rng.randint(1, 9)
    processors = rng.randint(1, items)
    most = rng.choice((2, 20))
    cycles = [tuple(rng.randint(0, most) for _ in range(processors)) for _ in range(items)]
    found = contiguous_partition(cycles)
    # combinations come in lexicographic order and min takes the first of equals
    assert found == min(every_cut(items, processors), key=lambda cuts: max(loads(cycles, cuts)))


def test_the_order_of_unequal_processors_counts() -> None:
    """Processor 0 is ten times slower on everything: it gets one item of four."""
    cycles = [(10, 1)] * 4
    assert contiguous_partition(cycles) == (0, 1)
    assert loads(cycles, (0, 1)) == (10, 3)


def test_of_two_cuts_with_the_same_largest_load_the_first_run_is_the_shorter() -> None:
    assert contiguous_partition([(1, 1)] * 3) == (0, 1)


def test_a_layer_is_all_its_passes_and_its_update_counts_once() -> None:
    passes = {Pass.F: (2, 20), Pass.B: (3, 30), Pass.W: (5, 50), Pass.U: (7, 70)}
    step = step_graph([passes], 2)
    assert layer_cycles(step) == ((17, 170),)
    assert layer_cycles(step, micro_batches=4) == ((47, 470),)


def test_more_processors_than_layers_are_refused_with_what_would_fit() -> None:
    step = random_step(Random(1), 3, 5)
    with pytest.raises(ConfigError) as refusal:
        layer_cuts(step, "gpipe")
    assert refusal.value.exit_code is ExitCode.BAD_INPUT
    assert refusal.value.where.path == "hardware.processors"
    assert refusal.value.value == 5
    assert refusal.value.allowed == ("1 to 3 processors",)
    assert "3 layers with weights, there are 5 processors" in str(refusal.value)


def test_fewer_items_than_processors_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1 items for 2 processors"):
        contiguous_partition([(1, 1)])


def test_the_sequence_of_layerpipe_keeps_an_update_with_its_gradient() -> None:
    step = random_step(Random(2), 2, 1)
    names = [tuple(step.tasks[task].name for task in item) for item in task_sequence(step)]
    assert names == [("l0 F",), ("l1 F",), ("l1 B",), ("l1 W", "l1 U"), ("l0 B",), ("l0 W", "l0 U")]
