"""What a training step keeps between forward and backward: one entry per tensor, counted in elements.

Stored bytes follow from the widths of an experiment; the entries are those of arrays that a functional run
really held (:mod:`simsnn.training.modes`), for comparison with the operands of the simulated step.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.costs import OperandClass


@dataclass(frozen=True, slots=True)
class KeptTensor:
    """One tensor.

    Parameters
    ----------
    layer : str
        Layer that made it.
    role : OperandClass
        What it is.
    elements : int
        Numbers in it.
    binary : bool
        True for spikes and masks, one bit each.
    """

    layer: str
    role: OperandClass
    elements: int
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """All tensors that a step kept."""

    tensors: tuple[KeptTensor, ...]

    def elements(self, role: OperandClass) -> int:
        """Numbers of one class."""
        return sum(tensor.elements for tensor in self.tensors if tensor.role is role)
