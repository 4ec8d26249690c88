"""Slow obvious twin of the parallel spiking units: sums over pairs of steps, one scalar at a time.

Gradients are pushed back edge by edge, each variable handing its own to what it was made of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron
from simsnn.neurons.parallel_reset import IpsuNeuron, ResetUnit, RpsuNeuron
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from tests.naive.neuron import derivative


@dataclass(frozen=True)
class Gradients:
    """Towards currents (T, n), matrix (T, T) or taps (k,), bias (T,) or (1,), slope."""

    dx: np.ndarray
    dw: np.ndarray
    db: np.ndarray
    slope: float


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def weight(unit: ParallelUnit, learned: np.ndarray, t: int, j: int, steps: int) -> float:
    """How the unit's learned mixture weighs the current of step j in step t."""
    if isinstance(unit, SlidingPsnNeuron):
        return learned[t - j] if 0 <= t - j < unit.order else 0.0
    order = unit.order if isinstance(unit, MaskedPsnNeuron) else steps
    if unit.kind != "psn" and not 0 <= t - j < order:
        return 0.0
    return learned[t * steps + j]


def bias(unit: ParallelUnit, learned: np.ndarray, t: int, steps: int) -> float:
    return learned[unit.order] if isinstance(unit, SlidingPsnNeuron) else learned[steps * steps + t]


def _strength(unit: PsuNeuron | ResetUnit) -> float:
    return unit.threshold if unit.scale_reset_by_threshold else 1.0


def integrated(unit: PsuNeuron | ResetUnit, x: np.ndarray, t: int) -> float:
    return sum(unit.tau ** -(t - j + 1) * x[j] for j in range(t + 1))


def mixed(unit: ParallelUnit, learned: np.ndarray, x: np.ndarray, t: int) -> float:
    steps = len(x)
    return sum(weight(unit, learned, t, j, steps) * x[j] for j in range(steps)) + bias(unit, learned, t, steps)


def reset(unit: PsuNeuron | ResetUnit, estimates: list[float], t: int) -> float:
    return -sum(_strength(unit) * unit.tau ** -(t - j) * estimates[j] for j in range(t))


def potential(unit: ParallelUnit, current: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """V (T, n)."""
    v = np.zeros_like(current)
    for i in range(current.shape[1]):
        x = current[:, i]
        for t in range(len(x)):
            v[t, i] = _potential(unit, x, learned, t)
    return v


def _potential(unit: ParallelUnit, x: np.ndarray, learned: np.ndarray, t: int) -> float:
    if isinstance(unit, PsuNeuron):
        return integrated(unit, x, t) + reset(unit, [sigmoid(integrated(unit, x, j)) for j in range(t)], t)
    if isinstance(unit, RpsuNeuron):
        return integrated(unit, x, t) + reset(unit, [sigmoid(mixed(unit, learned, x, j)) for j in range(t)], t)
    own = mixed(unit, learned, x, t)
    if not isinstance(unit, IpsuNeuron):
        return own
    if unit.form == "linear":
        return own + reset(unit, list(x), t)
    return own + reset(unit, [sigmoid(mixed(unit, learned, x, j)) for j in range(t)], t)


def spikes(unit: ParallelUnit, v: np.ndarray) -> np.ndarray:
    fires = [x > unit.threshold if unit.strict_threshold else x >= unit.threshold for x in v.ravel()]
    return np.array(fires, v.dtype).reshape(v.shape)


def backward(ds: np.ndarray, unit: ParallelUnit, current: np.ndarray, learned: np.ndarray) -> Gradients:
    """Gradients for the configured (not a learned) slope."""
    steps, v = len(current), potential(unit, current, learned)
    sliding = isinstance(unit, SlidingPsnNeuron)
    dw = np.zeros(unit.order if isinstance(unit, SlidingPsnNeuron) else (steps, steps))
    db, dx, slope = np.zeros(1 if sliding else steps), np.zeros_like(v), 0.0
    for i in range(v.shape[1]):
        x = current[:, i]
        dv = [ds[t, i] * derivative(v[t, i], unit) for t in range(steps)]
        if unit.surrogate.kind == "arctan":
            slope += sum(ds[t, i] * _towards_alpha(v[t, i], unit) for t in range(steps))
        towards_mixture, towards_integral = _split(unit, x, learned, dv)
        for t in range(steps):
            for j in range(t + 1):
                if isinstance(unit, PsuNeuron | RpsuNeuron):
                    dx[j, i] += unit.tau ** -(t - j + 1) * towards_integral[t]
                elif isinstance(unit, IpsuNeuron) and unit.form == "linear" and j < t:
                    dx[j, i] -= _strength(unit) * unit.tau ** -(t - j) * dv[t]
            for j in range(steps if not isinstance(unit, PsuNeuron) else 0):
                dx[j, i] += weight(unit, learned, t, j, steps) * towards_mixture[t]
                if isinstance(unit, SlidingPsnNeuron):
                    if 0 <= t - j < unit.order:
                        dw[t - j] += towards_mixture[t] * x[j]
                elif unit.kind == "psn" or 0 <= t - j < (unit.order if isinstance(unit, MaskedPsnNeuron) else steps):
                    dw[t, j] += towards_mixture[t] * x[j]
            db[0 if sliding else t] += towards_mixture[t]
    return Gradients(dx, dw, db, slope)


def _towards_alpha(v: float, unit: ParallelUnit) -> float:
    u = v - unit.threshold
    return (u / 2) / (1 + (math.pi * unit.surrogate.parameter * u / 2) ** 2)


def _split(unit: ParallelUnit, x: np.ndarray, learned: np.ndarray, dv: list[float]) -> tuple[list[float], list[float]]:
    """Gradients towards the learned mixture and towards the integral, of every step."""
    steps = len(x)
    sigmoidal = isinstance(unit, PsuNeuron | RpsuNeuron) or (isinstance(unit, IpsuNeuron) and unit.form == "sigmoid")
    if not sigmoidal:
        return dv, []
    assert isinstance(unit, PsuNeuron | ResetUnit)
    guess = []
    for t in range(steps):
        argument = integrated(unit, x, t) if isinstance(unit, PsuNeuron) else mixed(unit, learned, x, t)
        s = sigmoid(argument)
        towards_s = -sum(_strength(unit) * unit.tau ** -(later - t) * dv[later] for later in range(t + 1, steps))
        guess.append(s * (1 - s) * towards_s)
    both = [a + b for a, b in zip(dv, guess, strict=True)]
    if isinstance(unit, PsuNeuron):
        return [0.0] * steps, both
    return (both, []) if isinstance(unit, IpsuNeuron) else (guess, dv)
