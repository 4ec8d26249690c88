"""Neurons of one layer on maps of any shape: forward, surrogate derivative, backward.

Wraps the kernels of ``simsnn/kernels/neuron.py``; the equations stand in ``simsnn/neurons/lif.py``.
Maps are (T, B, H, W, C); a current may have one time step, which then holds for all T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.neuron import lif_backward, lif_forward, lif_forward_smooth, surrogate_derivative
from simsnn.neurons.lif import RESET_CODES, LifNeuron
from simsnn.training.quantise import fixed_point

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Membrane:
    """Neurons of one layer, T steps.

    Parameters
    ----------
    neuron : LifNeuron
        Their parameters.
    timesteps : int
        T.
    """

    neuron: LifNeuron
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
        shape = (self.timesteps, *current.shape[1:])
        spikes, v = np.empty(shape, current.dtype), np.empty(shape, current.dtype)
        neuron, scalar = self.neuron, current.dtype.type
        leak, threshold, reset = scalar(neuron.leak), scalar(neuron.threshold), RESET_CODES[neuron.reset]
        if smooth:
            surrogate = neuron.surrogate
            parameter = scalar(surrogate.parameter)
            held = _rows(spikes)[:0] if frozen is None else _rows(frozen)
            outputs = (_rows(spikes), _rows(v))
            lif_forward_smooth(_rows(current), leak, threshold, reset, surrogate.code, parameter, held, *outputs)
        else:
            lif_forward(_rows(current), leak, threshold, reset, _rows(spikes), _rows(v))
        return spikes, v

    def forward_rounded(self, current: Array, bits: int) -> tuple[Array, Array]:
        """Spikes and potential, both (T, B, H, W, C), with the potential rounded to ``bits`` in every step."""
        neuron, shape = self.neuron, (self.timesteps, *current.shape[1:])
        spikes, v = np.empty(shape, current.dtype), np.empty(shape, current.dtype)
        held = np.zeros(shape[1:], current.dtype)
        for step, now in enumerate(np.broadcast_to(current, shape)):
            v[step] = fixed_point(neuron.leak * held + now, bits, neuron.threshold)
            spikes[step] = v[step] >= neuron.threshold
            held = v[step]
            if neuron.reset == "hard":
                held = held * (1 - spikes[step])
            elif neuron.reset == "soft":
                held = held - neuron.threshold * spikes[step]
        return spikes, v

    def derivative(self, v: Array) -> Array:
        """Surrogate derivative at every membrane potential."""
        h, scalar, surrogate = np.empty_like(v), v.dtype.type, self.neuron.surrogate
        threshold, parameter = scalar(self.neuron.threshold), scalar(surrogate.parameter)
        surrogate_derivative(_rows(v), threshold, surrogate.code, parameter, _rows(h))
        return h

    def backward(self, ds: Array, v: Array, spikes: Array) -> Array:
        """Gradient towards the input current from the gradient towards the spikes, both (T, B, H, W, C)."""
        dv, scalar = np.empty_like(v), v.dtype.type
        neuron, surrogate = self.neuron, self.neuron.surrogate
        lif_backward(
            _rows(ds),
            _rows(v),
            _rows(spikes),
            scalar(neuron.leak),
            scalar(neuron.threshold),
            RESET_CODES[neuron.reset],
            neuron.detach_reset,
            surrogate.code,
            scalar(surrogate.parameter),
            _rows(dv),
        )
        return dv


def _rows(maps: Array) -> Array:
    """One row per time step, contiguous, so that every caller meets the same compiled kernel."""
    return np.ascontiguousarray(maps).reshape(len(maps), -1)
