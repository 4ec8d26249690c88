"""Sliding PSN: the same k taps over time for every step.

    V[t] = b + sum_j w_j X[t-j],  0 <= j < k, t - j >= 0;    S = 1 where V >= threshold
    dV = dS g(V - threshold),  dX[t] = sum_j w_j dV[t+j],  dw_j = sum dV[t] X[t-j],  db = sum dV

It is the masked PSN of order k whose matrix has one number per diagonal, so a layer learns k taps and a
bias whatever T is: w_0 .. w_{k-1}, b, and the slope if that is learned. The bias is held as in
``simsnn/neurons/parallel_learned.py``: b here is the published one plus the threshold. Source: arXiv 2304.12760
(PSN family); initial taps 2^-j as in its released code (recalled, not read again).

Kernels: ``simsnn/kernels/sliding.py``; proofs: ``tests/kernels/test_parallel.py``,
``tests/unit/test_parallel_neurons.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simsnn.costs import OperationCounts
from simsnn.kernels.parallel import potential_gradient
from simsnn.kernels.sliding import sliding_backward, sliding_forward
from simsnn.neurons.base import Values
from simsnn.neurons.parallel import ParallelUnit, chunks, opposite_bias
from simsnn.neurons.parallel_matrices import lags
from simsnn.neurons.parallel_work import ProductKind, ProductShape, Stashed, UnitProduct, band

Order = Annotated[int, Field(gt=0, le=2**16)]
"""Steps that count, this one included; more than T are as many as T."""


class SlidingPsnNeuron(ParallelUnit):
    """Sliding PSN of order k; ``bias_initial`` is the published bias, by default minus the threshold."""

    kind: Literal["sliding_psn"] = "sliding_psn"
    order: Order
    bias_initial: Annotated[float, Field(strict=False)] = -1.0
    strict_threshold: bool = False
    learn_slope: bool = False

    @classmethod
    def dependent_defaults(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The published bias is minus the threshold."""
        return opposite_bias(data)

    steps_form: ClassVar[bool] = True

    @property
    def recurrence_words(self) -> int:
        """Earlier currents that the taps reach; backward as many later gradients."""
        return max(1, self.order - 1)

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """V, and X for the gradient of the taps."""
        return (Stashed.CURRENT, Stashed.POTENTIAL)

    def learned_count(self, timesteps: int) -> int:
        """k taps and a bias."""
        return self.order + 1

    def _initial_own(self, timesteps: int, rng: np.random.Generator) -> Values:
        return np.append(2.0 ** -np.arange(self.order), self.bias_initial + self.threshold)

    @property
    def forward_counts(self) -> OperationCounts:
        """A multiply and an add for every tap (the first steps, which have fewer, too), threshold compare."""
        return OperationCounts(add=self.order, multiply=self.order, compare=1)

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate, its product with dS, the taps towards the currents, the gradient of every tap and the bias."""
        taps = OperationCounts(add=2 * self.order, multiply=2 * self.order + 1)
        return self.surrogate.counts + taps + self._slope_counts()

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """Arithmetic of one neuron and step around the T x T products."""
        if not backward:
            return OperationCounts(add=1, compare=1)
        return self.surrogate.counts + OperationCounts(add=1, multiply=1) + self._slope_counts()

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """The taps as a T x T matrix, and backward the gradient of that matrix, whose diagonals are then summed."""
        entries = band(timesteps, self.order)
        shape = ProductShape.UPPER if backward else ProductShape.LOWER
        mixed = UnitProduct("taps", shape, ProductKind.APPLY, timesteps, neurons, entries)
        if not backward:
            return (mixed,)
        lower = ProductShape.LOWER
        return (mixed, UnitProduct("taps_gradient", lower, ProductKind.GRADIENT, timesteps, neurons, entries))

    def potential_by_matrices(self, current: Values, learned: Values) -> Values:
        """V (T, n) by a T x T product in the dtype of the currents (T, n): the slow obvious form."""
        return np.asarray(self._matrix(len(current), learned).astype(current.dtype) @ current + learned[self.order])

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        row = self._matrix(len(current), learned)[-1].astype(np.float64)
        return np.asarray(row @ current.astype(np.float64) + float(learned[self.order]))

    def _matrix(self, timesteps: int, learned: Values) -> Values:
        lag = lags(timesteps)
        inside = (lag >= 0) & (lag < self.order)
        return np.where(inside, learned[np.where(inside, lag, 0)], learned.dtype.type(0))

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        scalar = v.dtype.type
        taps, bias = np.ascontiguousarray(learned[: self.order]), scalar(learned[self.order])
        sliding_forward(current, taps, bias, scalar(self.threshold), self.strict_threshold, spikes, v)

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
        threshold, taps = v.dtype.type(self.threshold), np.ascontiguousarray(learned[: self.order])
        surrogate = (self.surrogate.code, self._slope(learned, v.dtype), self.learn_slope)
        dtaps, dbias, dslope = np.zeros(self.order), 0.0, 0.0
        for start, stop in chunks(v):
            dv = np.empty((len(v), stop - start), v.dtype)
            dslope += potential_gradient(ds, v, threshold, *surrogate, start, stop, dv)
            sliding_backward(dv, current, taps, start, stop, dx, dtaps)
            dbias += float(dv.sum(dtype=np.float64))
        dlearned[: self.order], dlearned[self.order] = dtaps, dbias
        if self.learn_slope:
            dlearned[-1] = dslope
