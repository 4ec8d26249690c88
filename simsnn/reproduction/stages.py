"""Counts the stages of a long reproduction for whoever shows its progress."""

from __future__ import annotations

from collections.abc import Callable

Stage = Callable[[str, int, int], None]
"""Told (what, done, total) while it runs."""


class Stages:
    """Stages of a reproduction, one after another.

    Parameters
    ----------
    tell : Stage
        Told when a stage begins.
    total : int
        How many there are.
    """

    def __init__(self, tell: Stage, total: int) -> None:
        self._tell = tell
        self._done = 0
        self._total = total

    def next(self, what: str) -> None:
        """A stage begins."""
        self._tell(what, self._done, self._total)
        self._done += 1
