"""The console script beside the running interpreter."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from benchmarks.measurement import NotMeasured


def simsnn_command() -> Path:
    """Path of ``simsnn``.

    Raises
    ------
    NotMeasured
        If the package is not installed for this interpreter.
    """
    command = Path(sysconfig.get_path("scripts")) / "simsnn"
    if not command.exists():
        raise NotMeasured("no simsnn command beside this interpreter: pip install -e .")
    return command
