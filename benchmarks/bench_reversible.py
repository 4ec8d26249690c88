"""Inverse and gradient of the reversible neurons in one sweep, beside what the memory allows."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.timing import median_seconds
from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron, ReversibleNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron

STEPS, NEURONS = 8, 2**20
BYTES_PER_NEURON_STEP = 4 * 3
"""float32: y and its gradient read, the gradient towards the current written."""


def reversible_inverse_gradient() -> Measurement:
    """Nanoseconds per neuron and time step of the pair node in floats, soft reset, triangle, nothing else written."""
    node = ReversibleLeiNeuron(alpha=0.5, beta=0.5, threshold=1.0, reset="soft", detach_reset=False)
    return _measured(node, keeps_current=False)


def reversible_integer_inverse_gradient() -> Measurement:
    """The same of the pair node on integers."""
    return _measured(ReversibleIntegerNeuron(threshold=1.0, detach_reset=False), keeps_current=False)


def lif_integer_inverse_gradient() -> Measurement:
    """The same of the integer LIF, which reads currents and side bits."""
    node = IntegerLifNeuron(leak_form="subtract", leak_shift=2, threshold=1.0, detach_reset=False)
    return _measured(node, keeps_current=True)


def _measured(node: ReversibleNeuron, keeps_current: bool) -> Measurement:
    rng = np.random.default_rng(0)
    current, doutput = (rng.normal(0.3, 1.0, (STEPS, NEURONS)).astype(np.float32) for _ in range(2))
    output, dx = np.empty_like(current), np.empty_like(current)
    side = np.zeros((STEPS, NEURONS if node.side_bits else 0), np.uint8)
    end, state, carry = np.zeros((3, 1, NEURONS), np.float32)
    node.run(current, end, output, side)

    def sweep() -> None:
        state[...], carry[...] = end, 0
        node.invert_backward(doutput, output, side, state, carry, current if keeps_current else current[:0], dx)

    nanoseconds = median_seconds(sweep) * 1e9 / (STEPS * NEURONS)
    moved = BYTES_PER_NEURON_STEP + (5 if keeps_current else 0)
    bytes_per_second = 2 * current.nbytes / median_seconds(lambda: np.copyto(dx, current))
    name = f"{moved} bytes at the copy bandwidth of {bytes_per_second / 1e9:.1f} GB/s"
    bound = moved / bytes_per_second * 1e9
    return Measurement(nanoseconds, Yardstick(name, bound), f"T = {STEPS}, {NEURONS:,} neurons, float32")
