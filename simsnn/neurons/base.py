"""What a neuron model declares: its parameters, its arithmetic, its stash."""

from __future__ import annotations

from typing import ClassVar, Protocol

from simsnn.costs import OperationCounts


class NeuronModel(Protocol):
    """A spiking neuron as hardware sees it; the model's strict config fulfils this itself."""

    kind: str
    model_version: ClassVar[int]

    @property
    def forward_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and time step in the forward recurrence."""

    @property
    def backward_counts(self) -> OperationCounts:
        """Arithmetic of one neuron and time step in the backward recurrence."""

    @property
    def stashes_mask_only(self) -> bool:
        """True when backward needs one bit per neuron and step instead of the membrane potential."""
