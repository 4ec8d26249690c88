"""``simsnn trace``: the time trace of a stored run, for Perfetto or as value change dump."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsnn.api import Result, simulate
from simsnn.errors import ConfigError, TraceError, Where, nearest
from simsnn.results import store
from simsnn.results.store import StoredRun, find_run, writing_file
from simsnn.results.write import perfetto_file, trace_names
from simsnn.viz.perfetto import MAX_EVENTS
from simsnn.viz.perfetto_time import in_real_time, whole_ns_per_cycle
from simsnn.viz.vcd import Timescale, write_vcd

FORMATS = ("perfetto", "vcd")
TIMES = ("ns", "cycles")
MOST_BYTES = 2**30
"""Unpacked bytes of a stored trace."""
STORED, AGAIN = "from the stored trace", "simulated again from the stored configuration, to the same number of cycles"


@dataclass(frozen=True, slots=True)
class WrittenTrace:
    """A file that was written, and what is in it.

    Parameters
    ----------
    path : Path
        The file.
    format, time : str
        Which format, and its unit of time: ``ns``, ``ps``, ``fs`` or ``cycles``.
    origin : str
        Whether the run was simulated again.
    intervals, slices : int
        Intervals of the run, and those shown.
    joining : str
        How the ones were joined into the others.
    """

    path: Path
    format: str
    time: str
    origin: str
    intervals: int
    slices: int
    joining: str

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "path": str(self.path),
            "format": self.format,
            "time": self.time,
            "origin": self.origin,
            "intervals": self.intervals,
            "slices": self.slices,
            "joining": self.joining,
        }

    def lines(self) -> tuple[str, ...]:
        """The same for people."""
        return (
            f"{self.intervals:,} intervals shown as {self.slices:,}: {self.joining}",
            f"time in {self.time}; {self.origin}",
            f"written to {self.path}",
        )


def trace_run(
    name: str, root: Path, format_: str, time: str | None, most: int | None, output: Path | None
) -> WrittenTrace:
    """Write the time trace of a stored run.

    Parameters
    ----------
    name : str
        Run folder, run id or ``latest``.
    root : Path
        Folder of run folders.
    format_ : str
        ``perfetto`` or ``vcd``.
    time : str or None
        ``ns`` or ``cycles``, for Perfetto; None for ns where a cycle is a whole number of them.
    most : int or None
        Most intervals shown; None for the bound of a run's own trace.
    output : Path or None
        File; None for one named after the run, here.

    Raises
    ------
    ConfigError
        If there is no such run, or it has no events.
    """
    if format_ not in FORMATS:
        close = nearest(format_, FORMATS)
        raise ConfigError(f"unknown trace format {format_!r}", value=format_, allowed=FORMATS, nearest=close)
    if time is not None and (time not in TIMES or format_ == "vcd"):
        message = f"unknown time {time!r}" if format_ != "vcd" else "a VCD has the unit of time that fits the clock"
        raise ConfigError(message, value=time, allowed=TIMES if format_ != "vcd" else ())
    if most is not None and most < 1:
        raise ConfigError(f"at most {most} intervals leave nothing to show", value=most, allowed=("1 or more",))
    run = find_run(name, root)
    if run.report.level != "event":
        raise ConfigError(
            f"run {run.report.id} is of level {run.report.level}: only level event has a trace",
            value=run.report.level,
            remedy="run it again with --set simulation.level=event",
        )
    suffix = "vcd" if format_ == "vcd" else "json.gz"
    path = output or Path(f"{run.report.name}-{run.report.id}.{suffix}")
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a folder", value=str(path), remedy="name a file")
    with writing_file(path) as place:
        found = _vcd(run, place, path, most) if format_ == "vcd" else _perfetto(run, place, path, time, most)
    return found


def _perfetto(run: StoredRun, place: Path, path: Path, time: str | None, most: int | None) -> WrittenTrace:
    stored = run.folder / store.TRACE
    origin = STORED if most is None and stored.exists() else AGAIN
    if origin == AGAIN:
        result = _again(run)
        with _enough(most):
            perfetto_file(result, place, most or MAX_EVENTS)
        stored = place
    document = _read(stored)
    ns = whole_ns_per_cycle(run.report.clock_hz)
    if time == "ns" and ns is None:
        message = f"a cycle of {run.report.clock_hz} Hz is no whole number of ns"
        raise ConfigError(message, value=time, allowed=("cycles",))
    shown = "cycles" if time == "cycles" or ns is None else "ns"
    if shown == "ns" and ns is not None:
        document = in_real_time(document, ns)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    with place.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.write(text.encode())
    metadata = document["metadata"]
    numbers = (metadata["intervals"], metadata["slices"], metadata["joining"])
    return WrittenTrace(path, "perfetto", shown, origin, *numbers)


def _vcd(run: StoredRun, place: Path, path: Path, most: int | None) -> WrittenTrace:
    result = _again(run)
    trace = result.execution.trace
    assert trace is not None
    live = result.memory.off_chip
    with _enough(most):
        slices = write_vcd(trace, trace_names(result), place, most or MAX_EVENTS, live)
    unit = Timescale.of(run.report.clock_hz).unit
    return WrittenTrace(path, "vcd", unit, AGAIN, len(trace.intervals), len(slices.rows), slices.joining)


@contextmanager
def _enough(most: int | None) -> Iterator[None]:
    """Fewer intervals than there are resources cannot be shown."""
    try:
        yield
    except ValueError as error:
        message = f"{error}: at most {most} intervals are too few"
        raise ConfigError(message, value=most, remedy="give a larger --most") from None


def _again(run: StoredRun) -> Result:
    """The run simulated again; refused where this version, or what the run was made of, gives another result."""
    result = simulate(run.folder / store.CONFIG, ("simulation.trace=true",))
    stored, now = run.report.totals.total_cycles, result.report.totals.total_cycles
    if now != stored:
        raise ConfigError(
            f"run {run.report.id} had {stored:,} cycles and has {now:,} when it is simulated again:"
            " it was made by another version, or its activity is another",
            value=run.report.id,
            remedy="run the experiment again",
        )
    return result


def _read(path: Path) -> dict[str, Any]:
    """A stored Perfetto document, not larger than it may be."""
    where = Where(file=str(path))
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise TraceError(f"unpacks to more than {MOST_BYTES:,} B", where=where)
        document = json.loads(data)
        known = isinstance(document, dict) and {"metadata", "traceEvents"} <= set(document)
        if not known or not {"intervals", "slices", "joining"} <= set(document["metadata"]):
            raise TraceError("is no trace of a run", where=where, remedy="run the experiment again")
    except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise TraceError(f"cannot be read: {reason}", where=where, remedy="run the experiment again") from None
    return dict(document)
