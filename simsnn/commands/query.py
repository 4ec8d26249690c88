"""``simsnn query``: points of a stored sweep that meet a condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simsnn.commands.sweep import cell
from simsnn.errors import ConfigError
from simsnn.results.sweep_store import find_sweep
from simsnn.sweep.query import Answer, ask
from simsnn.sweep.write import replace_text

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = (".csv", ".parquet")
WIDEST = 10_000
NOT_SHOWN = ("time_ns", "samples_per_s", "energy_per_sample_pj", "peak_live_bytes", "dram_bytes")
"""Metrics that a table for the eye leaves out unless they are asked for; files and JSON have them."""


def query_sweep(
    name: str,
    root: Path,
    condition: str | None,
    sort: str | None,
    descending: bool,
    columns: str | None,
    limit: int | None,
) -> Answer:
    """Ask a stored sweep; ``sort`` and ``columns`` are names between commas."""
    table = find_sweep(name, root).table
    return ask(table, condition, names(sort), descending, names(columns), limit)


def names(text: str | None) -> tuple[str, ...]:
    """Names between commas."""
    return () if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def print_answer(answer: Answer, console: Console, asked: Sequence[str] = ()) -> None:
    """The answer as a table; ``asked``: what a user sorts by or wants to see."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    shown = [i for i, name in enumerate(answer.columns) if name in asked or name not in NOT_SHOWN]
    for index in shown:
        table.add_column(answer.columns[index], no_wrap=True)
    for row in answer.rows:
        table.add_row(*(cell(row[index]) for index in shown))
    if not console.is_terminal:  # a file has room for every column; a terminal cuts what does not fit
        console.width = WIDEST
    console.print(table if answer.rows else "no point meets this", highlight=False)


def write_answer(answer: Answer, path: Path) -> None:
    """Write the answer as CSV or, with the extra ``parquet``, as Parquet.

    Raises
    ------
    ConfigError
        For another ending, or without the extra.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"cannot write {path}: unknown ending", value=path.suffix, allowed=FORMATS)
    if path.suffix == ".csv":
        replace_text(path, answer.to_csv())
        return
    try:
        from simsnn.sweep.parquet import write_parquet
    except ImportError:
        remedy = "pip install 'simsnn-accel[parquet]'"
        raise ConfigError("Parquet files need pyarrow", value=str(path), remedy=remedy) from None
    write_parquet(path, answer.columns, answer.rows)
