"""Reversible neurons to test with, and their passes over whole sequences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from simsnn.neurons.lif_integer import IntegerLifNeuron
from simsnn.neurons.reversible import ReversibleLeiNeuron, ReversibleNeuron
from simsnn.neurons.reversible_integer import ReversibleIntegerNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, RectangleSurrogate, TriangleSurrogate

Array = np.ndarray
SURROGATES = (TriangleSurrogate(width=1.5), ArctanSurrogate(), RectangleSurrogate(width=1.2))
LEAKS = [("divide", k) for k in (0, 1, 2, 4, 8)] + [("subtract", k) for k in (1, 2, 3, 4, 8)]


def lei(alpha: float = 0.5, beta: float = 0.5, reset: str = "soft", detach: bool = False, **more: Any) -> Any:
    """Pair node in floats."""
    common = {"threshold": 0.75, "tau": 2.0, **more}
    return ReversibleLeiNeuron.model_validate(
        {"alpha": alpha, "beta": beta, "reset": reset, "detach_reset": detach, **common}
    )


def word_pair(detach: bool = False, **more: Any) -> ReversibleIntegerNeuron:
    """Pair node on integers."""
    return ReversibleIntegerNeuron.model_validate({"threshold": 0.75, "detach_reset": detach, **more})


def word_lif(form: str = "divide", shift: int = 1, detach: bool = False, **more: Any) -> IntegerLifNeuron:
    """Integer LIF."""
    fields = {"leak_form": form, "leak_shift": shift, "detach_reset": detach, "threshold": 0.75, **more}
    return IntegerLifNeuron.model_validate(fields)


def every_neuron() -> list[Any]:
    """Every kind with every switch, surrogates mixed in."""
    found: list[Any] = []
    couplings = ((1.0, 1.0), (0.5, 0.25), (-0.3, 0.7))
    for (alpha, beta), reset, detach in itertools.product(couplings, ("soft", "hard"), (False, True)):
        surrogate = SURROGATES[len(found) % 3]
        found.append(lei(alpha, beta, reset, detach, surrogate=surrogate, tau=(2.0, 1.25, 3.0)[len(found) % 3]))
    for detach, bits, (charge, keep) in itertools.product((False, True), (16, 32), ((1, 1), (2, 0), (1, 2))):
        shifts = {"charge_shift": charge, "keep_shift": keep, "word_bits": bits}
        found.append(word_pair(detach, surrogate=SURROGATES[len(found) % 3], **shifts))
    for (form, shift), detach in itertools.product(LEAKS, (False, True)):
        found.append(word_lif(form, shift, detach, surrogate=SURROGATES[len(found) % 3]))
    return found


def name(neuron: Any) -> str:
    """Id of a test case."""
    skipped = {"kind", "threshold", "surrogate", "fraction_bits", "tau"}
    values = [str(value) for key, value in neuron.model_dump().items() if key not in skipped]
    return "-".join([neuron.kind, neuron.surrogate.kind, *values])


def side_of(neuron: ReversibleNeuron, like: Array) -> Array:
    """Room for side bits."""
    return np.zeros((len(like), like.shape[1] if neuron.side_bits else 0), np.uint8)


def nothing(like: Array) -> Array:
    """What a layer of these neurons has learned."""
    return np.empty(0, like.dtype)
