"""Optimal contiguous partition of a sequence over processors, by dynamic programming.

Items 0 .. n-1 are cut into P runs of at least one item, run p on processor p. With c(i, p) the cycles
of item i on processor p, the cut makes the largest load least:

    best(p, i) = min over j in i+1 .. n-(P-1-p) of max( c(i, p) + .. + c(j-1, p), best(p+1, j) )
    best(P-1, i) = c(i, P-1) + .. + c(n-1, P-1)

Among the cuts with the least largest load the lexicographically smallest is taken: every run is
as short as it may be, first runs first. Processors keep their order, equal or not. Proven against
every possible cut (tests/unit/test_schedule_partition.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from simsnn.schedule.pipelined import too_many_processors
from simsnn.schedule.step_graph import StepGraph


def contiguous_partition(cycles: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """First item of each processor's run.

    Parameters
    ----------
    cycles : sequence of sequence of int, [item][processor]
        Cycles of each item on each processor, at least as many items as processors.

    Returns
    -------
    tuple of int, per processor
        Ascending from 0.
    """
    items, processors = len(cycles), len(cycles[0])
    if items < processors:
        raise ValueError(f"{items} items for {processors} processors")
    sums = [list(accumulate((item[p] for item in cycles), initial=0)) for p in range(processors)]
    best = _best_from(sums, items, processors)
    goal, cuts, first = best[0][0], [0], 0
    for p in range(processors - 1):
        ends = range(first + 1, items - (processors - 1 - p) + 1)
        first = next(j for j in ends if sums[p][j] - sums[p][first] <= goal and best[p + 1][j] <= goal)
        cuts.append(first)
    return tuple(cuts)


def _best_from(sums: list[list[int]], items: int, processors: int) -> list[list[int]]:
    """``best[p][i]``: least largest load of items i .. on processors p ..; other entries are not used."""
    best = [[0] * (items + 1) for _ in range(processors)]
    best[-1] = [sums[-1][items] - before for before in sums[-1]]
    for p in range(processors - 2, -1, -1):
        behind, load = best[p + 1], sums[p]
        last = items - (processors - 1 - p)
        for i in range(p, last):
            base = load[i]
            least = max(load[i + 1] - base, behind[i + 1])
            for j in range(i + 2, last + 1):
                mine = load[j] - base
                if mine >= least:
                    break
                least = min(least, max(mine, behind[j]))
            best[p][i] = least
    return best


def loads(cycles: Sequence[Sequence[int]], cuts: tuple[int, ...]) -> tuple[int, ...]:
    """Cycles of each processor's run."""
    runs = pairwise((*cuts, len(cycles)))
    return tuple(sum(item[p] for item in cycles[first:last]) for p, (first, last) in enumerate(runs))


def layer_cycles(step: StepGraph, micro_batches: int = 1) -> tuple[tuple[int, ...], ...]:
    """Cycles of one iteration of each layer on each processor: m (F + B + W) + U."""
    found = []
    for layer in step.layers:
        often = [step.tasks[task].cycles for task in (layer.forward, layer.backward, layer.gradient)]
        once = step.tasks[layer.update].cycles
        found.append(tuple(micro_batches * sum(task[p] for task in often) + once[p] for p in range(step.processors)))
    return tuple(found)


def layer_cuts(step: StepGraph, kind: str, micro_batches: int = 1) -> tuple[int, ...]:
    """First layer of each stage of the optimal contiguous partition, one stage per processor.

    Raises
    ------
    ConfigError
        If there are more processors than layers with weights.
    """
    if step.processors > len(step.layers):
        raise too_many_processors(kind, step.processors, len(step.layers), "layers with weights")
    return contiguous_partition(layer_cycles(step, micro_batches))
