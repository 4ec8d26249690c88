"""Parallel spiking units: estimated reset as two chained recurrences, and what stands around T x T products.

Equations: heads of ``simsnn/neurons/parallel.py`` and ``simsnn/neurons/parallel_learned.py``. Arrays are
(T, n) as in ``simsnn/kernels/neuron.py``: neurons in blocks that stay in the first-level cache, time
outermost within a block, every loop over the neurons of a block without a dependence, so it vectorises.
Nothing here depends on a fired spike. Kernels that take ``start`` and ``stop`` work on those neurons of
whole arrays and on a buffer (T, stop - start), which is what keeps a slice contiguous.

With i = 1 / tau, c the strength of the reset, b[t] the bias, everything before t = 0 zero::

    d[t] = i (d[t-1] + x[t])                           INTEGRATED and GUESSED
    z[t] = d[t]                                        INTEGRATED (PSU)
    z[t] = (Wx)[t] + b[t]                              MIXED (IPSU with sigmoid), GUESSED (RPSU)
    r[t] = i (r[t-1] - c sigma(z[t-1]))
    v[t] = d[t] + r[t]                                 MIXED: z[t] + r[t]
    s[t] = 1 where v[t] > threshold (strict), else where v[t] >= threshold

backward, everything behind t = T-1 zero, with g the surrogate derivative::

    dv[t] = ds[t] g(v[t] - threshold)
    q[t]  = dv[t] + i q[t+1]
    dz[t] = sigma'(z[t]) (-c i q[t+1])
    e[t]  = dv[t] + i e[t+1] (INTEGRATED: + dz[t]),    dx[t] = i e[t]
    MIXED has no e: the gradient towards Wx + b is dv[t] + dz[t]; in GUESSED it is dz[t]

Proof: ``tests/kernels/test_parallel.py`` (against sums and T x T matrices written out,
``tests/naive/parallel.py``) and ``tests/kernels/test_gradients.py`` (finite differences).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values, derivative_row, primitive
from simsnn.kernels.sigmoid import sigmoid_row

INTEGRATED, MIXED, GUESSED = 0, 1, 2
"""What the reset is estimated from: the integrated potential; a learned mixture that is the potential too;
a learned mixture beside the integrated potential."""


def sigmoid_space(dtype: np.dtype[Any]) -> tuple[Values, NDArray[Any]]:
    """Working space of one block for :func:`simsnn.kernels.sigmoid.sigmoid_row`: the same memory twice."""
    bits = np.empty(BLOCK, np.int32 if dtype.itemsize == 4 else np.int64)
    return bits.view(dtype), bits


@jit
def fire_row(v: Values, threshold: Any, strict: bool, s: Values) -> None:
    """:func:`fire` of one row (n,)."""
    zero, one = v.dtype.type(0), v.dtype.type(1)
    if strict:
        for k in range(len(v)):
            s[k] = one if v[k] > threshold else zero
    else:
        for k in range(len(v)):
            s[k] = one if v[k] >= threshold else zero


@jit
def fire(v: Values, threshold: Any, strict: bool, spikes: Values) -> None:
    """Write 1 where a potential passes the threshold, else 0.

    Parameters
    ----------
    v, spikes : array, shape (T, n)
        Potentials, and the result.
    threshold : scalar of the arrays' dtype
        Firing threshold.
    strict : bool
        True: the threshold itself does not fire.
    """
    for t in range(v.shape[0]):
        fire_row(v[t], threshold, strict, spikes[t])


@jit
def fire_smooth(v: Values, threshold: Any, code: int, parameter: Any, spikes: Values) -> None:
    """Write the primitive of the surrogate in place of spikes, for gradient checks."""
    for t in range(v.shape[0]):
        for k in range(v.shape[1]):
            spikes[t, k] = primitive(v[t, k] - threshold, code, parameter)


@jit
def bias_fire(v: Values, bias: Values, threshold: Any, strict: bool, start: int, stop: int, spikes: Values) -> None:
    """Add the bias (T,) of every step to the potentials of some neurons and write their spikes."""
    for t in range(v.shape[0]):
        row, b = v[t, start:stop], bias[t]
        for k in range(stop - start):
            row[k] = row[k] + b
        fire_row(row, threshold, strict, spikes[t, start:stop])


@jit
def estimated_forward(
    current: Values,
    bias: Values,
    mode: int,
    inverse: Any,
    strength: Any,
    threshold: Any,
    strict: bool,
    start: int,
    stop: int,
    power: Values,
    bits: Any,
    spikes: Values,
    v: Values,
) -> None:
    """Potential and spikes of units whose reset is estimated by a sigmoid, all T steps of some neurons.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step. Not read in mode MIXED.
    bias : array, shape (T,)
        Bias of the learned mixture; not read in mode INTEGRATED.
    mode : int
        INTEGRATED, MIXED or GUESSED.
    inverse, strength, threshold : scalar of the arrays' dtype
        1 / tau, c, firing threshold.
    strict : bool
        True: the threshold itself does not fire.
    start, stop : int
        Neurons to work on.
    power, bits : array
        From :func:`sigmoid_space`.
    spikes : array, shape (T, n)
        Written: 0 or 1.
    v : array, shape (T, n)
        Written: potential. Modes MIXED and GUESSED find the mixture Wx in it.
    """
    steps, dtype = v.shape[0], v.dtype
    stride = 1 if current.shape[0] == steps else 0
    buffers = np.empty((4, BLOCK), dtype)
    for low in range(start, stop, BLOCK):
        high = min(low + BLOCK, stop)
        width = high - low
        d, r, z, s = buffers[0, :width], buffers[1, :width], buffers[2, :width], buffers[3, :width]
        d[:] = dtype.type(0)
        r[:] = dtype.type(0)
        for t in range(steps):
            v_row = v[t, low:high]
            if mode != INTEGRATED:
                b = bias[t]
                for k in range(width):
                    z[k] = v_row[k] + b
            if mode == MIXED:
                for k in range(width):
                    v_row[k] = z[k] + r[k]
            else:
                x_row = current[t * stride, low:high]
                for k in range(width):
                    d[k] = (d[k] + x_row[k]) * inverse
                    v_row[k] = d[k] + r[k]
            fire_row(v_row, threshold, strict, spikes[t, low:high])
            if t + 1 < steps:
                sigmoid_row(d if mode == INTEGRATED else z, power, bits, s)
                for k in range(width):
                    r[k] = (r[k] - strength * s[k]) * inverse


@jit
def _towards_potential(
    ds: Values, v: Values, threshold: Any, code: int, parameter: Any, slope: bool, h: Values, dv: Values, sums: Values
) -> None:
    """dv = ds g(v - threshold) of one row; with ``slope``, what the row adds to twice the slope's gradient."""
    if slope:
        one, half = v.dtype.type(1), parameter / v.dtype.type(2)
        scale = v.dtype.type(math.pi) * half
        for k in range(len(v)):
            u = v[k] - threshold
            share = ds[k] / (one + (scale * u) * (scale * u))
            sums[k] += share * u
            dv[k] = half * share
    else:
        derivative_row(v, threshold, code, parameter, h)
        for k in range(len(v)):
            dv[k] = ds[k] * h[k]


@jit
def potential_gradient(
    ds: Values,
    v: Values,
    threshold: Any,
    code: int,
    parameter: Any,
    slope: bool,
    start: int,
    stop: int,
    dv: Values,
) -> float:
    """Gradient towards the potentials of some neurons; returns the gradient of a learned slope.

    Parameters
    ----------
    ds, v : array, shape (T, n)
        Gradient towards the spikes, and potentials.
    threshold, parameter : scalar of the arrays' dtype
        Firing threshold and the surrogate's width, alpha or slope.
    code : int
        Surrogate, as in ``surrogate_derivative``.
    slope : bool
        True where the alpha of an arctan surrogate is learned; else 0 is returned.
    start, stop : int
        Neurons to work on.
    dv : array, shape (T, stop - start)
        Written.
    """
    steps, dtype = v.shape[0], v.dtype
    buffers = np.empty((2, BLOCK), dtype)
    total = 0.0
    for low in range(start, stop, BLOCK):
        high = min(low + BLOCK, stop)
        h, sums = buffers[0, : high - low], buffers[1, : high - low]
        sums[:] = dtype.type(0)
        for t in range(steps):
            row = dv[t, low - start : high - start]
            _towards_potential(ds[t, low:high], v[t, low:high], threshold, code, parameter, slope, h, row, sums)
        if slope:
            for k in range(high - low):
                total += sums[k]
    return total / 2


@jit
def _integrate(current: Values, inverse: Any, low: int, high: int, offset: int, z: Values) -> None:
    """The reset-free potentials d of a block, which PSU's reset is estimated from."""
    steps = z.shape[0]
    stride = 1 if current.shape[0] == steps else 0
    for t in range(steps):
        row, x_row = z[t, offset : offset + high - low], current[t * stride, low:high]
        if t == 0:
            for k in range(high - low):
                row[k] = x_row[k] * inverse
        else:
            before = z[t - 1, offset : offset + high - low]
            for k in range(high - low):
                row[k] = (before[k] + x_row[k]) * inverse


@jit
def estimated_backward(
    ds: Values,
    current: Values,
    bias: Values,
    v: Values,
    mode: int,
    inverse: Any,
    strength: Any,
    threshold: Any,
    code: int,
    parameter: Any,
    slope: bool,
    start: int,
    stop: int,
    power: Values,
    bits: Any,
    z: Values,
    dx: Values,
) -> float:
    """Gradients of :func:`estimated_forward`, t descending; returns the gradient of a learned slope.

    Parameters
    ----------
    ds : array, shape (T, n)
        Gradient towards the spikes.
    z : array, shape (T, stop - start)
        Modes MIXED and GUESSED: holds the mixture Wx; written: gradient towards Wx + b. Else working space.
    dx : array, shape (T, n)
        Written except in mode MIXED: gradient towards the current, in mode GUESSED without the share of
        the mixture. May be ``ds`` itself.

    The others are those of :func:`estimated_forward` and :func:`potential_gradient`.
    """
    steps, dtype = v.shape[0], v.dtype
    pull = strength * inverse
    one = dtype.type(1)
    buffers = np.empty((6, BLOCK), dtype)
    total = 0.0
    for low in range(start, stop, BLOCK):
        high, offset = min(low + BLOCK, stop), low - start
        width = high - low
        q, e, s, h = buffers[0, :width], buffers[1, :width], buffers[2, :width], buffers[3, :width]
        dv, sums = buffers[4, :width], buffers[5, :width]
        q[:] = dtype.type(0)
        e[:] = dtype.type(0)
        sums[:] = dtype.type(0)
        if mode == INTEGRATED:
            _integrate(current, inverse, low, high, offset, z)
        for t in range(steps - 1, -1, -1):
            z_row, dx_row = z[t, offset : offset + width], dx[t, low:high]
            _towards_potential(ds[t, low:high], v[t, low:high], threshold, code, parameter, slope, h, dv, sums)
            if mode != INTEGRATED:
                b = bias[t]
                for k in range(width):
                    z_row[k] = z_row[k] + b
            sigmoid_row(z_row, power, bits, s)
            for k in range(width):
                z_row[k] = -pull * q[k] * (s[k] * (one - s[k]))
            if mode == MIXED:
                for k in range(width):
                    z_row[k] = z_row[k] + dv[k]
                    q[k] = dv[k] + inverse * q[k]
            else:
                for k in range(width):
                    own = dv[k] + z_row[k] if mode == INTEGRATED else dv[k]
                    e[k] = inverse * (own + e[k])
                    dx_row[k] = e[k]
                    q[k] = dv[k] + inverse * q[k]
        if slope:
            for k in range(width):
                total += sums[k]
    return total / 2
