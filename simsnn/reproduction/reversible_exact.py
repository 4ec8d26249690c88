"""What must be exactly equal: inverses of the integer neurons, gradients, what is kept, bits stored.

Proof that the checks can fail: ``tests/integration/test_reproduce_reversible.py``.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.api import Result, simulate
from simsnn.costs import OperandClass
from simsnn.kernels.neuron import derivative_row, primitive
from simsnn.kernels.pairs import soft_gradient_row
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.neurons.base import Values
from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron, ReversibleNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from simsnn.neurons.surrogate import ArctanSurrogate
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.reversible_cases import LIF, MLP, NODE, STREAMLINED, mode_experiment
from simsnn.reproduction.reversible_steps import RealCase
from simsnn.results.memory import stored_tensors
from simsnn.workload.backward_modes import Bptt, LayerCheckpoint

TIMESTEPS = (256, 512)
LARGEST_WORD = 2**30
"""Inputs reach it, so that sums of 32-bit words wrap."""
_DIFFERENCE_STEP, _DIFFERENCE_BOUND = 1e-6, 1e-7
_FORMS: tuple[Literal["divide", "subtract"], ...] = ("divide", "subtract")
_SHIFTS = (1, 2, 3, 4)

Words = NDArray[np.int64]
_zero = partial(Claim, low=0.0, high=0.0, standing=Standing.EXACT)


def exact_claims(cases: tuple[RealCase, ...]) -> tuple[Claim, ...]:
    """All but the passes of the synapses; ``cases`` are those of the comparison."""
    return (
        *inversion_claims(),
        gradient_claim(),
        *mode_claims(cases),
        packed_claim(),
    )


def inversion_claims(neurons: int = 64, seed: int = 0) -> tuple[Claim, ...]:
    """Words that the inverse of E1 and of E2 does not give back, T = 256 and 512, with sums that wrap."""
    pairs = (ReversibleIntegerNeuron(word_bits=32, fraction_bits=0, threshold=1000.0, detach_reset=True),)
    leaky = tuple(
        IntegerLifNeuron(
            word_bits=32, fraction_bits=0, threshold=1000.0, detach_reset=True, leak_form=form, leak_shift=shift
        )
        for form, shift in itertools.product(_FORMS, _SHIFTS)
    )
    found = []
    for name, chosen in (("e1", pairs), ("e2", leaky)):
        counts = [_undone(neuron, steps, neurons, seed) for neuron in chosen for steps in TIMESTEPS]
        wrong, words, wrapped = (sum(column) for column in zip(*counts, strict=True))
        note = (
            f"words of {words:,} (32 bits, T = 256 and 512, {len(chosen)} designs) that the inverse does not give back"
        )
        value = float(wrong) if wrapped else None
        found.append(_zero(id=f"exact.inversion.{name}", value=value, note=f"{note}; {wrapped:,} sums wrapped"))
    return tuple(found)


def _undone(neuron: ReversibleNeuron, steps: int, n: int, seed: int) -> tuple[int, int, int]:
    """Wrong words, words compared, and sums that left the range of words."""
    rng = np.random.default_rng((seed, steps))
    x = rng.integers(-LARGEST_WORD, LARGEST_WORD, (steps, n)).astype(np.float64)
    first = rng.integers(-LARGEST_WORD, LARGEST_WORD, (1, n)).astype(np.float64)
    y, v, again = np.empty((3, steps, n))
    side = np.zeros((steps, n if neuron.side_bits else 0), np.uint8)
    state, nothing = first.copy(), np.empty(0)
    neuron.run(x, state, y, side)
    forward = first.copy()
    neuron.forward(x, nothing, y, v, forward)
    returned = x.copy() if neuron.needs_current else np.empty_like(x)
    neuron.invert(y, side, state, returned, again)
    wrong = sum(int(np.count_nonzero(a != b)) for a, b in ((returned, x), (again, v), (state, first)))
    return wrong, 2 * x.size + first.size, _wrapped(neuron, x.astype(np.int64), first[0].astype(np.int64))


def _wrapped(neuron: ReversibleNeuron, x: Words, state: Words) -> int:
    """Sums that leave the range of words on the way forward, by the equations with integers of 64 bits."""
    th, half, count = int(neuron.threshold), 2**31, 0

    def word(total: Words) -> Words:
        nonlocal count
        found = (total + half) % (2 * half) - half
        count += int(np.count_nonzero(found != total))
        return found

    def charged(v: Words, incoming: Words) -> tuple[Words, Words]:
        m = word(v + (word(incoming - v) >> 1))
        fired = (m >= th).astype(np.int64)
        return fired, word((m >> 1) - th * fired)

    for row in x:
        if isinstance(neuron, ReversibleIntegerNeuron):
            fired, rest = charged(state[::2], row[::2])
            y1, w1 = word(row[1::2] + th * fired), word(state[1::2] + rest)
            fired, rest = charged(w1, y1)
            word(row[::2] + th * fired)
            state = np.stack([w1, word(state[::2] + rest)], axis=1).ravel()
        elif isinstance(neuron, IntegerLifNeuron):
            shifted = state >> neuron.leak_shift
            m = word((shifted if neuron.leak_form == "divide" else state - shifted) + row)
            state = word(m - th * (m >= th))
    return count


def gradient_claim(steps: int = 6, neurons: int = 8, seed: int = 2) -> Claim:
    """The pair node's gradient, only through values that the inverse makes, against central differences."""
    worst, elements = 0.0, 0
    for alpha, beta, detach in itertools.product((1.0, 0.5), (1.0, 0.5), (False, True)):
        node = NODE.model_copy(
            update={"alpha": alpha, "beta": beta, "detach_reset": detach, "surrogate": ArctanSurrogate()}
        )
        rng = np.random.default_rng(seed)
        x, towards = rng.normal(0.5, 0.8, (steps, neurons)), rng.normal(size=(steps, neurons))
        worst = max(worst, float(np.abs(_undone_gradient(node, x, towards) - _differences(node, x, towards)).max()))
        elements += x.size
    note = (
        f"largest difference of {elements} elements, double precision, smooth threshold; the gradient reads outputs,"
        " the last state and what the inverse makes of them"
    )
    return Claim("exact.gradient.differences", worst, None, _DIFFERENCE_BOUND, Standing.EXACT, note)


def _smooth(node: ReversibleLeiNeuron, x: Values, held: Values) -> tuple[Values, Values]:
    """Output and potentials with the surrogate's primitive for the threshold; resets see ``held`` where given."""
    output, m = np.empty((2, *x.shape))
    node.forward_smooth(x, np.empty(0), held, output, m)
    return output, m


def _spikes(node: ReversibleLeiNeuron, m: Values) -> Values:
    code, parameter = node.surrogate.code, node.surrogate.parameter
    return np.array([primitive(u - node.threshold, code, parameter) for u in m.ravel()]).reshape(m.shape)


def _undone_gradient(node: ReversibleLeiNeuron, x: Values, towards: Values) -> Values:
    """Step by step backwards: inverse of the pair, then the gradient from the potentials just made."""
    y, m = _smooth(node, x, x[:0])
    a, alpha, beta, threshold = 1 / node.tau, node.alpha, node.beta, node.threshold
    half = x.shape[1] // 2
    w1 = w2 = np.zeros(half)
    for row in m:
        new1 = row[::2] - threshold * _spikes(node, row[::2]) + alpha * w2
        w1, w2 = new1, row[1::2] - threshold * _spikes(node, row[1::2]) + alpha * w1
    g1, g2, dx, h, made = np.zeros(half), np.zeros(half), np.empty_like(x), *np.empty((2, x.shape[1]))
    reset = 0.0 if node.detach_reset else threshold
    for t in reversed(range(len(x))):
        made[1::2] = w1 + a * (y[t, ::2] - w1)
        s2 = _spikes(node, made[1::2])
        x1, v1 = (y[t, 1::2] - s2) / beta, (w2 - made[1::2] + threshold * s2) / alpha
        made[::2] = v1 + a * (x1 - v1)
        s1 = _spikes(node, made[::2])
        w1, w2 = v1, (w1 - made[::2] + threshold * s1) / alpha
        derivative_row(made, threshold, node.surrogate.code, node.surrogate.parameter, h)
        soft_gradient_row(h, towards[t], g1, g2, a, alpha, beta, 1.0, 1.0, reset, dx[t])
    return dx


def _differences(node: ReversibleLeiNeuron, x: Values, towards: Values) -> Values:
    """Central differences of the sum of towards * output; a detached reset holds its spikes."""
    held = _spikes(node, _smooth(node, x, x[:0])[1]) if node.detach_reset else x[:0]
    found = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * _DIFFERENCE_STEP
            ends.append(float(np.sum(towards * _smooth(node, moved, held)[0])))
        found[index] = (ends[0] - ends[1]) / (2 * _DIFFERENCE_STEP)
    return found


def mode_claims(cases: tuple[RealCase, ...]) -> tuple[Claim, ...]:
    """Gradients of the exact modes, states left over, and elements kept, over all cases."""
    exact = [each for each in cases if each.case.exact and not isinstance(each.case.mode, Bptt)]
    elements = sum(each.parameters for each in exact)
    inverted = [each for each in exact if each.leftover is not None]
    compared = [each for each in cases if each.simulated]
    wrong = sum(each.kept != each.simulated for each in compared)
    nets = len({each.network for each in exact})
    return (
        _zero(
            id="exact.gradient.modes",
            value=float(sum(each.differing for each in exact)) if exact else None,
            note=f"elements of {elements:,} that are not bit-equal to store-all: {len(exact)} modes and neurons on"
            f" {nets} networks, real digits, float32, stored integer weights",
        ),
        _zero(
            id="exact.leftover",
            value=max((each.leftover or 0.0 for each in inverted), default=None),
            note=f"largest state before the first step, of {len(inverted)} integer inverses inside networks",
        ),
        _zero(
            id="exact.kept",
            value=float(wrong) if compared else None,
            note=f"modes of {len(compared)} whose operations keep, in any class, other elements than the real arrays",
        ),
    )


def packed_claim(timesteps: int = 8, batch: int = 4) -> Claim:
    """Bytes of the stored inputs of hidden layers: real values of 32 bits (the width of currents) over spikes."""
    shape = (f"workload.timesteps={timesteps}", f"workload.batch={batch}", "precision.partial_sum=32 bit")
    spikes = simulate(mode_experiment(MLP, LIF, LayerCheckpoint(), *shape))
    reals = simulate(mode_experiment(MLP, NODE, STREAMLINED, *shape))
    packed, wide = _delivered_bytes(spikes, OperandClass.SPIKES), _delivered_bytes(reals, OperandClass.INPUTS)
    note = f"{wide:,} B of real values over {packed:,} B of packed spikes, the stored inputs of the same hidden layers"
    return Claim("exact.packed_spikes", wide / packed, 32.0, 32.0, Standing.EXACT, note)


def _delivered_bytes(result: Result, role: OperandClass) -> int:
    """Stored bytes of what neurons deliver."""
    mapped: tuple[MappedOperation, ...] = result.prepared.mapped  # type: ignore[union-attr]
    inside = {o.tensor for item in mapped for o in writes(item.operation) if item.operation.part.value == "neuron"}
    read = {o.tensor for item in mapped for o in reads(item.operation)}
    tensors = stored_tensors(mapped, result.execution)
    return sum(t.bytes for t in tensors if t.role is role and t.name in inside & read)
