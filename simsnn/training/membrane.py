"""Neurons of one layer on maps of any shape: forward, surrogate derivative, backward.

Recurrences and equations are those of the neuron model (``simsnn/neurons/``); here maps become rows.
Maps are (T, B, H, W, C); a current may have one time step, which then holds for all T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.neuron import surrogate_derivative
from simsnn.neurons.base import NeuronModel
from simsnn.training.quantise import fixed_point

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Membrane:
    """Neurons of one layer, T steps.

    Parameters
    ----------
    neuron : NeuronModel
        Their parameters.
    timesteps : int
        T.
    """

    neuron: NeuronModel
    timesteps: int

    def forward(self, current: Array, smooth: bool = False, frozen: Array | None = None) -> tuple[Array, Array]:
        """Spikes and membrane potential before the reset, both (T, B, H, W, C).

        Parameters
        ----------
        current : array, shape (T, B, H, W, C) or (1, B, H, W, C)
            Input current.
        smooth : bool
            Replace the threshold by the surrogate's primitive, for gradient checks.
        frozen : array or None
            With ``smooth``: values that the reset reads in place of the neuron's own output.
        """
        spikes, v = self._outputs(current)
        if smooth:
            held = _rows(spikes)[:0] if frozen is None else _rows(frozen)
            self.neuron.forward_smooth(_rows(current), held, _rows(spikes), _rows(v))
        else:
            self.neuron.forward(_rows(current), _rows(spikes), _rows(v))
        return spikes, v

    def forward_rounded(self, current: Array, bits: int) -> tuple[Array, Array]:
        """Spikes and potential, both (T, B, H, W, C), with all that a step keeps rounded to ``bits``."""
        spikes, v = self._outputs(current)
        store = partial(fixed_point, bits=bits, threshold=self.neuron.threshold)
        self.neuron.forward_stored(_rows(current), store, _rows(spikes), _rows(v))
        return spikes, v

    def potential_without_firing(self, current: Array) -> Array:
        """Potential (n,) of every neuron in float64 after T steps in which nothing fires."""
        rows = _rows(current)
        return self.neuron.potential_without_firing(np.broadcast_to(rows, (self.timesteps, rows.shape[1])))

    def derivative(self, v: Array) -> Array:
        """Surrogate derivative at every membrane potential."""
        h, scalar, surrogate = np.empty_like(v), v.dtype.type, self.neuron.surrogate
        threshold, parameter = scalar(self.neuron.threshold), scalar(surrogate.parameter)
        surrogate_derivative(_rows(v), threshold, surrogate.code, parameter, _rows(h))
        return h

    def backward(self, ds: Array, v: Array, spikes: Array) -> Array:
        """Gradient towards the input current from the gradient towards the spikes, both (T, B, H, W, C)."""
        dx = np.empty_like(v)
        self.neuron.backward(_rows(ds), _rows(v), _rows(spikes), _rows(dx))
        return dx

    def _outputs(self, current: Array) -> tuple[Array, Array]:
        """Room for spikes and potentials."""
        shape = (self.timesteps, *current.shape[1:])
        return np.empty(shape, current.dtype), np.empty(shape, current.dtype)


def _rows(maps: Array) -> Array:
    """One row per time step, contiguous, so that every caller meets the same compiled kernel."""
    return np.ascontiguousarray(maps).reshape(len(maps), -1)
