"""Vector work cut as the product before it completes its results: chunk by chunk, box by box.

A box is a run of slots times a run of channels. A product that loops over column folds first
completes some channels of every sample before the next channels; the neuron update behind it can
follow in that order, because neurons do not depend on one another. Shares of elements and bytes are
cut at cumulative channel counts, so the boxes add up to the whole. Same timing as
:class:`VectorPlan`; proof: ``tests/unit/test_fusion.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.engines.base import Box, Tile
from simsnn.engines.vector_unit_plan import VectorPlan
from simsnn.workload.operation import Operand


@dataclass(frozen=True)
class FollowingPlan(VectorPlan):
    """A vector operation whose chunks are the boxes that another task completes.

    Parameters
    ----------
    boxes : tuple of Box
        In order; together every slot and channel once.
    channels : int
        Channels of the tensor between the two tasks.
    """

    boxes: tuple[Box, ...] = ()
    channels: int = 1

    def __post_init__(self) -> None:
        covered = sum((box.slots[1] - box.slots[0]) * (box.channels[1] - box.channels[0]) for box in self.boxes)
        if covered != self.operation.slots * self.channels:
            raise ValueError(f"boxes cover {covered} of {self.operation.slots * self.channels} slots x channels")

    @property
    def chunk_count(self) -> int:
        """One chunk per box."""
        return len(self.boxes)

    def _share(self, whole: int, box: Box) -> int:
        """Part of a slot's elements or bytes that the channels of a box have."""
        return whole * box.channels[1] // self.channels - whole * box.channels[0] // self.channels

    @cached_property
    def chunk_elements(self) -> tuple[int, ...]:
        """Elements of one step in each chunk; they add up to the operation's."""
        operation = self.operation
        per_slot = operation.elements * operation.steps // operation.slots
        slots = (box.slots[1] - box.slots[0] for box in self.boxes)
        return tuple(
            count * self._share(per_slot, box) // operation.steps for count, box in zip(slots, self.boxes, strict=True)
        )

    def completes(self, chunk: int) -> Box | None:
        """The chunk's own box."""
        return self.boxes[chunk]

    def _cuts(self, operand: Operand) -> bool:
        return operand.slots == self.operation.slots

    def _tile(self, operand: Operand, chunk: int) -> Tile:
        if not self._cuts(operand):
            return Tile(operand.tensor, operand.role, (0, operand.slots), operand.bytes)
        box = self.boxes[chunk]
        size = (box.slots[1] - box.slots[0]) * self._share(operand.slot_bytes, box)
        return Tile(operand.tensor, operand.role, (*box.slots, *box.channels), size)
