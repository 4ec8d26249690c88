"""``python -m benchmarks [ID ...]``: measure, show, write ``benchmarks/latest.json`` (only when all are measured).

A missed goal is shown, not an error: the exit code is 0. An unknown id ends with 2.
"""

from __future__ import annotations

import os
import shutil
import sys

from rich.console import Console

from benchmarks.goals import Goal, read_goals
from benchmarks.measurement import Benchmark, Measurement, NotMeasured
from benchmarks.outcome import LATEST_FILE, Outcome, show, write_latest
from benchmarks.timing import one_core
from simsnn.errors import SimsnnError


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    errors, goals = Console(stderr=True), read_goals()
    unknown = [name for name in names if name not in goals]
    if unknown:
        errors.print(f"unknown benchmark {unknown[0]!r}; there are {', '.join(goals)}", highlight=False)
        return 2
    with one_core():
        from benchmarks.registered import BENCHMARKS

        outcomes = [_outcome(name, goals[name], BENCHMARKS[name], errors) for name in names or goals]
    width = max(shutil.get_terminal_size().columns, 150)
    console = Console(width=width)
    show(outcomes, console)
    cores, load = len(os.sched_getaffinity(0)), max(outcome.load_average for outcome in outcomes)
    console.print(f"{sum(o.met for o in outcomes)} of {len(outcomes)} goals met", highlight=False)
    if load > cores:
        warning = (
            f"load average up to {load:.1f} on {cores} cores: figures are wall times and too slow by what others ran"
        )
        console.print(warning, highlight=False, soft_wrap=True)
    if not names:
        write_latest(outcomes)
        console.print(f"written to {LATEST_FILE}", highlight=False, soft_wrap=True)
    return 0


def _outcome(name: str, goal: Goal, benchmark: Benchmark, errors: Console) -> Outcome:
    with errors.status(f"{name}: {goal.what}"):
        try:
            measurement = benchmark()
        except (NotMeasured, SimsnnError) as error:
            measurement = Measurement(None, note=f"not measured: {error}")
    return Outcome(name, goal, measurement, os.getloadavg()[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
