"""GPU baselines of a report on the terminal: one line per GPU, its three columns side by side."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simsnn.results.prefix import mm2, si
from simsnn.results.report import GpuBaselineRow, Report


def gpu_lines(report: Report) -> tuple[RenderableType, ...]:
    """Table of times, speed-ups and energy ratios, and a line of powers and areas; nothing where not asked for."""
    by_gpu: dict[str, list[GpuBaselineRow]] = {}
    for row in report.gpu_baselines:
        by_gpu.setdefault(row.gpu, []).append(row)
    if not by_gpu:
        return ()
    first = next(iter(by_gpu.values()))
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("GPU", no_wrap=True)
    for row in first:
        for name in (row.column, "speed", "energy"):
            table.add_column(name, justify="right", no_wrap=True)
    for name, rows in by_gpu.items():
        table.add_row(name, *(cell for row in rows for cell in _cells(row)))
    boards = "; ".join(_board(rows) for rows in by_gpu.values())
    ours = report.die_area_um2
    area = f"; ours with the DRAM interface: {mm2(ours)}" if ours is not None else ""
    return (table, Text(f"GPU {first[0].precision}: {boards}{area}"))


def _cells(row: GpuBaselineRow) -> Iterable[str]:
    """Time of the GPU, and how often the machine goes into its time and its energy."""
    return (si(row.time_ns * 1e-9, "s", 3), _times(row.speedup), _times(row.energy_ratio))


def _times(ratio: float | None) -> str:
    """A ratio with three digits, two below one, whole from 1,000 on."""
    if ratio is None:
        return "-"
    if ratio >= 1000:
        return f"{ratio:,.0f}x"
    return f"{si(ratio, digits=3)}x" if ratio >= 1 else f"{ratio:.2g}x"


def _board(rows: list[GpuBaselineRow]) -> str:
    """Average powers of the columns, die and node."""
    first = rows[0]
    powers = "/".join(f"{row.average_power_w:.0f}" for row in rows)
    area = f" ({_times(first.area_ratio)} the area)" if first.area_ratio is not None else ""
    return f"{first.gpu} {powers} W on average, {first.die_mm2:g} mm2 {first.node}{area}"
