"""Chrome trace JSON (gzip) of a run, for ui.perfetto.dev.

One track per resource; counters of the bytes that each channel carries per bucket of cycles and of
the bytes in each SRAM; arrows along the chunk edges. One microsecond shown is one cycle, so every
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

from simsnn.schedule.graph import Event
from simsnn.sim.trace import Counter, Kind, Trace
from simsnn.viz.slices import MIXED, Slices, draw_slices

MAX_EVENTS = 100_000
"""Slices, and arrows, that one file holds at most."""

BUCKETS = 1_000
"""Points of a counter at most."""

_ENGINES, _CHANNELS, _SRAMS = 1, 2, 3
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class TraceNames:
    """What the numbers of a trace are called.

    Parameters
    ----------
    engines, channels, srams, tasks : tuple of str
        Names by number.
    clock_hz : int
        Base clock.
    """

    engines: tuple[str, ...]
    channels: tuple[str, ...]
    srams: tuple[str, ...]
    tasks: tuple[str, ...]
    clock_hz: int


def write_perfetto(trace: Trace, names: TraceNames, path: Path, max_events: int = MAX_EVENTS) -> None:
    """Write a trace as gzip-compressed Chrome trace JSON.

    Parameters
    ----------
    trace : Trace
        What to show.
    names : TraceNames
        One name per engine, channel, SRAM and task of the trace.
    path : Path
        File to write, ``trace.json.gz``.
    max_events : int
        Most slices, and most arrows, that are written.

    Raises
    ------
    ValueError
        If a name is missing, or there are more resources than ``max_events``.
    """
    counts = (trace.engines, trace.channels, trace.srams)
    if (len(names.engines), len(names.channels), len(names.srams)) != counts:
        raise ValueError(f"names for {counts} engines, channels and SRAMs are needed: {names}")
    slices = draw_slices(trace.intervals, max_events)
    flows, shown = _flows(trace, max_events)
    events = [*_tracks(names), *_slice_events(trace, names, slices), *flows]
    events += [*_channel_counters(trace, names), *_sram_counters(trace, names)]
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
            "arrows": shown,
        },
        "traceEvents": events,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    # Neither name nor time in the gzip header: equal runs give equal bytes.
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.write(text.encode())


def _tracks(names: TraceNames) -> Iterator[Json]:
    for process, title in ((_ENGINES, "engines"), (_CHANNELS, "memory and links"), (_SRAMS, "SRAM")):
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": title}}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}
    for process, first, group in ((_ENGINES, 0, names.engines), (_CHANNELS, len(names.engines), names.channels)):
        for thread, name in enumerate(group, start=first):
            yield {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": name}}


def _place(trace: Trace, resource: int) -> tuple[int, int]:
    return (_ENGINES if resource < trace.engines else _CHANNELS, resource)


def _slice_events(trace: Trace, names: TraceNames, slices: Slices) -> Iterator[Json]:
    for start, end, task, chunk, resource, kind, size, joined, stalled in slices.rows.tolist():
        process, thread = _place(trace, resource)
        label = "several tasks" if task == MIXED else names.tasks[task]
        what = "mixed" if kind == MIXED else Kind(kind).name.lower()
        yield {
            "ph": "X",
            "ts": start,
            "dur": end - start,
            "pid": process,
            "tid": thread,
            "name": f"stall: {label}" if kind == Kind.STALL else label,
            "cat": what,
            "args": {"first_chunk": chunk, "joined": joined, "stalled_cycles": stalled, "bytes": size},
        }


def _flows(trace: Trace, limit: int) -> tuple[list[Json], int]:
    """Arrows of evenly picked edges between intervals that exist, and how many."""
    step = max(1, -(-len(trace.edges) // limit))
    first, last = _interval_index(trace)
    events: list[Json] = []
    for task, chunk, to_task, to_chunk, event, holds_load in trace.edges[::step].tolist():
        source = last.get((task, chunk, Kind.STORE)) if event == Event.STORED else None
        source = last.get((task, chunk, Kind.COMPUTE)) if source is None else source
        target = first.get((to_task, to_chunk, Kind.LOAD)) if holds_load else None
        target = first.get((to_task, to_chunk, Kind.COMPUTE)) if target is None else target
        if source is None or target is None:
            continue
        identity: Json = {"name": Event(event).name.lower(), "cat": "edge", "id": len(events) // 2}
        for phase, row, moment in (("s", source, "end"), ("f", target, "start")):
            process, thread = _place(trace, int(trace.intervals["resource"][row]))
            # An arrow leaves within the producer's last cycle: at its end another slice may begin.
            time = int(trace.intervals[moment][row]) - (phase == "s")
            time = max(time, int(trace.intervals["start"][row]))
            events.append({**identity, "ph": phase, "ts": time, "pid": process, "tid": thread, "bp": "e"})
    return events, len(events) // 2


Index = dict[tuple[int, int, int], int]


def _interval_index(trace: Trace) -> tuple[Index, Index]:
    """First and last interval of every (task, chunk, kind), if there is any arrow to draw."""
    first: Index = {}
    last: Index = {}
    if not len(trace.edges):
        return first, last
    rows = trace.intervals
    order = np.argsort(rows["start"], kind="stable")
    keys = zip(rows["task"][order].tolist(), rows["chunk"][order].tolist(), rows["kind"][order].tolist(), strict=True)
    for position, key in zip(order.tolist(), keys, strict=True):
        first.setdefault(key, position)
        last[key] = position
    return first, last


def _bucket_cycles(trace: Trace) -> int:
    return trace.makespan_cycles // BUCKETS + 1


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


def _channel_counters(trace: Trace, names: TraceNames) -> Iterator[Json]:
    width = _bucket_cycles(trace)
    for channel, name in enumerate(names.channels):
        title = f"{name}: bytes per {width} cycles"
        for position, value in enumerate(channel_bytes(trace, channel, width).tolist()):
            yield {"ph": "C", "name": title, "pid": _CHANNELS, "ts": position * width, "args": {"bytes": value}}


def _sram_counters(trace: Trace, names: TraceNames) -> Iterator[Json]:
    for sram, name in enumerate(names.srams):
        counter = thin(trace.live_bytes(sram), _bucket_cycles(trace))
        title = f"{name}: bytes in flight"
        for time, value in zip(counter.times.tolist(), counter.values.tolist(), strict=True):
            yield {"ph": "C", "name": title, "pid": _SRAMS, "ts": time, "args": {"bytes": value}}


def thin(counter: Counter, bucket_cycles: int) -> Counter:
    """One step per bucket of cycles, the largest value that the counter has in it.

    A counter of few steps stays as it is. No peak is lost, and no value outlives its bucket.
    """
    if len(counter.times) <= BUCKETS:
        return counter
    bucket = counter.times // bucket_cycles
    starts = np.arange(bucket[0], bucket[-1] + 1)
    carried = np.searchsorted(counter.times, starts * bucket_cycles, side="right") - 1
    largest = np.where(carried >= 0, counter.values[np.maximum(carried, 0)], 0)
    np.maximum.at(largest, bucket - bucket[0], counter.values)
    return Counter(starts * bucket_cycles, largest)
