"""Delayed gradients: training with the weight versions that a pipelined schedule implies.

Version k of a layer's weights is what the updates of batches 0 .. k-1 have made of them. With the
delays D (forward) and Db (backward) of a layer, batch n = 0, 1, ...

    forward           reads version  max(0, n - D)
    backward          reads version  max(0, n - Db),   0 <= Db <= D
    update n          W[n+1] = optimizer(W[n], gradient of batch n)

so the gradient of batch n, taken at the versions above, changes the newest weights. Stashed weights
have Db = D, which makes it the exact gradient at one old version; with latest weights Db < D, and
forward and backward disagree. D = Db = 0 everywhere is plain training, bit for bit. Batches are
counted over the whole training: an epoch ends without emptying the pipeline. Until D updates exist,
a layer reads its initial weights.

What the update uses is that of its own time: learning rate, momentum, Adam's moments and weight
decay are those of update n and of the newest weights; only the gradient is old. The stored moments
of a normalisation follow the batches in their order and have no versions; test accuracy is that of
the newest weights.

A normalisation belongs to the layer with weights behind which it stands (behind a sum: to the last
of those that lead there), and its scale and shift share that layer's delays.

Proof: ``tests/unit/test_training_delayed.py`` (against ``tests/naive/delayed.py``, which keeps
every version of everything).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.training.parameters import Layout
from simsnn.workload.network import Network
from simsnn.workload.weight_groups import weight_groups

Array = NDArray[Any]


class DelayConvention(StrEnum):
    """How many updates a layer's gradient is late, for S stages behind its own."""

    ONE_F_ONE_B = "one_f_one_b"
    RETIMED = "retimed"

    @property
    def updates_per_stage(self) -> int:
        """1: a stage runs one backward pass per forward pass; 2: every hop, there and back, takes a whole period."""
        return 1 if self is DelayConvention.ONE_F_ONE_B else 2


@dataclass(frozen=True, slots=True)
class Delays:
    """Updates by which each layer with weights reads old weights.

    Parameters
    ----------
    forward : tuple of int, per layer with weights
        D: the forward pass of batch n reads version max(0, n - D).
    backward : tuple of int, per layer with weights
        Db: the same for the backward pass; D for stashed weights, less for the latest ones.

    Raises
    ------
    ConfigError
        For delays of different lengths, below 0, or Db > D.
    """

    forward: tuple[int, ...]
    backward: tuple[int, ...]

    def __post_init__(self) -> None:
        pairs = tuple(zip(self.forward, self.backward, strict=False))
        if len(self.forward) != len(self.backward) or any(not 0 <= late <= early for early, late in pairs):
            raise ConfigError(
                f"forward delays {list(self.forward)} do not go with backward delays {list(self.backward)}",
                where=Where(path="schedule"),
                allowed=("0 <= backward <= forward in every layer",),
            )

    @classmethod
    def none(cls, network: Network) -> Delays:
        """No delay in any layer."""
        return cls.stashed(tuple(0 for _ in network.weight_layers))

    @classmethod
    def stashed(cls, forward: tuple[int, ...]) -> Delays:
        """Backward reads what forward has read."""
        return cls(forward, forward)

    @classmethod
    def latest(cls, forward: tuple[int, ...]) -> Delays:
        """Backward reads the newest weights: all updates of earlier batches are made where it runs."""
        return cls(forward, tuple(0 for _ in forward))

    def check_fits(self, network: Network) -> None:
        """``ConfigError`` where the network has another number of layers with weights."""
        layers = tuple(layer.name for layer in network.weight_layers)
        if len(self.forward) != len(layers):
            raise ConfigError(
                f"{len(self.forward)} delays for the {len(layers)} layers with weights {list(layers)}",
                where=Where(path="activity.gradients"),
                value=len(self.forward),
                allowed=(str(len(layers)),),
            )


def delays_of_stages(stage_of_layer: tuple[int, ...], convention: DelayConvention) -> tuple[int, ...]:
    """Forward delay D of every layer, from the stage in which each stands.

    Parameters
    ----------
    stage_of_layer : tuple of int
        Stage of each layer with weights, first to last: from 0, never falling.
    convention : DelayConvention
        ``one_f_one_b``: D = S, ``retimed``: D = 2 S, with S the stages behind the layer's own.

    Raises
    ------
    ConfigError
        For stages that do not begin at 0, fall, or leave one out.
    """
    steps = {b - a for a, b in pairwise(stage_of_layer)}
    if not stage_of_layer or stage_of_layer[0] != 0 or not steps <= {0, 1}:
        raise ConfigError(
            f"stages {list(stage_of_layer)} are not contiguous groups of layers",
            where=Where(path="schedule"),
            remedy="number the stages from 0, one after another",
        )
    last = stage_of_layer[-1]
    return tuple(convention.updates_per_stage * (last - stage) for stage in stage_of_layer)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Parameters of one layer and their latest older versions, version k in row k mod the number of rows."""

    span: slice
    forward: int
    backward: int
    rows: Array


class WeightVersions:
    """Older weights of every layer, no more of them than its delay needs.

    Parameters
    ----------
    network : Network
        Whose parameters.
    timesteps : int
        T, on which depends what its neurons learn.
    delays : Delays
        One pair per layer with weights.
    dtype : dtype
        That of the parameters.

    Raises
    ------
    ConfigError
        If the delays are of another number of layers.
    """

    def __init__(self, network: Network, timesteps: int, delays: Delays, dtype: Any) -> None:
        delays.check_fits(network)
        layout, groups = Layout.of(network, timesteps), weight_groups(network)
        self.updates = 0
        self._parts = []
        for layer, (start, stop) in enumerate(pairwise(layout.offsets)):
            early, late = delays.forward[groups[layer]], delays.backward[groups[layer]]
            if stop > start and early:
                rows = np.empty((early, stop - start), dtype)
                self._parts.append(_Part(slice(start, stop), early, late, rows))

    @property
    def kept_bytes(self) -> int:
        """Bytes of all older versions."""
        return sum(part.rows.nbytes for part in self._parts)

    def forward(self, newest: Array) -> Array:
        """Parameters (P,) that the forward pass of the next batch reads; ``newest`` itself without delays."""
        return self._read(newest, tuple(part.forward for part in self._parts))

    def backward(self, newest: Array) -> Array:
        """Parameters (P,) that its backward pass reads."""
        return self._read(newest, tuple(part.backward for part in self._parts))

    def keep(self, newest: Array) -> None:
        """Copy what the coming update overwrites; called once before every update."""
        for part in self._parts:
            part.rows[self.updates % len(part.rows)] = newest[part.span]
        self.updates += 1

    def _read(self, newest: Array, delays: tuple[int, ...]) -> Array:
        if not any(delays):
            return newest
        read = newest.copy()
        for part, delay in zip(self._parts, delays, strict=True):
            version = max(0, self.updates - delay)
            if version < self.updates:
                read[part.span] = part.rows[version % len(part.rows)]
        return read
