"""Recurrences of the reversible pair node: forward, inverse, gradient, and inverse and gradient in one sweep.

Equations: head of ``simsnn/neurons/reversible.py``. Arrays are (T, n) rows as in ``simsnn/kernels/neuron.py``;
elements 2i and 2i+1 of a row are the two halves of pair i, so n is even. Neurons are taken in blocks that stay in
the first-level cache, time runs outermost within a block, and the loop over the pairs of a block has no dependence.
Scalars must have the dtype of the arrays. A state row is (1, n), a pair's two values side by side.

The inverse evaluates m with the operations and the order of the forward pass and the compiler contracts nothing, so
an error can only come from the additions and divisions that undo y and w. :func:`pair_backward` and
:func:`pair_invert_backward` share their gradient rows, so the same m gives the same gradient bit for bit.

Proof: ``tests/kernels/test_reversible.py`` (against one scalar at a time, ``tests/naive/reversible.py``, and against
finite differences).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values, derivative_row, primitive
from simsnn.kernels.pairs import PAIRS, join, soft_gradient_row, split


@jit
def _forward_row(
    x: Values, v1: Values, v2: Values, a: Any, alpha: Any, beta: Any, threshold: Any, hard: bool, y: Values, m: Values
) -> None:
    """One step of a block of pairs; v1, v2 become w1, w2."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for i in range(len(v1)):
        x1, x2 = x[2 * i], x[2 * i + 1]
        before1, before2 = v1[i], v2[i]
        m1 = before1 + a * (x1 - before1)
        fires1 = m1 >= threshold
        y1 = (one if fires1 else zero) + beta * x2
        w1 = (m1 - (m1 if hard else threshold) if fires1 else m1) + alpha * before2
        m2 = w1 + a * (y1 - w1)
        fires2 = m2 >= threshold
        y[2 * i] = y1
        y[2 * i + 1] = (one if fires2 else zero) + beta * x1
        v1[i] = w1
        v2[i] = (m2 - (m2 if hard else threshold) if fires2 else m2) + alpha * before1
        m[2 * i] = m1
        m[2 * i + 1] = m2


@jit
def _inverse_row(
    y: Values, w1: Values, w2: Values, a: Any, alpha: Any, beta: Any, threshold: Any, hard: bool, x: Values, m: Values
) -> None:
    """One step of a block of pairs backwards; w1, w2 become v1, v2."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for i in range(len(w1)):
        y1, y2 = y[2 * i], y[2 * i + 1]
        behind1, behind2 = w1[i], w2[i]
        m2 = behind1 + a * (y1 - behind1)
        fires2 = m2 >= threshold
        x1 = (y2 - (one if fires2 else zero)) / beta
        v1 = (behind2 - (m2 - (m2 if hard else threshold) if fires2 else m2)) / alpha
        m1 = v1 + a * (x1 - v1)
        fires1 = m1 >= threshold
        x[2 * i] = x1
        x[2 * i + 1] = (y1 - (one if fires1 else zero)) / beta
        w1[i] = v1
        w2[i] = (behind1 - (m1 - (m1 if hard else threshold) if fires1 else m1)) / alpha
        m[2 * i] = m1
        m[2 * i + 1] = m2


@jit
def _hard_gradient_row(
    h: Values,
    m: Values,
    remains: Values,
    dy: Values,
    g1: Values,
    g2: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    through: Any,
    dx: Values,
) -> None:
    """The same with hard reset: ``remains`` is 1 - s, ``through`` 1, or 0 for a detached reset."""
    b = h.dtype.type(1) - a
    for i in range(len(g1)):
        dy1, dy2, dw1, dw2 = dy[2 * i], dy[2 * i + 1], g1[i], g2[i]
        dm2 = remains[2 * i + 1] * dw2 + (dy2 - through * m[2 * i + 1] * dw2) * h[2 * i + 1]
        dy1 += a * dm2
        dw1 += b * dm2
        dm1 = remains[2 * i] * dw1 + (dy1 - through * m[2 * i] * dw1) * h[2 * i]
        dx[2 * i] = beta * dy2 + a * dm1
        dx[2 * i + 1] = beta * dy1
        g1[i] = alpha * dw2 + b * dm1
        g2[i] = alpha * dw1


@jit
def _remains_row(m: Values, threshold: Any, smooth: bool, code: int, parameter: Any, remains: Values) -> None:
    """1 - s of one row of potentials; ``smooth`` takes the surrogate's primitive for s."""
    zero, one = m.dtype.type(0), m.dtype.type(1)
    for i in range(len(m)):
        if smooth:
            remains[i] = one - primitive(m[i] - threshold, code, parameter)
        else:
            remains[i] = zero if m[i] >= threshold else one


@jit
def _gradient_row(
    m: Values,
    dy: Values,
    g1: Values,
    g2: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    threshold: Any,
    hard: bool,
    detached: bool,
    smooth: bool,
    code: int,
    parameter: Any,
    h: Values,
    remains: Values,
    dx: Values,
) -> None:
    """Surrogate derivative of a row of potentials, then the row's gradient; h and remains are scratch."""
    zero, one = m.dtype.type(0), m.dtype.type(1)
    derivative_row(m, threshold, code, parameter, h)
    if hard:
        _remains_row(m, threshold, smooth, code, parameter, remains)
        _hard_gradient_row(h, m, remains, dy, g1, g2, a, alpha, beta, zero if detached else one, dx)
    else:
        soft_gradient_row(h, dy, g1, g2, a, alpha, beta, one, one, zero if detached else threshold, dx)


@jit
def pair_forward(
    current: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    threshold: Any,
    hard: bool,
    state: Values,
    output: Values,
    v: Values,
) -> None:
    """Forward recurrence of T steps.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current x; one row means the same current in every step.
    a, alpha, beta, threshold : scalar of the arrays' dtype
        1 / tau, state coupling, input coupling, firing threshold.
    hard : bool
        Hard reset; else soft.
    state : array, shape (1, n)
        v before the first of the steps; written: w behind the last.
    output : array, shape (T, n)
        Written: y.
    v : array, shape (T, n) or (0, n)
        Written: potentials m, where it has rows.
    """
    steps, n = output.shape
    stride = 1 if current.shape[0] == steps else 0
    keeps = v.shape[0] > 0
    buffer = np.empty((2, PAIRS), v.dtype)
    scratch = np.empty(BLOCK, v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        v1, v2 = buffer[0, :pairs], buffer[1, :pairs]
        split(state[0, start:stop], v1, v2)
        for t in range(steps):
            m = v[t, start:stop] if keeps else scratch[: stop - start]
            x = current[t * stride, start:stop]
            _forward_row(x, v1, v2, a, alpha, beta, threshold, hard, output[t, start:stop], m)
        join(v1, v2, state[0, start:stop])


@jit
def pair_invert(
    output: Values, a: Any, alpha: Any, beta: Any, threshold: Any, hard: bool, state: Values, current: Values, v: Values
) -> None:
    """Inverse of T steps, t descending.

    Parameters
    ----------
    output : array, shape (T, n)
        y as the forward pass wrote it.
    a, alpha, beta, threshold, hard
        As in :func:`pair_forward`.
    state : array, shape (1, n)
        w behind the last of the steps; written: v before the first.
    current, v : array, shape (T, n)
        Written: currents x and potentials m, made again.
    """
    steps, n = output.shape
    buffer = np.empty((2, PAIRS), output.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        w1, w2 = buffer[0, :pairs], buffer[1, :pairs]
        split(state[0, start:stop], w1, w2)
        for t in range(steps - 1, -1, -1):
            x, m = current[t, start:stop], v[t, start:stop]
            _inverse_row(output[t, start:stop], w1, w2, a, alpha, beta, threshold, hard, x, m)
        join(w1, w2, state[0, start:stop])


@jit
def pair_backward(
    doutput: Values,
    v: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    threshold: Any,
    hard: bool,
    detached: bool,
    smooth: bool,
    code: int,
    parameter: Any,
    carry: Values,
    dx: Values,
) -> None:
    """Backward recurrence of T steps from kept potentials, t descending.

    Parameters
    ----------
    doutput : array, shape (T, n)
        Gradient towards y.
    v : array, shape (T, n)
        Potentials m of the forward pass.
    a, alpha, beta, threshold, hard
        As in :func:`pair_forward`.
    detached : bool
        True when no gradient passes through the reset.
    smooth : bool
        True when m comes from :func:`pair_forward_smooth`: a hard reset then left 1 - primitive of m.
    code, parameter
        Surrogate, as in :func:`simsnn.kernels.neuron.surrogate_derivative`.
    carry : array, shape (1, n)
        Gradient towards w behind the last of the steps; written: the one towards v before the first.
    dx : array, shape (T, n)
        Written: gradient towards the currents. May be ``doutput`` itself.
    """
    steps, n = v.shape
    buffer, scratch = np.empty((2, PAIRS), v.dtype), np.empty((2, BLOCK), v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        g1, g2 = buffer[0, :pairs], buffer[1, :pairs]
        h, remains = scratch[0, : stop - start], scratch[1, : stop - start]
        split(carry[0, start:stop], g1, g2)
        for t in range(steps - 1, -1, -1):
            m, dy, out = v[t, start:stop], doutput[t, start:stop], dx[t, start:stop]
            _gradient_row(
                m, dy, g1, g2, a, alpha, beta, threshold, hard, detached, smooth, code, parameter, h, remains, out
            )
        join(g1, g2, carry[0, start:stop])


@jit
def pair_invert_backward(
    doutput: Values,
    output: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    threshold: Any,
    hard: bool,
    detached: bool,
    code: int,
    parameter: Any,
    state: Values,
    carry: Values,
    current: Values,
    dx: Values,
) -> None:
    """Inverse and gradient of T steps in one sweep; a step's potentials live for that step only.

    Parameters are those of :func:`pair_invert` and :func:`pair_backward`; ``current`` may be (0, n), and is then
    not written.
    """
    steps, n = output.shape
    keeps = current.shape[0] > 0
    buffer, scratch = np.empty((4, PAIRS), output.dtype), np.empty((4, BLOCK), output.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        size, pairs = stop - start, (stop - start) // 2
        w1, w2, g1, g2 = buffer[0, :pairs], buffer[1, :pairs], buffer[2, :pairs], buffer[3, :pairs]
        m, h, remains = scratch[0, :size], scratch[1, :size], scratch[2, :size]
        split(state[0, start:stop], w1, w2)
        split(carry[0, start:stop], g1, g2)
        for t in range(steps - 1, -1, -1):
            x = current[t, start:stop] if keeps else scratch[3, :size]
            _inverse_row(output[t, start:stop], w1, w2, a, alpha, beta, threshold, hard, x, m)
            dy, out = doutput[t, start:stop], dx[t, start:stop]
            _gradient_row(
                m, dy, g1, g2, a, alpha, beta, threshold, hard, detached, False, code, parameter, h, remains, out
            )
        join(w1, w2, state[0, start:stop])
        join(g1, g2, carry[0, start:stop])


@jit
def pair_forward_smooth(
    current: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    keep: Any,
    height: Any,
    threshold: Any,
    hard: bool,
    code: int,
    parameter: Any,
    frozen: Values,
    output: Values,
    v: Values,
) -> None:
    """Forward recurrence from zero state with the surrogate's primitive as threshold, for gradient checks.

    Parameters are those of :func:`pair_forward` and :func:`soft_gradient_row`, float64, and

    frozen : array, shape (T, n) or (0, n)
        Spikes that the reset reads instead of the node's own (a detached reset); these are s, not y.
    """
    steps, n = output.shape
    stride = 1 if current.shape[0] == steps else 0
    own = frozen.shape[0] == 0
    for i in range(0, n, 2):
        v1, v2 = 0.0, 0.0
        for t in range(steps):
            x1, x2 = current[t * stride, i], current[t * stride, i + 1]
            m1 = v1 + a * (x1 - v1)
            s1 = primitive(m1 - threshold, code, parameter)
            taken = s1 if own else frozen[t, i]
            output[t, i] = height * s1 + beta * x2
            w1 = (m1 * (1.0 - taken) if hard else keep * m1 - threshold * taken) + alpha * v2
            m2 = w1 + a * (output[t, i] - w1)
            s2 = primitive(m2 - threshold, code, parameter)
            taken = s2 if own else frozen[t, i + 1]
            output[t, i + 1] = height * s2 + beta * x1
            w2 = (m2 * (1.0 - taken) if hard else keep * m2 - threshold * taken) + alpha * v1
            v[t, i], v[t, i + 1] = m1, m2
            v1, v2 = w1, w2
