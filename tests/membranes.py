"""Backward passes of neurons that learn nothing: they read potentials, and neither currents nor learned numbers."""

import numpy as np

from simsnn.training.membrane import Array, Membrane


def backward(membrane: Membrane, ds: Array, v: Array, spikes: Array) -> Array:
    """Gradient towards the current from the one towards the spikes, both (T, B, H, W, C)."""
    assert membrane.neuron.learned_shape(membrane.timesteps) == ()
    nothing = np.empty(0, v.dtype)
    return membrane.backward(ds, v, spikes, np.full_like(v, np.nan), nothing)
