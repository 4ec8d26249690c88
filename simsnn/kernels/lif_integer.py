"""Recurrences of the exact integer LIF neuron: forward with side bits, inverse, and inverse and gradient in one sweep.

Equations: head of ``simsnn/neurons/lif_integer.py``. Arrays are rows of floats on the grid as in
``simsnn/kernels/reversible_integer.py``; inside a block potentials are words (``simsnn/kernels/words.py``). The inverse
reads the spikes, the side bits and the currents, and returns the very potentials of the forward pass.

Proof: ``tests/kernels/test_lif_integer.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values, derivative_row
from simsnn.kernels.words import inexact, strangers, word_of, wrap

DIVIDE, SUBTRACT = 0, 1


@jit
def _enter(row: Values, scale: Any, half: Any, words: Values) -> int:
    for i in range(len(words)):
        words[i] = word_of(row[i], scale, half)
    return strangers(row, scale)


@jit
def _leave(words: Values, step: Any, exact: Any, row: Values) -> int:
    for i in range(len(words)):
        row[i] = row.dtype.type(words[i]) * step
    return inexact(words, exact)


@jit
def _side_row(v: Values, shift: Any, form: int, side: Values) -> None:
    """What the leak of one row of potentials loses: the bits shifted out, or which of two preimages it was."""
    low = (np.int64(1) << shift) - np.int64(1)
    if form == DIVIDE:
        for i in range(len(v)):
            side[i] = np.uint8(v[i] & low)
    else:
        for i in range(len(v)):
            side[i] = np.uint8(1) if v[i] & low == 0 else np.uint8(0)


@jit
def _forward_row(
    x: Values, v: Values, shift: Any, form: int, threshold: Any, half: Any, spikes: Values, m: Values
) -> None:
    """One step of a block: leak, charge, fire, reset; v goes from before the step to behind it."""
    zero, silent, fired = np.int64(0), spikes.dtype.type(0), spikes.dtype.type(1)
    for i in range(len(v)):
        leaked = v[i] >> shift if form == DIVIDE else v[i] - (v[i] >> shift)
        charged = wrap(leaked + x[i], half)
        fires = charged >= threshold
        spikes[i] = fired if fires else silent
        m[i] = charged
        v[i] = wrap(charged - (threshold if fires else zero), half)


@jit
def _inverse_row(
    x: Values, spikes: Values, side: Values, shift: Any, form: int, threshold: Any, half: Any, v: Values, m: Values
) -> None:
    """One step backwards; v goes from behind the step to before it."""
    zero = np.int64(0)
    if form == DIVIDE:
        for i in range(len(v)):
            charged = wrap(v[i] + (threshold if spikes[i] != 0 else zero), half)
            m[i] = charged
            v[i] = (wrap(charged - x[i], half) << shift) + np.int64(side[i])
    else:
        # the smaller preimage of u under v - (v >> shift); float64 divides integers of this size exactly enough
        divisor = float((1 << shift) - 1)
        for i in range(len(v)):
            charged = wrap(v[i] + (threshold if spikes[i] != 0 else zero), half)
            m[i] = charged
            leaked = wrap(charged - x[i], half)
            v[i] = leaked + np.int64(math.floor(float(leaked - 1) / divisor)) + np.int64(side[i])


@jit
def word_lif_forward(
    current: Values,
    shift: int,
    form: int,
    threshold: int,
    half: int,
    scale: Any,
    step: Any,
    exact: int,
    state: Values,
    spikes: Values,
    side: Values,
    v: Values,
) -> int:
    """Forward recurrence of T steps; returns how many values the grid or the float format cannot hold.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step.
    shift, form : int
        Leak: v >> shift (DIVIDE) or v - (v >> shift) (SUBTRACT).
    threshold, half : int
        Firing threshold in grid steps; 2^(word_bits - 1).
    scale, step : scalar of the arrays' dtype
        Grid steps per unit, and its inverse.
    exact : int
        Largest integer up to which the float format holds all.
    state : array, shape (1, n)
        Potential behind the reset, before the first of the steps; written: behind the last.
    spikes : array, shape (T, n)
        Written: 0 or 1.
    side : array, shape (T, n) or (T, 0), uint8
        Written where it has columns: what the leak lost.
    v : array, shape (T, n) or (0, n)
        Written where it has rows: potentials before the reset.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    keeps, notes = v.shape[0] > 0, side.shape[1] > 0
    buffer = np.empty((3, BLOCK), np.int64)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        x, held, m = buffer[0, : stop - start], buffer[1, : stop - start], buffer[2, : stop - start]
        misfits += _enter(state[0, start:stop], scale, half, held)
        for t in range(steps):
            misfits += _enter(current[t * stride, start:stop], scale, half, x)
            if notes:
                _side_row(held, shift, form, side[t, start:stop])
            _forward_row(x, held, shift, form, threshold, half, spikes[t, start:stop], m)
            if keeps:
                _leave(m, step, exact, v[t, start:stop])
        misfits += _leave(held, step, exact, state[0, start:stop])
    return misfits


@jit
def word_lif_invert(
    spikes: Values,
    side: Values,
    shift: int,
    form: int,
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

    Parameters are those of :func:`word_lif_forward`; spikes, side bits and currents are read, ``state`` goes from
    behind the last step to before the first, ``v`` (T, n) is written.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    notes = side.shape[1] > 0
    nothing = np.zeros((1, BLOCK), np.uint8)
    buffer = np.empty((3, BLOCK), np.int64)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        x, held, m = buffer[0, : stop - start], buffer[1, : stop - start], buffer[2, : stop - start]
        misfits += _enter(state[0, start:stop], scale, half, held)
        for t in range(steps - 1, -1, -1):
            misfits += _enter(current[t * stride, start:stop], scale, half, x)
            lost = side[t, start:stop] if notes else nothing[0, : stop - start]
            _inverse_row(x, spikes[t, start:stop], lost, shift, form, threshold, half, held, m)
            _leave(m, step, exact, v[t, start:stop])
        misfits += _leave(held, step, exact, state[0, start:stop])
    return misfits


@jit
def gradient_row(h: Values, ds: Values, carry: Values, leak: Any, through: Any, dx: Values) -> None:
    """Gradient of one step of soft-reset LIF; carry goes from behind the step to before it."""
    for i in range(len(h)):
        dm = h[i] * (ds[i] - through * carry[i]) + carry[i]
        dx[i] = dm
        carry[i] = leak * dm


@jit
def word_lif_backward(
    ds: Values,
    v: Values,
    leak: Any,
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
    ds, v, dx : array, shape (T, n)
        Gradient towards the spikes; potentials before the reset; written: gradient towards the currents.
    leak : scalar of the arrays' dtype
        2^-shift or 1 - 2^-shift.
    threshold, through : scalar of the arrays' dtype
        Firing threshold; the same, or 0 for a detached reset.
    code, parameter
        Surrogate, as in :func:`simsnn.kernels.neuron.surrogate_derivative`.
    carry : array, shape (1, n)
        Gradient towards the state behind the last of the steps; written: before the first.
    """
    steps, n = v.shape
    scratch = np.empty(BLOCK, v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        h = scratch[: stop - start]
        for t in range(steps - 1, -1, -1):
            derivative_row(v[t, start:stop], threshold, code, parameter, h)
            gradient_row(h, ds[t, start:stop], carry[0, start:stop], leak, through, dx[t, start:stop])


@jit
def word_lif_invert_backward(
    ds: Values,
    spikes: Values,
    side: Values,
    shift: int,
    form: int,
    threshold: int,
    half: int,
    scale: Any,
    step: Any,
    exact: int,
    leak: Any,
    through: Any,
    code: int,
    parameter: Any,
    state: Values,
    carry: Values,
    current: Values,
    dx: Values,
) -> int:
    """Inverse and gradient of T steps in one sweep; returns how many values the float format cannot hold.

    Parameters are those of :func:`word_lif_invert` and :func:`word_lif_backward`, the threshold in grid steps.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    notes = side.shape[1] > 0
    nothing = np.zeros((1, BLOCK), np.uint8)
    firing = spikes.dtype.type(threshold) * step
    buffer, scratch = np.empty((3, BLOCK), np.int64), np.empty((2, BLOCK), spikes.dtype)
    misfits = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        x, held, words = buffer[0, : stop - start], buffer[1, : stop - start], buffer[2, : stop - start]
        m, h = scratch[0, : stop - start], scratch[1, : stop - start]
        misfits += _enter(state[0, start:stop], scale, half, held)
        for t in range(steps - 1, -1, -1):
            misfits += _enter(current[t * stride, start:stop], scale, half, x)
            lost = side[t, start:stop] if notes else nothing[0, : stop - start]
            _inverse_row(x, spikes[t, start:stop], lost, shift, form, threshold, half, held, words)
            _leave(words, step, exact, m)
            derivative_row(m, firing, code, parameter, h)
            gradient_row(h, ds[t, start:stop], carry[0, start:stop], leak, through, dx[t, start:stop])
        misfits += _leave(held, step, exact, state[0, start:stop])
    return misfits
