"""The table of parallel units on the terminal."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rich.console import Console

from simsnn.results.parallel_report import ParallelOption, ParallelUnitRow
from simsnn.results.parallel_table import option_text, parallel_lines


@dataclass(frozen=True)
class OnlyUnits:
    """As much of a report as the table reads."""

    parallel_units: tuple[ParallelUnitRow, ...]


def option(form: str, cycles: int | None, flow: str = "", copies: int = 1, reason: str = "") -> ParallelOption:
    engine = "array0" if form == "product" else "vector0"
    return ParallelOption(
        form=form, engine=engine, dataflow=flow, copies=copies, cycles=cycles, overlapped_cycles=cycles,
        dram_cycles=cycles, reason=reason,
    )  # fmt: skip


def row(layer: str, cycles: int, crossover: int | None) -> ParallelUnitRow:
    swept, product = option("recurrence", 2 * cycles), option("product", cycles, "is", 4)
    refused = option("scan", None, reason="no scan network")
    return ParallelUnitRow(
        layer=layer, pass_="F", unit="psu", chosen=swept, fastest=product, options=(swept, refused, product),
        crossover_timesteps=crossover, crossover_overlapped_timesteps=None,
    )  # fmt: skip


def text(*rows: ParallelUnitRow) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    for part in parallel_lines(OnlyUnits(rows)):
        console.print(part)
    return console.export_text().splitlines()


def test_equal_layers_share_a_row() -> None:
    lines = text(row("a", 100, 33), row("b", 50, 33), row("c", 10, None))
    assert len(lines) == 4
    assert lines[2].split() == [
        "a", "+1", "psu", "F", "recurrence", "300", "product", "array0", "is", "x4", "150", "150", "150", "33", "-",
    ]  # fmt: skip
    assert lines[3].split()[-2:] == ["-", "-"]


def test_a_report_without_units_has_no_table() -> None:
    assert text() == []


def test_options_in_words() -> None:
    assert option_text(option("scan", 1)) == "scan"
    assert option_text(option("product", 1, "ws/os")) == "product array0 ws/os"
