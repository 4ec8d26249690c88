"""How well a reversible neuron is undone: measured error, predicted growth, and the table of both.

An error in the state of ``reversible_lei`` is multiplied, for every step undone, by the inverse of the map that one
step without spikes makes of (v1, v2)::

    [[b, alpha], [b^2 + alpha, b alpha]]     b = 1 - 1 / tau, determinant -alpha^2, eigenvalues real

so in the long run by G = 1 / (smallest absolute eigenvalue). A soft reset takes off a constant and leaves this map
as it is (a hard one makes it smaller where it fires), until an error is large enough to move a potential across the
threshold: a flipped spike. Rounding errors are of the size epsilon times the state; where the largest absolute
eigenvalue E is above 1 the state itself grows by E per step on the way forward, and the error of the whole way back
by G E. A tolerance is therefore reached after ln(tolerance / epsilon) / ln(G max(1, E)) steps of a state that starts
about 1. This is an estimate from the map alone: spikes take off thresholds, and the largest of many errors is above
the typical one.

Proof: ``tests/unit/test_inversion.py`` (growth measured against G; the page ``docs/reversible_exactness.md`` shows
what :func:`failure_table` returns).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError
from simsnn.neurons.base import Values
from simsnn.neurons.reversible import ReversibleLeiNeuron, ReversibleNeuron

MEASURED_ALPHAS = (1.0, 0.5, 0.25, 0.1, -1.0)
MEASURED_TIMESTEPS = (2, 4, 8, 16, 32)
MEASURED_PAIRS = 25_000
MEASURED_TAU, MEASURED_THRESHOLD = 2.0, 1.0
CURRENT_MEAN, CURRENT_SPREAD = 0.3, 1.0
MEASURED_DTYPES = ("float32", "float64")


@dataclass(frozen=True, slots=True)
class InversionError:
    """What the inverse of T steps gave back, beside what went in.

    Parameters
    ----------
    current : float
        Largest absolute error of a current; infinite where one came back as no number.
    state : float
        Largest absolute error of a state before the first step of a segment. A sequence starts from zero, so without
        segments this is the largest value that the inverse leaves over.
    flipped : float
        Share of (neuron, step) whose spike came back as the other one.
    firing_rate : float
        Spikes per neuron and step of the forward pass.
    """

    current: float
    state: float
    flipped: float
    firing_rate: float


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One measured case of float inversion.

    Parameters
    ----------
    alpha : float
        State coupling; the input coupling beta is its absolute value.
    eigenvalues : tuple of float
        Of one step without spikes, larger absolute value first.
    growth : float
        G, by which the inverse multiplies an error per step.
    dtype : str
        float32 or float64.
    reset : str
        hard or soft.
    timesteps : int
        T.
    error : InversionError
        What was measured.
    """

    alpha: float
    eigenvalues: tuple[float, float]
    growth: float
    dtype: str
    reset: Literal["hard", "soft"]
    timesteps: int
    error: InversionError


def segments(timesteps: int, every: int) -> tuple[slice, ...]:
    """Runs of at most ``every`` steps that make up T; the state behind each is an anchor.

    Raises
    ------
    ConfigError
        When either is below 1.
    """
    for name, value in (("timesteps", timesteps), ("every", every)):
        if value < 1:
            raise ConfigError(f"{name} is {value}: there is at least one step", value=value, allowed=("1 or more",))
    return tuple(slice(start, min(start + every, timesteps)) for start in range(0, timesteps, every))


def eigenvalues(alpha: float, tau: float) -> tuple[float, float]:
    """Eigenvalues of one step of ``reversible_lei`` without spikes, larger absolute value first.

    Raises
    ------
    ConfigError
        For alpha 0 or tau not above 1.
    """
    if alpha == 0 or not math.isfinite(alpha):
        raise ConfigError(f"alpha is {alpha:g}: the inverse divides by it", value=alpha, allowed=("any but 0",))
    if not tau > 1:
        raise ConfigError(f"tau is {tau:g}", value=tau, allowed=("more than 1",))
    b = 1 - 1 / tau
    trace, determinant = b * (1 + alpha), -(alpha**2)
    root = math.sqrt(trace**2 - 4 * determinant)
    larger = (trace + math.copysign(root, trace)) / 2
    return larger, determinant / larger


def growth_factor(alpha: float, tau: float) -> float:
    """G: what the inverse multiplies an error by, per step."""
    return 1 / abs(eigenvalues(alpha, tau)[1])


def longest_exact_run(alpha: float, tau: float, epsilon: float, tolerance: float) -> int | None:
    """Estimated steps that can be undone before rounding by ``epsilon`` reaches ``tolerance``; None where none grows.

    Raises
    ------
    ConfigError
        When not 0 < epsilon < tolerance.
    """
    if not 0 < epsilon < tolerance:
        raise ConfigError(
            f"epsilon {epsilon:g} and tolerance {tolerance:g} leave no room",
            value=tolerance,
            allowed=("0 < epsilon < tolerance",),
        )
    growth = growth_factor(alpha, tau) * max(1.0, abs(eigenvalues(alpha, tau)[0]))
    return math.floor(math.log(tolerance / epsilon) / math.log(growth)) if growth > 1 else None


def inversion_error(neuron: ReversibleNeuron, current: Values, every: int | None = None) -> InversionError:
    """Run T steps forward from zero state, undo them, and compare.

    Parameters
    ----------
    neuron : ReversibleNeuron
        Any. One that needs the currents reads the true ones, so its ``current`` error is 0.
    current : array, shape (T, n)
        float32 or float64.
    every : int or None
        Steps between anchors: states kept on the way forward, from which the inverse starts afresh.
    """
    steps, n = current.shape
    parts = segments(steps, every or steps)
    output, v, again = (np.empty_like(current) for _ in range(3))
    side = np.zeros((steps, n if neuron.side_bits else 0), np.uint8)
    kept = np.zeros((len(parts) + 1, neuron.forward_state_words, n), current.dtype)
    nothing = np.empty(0, current.dtype)
    for i, part in enumerate(parts):
        kept[i + 1] = kept[i]
        if neuron.side_bits:
            neuron.run(current[part], kept[i].copy(), output[part], side[part])
        neuron.forward(current[part], nothing, output[part], v[part], kept[i + 1])
    fired = v >= neuron.threshold
    returned = current.copy()
    left = 0.0
    for i, part in enumerate(parts):
        state = kept[i + 1].copy()
        neuron.invert(output[part], side[part], state, returned[part], again[part])
        left = max(left, _largest(state, kept[i]))
    flipped = float(np.mean(fired != (again >= neuron.threshold)))
    return InversionError(_largest(returned, current), left, flipped, float(np.mean(fired)))


def _largest(found: NDArray[Any], true: NDArray[Any]) -> float:
    """Largest absolute difference; infinite where one is no number."""
    with np.errstate(invalid="ignore", over="ignore"):
        worst = float(np.max(np.abs(found.astype(np.float64) - true), initial=0.0))
    return math.inf if math.isnan(worst) else worst


def failure_table(reset: Literal["hard", "soft"], pairs: int = MEASURED_PAIRS, seed: int = 0) -> tuple[FailureRow, ...]:
    """Inversion of ``reversible_lei`` measured for beta = abs(alpha), tau 2, threshold 1, in float32 and float64.

    Currents are synthetic: normal with mean 0.3 and spread 1, the same for every row.

    Parameters
    ----------
    reset : str
        hard or soft.
    pairs : int
        Pairs of neurons.
    seed : int
        Of the currents.
    """
    rng = np.random.default_rng(seed)
    current = rng.normal(CURRENT_MEAN, CURRENT_SPREAD, (max(MEASURED_TIMESTEPS), 2 * pairs))
    rows = []
    for dtype in MEASURED_DTYPES:
        rounded = current.astype(dtype)
        rows += [_row(alpha, reset, rounded[:steps]) for alpha in MEASURED_ALPHAS for steps in MEASURED_TIMESTEPS]
    return tuple(rows)


def _row(alpha: float, reset: Literal["hard", "soft"], current: Values) -> FailureRow:
    neuron = ReversibleLeiNeuron(
        alpha=alpha, beta=abs(alpha), tau=MEASURED_TAU, threshold=MEASURED_THRESHOLD, reset=reset, detach_reset=True
    )
    found, growth = eigenvalues(alpha, MEASURED_TAU), growth_factor(alpha, MEASURED_TAU)
    error = inversion_error(neuron, current)
    return FailureRow(alpha, found, growth, current.dtype.name, reset, len(current), error)
