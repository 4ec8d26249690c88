"""Slow obvious twin of the LIF recurrences and their surrogates: one scalar at a time."""

from __future__ import annotations

import math

import numpy as np

from simsnn.neurons.base import NeuronModel
from simsnn.neurons.lif import LifNeuron


def derivative(v: float, neuron: NeuronModel) -> float:
    """Surrogate derivative, as in the table of ``simsnn/neurons/surrogate.py``."""
    x, surrogate = v - neuron.threshold, neuron.surrogate
    if surrogate.kind == "rectangle":
        return 1 / surrogate.width if abs(x) < surrogate.width / 2 else 0.0
    if surrogate.kind == "triangle":
        return max(0.0, 1 - abs(x) / surrogate.width) / surrogate.width
    if surrogate.kind == "arctan":
        return surrogate.alpha / (2 * (1 + (math.pi * surrogate.alpha * x / 2) ** 2))
    if surrogate.kind == "fast_sigmoid":
        return 1 / (1 + surrogate.slope * abs(x)) ** 2
    sig = 1 / (1 + math.exp(-surrogate.slope * x))
    return surrogate.slope * sig * (1 - sig)


def forward(current: np.ndarray, neuron: LifNeuron) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potential before the reset of currents (T, n)."""
    spikes, v = np.zeros_like(current), np.zeros_like(current)
    for i in range(current.shape[1]):
        p = 0.0
        for t in range(current.shape[0]):
            v[t, i] = neuron.leak * p + current[t, i]
            spikes[t, i] = 1.0 if v[t, i] >= neuron.threshold else 0.0
            if neuron.reset == "hard":
                p = v[t, i] * (1 - spikes[t, i])
            elif neuron.reset == "soft":
                p = v[t, i] - neuron.threshold * spikes[t, i]
            else:
                p = v[t, i]
    return spikes, v


def backward(ds: np.ndarray, v: np.ndarray, spikes: np.ndarray, neuron: LifNeuron) -> np.ndarray:
    """Gradient towards the currents (T, n), by the chain rule through every variable in turn.

    Each step has p = reset(v, s), s = threshold(v): the gradient towards p arrives from the next
    step, the one towards s from outside and, unless detached, through the reset.
    """
    result = np.zeros_like(v)
    for i in range(v.shape[1]):
        towards_next_v = 0.0
        for t in reversed(range(v.shape[0])):
            towards_p = neuron.leak * towards_next_v
            towards_s, direct = ds[t, i], towards_p
            if neuron.reset == "hard":
                direct = towards_p * (1 - spikes[t, i])
                through_reset = -towards_p * v[t, i]
            elif neuron.reset == "soft":
                through_reset = -towards_p * neuron.threshold
            else:
                through_reset = 0.0
            if not neuron.detach_reset:
                towards_s += through_reset
            towards_next_v = direct + towards_s * derivative(v[t, i], neuron)
            result[t, i] = towards_next_v
    return result
