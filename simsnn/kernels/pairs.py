"""What the kernels of pair nodes share: rows taken apart and put together, and the gradient of one step.

Elements 2i and 2i+1 of a row are the two halves of pair i. Users: ``simsnn/kernels/reversible.py``,
``simsnn/kernels/reversible_integer.py``; proof: ``tests/kernels/test_reversible.py``.
"""

from __future__ import annotations

from typing import Any

from simsnn.kernels.compiler import jit
from simsnn.kernels.neuron import BLOCK, Values

PAIRS = BLOCK // 2
"""Pairs of a block."""


@jit
def split(row: Values, first: Values, second: Values) -> None:
    """Take a row of pairs apart: (2p,) into two of (p,)."""
    for i in range(len(first)):
        first[i] = row[2 * i]
        second[i] = row[2 * i + 1]


@jit
def join(first: Values, second: Values, row: Values) -> None:
    """Put two rows (p,) together as pairs: (2p,)."""
    for i in range(len(first)):
        row[2 * i] = first[i]
        row[2 * i + 1] = second[i]


@jit
def soft_gradient_row(
    h: Values,
    dy: Values,
    g1: Values,
    g2: Values,
    a: Any,
    alpha: Any,
    beta: Any,
    keep: Any,
    height: Any,
    through: Any,
    dx: Values,
) -> None:
    """Gradient of one step of a block of pairs with soft reset; g1, g2 go from behind the step to before it.

    The step is y = height * s + beta * x of the other half, w = keep * m - threshold * s + alpha * v of the other
    half; ``through`` is the threshold, or 0 for a detached reset.
    """
    b = h.dtype.type(1) - a
    for i in range(len(g1)):
        h1, h2, dy1, dy2 = h[2 * i], h[2 * i + 1], dy[2 * i], dy[2 * i + 1]
        dw1, dw2 = g1[i], g2[i]
        dm2 = keep * dw2 + (height * dy2 - through * dw2) * h2
        dy1 += a * dm2
        dw1 += b * dm2
        dm1 = keep * dw1 + (height * dy1 - through * dw1) * h1
        dx[2 * i] = beta * dy2 + a * dm1
        dx[2 * i + 1] = beta * dy1
        g1[i] = alpha * dw2 + b * dm1
        g2[i] = alpha * dw1
