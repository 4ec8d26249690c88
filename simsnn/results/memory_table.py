"""Where the memory of a run went, in one line of the terminal. Proof: ``tests/unit/test_memory.py``."""

from __future__ import annotations

from rich.text import Text

from simsnn.results.memory_report import MemoryReport
from simsnn.results.prefix import percent, si
from simsnn.results.report import Report

_MOST_CLASSES = 2


def memory_lines(report: Report) -> tuple[Text, ...]:
    """Peaks with the largest classes, node and network apart; nothing of a report without them."""
    return () if report.memory is None else (Text(memory_text(report.memory)),)


def memory_text(memory: MemoryReport) -> str:
    """``memory: peak 5.13 MB off chip (gradients 38%, membrane 31%), neurons keep 1.97 MB; peak 109 kB on chip``."""
    rows = sorted(memory.classes, key=lambda row: (-row.at_peak_bytes, row.operand))
    largest = [row for row in rows if row.at_peak_bytes][:_MOST_CLASSES]
    parts = ", ".join(
        f"{row.operand.replace('_', ' ')} {percent(row.at_peak_bytes / memory.peak_bytes)}" for row in largest
    )
    shares = f" ({parts})" if parts else ""
    inside = (
        "on chip unknown" if memory.peak_on_chip_bytes is None else f"{si(memory.peak_on_chip_bytes, 'B', 3)} on chip"
    )
    off_chip, node = si(memory.peak_off_chip_bytes, "B", 3), si(memory.node_peak_bytes, "B", 3)
    return f"memory: peak {off_chip} off chip{shares}, neurons keep {node}; {inside}"
