"""Recurrences of the IIR-filter neuron, forward and backward through time.

Equations: head of ``simsnn/neurons/iir.py``. Arrays are (T, n) as in ``simsnn/kernels/neuron.py``,
taps are arrays of their dtype: ``feedback`` holds a_1..a_P, ``feedforward`` b_0..b_Q. Neurons are taken
in blocks that stay in the first-level cache, time runs outermost within a block, and every loop over
the neurons of a block adds one tap, so it vectorises.

Order of the additions: b_0 x[t], b_1 x[t-1], ..., the reset of :data:`THRESHOLD_RESET`, then the feedback
taps, farthest first. With P = 1, Q = 0, b_0 = 1 and :data:`FEEDBACK_RESET` that is, rounding by
rounding, what the LIF kernel does with a soft reset.

Proof: ``tests/kernels/test_iir.py`` (against one scalar at a time, ``tests/naive/iir.py``; against the LIF
kernel, bit for bit; the backward sweep as the transpose of the filter) and
``tests/kernels/test_gradients.py`` (finite differences of whole networks).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values, derivative_row, primitive

FEEDBACK_RESET, THRESHOLD_RESET, NO_RESET = 0, 1, 2


@jit
def _scale(row: Values, tap: Any, source: Values) -> None:
    for i in range(len(row)):
        row[i] = tap * source[i]


@jit
def _add_scaled(row: Values, tap: Any, source: Values) -> None:
    for i in range(len(row)):
        row[i] += tap * source[i]


@jit
def _fire(
    total: Values, tap: Any, before: Values, threshold: Any, taken: Any, v: Values, s: Values, held: Values
) -> None:
    """Nearest feedback tap, spike, and what the taps of later steps read: v, less ``taken`` where it fired."""
    zero, one = v.dtype.type(0), v.dtype.type(1)
    for i in range(len(v)):
        x = total[i] + tap * before[i]
        fires = x >= threshold
        v[i] = x
        s[i] = one if fires else zero
        held[i] = x - taken if fires else x


@jit
def _take_where_fired(total: Values, threshold: Any, before: Values) -> None:
    for i in range(len(total)):
        if before[i] >= threshold:
            total[i] -= threshold


@jit
def iir_forward(
    current: Values,
    feedback: Values,
    feedforward: Values,
    threshold: Any,
    reset: int,
    spikes: Values,
    v: Values,
    state: Values,
) -> None:
    """Forward recurrence of all T steps.

    Parameters
    ----------
    current : array, shape (T, n) or (1, n)
        Input current; one row means the same current in every step of these.
    feedback : array, shape (P,), P >= 1
        Taps on earlier potentials.
    feedforward : array, shape (Q + 1,)
        Taps on this and earlier currents.
    threshold : scalar of the arrays' dtype
        Firing threshold.
    reset : int
        FEEDBACK_RESET, THRESHOLD_RESET or NO_RESET.
    spikes : array, shape (T, n)
        Written: 0 or 1.
    v : array, shape (T, n)
        Written: potential of every step, which backward needs.
    state : array, shape (P + Q, n)
        What the taps read of the P potentials and the Q currents before the first of these steps, latest
        first, and then the same behind the last.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    taken = threshold if reset == FEEDBACK_RESET else v.dtype.type(0)
    poles, width = len(feedback), min(BLOCK, n)
    depth = poles + 1  # one more row than is read, so that no row is read and written at once
    history, sums = np.empty((depth, width), v.dtype), np.empty(width, v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        held, total = history[:, : stop - start], sums[: stop - start]
        before_all = state[:, start:stop]
        for p in range(poles):
            held[(-1 - p) % depth] = before_all[p]
        for t in range(steps):
            v_row, s_row = v[t, start:stop], spikes[t, start:stop]
            _scale(total, feedforward[0], current[t * stride, start:stop])
            for q in range(1, len(feedforward)):
                earlier = current[(t - q) * stride, start:stop] if q <= t else before_all[poles + q - t - 1]
                _add_scaled(total, feedforward[q], earlier)
            if reset == THRESHOLD_RESET and t > 0:
                _add_scaled(total, -threshold, spikes[t - 1, start:stop])
            elif reset == THRESHOLD_RESET:
                _take_where_fired(total, threshold, before_all[0])
            for p in range(poles, 1, -1):
                _add_scaled(total, feedback[p - 1], held[(t - p) % depth])
            before, after = held[(t - 1) % depth], held[t % depth]
            _fire(total, feedback[0], before, threshold, taken, v_row, s_row, after)
        for p in range(poles):
            before_all[p] = held[(steps - 1 - p) % depth]
        for q in range(len(feedforward) - 2, -1, -1):  # downwards: what moves on is read before it is written
            if q < steps:
                before_all[poles + q] = current[(steps - 1 - q) * stride, start:stop]
            else:
                before_all[poles + q] = before_all[poles + q - steps]


@jit
def iir_forward_smooth(
    current: Values,
    feedback: Values,
    feedforward: Values,
    threshold: Any,
    reset: int,
    code: int,
    parameter: Any,
    frozen: Values,
    spikes: Values,
    v: Values,
) -> None:
    """Forward recurrence with the threshold replaced by the surrogate's primitive, for gradient checks.

    Parameters are those of :func:`iir_forward` and ``surrogate_derivative``, float64, and

    frozen : array, shape (T, n) or (0, n)
        Spikes that the reset reads instead of the neuron's own, so that no derivative passes
        through the reset (a detached reset); (0, n) resets by the neuron's own output.
    """
    steps, n = spikes.shape
    stride = 1 if current.shape[0] == steps else 0
    resetting = spikes if frozen.shape[0] == 0 else frozen
    for i in range(n):
        for t in range(steps):
            x = 0.0
            for q in range(min(len(feedforward), t + 1)):
                x += feedforward[q] * current[(t - q) * stride, i]
            if reset == THRESHOLD_RESET and t > 0:
                x -= threshold * resetting[t - 1, i]
            for p in range(min(len(feedback), t), 0, -1):
                held = v[t - p, i]
                if reset == FEEDBACK_RESET:
                    held -= threshold * resetting[t - p, i]
                x += feedback[p - 1] * held
            v[t, i] = x
            spikes[t, i] = primitive(x - threshold, code, parameter)


@jit
def _adjoint_row(
    h: Values, ds: Values, through: Values, factor: Any, carry: Values, tap: Any, e: Values, dx: Values
) -> None:
    """Gradient towards the potential, through the spike (less the reset's share) and the taps; its own tap of dx."""
    for i in range(len(h)):
        gradient = h[i] * (ds[i] - factor * through[i]) + carry[i]
        e[i] = gradient
        dx[i] = tap * gradient


@jit
def iir_backward(
    ds: Values,
    v: Values,
    feedback: Values,
    feedforward: Values,
    threshold: Any,
    reset: int,
    detached: bool,
    code: int,
    parameter: Any,
    carry: Values,
    dx: Values,
) -> None:
    """Backward recurrence of all T steps, t descending: the same taps with time reversed.

    Parameters
    ----------
    ds : array, shape (T, n)
        Gradient towards the spikes.
    v : array, shape (T, n)
        Potential that the forward recurrence wrote.
    feedback, feedforward, threshold, reset, code, parameter
        As in :func:`iir_forward` and ``surrogate_derivative``.
    detached : bool
        True when no gradient passes through the reset.
    carry : array, shape (max(P, Q), n)
        Gradients towards the potentials of the steps behind these, earliest first (zero at the end of a
        sequence), and then those of the first of these steps on.
    dx : array, shape (T, n)
        Written: gradient towards the input current of every step. May be ``ds`` itself.
    """
    steps, n = v.shape
    zero = v.dtype.type(0)
    factor = zero if detached or reset == NO_RESET else threshold
    poles, width = len(feedback), min(BLOCK, n)
    depth = max(poles + 1, len(feedforward))  # e of this step and of all that the taps reach
    history, rows = np.empty((depth, width), v.dtype), np.empty((2, width), v.dtype)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        later = history[:, : stop - start]
        h, total = rows[0, : stop - start], rows[1, : stop - start]
        for p in range(depth - 1):
            later[(steps + p) % depth] = carry[p, start:stop]
        for t in range(steps - 1, -1, -1):
            derivative_row(v[t, start:stop], threshold, code, parameter, h)
            _scale(total, feedback[0], later[(t + 1) % depth])
            for p in range(2, poles + 1):
                _add_scaled(total, feedback[p - 1], later[(t + p) % depth])
            through = later[(t + 1) % depth] if reset == THRESHOLD_RESET else total
            dx_row, e = dx[t, start:stop], later[t % depth]
            _adjoint_row(h, ds[t, start:stop], through, factor, total, feedforward[0], e, dx_row)
            for q in range(1, len(feedforward)):
                _add_scaled(dx_row, feedforward[q], later[(t + q) % depth])
        for p in range(depth - 1):
            carry[p, start:stop] = later[p % depth]
