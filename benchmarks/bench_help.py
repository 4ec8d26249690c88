"""Start of the command line, beside the start of the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.child import run_child
from benchmarks.console import simsnn_command
from benchmarks.measurement import Measurement, Yardstick

REPEATS = 5


def help_start() -> Measurement:
    """Seconds of ``simsnn --help``, median of five processes."""
    seconds = _median_start((simsnn_command(), "--help"))
    bare = _median_start((sys.executable, "-c", "pass"))
    return Measurement(seconds, Yardstick("`python -c pass`", bare), f"median of {REPEATS} processes")


def _median_start(command: Sequence[str | Path]) -> float:
    run_child(command)
    return median(run_child(command).seconds for _ in range(REPEATS))
