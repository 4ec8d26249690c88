"""Perfetto files of machines with processors, read back: groups of tracks, links, arrows along messages and tasks."""

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
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.schedule.graph import Arrival, Chunk, ChunkEdge, Event, Message
from simsnn.sim.executor import execute
from simsnn.sim.trace import Kind, Trace
from simsnn.viz.perfetto import SHARED, TraceNames, write_perfetto
from tests.unit.sim_samples import ONE_BYTE, graph, load, store, task

CORES = ("core0", "core1", "core2")
Events = list[dict[str, Any]]


def ring() -> Interconnect:
    """4-byte packets, 2 cycles each, 3 cycles of latency, either way round three processors."""
    config = LinkConfig(name="ring", kind="ring", bandwidth="2 B/cycle", latency_cycles=3, packet="4 B")  # type: ignore[arg-type]
    return Interconnect.of((config,), CORES, 10**9)


NAMES = TraceNames(
    ("core0.array0", "core1.array0", "core2.array0"),
    ("dram0", "core0.memory", "core1.memory", "core2.memory"),
    ("core0.spikes", "core1.spikes"),
    ("conv1 F #0", "conv2 F #0", "conv3 F #0", "conv1 F #1"),
    500_000_000,
    links=tuple(link.name for link in ring().links),
    messages=("spikes", "gradients"),
    processors=CORES,
    engine_processors=(0, 1, 2),
    channel_processors=(SHARED, 0, 1, 2),
    sram_processors=(0, 1),
)
DEPENDENCIES = np.array([(0, 3)], np.int32)


def sample() -> Trace:
    """Task 0 sends to two processors, task 1 to one; task 3 follows task 0 on its engine."""
    tasks = (
        task(0, (Chunk(load(4, 1), store(6, 1)),) * 2),
        replace(task(1, (Chunk(load(4, 2), store(2, 2)),), engine=1), receives=(Arrival(0, 1),)),
        replace(task(2, (Chunk(),), engine=2), receives=(Arrival(0, 2), Arrival(1, 2))),
        task(3, (Chunk(load(4, 1), load_after=(ChunkEdge(0, 1, Event.STORED),)),), after=(0,)),
    )
    messages = (
        Message(0, 0, 0, (1, 2), OperandClass.SPIKES, 13),
        Message(1, 1, 1, (2,), OperandClass.GRADIENTS, 5),
    )
    run = execute(replace(graph(*tasks), messages=messages), ONE_BYTE, True, (ONE_BYTE,) * 3, ring())
    assert run.trace is not None
    return run.trace


def written(path: Path, trace: Trace, limit: int = 1000) -> tuple[dict[str, Any], Events]:
    write_perfetto(trace, NAMES, path / "t.json.gz", limit, DEPENDENCIES)
    with gzip.open(path / "t.json.gz", "rt") as file:
        document = dict(json.load(file))
    return document["metadata"], document["traceEvents"]


def test_a_group_of_tracks_per_processor_and_one_of_links(tmp_path: Path) -> None:
    _, events = written(tmp_path, sample())
    groups = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    tracks = defaultdict(list)
    for event in events:
        if event["name"] == "thread_name":
            tracks[groups[event["pid"]]].append((event["tid"], event["args"]["name"]))
    assert dict(tracks) == {
        "core0": [(0, "array0"), (4, "memory")],
        "core1": [(1, "array0"), (5, "memory")],
        "core2": [(2, "array0"), (6, "memory")],
        "shared memory": [(3, "dram0")],
        "links": [(7 + number, link.name) for number, link in enumerate(ring().links)],
    }
    order = sorted((e["args"]["sort_index"], groups[e["pid"]]) for e in events if e["name"] == "process_sort_index")
    assert [name for _, name in order] == [*CORES, "shared memory", "links"]


def test_slices_of_links_say_what_they_carry(tmp_path: Path) -> None:
    trace = sample()
    _, events = written(tmp_path, trace)
    slices = [e for e in events if e["ph"] == "X"]
    assert len(slices) == len(trace.intervals)
    sends = [(e["name"], e["args"]["bytes"]) for e in slices if e["cat"] == "send"]
    assert set(sends) == {("spikes of conv1 F #0", 13), ("gradients of conv2 F #0", 5)}
    place = {tuple(e[key] for key in ("ts", "tid")): e["pid"] for e in slices}
    assert all((pid == 4) == (tid >= 7) for (_, tid), pid in place.items())


def test_counters_stand_with_their_processor(tmp_path: Path) -> None:
    _, events = written(tmp_path, sample())
    found = {(e["pid"], e["name"].split(":")[0]) for e in events if e["ph"] == "C"}
    assert found == {(10, "memory"), (11, "memory"), (12, "memory"), (2, "dram0"), (10, "spikes"), (11, "spikes")}


def test_arrows_follow_messages_over_the_links_and_dependencies(tmp_path: Path) -> None:
    trace = sample()
    metadata, events = written(tmp_path, trace)
    slices = [e for e in events if e["ph"] == "X"]
    arrows: dict[int, Events] = defaultdict(list)
    for event in (e for e in events if e["ph"] in "stf"):
        arrows[event["id"]].append(event)
        holding = [s for s in slices if s["tid"] == event["tid"] and s["ts"] <= event["ts"] < s["ts"] + s["dur"]]
        assert len(holding) == 1
        event["of"] = holding[0]["name"]
    shown = [(chain[0]["name"], "".join(e["ph"] for e in chain), [e["of"] for e in chain]) for chain in arrows.values()]
    first, second = "spikes of conv1 F #0", "gradients of conv2 F #0"
    assert shown == [
        ("stored", "sf", ["conv1 F #0", "conv1 F #1"]),
        ("message", "stf", ["conv1 F #0", first, "conv2 F #0"]),
        ("message", "stf", ["conv1 F #0", first, "conv3 F #0"]),
        ("message", "stf", ["conv2 F #0", second, "conv3 F #0"]),
        ("dependency", "sf", ["conv1 F #0", "conv1 F #1"]),
    ]
    for chain in arrows.values():
        assert [e["ts"] for e in chain] == sorted(e["ts"] for e in chain)
        assert chain[-1]["ts"] > chain[0]["ts"]
    counts = [metadata[key] for key in ("edges", "messages", "dependencies", "arrows")]
    assert counts == [1, 3, 1, 5]


def test_a_message_arrow_passes_the_link_that_brought_it(tmp_path: Path) -> None:
    trace = sample()
    _, events = written(tmp_path, trace)
    steps = {e["id"]: e["tid"] - trace.engines - trace.channels for e in events if e["ph"] == "t"}
    ends = [NAMES.links[link].split(">")[-1] for _, link in sorted(steps.items())]
    assert ends == ["core1", "core2", "core2"]


def test_too_many_arrows_are_thinned_and_slices_joined(tmp_path: Path) -> None:
    metadata, events = written(tmp_path, sample(), limit=13)
    assert metadata["arrows"] <= 13
    assert metadata["slices"] == sum(e["ph"] == "X" for e in events) <= 13
    few, _ = written(tmp_path, replace(sample(), intervals=sample().intervals), limit=14)
    assert few["arrows"] == 5
    one, _ = written(tmp_path, _single_resource(sample()), limit=2)
    assert one["arrows"] <= 2


def _single_resource(trace: Trace) -> Trace:
    """Only what engine 0 and its memory did."""
    rows = trace.intervals
    return replace(trace, intervals=rows[(rows["resource"] == 0) | (rows["resource"] == 4)])


@pytest.mark.parametrize(
    "changes",
    [
        {"links": ()},
        {"engine_processors": (0, 1)},
        {"sram_processors": ()},
        {"channel_processors": (0, 1, 2)},
        {"engines": ("a",)},
    ],
)
def test_missing_names_and_owners_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are needed"):
        write_perfetto(sample(), replace(NAMES, **changes), tmp_path / "t.json.gz")


def test_links_without_processors_have_their_group(tmp_path: Path) -> None:
    names = replace(NAMES, processors=(), messages=())
    write_perfetto(sample(), names, tmp_path / "t.json.gz")
    with gzip.open(tmp_path / "t.json.gz", "rt") as file:
        events = json.load(file)["traceEvents"]
    groups = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert groups == ["engines", "memory and links", "SRAM", "links"]
    assert {e["name"] for e in events if e.get("cat") == "send"} == {"conv1 F #0", "conv2 F #0"}


def test_many_counters_share_the_limit(tmp_path: Path) -> None:
    """Four channels and two SRAMs: at most a sixth of the limit each, where that is more than the fewest."""
    rng = Random(3)
    trace = sample()
    changes = np.zeros(4000, trace.changes.dtype)
    changes["time"] = sorted(rng.randrange(1_000_000) for _ in changes)
    changes["sram"] = [index % 2 for index in range(len(changes))]
    changes["delta_bytes"] = 1
    long = replace(trace, changes=changes, makespan_cycles=1_000_000)
    _, events = written(tmp_path, long, limit=600)
    assert sum(event["ph"] == "C" for event in events) <= 600 + 6 * 2
    assert any(event["ph"] == "X" and event["cat"] == Kind.SEND.name.lower() for event in events)
