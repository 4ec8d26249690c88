"""``simsnn reproduce``: run a paper's comparison, write it, print its checks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from simsnn.reproduction.outcome import Claim, Reproduction, Standing
from simsnn.reproduction.registry import REPRODUCTIONS
from simsnn.reproduction.stages import Stage
from simsnn.reproduction.write import write_reproduction
from simsnn.results.store import StorageError

if TYPE_CHECKING:
    from rich.console import Console

RESULTS = Path("results")


def reproduce(name: str, output: Path | None, stage: Stage) -> tuple[Reproduction, Path]:
    """Run one reproduction and write it to ``output``, by default ``results/<name>``.

    Raises
    ------
    ConfigError
        For an unknown name.
    StorageError
        For a place that cannot be written, before anything runs.
    """
    run = REPRODUCTIONS.get(name)
    folder = output or RESULTS / name
    _require_place(folder)
    found = run(stage)
    return found, write_reproduction(found, folder)


def _require_place(folder: Path) -> None:
    """Minutes of work must not end in a place that cannot be written."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        reason = "is not a folder" if not place.is_dir() else "cannot be written"
        raise StorageError(f"{place} {reason}", value=str(folder), remedy="choose another place with -o")


def print_reproduction(found: Reproduction, console: Console) -> None:
    """Checks with value, bounds, standing and note; fitted constants below."""
    from rich.table import Table

    table = Table("check", "value", "accepted", "", "standing", "note", box=None, header_style="bold", pad_edge=False)
    for claim in found.claims:
        style = "bold red" if not claim.passed and claim.standing is Standing.EXACT else None
        table.add_row(*_cells(claim), style=style)
    console.print(table)
    for constant in found.constants:
        console.print(f"fitted: {constant.name} = {constant.value:.4g}: {constant.why}", highlight=False)


def _cells(claim: Claim) -> tuple[str, ...]:
    value = "not run" if claim.value is None else f"{claim.value:.4g}"
    shown = claim.low is None and claim.high is None
    verdict = "" if shown and claim.passed else "pass" if claim.passed else "MISS"
    return claim.id, value, _bounds(claim), verdict, claim.standing.value, claim.note


def _bounds(claim: Claim) -> str:
    if claim.low is not None and claim.high is not None:
        return f"{claim.low:g}" if claim.low == claim.high else f"{claim.low:g} .. {claim.high:g}"
    if claim.low is not None:
        return f">= {claim.low:g}"
    return f"<= {claim.high:g}" if claim.high is not None else "-"
