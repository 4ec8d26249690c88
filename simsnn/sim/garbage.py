"""Runs without the cycle collector.

A run makes hundreds of thousands of small objects and no reference cycle among them; the collector
would look through all of them, and the whole task graph, again and again, for a fifth of the time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Switch the cycle collector off, and on again afterwards if it was on."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
