"""Max and average pooling, forward and backward, over channels-last maps.

Arrays are (S, H, W, C) with S = T*B slots, so the innermost loop runs over channels. Windows are
(kernel rows, kernel columns, stride rows, stride columns) without padding; windows may overlap
and rows that no window reaches are ignored.

Max pooling passes on the first largest element of a window in row-major order, so a window
without a spike routes its gradient to its first element, as the common frameworks do.

Proof: ``tests/kernels/test_pooling.py``, against one window at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Maps = NDArray[Any]
"""float32 or float64, (S, H, W, C)."""
Winners = NDArray[np.uint16]
"""Position of the passed element in its window, row-major, (S, Ho, Wo, C)."""


@jit
def max_pool(x: Maps, kh: int, kw: int, sh: int, sw: int, out: Maps, winner: Winners) -> None:
    """Largest element of every window.

    Parameters
    ----------
    x : array, shape (S, H, W, C)
        Input.
    kh, kw, sh, sw : int
        Window and stride, rows and columns.
    out : array, shape (S, Ho, Wo, C)
        Written: the maxima.
    winner : NDArray[uint16], shape (S, Ho, Wo, C)
        Written: which element of the window it was, ``row * kw + column``.
    """
    slots, rows, columns, channels = out.shape
    for s in range(slots):
        for y in range(rows):
            for i in range(columns):
                best, which = out[s, y, i], winner[s, y, i]
                best[:] = x[s, y * sh, i * sw]
                which[:] = 0
                for k in range(1, kh * kw):
                    candidate = x[s, y * sh + k // kw, i * sw + k % kw]
                    for c in range(channels):
                        larger = candidate[c] > best[c]
                        which[c] = k if larger else which[c]
                        best[c] = candidate[c] if larger else best[c]


@jit
def max_pool_select(x: Maps, kw: int, sh: int, sw: int, winner: Winners, out: Maps) -> None:
    """Element of ``x`` at the winner of every window, shapes as in :func:`max_pool`."""
    slots, rows, columns, channels = out.shape
    for s in range(slots):
        for y in range(rows):
            for i in range(columns):
                for c in range(channels):
                    k = winner[s, y, i, c]
                    out[s, y, i, c] = x[s, y * sh + k // kw, i * sw + k % kw, c]


@jit
def max_pool_backward(gradient: Maps, kw: int, sh: int, sw: int, winner: Winners, dx: Maps) -> None:
    """Route every gradient to the element its window passed on; adds into ``dx``, which starts at zero."""
    slots, rows, columns, channels = gradient.shape
    for s in range(slots):
        for y in range(rows):
            for i in range(columns):
                for c in range(channels):
                    k = winner[s, y, i, c]
                    dx[s, y * sh + k // kw, i * sw + k % kw, c] += gradient[s, y, i, c]


@jit
def avg_pool(x: Maps, kh: int, kw: int, sh: int, sw: int, out: Maps) -> None:
    """Mean of every window: the sum in row-major order, then one division."""
    slots, rows, columns, channels = out.shape
    size = x.dtype.type(kh * kw)
    for s in range(slots):
        for y in range(rows):
            for i in range(columns):
                total = out[s, y, i]
                total[:] = 0
                for k in range(kh * kw):
                    term = x[s, y * sh + k // kw, i * sw + k % kw]
                    for c in range(channels):
                        total[c] += term[c]
                for c in range(channels):
                    total[c] /= size


@jit
def avg_pool_backward(gradient: Maps, kh: int, kw: int, sh: int, sw: int, dx: Maps) -> None:
    """Spread every gradient evenly over its window; adds into ``dx``, which starts at zero."""
    slots, rows, columns, channels = gradient.shape
    size = gradient.dtype.type(kh * kw)
    for s in range(slots):
        for y in range(rows):
            for i in range(columns):
                for k in range(kh * kw):
                    target = dx[s, y * sh + k // kw, i * sw + k % kw]
                    for c in range(channels):
                        target[c] += gradient[s, y, i, c] / size
