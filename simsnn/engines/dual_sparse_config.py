"""Configuration of a dual-sparsity backward engine: every switch of docs/machines section 5."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import AccumulatorBits, Count, Name, StrictModel


class LaneMap(StrEnum):
    """Which lane computes an active channel: channel mod P_c, or the next free one behind a crossbar."""

    MODULO = "modulo"
    COMPACT = "compact"


class Balance(StrEnum):
    """How pixels are handed to groups: blocks with a barrier, or one queue."""

    STATIC = "static"
    DYNAMIC = "dynamic"


class MaskUse(StrEnum):
    """Which zeros are skipped: of gradient and result, of one of them, or none (all-ones masks)."""

    DUAL = "dual"
    INPUT = "input"
    OUTPUT = "output"
    NONE = "none"

    @property
    def input(self) -> bool:
        """True where zeros of the neuron-input gradient are skipped."""
        return self in (MaskUse.DUAL, MaskUse.INPUT)

    @property
    def output(self) -> bool:
        """True where results that nothing reads are skipped."""
        return self in (MaskUse.DUAL, MaskUse.OUTPUT)


class DualSparseConfig(StrictModel):
    """A dual-sparsity engine as the hardware file describes it.

    Parameters
    ----------
    name : str
        Name that ``mapping`` refers to.
    groups, lanes : int
        G groups of P_c lanes; a group owns one input pixel at a time.
    values_per_cycle : int
        V non-zero gradients that every lane multiplies per edge.
    scan_bits : int
        z mask bits that a group's scanner looks at per edge.
    lane_map : "modulo" or "compact"
        Lane = channel mod P_c, or runs of P_c active channels behind a P_c x banks crossbar.
    banks : int, optional
        Weight banks of a group with ``compact``, at most ``lanes``; ``lanes`` if absent.
    balance : "static" or "dynamic"
        Blocks of barrier_pixels * groups pixels with a barrier, or one queue.
    barrier_pixels : int
        Pixels per group between two barriers (``static``).
    grants_per_cycle : int
        Groups that the queue serves per edge (``dynamic``).
    weight_words : int
        Weights in the private slice of every group.
    sparsity : "dual", "input", "output" or "none"
        Which zeros are skipped; a mask that is not used counts as all ones and is still scanned.
    acc_width : int
        Width of sums in bits; written ``32 bit``.
    """

    name: Name
    kind: Literal["dual_sparse"] = "dual_sparse"
    groups: Annotated[int, Field(gt=0, le=4096)]
    lanes: Annotated[int, Field(gt=0, le=1024)]
    values_per_cycle: Annotated[int, Field(gt=0, le=64)] = 1
    scan_bits: Annotated[int, Field(gt=0, le=4096)]
    lane_map: Annotated[LaneMap, Field(strict=False)] = LaneMap.MODULO
    banks: Count | None = None
    balance: Annotated[Balance, Field(strict=False)] = Balance.STATIC
    barrier_pixels: Annotated[int, Field(gt=0, le=65536)] = 8
    grants_per_cycle: Annotated[int, Field(gt=0, le=4096)] = 1
    weight_words: Annotated[int, Field(gt=0, le=2**28)]
    sparsity: Annotated[MaskUse, Field(strict=False)] = MaskUse.DUAL
    acc_width: AccumulatorBits

    @model_validator(mode="after")
    def _banks_feed_lanes(self) -> DualSparseConfig:
        if self.banks is not None and self.banks > self.lanes:
            raise ValueError(
                f"banks is {self.banks}, more than the {self.lanes} lanes that could read them: banks <= lanes"
            )
        return self

    @model_validator(mode="after")
    def _lanes_hold_weights(self) -> DualSparseConfig:
        if self.weight_words < self.lanes:
            raise ValueError(
                f"weight_words is {self.weight_words}, but {self.lanes} lanes need one weight each:"
                f" weight_words >= lanes"
            )
        return self

    @property
    def peak_per_cycle(self) -> int:
        """Multiply-accumulates per cycle at best: every value that every lane of every group multiplies."""
        return self.groups * self.lanes * self.values_per_cycle

    @property
    def bank_count(self) -> int:
        """Weight banks of a group: one per lane with ``modulo``."""
        return self.lanes if self.lane_map is LaneMap.MODULO or self.banks is None else self.banks

    @property
    def compact(self) -> bool:
        """True with a crossbar between banks and lanes."""
        return self.lane_map is LaneMap.COMPACT

    @property
    def dynamic(self) -> bool:
        """True with one queue instead of blocks."""
        return self.balance is Balance.DYNAMIC

    @property
    def block_pixels(self) -> int:
        """Pixels that a chunk must hold a multiple of: a block with ``static``, one with ``dynamic``."""
        return 1 if self.dynamic else self.barrier_pixels * self.groups

    @property
    def list_entries(self) -> int:
        """Values of the largest field that a resident slice can have."""
        return self.weight_words // self.lanes

    @property
    def index_bits(self) -> int:
        """Bits that name one of them."""
        return max(1, (self.list_entries - 1).bit_length())
