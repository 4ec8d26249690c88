"""Recurrences of the exact integer pair node: forward, inverse, and inverse and gradient in one sweep.

Equations: head of ``simsnn/neurons/reversible_integer.py``. Arrays are rows of floats as in
``simsnn/kernels/reversible.py``, every one of them a multiple of the grid step; inside a block the values are words
(``simsnn/kernels/words.py``). Undoing an addition modulo 2^word_bits is exact, so the inverse returns the very words
of the forward pass, whether sums have wrapped or not. Currents and outputs must be integers that the float format
holds: the kernels return how many values were not, and the caller refuses the run.

Proof: ``tests/kernels/test_reversible_integer.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values, derivative_row
from simsnn.kernels.pairs import PAIRS, join, soft_gradient_row, split
from simsnn.kernels.words import inexact, strangers, word_of, wrap


@jit
def enter_pairs(row: Values, scale: Any, half: Any, first: Values, second: Values) -> int:
    """Words of a row of pairs of floats; returns how many have no place on the grid."""
    for i in range(len(first)):
        first[i] = word_of(row[2 * i], scale, half)
        second[i] = word_of(row[2 * i + 1], scale, half)
    return strangers(row, scale)


@jit
def leave_pairs(first: Values, second: Values, step: Any, exact: Any, row: Values) -> int:
    """Floats of two rows of words; returns how many the float format cannot hold."""
    for i in range(len(first)):
        row[2 * i] = row.dtype.type(first[i]) * step
        row[2 * i + 1] = row.dtype.type(second[i]) * step
    return inexact(first, exact) + inexact(second, exact)


@jit
def _potential(v: Any, x: Any, charge: Any, half: Any) -> Any:
    return wrap(v + (wrap(x - v, half) >> charge), half)


@jit
def _forward_row(
    x1: Values,
    x2: Values,
    v1: Values,
    v2: Values,
    charge: Any,
    keep: Any,
    threshold: Any,
    half: Any,
    first: Values,
    second: Values,
) -> None:
    """One step of a block of pairs: x becomes y, v becomes w; the potentials ``first`` and ``second`` are written."""
    zero = np.int64(0)
    for i in range(len(v1)):
        m1 = _potential(v1[i], x1[i], charge, half)
        fired1 = threshold if m1 >= threshold else zero
        y1 = wrap(x2[i] + fired1, half)
        w1 = wrap(v2[i] + wrap((m1 >> keep) - fired1, half), half)
        m2 = _potential(w1, y1, charge, half)
        fired2 = threshold if m2 >= threshold else zero
        x2[i] = wrap(x1[i] + fired2, half)
        x1[i] = y1
        v2[i] = wrap(v1[i] + wrap((m2 >> keep) - fired2, half), half)
        v1[i] = w1
        first[i] = m1
        second[i] = m2


@jit
def _inverse_row(
    y1: Values,
    y2: Values,
    w1: Values,
    w2: Values,
    charge: Any,
    keep: Any,
    threshold: Any,
    half: Any,
    first: Values,
    second: Values,
) -> None:
    """One step backwards: y becomes x, w becomes v; the potentials ``first`` and ``second`` are written."""
    zero = np.int64(0)
    for i in range(len(w1)):
        m2 = _potential(w1[i], y1[i], charge, half)
        fired2 = threshold if m2 >= threshold else zero
        x1 = wrap(y2[i] - fired2, half)
        v1 = wrap(w2[i] - wrap((m2 >> keep) - fired2, half), half)
        m1 = _potential(v1, x1, charge, half)
        fired1 = threshold if m1 >= threshold else zero
        y2[i] = wrap(y1[i] - fired1, half)
        y1[i] = x1
        w2[i] = wrap(w1[i] - wrap((m1 >> keep) - fired1, half), half)
        w1[i] = v1
        first[i] = m1
        second[i] = m2


@jit
def word_pair_forward(
    current: Values,
    charge: int,
    keep: int,
    threshold: int,
    half: int,
    scale: Any,
    step: Any,
    exact: int,
    state: Values,
    output: Values,
    v: Values,
) -> int:
    """Forward recurrence of T steps; returns how many values the grid or the float format cannot hold.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step.
    charge, keep : int
        Shifts: the potential moves by (x - v) >> charge, m >> keep stays in the state.
    threshold, half : int
        Firing threshold in grid steps; 2^(word_bits - 1).
    scale, step : scalar of the arrays' dtype
        Grid steps per unit, and its inverse.
    exact : int
        Largest integer up to which the float format holds all.
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
    buffer = np.empty((6, PAIRS), np.int64)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        x1, x2, v1, v2 = buffer[0, :pairs], buffer[1, :pairs], buffer[2, :pairs], buffer[3, :pairs]
        m1, m2 = buffer[4, :pairs], buffer[5, :pairs]
        misfits += enter_pairs(state[0, start:stop], scale, half, v1, v2)
        for t in range(steps):
            misfits += enter_pairs(current[t * stride, start:stop], scale, half, x1, x2)
            _forward_row(x1, x2, v1, v2, charge, keep, threshold, half, m1, m2)
            misfits += leave_pairs(x1, x2, step, exact, output[t, start:stop])
            if keeps:
                leave_pairs(m1, m2, step, exact, v[t, start:stop])
        misfits += leave_pairs(v1, v2, step, exact, state[0, start:stop])
    return misfits


@jit
def word_pair_invert(
    output: Values,
    charge: int,
    keep: int,
    threshold: int,
    half: int,
    scale: Any,
    step: Any,
    exact: int,
    state: Values,
    current: Values,
    v: Values,
) -> int:
    """Inverse of T steps, t descending; returns how many values the float format cannot hold.

    Parameters are those of :func:`word_pair_forward`; ``output`` is read, ``state`` goes from w behind the last step
    to v before the first, ``current`` and ``v`` (T, n) are written.
    """
    steps, n = output.shape
    buffer = np.empty((6, PAIRS), np.int64)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        y1, y2, w1, w2 = buffer[0, :pairs], buffer[1, :pairs], buffer[2, :pairs], buffer[3, :pairs]
        m1, m2 = buffer[4, :pairs], buffer[5, :pairs]
        misfits += enter_pairs(state[0, start:stop], scale, half, w1, w2)
        for t in range(steps - 1, -1, -1):
            misfits += enter_pairs(output[t, start:stop], scale, half, y1, y2)
            _inverse_row(y1, y2, w1, w2, charge, keep, threshold, half, m1, m2)
            misfits += leave_pairs(y1, y2, step, exact, current[t, start:stop])
            leave_pairs(m1, m2, step, exact, v[t, start:stop])
        misfits += leave_pairs(w1, w2, step, exact, state[0, start:stop])
    return misfits


@jit
def word_pair_backward(
    doutput: Values,
    v: Values,
    a: Any,
    remains: Any,
    threshold: Any,
    through: Any,
    code: int,
    parameter: Any,
    carry: Values,
    dx: Values,
) -> None:
    """Backward recurrence of T steps from kept potentials, t descending; rounding and wrapping count as identity.

    Parameters
    ----------
    doutput, v, dx : array, shape (T, n)
        Gradient towards y; potentials m of the forward pass; written: gradient towards the currents.
    a, remains : scalar of the arrays' dtype
        2^-charge and 2^-keep.
    threshold, through : scalar of the arrays' dtype
        Firing threshold, also the height of a spike; the same, or 0 for a detached reset.
    code, parameter
        Surrogate, as in :func:`simsnn.kernels.neuron.surrogate_derivative`.
    carry : array, shape (1, n)
        Gradient towards w behind the last of the steps; written: the one towards v before the first.
    """
    steps, n = v.shape
    one = v.dtype.type(1)
    buffer, scratch = np.empty((2, PAIRS), v.dtype), np.empty(BLOCK, v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs = (stop - start) // 2
        g1, g2, h = buffer[0, :pairs], buffer[1, :pairs], scratch[: stop - start]
        split(carry[0, start:stop], g1, g2)
        for t in range(steps - 1, -1, -1):
            derivative_row(v[t, start:stop], threshold, code, parameter, h)
            dy, out = doutput[t, start:stop], dx[t, start:stop]
            soft_gradient_row(h, dy, g1, g2, a, one, one, remains, threshold, through, out)
        join(g1, g2, carry[0, start:stop])


@jit
def word_pair_invert_backward(
    doutput: Values,
    output: Values,
    charge: int,
    keep: int,
    threshold: int,
    half: int,
    scale: Any,
    step: Any,
    exact: int,
    a: Any,
    remains: Any,
    through: Any,
    code: int,
    parameter: Any,
    state: Values,
    carry: Values,
    current: Values,
    dx: Values,
) -> int:
    """Inverse and gradient of T steps in one sweep; returns how many values the float format cannot hold.

    Parameters are those of :func:`word_pair_invert` and :func:`word_pair_backward`, the threshold in grid steps;
    ``current`` may be (0, n), and is then not written.
    """
    steps, n = output.shape
    keeps = current.shape[0] > 0
    one, firing = output.dtype.type(1), output.dtype.type(threshold) * step
    buffer = np.empty((6, PAIRS), np.int64)
    carried, scratch = np.empty((2, PAIRS), output.dtype), np.empty((2, BLOCK), output.dtype)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        size, pairs = stop - start, (stop - start) // 2
        y1, y2, w1, w2 = buffer[0, :pairs], buffer[1, :pairs], buffer[2, :pairs], buffer[3, :pairs]
        m1, m2, m, h = buffer[4, :pairs], buffer[5, :pairs], scratch[0, :size], scratch[1, :size]
        g1, g2 = carried[0, :pairs], carried[1, :pairs]
        misfits += enter_pairs(state[0, start:stop], scale, half, w1, w2)
        split(carry[0, start:stop], g1, g2)
        for t in range(steps - 1, -1, -1):
            misfits += enter_pairs(output[t, start:stop], scale, half, y1, y2)
            _inverse_row(y1, y2, w1, w2, charge, keep, threshold, half, m1, m2)
            if keeps:
                misfits += leave_pairs(y1, y2, step, exact, current[t, start:stop])
            leave_pairs(m1, m2, step, exact, m)
            derivative_row(m, firing, code, parameter, h)
            dy, out = doutput[t, start:stop], dx[t, start:stop]
            soft_gradient_row(h, dy, g1, g2, a, one, one, remains, firing, through, out)
        misfits += leave_pairs(w1, w2, step, exact, state[0, start:stop])
        join(g1, g2, carry[0, start:stop])
    return misfits
