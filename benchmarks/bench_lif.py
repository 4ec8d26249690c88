"""LIF recurrences forward and backward through time, beside what the memory allows."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.timing import median_seconds
from simsnn.kernels.neuron import HARD, TRIANGLE, lif_backward, lif_forward

STEPS, NEURONS = 8, 2**20
BYTES_PER_NEURON_STEP = 4 * 7
"""float32: current read, v and spikes written; v, spikes and ds read, dv written."""


def lif_forward_backward() -> Measurement:
    """Nanoseconds per neuron and time step of one forward and one backward sweep, float32, hard reset."""
    rng = np.random.default_rng(0)
    current = rng.random((STEPS, NEURONS), np.float32)
    spikes, v, dv = (np.empty_like(current) for _ in range(3))
    ds = rng.random((STEPS, NEURONS), np.float32)
    state, carry = (np.empty((1, NEURONS), np.float32) for _ in range(2))
    leak, threshold, width = np.float32(0.5), np.float32(1.0), np.float32(1.0)

    def sweep() -> None:
        state[...] = carry[...] = 0
        lif_forward(current, leak, threshold, HARD, spikes, v, state)
        lif_backward(ds, v, spikes, leak, threshold, HARD, True, TRIANGLE, width, carry, dv)

    nanoseconds = median_seconds(sweep) * 1e9 / (STEPS * NEURONS)
    bytes_per_second = 2 * current.nbytes / median_seconds(lambda: np.copyto(dv, current))
    bound = BYTES_PER_NEURON_STEP / bytes_per_second * 1e9
    name = f"{BYTES_PER_NEURON_STEP} bytes at the copy bandwidth of {bytes_per_second / 1e9:.1f} GB/s"
    return Measurement(nanoseconds, Yardstick(name, bound), f"T = {STEPS}, {NEURONS:,} neurons, float32")
