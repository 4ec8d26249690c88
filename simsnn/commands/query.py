"""``simsnn query``: points of a stored sweep that meet a condition."""

from __future__ import annotations

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
    return ask(table, condition, _names(sort), descending, _names(columns), limit)


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def print_answer(answer: Answer, console: Console) -> None:
    """The answer as a table."""
    from rich.table import Table

    from simsnn.results.terminal import widen

    widen(console)
    table = Table(*answer.columns, box=None, header_style="bold")
    for row in answer.rows:
        table.add_row(*map(cell, row))
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
