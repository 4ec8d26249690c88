"""Reversible neurons: what they bring beyond a neuron model, and the reversible pair node.

The node of arXiv 2308.08649 is known from its abstract and its public reviews only; ``reversible_lei`` is a
**reconstruction** that agrees with every fact stated there. Its constants are free, so all of them are parameters.

Forward, per pair of neurons (1, 2), t = 0..T-1, with v = 0 before t = 0, a = 1 / tau, H(u) = 1 if u >= 0 else 0, and
R(m, s) = m (1 - s) with reset hard, m - threshold * s with reset soft::

    m1 = v1 + a (x1 - v1)     s1 = H(m1 - threshold)     y1 = s1 + beta x2     w1 = R(m1, s1) + alpha v2
    m2 = w1 + a (y1 - w1)     s2 = H(m2 - threshold)     y2 = s2 + beta x1     w2 = R(m2, s2) + alpha v1

y is the output, w the v of the next step. Inverse, t = T-1..0, from y and the last w::

    m2 = w1 + a (y1 - w1)     x1 = (y2 - s2) / beta      v1 = (w2 - R(m2, s2)) / alpha
    m1 = v1 + a (x1 - v1)     x2 = (y1 - s1) / beta      v2 = (w1 - R(m1, s1)) / alpha

Backward, with dy, dw from outside and from behind, h the surrogate derivative, and dv the dw of the step before::

    soft:  dm2 = dw2 + (dy2 - [not detached] threshold dw2) h2
    hard:  dm2 = (1 - s2) dw2 + (dy2 - [not detached] m2 dw2) h2
    ty = dy1 + a dm2      tw = dw1 + (1 - a) dm2         dm1 the same from ty and tw
    dx1 = beta dy2 + a dm1   dx2 = beta ty   dv1 = alpha dw2 + (1 - a) dm1   dv2 = alpha tw

Everything backward needs is m, which the inverse makes: inverse and gradient are one sweep (streamlined).

The output is real, beta x of the other half rides on it. When the inverse is exact: ``docs/reversible_exactness.md``.
Assumed: which elements make a pair, and that a rounding width applies to m, w and y alike.

Kernels: ``simsnn/kernels/reversible.py``; proofs: ``tests/kernels/test_reversible.py``,
``tests/unit/test_reversible_neurons.py``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field, field_validator

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts
from simsnn.kernels.reversible import (
    pair_backward,
    pair_forward,
    pair_forward_smooth,
    pair_invert,
    pair_invert_backward,
)
from simsnn.neurons.base import NeuronModel, NothingLearned, Store, Values
from simsnn.neurons.pair import check_pairs, odd_channels, without_firing
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate

Coupling = Annotated[float, Field(strict=False)]


class ReversibleNeuron(NeuronModel, Protocol):
    """A neuron whose steps can be undone, so that backward needs only the state behind the last one."""

    needs_current: ClassVar[bool]
    """True: the inverse reads the currents, which the synapses make again. False: it gives them back."""
    node_pass_latency_chains: ClassVar[int]
    """Chains of operations, one behind the other, that a step runs through: 2 where half 2 waits for half 1."""

    @property
    def side_bits(self) -> int:
        """Bits per neuron and step that a run leaves beside its output for the inverse."""

    @property
    def run_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and step of :meth:`run`: forward, and what makes the side bits."""

    @property
    def inverse_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and step of the inverse alone."""

    @property
    def streamlined_counts(self) -> OperationCounts:
        """Inverse and gradient in one pass: nothing is run forward again."""

    def run(self, current: Values, state: Values, output: Values, side: Values) -> None:
        """Forward any run of steps, keeping nothing but what the inverse needs.

        Parameters
        ----------
        current : array, shape (T, n) or (1, n)
            Input; one row means the same current in every step.
        state : array, shape (forward_state_words, n)
            Read: before the first of the steps. Written: behind the last.
        output : array, shape (T, n)
            Written.
        side : array, shape (T, n), or (T, 0) where ``side_bits`` is 0, uint8
            Written.
        """

    def invert(self, output: Values, side: Values, state: Values, current: Values, v: Values) -> None:
        """Undo a run of steps.

        Parameters
        ----------
        output, side
            What :meth:`run` wrote.
        state : array, shape (forward_state_words, n)
            Read: behind the last of the steps. Written: before the first.
        current : array, shape (T, n)
            Written; where ``needs_current`` read, and (1, n) will do for the same current in every step.
        v : array, shape (T, n)
            Written: potentials.
        """

    def invert_backward(
        self, doutput: Values, output: Values, side: Values, state: Values, carry: Values, current: Values, dx: Values
    ) -> None:
        """Undo a run of steps and take the gradient from what that makes, in one sweep.

        Parameters
        ----------
        doutput : array, shape (T, n)
            Gradient towards the output.
        output, side, state, current
            As in :meth:`invert`; a current that would be written may be (0, n), and is then dropped.
        carry : array, shape (backward_state_words, n)
            As in :meth:`simsnn.neurons.base.NeuronModel.backward`.
        dx : array, shape (T, n)
            Written; may be ``doutput`` itself.
        """


class ReversibleLeiNeuron(StrictModel, NothingLearned):
    """Reversible pair node, a reconstruction from the abstract and the reviews of arXiv 2308.08649 (equations unknown).

    ``alpha`` couples the states of a pair, ``beta`` the inputs; powers of two divide exactly. Neighbouring channels
    make a pair, so a layer needs an even number of them. The output is real, not a spike.
    """

    kind: Annotated[Literal["reversible_lei"], Field(description="a reconstruction, not the published equations")] = (
        "reversible_lei"
    )
    alpha: Coupling = 0.5
    beta: Coupling = 0.5
    tau: Annotated[float, Field(gt=1, strict=False)] = 2.0
    threshold: Annotated[float, Field(gt=0, strict=False)]
    reset: Literal["hard", "soft"]
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = False
    forward_state_words: ClassVar[int] = 1
    backward_state_words: ClassVar[int] = 1
    side_bits: ClassVar[int] = 0
    needs_current: ClassVar[bool] = False
    node_pass_latency_chains: ClassVar[int] = 2

    @field_validator("alpha", "beta")
    @classmethod
    def _invertible(cls, value: float) -> float:
        if value == 0 or not math.isfinite(1 / value):
            raise ValueError(f"must not be {value:g}: the inverse divides by it; 0.25, 0.5 and 1 divide exactly")
        return value

    @property
    def forward_counts(self) -> OperationCounts:
        """m: two adds and a multiply; compare; y and w: an add and a multiply each (none for 1); reset as in LIF.

        A neuron is half a pair, and both halves do the same arithmetic, so nothing is split.
        """
        soft = self.reset == "soft"
        multiply = 1 + (self.alpha != 1) + (self.beta != 1)
        return OperationCounts(add=4 + soft, multiply=multiply, compare=1, select=1)

    @property
    def run_counts(self) -> OperationCounts:
        """As forward: nothing is left beside the output."""
        return self.forward_counts

    @property
    def inverse_counts(self) -> OperationCounts:
        """m and s as forward, two subtractions, two divisions: a multiply for a power of two, nothing for 1."""
        soft = self.reset == "soft"
        couplings = [value for value in (self.alpha, self.beta) if value != 1]
        exact = sum(abs(math.frexp(value)[0]) == 0.5 for value in couplings)
        divide = len(couplings) - exact
        return OperationCounts(add=4 + soft, multiply=1 + exact, compare=1, select=1, divide=divide)

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate derivative and gradient from kept m; a hard reset compares m again to know where it fired."""
        again = OperationCounts(compare=1) if self.reset == "hard" else OperationCounts()
        return self._gradient_counts + again

    @property
    def streamlined_counts(self) -> OperationCounts:
        """Inverse and gradient; where it fired is known from the inverse."""
        return self.inverse_counts + self._gradient_counts

    @property
    def _gradient_counts(self) -> OperationCounts:
        multiply = 3 + (self.alpha != 1) + (self.beta != 1)
        base = OperationCounts(add=3, multiply=multiply, select=1 if self.reset == "hard" else 0)
        reset_path = OperationCounts() if self.detach_reset else OperationCounts(add=1, multiply=1)
        return self.surrogate.counts + base + reset_path

    @property
    def stashes_mask_only(self) -> bool:
        """A rectangle is one bit; a hard reset also needs to know where it fired, which y does not tell."""
        return self.surrogate.kind == "rectangle" and self.reset == "soft"

    def channels_refusal(self, channels: int) -> str:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        return odd_channels(self.kind, channels)

    def _node(self, like: Values) -> tuple[Any, Any, Any, Any, bool]:
        """a, alpha, beta, threshold, hard in the dtype of an array."""
        check_pairs(self.kind, like.shape[1])
        scalar = like.dtype.type
        values = (1 / self.tau, self.alpha, self.beta, self.threshold)
        a, alpha, beta, threshold = (scalar(value) for value in values)
        return a, alpha, beta, threshold, self.reset == "hard"

    def run(self, current: Values, state: Values, output: Values, side: Values) -> None:
        """See :class:`ReversibleNeuron`."""
        pair_forward(current, *self._node(output), state, output, output[:0])

    def invert(self, output: Values, side: Values, state: Values, current: Values, v: Values) -> None:
        """See :class:`ReversibleNeuron`."""
        pair_invert(output, *self._node(output), state, current, v)

    def invert_backward(
        self, doutput: Values, output: Values, side: Values, state: Values, carry: Values, current: Values, dx: Values
    ) -> None:
        """See :class:`ReversibleNeuron`."""
        code, parameter = self.surrogate.code, output.dtype.type(self.surrogate.parameter)
        node = self._node(output)
        pair_invert_backward(doutput, output, *node, self.detach_reset, code, parameter, state, carry, current, dx)

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; writes y into ``spikes`` and m into ``v``."""
        pair_forward(current, *self._node(spikes), state, spikes, v)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; ``frozen`` holds s, not y."""
        a, alpha, beta, threshold, hard = self._node(spikes)
        code, parameter, one = self.surrogate.code, spikes.dtype.type(self.surrogate.parameter), spikes.dtype.type(1)
        node = (a, alpha, beta, one, one, threshold, hard)
        pair_forward_smooth(current, *node, code, parameter, frozen, spikes, v)

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; m, w and y pass through ``store``."""
        a, alpha, beta, threshold, hard = self._node(spikes)
        v1, v2 = np.zeros((2, current.shape[1] // 2), current.dtype)
        for step, x in enumerate(np.broadcast_to(current, v.shape)):
            before1, y, m = v1, spikes[step], v[step]
            m[::2] = store(v1 + a * (x[::2] - v1))
            y[::2] = store((m[::2] >= threshold) + beta * x[1::2])
            v1 = store(_left(m[::2], threshold, hard) + alpha * v2)
            m[1::2] = store(v1 + a * (y[::2] - v1))
            y[1::2] = store((m[1::2] >= threshold) + beta * x[::2])
            v2 = store(_left(m[1::2], threshold, hard) + alpha * before1)

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
        """See :class:`simsnn.neurons.base.NeuronModel`; reads only ``ds`` and ``v``."""
        self._backward(ds, v, False, carry, dx)

    def backward_smooth(self, ds: Values, v: Values, carry: Values, dx: Values) -> None:
        """Backward behind :meth:`forward_smooth`: a hard reset has then left 1 - primitive of m."""
        self._backward(ds, v, True, carry, dx)

    def _backward(self, ds: Values, v: Values, smooth: bool, carry: Values, dx: Values) -> None:
        code, parameter = self.surrogate.code, v.dtype.type(self.surrogate.parameter)
        pair_backward(ds, v, *self._node(v), self.detach_reset, smooth, code, parameter, carry, dx)

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        check_pairs(self.kind, current.shape[1])
        return without_firing(current, 1 / self.tau, self.alpha, self.beta, 1.0)


def _left(m: Values, threshold: Any, hard: bool) -> Values:
    """R(m, s): what a potential leaves behind."""
    fires = m >= threshold
    return np.where(fires, 0 if hard else m - threshold, m)
