"""Points: grid order, conditions, random sampling, repetitions."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsnn.config.sweep import RandomSampling
from simsnn.errors import ConfigError, Where
from simsnn.sweep.axes import Assignment, Axis
from simsnn.sweep.expression import Expression
from simsnn.sweep.points import Space, _sampled
from tests.sweep_files import AXES, plan_of


def axis(name: str, values: tuple[int, ...], path: str | None = None) -> Axis:
    return Axis(name, values, tuple((Assignment((path or name,), value),) for value in values), Where())


def test_the_last_axis_is_the_fastest_and_numbers_count_what_is_allowed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, more='where: "rows * columns <= 128"\n')
    found = [(point.point, *plan.space.labels(point.choice)) for point in plan.points]
    assert found == [(0, 8, 4), (1, 8, 8), (2, 16, 4), (3, 16, 8), (4, 32, 4)]


def test_a_condition_that_nothing_meets_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no point meets") as caught:
        plan_of(tmp_path, more='where: "rows > 100"\n')
    assert caught.value.where.line == 7


def test_a_grid_beyond_the_guard_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="6 points") as caught:
        plan_of(tmp_path, more="max_points: 5\n")
    assert "random" in caught.value.remedy


@pytest.mark.parametrize("where", ["", 'where: "rows != 16"\n'])
def test_random_points_are_distinct_allowed_and_repeatable(tmp_path: Path, where: str) -> None:
    more = where + "sampling: {kind: random, points: 3, seed: 7}\n"
    first, again = plan_of(tmp_path, more=more), plan_of(tmp_path, more=more)
    choices = [point.choice for point in first.points]
    assert len(set(choices)) == 3
    assert choices == [point.choice for point in again.points] == sorted(choices)
    assert all(first.space.allows(choice) for choice in choices)
    seeds = [plan_of(tmp_path, more=more.replace("seed: 7", f"seed: {seed}")).points for seed in range(8)]
    assert len(set(seeds)) > 1


def test_random_sampling_of_more_than_there_is_takes_everything(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, more="sampling: {kind: random, points: 100}\n")
    assert [point.choice for point in plan.points] == list(plan.space.grid())


def test_every_random_design_is_repeated_for_every_seed(tmp_path: Path) -> None:
    axes = AXES + "  - {name: seed, path: seed, values: [0, 1, 2]}\n"
    plan = plan_of(tmp_path, axes, "sampling: {kind: random, points: 2}\n")
    assert len(plan.points) == 6
    designs = {point.choice[:2] for point in plan.points}
    assert {point.choice for point in plan.points} == {(*d, s) for d in designs for s in range(3)}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 8), st.integers(1, 40), st.integers(0, 3))
def test_sampling_draws_from_the_grid(sizes: list[int], limit: int, points: int, seed: int) -> None:
    axes = tuple(axis(f"x{i}", tuple(range(size))) for i, size in enumerate(sizes))
    names = tuple(found.name for found in axes)
    space = Space(axes, Expression.parse(" + ".join(names) + f" <= {limit}", names))
    allowed = [c for c in itertools.product(*map(range, sizes)) if sum(c) <= limit]
    assert list(space.grid()) == allowed
    found = _sampled(RandomSampling(kind="random", points=points, seed=seed), space)
    assert len(found) == len(set(found)) == min(points, len(allowed))
    assert set(found) <= set(allowed)


def test_a_huge_space_is_sampled_without_listing_it() -> None:
    space = Space(tuple(axis(f"x{i}", tuple(range(1000))) for i in range(6)))
    found = _sampled(RandomSampling(kind="random", points=50, seed=1), space)
    assert len(set(found)) == 50
    assert max(index for choice in found for index in choice) > 900
