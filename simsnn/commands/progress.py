"""A progress bar for training, on stderr, and only where someone looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from simsnn.api import Progress


@contextmanager
def training_progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield a callback that draws a bar with rate and time left, or None when nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show
