"""What one layer leaves for its backward pass, and the shapes in which values pass between layers.

Values on an edge are (T, B, H, W, C), or (1, B, H, W, C) where all time steps are equal; *slots* are
(T*B, H, W, C), which synapses and poolings take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.training.normalisation import Normalised

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class LayerTape:
    """What one layer left for backward.

    Parameters
    ----------
    inputs : tuple of array
        Values it read.
    current : array
        Its value before the neuron.
    output : array
        Its value behind the neuron; ``current`` itself where there is none.
    v : array or None
        Membrane potential before the reset.
    winner : array or None
        Winning element of every max-pooling window, (T*B, Ho, Wo, C).
    normalised : Normalised or None
        State of a normalisation.
    """

    inputs: tuple[Array, ...]
    current: Array
    output: Array
    v: Array | None = None
    winner: Array | None = None
    normalised: Normalised | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LayerGradient:
    """Gradients at one layer: towards its output (behind the neuron) and its current (before it)."""

    output: Array
    current: Array


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """Gradient of the loss: one vector over all parameters, and per layer where it was asked for."""

    vector: Array
    layers: tuple[LayerGradient | None, ...]


def slots_of(x: Array) -> Array:
    """(T, B, H, W, C) as (T*B, H, W, C)."""
    return np.ascontiguousarray(x).reshape(-1, *x.shape[2:])


def steps_of(slots: Array, batch: int) -> Array:
    """(T*B, H, W, C) as (T, B, H, W, C)."""
    return slots.reshape(slots.shape[0] // batch, batch, *slots.shape[1:])


def flattened(x: Array) -> Array:
    """(T, B, H, W, C) to (T, B, 1, 1, C*H*W), channels outermost."""
    return x.transpose(0, 1, 4, 2, 3).reshape(*x.shape[:2], 1, 1, -1)


def unflattened(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of :func:`flattened`; ``shape`` is that of the maps."""
    _, batch, height, width, channels = shape
    return gradient.reshape(-1, batch, channels, height, width).transpose(0, 1, 3, 4, 2)
