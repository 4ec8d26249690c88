"""A Perfetto document of cycles as one of nanoseconds.

A run's own file shows one cycle as one microsecond. Where a cycle is a whole number of nanoseconds, the same events
can stand at their real times: ``ts`` and ``dur`` are microseconds in this format, and three decimals are exact.

Tests: ``tests/unit/test_trace_command.py``.
"""

from __future__ import annotations

import re
from typing import Any

_PER_CYCLES = re.compile(r"per (\d+) cycles")


def whole_ns_per_cycle(clock_hz: int) -> int | None:
    """Nanoseconds of a cycle, None where they are no whole number."""
    return None if 10**9 % clock_hz else 10**9 // clock_hz


def in_real_time(document: dict[str, Any], ns_per_cycle: int) -> dict[str, Any]:
    """The same document with real times.

    Parameters
    ----------
    document : dict
        As :func:`simsnn.viz.perfetto.write_perfetto` writes it.
    ns_per_cycle : int
        Length of a cycle.
    """

    def scaled(match: re.Match[str]) -> str:
        return f"per {int(match[1]) * ns_per_cycle} ns"

    events = []
    for event in document["traceEvents"]:
        times = {key: event[key] * ns_per_cycle / 1000 for key in ("ts", "dur") if key in event}
        events.append({**event, **times, "name": _PER_CYCLES.sub(scaled, event["name"])})
    metadata = {key: value for key, value in document["metadata"].items() if key != "cycles_per_us_shown"}
    return {**document, "metadata": {**metadata, "time": "real"}, "traceEvents": events}
