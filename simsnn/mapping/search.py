"""What the search for cuts and pairs knows: the machine, who shares its SRAMs, what was found already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from simsnn.mapping.alike import Known
from simsnn.mapping.blocking import MOST_CHUNKS, Shares
from simsnn.mapping.machine import Machine
from simsnn.workload.operation import Operation

Together = Callable[[Operation, Operation], bool]
"""Whether a product and the vector work behind it may run as a pair."""


def anywhere(_producer: Operation, _consumer: Operation) -> bool:
    """Any two operations may."""
    return True


@dataclass(frozen=True)
class CutSearch:
    """Everything that decides how operations are cut and fused.

    Parameters
    ----------
    machine : Machine
        Where they run.
    users : tuple of frozenset of int
        Engines that touch each SRAM.
    most_chunks : int
        Finer ways to cut are looked at only while nothing coarser fits.
    together : callable
        Which pairs may be fused.
    known : Known
        What was found out for operations of the same shape.
    """

    machine: Machine
    users: tuple[frozenset[int], ...]
    most_chunks: int = MOST_CHUNKS
    together: Together = anywhere
    known: Known = field(default_factory=lambda: Known())

    def shares(self, engine: int) -> Shares:
        """Bytes that one chunk of an engine may occupy in each SRAM."""
        return self._shares[engine]

    @cached_property
    def _shares(self) -> tuple[Shares, ...]:
        return tuple(Shares.of(self.machine, self.users, engine) for engine in range(len(self.machine.engines)))
