"""Slow obvious twin of the IIR neuron: sums as they are written, gradients pushed back edge by edge."""

from __future__ import annotations

import numpy as np

from simsnn.neurons.iir import IirNeuron
from tests.naive.neuron import derivative


def forward(current: np.ndarray, neuron: IirNeuron) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potentials of currents (T, n)."""
    spikes, u = np.zeros_like(current), np.zeros_like(current)
    for i in range(current.shape[1]):
        for t in range(current.shape[0]):
            total = 0.0
            for q, tap in enumerate(neuron.feedforward):
                if t - q >= 0:
                    total += tap * current[t - q, i]
            if neuron.reset == "soft" and neuron.reset_coefficient == "threshold" and t > 0:
                total -= neuron.threshold * spikes[t - 1, i]
            for p, tap in reversed(list(enumerate(neuron.feedback, 1))):
                if t - p >= 0:
                    total += tap * _stored(u[t - p, i], spikes[t - p, i], neuron)
            u[t, i] = total
            spikes[t, i] = 1.0 if total >= neuron.threshold else 0.0
    return spikes, u


def _stored(u: float, spike: float, neuron: IirNeuron) -> float:
    if neuron.reset == "soft" and neuron.reset_coefficient == "feedback":
        return u - neuron.threshold * spike
    return u


def backward(ds: np.ndarray, u: np.ndarray, neuron: IirNeuron) -> np.ndarray:
    """Gradient towards the currents (T, n): every variable hands its own gradient to what it was made of.

    The variables of a step are the stored potential w, the spike s, the potential u and the current x.
    """
    steps, n = u.shape
    result = np.zeros_like(u)
    soft = neuron.reset == "soft"
    for i in range(n):
        towards_s, towards_w = list(ds[:, i]), [0.0] * steps
        for t in reversed(range(steps)):
            towards_u = towards_w[t]
            if soft and neuron.reset_coefficient == "feedback" and not neuron.detach_reset:
                towards_s[t] -= neuron.threshold * towards_w[t]
            towards_u += towards_s[t] * derivative(u[t, i], neuron)
            for q, tap in enumerate(neuron.feedforward):
                if t - q >= 0:
                    result[t - q, i] += tap * towards_u
            for p, tap in enumerate(neuron.feedback, 1):
                if t - p >= 0:
                    towards_w[t - p] += tap * towards_u
            if soft and neuron.reset_coefficient == "threshold" and not neuron.detach_reset and t > 0:
                towards_s[t - 1] -= neuron.threshold * towards_u
    return result
