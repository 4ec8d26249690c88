"""The same k taps over time for every step (a filter of finite impulse response), and its gradients.

With taps w_0..w_{k-1} and bias b, v[t] = b + sum_j w_j x[t-j] over 0 <= j < k, t - j >= 0; backward
dx[t] = sum_j w_j dv[t+j], dw_j = sum over t and neurons of dv[t] x[t-j], db = sum of dv. Arrays, blocks
and ``start``, ``stop`` are those of ``simsnn/kernels/parallel.py``. Order of the additions: bias, then
j = 0, 1, ...

Proof: ``tests/kernels/test_parallel.py`` (against the T x T matrix of the same taps).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values
from simsnn.kernels.parallel import fire_row


@jit
def _add_scaled(row: Values, tap: Any, source: Values) -> None:
    for k in range(len(row)):
        row[k] += tap * source[k]


@jit
def sliding_forward(
    current: Values, taps: Values, bias: Any, threshold: Any, strict: bool, spikes: Values, v: Values
) -> None:
    """Potential and spikes of all T steps.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step (and none before the first).
    taps : array, shape (k,)
        w_0 weighs the current of the step itself.
    bias, threshold : scalar of the arrays' dtype
        b and the firing threshold.
    strict : bool
        True: the threshold itself does not fire.
    spikes, v : array, shape (T, n)
        Written.
    """
    steps, n = v.shape
    stride = 1 if current.shape[0] == steps else 0
    for low in range(0, n, BLOCK):
        high = min(low + BLOCK, n)
        for t in range(steps):
            row = v[t, low:high]
            row[:] = bias
            for j in range(min(len(taps), t + 1)):
                _add_scaled(row, taps[j], current[(t - j) * stride, low:high])
            fire_row(row, threshold, strict, spikes[t, low:high])


@jit
def sliding_backward(
    dv: Values, current: Values, taps: Values, start: int, stop: int, dx: Values, dtaps: Values
) -> None:
    """Gradients towards the currents of some neurons, and what these add to the gradient of the taps.

    Parameters
    ----------
    dv : array, shape (T, stop - start)
        Gradient towards their potentials.
    current : array, shape (T, n) or (1, n)
        As in :func:`sliding_forward`.
    taps : array, shape (k,)
        As in :func:`sliding_forward`.
    start, stop : int
        Neurons to work on.
    dx : array, shape (T, n)
        Written for those neurons.
    dtaps : array, shape (k,), float64
        Added to.
    """
    steps = dv.shape[0]
    stride = 1 if current.shape[0] == steps else 0
    order = min(len(taps), steps)
    sums = np.empty((order, BLOCK), dv.dtype)
    for low in range(start, stop, BLOCK):
        high, first = min(low + BLOCK, stop), low - start
        width = high - low
        sums[:] = dv.dtype.type(0)
        for t in range(steps):
            dx_row, dv_row = dx[t, low:high], dv[t, first : first + width]
            dx_row[:] = dv.dtype.type(0)
            for j in range(min(order, steps - t)):
                _add_scaled(dx_row, taps[j], dv[t + j, first : first + width])
            for j in range(min(order, t + 1)):
                x_row, sum_row = current[(t - j) * stride, low:high], sums[j]
                for k in range(width):
                    sum_row[k] += dv_row[k] * x_row[k]
        for j in range(order):
            for k in range(width):
                dtaps[j] += sums[j, k]
