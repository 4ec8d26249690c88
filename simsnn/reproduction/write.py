"""A reproduction on disk: checks, tables, figures, the resolved experiments behind them."""

from __future__ import annotations

import os
from pathlib import Path

from simsnn.reproduction.outcome import Reproduction
from simsnn.results import store

CHECKS = "checks.json"


def write_reproduction(found: Reproduction, folder: Path) -> Path:
    """Write every file below ``folder``; other files that stand there stay.

    All are made in a temporary folder first and moved one by one, ``checks.json`` last.

    Raises
    ------
    StorageError
        If the place cannot be written.
    """
    ready = folder / ".ready"
    with store.writing(ready) as place:
        (place / "configs").mkdir()
        for stem, text in found.configs:
            (place / "configs" / f"{stem}.yaml").write_text(text, encoding="utf-8")
        for table in found.tables:
            (place / f"{table.name}.csv").write_text(table.to_csv(), encoding="utf-8")
        for drawing in found.drawings:
            drawing.draw(place / f"{drawing.name}.png")
        (place / CHECKS).write_text(found.to_text(), encoding="utf-8")
    _move(ready, folder)
    return folder


def _move(ready: Path, folder: Path) -> None:
    files = sorted(path for path in ready.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.name == CHECKS):
        target = folder / path.relative_to(ready)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except OSError as error:
            raise store.StorageError(f"cannot write {target}: {error.strerror}", value=str(target)) from None
    for path in sorted(ready.rglob("*"), reverse=True):
        path.rmdir()
    ready.rmdir()
