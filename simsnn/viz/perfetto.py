"""Chrome trace JSON (gzip) of a run, for ui.perfetto.dev.

One track per resource; counters of the bytes that each channel carries per bucket of cycles, of
the bytes in each SRAM, also by operand class where it holds several, and of the live bytes of the run;
arrows along chunk edges, messages and, where they are given, dependencies between tasks.
A machine with processors has a group of tracks for each of them, its local memory and SRAMs among them, and one for
the links. One microsecond shown is one cycle, so every
number in the file is an integer; the metadata gives the clock. Large traces are joined until they
fit, and the metadata says how. Equal traces give equal bytes: no time stamp, keys in order.

Tests: ``tests/unit/test_perfetto.py``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperandClass
from simsnn.sim.census import Census
from simsnn.sim.trace import OPERANDS, UNKNOWN, Counter, Kind, Trace
from simsnn.viz.arrows import arrow_events
from simsnn.viz.slices import MIXED, Slices, draw_slices

MAX_EVENTS = 100_000
"""Slices, and arrows, that one file holds at most."""

BUCKETS, _FEWEST_BUCKETS = 1_000, 20
"""Points of a counter at most; fewer, but not below the second, where all counters together exceed the limit."""

_ENGINES, _CHANNELS, _SRAMS, _LINKS, _LIVE, _FIRST_PROCESSOR = 1, 2, 3, 4, 5, 10
SHARED = -1
"""Processor of a channel or SRAM that belongs to none."""

Json = dict[str, object]
NO_DEPENDENCIES: NDArray[np.int32] = np.zeros((0, 2), np.int32)


@dataclass(frozen=True, slots=True)
class TraceNames:
    """What the numbers of a trace are called.

    Parameters
    ----------
    engines, channels, srams : tuple of str
        Names by number.
    tasks : tuple of str
        Names by number, in words: layer, pass, part and, where there are several iterations, which one (``#3``).
    clock_hz : int
        Base clock.
    links : tuple of str
        Names of the directed channels of the links.
    messages : tuple of str
        What each message carries; without them a link's slices have the names of the sending tasks.
    processors : tuple of str
        Names; empty on a machine without.
    engine_processors, channel_processors, sram_processors : tuple of int
        Processor of each engine, channel and SRAM, ``SHARED`` for what belongs to none.
    """

    engines: tuple[str, ...]
    channels: tuple[str, ...]
    srams: tuple[str, ...]
    tasks: tuple[str, ...]
    clock_hz: int
    links: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    processors: tuple[str, ...] = ()
    engine_processors: tuple[int, ...] = ()
    channel_processors: tuple[int, ...] = ()
    sram_processors: tuple[int, ...] = ()

    def check(self, trace: Trace) -> None:
        """Check that everything has a name, and a processor where there are processors.

        Raises
        ------
        ValueError
            If something has none.
        """
        counts = (trace.engines, trace.channels, trace.srams, trace.links)
        if (len(self.engines), len(self.channels), len(self.srams), len(self.links)) != counts:
            raise ValueError(f"names for {counts} engines, channels, SRAMs and links are needed: {self}")
        owners = (self.engine_processors, self.channel_processors, self.sram_processors)
        if self.processors and tuple(map(len, owners)) != counts[:3]:
            raise ValueError(f"processors for {counts[:3]} engines, channels and SRAMs are needed: {self}")

    def process(self, resource: int) -> int:
        """Process that holds the track of an engine, channel or link."""
        engines, channels = len(self.engines), len(self.channels)
        if resource < engines:
            return self._of(self.engine_processors, resource, _ENGINES)
        if resource < engines + channels:
            return self._of(self.channel_processors, resource - engines, _CHANNELS)
        return _LINKS

    def leads(self, link: int, engine: int) -> bool:
        """Whether a link is named after its end (``ring0 core0->core1``), and that is the processor of an engine."""
        owner = self.engine_processors[engine] if self.processors and engine >= 0 else SHARED
        return owner != SHARED and self.links[link].endswith(f"->{self.processors[owner]}")

    def sram_process(self, sram: int) -> int:
        """Process that holds the counter of an SRAM."""
        return self._of(self.sram_processors, sram, _SRAMS)

    def _of(self, owners: tuple[int, ...], number: int, otherwise: int) -> int:
        owner = owners[number] if self.processors else SHARED
        return otherwise if owner == SHARED else _FIRST_PROCESSOR + owner

    def short(self, name: str, process: int) -> str:
        """Name within its processor: ``array0`` for ``core0.array0``."""
        owner = process - _FIRST_PROCESSOR
        return name.removeprefix(f"{self.processors[owner]}.") if owner >= 0 else name


@dataclass(frozen=True, slots=True)
class JobNames:
    """Tasks that share layer, pass and iteration: parts of one job.

    Parameters
    ----------
    names : tuple of str
        Names of the jobs: ``conv1 F #3`` for ``conv1 F synapse #3`` and ``conv1 F neuron #3``.
    of_task : ndarray of int32, shape (tasks,)
        Job of every task.
    """

    names: tuple[str, ...]
    of_task: NDArray[np.int32]

    @classmethod
    def of(cls, tasks: tuple[str, ...]) -> JobNames:
        """Jobs of named tasks, in order of first appearance."""
        numbers: dict[str, int] = {}
        found = [numbers.setdefault(_without_part(task), len(numbers)) for task in tasks]
        return cls(tuple(numbers), np.array(found, np.int32))


def _without_part(task: str) -> str:
    words = task.split(" ")
    return " ".join([*words[:2], *(word for word in words[2:] if word.startswith("#"))])


def write_perfetto(
    trace: Trace,
    names: TraceNames,
    path: Path,
    max_events: int = MAX_EVENTS,
    dependencies: NDArray[np.int32] = NO_DEPENDENCIES,
    live: Census | None = None,
) -> None:
    """Write a trace as gzip-compressed Chrome trace JSON.

    Parameters
    ----------
    trace : Trace
        What to show.
    names : TraceNames
        One name per engine, channel, SRAM, link and task of the trace.
    path : Path
        File to write, ``trace.json.gz``.
    max_events : int
        Most slices, and most arrows, that are written; counters get coarser to keep to it too.
    dependencies : ndarray of int32, shape (n, 2)
        Tasks and the tasks that wait for all of them, for more arrows.
    live : Census, optional
        Stored tensors over time, for counters of live bytes.

    Raises
    ------
    ValueError
        If a name is missing, or there are more resources than ``max_events``.
    """
    names.check(trace)
    jobs = JobNames.of(names.tasks)
    slices = draw_slices(trace.intervals, max_events, jobs.of_task)
    arrows, shown = arrow_events(trace, dependencies, lambda r: (names.process(r), r), names.leads, max_events)
    held = _held(trace)
    counters = trace.channels + len(held) + (0 if live is None else 1 + len(_alive(live)))
    buckets = max(_FEWEST_BUCKETS, min(BUCKETS, max_events // max(1, counters)))
    events = [*_tracks(names, live is not None), *_slice_events(names, jobs, slices), *arrows]
    events += [*_channel_counters(trace, names, buckets), *_sram_counters(trace, names, held, buckets)]
    events += [] if live is None else [*_live_counters(live, buckets)]
    document = {
        "displayTimeUnit": "ns",
        "metadata": {
            "cycles_per_us_shown": 1,
            "clock_hz": names.clock_hz,
            "ns_per_cycle": 1e9 / names.clock_hz,
            "makespan_cycles": trace.makespan_cycles,
            "intervals": len(trace.intervals),
            "slices": len(slices.rows),
            "joining": slices.joining,
            "edges": len(trace.edges),
            "messages": len(trace.flows),
            "dependencies": len(dependencies),
            "arrows": shown,
        },
        "traceEvents": events,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    # Neither name nor time in the gzip header: equal runs give equal bytes.
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.write(text.encode())


def _tracks(names: TraceNames, live: bool) -> Iterator[Json]:
    """Names of the processes that hold something, processors first, and of their tracks."""
    resources = (*names.engines, *names.channels, *names.links)
    held = {names.process(resource) for resource in range(len(resources))}
    held |= {names.sram_process(sram) for sram in range(len(names.srams))}
    titles = {_FIRST_PROCESSOR + number: name for number, name in enumerate(names.processors)}
    memories = "shared memory" if names.processors else "memory and links"
    titles |= {_ENGINES: "engines", _CHANNELS: memories, _SRAMS: "SRAM", _LINKS: "links", _LIVE: "live bytes"}
    held |= {_LIVE} if live else set()
    for order, process in enumerate((p for p in titles if p in held), start=1):
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": titles[process]}}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": order}}
    for resource, name in enumerate(resources):
        process = names.process(resource)
        track: Json = {"ph": "M", "name": "thread_name", "pid": process, "tid": resource}
        yield {**track, "args": {"name": names.short(name, process)}}


def _slice_events(names: TraceNames, jobs: JobNames, slices: Slices) -> Iterator[Json]:
    for start, end, task, chunk, resource, kind, size, joined, stalled, job, message in slices.rows.tolist():
        label = "several tasks" if job == MIXED else jobs.names[job] if task == MIXED else names.tasks[task]
        if message != MIXED and task != MIXED and names.messages:
            label = f"{names.messages[message]} of {label}"
        yield {
            "ph": "X",
            "ts": start,
            "dur": end - start,
            "pid": names.process(resource),
            "tid": resource,
            "name": f"stall: {label}" if kind == Kind.STALL else label,
            "cat": "mixed" if kind == MIXED else Kind(kind).name.lower(),
            "args": {"first_chunk": chunk, "joined": joined, "stalled_cycles": stalled, "bytes": size},
        }


def _bucket_cycles(trace: Trace, buckets: int) -> int:
    return trace.makespan_cycles // buckets + 1


def channel_bytes(trace: Trace, channel: int, bucket_cycles: int) -> NDArray[np.int64]:
    """Bytes that a channel carries per bucket of cycles, spread evenly over each occupancy.

    Returns
    -------
    ndarray of int64, shape (makespan // bucket_cycles + 1,)
        Whole bytes; they add up to all bytes of the channel.
    """
    rows = trace.intervals[trace.intervals["resource"] == trace.engines + channel]
    count = trace.makespan_cycles // bucket_cycles + 1
    if not len(rows):
        return np.zeros(count, np.int64)
    edges = np.arange(1, count + 1, dtype=np.int64) * bucket_cycles
    before = np.concatenate(([0], np.cumsum(rows["bytes"])))
    # Occupancies of one channel do not overlap: of those begun, only the last may be under way.
    begun = np.searchsorted(rows["start"], edges, side="left")
    current = np.maximum(begun - 1, 0)
    length = rows["end"][current] - rows["start"][current]
    missing = np.maximum(rows["end"][current] - edges, 0)
    rest = -(-rows["bytes"][current] * missing // np.maximum(length, 1))
    carried = np.where(begun > 0, before[begun] - rest, 0)
    return np.diff(carried, prepend=0).astype(np.int64)


def _channel_counters(trace: Trace, names: TraceNames, buckets: int) -> Iterator[Json]:
    width = _bucket_cycles(trace, buckets)
    for channel, name in enumerate(names.channels):
        process = names.process(trace.engines + channel)
        title = f"{names.short(name, process)}: bytes per {width} cycles"
        for position, value in enumerate(channel_bytes(trace, channel, width).tolist()):
            yield {"ph": "C", "name": title, "pid": process, "ts": position * width, "args": {"bytes": value}}


def _held(trace: Trace) -> list[tuple[int, OperandClass | None]]:
    """Counters of SRAMs: each in all, then the classes of each that holds several."""
    found: list[tuple[int, OperandClass | None]] = [(sram, None) for sram in range(trace.srams)]
    for sram in range(trace.srams):
        here = np.unique(trace.changes["operand"][trace.changes["sram"] == sram])
        told = [OPERANDS[number] for number in here.tolist() if number != UNKNOWN]
        found += [(sram, operand) for operand in told if len(here) > 1]
    return found


def _sram_counters(
    trace: Trace, names: TraceNames, held: list[tuple[int, OperandClass | None]], buckets: int
) -> Iterator[Json]:
    for sram, operand in held:
        counter = thin(trace.live_bytes(sram, operand), _bucket_cycles(trace, buckets), buckets)
        process = names.sram_process(sram)
        what = "bytes" if operand is None else operand.value
        title = f"{names.short(names.srams[sram], process)}: {what} in flight"
        for time, value in zip(counter.times.tolist(), counter.values.tolist(), strict=True):
            yield {"ph": "C", "name": title, "pid": process, "ts": time, "args": {"bytes": value}}


def _alive(live: Census) -> list[OperandClass]:
    """Classes that are there at any time."""
    return [operand for number, operand in enumerate(OPERANDS) if live.values[number].any()]


def _live_counters(live: Census, buckets: int) -> Iterator[Json]:
    """Stored tensors: all of them, then each class; one moment of each bucket, the fullest."""
    thinned = live.thinned(buckets)
    series = [("all", thinned.total), *((operand.value, thinned.counter(operand)) for operand in _alive(thinned))]
    for title, counter in series:
        for time, value in zip(counter.times.tolist(), counter.values.tolist(), strict=True):
            yield {"ph": "C", "name": f"live bytes: {title}", "pid": _LIVE, "ts": time, "args": {"bytes": value}}


def thin(counter: Counter, bucket_cycles: int, most: int = BUCKETS) -> Counter:
    """One step per bucket of cycles, the largest value that the counter has in it.

    A counter of few steps stays as it is. No peak is lost, and no value outlives its bucket.
    """
    if len(counter.times) <= most:
        return counter
    bucket = counter.times // bucket_cycles
    starts = np.arange(bucket[0], bucket[-1] + 1)
    carried = np.searchsorted(counter.times, starts * bucket_cycles, side="right") - 1
    largest = np.where(carried >= 0, counter.values[np.maximum(carried, 0)], 0)
    np.maximum.at(largest, bucket - bucket[0], counter.values)
    return Counter(starts * bucket_cycles, largest)
