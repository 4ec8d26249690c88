"""Value change dump of a run, for GTKWave and other viewers of waveforms (IEEE 1364, section 18).

Every engine, channel and link has a ``state`` (idle, load, compute, stall, store, send, or several of them) and the
number of the ``task`` it works on, ``x`` where none or several; every channel the bytes it carries per bucket of
cycles, every SRAM the bytes in it, and the run its live bytes. The numbers of states and tasks stand in comments.
Time counts in the coarsest of ns, ps and fs in which a cycle is whole; in rounded fs where it is in none.
No date is written: equal runs give equal bytes.

Proof: ``tests/unit/test_vcd.py``, with a strict reader of its own.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsnn.sim.census import Census
from simsnn.sim.trace import Counter, Kind, Trace
from simsnn.viz.perfetto import BUCKETS, MAX_EVENTS, JobNames, TraceNames, channel_bytes, thin
from simsnn.viz.slices import MIXED, Slices, draw_slices

STATES = ("idle", "load", "compute", "stall", "store", "send", "several")
"""By number; 1 more than ``Kind``."""
_STATE_BITS, _TASK_BITS, _BYTE_BITS = 3, 32, 64
_LETTERS = string.ascii_letters + string.digits
"""Of which identifiers are made; others are legal, but ``$end`` would be one of them."""


@dataclass(frozen=True, slots=True)
class Timescale:
    """Unit of time, and cycles in it."""

    unit: str
    per_second: int
    clock_hz: int

    @classmethod
    def of(cls, clock_hz: int) -> Timescale:
        """The coarsest unit in which a cycle is whole, else fs."""
        units = (("ns", 10**9), ("ps", 10**12), ("fs", 10**15))
        unit, per_second = next((u for u in units if u[1] % clock_hz == 0), units[-1])
        return cls(unit, per_second, clock_hz)

    @property
    def exact(self) -> bool:
        """Whether a cycle is a whole number of units."""
        return self.per_second % self.clock_hz == 0

    def at(self, cycle: int) -> int:
        """Start of a cycle, rounded to the nearest unit."""
        return (2 * cycle * self.per_second + self.clock_hz) // (2 * self.clock_hz)


@dataclass(frozen=True, slots=True)
class Signal:
    """A variable with its changes, (cycle, value), cycles increasing; a value of None is unknown."""

    scope: str
    name: str
    bits: int
    changes: tuple[tuple[int, int | None], ...]


def write_vcd(
    trace: Trace, names: TraceNames, path: Path, most: int = MAX_EVENTS, live: Census | None = None
) -> Slices:
    """Write a trace as VCD.

    Parameters
    ----------
    trace : Trace
        What to show.
    names : TraceNames
        One name per engine, channel, SRAM, link and task of the trace.
    path : Path
        File to write.
    most : int
        Most intervals of all resources together; neighbours are joined until they are so few.
    live : Census, optional
        Stored tensors over time.

    Returns
    -------
    Slices
        The intervals that were written, and how they were joined.

    Raises
    ------
    ValueError
        If a name is missing, or there are more resources than ``most``.
    """
    names.check(trace)
    slices = draw_slices(trace.intervals, most, JobNames.of(names.tasks).of_task)
    signals = [*_resources(names, slices), *_counters(trace, names, min(BUCKETS, most), live)]
    scale = Timescale.of(names.clock_hz)
    with path.open("w", encoding="ascii", errors="replace") as file:
        for line in _lines(trace, names, slices, signals, scale):
            file.write(line + "\n")
    return slices


def _lines(trace: Trace, names: TraceNames, slices: Slices, signals: list[Signal], scale: Timescale) -> Iterator[str]:
    rounded = "" if scale.exact else "; a cycle is no whole number of fs: times are rounded"
    yield "$version simsnn $end"
    yield f"$comment clock {names.clock_hz} Hz, {trace.makespan_cycles} cycles{rounded} $end"
    yield f"$comment {len(trace.intervals)} intervals shown as {len(slices.rows)}: {slices.joining} $end"
    yield "$comment states: " + ", ".join(f"{number} {name}" for number, name in enumerate(STATES)) + " $end"
    for number, task in enumerate(names.tasks):
        yield f"$comment task {number}: {_word(task, ' ')} $end"
    yield f"$timescale 1 {scale.unit} $end"
    yield "$scope module simsnn $end"
    for scope in dict.fromkeys(signal.scope for signal in signals):
        yield f"$scope module {scope} $end"
        for number, signal in enumerate(signals):
            if signal.scope == scope:
                yield f"$var reg {signal.bits} {_identifier(number)} {signal.name} $end"
        yield "$upscope $end"
    yield "$upscope $end"
    yield "$enddefinitions $end"
    yield from _changes(signals, scale, trace.makespan_cycles)


def _changes(signals: list[Signal], scale: Timescale, end: int) -> Iterator[str]:
    """All changes by time; the first block holds a value for every variable."""
    first = [signal.changes[0] if signal.changes and signal.changes[0][0] == 0 else (0, 0) for signal in signals]
    yield "#0"
    yield "$dumpvars"
    for number, (_, value) in enumerate(first):
        yield _value(value, number)
    yield "$end"
    rest = [
        (cycle, number, value) for number, signal in enumerate(signals) for cycle, value in signal.changes if cycle > 0
    ]
    rest.sort(key=lambda change: change[:2])
    time = 0
    for cycle, number, value in rest:
        if scale.at(cycle) != time:
            time = scale.at(cycle)
            yield f"#{time}"
        yield _value(value, number)
    if scale.at(end) > time:
        yield f"#{scale.at(end)}"


def _value(value: int | None, number: int) -> str:
    return f"b{'x' if value is None else format(value, 'b')} {_identifier(number)}"


def _identifier(number: int) -> str:
    """Short code of a variable: ``a`` for 0, ``b`` for 1, ..., ``aa`` behind the last single letter."""
    text = ""
    while True:
        text += _LETTERS[number % len(_LETTERS)]
        number = number // len(_LETTERS) - 1
        if number < 0:
            return text


def _word(text: str, space: str = "_") -> str:
    """A name without what VCD reads as its own."""
    clean = re.sub(r"[^\x21-\x7e ]", "?", text).replace("$", "S")
    if space == "_":
        clean = clean.replace("->", "_to_").replace(".", "_")
    return clean.replace(" ", space)


def _resources(names: TraceNames, slices: Slices) -> Iterator[Signal]:
    """State and task of every engine, channel and link."""
    titles = (*names.engines, *names.channels, *names.links)
    first = len(names.engines)
    for resource, title in enumerate(titles):
        rows = slices.rows[slices.rows["resource"] == resource]
        states: list[tuple[int, int | None]] = []
        tasks: list[tuple[int, int | None]] = []
        before = 0
        for start, end, kind, task in zip(
            *(rows[key].tolist() for key in ("start", "end", "kind", "task")), strict=True
        ):
            if end == start:
                continue
            if start > before or not states:
                states.append((before, 0))
                tasks.append((before, None))
            states.append((start, len(STATES) - 1 if kind == MIXED else Kind(kind) + 1))
            tasks.append((start, None if task == MIXED else task))
            before = end
        states.append((before, 0))
        tasks.append((before, None))
        kind_name = "engines" if resource < first else "channels" if resource < first + len(names.channels) else "links"
        word = _word(title)
        yield Signal(kind_name, f"{word}_state", _STATE_BITS, _distinct(states))
        yield Signal(kind_name, f"{word}_task", _TASK_BITS, _distinct(tasks))


def _distinct(changes: list[tuple[int, int | None]]) -> tuple[tuple[int, int | None], ...]:
    """The last value of every cycle, where it is another than before."""
    found: list[tuple[int, int | None]] = []
    for cycle, value in changes:
        if found and found[-1][0] == cycle:
            found.pop()
        if not found or found[-1][1] != value:
            found.append((cycle, value))
    return tuple(found)


def _counters(trace: Trace, names: TraceNames, buckets: int, live: Census | None) -> Iterator[Signal]:
    """Bytes of channels per bucket, in SRAMs, and live."""
    width = trace.makespan_cycles // buckets + 1
    for channel, name in enumerate(names.channels):
        carried = channel_bytes(trace, channel, width)
        counter = Counter(np.arange(len(carried), dtype=np.int64) * width, carried)
        yield _counter("channels", f"{_word(name)}_bytes_per_{width}_cycles", counter)
    for sram, name in enumerate(names.srams):
        yield _counter("srams", f"{_word(name)}_bytes", thin(trace.live_bytes(sram), width, buckets))
    if live is not None:
        yield _counter("run", "live_bytes", live.thinned(buckets).total)


def _counter(scope: str, name: str, counter: Counter) -> Signal:
    pairs: list[tuple[int, int | None]] = [(0, 0)]
    pairs += zip(counter.times.tolist(), counter.values.tolist(), strict=True)
    return Signal(scope, name, _BYTE_BITS, _distinct(pairs))
