"""Maximum cycle ratio: the least period at which a repeated graph of tasks can run.

A graph repeats once per period. An arc u -> v of ``cycles`` c and ``lag`` k says that v in period n
starts no earlier than c after the start of u in period n - k. Then no schedule is faster than

    Lambda* = max over circles of (sum of c) / (sum of k)

and one with that period exists. Found exactly: from a circle's ratio lambda to the next circle of positive
length under c - lambda k, by longest paths (Bellman-Ford), until there is none. Equal to the
enumeration of all circles (tests/unit/test_cycle_ratio.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Arc(NamedTuple):
    """``target`` of period n starts at least ``cycles`` after ``source`` of period n - ``lag``."""

    source: int
    target: int
    cycles: int
    lag: int


def max_cycle_ratio(count: int, arcs: Sequence[Arc]) -> Fraction:
    """Largest ratio of cycles to lag.

    Parameters
    ----------
    count : int
        Nodes 0 .. count - 1.
    arcs : sequence of Arc
        Cycles and lags are not negative. Fastest where arcs without lag stand in an order in which what
        leads into a node comes before what leads out of it.

    Returns
    -------
    Fraction
        0 for a graph without circles.

    Raises
    ------
    ValueError
        If a circle takes time but has no lag: nothing can run it.
    """
    ratio = Fraction(0)
    while True:
        circle = _positive_circle(count, arcs, ratio)
        if circle is None:
            return ratio
        lag = sum(arc.lag for arc in circle)
        if lag == 0:
            raise ValueError(f"tasks wait for each other in a circle: {[arc.source for arc in circle]}")
        ratio = Fraction(sum(arc.cycles for arc in circle), lag)


def _positive_circle(count: int, arcs: Sequence[Arc], ratio: Fraction) -> list[Arc] | None:
    """A circle whose cycles exceed ratio x lag, or None."""
    top, bottom = ratio.numerator, ratio.denominator
    weighted = [(arc.source, arc.target, arc.cycles * bottom - top * arc.lag, i) for i, arc in enumerate(arcs)]
    length = [0] * count
    parent = [-1] * count
    changed = True
    while changed:
        changed = False
        for source, target, weight, i in weighted:
            reached = length[source] + weight
            if reached > length[target]:
                length[target], parent[target] = reached, i
                changed = True
        if changed:
            circle = _circle_of_parents(parent, arcs)
            if circle is not None:
                return circle
    return None


def _circle_of_parents(parent: list[int], arcs: Sequence[Arc]) -> list[Arc] | None:
    """The arcs by which nodes got their lengths close a circle only where it is positive."""
    seen = [-1] * len(parent)
    for first in range(len(parent)):
        node = first
        while seen[node] < 0 and parent[node] >= 0:
            seen[node] = first
            node = arcs[parent[node]].source
        if seen[node] == first and parent[node] >= 0:
            circle: list[Arc] = []
            end = node
            while not circle or node != end:
                circle.append(arcs[parent[node]])
                node = circle[-1].source
            return circle[::-1]
    return None
