"""Parallel spiking units: what they share, and the PSU, which learns no matrix.

A parallel unit takes the currents X (T x n) of all steps at once; nothing depends on a fired spike, so
there is no recursion through firing, and it keeps no state from one run of steps to the next: a run is a
whole sequence. Source of the equations: arXiv 2402.00449 and the authors' released code.

PSU, with A and B of ``simsnn/neurons/parallel_matrices.py`` and sigma the logistic function::

    D = A X,    V = D + B sigma(D),    S = 1 where V > threshold

A is the integration of a leaky neuron that never resets, and B would be its soft reset if sigma(D) were
its spikes. A and B are geometric, so both sums are first-order recurrences (the form computed here;
equal to the matrices to rounding)::

    d[t] = (d[t-1] + x[t]) / tau
    r[t] = (r[t-1] - c sigma(d[t-1])) / tau
    v[t] = d[t] + r[t]

Backward, dV = dS g(V - threshold) with g the surrogate derivative::

    dD = dV + sigma'(D) (B^T dV),    dX = A^T dD

An arctan surrogate may learn its alpha: dalpha = sum dS (u/2) / (1 + (pi alpha u / 2)^2), u = V - threshold.
It is the last of the numbers that a layer learns. Nothing keeps it from becoming negative.

What the released code does and a reader would not expect, each an option here:

* ``scale_reset_by_threshold``: c is the threshold in the PSU (default true) and 1 in the IPSU and the RPSU
  (default false), whatever their threshold is;
* ``strict_threshold``: a potential equal to the threshold does not fire (default true; the PSN: false);
* ``learn_slope``: alpha is learned (default true where the surrogate is arctan; the PSN: false);
* sigma is centred at 0, not at the threshold: without any input a PSU is pulled below zero.

Smooth form for gradient checks: the surrogate's primitive in place of the threshold. ``frozen`` has no
meaning, since no reset reads a spike. Stored form: V is rounded, then compared.

Kernels: ``simsnn/kernels/parallel.py``; proofs: ``tests/kernels/test_parallel.py`` (twins, matrix form),
``tests/unit/test_parallel_neurons.py`` (finite differences), ``tests/kernels/test_gradients.py`` (networks).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts
from simsnn.kernels.neuron import BLOCK, surrogate_derivative
from simsnn.kernels.parallel import INTEGRATED, estimated_backward, estimated_forward, fire, fire_smooth, sigmoid_space
from simsnn.neurons.base import Store, Values
from simsnn.neurons.parallel_matrices import integration_matrix, logistic, reset_matrix
from simsnn.neurons.parallel_work import (
    ProductKind,
    ProductShape,
    Stashed,
    UnitProduct,
    strict_triangle,
    triangle,
)
from simsnn.neurons.surrogate import ArctanSurrogate, Surrogate

Threshold = Annotated[float, Field(gt=0, strict=False)]
Tau = Annotated[float, Field(ge=1, le=1e6, strict=False)]
"""Time constant in steps; 1 does not leak."""
SWEEP_BYTES, PRODUCT_BYTES = 2**18, 2**20
"""Size of the rows (T, neurons) worked on at once: a sweep over time stays in the second-level cache, a product
over time has enough columns to pay for its start."""


class ParallelUnit(StrictModel):
    """What every parallel unit has: a threshold, a surrogate, all T steps at once, no state."""

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = True
    forward_state_words: ClassVar[int] = 0
    backward_state_words: ClassVar[int] = 0
    stashes_mask_only: ClassVar[bool] = False
    """Always false: besides the derivative's mask, backward reads currents or reset estimates."""
    steps_form: ClassVar[bool] = False
    """True where ``forward_counts`` and ``backward_counts`` are those of the whole unit; false where they are
    those around its T x T products."""

    @property
    def recurrence_words(self) -> int:
        """Values per neuron that the steps form carries from step to step; none where there is no such form."""
        return 0

    threshold: Threshold
    surrogate: Surrogate = ArctanSurrogate()
    strict_threshold: bool = True
    learn_slope: bool = True

    @model_validator(mode="before")
    @classmethod
    def _dependent_defaults(cls, data: Any) -> Any:
        return {**cls.dependent_defaults(data), **data} if isinstance(data, dict) else data

    @classmethod
    def dependent_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Defaults that depend on what a file says: only an arctan surrogate has a slope to learn."""
        surrogate = data.get("surrogate")
        kind = surrogate.get("kind") if isinstance(surrogate, dict) else getattr(surrogate, "kind", "arctan")
        return {} if kind == "arctan" else {"learn_slope": False}

    @model_validator(mode="after")
    def _slope_can_be_learned(self) -> Self:
        if self.learn_slope and not isinstance(self.surrogate, ArctanSurrogate):
            raise ValueError(
                f"a {self.surrogate.kind} surrogate has no slope that can be learned: allowed: arctan;"
                " set learn_slope: false, or surrogate: {kind: arctan}"
            )
        return self

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """Words per neuron and step that backward reads again, besides the spike."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it keeps")

    @property
    def stash_words(self) -> int:
        """Number of those words."""
        return len(self.stash)

    def channels_refusal(self, channels: int) -> str:
        """None: units stand alone."""
        return ""

    def learned_count(self, timesteps: int) -> int:
        """Numbers that a layer learns besides the slope."""
        return 0

    def learned_shape(self, timesteps: int) -> tuple[int, ...]:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        count = self.learned_count(timesteps) + self.learn_slope
        return (count,) if count else ()

    def initial_learned(self, timesteps: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Values:
        """Matrix, bias and taps as each unit says; last, if it is learned, the configured slope."""
        own = self._initial_own(timesteps, rng)
        slope = [self.surrogate.parameter] if self.learn_slope else []
        return np.concatenate([own, slope]).astype(dtype)

    def _initial_own(self, timesteps: int, rng: np.random.Generator) -> Values:
        return np.empty(0)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; ``frozen`` is not read."""
        self._forward(current, learned, spikes, v)
        fire_smooth(v, v.dtype.type(self.threshold), self.surrogate.code, self._slope(learned, v.dtype), spikes)

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; the potential is all that is kept."""
        self._forward(current, learned, spikes, v)
        for row in v:
            row[...] = store(row)
        fire(v, v.dtype.type(self.threshold), self.strict_threshold, spikes)

    def derivative(self, v: Values, learned: Values, h: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        surrogate_derivative(v, v.dtype.type(self.threshold), self.surrogate.code, self._slope(learned, v.dtype), h)

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; the run must be a whole sequence."""
        self._forward(current, learned, spikes, v)

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def _slope(self, learned: Values, dtype: np.dtype[Any]) -> Any:
        """Parameter of the surrogate: the learned slope, or the configured one."""
        return dtype.type(learned[-1] if self.learn_slope else self.surrogate.parameter)

    def _slope_counts(self) -> OperationCounts:
        """What a learned slope adds per neuron and step backward: its product and its sum."""
        return OperationCounts(add=1, multiply=1) if self.learn_slope else OperationCounts()


def opposite_bias(data: dict[str, Any]) -> dict[str, Any]:
    """Default of a published bias: minus the threshold that a file gives."""
    threshold = data.get("threshold")
    return {"bias_initial": -threshold} if isinstance(threshold, int | float) else {}


def chunks(rows: Values, size_bytes: int = PRODUCT_BYTES) -> Iterator[tuple[int, int]]:
    """First neuron and the one behind the last of every group that is worked on at once."""
    steps, n = rows.shape
    width = max(BLOCK, size_bytes // (steps * rows.itemsize) // BLOCK * BLOCK)
    for start in range(0, n, width):
        yield start, min(start + width, n)


class PsuNeuron(ParallelUnit):
    """PSU: the reset is estimated from the potential of a neuron that never resets.

    ``tau`` is the time constant in steps. A learned slope is the only number a layer learns.
    """

    kind: Literal["psu"] = "psu"
    tau: Tau = 2.0
    scale_reset_by_threshold: bool = True

    steps_form: ClassVar[bool] = True

    @property
    def recurrence_words(self) -> int:
        """d and r."""
        return 2

    @property
    def reset_strength(self) -> float:
        """c: what one estimated spike takes off the potential."""
        return self.threshold if self.scale_reset_by_threshold else 1.0

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """V, and sigma(D), from which sigma' follows; no gradient reads the currents."""
        return (Stashed.POTENTIAL, Stashed.RESET_ESTIMATE)

    @property
    def forward_counts(self) -> OperationCounts:
        """Both recurrences, their sum, sigmoid (one table read), threshold compare.

        A factor of 1 (tau or c) is no multiply.
        """
        leaks, scaled = int(self.tau != 1), int(self.reset_strength != 1)
        return OperationCounts(add=3, multiply=2 * leaks + scaled, lookup=1, compare=1)

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate, its product with dS, both recurrences backwards, sigma' = s (1 - s) from the kept s.

        With q the sum over the reset and e that over the integration: q takes an add and a leak, sigma' an
        add and a multiply, its product with -c i q two multiplies, e two adds and a leak.
        """
        leaks = 2 * int(self.tau != 1)
        sweep = OperationCounts(add=4, multiply=4 + leaks)
        return self.surrogate.counts + sweep + self._slope_counts()

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """Arithmetic of one neuron and step around the T x T products."""
        if not backward:
            return OperationCounts(add=1, lookup=1, compare=1)
        return self.surrogate.counts + OperationCounts(add=2, multiply=3) + self._slope_counts()

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """A X and B sigma(D) forward, B^T dV and A^T dD backward."""
        shape, apply = ProductShape.UPPER if backward else ProductShape.LOWER, ProductKind.APPLY
        whole, strict = triangle(timesteps), strict_triangle(timesteps)
        integrate = UnitProduct("integration", shape, apply, timesteps, neurons, whole)
        reset = UnitProduct("reset", shape, apply, timesteps, neurons, strict)
        return (reset, integrate) if backward else (integrate, reset)

    def potential_by_matrices(self, current: Values, learned: Values) -> Values:
        """V (T, n) by T x T products in the dtype of the currents (T, n): the slow obvious form."""
        steps, dtype = len(current), current.dtype
        d = integration_matrix(steps, self.tau).astype(dtype) @ current
        return np.asarray(d + reset_matrix(steps, self.tau, self.reset_strength).astype(dtype) @ logistic(d))

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`: without the estimated reset."""
        return np.asarray(integration_matrix(len(current), self.tau)[-1] @ current.astype(np.float64))

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        scalar = v.dtype.type
        factors = (scalar(1 / self.tau), scalar(self.reset_strength), scalar(self.threshold))
        neurons = (0, v.shape[1])
        space = sigmoid_space(v.dtype)
        no_bias = v[0, :0]
        estimated_forward(current, no_bias, INTEGRATED, *factors, self.strict_threshold, *neurons, *space, spikes, v)

    def backward(
        self,
        ds: Values,
        current: Values,
        learned: Values,
        v: Values,
        spikes: Values,
        carry: Values,
        dx: Values,
        dlearned: Values,
    ) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        scalar = v.dtype.type
        factors = (scalar(1 / self.tau), scalar(self.reset_strength), scalar(self.threshold))
        surrogate = (self.surrogate.code, self._slope(learned, v.dtype), self.learn_slope)
        space, no_bias, total = sigmoid_space(v.dtype), v[0, :0], 0.0
        for start, stop in chunks(v, SWEEP_BYTES):
            z = np.empty((len(v), stop - start), v.dtype)
            rows = (ds, current, no_bias, v)
            total += estimated_backward(*rows, INTEGRATED, *factors, *surrogate, start, stop, *space, z, dx)
        if self.learn_slope:
            dlearned[-1] = total
