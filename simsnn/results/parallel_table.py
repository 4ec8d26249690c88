"""Parallel units on the terminal: what each layer runs, what would be fastest, and T*.

Proof: ``tests/unit/test_parallel_report.py``.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table

from simsnn.results.parallel_report import ParallelOption, ParallelUnitRow
from simsnn.results.prefix import si
from simsnn.results.report import Report

_COLUMNS = (("parallel units", False), ("pass", False), ("runs as", False), ("cycles", True), ("fastest", False))
_MORE = (("cycles", True), ("overlapped", True), ("DRAM", True), ("T*", True), ("overlapped", True))


def parallel_lines(report: Report) -> tuple[RenderableType, ...]:
    """One table; layers for which everything but the cycles is the same share a row, with their cycles summed."""
    groups: dict[tuple[object, ...], list[ParallelUnitRow]] = {}
    for row in report.parallel_units:
        crossovers = (row.crossover_timesteps, row.crossover_overlapped_timesteps)
        key = (row.unit, row.pass_, option_text(row.chosen), option_text(row.fastest), *crossovers)
        groups.setdefault(key, []).append(row)
    if not groups:
        return ()
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name, right in (*_COLUMNS, *_MORE):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for rows in groups.values():
        table.add_row(*_cells(rows))
    return (table,)


def option_text(option: ParallelOption) -> str:
    """``recurrence``, ``product array0 is x4``."""
    if option.form != "product":
        return option.form
    copies = f" x{option.copies}" if option.copies > 1 else ""
    return f"product {option.engine} {option.dataflow}{copies}".rstrip()


def _cells(rows: list[ParallelUnitRow]) -> list[str]:
    first = rows[0]
    more = f" +{len(rows) - 1}" if len(rows) > 1 else ""
    fastest = [row.fastest for row in rows]
    return [
        f"{first.layer}{more} {first.unit}",
        first.pass_,
        option_text(first.chosen),
        si(sum(row.chosen.cycles or 0 for row in rows)),
        option_text(first.fastest),
        si(sum(option.cycles or 0 for option in fastest)),
        si(sum(option.overlapped_cycles or 0 for option in fastest)),
        si(sum(option.dram_cycles or 0 for option in fastest)),
        _steps(first.crossover_timesteps),
        _steps(first.crossover_overlapped_timesteps),
    ]


def _steps(crossover: int | None) -> str:
    return "-" if crossover is None else str(crossover)
