"""Parallel spiking units that learn a matrix over time beside an estimated reset: IPSU and RPSU.

W, b and the mask M on and below the diagonal as in ``simsnn/neurons/parallel_learned.py``, A, B and sigma as in
``simsnn/neurons/parallel.py``::

    ipsu, form linear    V = (W*M) X + b + B X = (W*M + B) X + b
    ipsu, form sigmoid   D = (W*M) X + b,  V = D + B sigma(D)
    rpsu                 Z = (W*M) X + b,  V = A X + B sigma(Z)

and with dV = dS g(V - threshold) backward::

    ipsu, form linear    dX = (W*M + B)^T dV                  dW = M * (dV X^T), db = row sums of dV
    ipsu, form sigmoid   dD = dV + sigma'(D) (B^T dV)         dX = (W*M)^T dD, dW = M * (dD X^T), db from dD
    rpsu                 dZ = sigma'(Z) (B^T dV)              dX = A^T dV + (W*M)^T dZ, dW and db from dZ

Source: arXiv 2402.00449 and its released code. The paper leaves open whether the IPSU has a sigmoid:
``form: linear`` is the class released under that name, ``sigmoid`` one released beside it. W starts normal with
variance 2 / T (Kaiming, fan-out), b at 0; the strength of the reset is 1 unless ``scale_reset_by_threshold``.
The last row of W and the last bias of an RPSU estimate a reset that would act behind the last step, so
they never learn.

A and B, being geometric, are applied as recurrences; the learned product is done by BLAS, and backward
makes Z and D again instead of keeping them. Kernels: ``simsnn/kernels/parallel.py``; proofs:
``tests/kernels/test_parallel.py``, ``tests/unit/test_parallel_neurons.py``, ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simsnn.costs import OperationCounts
from simsnn.kernels.parallel import GUESSED, MIXED, estimated_backward, estimated_forward, sigmoid_space
from simsnn.neurons.base import Values
from simsnn.neurons.parallel import Tau, chunks
from simsnn.neurons.parallel_learned import MixingUnit, Sums, every_step
from simsnn.neurons.parallel_matrices import integration_matrix, logistic, reset_matrix
from simsnn.neurons.parallel_work import (
    ProductKind,
    ProductShape,
    Stashed,
    UnitProduct,
    strict_triangle,
    triangle,
)


class ResetUnit(MixingUnit):
    """A unit with a learned matrix whose reset is estimated from what that matrix makes."""

    tau: Tau = 2.0
    scale_reset_by_threshold: bool = False

    @property
    def reset_strength(self) -> float:
        """c: what one estimated spike takes off the potential."""
        return self.threshold if self.scale_reset_by_threshold else 1.0

    def _factors(self, dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
        return dtype.type(1 / self.tau), dtype.type(self.reset_strength), dtype.type(self.threshold)

    def _reset_product(self, timesteps: int, neurons: int, backward: bool) -> UnitProduct:
        shape = ProductShape.UPPER if backward else ProductShape.LOWER
        return UnitProduct("reset", shape, ProductKind.APPLY, timesteps, neurons, strict_triangle(timesteps))

    def _estimated_forward(self, mode: int, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        steps, space = len(v), sigmoid_space(v.dtype)
        matrix, bias = self._split(learned, steps, v.dtype)
        how = (mode, *self._factors(v.dtype), self.strict_threshold)
        for start, stop in chunks(v):
            np.matmul(matrix, every_step(current, steps, start, stop), out=v[:, start:stop])
            estimated_forward(current, bias, *how, start, stop, *space, spikes, v)

    def _estimated_backward(
        self, mode: int, ds: Values, current: Values, learned: Values, v: Values, dx: Values, dlearned: Values
    ) -> None:
        steps, space = len(v), sigmoid_space(v.dtype)
        matrix, bias = self._split(learned, steps, v.dtype)
        surrogate = (self.surrogate.code, self._slope(learned, v.dtype), self.learn_slope)
        how = (mode, *self._factors(v.dtype), *surrogate)
        sums, slope = Sums.zero(steps), 0.0
        for start, stop in chunks(v):
            x = every_step(current, steps, start, stop)
            z = matrix @ x
            slope += estimated_backward(ds, current, bias, v, *how, start, stop, *space, z, dx)
            sums.add(z, x)
            if mode == MIXED:
                np.matmul(matrix.T, z, out=dx[:, start:stop])
            else:
                dx[:, start:stop] += matrix.T @ z
        self._store(sums, slope, dlearned)


class IpsuNeuron(ResetUnit):
    """IPSU: learned integration; ``form`` says whether the reset reads the currents or a sigmoid of the potential."""

    kind: Literal["ipsu"] = "ipsu"
    form: Literal["linear", "sigmoid"] = "linear"

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """With a sigmoid its value too."""
        kept = (Stashed.CURRENT, Stashed.POTENTIAL)
        return kept if self.form == "linear" else (*kept, Stashed.RESET_ESTIMATE)

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """With a sigmoid: its table read and the sum of D and reset; backward s (1 - s), its product, the sum dD."""
        linear = super().elementwise_counts(backward)
        if self.form == "linear":
            return linear
        return linear + (OperationCounts(add=2, multiply=2) if backward else OperationCounts(add=1, lookup=1))

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """Linear: one merged matrix. Sigmoid: the learned matrix and the reset; backward also the gradient."""
        mixing = super().products(timesteps, neurons, backward)
        if self.form == "linear":
            return mixing
        reset = self._reset_product(timesteps, neurons, backward)
        return (reset, *mixing) if backward else (*mixing, reset)

    def matrix(self, timesteps: int, learned: Values, dtype: np.dtype[Any]) -> Values:
        """W*M + B in the linear form, W*M in the other."""
        own = super().matrix(timesteps, learned, dtype)
        if self.form == "sigmoid":
            return own
        return np.asarray(own + reset_matrix(timesteps, self.tau, self.reset_strength).astype(dtype))

    def potential_by_matrices(self, current: Values, learned: Values) -> Values:
        """V (T, n) in the dtype of the currents (T, n)."""
        d = super().potential_by_matrices(current, learned)
        if self.form == "linear":
            return d
        b = reset_matrix(len(current), self.tau, self.reset_strength).astype(current.dtype)
        return np.asarray(d + b @ logistic(d))

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        if self.form == "linear":
            super()._forward(current, learned, spikes, v)
        else:
            self._estimated_forward(MIXED, current, learned, spikes, v)

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
        if self.form == "linear":
            super().backward(ds, current, learned, v, spikes, carry, dx, dlearned)
        else:
            self._estimated_backward(MIXED, ds, current, learned, v, dx, dlearned)


class RpsuNeuron(ResetUnit):
    """RPSU: fixed integration, the reset estimated from a learned mixture of the currents."""

    kind: Literal["rpsu"] = "rpsu"

    @property
    def stash(self) -> tuple[Stashed, ...]:
        """X for the gradient of the matrix, V, and sigma(Z)."""
        return (Stashed.CURRENT, Stashed.POTENTIAL, Stashed.RESET_ESTIMATE)

    def elementwise_counts(self, backward: bool) -> OperationCounts:
        """Bias, sigmoid (one table read), sum of both potentials, compare; backward s (1 - s) and its product."""
        more = OperationCounts(add=1, multiply=2) if backward else OperationCounts(add=1, lookup=1)
        return super().elementwise_counts(backward) + more

    def products(self, timesteps: int, neurons: int, backward: bool) -> tuple[UnitProduct, ...]:
        """[A; W] on X read once, then the reset; backward the reset, [A^T W^T] on [dV; dZ], and the gradient of W."""
        reset = self._reset_product(timesteps, neurons, backward)
        shape, apply = ProductShape.UPPER if backward else ProductShape.LOWER, ProductKind.APPLY
        both = UnitProduct("integration_and_mixture", shape, apply, timesteps, neurons, 2 * triangle(timesteps), 2)
        if not backward:
            return (both, reset)
        return (reset, both, self._product("mixture_gradient", ProductKind.GRADIENT, timesteps, neurons, backward))

    def potential_by_matrices(self, current: Values, learned: Values) -> Values:
        """V (T, n) in the dtype of the currents (T, n)."""
        steps, dtype = len(current), current.dtype
        z = super().potential_by_matrices(current, learned)
        b = reset_matrix(steps, self.tau, self.reset_strength).astype(dtype)
        return np.asarray(integration_matrix(steps, self.tau).astype(dtype) @ current + b @ logistic(z))

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`: without the estimated reset."""
        return np.asarray(integration_matrix(len(current), self.tau)[-1] @ current.astype(np.float64))

    def _forward(self, current: Values, learned: Values, spikes: Values, v: Values) -> None:
        self._estimated_forward(GUESSED, current, learned, spikes, v)

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
        self._estimated_backward(GUESSED, ds, current, learned, v, dx, dlearned)
