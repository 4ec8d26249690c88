"""``simsnn validate``: run every comparison, show machine, switches, cases, mismatches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from simsnn.errors import ConfigError
from simsnn.validation.checks import checks
from simsnn.validation.outcome import Outcome, Row

if TYPE_CHECKING:
    from rich.console import Console

CASES = 300
FULL_CASES = 1000


def validate_all(*, full: bool, seed: int, cases: int | None) -> Outcome:
    """Run every comparison on the processors at hand.

    Raises
    ------
    ConfigError
        With ``full`` outside a checkout that holds the register-transfer sources.
    """
    if full:
        _require_checkout()
    count = cases if cases is not None else FULL_CASES if full else CASES
    number = len(checks())
    rows: list[Row] = []
    for row in _progress(_run_all(number, count, seed), number):
        rows.append(row)
    return Outcome(tuple(rows))


def _require_checkout() -> None:
    if not any(Path("tests/rtl").glob("*.sv")):
        raise ConfigError(
            "validate --full needs a checkout with tests/rtl/*.sv as working directory",
            value=str(Path.cwd()),
            remedy="run it in a checkout that has them, or run simsnn validate without --full",
        )


def _run_all(number: int, cases: int, seed: int) -> Iterator[Row]:
    workers = min(os.cpu_count() or 1, number)
    if workers == 1:
        yield from (_run_one(index, cases, seed) for index in range(number))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run_one, range(number), [cases] * number, [seed] * number)


def _run_one(index: int, cases: int, seed: int) -> Row:
    """A worker builds the table itself, so that only numbers travel between processes."""
    return checks()[index].run(cases, seed)


def _progress(rows: Iterator[Row], total: int) -> Iterator[Row]:
    if not sys.stderr.isatty():
        yield from rows
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(rows, "validating", total, console=Console(stderr=True), transient=True)


def print_validation(outcome: Outcome, console: Console, *, every: bool = False) -> None:
    """A line per machine and level, every setting that differs, and a sum; ``every`` lists all settings."""
    from rich.table import Table

    table = Table("machine", "against", box=None, header_style="bold")
    for name in ("settings", "cases", "mismatches"):
        table.add_column(name, justify="right")
    for (machine, level), rows in _by_machine(outcome).items():
        cases, wrong = sum(row.cases for row in rows), sum(row.mismatches for row in rows)
        style = "bold red" if wrong else None
        table.add_row(machine, level, f"{len(rows):,}", f"{cases:,}", f"{wrong:,}", style=style)
    console.print(table)
    for row in outcome.rows:
        if every or row.mismatches:
            text = (
                f"{row.machine} {row.switches}, against {row.level}: {row.cases:,} cases, {row.mismatches:,} mismatches"
            )
            console.print(text, style="bold red" if row.mismatches else None, highlight=False, soft_wrap=True)
    console.print(f"{outcome.cases:,} cases, {outcome.mismatches:,} mismatches", highlight=False)


def _by_machine(outcome: Outcome) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in outcome.rows:
        found.setdefault((row.machine, row.level), []).append(row)
    return found
