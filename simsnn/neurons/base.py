"""What a neuron model brings: its parameters, its recurrences, its arithmetic, its stash.

Arrays are rows of n neurons, one per time step, (T, n), float32 or float64, contiguous. Whoever
has maps of another shape reshapes them (``simsnn/training/membrane.py``). A recurrence may cover any
run of time steps: what it needs of the steps before is ``state``, what backward needs of those behind
is ``carry``; zeros at the ends of a sequence. Units that work on all T at once have neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperationCounts
from simsnn.kernels.neuron import surrogate_derivative
from simsnn.neurons.surrogate import Surrogate

Values = NDArray[Any]
Store = Callable[[Values], Values]
"""What storing does to a row of values: rounding to a width."""


class NeuronModel(Protocol):
    """A spiking neuron as training and hardware see it; the model's strict config fulfils this itself."""

    model_version: ClassVar[int]
    binary_output: ClassVar[bool]
    """True: delivers spikes. False: real values."""

    @property
    def kind(self) -> str:
        """Name in files and in the registry."""

    @property
    def threshold(self) -> float:
        """Potential at which it fires; the surrogate derivative is taken around it."""

    @property
    def surrogate(self) -> Surrogate:
        """What stands in for the derivative of the spike."""

    @property
    def forward_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and time step in the forward recurrence."""

    @property
    def backward_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and time step in the backward recurrence."""

    @property
    def forward_state_words(self) -> int:
        """Values that one neuron carries from one time step to the next."""

    @property
    def backward_state_words(self) -> int:
        """Values that one neuron carries from one time step back to the one before."""

    @property
    def stashes_mask_only(self) -> bool:
        """True when backward needs one bit per neuron and step instead of the membrane potential."""

    def channels_refusal(self, channels: int) -> str:
        """Why a layer of so many channels cannot have these neurons; empty where it can."""

    def learned_shape(self, timesteps: int) -> tuple[int, ...]:
        """Numbers that a layer of these neurons learns for T steps: one flat vector, or () for none."""

    def initial_learned(self, timesteps: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Values:
        """Those numbers before training, of ``learned_shape``."""

    def forward(self, current: Values, learned: Values, spikes: Values, v: Values, state: Values) -> None:
        """Write spikes (or real outputs) and potentials (T, n).

        Parameters
        ----------
        current : array, shape (T, n) or (1, n)
            Input; one row means the same current in every step.
        learned : array, shape (count,)
            Numbers the layer has learned; (0,) where it learns none.
        spikes, v : array, shape (T, n)
            Written.
        state : array, shape (forward_state_words, n)
            Read: what the steps before left. Written: what these leave.
        """

    def forward_smooth(self, current: Values, learned: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """The same from an empty state with the surrogate's primitive as threshold, for gradient checks.

        The reset reads ``frozen`` (T, n) in place of the neuron's own output where that has rows.
        """

    def forward_stored(self, current: Values, learned: Values, store: Store, spikes: Values, v: Values) -> None:
        """The same with every value that a step keeps, the potential included, passed through ``store``."""

    def derivative(self, v: Values, learned: Values, h: Values) -> None:
        """Write the surrogate derivative (T, n) at every potential."""

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
        """Write the gradient towards the currents (T, n) from the one towards the output.

        Parameters
        ----------
        ds : array, shape (T, n)
            Gradient towards the output.
        current, learned : array
            As in forward.
        v, spikes : array, shape (T, n)
            What forward wrote.
        carry : array, shape (backward_state_words, n)
            Read: what the steps behind left. Written: what these leave.
        dx : array, shape (T, n)
            Written; may be ``ds`` itself.
        dlearned : array, shape (count,)
            Written: gradient towards what the layer has learned.
        """

    def potential_without_firing(self, current: Values, learned: Values) -> Values:
        """Potential (n,) in float64 after the last of the currents (T, n) if the neuron never fired."""


class NothingLearned:
    """Part of neuron models that stand alone and learn no numbers of their own; the surrogate is as configured."""

    def channels_refusal(self, channels: int) -> str:
        """None: neurons stand alone."""
        return ""

    def learned_shape(self, timesteps: int) -> tuple[int, ...]:
        """None."""
        return ()

    def initial_learned(self, timesteps: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Values:
        """No numbers."""
        return np.empty(0, dtype)

    def derivative(self: NeuronModel, v: Values, learned: Values, h: Values) -> None:
        """See :class:`NeuronModel`."""
        scalar, surrogate = v.dtype.type, self.surrogate
        surrogate_derivative(v, scalar(self.threshold), surrogate.code, scalar(surrogate.parameter), h)
