"""Wall time and peak memory of a command in a process of its own.

The kernel starts a process's peak at that of the process which started it, so the command is started
by a bare interpreter of a few MB and not by this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement import NotMeasured
from benchmarks.timing import THREADS

TIMEOUT_SECONDS = 180

_LAUNCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds = time.perf_counter() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
print(json.dumps([seconds, cpu_seconds, peak, done.returncode, done.stdout, done.stderr]))
"""


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A finished command: wall time, time on a core, largest resident memory, standard output."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run_child(
    command: Sequence[str | Path], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> ChildRun:
    """Run a command on one thread.

    Raises
    ------
    NotMeasured
        If it is not there, does not end in time, or ends with another code than 0.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *words],
            cwd=folder,
            env={**os.environ, **THREADS, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{Path(words[0]).name} took more than {TIMEOUT_SECONDS} s") from None
    if done.returncode != 0:
        raise NotMeasured(_last_line(done.stderr))
    seconds, cpu_seconds, peak, code, output, errors = json.loads(done.stdout)
    if code != 0:
        raise NotMeasured(f"{Path(words[0]).name} ended with {code}: {_last_line(errors)}")
    return ChildRun(seconds, cpu_seconds, peak, output)


def _last_line(text: str) -> str:
    """Last line that says what is wrong, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no message"])[-1]
