"""Points of a sweep: which combinations of axis values are run, and their numbers.

Combinations are in grid order, the last axis fastest; numbers count those that meet the condition. Proof:
``tests/unit/test_sweep_points.py``.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from simsnn.config.sweep import GeneticSampling, RandomSampling, SweepConfig
from simsnn.errors import ConfigError, Where
from simsnn.results.sweep_table import Scalar
from simsnn.sweep.axes import Axis
from simsnn.sweep.expression import Expression

Choice = tuple[int, ...]
"""Index of the value of every axis."""
LOOKED_AT = 2_000_000
"""Combinations that are tried before a condition counts as never met."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One point: its number in the table, and which value of each axis it takes."""

    point: int
    choice: Choice


@dataclass(frozen=True)
class Space:
    """All axes with the condition on them."""

    axes: tuple[Axis, ...]
    where: Expression | None = None

    @property
    def size(self) -> int:
        """Combinations, the condition left aside."""
        return math.prod(len(axis) for axis in self.axes)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Indices of the axes that only repeat; none where nothing but seeds is swept."""
        found = tuple(index for index, axis in enumerate(self.axes) if axis.seed)
        return found if len(found) < len(self.axes) else ()

    def labels(self, choice: Choice) -> tuple[Scalar, ...]:
        """What stands in the table for a choice."""
        return tuple(axis.labels[index] for axis, index in zip(self.axes, choice, strict=True))

    def allows(self, choice: Choice) -> bool:
        """Whether a choice meets the condition."""
        if self.where is None:
            return True
        return self.where.holds(dict(zip((axis.name for axis in self.axes), self.labels(choice), strict=True)))

    def grid(self) -> Iterator[Choice]:
        """Every combination that meets the condition."""
        ranges = [range(len(axis)) for axis in self.axes]
        return (choice for choice in itertools.product(*ranges) if self.allows(choice))

    def repeats(self, choice: Choice) -> tuple[Choice, ...]:
        """A choice with every combination of seeds in it."""
        ranges = [range(len(axis)) if i in self.seeds else (choice[i],) for i, axis in enumerate(self.axes)]
        return tuple(found for found in itertools.product(*ranges) if self.allows(found))


def space_of(config: SweepConfig, axes: tuple[Axis, ...], where: Where) -> Space:
    """The space of a sweep file; ``where`` is the place of its condition."""
    names = tuple(axis.name for axis in axes)
    return Space(axes, None if config.where is None else Expression.parse(config.where, names, where))


def points_of(config: SweepConfig, space: Space) -> tuple[SweepPoint, ...]:
    """Points of a grid or of random sampling; a genetic search finds its own.

    Raises
    ------
    ConfigError
        If there are none, or more than the sweep allows.
    """
    if isinstance(config.sampling, GeneticSampling):
        return ()
    if isinstance(config.sampling, RandomSampling):
        choices = _sampled(config.sampling, space)
    else:
        _check_size(config, space)
        choices = list(space.grid())
    if not choices:
        raise nothing_allowed(space)
    return tuple(SweepPoint(number, choice) for number, choice in enumerate(choices))


def nothing_allowed(space: Space) -> ConfigError:
    """No combination meets the condition."""
    assert space.where is not None  # without a condition every combination is a point
    return ConfigError(
        f"no point meets {space.where.text!r}", where=space.where.where, value=space.where.text, remedy="loosen it"
    )


def _check_size(config: SweepConfig, space: Space) -> None:
    count = space.size if space.where is None else sum(1 for _ in itertools.islice(space.grid(), config.max_points + 1))
    if count > config.max_points:
        raise ConfigError(
            f"the grid has {'more than ' if space.where else ''}{min(count, space.size):,} points",
            where=Where("axes"),
            value=count,
            allowed=(f"up to max_points = {config.max_points:,}",),
            remedy="sampling: {kind: random, points: ...} takes some of them",
        )


def _sampled(sampling: RandomSampling, space: Space) -> list[Choice]:
    """Distinct designs in the order of the grid; each is repeated for every seed."""
    rng = random.Random(sampling.seed)
    seeds = space.seeds
    sizes = [1 if index in seeds else len(axis) for index, axis in enumerate(space.axes)]
    total = math.prod(sizes)
    numbers = _shuffled(rng, total, sampling.points)
    designs: list[Choice] = []
    for number in itertools.islice(numbers, LOOKED_AT):
        choice = _unravel(number, sizes)
        if space.repeats(choice):
            designs.append(choice)
        if len(designs) == sampling.points:
            break
    return [choice for design in sorted(designs) for choice in space.repeats(design)]


def _shuffled(rng: random.Random, total: int, wanted: int) -> Iterator[int]:
    """Numbers below ``total``, each once, in random order."""
    if total <= 4 * wanted or total <= LOOKED_AT // 10:
        yield from rng.sample(range(total), total)
        return
    seen: set[int] = set()
    while len(seen) < total:
        number = rng.randrange(total)
        if number not in seen:
            seen.add(number)
            yield number


def _unravel(number: int, sizes: list[int]) -> Choice:
    found = []
    for size in reversed(sizes):
        number, index = divmod(number, size)
        found.append(index)
    return tuple(reversed(found))
