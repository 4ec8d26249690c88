"""LIF recurrences forward and backward, surrogate derivatives and their smooth primitives.

Equations: head of ``simsnn/neurons/lif.py``; the IIR neuron's kernels are in ``simsnn/kernels/iir.py``.
Arrays are (T, n): a time step is one row of n neurons, float32 or float64. Neurons are taken in blocks
that stay in the first-level cache, time runs outermost within a block, and the loop over the neurons
of a block has no dependence, so it vectorises. Scalars must have the dtype of the arrays
(``dtype.type(0.5)``), else float32 work is done in float64.

The smooth form replaces the threshold by the primitive of the surrogate, which makes the
surrogate gradient the true gradient: finite differences then prove the backward recurrence.

Proof: ``tests/kernels/test_neuron.py`` (against one scalar at a time, ``tests/naive/neuron.py``)
and ``tests/kernels/test_gradients.py`` (finite differences).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Values = NDArray[Any]
"""float32 or float64, (T, n) unless said otherwise."""

HARD, SOFT, NO_RESET = 0, 1, 2
RECTANGLE, TRIANGLE, ARCTAN, FAST_SIGMOID, SIGMOID = 0, 1, 2, 3, 4
BLOCK = 512
"""Neurons of a block: a few rows of them stay in the first-level cache."""


@jit
def derivative_row(v: Values, threshold: Any, code: int, parameter: Any, h: Values) -> None:
    """Surrogate derivative of one row of potentials, both of shape (n,)."""
    zero, one = v.dtype.type(0), v.dtype.type(1)
    inverse = one / parameter
    if code == RECTANGLE:
        half = parameter / v.dtype.type(2)
        for i in range(len(v)):
            h[i] = inverse if abs(v[i] - threshold) < half else zero
    elif code == TRIANGLE:
        for i in range(len(v)):
            x = one - abs(v[i] - threshold) * inverse
            h[i] = x * inverse if x > zero else zero
    elif code == ARCTAN:
        half = parameter / v.dtype.type(2)
        scale = v.dtype.type(math.pi) * half
        for i in range(len(v)):
            x = scale * (v[i] - threshold)
            h[i] = half / (one + x * x)
    elif code == FAST_SIGMOID:
        for i in range(len(v)):
            x = one + parameter * abs(v[i] - threshold)
            h[i] = one / (x * x)
    else:
        for i in range(len(v)):
            sig = one / (one + np.exp(-parameter * (v[i] - threshold)))
            h[i] = parameter * sig * (one - sig)


@jit
def primitive(x: Any, code: int, parameter: Any) -> Any:
    """Integral of the surrogate derivative at distance x from the threshold, about 1/2 at x = 0."""
    if code == RECTANGLE:
        return min(max(x / parameter + 0.5, 0.0), 1.0)
    if code == TRIANGLE:
        u = min(max(x / parameter, -1.0), 1.0)
        return 0.5 + u - 0.5 * u * abs(u)
    if code == ARCTAN:
        return 0.5 + math.atan(math.pi * parameter * x / 2.0) / math.pi
    if code == FAST_SIGMOID:
        return 0.5 + x / (1.0 + parameter * abs(x))
    return 1.0 / (1.0 + np.exp(-parameter * x))


@jit
def surrogate_derivative(v: Values, threshold: Any, code: int, parameter: Any, h: Values) -> None:
    """Write the surrogate derivative of every potential into ``h``.

    Parameters
    ----------
    v, h : array, shape (T, n)
        Membrane potential before the reset, and the result.
    threshold, parameter : scalar of the arrays' dtype
        Firing threshold and the surrogate's width, alpha or slope.
    code : int
        Surrogate, as ``code`` of its class in ``simsnn/neurons/surrogate.py``.
    """
    for t in range(v.shape[0]):
        derivative_row(v[t], threshold, code, parameter, h[t])


@jit
def lif_forward(
    current: Values, leak: Any, threshold: Any, reset: int, spikes: Values, v: Values, state: Values
) -> None:
    """Forward recurrence of all T steps.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step.
    leak, threshold : scalar of the arrays' dtype
        Neuron parameters.
    reset : int
        HARD, SOFT or NO_RESET.
    spikes : array, shape (T, n)
        Written: 0 or 1.
    v : array, shape (T, n)
        Written: membrane potential before the reset, which backward needs.
    state : array, shape (1, n)
        Potential behind the reset: before the first of these steps, and then behind the last.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    zero, one = v.dtype.type(0), v.dtype.type(1)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        p = state[0, start:stop]
        for t in range(steps):
            current_row, v_row, s_row = current[t * stride, start:stop], v[t, start:stop], spikes[t, start:stop]
            if reset == HARD:
                for i in range(stop - start):
                    x = leak * p[i] + current_row[i]
                    fires = x >= threshold
                    v_row[i] = x
                    s_row[i] = one if fires else zero
                    p[i] = zero if fires else x
            elif reset == SOFT:
                for i in range(stop - start):
                    x = leak * p[i] + current_row[i]
                    fires = x >= threshold
                    v_row[i] = x
                    s_row[i] = one if fires else zero
                    p[i] = x - threshold if fires else x
            else:
                for i in range(stop - start):
                    x = leak * p[i] + current_row[i]
                    v_row[i] = x
                    s_row[i] = one if x >= threshold else zero
                    p[i] = x


@jit
def lif_forward_smooth(
    current: Values,
    leak: Any,
    threshold: Any,
    reset: int,
    code: int,
    parameter: Any,
    frozen: Values,
    spikes: Values,
    v: Values,
) -> None:
    """Forward recurrence with the threshold replaced by the surrogate's primitive, for gradient checks.

    Parameters are those of :func:`lif_forward` and :func:`surrogate_derivative`, float64, and

    frozen : array, shape (T, n) or (0, n)
        Spikes that the reset reads instead of the neuron's own, so that no derivative passes
        through the reset (a detached reset); (0, n) resets by the neuron's own output.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    own = frozen.shape[0] == 0
    for i in range(n):
        p = 0.0
        for t in range(steps):
            x = leak * p + current[t * stride, i]
            s = primitive(x - threshold, code, parameter)
            v[t, i] = x
            spikes[t, i] = s
            resetting = s if own else frozen[t, i]
            if reset == HARD:
                p = x * (1.0 - resetting)
            elif reset == SOFT:
                p = x - threshold * resetting
            else:
                p = x


@jit
def _hard_row(h: Values, ds: Values, v: Values, s: Values, dp: Values, leak: Any, detached: bool, dv: Values) -> None:
    one = v.dtype.type(1)
    if detached:
        for i in range(len(v)):
            dv[i] = h[i] * ds[i] + (one - s[i]) * dp[i]
            dp[i] = leak * dv[i]
    else:
        for i in range(len(v)):
            dv[i] = h[i] * (ds[i] - v[i] * dp[i]) + (one - s[i]) * dp[i]
            dp[i] = leak * dv[i]


@jit
def _soft_row(h: Values, ds: Values, dp: Values, leak: Any, factor: Any, dv: Values) -> None:
    for i in range(len(h)):
        dv[i] = h[i] * (ds[i] - factor * dp[i]) + dp[i]
        dp[i] = leak * dv[i]


@jit
def _free_row(h: Values, ds: Values, dp: Values, leak: Any, dv: Values) -> None:
    for i in range(len(h)):
        dv[i] = h[i] * ds[i] + dp[i]
        dp[i] = leak * dv[i]


@jit
def lif_backward(
    ds: Values,
    v: Values,
    spikes: Values,
    leak: Any,
    threshold: Any,
    reset: int,
    detached: bool,
    code: int,
    parameter: Any,
    carry: Values,
    dv: Values,
) -> None:
    """Backward recurrence of all T steps, t descending.

    Parameters
    ----------
    ds : array, shape (T, n)
        Gradient towards the spikes.
    v, spikes : array, shape (T, n)
        What the forward recurrence wrote.
    leak, threshold, reset, code, parameter
        As in :func:`lif_forward` and :func:`surrogate_derivative`.
    detached : bool
        True when no gradient passes through the reset.
    carry : array, shape (1, n)
        Gradient towards the potential behind the reset: of the last of these steps (zero at the end of a
        sequence), and then of the one before the first.
    dv : array, shape (T, n)
        Written: gradient towards the membrane potential, which is the gradient towards the
        input current. May be ``ds`` itself.
    """
    steps, n = v.shape
    through_reset = v.dtype.type(0) if detached else threshold
    h_buffer = np.empty(BLOCK, v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        h, dp = h_buffer[: stop - start], carry[0, start:stop]
        for t in range(steps - 1, -1, -1):
            v_row, ds_row, dv_row = v[t, start:stop], ds[t, start:stop], dv[t, start:stop]
            derivative_row(v_row, threshold, code, parameter, h)
            if reset == HARD:
                _hard_row(h, ds_row, v_row, spikes[t, start:stop], dp, leak, detached, dv_row)
            elif reset == SOFT:
                _soft_row(h, ds_row, dp, leak, through_reset, dv_row)
            else:
                _free_row(h, ds_row, dp, leak, dv_row)
