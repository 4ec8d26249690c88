"""A placed program, and how it was fused before: points that fuse the same pairs run in the same order.

Of operations of one shape one is cut, of pairs of one shape one is searched; the others follow them. Which consumer
moves behind its producer (:mod:`simsnn.mapping.pairs`) depends on nothing but which of the pairs that were asked for
are worth it. So where the answers are those of an earlier point, so is the order of the tasks. Only for plans that
cost the same whatever the activity, and leave no partial results.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from simsnn.mapping.build import map_one
from simsnn.mapping.mapped import MappedOperation, Placed
from simsnn.mapping.pairs import best_of_shape, joined
from simsnn.mapping.place import Placement
from simsnn.mapping.search import CutSearch
from simsnn.sweep.dense import is_dense
from simsnn.workload.operation import Operation

MOST_ORDERS = 16
"""Orders of one program that are remembered."""

ShapeNumber = Callable[[tuple[tuple[Operation, Placement], ...]], Hashable]
"""Number of the shape of an operation, or of a pair."""
Query = tuple[int, int]
"""Ids of the two operations of a pair that was asked for."""
_ALONE, _PRODUCER, _CONSUMER = range(3)


@dataclass(frozen=True)
class Order:
    """How a program ran once.

    Parameters
    ----------
    tasks : tuple of MappedOperation
        Its tasks then, in order.
    pairs : tuple of (int, int)
        Pieces of the first pair of every shape that was asked for.
    worth : tuple of bool
        Whether it was fused.
    sources : tuple of (int, int)
        For every task the kind of its piece, or the number of its pair's shape, and its role.
    """

    tasks: tuple[MappedOperation, ...]
    pairs: tuple[tuple[int, int], ...]
    worth: tuple[bool, ...]
    sources: tuple[tuple[int, int], ...]


class Program:
    """Operations of a step on their engines.

    Parameters
    ----------
    pieces : tuple of Placed
        In program order.
    users : tuple of frozenset of int
        Engines that touch each SRAM.
    shape : callable
        Numbers shapes.
    """

    def __init__(self, pieces: tuple[Placed, ...], users: tuple[frozenset[int], ...], shape: ShapeNumber) -> None:
        self.pieces, self.users = pieces, users
        numbers = [shape(((piece.operation, piece.placement),)) for piece in pieces]
        first: dict[Hashable, int] = {}
        for place, number in enumerate(numbers):
            first.setdefault(number, place)
        self._firsts = tuple(first.values())
        kinds = {number: kind for kind, number in enumerate(first)}
        self._kinds = tuple(kinds[number] for number in numbers)
        self._orders: list[Order] = []

    def repeated(self, search: CutSearch) -> tuple[tuple[MappedOperation, ...], tuple[MappedOperation, ...]] | None:
        """Tasks of an earlier point that ran in the order of this one, and what they are alike to now.

        None where there was none, or where only the whole program can tell.
        """
        if not self._orders:
            return None
        single = [map_one(self.pieces[place], search) for place in self._firsts]
        if not all(is_dense(item.choice.plan) and not partial_outputs(item) for item in single):
            return None
        for order in self._orders:
            found = self._as_then(order, single, search)
            if found is not None:
                return order.tasks, found
        return None

    def _as_then(
        self, order: Order, single: list[MappedOperation], search: CutSearch
    ) -> tuple[MappedOperation, ...] | None:
        pairs: list[tuple[MappedOperation, MappedOperation] | None] = []
        for (first, second), worth in zip(order.pairs, order.worth, strict=True):
            items = tuple(self._named(place, single[self._kinds[place]]) for place in (first, second))
            fused = best_of_shape(items[0], items[1], search)
            if (fused is not None) != worth:
                return None
            pairs.append(None if fused is None else joined(items[0], items[1], fused))
        found = []
        for number, role in order.sources:
            pair = pairs[number] if role != _ALONE else None
            found.append(single[number] if pair is None else pair[role == _CONSUMER])
        return tuple(found)

    def _named(self, place: int, item: MappedOperation) -> MappedOperation:
        """The operation at a place, cut as the first of its kind is."""
        operation = self.pieces[place].operation
        if item.operation is operation:
            return item
        plan = item.choice.plan.renamed(operation)  # type: ignore[attr-defined]
        return replace(item, operation=operation, options=(), choice=replace(item.choice, plan=plan))

    def learn(self, tasks: tuple[MappedOperation, ...], asked: list[Query], shape: ShapeNumber) -> None:
        """Remember how the program ran, if points like it can follow."""
        places = {id(piece.operation): place for place, piece in enumerate(self.pieces)}
        known = len(places) == len(self.pieces) == len(tasks)
        if len(self._orders) == MOST_ORDERS or not known or not all(map(_follows, tasks)):
            return
        firsts: dict[Hashable, tuple[int, int]] = {}
        for query in asked:
            pair = places[query[0]], places[query[1]]
            firsts.setdefault(shape(tuple((self.pieces[p].operation, self.pieces[p].placement) for p in pair)), pair)
        numbers = {number: which for which, number in enumerate(firsts)}
        worth = [False] * len(firsts)
        sources: list[tuple[int, int]] = []
        for place, item in enumerate(tasks):
            if item.fused is None:
                sources.append((self._kinds[places[id(item.operation)]], _ALONE))
                continue
            two = tasks[place - 1 : place + 1] if item.consumes else tasks[place : place + 2]
            which = numbers[shape(tuple((each.operation, each.placement) for each in two))]
            worth[which] = True
            sources.append((which, _CONSUMER if item.consumes else _PRODUCER))
        self._orders.append(Order(tasks, tuple(firsts.values()), tuple(worth), tuple(sources)))


def partial_outputs(item: MappedOperation) -> int:
    """Extra partial results that a plan leaves for the vector unit."""
    return int(getattr(item.choice.plan, "partial_outputs", 0))


def _follows(item: MappedOperation) -> bool:
    return is_dense(item.choice.plan) and not partial_outputs(item)
