"""Parallel units of every kind and option, and what they have learned, for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron, PsnNeuron
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron
from simsnn.neurons.sliding_psn import SlidingPsnNeuron
from simsnn.neurons.surrogate import ArctanSurrogate, RectangleSurrogate, SigmoidSurrogate, TriangleSurrogate

UNITS: tuple[ParallelUnit, ...] = (
    PsuNeuron(threshold=0.5),
    PsuNeuron(threshold=0.7, tau=1, surrogate=SigmoidSurrogate()),
    PsuNeuron(threshold=0.7, tau=3.5, scale_reset_by_threshold=False, strict_threshold=False, learn_slope=False),
    IpsuNeuron(threshold=0.5),
    IpsuNeuron(threshold=0.5, tau=1.5, scale_reset_by_threshold=True, surrogate=TriangleSurrogate(width=2.0)),
    IpsuNeuron(threshold=0.5, form="sigmoid"),
    IpsuNeuron(threshold=0.4, form="sigmoid", tau=4, scale_reset_by_threshold=True, surrogate=SigmoidSurrogate()),
    RpsuNeuron(threshold=0.5),
    RpsuNeuron(threshold=0.6, tau=1.25, scale_reset_by_threshold=True, surrogate=RectangleSurrogate(width=2.0)),
    PsnNeuron(threshold=1),
    PsnNeuron(threshold=0.5, bias_initial=-0.2, learn_slope=True, surrogate=ArctanSurrogate(alpha=3)),
    MaskedPsnNeuron(threshold=1, order=3),
    MaskedPsnNeuron(threshold=1, order=40, strict_threshold=True),
    SlidingPsnNeuron(threshold=1, order=3),
    SlidingPsnNeuron(threshold=0.5, order=1, surrogate=TriangleSurrogate(width=3.0)),
    SlidingPsnNeuron(threshold=0.5, order=9, learn_slope=True),
)


def name(unit: ParallelUnit) -> str:
    form = f"-{unit.form}" if isinstance(unit, IpsuNeuron) else ""
    return f"{unit.kind}{form}-{unit.surrogate.kind}-{UNITS.index(unit)}"


@dataclass(frozen=True)
class Sample:
    """One run of a unit: what goes in and what comes out."""

    current: np.ndarray
    learned: np.ndarray
    spikes: np.ndarray
    v: np.ndarray
    ds: np.ndarray


def empty(unit: ParallelUnit, like: np.ndarray) -> np.ndarray:
    """The state of a unit that has none."""
    return np.zeros((unit.forward_state_words, like.shape[1]), like.dtype)


def run(unit: ParallelUnit, steps: int, n: int, dtype: type, rows: int | None = None, seed: int = 0) -> Sample:
    """Random currents through a unit whose numbers stand a little off their initial ones."""
    rng = np.random.default_rng(seed)
    current = rng.normal(0.6, 1, (rows or steps, n)).astype(dtype)
    learned = unit.initial_learned(steps, rng, np.dtype(dtype))
    learned += rng.normal(0, 0.1, learned.shape).astype(dtype)
    spikes, v = np.empty((steps, n), dtype), np.empty((steps, n), dtype)
    unit.forward(current, learned, spikes, v, empty(unit, v))
    return Sample(current, learned, spikes, v, rng.normal(size=(steps, n)).astype(dtype))


def gradients(unit: ParallelUnit, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """dX (T, n) and the gradient towards what is learned."""
    dx, dlearned = np.full_like(sample.v, np.nan), np.full_like(sample.learned, np.nan)
    carry = np.zeros((unit.backward_state_words, sample.v.shape[1]), sample.v.dtype)
    unit.backward(sample.ds, sample.current, sample.learned, sample.v, sample.spikes, carry, dx, dlearned)
    return dx, dlearned
