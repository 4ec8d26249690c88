"""The search of SpikePipe: which processor does which unsplit task, in which order, at which delays.

1. Least largest load (:mod:`simsnn.schedule.spikepipe_assign`), down to the larger of the resource bound
   and the largest item: no assignment has less.
2. Per assignment that reaches it, an order within the period (:mod:`simsnn.schedule.spikepipe_order`).
3. Offsets, delays and copies follow (:mod:`simsnn.schedule.periodic`).

Kept is the shortest period; then the least memory for what waits, stash and weight versions; then the least
bytes between processors. The period is exact where messages do not hinder each other: the
largest load with ``hop: earliest``; with one slot per hop a message longer than a period can make it longer,
which the circles of the program tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from simsnn.schedule.bounds import own_period, resource_bound
from simsnn.schedule.periodic import Hop, offsets_of, unroll_layout
from simsnn.schedule.program import MessageCosts, PipelineProgram, Weights
from simsnn.schedule.spikepipe_assign import Assigned, assign
from simsnn.schedule.spikepipe_items import Items
from simsnn.schedule.spikepipe_order import arrange, program_order
from simsnn.schedule.step_graph import StepGraph

_MOST_CANDIDATES = 3


@dataclass(frozen=True)
class Effort:
    """How long to search.

    Parameters
    ----------
    kicks : int
        Random restarts of the assignment.
    trials : int
        Random changes of the order, shared by the candidate assignments.
    seed : int
        Of all random choices.
    """

    kicks: int
    trials: int
    seed: int


@dataclass(frozen=True)
class Candidate:
    """One program with what it is judged by.

    Parameters
    ----------
    program : PipelineProgram
        Ready to be simulated.
    order : tuple of tuple of int, per processor
        Task ids of one period.
    period_cycles : Fraction
        Messages alone on the links.
    waiting_bytes : int
        Tensors and weight versions that wait between periods, each on every processor that reads it.
    crossing_bytes : int
        Bytes between items on different processors.
    """

    program: PipelineProgram
    order: tuple[tuple[int, ...], ...]
    period_cycles: Fraction
    waiting_bytes: int
    crossing_bytes: int


class _Remembered:
    """Message times, asked once each: routes are long to find."""

    def __init__(self, messages: MessageCosts) -> None:
        self._messages = messages
        self._known: dict[tuple[int, int, int], int] = {}

    def alone_cycles(self, source: int, destination: int, size_bytes: int) -> int:
        """As the links say."""
        key = (source, destination, size_bytes)
        if key not in self._known:
            self._known[key] = self._messages.alone_cycles(source, destination, size_bytes)
        return self._known[key]


def least_load(items: Items) -> int:
    """No assignment of the items has a smaller largest load."""
    return max(resource_bound(items.cycles), max(min(cycles) for cycles in items.cycles))


def search(
    step: StepGraph,
    messages: MessageCosts,
    contiguous: tuple[int, ...],
    *,
    name: str,
    iterations: int,
    weights: Weights,
    hop: Hop,
    effort: Effort,
) -> Candidate:
    """Best program found.

    Parameters
    ----------
    step : StepGraph
        Tasks and tensors.
    messages : MessageCosts
        Times of the links.
    contiguous : tuple of int, per task
        Assignment of the best contiguous partition, where the search starts; its largest load is an upper
        bound of the result's.
    name, iterations, weights, hop : str, int, Weights, Hop
        Of the program.
    effort : Effort
        How long to search.
    """
    items = Items.of(step)
    links = _Remembered(messages)
    found = assign(items, items.places_of(contiguous), least_load(items), effort.kicks, effort.seed)
    chosen = sorted(found, key=lambda one: items.crossing_bytes(list(one.places)))[:_MOST_CANDIDATES]
    share = Effort(effort.kicks, effort.trials // len(chosen), effort.seed)
    candidates = [_candidate(step, links, items, one, name, iterations, weights, hop, share) for one in chosen]
    return min(candidates, key=lambda one: (one.period_cycles, one.waiting_bytes, one.crossing_bytes))


def _candidate(
    step: StepGraph,
    links: MessageCosts,
    items: Items,
    assigned: Assigned,
    name: str,
    iterations: int,
    weights: Weights,
    hop: Hop,
    effort: Effort,
) -> Candidate:
    places = list(assigned.places)
    assignment = items.assignment(places)
    if hop is Hop.SLOT:
        arranged = program_order(step, assignment)
    else:
        arranged = arrange(step, assignment, links, weights, effort.trials, effort.seed)
    order, layout = arranged.order, arranged.layout
    offsets = offsets_of(step, layout, hop, links)
    program = unroll_layout(step, name, layout, order, offsets, iterations, weights, hop=hop, messages=links)
    period = Fraction(layout.period_cycles) if hop is Hop.EARLIEST else own_period(step, program, order, links)
    return Candidate(
        program=program,
        order=order,
        period_cycles=period,
        waiting_bytes=waiting_bytes(step, program, offsets),
        crossing_bytes=items.crossing_bytes(places),
    )


def waiting_bytes(step: StepGraph, program: PipelineProgram, offsets: tuple[int, ...]) -> int:
    """Bytes that wait between periods: copies of each tensor per processor that reads it, and weight versions.

    A tensor has as many copies as periods lie between its producer and its last reader there, and one.
    """
    copies: dict[tuple[int, str, int], tuple[int, int]] = {}
    for edge in step.edges:
        key = (edge.source, edge.tensor, program.assignment[edge.target])
        periods = offsets[edge.target] - offsets[edge.source] + 1
        copies[key] = (edge.bytes, max(periods, copies.get(key, (0, 0))[1]))
    versions = 0
    if program.weights is Weights.STASHED:
        for layer in step.layers:
            if layer.backward_reads_weights:
                versions += layer.weight_bytes * (offsets[layer.backward] - offsets[layer.forward] + 1)
    return sum(size * count for size, count in copies.values()) + versions
