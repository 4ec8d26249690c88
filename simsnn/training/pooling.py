"""Pooling layers forward and backward, over the kernels of ``simsnn/kernels/pooling.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.pooling import avg_pool, avg_pool_backward, max_pool, max_pool_backward
from simsnn.workload.layers import AvgPoolLayer, MaxPoolLayer, Shape

Array = NDArray[Any]


def pool_maximum(x: Array, config: MaxPoolLayer, shape: Shape) -> tuple[Array, Array]:
    """Largest of each window, (S, H, W, C), and which element of the window it was."""
    channels, height, width = shape
    out = np.empty((len(x), height, width, channels), x.dtype)
    winner = np.empty(out.shape, np.uint16)
    max_pool(x, *config.window(), out, winner)
    return out, winner


def pool_mean(x: Array, config: AvgPoolLayer, shape: Shape) -> Array:
    """Mean of each window, (S, H, W, C)."""
    channels, height, width = shape
    out = np.empty((len(x), height, width, channels), x.dtype)
    avg_pool(x, *config.window(), out)
    return out


def pool_backward(
    gradient: Array, config: MaxPoolLayer | AvgPoolLayer, winner: Array | None, shape: tuple[int, ...]
) -> Array:
    """Gradient towards the inputs: to each window's winner, or to all of it in equal shares."""
    dx = np.zeros(shape, gradient.dtype)
    kh, kw, sh, sw = config.window()
    if winner is not None:
        max_pool_backward(gradient, kw, sh, sw, winner, dx)
    else:
        avg_pool_backward(gradient, kh, kw, sh, sw, dx)
    return dx
