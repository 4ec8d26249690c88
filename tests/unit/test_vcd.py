"""VCD files are valid, and say what the trace says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.sim.census import Census, Holdings
from simsnn.sim.executor import execute
from simsnn.sim.trace import Kind, Trace
from simsnn.viz.perfetto import TraceNames
from simsnn.viz.vcd import STATES, Timescale, write_vcd
from tests.naive.sim_graphs import Shape, random_channels, random_graph
from tests.vcd_reader import Dump, parse


def random_trace(seed: int) -> Trace:
    rng = Random(seed)
    shape = Shape(tasks=6, chunks=12, channels=2)
    channels = random_channels(rng, shape)
    trace = execute(random_graph(rng, shape), channels[0], True, channels[1:]).trace
    assert trace is not None
    return trace


def names_of(trace: Trace, clock_hz: int = 500_000_000) -> TraceNames:
    def some(word: str, count: int) -> tuple[str, ...]:
        return tuple(f"{word}{i}" for i in range(count))

    tasks = some("conv F part #", int(trace.intervals["task"].max()) + 1)
    return TraceNames(
        some("array", trace.engines), some("dram", trace.channels), some("sram", trace.srams), tasks, clock_hz
    )


def dumped(
    trace: Trace, path: Path, most: int = 10**5, clock_hz: int = 500_000_000, live: Census | None = None
) -> Dump:
    write_vcd(trace, names_of(trace, clock_hz), path / "t.vcd", most, live)
    return parse((path / "t.vcd").read_text())


def stretches(dump: Dump, name: str) -> list[tuple[int, int, int | None]]:
    """(start, end, value) of a variable."""
    changes = dump.changes[name]
    ends = [time for time, _ in changes[1:]] + [dump.end]
    return [(time, end, value) for (time, value), end in zip(changes, ends, strict=True)]


@pytest.mark.parametrize("seed", range(15))
def test_states_and_tasks_are_those_of_every_cycle(seed: int, tmp_path: Path) -> None:
    """Slow twin: the state of each resource in every single cycle, filled in from the intervals."""
    trace = random_trace(seed)
    dump = dumped(trace, tmp_path)
    assert dump.units_per_second == 10**9
    assert dump.end == 2 * trace.makespan_cycles
    places = [f"simsnn.engines.array{i}" for i in range(trace.engines)]
    places += [f"simsnn.channels.dram{i}" for i in range(trace.channels)]
    for resource, place in enumerate(places):
        states, tasks = np.zeros(trace.makespan_cycles, int), np.full(trace.makespan_cycles, -1)
        for row in trace.intervals[trace.intervals["resource"] == resource]:
            states[row["start"] : row["end"]] = STATES.index(Kind(row["kind"]).name.lower())
            tasks[row["start"] : row["end"]] = row["task"]
        for found, name in ((states, "state"), (tasks, "task")):
            for start, end, value in stretches(dump, f"{place}_{name}"):
                assert start % 2 == end % 2 == 0
                assert (found[start // 2 : end // 2] == (-1 if value is None else value)).all()


@pytest.mark.parametrize("seed", range(8))
def test_counters_add_up_to_what_was_moved_and_held(seed: int, tmp_path: Path) -> None:
    trace = random_trace(seed)
    held = Holdings()
    held.hold(OperandClass.WEIGHTS, 0, trace.makespan_cycles, 70)
    held.hold(OperandClass.SPIKES, 3, 9, 50)
    live = held.census()
    dump = dumped(trace, tmp_path, live=live)
    width = next(int(name.split("_")[-2]) for name in dump.changes if "bytes_per" in name)
    for channel in range(trace.channels):
        carried = stretches(dump, f"simsnn.channels.dram{channel}_bytes_per_{width}_cycles")
        total = sum((value or 0) * -(-(end - start) // (2 * width)) for start, end, value in carried)
        assert total == trace.intervals["bytes"][trace.intervals["resource"] == trace.engines + channel].sum()
    for sram in range(trace.srams):
        values = [value for _, value in dump.changes[f"simsnn.srams.sram{sram}_bytes"]]
        assert max(value or 0 for value in values) == trace.live_bytes(sram).peak
    values = [value for _, value in dump.changes["simsnn.run.live_bytes"]]
    assert max(value or 0 for value in values) == live.peak == 120


@pytest.mark.parametrize("most", [6, 20, 60])
def test_a_bound_joins_neighbours_and_says_so(most: int, tmp_path: Path) -> None:
    trace = random_trace(3)
    slices = write_vcd(trace, names_of(trace), tmp_path / "t.vcd", most)
    dump = parse((tmp_path / "t.vcd").read_text())
    assert len(slices.rows) <= most < len(trace.intervals)
    assert f"{len(trace.intervals)} intervals shown as {len(slices.rows)}: {slices.joining}" in dump.comments
    shown = sum(
        value not in (0, None) for name in dump.changes if name.endswith("_state") for _, value in dump.changes[name]
    )
    assert shown <= most


def test_equal_traces_give_equal_bytes_and_names_are_made_fit(tmp_path: Path) -> None:
    trace = random_trace(1)
    names = names_of(trace)
    odd = ("core0.array 0", *names.engines[1:])
    dumps = []
    for part in ("a", "b"):
        write_vcd(trace, replace(names, engines=odd, tasks=("c$end \n é", *names.tasks[1:])), tmp_path / part)
        dumps.append((tmp_path / part).read_bytes())
    assert dumps[0] == dumps[1]
    assert "simsnn.engines.core0_array_0_state" in parse(dumps[0].decode()).changes


@pytest.mark.parametrize(
    ("clock_hz", "unit", "ends"),
    [(500_000_000, "ns", 2), (10**9, "ns", 1), (1_600_000_000, "ps", 625), (2_500_000_000, "ps", 400)],
)
def test_the_unit_of_time_is_the_coarsest_that_fits(clock_hz: int, unit: str, ends: int, tmp_path: Path) -> None:
    scale = Timescale.of(clock_hz)
    assert (scale.unit, scale.exact, scale.at(1), scale.at(1000)) == (unit, True, ends, 1000 * ends)
    trace = random_trace(0)
    assert dumped(trace, tmp_path, clock_hz=clock_hz).end == trace.makespan_cycles * ends


def test_a_cycle_that_fits_no_unit_is_rounded_and_said_to_be(tmp_path: Path) -> None:
    scale = Timescale.of(300_000_000)
    assert (scale.unit, scale.exact) == ("fs", False)
    assert [scale.at(cycle) for cycle in (1, 2, 3)] == [3_333_333, 6_666_667, 10_000_000]
    dump = dumped(random_trace(0), tmp_path, clock_hz=300_000_000)
    assert any("times are rounded" in comment for comment in dump.comments)


def test_too_few_for_the_resources(tmp_path: Path) -> None:
    trace = random_trace(0)
    with pytest.raises(ValueError, match="resources do not fit into 1 slices"):
        write_vcd(trace, names_of(trace), tmp_path / "t.vcd", 1)
