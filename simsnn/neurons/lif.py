"""Leaky integrate-and-fire neuron: forward recurrence, backward recurrence, what each costs.

Forward, per neuron, t = 0..T-1, with p[-1] = 0::

    v[t] = leak * p[t-1] + I[t]
    s[t] = 1 if v[t] >= threshold else 0
    p[t] = v[t] * (1 - s[t])           reset hard
    p[t] = v[t] - threshold * s[t]     reset soft
    p[t] = v[t]                        reset none

Backward, t = T-1..0, with ds[t] the gradient towards s[t], h the surrogate derivative, and
dp[t] = leak * dv[t+1] (dp[T-1] = 0)::

    hard: dv[t] = h * (ds[t] - [not detached] v[t] * dp[t]) + (1 - s[t]) * dp[t]
    soft: dv[t] = h * (ds[t] - [not detached] threshold * dp[t]) + dp[t]
    none: dv[t] = h * ds[t] + dp[t]

and the gradient towards the input current is dI[t] = dv[t]. Kernels:
``simsnn/kernels/neuron.py``; finite-difference proof: ``tests/kernels/test_gradients.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts
from simsnn.kernels.neuron import lif_backward, lif_forward, lif_forward_smooth
from simsnn.neurons.base import NothingLearned, Store, Values
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate

RESET_CODES = {"hard": 0, "soft": 1, "none": 2}


class LifNeuron(StrictModel, NothingLearned):
    """LIF parameters; ``leak`` multiplies the membrane potential once per time step."""

    kind: Literal["lif"] = "lif"
    leak: Annotated[float, Field(ge=0, le=1, strict=False)]
    threshold: Annotated[float, Field(gt=0, strict=False)]
    reset: Literal["hard", "soft", "none"]
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = True
    forward_state_words: ClassVar[int] = 1
    backward_state_words: ClassVar[int] = 1

    @property
    def forward_counts(self) -> OperationCounts:
        """v: multiply (none for leak 0 or 1) and add; threshold compare; reset select (soft: one more add)."""
        multiply = 0 if self.leak in (0.0, 1.0) else 1
        reset = {"hard": (0, 1), "soft": (1, 1), "none": (0, 0)}[self.reset]
        return OperationCounts(add=1 + reset[0], multiply=multiply, compare=1, select=reset[1])

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate derivative, its product with the incoming gradient, the leak carry, the reset path."""
        carry_multiply = 0 if self.leak in (0.0, 1.0) else 1
        base = OperationCounts(add=1, multiply=1 + carry_multiply, select=1 if self.reset == "hard" else 0)
        attached = not self.detach_reset and self.reset != "none"
        reset_path = OperationCounts(add=1, multiply=1) if attached else OperationCounts()
        return self.surrogate.counts + base + reset_path

    @property
    def stashes_mask_only(self) -> bool:
        """A rectangle is 0 or 1/width, one bit; an attached hard reset needs v itself as well."""
        needs_potential = self.reset == "hard" and not self.detach_reset
        return self.surrogate.kind == "rectangle" and not needs_potential

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        scalar = current.dtype.type
        lif_forward(current, scalar(self.leak), scalar(self.threshold), RESET_CODES[self.reset], spikes, v, state)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        scalar, surrogate = current.dtype.type, self.surrogate
        leak, threshold, parameter = scalar(self.leak), scalar(self.threshold), scalar(surrogate.parameter)
        reset = RESET_CODES[self.reset]
        lif_forward_smooth(current, leak, threshold, reset, surrogate.code, parameter, frozen, spikes, v)

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        held = np.zeros(current.shape[1:], current.dtype)
        for step, now in enumerate(np.broadcast_to(current, v.shape)):
            v[step] = store(self.leak * held + now)
            spikes[step] = v[step] >= self.threshold
            held = v[step]
            if self.reset == "hard":
                held = held * (1 - spikes[step])
            elif self.reset == "soft":
                held = held - self.threshold * spikes[step]

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
        scalar, surrogate = v.dtype.type, self.surrogate
        leak, threshold, parameter = scalar(self.leak), scalar(self.threshold), scalar(surrogate.parameter)
        reset, detached = RESET_CODES[self.reset], self.detach_reset
        lif_backward(ds, v, spikes, leak, threshold, reset, detached, surrogate.code, parameter, carry, dx)

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        v: Values = current[0].astype(np.float64)
        for row in current[1:]:
            v = self.leak * v + row
        return v
