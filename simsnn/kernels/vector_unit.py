"""Values of the integer leaky recurrence that the vector unit's check runs.

    v[t] = p[t-1] - (p[t-1] >> 1) + I[t];  s[t] = v[t] >= threshold;  p[t] = 0 if s[t] else v[t]

Exact in integers, every result depends on the step before: a pass that starts before its state
is written gives other values. Proof: ``tests/reference/test_vector_unit.py``, against the naive twin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit


@jit
def integer_leaky_values(
    currents: NDArray[np.int64], threshold: int, reverse: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spikes (T, N) and final state (N,) of the recurrence over currents (T, N); ``reverse`` runs t descending."""
    steps, elements = currents.shape
    spikes = np.zeros((steps, elements), dtype=np.int64)
    state = np.zeros(elements, dtype=np.int64)
    for step in range(steps):
        t = steps - 1 - step if reverse else step
        for element in range(elements):
            v = state[element] - (state[element] >> 1) + currents[t, element]
            fired = v >= threshold
            spikes[t, element] = 1 if fired else 0
            state[element] = 0 if fired else v
    return spikes, state
