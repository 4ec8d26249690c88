"""Neuron that filters its current with an IIR filter of order (P, Q) and fires at a threshold.

Forward, per neuron, t = 0..T-1, with everything before t = 0 zero::

    u[t] = sum_q b_q x[t-q] + sum_p a_p w[t-p] - r[t]        q = 0..Q, p = 1..P
    s[t] = 1 if u[t] >= threshold else 0

    reset soft, reset_coefficient feedback:   w[t] = u[t] - threshold * s[t],  r[t] = 0
    reset soft, reset_coefficient threshold:  w[t] = u[t],  r[t] = threshold * s[t-1]
    reset none:                               w[t] = u[t],  r[t] = 0

With ``feedback`` a spike takes the threshold off the stored potential, so s[t-p] enters u[t] with the
coefficient -a_p * threshold; order (1, 0) with b_0 = 1 is the soft-reset LIF neuron of leak a_1, bit for
bit. With ``threshold`` the coefficient of s[t-1] is -threshold, whatever the taps are.

Backward, t = T-1..0, with ds[t] the gradient towards s[t], h the surrogate derivative, e[t] the gradient
towards u[t] (zero from t = T on) and c[t] = sum_p a_p e[t+p]::

    feedback:   e[t] = h * (ds[t] - [not detached] threshold * c[t]) + c[t]
    threshold:  e[t] = h * (ds[t] - [not detached] threshold * e[t+1]) + c[t]
    none:       e[t] = h * ds[t] + c[t]

and the gradient towards the current is dx[t] = sum_q b_q e[t+q]: the same filter with time reversed.

A neuron keeps P potentials and Q currents from step to step (direct form); backwards max(P, Q) values
of e, since both sums read the same ones. Assumed, not taken from a published design: the direct form,
and that with ``threshold`` the spike of the step before is derived again from the kept potential.

Kernels: ``simsnn/kernels/iir.py``; proofs: ``tests/kernels/test_iir.py``, ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts
from simsnn.kernels.iir import FEEDBACK_RESET, NO_RESET, THRESHOLD_RESET, iir_backward, iir_forward, iir_forward_smooth
from simsnn.neurons.base import NothingLearned, Store, Values
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate

Tap = Annotated[float, Field(strict=False)]
MOST_TAPS = 16
POLE_TOLERANCE = 1e-6
"""How far outside the unit circle a pole may lie, for the rounding of a double pole on it."""


class IirNeuron(StrictModel, NothingLearned):
    """IIR-filter neuron: taps a_1..a_P on earlier potentials, b_0..b_Q on this and earlier currents.

    ``reset_coefficient`` says how strongly a spike counts in the recurrence; without effect where ``reset``
    is ``none``.
    """

    kind: Literal["iir"] = "iir"
    feedback: Annotated[tuple[Tap, ...], Field(min_length=1, max_length=MOST_TAPS)]
    feedforward: Annotated[tuple[Tap, ...], Field(min_length=1, max_length=MOST_TAPS)] = (1.0,)
    threshold: Annotated[float, Field(gt=0, strict=False)]
    reset: Literal["soft", "none"]
    reset_coefficient: Literal["feedback", "threshold"] = "feedback"
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = True

    @field_validator("feedback")
    @classmethod
    def _stable(cls, taps: tuple[float, ...]) -> tuple[float, ...]:
        largest = float(np.abs(np.roots((1.0, *(-tap for tap in taps)))).max(initial=0.0))
        if largest > 1 + POLE_TOLERANCE:
            raise ValueError(
                f"the filter is unstable: these feedback taps put a pole at magnitude {largest:.4g}, so the potential"
                " grows without bound; keep every pole within 1 (one exponential: [decay], two: [d1 + d2, -d1 * d2])"
            )
        return taps

    @field_validator("feedforward")
    @classmethod
    def _hears_its_input(cls, taps: tuple[float, ...]) -> tuple[float, ...]:
        if not any(taps):
            raise ValueError("the neuron never sees its current: at least one feedforward tap must not be zero")
        return taps

    @property
    def poles(self) -> int:
        """P, the number of feedback taps."""
        return len(self.feedback)

    @property
    def delays(self) -> int:
        """Q, the number of earlier currents that count."""
        return len(self.feedforward) - 1

    @property
    def forward_state_words(self) -> int:
        """P potentials and Q currents."""
        return self.poles + self.delays

    @property
    def backward_state_words(self) -> int:
        """Gradients towards the potentials of max(P, Q) later steps."""
        return max(self.poles, self.delays)

    @property
    def forward_counts(self) -> OperationCounts:
        """A multiply for every tap but 0 and 1, P + Q adds, threshold compare; soft reset: subtract where it fired.

        With ``reset_coefficient: threshold`` one more compare tells from the kept potential whether the step
        before fired.
        """
        sums = OperationCounts(add=self.poles + self.delays, multiply=self._multiplies, compare=1)
        if self.reset == "none":
            return sums
        again = 0 if self.reset_coefficient == "feedback" else 1
        return sums + OperationCounts(add=1, select=1, compare=again)

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate derivative, its product with the incoming gradient, both sums of taps, the reset path."""
        base = OperationCounts(add=self.poles + self.delays, multiply=1 + self._multiplies)
        attached = not self.detach_reset and self.reset != "none"
        reset_path = OperationCounts(add=1, multiply=1) if attached else OperationCounts()
        return self.surrogate.counts + base + reset_path

    @property
    def _multiplies(self) -> int:
        return sum(tap not in (0.0, 1.0) for tap in (*self.feedback, *self.feedforward))

    @property
    def stashes_mask_only(self) -> bool:
        """A rectangle is 0 or 1/width, one bit; no reset needs the potential itself."""
        return self.surrogate.kind == "rectangle"

    @property
    def _reset_code(self) -> int:
        if self.reset == "none":
            return NO_RESET
        return FEEDBACK_RESET if self.reset_coefficient == "feedback" else THRESHOLD_RESET

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        feedback, feedforward = self._taps(current)
        scalar = current.dtype.type
        iir_forward(current, feedback, feedforward, scalar(self.threshold), self._reset_code, spikes, v, state)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        scalar, surrogate, taps = current.dtype.type, self.surrogate, self._taps(current)
        threshold, parameter = scalar(self.threshold), scalar(surrogate.parameter)
        outputs = (frozen, spikes, v)
        iir_forward_smooth(current, *taps, threshold, self._reset_code, surrogate.code, parameter, *outputs)

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        held = [np.zeros(current.shape[1:], current.dtype)] * self.poles
        kept: list[Values] = []
        for step, now in enumerate(np.broadcast_to(current, v.shape)):
            u = self._sum(now, kept, held)
            if step and self._reset_code == THRESHOLD_RESET:
                u = u - self.threshold * spikes[step - 1]
            v[step] = store(u)
            spikes[step] = v[step] >= self.threshold
            resets = self._reset_code == FEEDBACK_RESET
            held = [v[step] - self.threshold * spikes[step] if resets else v[step], *held][: self.poles]
            kept = [store(now), *kept][: self.delays]

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
        scalar, surrogate, taps = v.dtype.type, self.surrogate, self._taps(v)
        threshold, parameter = scalar(self.threshold), scalar(surrogate.parameter)
        reset, detached = self._reset_code, self.detach_reset
        iir_backward(ds, v, *taps, threshold, reset, detached, surrogate.code, parameter, carry, dx)

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        held: list[Values] = []
        kept: list[Values] = []
        for row in current:
            now = row.astype(np.float64)
            held = [self._sum(now, kept, held), *held][: self.poles]
            kept = [now, *kept][: self.delays]
        return held[0]

    def _taps(self, like: Values) -> tuple[Values, Values]:
        """Feedback and feedforward taps in the dtype of an array."""
        return np.array(self.feedback, like.dtype), np.array(self.feedforward, like.dtype)

    def _sum(self, now: Values, kept: list[Values], held: list[Values]) -> Values:
        """Weighted sum of this current, earlier currents and earlier potentials; what is missing is zero."""
        total: Values = self.feedforward[0] * now
        for tap, row in zip(self.feedforward[1:], kept, strict=False):
            total = total + tap * row
        for tap, row in reversed(list(zip(self.feedback, held, strict=False))):
            total = total + tap * row
        return total
