"""The ``memory`` section of a report: where the bytes of a run, or of one processor of it, went.

``peak_bytes`` is the most that stored tensors take at one time, first at ``peak_cycle``; every tensor's home is off
chip, so ``peak_off_chip_bytes`` is the same number. ``node_peak_bytes`` is the most of it that neurons keep between F
and a later pass of their own layer (the node level; ``peak_bytes`` is the network level), at the moment at which that
is most. What is counted stands in words in ``counted``. Tests: ``tests/unit/test_memory.py``.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from simsnn.config.quantities import StrictModel
from simsnn.costs import OperandClass
from simsnn.sim.census import RunMemory

Natural = Annotated[int, Field(ge=0)]

TENSORS = (
    "off chip and in all: every stored tensor once, from the start of its first writer to the end of its last reader"
    " (to the end of the run if it is written last); not what passes between two tasks inside SRAM, nor partial sums"
    " spilled within a task. node: what neurons keep between F and a later pass of their own layer (potentials, masks,"
    " side bits, states, currents read again), without what they deliver"
)
PROCESSOR = (
    "off chip and in all: tensors between tasks, sums of weight gradients, weight versions and optimizer state in the"
    " processor's memory, at the times of the run; not tensors that stay within one task, nor inputs of the network."
    " node: what neurons keep between F and a later pass of their own layer (potentials, masks, side bits, states,"
    " currents read again), without what they deliver"
)
ALL_PROCESSORS = f"all processors at one time; {PROCESSOR}"
TILES = (
    "on chip: tiles that SRAMs hold for running chunks, loaded ahead or waiting to be stored, and recurrent state in"
    " lanes; not operand registers, accumulators and tables of arrays"
)
NO_TRACE = "on chip: null, because only level event with trace: true knows when chunks are loaded and stored"


class MemoryClass(StrictModel):
    """One operand class: its own peak, its bytes at ``peak_cycle``, its own peak on chip (null without a trace)."""

    operand: str
    peak_bytes: Natural
    at_peak_bytes: Natural
    on_chip_peak_bytes: Natural | None


class MemoryReport(StrictModel):
    """Peaks of what is held, with the classes that are held at any time."""

    peak_bytes: Natural
    peak_cycle: Natural
    peak_on_chip_bytes: Natural | None
    peak_off_chip_bytes: Natural
    node_peak_bytes: Natural
    counted: str
    classes: tuple[MemoryClass, ...]

    @model_validator(mode="after")
    def _classes_add_up(self) -> Self:
        found = sum(row.at_peak_bytes for row in self.classes)
        if found != self.peak_bytes:
            raise ValueError(f"classes add up to {found} B at the peak, not to {self.peak_bytes} B")
        if self.node_peak_bytes > self.peak_bytes:
            raise ValueError(f"neurons keep {self.node_peak_bytes} B of {self.peak_bytes} B")
        return self


def memory_report(memory: RunMemory, tensors: str = TENSORS) -> MemoryReport:
    """The section.

    Parameters
    ----------
    memory : RunMemory
        Bytes over time.
    tensors : str
        What is counted off chip, in words.
    """
    off_chip, on_chip = memory.off_chip, memory.on_chip
    rows = []
    for operand in OperandClass:
        inside = None if on_chip is None else on_chip.peak_of(operand)
        if off_chip.peak_of(operand) or inside:
            rows.append(
                MemoryClass(
                    operand=operand.value,
                    peak_bytes=off_chip.peak_of(operand),
                    at_peak_bytes=off_chip.at_peak(operand),
                    on_chip_peak_bytes=inside,
                )
            )
    return MemoryReport(
        peak_bytes=off_chip.peak,
        peak_cycle=off_chip.peak_cycle,
        peak_on_chip_bytes=None if on_chip is None else on_chip.peak,
        peak_off_chip_bytes=off_chip.peak,
        node_peak_bytes=memory.node.peak,
        counted=f"{tensors}. {NO_TRACE if on_chip is None else TILES}.",
        classes=tuple(rows),
    )
