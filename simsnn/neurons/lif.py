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

from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperationCounts
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate

RESET_CODES = {"hard": 0, "soft": 1, "none": 2}


class LifNeuron(StrictModel):
    """LIF parameters; ``leak`` multiplies the membrane potential once per time step."""

    kind: Literal["lif"] = "lif"
    leak: Annotated[float, Field(ge=0, le=1, strict=False)]
    threshold: Annotated[float, Field(gt=0, strict=False)]
    reset: Literal["hard", "soft", "none"]
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1

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
