"""Waiting by cause, as reports say it of a task and of a processor."""

from __future__ import annotations

from simsnn.config.quantities import StrictModel


class Stalls(StrictModel):
    """Cycles of the stall part by cause."""

    dram: int = 0
    sram_bank: int = 0
    buffer_full: int = 0
    dependency: int = 0
    link: int = 0

    @property
    def total(self) -> int:
        """Sum of the causes."""
        return self.dram + self.sram_bank + self.buffer_full + self.dependency + self.link
