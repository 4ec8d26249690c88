"""Values of the chained integer recurrences that the scan network's check runs, one step after another.

    y_k[t] = a_k y_k[t-1] + x_k[t],  x_0 = x,  x_{k+1}[t] = (y_k[t] >> 1) xor (y_k[t] << 3)

in two's complement of 64 bits with wrap-around: addition and multiplication stay exact whatever their
order, so a network that adds in another order gives the same integers, and one that misses a term
does not. Proof: ``tests/reference/test_scan.py``, against the naive twin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Integers = NDArray[np.int64]


@jit
def next_input(value: int) -> int:
    """Input of a recurrence from the result of the one before; not linear, so that their order matters."""
    return (value >> 1) ^ (value << 3)


@jit
def chained_values(inputs: Integers, coefficients: Integers, reverse: bool) -> tuple[Integers, Integers]:
    """Results of the last recurrence, (T, N) int64, and last results of all of them, (N, q) int64.

    Parameters
    ----------
    inputs : (T, N) int64
        x.
    coefficients : (q,) int64
        a_k.
    reverse : bool
        Time runs backwards.
    """
    steps, elements = inputs.shape
    chained = coefficients.shape[0]
    outputs = np.zeros((steps, elements), dtype=np.int64)
    carries = np.zeros((elements, chained), dtype=np.int64)
    for step in range(steps):
        t = steps - 1 - step if reverse else step
        for element in range(elements):
            value = inputs[t, element]
            for k in range(chained):
                if k > 0:
                    value = next_input(value)
                value += coefficients[k] * carries[element, k]
                carries[element, k] = value
            outputs[t, element] = value
    return outputs, carries
