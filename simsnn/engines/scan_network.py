"""The scan network of a vector unit: first-order recurrences over time, many steps per issue.

Machine (docs/machines section 6, parallel units). The first S = 2^floor(log2 L) of the L lanes hold
consecutive time steps of a neuron, in the order in which the recurrence runs (backwards: t
descending). A *segment* of m = min(T, S) lanes is one neuron; where T < S, floor(S / T) neurons share
an issue, where T > S a neuron takes ceil(T / S) *rounds*, the last of which may be shorter. The
elementwise part of a pass runs as ever: it occupies the operation stage for II edges, from the declared
counts, and leaves through ``pipeline_cycles`` - 1 registers. Behind it stand ``scan_networks``
Kogge-Stone networks in a row; an operation with q chained recurrences

    y[t] = a y[t-1] + x[t],  the input of each made from the result of the one before,

passes q of them. Stage s = 0, 1, ... of a network takes one edge and adds a^(2^s) times lane i - 2^s to
lane i of a segment, for i >= 2^s; ceil(log2 m) stages make all sums of a segment, the further stages of
a wider network are bypassed. The coefficient is a constant of the operation, its powers are stored. A
pass registers its results

    d = pipeline_cycles + II - 1 + q ceil(log2 m)

edges after its issue. The last lane's q results are the carry of the neuron. Round j + 1 of a neuron
issues when the carry of round j is written: it reads the carry at its issue, and in front of each
network lane 0 adds a times the carry, in a multiply-adder of its own and without an edge of its own. So
a scan is the recurrence of the vector unit with rounds for time steps and neurons for elements, with
n = ceil(neurons / neurons per issue) slots and W = rounds - 1::

    t_outer  W max(n II, d) + (n - 1) II + d
    t_inner  q' (W max(b II, d) + b II) + W max(r II, d) + (r - 1) II + d

cycles for q' full resident blocks of b = ``block_slots`` slots and a last one of r. Counted besides the
declared arithmetic: one multiply and one add per lane that adds in a stage, and per carry that is taken
up. Assumed: arithmetic between two chained recurrences (a table read, a shift by a lane) is part of the
declared counts and of ``pipeline_cycles``; a scan covers all T.

Proof: ``tests/reference/test_scan.py``, against ``simsnn/reference/scan.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import CycleBreakdown


def network_lanes(lanes: int) -> int:
    """S, the largest power of two not above the lanes."""
    return 1 << (lanes.bit_length() - 1)


def stages_of(segment: int) -> int:
    """Stages of a network that sum up a segment: ceil(log2 segment)."""
    return (segment - 1).bit_length()


def combining_lanes(segment: int) -> int:
    """Lanes that add, over all stages of one pass of one segment."""
    return sum(segment - (1 << stage) for stage in range(stages_of(segment)))


@dataclass(frozen=True, slots=True)
class ScanShape:
    """How the steps of one operation lie in the lanes.

    Parameters
    ----------
    lanes : int
        S, lanes of the network.
    steps : int
        T.
    chained : int
        Recurrences of the operation, one behind the other.
    """

    lanes: int
    steps: int
    chained: int

    @property
    def segment(self) -> int:
        """Lanes of one neuron in a full round, m."""
        return min(self.steps, self.lanes)

    @property
    def neurons_per_issue(self) -> int:
        """Neurons that share an issue."""
        return self.lanes // self.segment

    @property
    def rounds(self) -> int:
        """Issues that a neuron takes one after another."""
        return -(-self.steps // self.lanes)

    @property
    def latency(self) -> int:
        """Edges that the networks add to a pass."""
        return self.chained * stages_of(self.segment)

    def formula(self, slots: int, neurons: int, interval: int, latency: int, parts: CycleBreakdown) -> str:
        """Slots, rounds, interval and latency with their numbers, and what they add up to."""
        return (
            f"n = {slots:,} issue slots of {self.neurons_per_issue} x {self.segment} lanes for {neurons:,} neurons,"
            f" T = {self.steps} in {self.rounds} rounds, II = {interval},"
            f" d = {latency} with {self.chained} x {stages_of(self.segment)} scan stages\n"
            f"stream n rounds II = {parts.stream:,} + waits for carries {parts.reload:,}"
            f" + drain d - II = {parts.drain:,} = {parts.total:,} cycles"
        )

    @property
    def additions(self) -> int:
        """Multiply-adds per neuron beyond the declared arithmetic: in the networks, and for carries."""
        rest = self.steps - (self.rounds - 1) * self.lanes
        sums = (self.rounds - 1) * combining_lanes(self.segment) + combining_lanes(rest)
        return self.chained * (sums + self.rounds - 1)
