"""Trace: exclusive resources, sums that agree with the run, merging, what lives in SRAM, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.lib.recfunctions import repack_fields

from simsnn.costs import OperandClass
from simsnn.errors import ModelDisagreement, TraceError
from simsnn.memory.interconnect import Interconnect
from simsnn.memory.link import LinkConfig
from simsnn.schedule.graph import Arrival, Chunk, ChunkEdge, Event, Message
from simsnn.sim.execution import Execution, LinkUse, MessageRecord, Stalls
from simsnn.sim.executor import execute
from simsnn.sim.trace import CHANGES, INTERVALS, OPERANDS, UNKNOWN, Counter, Kind, Trace, merge_equal
from tests.naive.sim_graphs import Shape, random_channels, random_graph
from tests.unit.sim_samples import ONE_BYTE, flat_plan, graph, load, store, task


def traced(seed: int) -> tuple[Execution, Trace]:
    rng = Random(seed)
    shape = Shape(tasks=5, channels=2)
    channels = random_channels(rng, shape)
    run = execute(random_graph(rng, shape), channels[0], True, channels[1:])
    assert run.trace is not None
    return run, run.trace


def test_intervals_of_a_run_worked_out_by_hand() -> None:
    chunks = (Chunk(load(4), store(2)), Chunk(load(30)))
    trace = execute(graph(task(0, chunks, flat_plan(10, 10), slowdown=2)), ONE_BYTE, True).trace
    assert trace is not None
    rows = [
        (r["resource"], Kind(r["kind"]).name, r["start"], r["end"], r["chunk"], r["bytes"]) for r in trace.intervals
    ]
    assert rows == [
        (0, "STALL", 0, 7, 0, 0),
        (0, "COMPUTE", 7, 17, 0, 0),
        (0, "STALL", 17, 27, 0, 0),
        (0, "STALL", 27, 37, 1, 0),
        (0, "COMPUTE", 37, 47, 1, 0),
        (0, "STALL", 47, 57, 1, 0),
        (0, "COMPUTE", 57, 59, 1, 0),
        (1, "LOAD", 0, 4, 0, 4),
        (1, "LOAD", 4, 34, 1, 30),
        (1, "STORE", 34, 36, 0, 2),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_intervals_tile_every_task_and_sum_up_to_the_run(seed: int) -> None:
    run, trace = traced(seed)
    trace.check()
    assert (trace.engines, trace.channels, trace.makespan_cycles) == (
        len(run.engine_busy_cycles),
        2,
        run.makespan_cycles,
    )
    rows = trace.intervals
    for record in run.tasks:
        mine = rows[(rows["task"] == record.task) & (rows["resource"] < trace.engines)]
        assert int((mine["end"] - mine["start"]).sum()) == record.end - record.start
        stalled = mine[mine["kind"] == Kind.STALL]
        assert int((stalled["end"] - stalled["start"]).sum()) == record.stalls.total // record.cycles.groups
        if len(mine):
            assert (mine["start"].min(), mine["end"].max()) == (record.start, record.end)
            assert (mine["start"][1:] == mine["end"][:-1]).all()
    busy = [*run.engine_busy_cycles, *(use.busy_cycles for use in run.channels)]
    assert trace.busy().tolist() == busy
    moved = np.bincount(rows["resource"], rows["bytes"], trace.resources)[trace.engines :]
    assert moved.tolist() == [use.bytes for use in run.channels]


def test_overlap_is_found_and_named() -> None:
    rows = np.array([(0, 5, 0, 0, 0, 1, 0), (4, 9, 1, 2, 0, 1, 0), (0, 9, 1, 2, 1, 0, 8)], INTERVALS)
    trace = Trace(rows, np.array([]), np.array([]), 1, 1, 0, 9)
    with pytest.raises(ModelDisagreement, match="resource 0 runs chunk 0 of task 0 until cycle 5"):
        trace.check()
    rows["start"][1] = 5
    trace.check()


def test_merge_joins_only_touching_equals() -> None:
    rows = np.array(
        [
            (0, 5, 0, 0, 0, 1, 0),
            (5, 9, 0, 1, 0, 1, 0),
            (10, 12, 0, 2, 0, 1, 0),
            (12, 13, 0, 3, 0, 2, 0),
            (13, 14, 1, 0, 0, 2, 0),
            (14, 15, 1, 0, 1, 0, 7),
            (15, 18, 1, 1, 1, 0, 8),
        ],
        INTERVALS,
    )
    assert merge_equal(rows).tolist() == [
        (0, 9, 0, 0, 0, 1, 0),
        (10, 12, 0, 2, 0, 1, 0),
        (12, 13, 0, 3, 0, 2, 0),
        (13, 14, 1, 0, 0, 2, 0),
        (14, 18, 1, 0, 1, 0, 15),
    ]
    assert len(merge_equal(rows[:0])) == 0


@pytest.mark.parametrize("seed", range(20))
def test_merge_keeps_the_cycles_of_every_kind(seed: int) -> None:
    _, trace = traced(seed)
    merged = Trace(
        merge_equal(trace.intervals), trace.edges, trace.changes, trace.engines, trace.channels, trace.srams, 0
    )
    merged.check()
    for kind in Kind:
        assert merged.cycles(kind).tolist() == trace.cycles(kind).tolist()


def test_live_bytes_follow_loads_and_stores() -> None:
    trace = execute(graph(task(0, (Chunk(load(4), store(6)), Chunk(load(8))))), ONE_BYTE, True).trace
    assert trace is not None
    # Chunk 0 loads 4 bytes at 0, computes 7..17, its store is complete at 19 + 6 + 3; chunk 1 ends issuing at 27.
    inputs, outputs = trace.live_bytes(0), trace.live_bytes(1)
    assert (inputs.times.tolist(), inputs.values.tolist()) == ([0, 17, 27], [12, 8, 0])
    assert (outputs.times.tolist(), outputs.values.tolist()) == ([7, 28], [6, 0])
    assert trace.live_bytes().peak == 18
    assert trace.live_bytes(operand=OperandClass.SPIKES).values.tolist() == [12, 8, 0]
    assert trace.live_bytes(1, OperandClass.CURRENTS).values.tolist() == [6, 0]
    assert trace.live_bytes(0, OperandClass.CURRENTS).peak == 0


@pytest.mark.parametrize("seed", range(5))
def test_live_bytes_of_the_classes_add_up(seed: int) -> None:
    _, trace = traced(seed)
    whole, cycles = trace.live_bytes(), np.arange(trace.makespan_cycles + 1)
    total = np.zeros(len(cycles), np.int64)
    for operand in OPERANDS:
        part = trace.live_bytes(operand=operand)
        total += np.append(0, part.values)[np.searchsorted(part.times, cycles, side="right")]
    assert total.tolist() == np.append(0, whole.values)[np.searchsorted(whole.times, cycles, side="right")].tolist()
    assert total.any()


@pytest.mark.parametrize("seed", range(20))
def test_nothing_stays_in_sram_and_slots_bound_it(seed: int) -> None:
    _, trace = traced(seed)
    counter = trace.live_bytes()
    assert (np.diff(counter.times) > 0).all()
    if len(counter.values):
        assert counter.values[-1] == 0
        assert counter.values.min() >= 0


def test_counter_adds_up_changes_of_one_time() -> None:
    counter = Counter.of(np.array([3, 1, 3]), np.array([4, 2, -5]))
    assert (counter.times.tolist(), counter.values.tolist(), counter.peak) == ([1, 3], [2, 1], 2)
    assert Counter.of(np.array([], np.int64), np.array([], np.int64)).peak == 0


def test_file_round_trip(tmp_path: Path) -> None:
    _, trace = traced(3)
    assert len(trace.edges)
    trace.save(tmp_path / "trace.npz")
    loaded = Trace.load(tmp_path / "trace.npz")
    for name in ("intervals", "edges", "changes"):
        assert np.array_equal(getattr(loaded, name), getattr(trace, name))
    assert (loaded.engines, loaded.channels, loaded.srams, loaded.makespan_cycles) == (
        trace.engines,
        trace.channels,
        trace.srams,
        trace.makespan_cycles,
    )


def sent_over_a_link() -> Trace:
    """Task 0 sends 5 bytes at cycle 12 over a bus of 2 bytes per cycle: two packets of 4, then 3 cycles of latency."""
    links = Interconnect.of(
        (LinkConfig(name="bus0", kind="bus", bandwidth="2 B/cycle", latency_cycles=3, packet="4 B"),),  # type: ignore[arg-type]
        ("core0", "core1"),
        10**9,
    )
    receiver = replace(task(1, (Chunk(load(4)),), engine=1), receives=(Arrival(0, 1),))
    sample = replace(graph(task(0, (Chunk(),)), receiver), messages=(Message(0, 0, 0, (1,), OperandClass.SPIKES, 5),))
    run = execute(sample, ONE_BYTE, True, (), links)
    assert run.messages == (MessageRecord(0, 12, (19,)),)
    assert run.links == (LinkUse(4, 5, 2),)
    assert (run.tasks[1].start, run.tasks[1].idle) == (19, Stalls(dependency=12, link=7))
    assert run.trace is not None
    return run.trace


def test_links_are_resources_and_messages_flows() -> None:
    trace = sent_over_a_link()
    trace.check()
    assert (trace.engines, trace.channels, trace.links, trace.resources) == (2, 1, 1, 4)
    sent = trace.intervals[trace.intervals["resource"] == 3]
    assert sent[["start", "end", "task", "chunk", "kind", "bytes"]].tolist() == [(12, 16, 0, 0, Kind.SEND, 5)]
    assert trace.flows.tolist() == [(0, 1, 12, 19, 0)]
    assert trace.busy().tolist() == [12, 12, 4, 4]


def test_overlap_on_a_link_is_found() -> None:
    trace = sent_over_a_link()
    late = trace.intervals[-1:].copy()
    late["start"], late["end"] = 15, 18
    with pytest.raises(ModelDisagreement, match="resource 3"):
        replace(trace, intervals=np.concatenate((trace.intervals, late))).check()


def test_file_keeps_links_and_flows(tmp_path: Path) -> None:
    trace = sent_over_a_link()
    trace.save(tmp_path / "trace.npz")
    loaded = Trace.load(tmp_path / "trace.npz")
    assert loaded.links == 1
    assert np.array_equal(loaded.flows, trace.flows)
    assert np.array_equal(loaded.intervals, trace.intervals)


def test_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    _, trace = traced(3)
    meta = {"schema": "simsnn/intervals/1", "engines": trace.engines, "channels": trace.channels}
    meta |= {"srams": trace.srams, "makespan_cycles": trace.makespan_cycles}
    np.savez(
        tmp_path / "old.npz",
        meta=np.array(json.dumps(meta)),
        intervals=trace.intervals,
        edges=trace.edges,
        changes=trace.changes,
    )
    loaded = Trace.load(tmp_path / "old.npz")
    assert (loaded.links, len(loaded.flows), loaded.resources) == (0, 0, trace.resources)
    assert np.array_equal(loaded.intervals, trace.intervals)


def test_a_file_of_version_2_does_not_tell_classes(tmp_path: Path) -> None:
    trace = sent_over_a_link()
    fields = [name for name in CHANGES.names or () if name != "operand"]
    meta = {"schema": "simsnn/intervals/2", "engines": 2, "channels": 1, "srams": 2, "links": 1}
    meta |= {"makespan_cycles": trace.makespan_cycles}
    np.savez(
        tmp_path / "old.npz",
        meta=np.array(json.dumps(meta)),
        intervals=trace.intervals,
        edges=trace.edges,
        changes=repack_fields(trace.changes[fields]),
        flows=trace.flows,
    )
    loaded = Trace.load(tmp_path / "old.npz")
    assert loaded.live_bytes().values.tolist() == trace.live_bytes().values.tolist() != []
    assert loaded.changes["operand"].tolist() == [UNKNOWN] * len(trace.changes)
    assert loaded.live_bytes(operand=OperandClass.SPIKES).peak == 0


def test_classes_of_a_file_go_by_their_names(tmp_path: Path) -> None:
    """Whatever numbers they had where it was written, and also if one is not known here."""
    trace = sent_over_a_link()
    trace.save(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays["meta"]))
    meta["operands"] = ["of_tomorrow", "spikes"]
    arrays["changes"]["operand"] = np.arange(len(arrays["changes"])) % 2
    arrays["meta"] = np.array(json.dumps(meta))
    np.savez(tmp_path / "other.npz", **arrays)
    spikes = OPERANDS.index(OperandClass.SPIKES)
    found = Trace.load(tmp_path / "other.npz").changes["operand"].tolist()
    assert found == [spikes if number % 2 else UNKNOWN for number in range(len(arrays["changes"]))]


def test_other_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", schema=np.array("simsnn/trace/1"))
    with pytest.raises(TraceError, match="no interval trace"):
        Trace.load(tmp_path / "other.npz")


def test_edges_name_both_ends() -> None:
    consumer = Chunk(
        load(4), load_after=(ChunkEdge(0, 0, Event.STORED),), compute_after=(ChunkEdge(0, 1, Event.ISSUED),)
    )
    trace = execute(graph(task(0, (Chunk(), Chunk())), task(1, (Chunk(), consumer), engine=1)), ONE_BYTE, True).trace
    assert trace is not None
    assert trace.edges.tolist() == [(0, 0, 1, 1, Event.STORED, 1), (0, 1, 1, 1, Event.ISSUED, 0)]
