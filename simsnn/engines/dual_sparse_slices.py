"""Which weights are resident at a time: slices of input and output channels in private copies.

With W words per group, KK taps, P_c lanes (docs/machines section 5): c_t is the largest multiple of
P_c, cut off at Ci/g, with which all of Co/g fits; if P_c channels do not fit, c_t = P_c and Co/g is cut
into the fewest balanced slices that do. A channel of a slice lies in lane bank c mod P_c, so a slice
occupies KK * co_t * ceil(c_t / P_c) words of every lane bank. The order is conv group, c-slice, co-slice.

Proof: ``tests/unit/test_dual_sparse.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.errors import CapacityError
from simsnn.workload.operation import ConvGeometry

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class WeightSlices:
    """Slices of one layer.

    Parameters
    ----------
    c, co : tuple of (int, int)
        Half-open channel ranges over all conv groups: results, and gradients that are summed.
    pairs : tuple of (int, int)
        Index of the c-slice and of the co-slice of every slice pair, in processing order.
    co_per_group : int
        Co-slices that one result is summed over.
    group_channels : int
        Result channels of a conv group.
    """

    c: tuple[Range, ...]
    co: tuple[Range, ...]
    pairs: tuple[tuple[int, int], ...]
    co_per_group: int
    group_channels: int

    def channels(self, pair: int) -> Range:
        """Result channels of a slice pair."""
        return self.c[self.pairs[pair][0]]

    def outputs(self, pair: int) -> Range:
        """Channels of the neuron-input gradient that a slice pair sums over."""
        return self.co[self.pairs[pair][1]]

    def first_of_sum(self, pair: int) -> bool:
        """True where no co-slice came before."""
        return self.pairs[pair][1] % self.co_per_group == 0

    def last_of_sum(self, pair: int) -> bool:
        """True where the results of a slice pair are complete."""
        return self.pairs[pair][1] % self.co_per_group == self.co_per_group - 1


def least_words(config: DualSparseConfig, geometry: ConvGeometry) -> int:
    """Words of the smallest slice: one output channel for every lane."""
    return geometry.taps * config.lanes


def weight_slices(config: DualSparseConfig, geometry: ConvGeometry) -> WeightSlices:
    """Slices of a layer on an engine.

    Raises
    ------
    CapacityError
        If not even one output channel for every lane fits a group's words.
    """
    least, lanes = least_words(config, geometry), config.lanes
    if least > config.weight_words:
        message = f"{config.name}: {geometry.taps} taps x {lanes} lanes do not fit the weights of a group"
        levers = (f"weight_words: {least} or more", f"at most {config.weight_words // geometry.taps} lanes")
        raise CapacityError(message, demand=least, bound=config.weight_words, unit="words", levers=levers)
    outputs, channels = geometry.out_channels // geometry.groups, geometry.in_channels // geometry.groups
    multiples = config.weight_words // (least * outputs)
    step = min(channels, max(1, multiples) * lanes)
    cuts = 1 if multiples else -(-outputs // (config.weight_words // least))
    c_bounds = [*range(0, channels, step), channels]
    co_bounds = [outputs * cut // cuts for cut in range(cuts + 1)]
    starts = range(geometry.groups)
    c = tuple((g * channels + a, g * channels + b) for g in starts for a, b in pairwise(c_bounds))
    co = tuple((g * outputs + a, g * outputs + b) for g in starts for a, b in pairwise(co_bounds))
    per_group = len(c_bounds) - 1
    pairs = tuple((g * per_group + i, g * cuts + j) for g in starts for i in range(per_group) for j in range(cuts))
    return WeightSlices(c, co, pairs, cuts, channels)
