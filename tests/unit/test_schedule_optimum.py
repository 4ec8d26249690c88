"""The proven optimum against enumeration, and the search of SpikePipe against the optimum."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import product
from random import Random

import pytest

from simsnn.errors import ConfigError
from simsnn.schedule import optimum
from simsnn.schedule.optimum import optimal_load
from simsnn.schedule.spikepipe import SpikePipe
from simsnn.schedule.spikepipe_assign import assign
from simsnn.schedule.spikepipe_items import Items
from simsnn.schedule.spikepipe_search import least_load
from simsnn.schedule.step_graph import StepGraph
from tests.unit.spikepipe_samples import FlatMessages, chain, random_step


def brute_force(items: Items) -> int:
    """Least largest load over all assignments."""
    processors = range(len(items.cycles[0]))
    return min(max(items.loads(list(places))) for places in product(processors, repeat=len(items.tasks)))


def sample(seed: int) -> StepGraph:
    rng = Random(seed)
    layers = rng.randint(3, 8)
    return random_step(rng, layers, rng.randint(2, min(8, 2 * layers)), unequal=bool(seed % 3 == 0))


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_enumeration_of_all_assignments(seed: int) -> None:
    pytest.importorskip("ortools")
    rng = Random(seed)
    layers = rng.randint(1, 3)
    step = random_step(rng, layers, rng.randint(1, 3 if layers < 3 else 2), unequal=bool(seed % 2))
    items = Items.of(step)
    found = optimal_load(step, (0,) * len(step.tasks))
    assert found.proven
    assert found.load_cycles == brute_force(items) == max(items.loads(items.places_of(found.assignment)))
    assert found.load_cycles >= least_load(items)


def test_the_search_is_never_below_the_optimum_and_mostly_equals_it() -> None:
    pytest.importorskip("ortools")
    gaps: Counter[int] = Counter()
    for seed in range(40):
        step = sample(seed)
        items = Items.of(step)
        program = SpikePipe(iterations=1).programs(step, FlatMessages())[0]
        load = max(items.loads(items.places_of(program.assignment)))
        best = optimal_load(step, program.assignment, 5.0)
        assert best.bound_cycles <= load
        if best.proven:
            gaps[1000 * (load - best.load_cycles) // best.load_cycles] += 1
    logging.getLogger(__name__).info("search above the proven optimum, thousandths: %s", sorted(gaps.items()))
    assert gaps.total() >= 36
    assert gaps[0] >= 0.8 * gaps.total()
    # on equal processors no largest load that moves cannot lower is twice the least; here much less is seen
    assert max(gaps) < 1000


def test_an_assignment_that_meets_the_bound_needs_no_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "find_spec", lambda _: None)
    step = chain([(4, 4, 4, 0)] * 2, 3)
    (found, *_) = assign(Items.of(step), [0] * 6, 8, 5, 0)
    best = optimal_load(step, Items.of(step).assignment(list(found.places)))
    assert (best.load_cycles, best.proven) == (8, True)


def test_without_the_solver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"simsnn-accel\[solver\]"):
        optimal_load(chain([(3, 3, 3, 1)] * 2, 2), (0,) * 8)


def test_the_same_time_gives_the_same_result() -> None:
    pytest.importorskip("ortools")
    step = sample(4)
    one, other = (optimal_load(step, (0,) * len(step.tasks)) for _ in range(2))
    assert one == other
