"""Neurons of one layer on maps of any shape: forward, surrogate derivative, backward.

Recurrences and equations are those of the neuron model (``simsnn/neurons/``); here maps become rows.
Maps are (T, B, H, W, C); a current may have one time step, which then holds for all T.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.neurons.base import NeuronModel
from simsnn.training.quantise import fixed_point

Array = NDArray[Any]


def _nothing() -> Array:
    return np.empty(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Membrane:
    """Neurons of one layer, T steps.

    Parameters
    ----------
    neuron : NeuronModel
        Their parameters.
    timesteps : int
        T.
    learned : array, shape (count,)
        What the layer of neurons has learned; empty where it learns nothing.
    """

    neuron: NeuronModel
    timesteps: int
    learned: Array = field(default_factory=_nothing)

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
            held = rows(spikes)[:0] if frozen is None else rows(frozen)
            self.neuron.forward_smooth(rows(current), self.learned, held, rows(spikes), rows(v))
        else:
            self.forward_from(current, self.empty_state(current), spikes, v)
        return spikes, v

    def forward_from(self, current: Array, state: Array, spikes: Array, v: Array) -> None:
        """Any run of time steps: writes spikes and potentials of it, takes ``state`` from before it to behind it."""
        self.neuron.forward(rows(current), self.learned, rows(spikes), rows(v), state)

    def empty_state(self, current: Array) -> Array:
        """State (words, n) before the first step."""
        return np.zeros((self.neuron.forward_state_words, current[0].size), current.dtype)

    def empty_carry(self, current: Array) -> Array:
        """Gradient state (words, n) behind the last step."""
        return np.zeros((self.neuron.backward_state_words, current[0].size), current.dtype)

    def forward_rounded(self, current: Array, bits: int) -> tuple[Array, Array]:
        """Spikes and potential, both (T, B, H, W, C), with all that a step keeps rounded to ``bits``."""
        spikes, v = self._outputs(current)
        store = partial(fixed_point, bits=bits, threshold=self.neuron.threshold)
        self.neuron.forward_stored(rows(current), self.learned, store, rows(spikes), rows(v))
        return spikes, v

    def potential_without_firing(self, current: Array) -> Array:
        """Potential (n,) of every neuron in float64 after T steps in which nothing fires."""
        given = rows(current)
        every_step = np.broadcast_to(given, (self.timesteps, given.shape[1]))
        return self.neuron.potential_without_firing(every_step, self.learned)

    def derivative(self, v: Array) -> Array:
        """Surrogate derivative at every membrane potential."""
        h = np.empty_like(v)
        self.neuron.derivative(rows(v), self.learned, rows(h))
        return h

    def backward(self, ds: Array, v: Array, spikes: Array, current: Array, dlearned: Array) -> Array:
        """Gradient towards the input current, (T, B, H, W, C).

        Parameters
        ----------
        ds, v, spikes : array, shape (T, B, H, W, C)
            Gradient towards the output; what forward returned.
        current : array, shape (T, B, H, W, C) or (1, B, H, W, C)
            What forward read.
        dlearned : array, shape (count,)
            Written: gradient towards what the layer has learned.
        """
        dx = np.empty_like(v)
        self.backward_from(ds, v, spikes, current, self.empty_carry(v), dx, dlearned)
        return dx

    def backward_from(
        self, ds: Array, v: Array, spikes: Array, current: Array, carry: Array, dx: Array, dlearned: Array
    ) -> None:
        """Any run of time steps: writes its gradient, takes ``carry`` from behind it to before it."""
        given = (rows(ds), rows(current), self.learned, rows(v), rows(spikes))
        self.neuron.backward(*given, carry, rows(dx), dlearned)

    def _outputs(self, current: Array) -> tuple[Array, Array]:
        """Room for spikes and potentials."""
        shape = (self.timesteps, *current.shape[1:])
        return np.empty(shape, current.dtype), np.empty(shape, current.dtype)


def rows(maps: Array) -> Array:
    """One row per time step, contiguous, so that every caller meets the same compiled kernel."""
    return np.ascontiguousarray(maps).reshape(len(maps), -1)
