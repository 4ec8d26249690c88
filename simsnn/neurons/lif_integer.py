"""Leaky integer neuron with soft reset that keeps the bits its leak loses, and so can be undone bit for bit.

All values are words of ``word_bits`` on a grid (``simsnn/neurons/grid.py``), every sum is modulo 2^word_bits; k is
``leak_shift``, TH the threshold in grid steps, >> the arithmetic shift (it rounds down), v = 0 before t = 0::

    divide:    u = v >> k              side = v & (2^k - 1)                          k bits
    subtract:  u = v - (v >> k)        side = 1 if v & (2^k - 1) is 0 else 0         1 bit
    m = u + I[t]      s = 1 if m >= TH else 0      v = m - TH s

The inverse reads s (kept anyway: it is the input of the next layer), the side bits and the currents, which the
synapses make again from the spikes before them::

    m = v + TH s      u = m - I[t]
    divide:    v = (u << k) + side
    subtract:  v = u + floor((u - 1) / (2^k - 1)) + side

because v - (v >> k) = ceil(v (2^k - 1) / 2^k) takes every value once or twice, and twice only for neighbours: the
formula without ``side`` is the smaller of them, and the larger is the one whose last k bits are 0. Every step is
undone exactly, wrapped or not. ``divide`` with k = 0 is integrate-and-fire and loses nothing.

Gradient, straight through: rint, the shifts' rounding and wrapping count as identity, so the leak has the derivative
2^-k or 1 - 2^-k, and the recurrence is that of ``simsnn/neurons/lif.py`` with soft reset. It reads nothing but m,
which the inverse makes bit for bit.

Shifts and masks by a constant are wires and cost nothing; the division by 2^k - 1 is one divide. A rounding width for
what a step keeps is not applied: the word is that width.

Kernels: ``simsnn/kernels/lif_integer.py``; proofs: ``tests/kernels/test_lif_integer.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from simsnn.costs import OperationCounts
from simsnn.kernels.lif_integer import (
    DIVIDE,
    SUBTRACT,
    word_lif_backward,
    word_lif_forward,
    word_lif_invert,
    word_lif_invert_backward,
)
from simsnn.kernels.neuron import SOFT, lif_forward_smooth
from simsnn.neurons.base import NothingLearned, Store, Values
from simsnn.neurons.grid import GridNeuron
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate

MOST_SIDE_BITS = 8


class IntegerLifNeuron(GridNeuron, NothingLearned):
    """Integer LIF with soft reset whose steps can be undone exactly from spikes, side bits and currents."""

    kind: Literal["lif_integer"] = "lif_integer"
    leak_form: Literal["divide", "subtract"] = "divide"
    leak_shift: Annotated[int, Field(ge=0, le=MOST_SIDE_BITS)] = 1
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = True
    forward_state_words: ClassVar[int] = 1
    backward_state_words: ClassVar[int] = 1
    needs_current: ClassVar[bool] = True
    node_pass_latency_chains: ClassVar[int] = 1

    @field_validator("leak_shift")
    @classmethod
    def _leaves_something(cls, value: int, info: ValidationInfo) -> int:
        if value == 0 and info.data.get("leak_form") == "subtract":
            raise ValueError(
                "leak_form subtract with leak_shift 0 takes away all of the potential; leak_shift 1 to 8 leaves some,"
                " and leak_form divide with leak_shift 0 has no leak"
            )
        return value

    @property
    def leak(self) -> float:
        """What multiplies the potential once per step, rounding aside."""
        part = 2.0**-self.leak_shift
        return part if self.leak_form == "divide" else 1 - part

    @property
    def side_bits(self) -> int:
        """The bits shifted out, or one that tells the two preimages apart."""
        return self.leak_shift if self.leak_form == "divide" else 1

    @property
    def forward_counts(self) -> OperationCounts:
        """Charge and reset: an add each; compare and select; the leak: an add where it subtracts, else wires."""
        return OperationCounts(add=2 + (self.leak_form == "subtract"), compare=1, select=1)

    @property
    def run_counts(self) -> OperationCounts:
        """Forward, and where the leak subtracts a compare of k bits with 0 for the side bit."""
        note = OperationCounts(compare=1) if self.leak_form == "subtract" else OperationCounts()
        return self.forward_counts + note

    @property
    def inverse_counts(self) -> OperationCounts:
        """Reset and charge undone: an add each, a select; subtract: three adds more, and a divide unless k is 1."""
        both = OperationCounts(add=2, select=1)
        if self.leak_form == "divide":
            return both
        return both + OperationCounts(add=3, divide=1 if self.leak_shift > 1 else 0)

    @property
    def backward_counts(self) -> OperationCounts:
        """As LIF with soft reset: derivative, its product, the leak, the reset path."""
        base = OperationCounts(add=1, multiply=1 if self.leak == 1 else 2)
        reset_path = OperationCounts() if self.detach_reset else OperationCounts(add=1, multiply=1)
        return self.surrogate.counts + base + reset_path

    @property
    def streamlined_counts(self) -> OperationCounts:
        """Inverse and gradient."""
        return self.inverse_counts + self.backward_counts

    @property
    def stashes_mask_only(self) -> bool:
        """A rectangle is one bit; the soft reset needs nothing else."""
        return self.surrogate.kind == "rectangle"

    def _node(self, like: Values) -> tuple[int, int, int, int, Any, Any, int]:
        """Leak, threshold, half, scale, step and exactness for the kernels."""
        form = DIVIDE if self.leak_form == "divide" else SUBTRACT
        return self.leak_shift, form, *self._words(like)

    def _through(self, like: Values) -> Any:
        return like.dtype.type(0 if self.detach_reset else self.threshold)

    def run(self, current: Values, state: Values, output: Values, side: Values) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        self._refuse(word_lif_forward(current, *self._node(output), state, output, side, output[:0]), output)

    def invert(self, output: Values, side: Values, state: Values, current: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        self._refuse(word_lif_invert(output, side, *self._node(output), state, current, v), output)

    def invert_backward(
        self, doutput: Values, output: Values, side: Values, state: Values, carry: Values, current: Values, dx: Values
    ) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        scalar = output.dtype.type
        gradient = (scalar(self.leak), self._through(output), self.surrogate.code, scalar(self.surrogate.parameter))
        rows = (state, carry, current, dx)
        misfits = word_lif_invert_backward(doutput, output, side, *self._node(output), *gradient, *rows)
        self._refuse(misfits, output)

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        nothing = np.empty((len(v), 0), np.uint8)
        self._refuse(word_lif_forward(current, *self._node(spikes), state, spikes, nothing, v), spikes)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; real numbers in place of words."""
        scalar, surrogate = spikes.dtype.type, self.surrogate
        leak, threshold, parameter = scalar(self.leak), scalar(self.threshold), scalar(surrogate.parameter)
        lif_forward_smooth(current, leak, threshold, SOFT, surrogate.code, parameter, frozen, spikes, v)

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; the word is the stored width, so nothing is rounded again."""
        self.forward(current, learned, spikes, v, np.zeros((1, v.shape[1]), v.dtype))

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
        scalar, surrogate = v.dtype.type, self.surrogate
        leak, threshold, parameter = scalar(self.leak), scalar(self.threshold), scalar(surrogate.parameter)
        word_lif_backward(ds, v, leak, threshold, self._through(v), surrogate.code, parameter, carry, dx)

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`; not rounded to the grid."""
        v: Values = current[0].astype(np.float64)
        for row in current[1:]:
            v = self.leak * v + row
        return v
