"""Perfetto files, read back."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.schedule.graph import Chunk, ChunkEdge, Event
from simsnn.sim.executor import execute
from simsnn.sim.trace import INTERVALS, OPERANDS, Counter, Kind, Trace
from simsnn.viz.perfetto import BUCKETS, TraceNames, channel_bytes, thin, write_perfetto
from simsnn.viz.slices import draw_slices
from tests.naive.sim_graphs import Shape, random_channels, random_graph
from tests.unit.sim_samples import ONE_BYTE, graph, load, store, task


def sample() -> tuple[Trace, TraceNames]:
    consumer = Chunk(load(4), load_after=(ChunkEdge(0, 1, Event.STORED),))
    fused = Chunk(compute_after=(ChunkEdge(0, 0, Event.RESULT),))
    run = execute(graph(task(0, (Chunk(load(4), store(6)),) * 3), task(1, (fused, consumer), engine=1)), ONE_BYTE, True)
    assert run.trace is not None
    return run.trace, TraceNames(
        ("array0", "vector0"), ("dram0",), ("spikes", "state"), ("conv1 F", "lif1 F"), 500_000_000
    )


def random_trace(seed: int) -> Trace:
    rng = Random(seed)
    shape = Shape(tasks=6, chunks=12, channels=2)
    channels = random_channels(rng, shape)
    trace = execute(random_graph(rng, shape), channels[0], True, channels[1:]).trace
    assert trace is not None
    return trace


def read(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt") as file:
        return dict(json.load(file))


def test_slices_are_the_intervals(tmp_path: Path) -> None:
    trace, names = sample()
    write_perfetto(trace, names, tmp_path / "t.json.gz")
    document = read(tmp_path / "t.json.gz")
    slices = [e for e in document["traceEvents"] if e["ph"] == "X"]
    shown = [(e["ts"], e["ts"] + e["dur"], e["tid"], e["cat"], e["args"]["bytes"]) for e in slices]
    rows = trace.intervals
    assert shown == [(r["start"], r["end"], r["resource"], Kind(r["kind"]).name.lower(), r["bytes"]) for r in rows]
    assert {e["name"] for e in slices} == {"conv1 F", "lif1 F", "stall: conv1 F", "stall: lif1 F"}
    threads = {e["tid"]: e["args"]["name"] for e in document["traceEvents"] if e["name"] == "thread_name"}
    assert threads == {0: "array0", 1: "vector0", 2: "dram0"}


def test_metadata_says_what_a_microsecond_is(tmp_path: Path) -> None:
    trace, names = sample()
    write_perfetto(trace, names, tmp_path / "t.json.gz")
    metadata = read(tmp_path / "t.json.gz")["metadata"]
    assert metadata["cycles_per_us_shown"] == 1
    assert (metadata["clock_hz"], metadata["ns_per_cycle"]) == (500_000_000, 2.0)
    assert metadata["makespan_cycles"] == trace.makespan_cycles
    assert metadata["joining"] == "every interval is shown"
    assert (metadata["edges"], metadata["arrows"]) == (2, 2)


def test_arrows_join_slices_of_producer_and_consumer(tmp_path: Path) -> None:
    trace, names = sample()
    write_perfetto(trace, names, tmp_path / "t.json.gz")
    events = read(tmp_path / "t.json.gz")["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    arrows: dict[int, dict[str, Any]] = defaultdict(dict)
    for event in (e for e in events if e["ph"] in "sf"):
        arrows[event["id"]][event["ph"]] = event
        inside = [s for s in slices if s["tid"] == event["tid"] and s["ts"] <= event["ts"] < s["ts"] + s["dur"]]
        assert len(inside) == 1
    assert [(a["s"]["name"], a["s"]["tid"], a["f"]["tid"]) for a in arrows.values()] == [
        ("result", 0, 1),
        ("stored", 2, 2),
    ]
    assert all(a["s"]["ts"] < a["f"]["ts"] for a in arrows.values())


def test_counters_add_up(tmp_path: Path) -> None:
    trace, names = sample()
    write_perfetto(trace, names, tmp_path / "t.json.gz")
    counters: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in read(tmp_path / "t.json.gz")["traceEvents"]:
        if event["ph"] == "C":
            counters[event["name"]].append((event["ts"], event["args"]["bytes"]))
    assert set(counters) == {"dram0: bytes per 1 cycles", "spikes: bytes in flight", "state: bytes in flight"}
    assert sum(value for _, value in counters["dram0: bytes per 1 cycles"]) == 3 * (4 + 6) + 4
    assert max(value for _, value in counters["dram0: bytes per 1 cycles"]) == 1
    spikes = trace.live_bytes(0)
    assert counters["spikes: bytes in flight"] == list(zip(spikes.times.tolist(), spikes.values.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_channel_bytes_per_bucket_add_up_and_are_placed(seed: int) -> None:
    trace = random_trace(seed)
    for channel in range(trace.channels):
        rows = trace.intervals[trace.intervals["resource"] == trace.engines + channel]
        for width in (1, 7, 1000):
            carried = channel_bytes(trace, channel, width)
            assert carried.min() >= 0
            assert carried.sum() == rows["bytes"].sum()
            for bucket, value in enumerate(carried.tolist()):
                begin, end = bucket * width, (bucket + 1) * width
                touching = rows[(rows["start"] < end) & (np.maximum(rows["end"], rows["start"] + 1) > begin)]
                assert value <= touching["bytes"].sum()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("limit", [6, 12, 40, 10_000])
def test_joined_slices_are_bounded_and_lose_nothing(seed: int, limit: int) -> None:
    trace = random_trace(seed)
    slices = draw_slices(trace.intervals, limit)
    rows = slices.rows
    assert len(rows) <= limit
    assert rows["joined"].sum() == len(trace.intervals)
    assert rows["bytes"].sum() == trace.intervals["bytes"].sum()
    assert rows["stalled"].sum() == trace.cycles(Kind.STALL).sum()
    same = rows["resource"][1:] == rows["resource"][:-1]
    assert (rows["start"][1:][same] >= rows["end"][:-1][same]).all()
    assert (slices.joining == "every interval is shown") == (len(rows) == len(trace.intervals))


def test_gaps_grow_until_few_enough_slices_are_left() -> None:
    starts = (0, 10, 13, 20)
    rows = np.array([(s, s + 2, s, 0, 0, Kind.COMPUTE, 0) for s in starts], INTERVALS)
    expected = {4: (0, 10, 13, 20), 3: (0, 10, 20), 2: (0, 10), 1: (0,)}
    for limit, heads in expected.items():
        assert draw_slices(rows, limit).rows["start"].tolist() == list(heads)
    # Gaps tried: 0, 1 (joins 12..13), 3, 7 (joins 15..20), 15.
    assert draw_slices(rows, 2).rows["end"].tolist() == [2, 22]
    assert draw_slices(rows, 3).joining.endswith("intervals of one resource less than 2 cycles apart are joined")


def test_too_many_resources_are_refused() -> None:
    with pytest.raises(ValueError, match="3 resources do not fit into 2 slices"):
        draw_slices(sample()[0].intervals, 2)


def test_large_trace_says_how_it_was_joined(tmp_path: Path) -> None:
    trace, names = sample()
    write_perfetto(trace, names, tmp_path / "t.json.gz", max_events=5)
    document = read(tmp_path / "t.json.gz")
    slices = [e for e in document["traceEvents"] if e["ph"] == "X"]
    assert len(slices) == document["metadata"]["slices"] <= 5
    assert "cycles apart are joined" in document["metadata"]["joining"]
    assert sum(e["args"]["joined"] for e in slices) == document["metadata"]["intervals"] == len(trace.intervals)


def test_equal_traces_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.json.gz", "b.json.gz"):
        write_perfetto(*sample(), tmp_path / name)
    first = (tmp_path / "a.json.gz").read_bytes()
    assert first == (tmp_path / "b.json.gz").read_bytes()
    assert first[4:8] == b"\0\0\0\0"


def test_missing_name_is_refused(tmp_path: Path) -> None:
    trace, names = sample()
    with pytest.raises(ValueError, match="names for"):
        write_perfetto(trace, TraceNames(("array0",), names.channels, names.srams, names.tasks, 1), tmp_path / "t")


def test_thinned_counter_keeps_peaks_and_ends_them() -> None:
    times = np.concatenate((np.arange(3 * BUCKETS), [50_000]))
    values = np.where(times == 1234, 99, times % 2)
    thinned = thin(Counter(times, values), 100)
    assert thinned.times.tolist() == list(range(0, 50_001, 100))
    assert thinned.peak == 99
    assert thinned.values[12] == 99
    assert thinned.values[13] == 1
    assert thinned.values[40] == values[2999]


def test_an_sram_that_holds_several_classes_has_a_counter_of_each(tmp_path: Path) -> None:
    trace, names = sample()
    mixed = trace.changes.copy()
    spikes = np.flatnonzero(mixed["sram"] == 0)
    mixed["operand"][spikes[::2]] = OPERANDS.index(OperandClass.MASKS)
    trace = replace(trace, changes=mixed)
    write_perfetto(trace, names, tmp_path / "t.json.gz")
    found = [e for e in read(tmp_path / "t.json.gz")["traceEvents"] if e["ph"] == "C"]
    titles = {event["name"] for event in found if event["pid"] == 3}
    assert titles == {
        "spikes: bytes in flight",
        "spikes: masks in flight",
        "spikes: spikes in flight",
        "state: bytes in flight",
    }
    counter = trace.live_bytes(0, OperandClass.MASKS)
    shown = [(e["ts"], e["args"]["bytes"]) for e in found if e["name"] == "spikes: masks in flight"]
    assert shown == list(zip(counter.times.tolist(), counter.values.tolist(), strict=True))
