"""Reversible pair node on integers, undone bit for bit without storing anything beside its output.

All values are words of ``word_bits`` on a grid (``simsnn/neurons/grid.py``), every sum is modulo 2^word_bits, also the
difference inside the shift; TH is the threshold in grid steps, >> the arithmetic shift (it rounds down)::

    f(v, x):  m = v + ((x - v) >> charge_shift)     s = 1 if m >= TH else 0     r = (m >> keep_shift) - TH s
    y1 = x2 + TH s1     w1 = v2 + r1     with m1, s1, r1 from f(v1, x1)
    y2 = x1 + TH s2     w2 = v1 + r2     with m2, s2, r2 from f(w1, y1)

Each line adds a function of what is known to what is not, so the inverse evaluates the same functions of the same
words and subtracts, in reverse order. Modulo 2^word_bits a subtraction undoes an addition whether it wrapped or not.

That exactness has a price in the dynamics. The map (x, v) -> (y, w) is a permutation of the words: it preserves
volume and forgets nothing. Without spikes and with both shifts 1, (v1, v2) is multiplied by [[1/4, 1], [17/16, 1/4]],
whose eigenvalues 1.28 and -0.78 have the product -1: while one direction shrinks, the other grows by 28 % per
step until spikes take thresholds off or sums wrap. A word must be wide enough for the T steps that are run; a
wrapped word is still undone exactly, but as an activation it is noise.

Gradient, straight through: rint, the shifts' rounding and wrapping count as identity, so a shift by k has the
derivative 2^-k. With a = 2^-charge_shift, c = 2^-keep_shift and names as in ``simsnn/neurons/reversible.py``::

    dm2 = c dw2 + threshold (dy2 - [not detached] dw2) h2
    ty = dy1 + a dm2     tw = dw1 + (1 - a) dm2      dm1 the same from ty and tw
    dx1 = dy2 + a dm1    dx2 = ty    dv1 = dw2 + (1 - a) dm1    dv2 = tw

It reads nothing but m, and the inverse makes m bit for bit: every reversible mode has the gradient of the stored one.

Shifts by a constant are wires and cost nothing. Assumed: ``charge_shift`` and ``keep_shift`` (1 and 1 is the design of
the derivation). A rounding width for what a step keeps is not applied: the word is that width.

Kernels: ``simsnn/kernels/reversible_integer.py``; proofs: ``tests/kernels/test_reversible_integer.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simsnn.costs import OperationCounts
from simsnn.kernels.reversible import pair_forward_smooth
from simsnn.kernels.reversible_integer import (
    word_pair_backward,
    word_pair_forward,
    word_pair_invert,
    word_pair_invert_backward,
)
from simsnn.neurons.base import NothingLearned, Store, Values
from simsnn.neurons.grid import GridNeuron
from simsnn.neurons.pair import check_pairs, odd_channels, without_firing
from simsnn.neurons.surrogate import Surrogate, TriangleSurrogate


class ReversibleIntegerNeuron(GridNeuron, NothingLearned):
    """Reversible pair node on integers, bit-exact also where sums wrap; neighbouring channels make a pair."""

    kind: Literal["reversible_integer"] = "reversible_integer"
    charge_shift: Annotated[int, Field(ge=1, le=8)] = 1
    keep_shift: Annotated[int, Field(ge=0, le=8)] = 1
    detach_reset: bool
    surrogate: Surrogate = TriangleSurrogate()

    model_version: ClassVar[int] = 1
    binary_output: ClassVar[bool] = False
    forward_state_words: ClassVar[int] = 1
    backward_state_words: ClassVar[int] = 1
    side_bits: ClassVar[int] = 0
    needs_current: ClassVar[bool] = False
    node_pass_latency_chains: ClassVar[int] = 2

    @property
    def forward_counts(self) -> OperationCounts:
        """m: two adds; compare; one select makes TH or 0; y, r and w: an add each. Shifts are wires.

        A neuron is half a pair, and both halves do the same arithmetic, so nothing is split.
        """
        return OperationCounts(add=5, compare=1, select=1)

    @property
    def run_counts(self) -> OperationCounts:
        """As forward: nothing is left beside the output."""
        return self.forward_counts

    @property
    def inverse_counts(self) -> OperationCounts:
        """The same arithmetic with y and w subtracted from instead of added to."""
        return self.forward_counts

    @property
    def backward_counts(self) -> OperationCounts:
        """Surrogate derivative; products with keep, height and h; both chains; the reset path."""
        keep = 1 if self.keep_shift else 0
        base = OperationCounts(add=3, multiply=4 + keep)
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

    def channels_refusal(self, channels: int) -> str:
        """See :class:`simsnn.neurons.base.NeuronModel`."""
        return odd_channels(self.kind, channels)

    def _node(self, like: Values) -> tuple[int, int, int, int, Any, Any, int]:
        """Shifts, threshold, half, scale, step and exactness for the kernels."""
        check_pairs(self.kind, like.shape[1])
        return self.charge_shift, self.keep_shift, *self._words(like)

    def _factors(self, like: Values) -> tuple[Any, Any]:
        scalar = like.dtype.type
        return scalar(2.0**-self.charge_shift), scalar(2.0**-self.keep_shift)

    def _through(self, like: Values) -> Any:
        return like.dtype.type(0 if self.detach_reset else self.threshold)

    def run(self, current: Values, state: Values, output: Values, side: Values) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        self._refuse(word_pair_forward(current, *self._node(output), state, output, output[:0]), output)

    def invert(self, output: Values, side: Values, state: Values, current: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        self._refuse(word_pair_invert(output, *self._node(output), state, current, v), output)

    def invert_backward(
        self, doutput: Values, output: Values, side: Values, state: Values, carry: Values, current: Values, dx: Values
    ) -> None:
        """See :class:`simsnn.neurons.reversible.ReversibleNeuron`."""
        factors = (*self._factors(output), self._through(output))
        surrogate = (self.surrogate.code, output.dtype.type(self.surrogate.parameter))
        node = self._node(output)
        rows = (state, carry, current, dx)
        self._refuse(word_pair_invert_backward(doutput, output, *node, *factors, *surrogate, *rows), output)

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; writes y into ``spikes`` and m into ``v``."""
        self._refuse(word_pair_forward(current, *self._node(spikes), state, spikes, v), spikes)

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """See :class:`simsnn.neurons.base.NeuronModel`; real numbers in place of words, ``frozen`` holds s, not y."""
        check_pairs(self.kind, spikes.shape[1])
        scalar, (a, keep) = spikes.dtype.type, self._factors(spikes)
        one, threshold = scalar(1), scalar(self.threshold)
        node = (a, one, one, keep, threshold, threshold, False)
        code, parameter = self.surrogate.code, scalar(self.surrogate.parameter)
        pair_forward_smooth(current, *node, code, parameter, frozen, spikes, v)

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
        check_pairs(self.kind, v.shape[1])
        scalar, factors, through = v.dtype.type, self._factors(v), self._through(v)
        code, parameter = self.surrogate.code, scalar(self.surrogate.parameter)
        word_pair_backward(ds, v, *factors, scalar(self.threshold), through, code, parameter, carry, dx)

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """See :class:`simsnn.neurons.base.NeuronModel`; not rounded to the grid."""
        check_pairs(self.kind, current.shape[1])
        return without_firing(current, 2.0**-self.charge_shift, 1.0, 1.0, 2.0**-self.keep_shift)
