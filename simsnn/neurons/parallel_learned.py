"""Parallel spiking units that learn a T x T matrix over time: PSN and masked PSN; base of IPSU and RPSU.

W (T x T) and b (T) are learned, M is the mask: all ones (PSN, which therefore is not causal: every step
sees all steps) or the k diagonals from the main one down (masked PSN of order k). X, V, S are (T x n)::

    V = (W*M) X + b,    S = 1 where V >= threshold
    dV = dS g(V - threshold),    dX = (W*M)^T dV,    dW = M * (dV X^T),    db = row sums of dV

A layer learns T^2 + T numbers, row by row W and then b, and one more where the slope is learned; entries
of W outside the mask are stored, start at zero, count for nothing and get no gradient.

Source: the PSN family, arXiv 2304.12760. W starts uniform within 1 / sqrt(T), a linear layer's usual start.
The published PSN has no threshold but a bias that starts at -1, and fires at 0. Here it has a threshold,
and b is the published bias plus the threshold: the same spikes and gradients, and a potential that can be
compared with other neurons'. ``bias_initial`` is the published number; it starts at minus the threshold, which
is the published -1 for a threshold of 1. Progressive masking during training
is not modelled: the masked PSN is masked from the start.

Products are done by BLAS. Kernels: ``simsnn/kernels/parallel.py``; proofs: ``tests/kernels/test_parallel.py``,
``tests/unit/test_parallel_neurons.py`` (finite differences), ``tests/kernels/test_gradients.py`` (networks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simsnn.costs import OperationCounts
from simsnn.kernels.parallel import bias_fire, potential_gradient
from simsnn.neurons.base import Values
from simsnn.neurons.parallel import ParallelUnit, chunks, opposite_bias
from simsnn.neurons.parallel_matrices import causal_mask
from simsnn.neurons.parallel_work import (
    ProductKind,
    ProductShape,
    Stashed,
    UnitProduct,
    band,
    triangle,
)
from simsnn.neurons.sliding_psn import Order


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Gradients of matrix (T, T) and bias (T,), summed over groups of neurons in float64."""

    matrix: Values
    bias: Values

    @classmethod
    def zero(cls, timesteps: int) -> Sums:
        """Before the first group."""
        return cls(np.zeros((timesteps, timesteps)), np.zeros(timesteps))

    def add(self, gradient: Values, x: Values) -> None:
        """Add what a group of neurons (T, group) contributes."""
        self.matrix[...] += gradient @ x.T
        self.bias[...] += gradient.sum(axis=1)


def every_step(current: Values, timesteps: int, start: int, stop: int) -> Values:
    """Currents (T, stop - start); a copy where the same ones hold for every step."""
    rows = current[:, start:stop]
    return rows if len(rows) == timesteps else np.repeat(rows, timesteps, axis=0)


class LearnedUnit(ParallelUnit):
    """A parallel unit with a learned T x T matrix and a learned bias for every step."""

    causal: ClassVar[bool] = True
    """True where no step sees a later one: the matrix is lower triangular."""

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """V, and X for the gradient of the matrix."""
        return (Stashed.CURRENT, Stashed.POTENTIAL)

    def learned_count(self, timesteps: int) -> int:
        """T^2 + T, stored whole."""
        return timesteps * timesteps + timesteps

    def mask(self, timesteps: int) -> Values:
        """Entries of the matrix that count: 1 or 0, shape (T, T), float64."""
        return causal_mask(timesteps)

    def entries(self, timesteps: int) -> int:
        """How many entries of the matrix count."""
        return triangle(timesteps)

    def bias_start(self) -> float:
        """Initial value of every element of the bias."""
        return 0.0

    def _initial_own(self, timesteps: int, rng: np.random.Generator) -> Values:
        matrix = self._initial_matrix(timesteps, rng) * self.mask(timesteps)
        return np.concatenate([matrix.ravel(), np.full(timesteps, self.bias_start())])

    def _initial_matrix(self, timesteps: int, rng: np.random.Generator) -> Values:
        return rng.normal(0.0, math.sqrt(2 / timesteps), (timesteps, timesteps))

    def _split(self, learned: Values, timesteps: int, dtype: np.dtype[Any]) -> tuple[Values, Values]:
        """Masked matrix (T, T) and bias (T,), contiguous, in the dtype of the work."""
        square = timesteps * timesteps
        matrix = learned[:square].reshape(timesteps, timesteps) * self.mask(timesteps).astype(dtype)
        return np.ascontiguousarray(matrix, dtype), np.ascontiguousarray(learned[square : square + timesteps], dtype)

    def _store(self, sums: Sums, slope: float, dlearned: Values) -> None:
        steps = len(sums.bias)
        dlearned[: steps * steps] = (sums.matrix * self.mask(steps)).ravel()
        dlearned[steps * steps : steps * steps + steps] = sums.bias
        if self.learn_slope:
            dlearned[-1] = slope

    @property
    def forward_counts(self) -> OperationCounts:
        """Those around the products."""
        return self.elementwise_counts(False)

    @property
    def backward_counts(self) -> OperationCounts:
        """Those around the products."""
        return self.elementwise_counts(True)

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """Bias and threshold compare; backward the surrogate, its product with dS, the sum of the bias's gradient."""
        if not backward:
            return OperationCounts(add=1, compare=1)
        return self.surrogate.counts + OperationCounts(add=1, multiply=1) + self._slope_counts()

    def _product(self, name: str, kind: ProductKind, timesteps: int, neurons: int, backward: bool) -> UnitProduct:
        """A product with the learned matrix, or the one that makes its gradient."""
        turned = backward and kind is ProductKind.APPLY
        causal = ProductShape.UPPER if turned else ProductShape.LOWER
        shape = causal if self.causal else ProductShape.FULL
        return UnitProduct(name, shape, kind, timesteps, neurons, self.entries(timesteps))


class MixingUnit(LearnedUnit):
    """A unit whose potential is one matrix times the currents, and a bias."""

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """The matrix on the currents; backward its transpose on dV, and its gradient."""
        mixture = self._product("mixture", ProductKind.APPLY, timesteps, neurons, backward)
        if not backward:
            return (mixture,)
        return (mixture, self._product("mixture_gradient", ProductKind.GRADIENT, timesteps, neurons, backward))

    def matrix(self, timesteps: int, learned: Values, dtype: np.dtype[Any]) -> Values:
        """The matrix that is applied, (T, T)."""
        return self._split(learned, timesteps, dtype)[0]

    def potential_by_matrices(self, current: Values, learned: Values) -> Values:
        """V (T, n) in the dtype of the currents (T, n)."""
        steps, dtype = len(current), current.dtype
        _, bias = self._split(learned, steps, dtype)
        return np.asarray(self.matrix(steps, learned, dtype) @ current + bias[:, None])

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        steps, dtype = len(current), np.dtype(np.float64)
        _, bias = self._split(learned, steps, dtype)
        return np.asarray(self.matrix(steps, learned, dtype)[-1] @ current.astype(np.float64) + bias[-1])

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        steps, threshold = len(v), v.dtype.type(self.threshold)
        _, bias = self._split(learned, steps, v.dtype)
        matrix = self.matrix(steps, learned, v.dtype)
        for start, stop in chunks(v):
            np.matmul(matrix, every_step(current, steps, start, stop), out=v[:, start:stop])
            bias_fire(v, bias, threshold, self.strict_threshold, start, stop, spikes)

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
        steps, threshold = len(v), v.dtype.type(self.threshold)
        surrogate = (self.surrogate.code, self._slope(learned, v.dtype), self.learn_slope)
        matrix, sums, slope = self.matrix(steps, learned, v.dtype), Sums.zero(steps), 0.0
        for start, stop in chunks(v):
            dv = np.empty((steps, stop - start), v.dtype)
            slope += potential_gradient(ds, v, threshold, *surrogate, start, stop, dv)
            sums.add(dv, every_step(current, steps, start, stop))
            np.matmul(matrix.T, dv, out=dx[:, start:stop])
        self._store(sums, slope, dlearned)


class UnresetUnit(MixingUnit):
    """What PSN and masked PSN share: the published bias, no estimate of a reset."""

    bias_initial: Annotated[float, Field(strict=False)] = -1.0
    strict_threshold: bool = False
    learn_slope: bool = False

    @classmethod
    def dependent_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The published bias is minus the threshold."""
        return opposite_bias(data)

    def bias_start(self) -> float:
        """The published bias plus the threshold."""
        return self.bias_initial + self.threshold

    def _initial_matrix(self, timesteps: int, rng: np.random.Generator) -> Values:
        bound = 1 / math.sqrt(timesteps)
        return rng.uniform(-bound, bound, (timesteps, timesteps))


class PsnNeuron(UnresetUnit):
    """PSN: any matrix over time; not causal. ``bias_initial`` is the published bias, by default minus the threshold."""

    kind: Literal["psn"] = "psn"

    causal: ClassVar[bool] = False

    def mask(self, timesteps: int) -> Values:
        """Every entry counts."""
        return np.ones((timesteps, timesteps))

    def entries(self, timesteps: int) -> int:
        """T^2."""
        return timesteps**2


class MaskedPsnNeuron(UnresetUnit):
    """Masked PSN of order k: a step sees itself and the k - 1 steps before it."""

    kind: Literal["masked_psn"] = "masked_psn"
    order: Order

    def mask(self, timesteps: int) -> Values:
        """The k diagonals from the main one down."""
        return causal_mask(timesteps, self.order)

    def entries(self, timesteps: int) -> int:
        """k T - k(k-1)/2."""
        return band(timesteps, self.order)
