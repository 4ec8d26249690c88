"""What a neuron model brings: its parameters, its recurrences, its arithmetic, its stash.

Arrays are rows of n neurons, one per time step, (T, n), float32 or float64, contiguous. Whoever
has maps of another shape reshapes them (``simsnn/training/membrane.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from simsnn.costs import OperationCounts
from simsnn.neurons.surrogate import Surrogate

Values = NDArray[Any]
Store = Callable[[Values], Values]
"""What storing does to a row of values: rounding to a width."""


class NeuronModel(Protocol):
    """A spiking neuron as training and hardware see it; the model's strict config fulfils this itself."""

    model_version: ClassVar[int]

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

    def forward(self, current: Values, spikes: Values, v: Values) -> None:
        """Write spikes and potentials (T, n) of currents (T, n), or (1, n) for the same current in every step."""

    def forward_smooth(self, current: Values, frozen: Values, spikes: Values, v: Values) -> None:
        """The same with the surrogate's primitive as threshold; the reset reads ``frozen`` where that has rows."""

    def forward_stored(self, current: Values, store: Store, spikes: Values, v: Values) -> None:
        """The same with every value that a step keeps, the potential included, passed through ``store``."""

    def backward(self, ds: Values, v: Values, spikes: Values, dx: Values) -> None:
        """Write the gradient towards the currents (T, n) from the one towards the spikes."""

    def potential_without_firing(self, current: Values) -> Values:
        """Potential (n,) in float64 after the last of the currents (T, n) if the neuron never fired."""
