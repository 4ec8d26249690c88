"""Slow obvious twins of the reversible neurons: one scalar at a time, integers of any size wrapped by remainder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from tests.naive.neuron import derivative

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Run:
    """Output, potentials and the state behind the last step."""

    output: Array
    m: Array
    state: list[Any]


def lei_forward(x: Array, node: ReversibleLeiNeuron, state: Array) -> Run:
    """Pair node in floats, (T, n)."""
    a, y, m, v = 1 / node.tau, np.zeros_like(x), np.zeros_like(x), list(state)

    def half(held: float, incoming: float) -> tuple[float, float, float]:
        potential = held + a * (incoming - held)
        spike = 1.0 if potential >= node.threshold else 0.0
        if node.reset == "hard":
            return potential, spike, 0.0 if spike else potential
        return potential, spike, potential - node.threshold if spike else potential

    for t in range(len(x)):
        for i in range(0, x.shape[1], 2):
            j = i + 1
            m[t, i], s1, left1 = half(v[i], x[t, i])
            y[t, i] = s1 + node.beta * x[t, j]
            w1 = left1 + node.alpha * v[j]
            m[t, j], s2, left2 = half(w1, y[t, i])
            y[t, j] = s2 + node.beta * x[t, i]
            v[i], v[j] = w1, left2 + node.alpha * v[i]
    return Run(y, m, v)


def pair_backward(
    dy: Array, m: Array, node: ReversibleLeiNeuron | ReversibleIntegerNeuron, carry: Array
) -> tuple[Array, list[float]]:
    """Gradient towards x (T, n) and towards the first state, by the chain rule through every variable in turn."""
    dx, dv = np.zeros_like(dy), list(carry)
    if isinstance(node, ReversibleLeiNeuron):
        a, alpha, beta, keep, height = 1 / node.tau, node.alpha, node.beta, 1.0, 1.0
        hard = node.reset == "hard"
    else:
        a, alpha, beta, keep, height = 2.0**-node.charge_shift, 1.0, 1.0, 2.0**-node.keep_shift, node.threshold
        hard = False

    def through_half(towards_y: float, towards_w: float, potential: float) -> float:
        """Gradient towards m of y = height s + ..., w = R(m, s) + ..."""
        spike = 1.0 if potential >= node.threshold else 0.0
        towards_s = height * towards_y
        if not node.detach_reset:
            towards_s -= towards_w * (potential if hard else node.threshold)
        direct = towards_w * ((1 - spike) if hard else keep)
        return direct + towards_s * derivative(potential, node)

    for t in reversed(range(len(dy))):
        for i in range(0, dy.shape[1], 2):
            j = i + 1
            towards_m2 = through_half(dy[t, j], dv[j], m[t, j])
            towards_x1, towards_v1 = beta * dy[t, j], alpha * dv[j]
            towards_y1, towards_w1 = dy[t, i] + a * towards_m2, dv[i] + (1 - a) * towards_m2
            towards_m1 = through_half(towards_y1, towards_w1, m[t, i])
            dx[t, i] = towards_x1 + a * towards_m1
            dx[t, j] = beta * towards_y1
            dv[i], dv[j] = towards_v1 + (1 - a) * towards_m1, alpha * towards_w1
    return dx, dv


def wrapper(bits: int) -> Callable[[int], int]:
    """Two's complement of the given width."""
    return lambda value: (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def word_pair_forward(
    x: list[list[int]], node: ReversibleIntegerNeuron, v: list[int], bits: int | None = None
) -> tuple[list, list, list]:
    """Pair node on integers, of the neuron's width or of another: y, m and the last state, all in grid steps."""
    wrap, threshold = wrapper(bits or node.word_bits), round(node.threshold * 2**node.fraction_bits)
    y = [[0] * len(v) for _ in x]
    m = [[0] * len(v) for _ in x]
    v = list(v)

    def half(held: int, incoming: int) -> tuple[int, int, int]:
        potential = wrap(held + wrap(incoming - held) // 2**node.charge_shift)
        fired = threshold if potential >= threshold else 0
        return potential, fired, wrap(potential // 2**node.keep_shift - fired)

    for t, row in enumerate(x):
        for i in range(0, len(v), 2):
            j = i + 1
            m[t][i], fired1, left1 = half(v[i], wrap(row[i]))
            y[t][i] = wrap(wrap(row[j]) + fired1)
            w1 = wrap(v[j] + left1)
            m[t][j], fired2, left2 = half(w1, y[t][i])
            y[t][j] = wrap(wrap(row[i]) + fired2)
            v[i], v[j] = w1, wrap(v[i] + left2)
    return y, m, v


def word_lif_forward(current: list[list[int]], node: IntegerLifNeuron, v: list[int]) -> tuple[list, list, list, list]:
    """Integer LIF: spikes, side bits, m and the last state; the side bit of ``subtract`` by trying the other one."""
    wrap, threshold, k = wrapper(node.word_bits), round(node.threshold * 2**node.fraction_bits), node.leak_shift
    spikes, side, m, v = [], [], [], list(v)

    def leaked(value: int) -> int:
        return value // 2**k if node.leak_form == "divide" else value - value // 2**k

    for row in current:
        spikes.append([0] * len(v))
        side.append([0] * len(v))
        m.append([0] * len(v))
        for i, now in enumerate(row):
            if node.leak_form == "divide":
                side[-1][i] = v[i] - 2**k * (v[i] // 2**k)
            else:
                side[-1][i] = int(leaked(v[i] - 1) == leaked(v[i]))
            m[-1][i] = wrap(leaked(v[i]) + wrap(now))
            spikes[-1][i] = int(m[-1][i] >= threshold)
            v[i] = wrap(m[-1][i] - threshold * spikes[-1][i])
    return spikes, side, m, v


def lif_backward(ds: Array, m: Array, node: IntegerLifNeuron, carry: Array) -> tuple[Array, list[float]]:
    """Gradient towards the currents and the first state of soft-reset LIF with the neuron's leak."""
    dx, towards_v = np.zeros_like(ds), list(carry)
    for t in reversed(range(len(ds))):
        for i in range(ds.shape[1]):
            towards_s = ds[t, i] - (0 if node.detach_reset else node.threshold * towards_v[i])
            dx[t, i] = towards_v[i] + towards_s * derivative(m[t, i], node)
            towards_v[i] = node.leak * dx[t, i]
    return dx, towards_v
