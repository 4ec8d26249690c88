"""Maximum cycle ratio against the enumeration of every simple circle."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from random import Random

import pytest

from simsnn.schedule.cycle_ratio import Arc, max_cycle_ratio


def circles(count: int, arcs: list[Arc]) -> Iterator[list[Arc]]:
    """Every simple circle, once, from its smallest node."""

    def walk(path: list[Arc], first: int, seen: set[int]) -> Iterator[list[Arc]]:
        for arc in arcs:
            if arc.source != path[-1].target:
                continue
            if arc.target == first:
                yield [*path, arc]
            elif arc.target > first and arc.target not in seen:
                yield from walk([*path, arc], first, seen | {arc.target})

    for first in range(count):
        for arc in arcs:
            if arc.source == first == arc.target:
                yield [arc]
            elif arc.source == first < arc.target:
                yield from walk([arc], first, {first, arc.target})


def brute_force(count: int, arcs: list[Arc]) -> Fraction:
    """Largest ratio over all circles."""
    found = [Fraction(sum(a.cycles for a in circle), sum(a.lag for a in circle)) for circle in circles(count, arcs)]
    return max(found, default=Fraction(0))


def random_arcs(rng: Random, count: int) -> list[Arc]:
    """Arcs without lag lead forward, so that no circle lacks one."""
    found = []
    for _ in range(rng.randint(0, 3 * count)):
        source, target = rng.randrange(count), rng.randrange(count)
        lag = rng.randint(0, 3) if source < target else rng.randint(1, 3)
        found.append(Arc(source, target, rng.randint(0, 50), lag))
    return found


@pytest.mark.parametrize("seed", range(150))
def test_equals_the_enumeration_of_all_circles(seed: int) -> None:
    rng = Random(seed)
    count = rng.randint(1, 7)
    arcs = random_arcs(rng, count)
    assert max_cycle_ratio(count, arcs) == brute_force(count, arcs)


def test_a_ratio_is_exact() -> None:
    arcs = [Arc(0, 1, 10**15, 0), Arc(1, 2, 1, 3), Arc(2, 0, 1, 4)]
    assert max_cycle_ratio(3, arcs) == Fraction(10**15 + 2, 7)


def test_a_circle_without_lag_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        max_cycle_ratio(3, [Arc(0, 1, 1, 0), Arc(1, 2, 1, 0), Arc(2, 0, 1, 0)])


def test_nothing_bounds_a_graph_without_circles() -> None:
    assert max_cycle_ratio(2, [Arc(0, 1, 5, 0)]) == 0
    assert max_cycle_ratio(0, []) == 0
