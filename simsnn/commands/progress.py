"""Progress bars for training and for work in stages, on stderr, and only where someone looks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from simsnn.api import Progress


@contextmanager
def stage_progress(quiet: bool) -> Iterator[Progress]:
    """Yield a callback that shows which stage of many is under way: a bar where someone looks, else log lines."""
    with _bar(quiet, "working") as show:
        yield show or _logged


def _logged(what: str, done: int, total: int) -> None:
    logging.getLogger(__name__).info("%s (%d of %d)", what, done + 1, total)


@contextmanager
def training_progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield a callback that draws a bar with rate and time left, or None when nobody looks."""
    with _bar(quiet, "training") as show:
        yield show


@contextmanager
def _bar(quiet: bool, name: str) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show
