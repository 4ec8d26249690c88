"""Stepped LUT machine: sums, hand-counted cycles, and the recurrences of docs/machines section 4."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from simsnn.reference.lut import LutMachine, LutUpdateMachine, run_lut_forward, run_lut_update
from simsnn.reference.lut_machine import BuilderState, IssueState
from tests.naive import lut_recurrences as naive

FILL, STREAM, BUILD, RELOAD, SCAN, IMBALANCE, DRAIN, STALL = range(8)


def random_machine(rng):
    """Small arrays; groups, lanes, build ports and windows often exceed what the task needs."""
    k = int(rng.integers(1, 6))
    return LutMachine(
        address_bits=k,
        build_ports=int(rng.choice([1, 2, 3, 2 ** (k - 1), 2**k])),
        read_ports=int(rng.integers(1, 6)),
        lanes=int(rng.integers(1, 7)),
        groups=int(rng.choice([1, 2, 3, 4, 5, 8])),
        double_tables=bool(rng.integers(2)),
        skip_window=int(rng.integers(0, 6)),
        bypass=bool(rng.integers(2)),
    )


def random_spikes(rng, positions, inputs):
    """Density from none over sparse to all ones; some rows and columns silent."""
    spikes = rng.random((positions, inputs)) < rng.choice([0.0, 0.05, 0.2, 0.5, 1.0])
    if rng.random() < 0.3:
        spikes[rng.random(positions) < 0.7] = False
    return spikes.astype(np.uint8)


def cut(rng, total, parts):
    """Random positive sizes that add up to ``total``, at most ``parts`` of them."""
    inner = rng.choice(np.arange(1, total), size=min(parts, total) - 1, replace=False) if total > 1 else []
    return np.diff(np.concatenate([[0], np.sort(inner), [total]])).astype(np.int64)


def random_ready(rng, chunks):
    """All in SRAM, or in SRAM at random edges, or at random edges that only rise."""
    ready = rng.integers(0, int(rng.choice([1, 10, 60])), chunks).astype(np.int64)
    return np.sort(ready) if rng.random() < 0.5 else ready


def check(machine, run, tiles, expected_parts, expected_ends):
    """What holds for every run: recurrences, sums of parts, counts."""
    counts = asdict(run.counts)
    for name, value in naive.counts_of(machine, tiles).items():
        assert counts[name] == value, name
    k = machine.address_bits
    assert run.counts.table_adds == run.counts.tables * (2**k - k - 1)
    assert run.counts.table_copies == run.counts.tables * k
    assert run.counts.table_writes == run.counts.tables * (2**k - 1)
    assert run.parts.tolist() == expected_parts
    assert [tuple(end) for end in run.ends.tolist()] == expected_ends
    assert run.parts.sum() == run.cycles
    assert run.parts[IMBALANCE] == 0


@pytest.mark.parametrize("seed", range(6))
def test_forward_equals_plain_sums_and_recurrences_on_random_cases(seed):
    rng = np.random.default_rng(seed)
    for _ in range(150):
        machine = random_machine(rng)
        inputs, channels, positions = (int(rng.integers(1, top)) for top in (15, 10, 24))
        weights = rng.integers(-99, 100, (inputs, channels), dtype=np.int64)
        spikes = random_spikes(rng, positions, inputs)
        bounds = np.concatenate([[0], np.cumsum(cut(rng, positions, int(rng.integers(1, 5))))])
        groups = -(-inputs // machine.address_bits)
        count = -(-channels // machine.lanes) * (len(bounds) - 1) * -(-groups // machine.groups)
        sizes = cut(rng, count, int(rng.integers(1, 5)))
        ready = random_ready(rng, len(sizes))
        run = run_lut_forward(machine, weights, spikes, bounds, sizes, ready)
        assert np.array_equal(run.values, spikes.astype(np.int64) @ weights)
        tiles = naive.forward_tiles(machine, inputs, channels, spikes, bounds, sizes)
        check(machine, run, tiles, *naive.schedule(machine, tiles, ready.tolist()))
        assert run.counts.operations == int(spikes.sum()) * channels
        assert run.counts.drained_words == run.counts.readback_words == run.parts[RELOAD] == 0
        assert run.parts[STALL] == 0 or ready.any()


@pytest.mark.parametrize("seed", range(6))
def test_update_equals_plain_sums_and_recurrences_on_random_cases(seed):
    rng = np.random.default_rng(100 + seed)
    for _ in range(150):
        machine = random_machine(rng)
        update = LutUpdateMachine(
            *(bool(b) for b in rng.integers(0, 2, 2)), int(rng.integers(1, 9)), bool(rng.integers(2))
        )
        inputs, channels, positions = (int(rng.integers(1, top)) for top in (12, 10, 24))
        gradients = rng.integers(-99, 100, (positions, channels), dtype=np.int64)
        gradients[rng.random(gradients.shape) < rng.choice([0.0, 0.5, 0.9, 1.0])] = 0
        spikes = random_spikes(rng, positions, inputs)
        groups = random_groups(rng, positions, machine.address_bits)
        bounds = np.sort(rng.integers(0, len(groups) + 1, int(rng.integers(0, 4))))
        bounds = np.concatenate([[0], bounds, [len(groups)]]).astype(np.int64)
        oc_count = -(-channels // machine.lanes)
        ready = random_ready(rng, oc_count * (len(bounds) - 1))
        initial = rng.integers(-99, 100, (inputs, channels), dtype=np.int64)
        run = run_lut_update(machine, gradients, spikes, groups, update, bounds, ready, initial)
        assert np.array_equal(run.values, initial + spikes.T.astype(np.int64) @ gradients)
        tiles = naive.update_tiles(machine, update, gradients, spikes, groups, bounds)
        widths = [min(machine.lanes, channels - first) for first in range(0, channels, machine.lanes)]
        drains = naive.Drains(
            1 + update.double_accumulators, [-(-width * inputs // update.drain_width) for width in widths]
        )
        check(machine, run, tiles, *naive.schedule(machine, tiles, ready.tolist(), len(bounds) - 1, drains))
        assert run.counts.operations == int(spikes.sum()) * channels
        assert run.counts.drained_words == inputs * channels
        assert run.counts.readback_words == update.readback * inputs * channels


def random_groups(rng, positions, k):
    """Every position in one group, in random order, tails padded, absent places anywhere in a group."""
    order, groups = rng.permutation(positions), []
    while len(order):
        size = int(rng.integers(1, k + 1)) if rng.random() < 0.3 else min(k, len(order))
        group = np.full(k, -1, dtype=np.int64)
        group[np.sort(rng.choice(k, size=min(size, len(order)), replace=False))] = order[:size]
        groups.append(group)
        order = order[size:]
    return np.array(groups)


def forward(
    k=2, ports=1, reads=1, groups=1, double=True, window=0, bypass=False, spikes=None, inputs=2, chunks=None, ready=(0,)
):
    """One output channel, all positions in one block, all ones unless spikes are given."""
    machine = LutMachine(k, ports, reads, 1, groups, double, window, bypass)
    spikes = np.ones((4, inputs), dtype=np.uint8) if spikes is None else np.array(spikes, dtype=np.uint8)
    tiles = -((-spikes.shape[1] // k) // groups)
    weights = np.arange(1, spikes.shape[1] + 1, dtype=np.int64).reshape(-1, 1)
    sizes = np.array([tiles] if chunks is None else chunks, dtype=np.int64)
    bounds = np.array([0, len(spikes)])
    run = run_lut_forward(machine, weights, spikes, bounds, sizes, np.array(ready, dtype=np.int64), trace=True)
    assert np.array_equal(run.values, spikes.astype(np.int64) @ weights)
    return run


@pytest.mark.parametrize(
    ("k", "ports", "edges"),
    [
        (3, 1, 7),  # 1 + 2 + 4
        (3, 2, 4),  # 1 + 1 + 2
        (3, 3, 4),  # 1 + 1 + ceil(4/3): a block never starts before the one below is complete
        (3, 4, 3),  # one edge per block
        (3, 64, 3),
        (4, 3, 7),  # 1 + 1 + 2 + 3
        (1, 1, 1),
        (5, 1, 31),
        (12, 1, 4095),
        (12, 2048, 12),
    ],
)
def test_a_table_takes_its_blocks(k, ports, edges):
    run = forward(k=k, ports=ports, inputs=k)
    # one tile: tb edges of building, n = 4 reads, D = 1 (one group: no tree edge, one accumulate edge)
    assert run.cycles == edges + 4 + 1
    assert run.parts[FILL] == edges


def test_one_tile():
    # k = 2, A = 1: tb = 1 + 2 = 3; 4 positions on 1 port: n = 4; 3 groups: D = ceil(log2 3) + 1 = 3
    run = forward(inputs=6, groups=3)
    assert run.parts.tolist() == [3, 4, 0, 0, 0, 0, 3, 0]
    assert run.ends.tolist() == [[7, 10]]
    # the same with 3 ports: n = 2
    assert forward(inputs=6, groups=3, reads=3).cycles == 3 + 2 + 3


def test_equal_tiles():
    # tb = 3 and s = 2 (2 ports): tables are the bottleneck. Builds end at 3, 6, 9; reads at 5, 8, 11; D = 1
    assert forward(inputs=6, reads=2).parts.tolist() == [3, 6, 2, 0, 0, 0, 1, 0]
    # s = 4 > tb: 3 + 2*4 + 4 + 1
    assert forward(inputs=6).parts.tolist() == [3, 12, 0, 0, 0, 0, 1, 0]
    # single-buffered: 3*(3 + 2) + 1; the second and third build are waited for
    assert forward(inputs=6, reads=2, double=False).parts.tolist() == [3, 6, 6, 0, 0, 0, 1, 0]


def test_same_accumulator_at_every_edge():
    # k = 1 and one position: six tiles issue at edges 1..6, each adds to the one accumulator an edge later
    run = forward(k=1, inputs=6, spikes=np.ones((1, 6)))
    assert run.values.tolist() == [[21]]
    assert run.cycles == 1 + 6 + 1


def test_skip_window():
    # flags 0 0 0 1 0 1 0 0 0, Z = 2: edge 0 builds; edge 1 sees (0 0): bubble; edge 2 jumps to flag 3;
    # edge 3 jumps over one zero to flag 5; edges 4 and 5 see (0 0) and (0): bubbles. The last accumulate is edge 4.
    column = [[0], [0], [0], [1], [0], [1], [0], [0], [0]]
    run = forward(k=1, window=2, spikes=column)
    assert run.parts.tolist() == [2, 2, 0, 0, 0, 0, 2, 0]
    assert run.counts.flags == 9
    B, S = IssueState.BUBBLE, IssueState.ISSUE
    assert run.trace.issue.tolist() == [IssueState.TABLE, B, S, S, B, B]
    # Z = 1 walks all: 9 flags; Z = 4: edge 1 jumps to flag 3, edge 2 to flag 5, edge 3 sees the last three
    assert forward(k=1, window=1, spikes=column).cycles == 1 + 9
    assert forward(k=1, window=4, spikes=column).ends.tolist() == [[4, 4]]
    # no spike at all: ceil(9/4) edges, nothing is ever issued, all is fill
    assert forward(k=1, window=4, spikes=np.zeros((9, 1))).parts.tolist() == [4, 0, 0, 0, 0, 0, 0, 0]


def test_bypass_is_taken_where_it_is_cheaper():
    # k = 4, A = 1: tb = 15. n = 3: 4 + 12 = 16 < 18, so 4 copies and 12 gated adds, and D = 1
    run = forward(k=4, bypass=True, spikes=np.ones((3, 4)))
    assert (run.cycles, run.counts.tables, run.counts.gated_adds) == (17, 0, 12)
    # n = 4: 4 + 16 = 20 > 19
    run = forward(k=4, bypass=True, spikes=np.ones((4, 4)))
    assert (run.cycles, run.counts.tables, run.counts.gated_adds) == (20, 1, 0)
    # k = 8, A = 1: n < 36
    assert forward(k=8, bypass=True, spikes=np.ones((35, 8))).counts.bypassed_tiles == 1
    assert forward(k=8, bypass=True, spikes=np.ones((36, 8))).counts.bypassed_tiles == 0


def test_lateness_is_stall_as_far_as_the_builder_sat_idle_for_it():
    # all operands come at edge 5: five edges of stall, then as ever
    assert forward(ready=(5,)).parts.tolist() == [3, 4, 0, 0, 0, 0, 1, 5]
    # second tile (tb = 3, s = 4) ready at 6: the builder is idle at 3, 4, 5 (debt 3), its table is complete at 9;
    # the issue stage is free at 7 and waits at 7 and 8: both edges are stall
    run = forward(inputs=4, chunks=(1, 1), ready=(0, 6))
    assert run.parts.tolist() == [3, 8, 0, 0, 0, 0, 1, 2]
    late = [BuilderState.BUILD] * 3 + [BuilderState.LATE] * 3 + [BuilderState.BUILD] * 3 + [BuilderState.DONE] * 5
    assert run.trace.builder.tolist() == late
    # two ports (s = 2), ready at 4: debt 1; the issue stage waits from 5 to 7: one stall, one build
    assert forward(inputs=4, reads=2, chunks=(1, 1), ready=(0, 4)).parts.tolist() == [3, 4, 1, 0, 0, 0, 1, 1]


def update_run(double, gradients, spikes, window=0, width=1, skip_groups=False):
    """k = 1, one group, one lane, one port, double tables: tb = 1, D = 1."""
    machine = LutMachine(1, 1, 1, 1, 1, True, window, False)
    update = LutUpdateMachine(skip_groups, double, width, False)
    gradients, spikes = np.array(gradients, dtype=np.int64), np.array(spikes, dtype=np.uint8)
    groups = np.arange(len(gradients)).reshape(-1, 1)
    channels = gradients.shape[1]
    run = run_lut_update(
        machine,
        gradients,
        spikes,
        groups,
        update,
        np.array([0, len(groups)]),
        np.zeros(channels, dtype=np.int64),
        np.zeros((spikes.shape[1], channels), dtype=np.int64),
        trace=True,
    )
    assert np.array_equal(run.values, spikes.T.astype(np.int64) @ gradients)
    return run


def test_drains():
    # three oc-tiles of one tile with n = 2 issues each, two words to drain (dr = 2).
    # Single: issues 1 2, accumulated by 4, drain 4 5; issues 6 7, drain 9 10; issues 11 12, drain 14 15
    run = update_run(False, [[1, 2, 3]], [[1, 1]])
    assert run.ends.tolist() == [[3, 6], [8, 11], [13, 16]]
    assert run.parts.tolist() == [1, 6, 0, 6, 0, 0, 3, 0]
    assert run.trace.drain.tolist() == [-1] * 4 + [0, 0] + [-1] * 3 + [1, 1] + [-1] * 3 + [2, 2]
    # Double: issues 1..4, drains 4 5 and 6 7; the third tile waits for the first drain: issues 6 7, drain 9 10
    run = update_run(True, [[1, 2, 3]], [[1, 1]])
    assert run.ends.tolist() == [[3, 6], [5, 8], [8, 11]]
    assert run.parts.tolist() == [1, 6, 0, 1, 0, 0, 3, 0]


def test_dropped_groups_and_tiles_without_an_issue():
    # the second channel has no gradient: with skip_groups it has no tile and drains behind the first drain
    run = update_run(True, [[1, 0]], [[1, 1]], skip_groups=True)
    assert run.ends.tolist() == [[3, 6], [3, 8]]
    assert (run.counts.tiles, run.counts.operations, run.counts.drained_words) == (1, 4, 4)
    # nothing spikes, Z = 2: each tile is one bubble (edges 1, 2), nothing is issued, drains 2 3 and 4 5
    run = update_run(True, [[1, 1]], [[0, 0]], window=2)
    assert run.ends.tolist() == [[2, 4], [3, 6]]
    assert run.parts.tolist() == [6, 0, 0, 0, 0, 0, 0, 0]


def test_a_drain_starts_behind_the_last_accumulate_though_zero_flags_are_still_scanned():
    # flags 1 0 0 0 0, Z = 1: issue at edge 1, accumulated at 2, all five words leave at 3; bubbles until edge 5
    run = update_run(False, [[7]], [[1, 0, 0, 0, 0]], window=1, width=5)
    assert run.trace.drain.tolist() == [-1, -1, -1, 0, -1, -1]
    assert run.ends.tolist() == [[6, 6]]
    assert run.parts.tolist() == [1, 1, 0, 0, 0, 0, 4, 0]


def test_trace_agrees_with_the_parts_and_the_pipeline():
    rng = np.random.default_rng(5)
    machine = LutMachine(3, 2, 2, 3, 3, True, 2, False)
    weights, spikes = rng.integers(-9, 9, (20, 5)), random_spikes(np.random.default_rng(8), 14, 20)
    bounds, sizes = np.array([0, 7, 14]), np.array([5, 7])
    run = run_lut_forward(machine, weights, spikes, bounds, sizes, np.array([2, 40]), trace=True)
    plain = run_lut_forward(machine, weights, spikes, bounds, sizes, np.array([2, 40]))
    assert plain.trace is None
    assert np.array_equal(plain.parts, run.parts)
    trace = run.trace
    assert len(trace.issue) == run.cycles
    issues = np.flatnonzero(trace.issue == IssueState.ISSUE)
    assert len(issues) == run.parts[STREAM]
    # an issue is accumulated D = ceil(log2 3) + 1 = 3 edges later, with its tile's tag
    assert np.array_equal(np.flatnonzero(trace.accumulate_tile >= 0), issues + 3)
    assert np.array_equal(trace.accumulate_tile[issues + 3], trace.issue_tile[issues])
    builds = (trace.builder == BuilderState.BUILD).sum()
    assert builds == naive.table_edges(machine) * run.counts.tiles


def test_chunks_that_do_not_cover_the_tiles_are_refused():
    with pytest.raises(ValueError, match="do not cover"):
        forward(inputs=4, chunks=(1,))
    update, machine = LutUpdateMachine(False, False, 1, False), LutMachine(1, 1, 1, 1, 1, True, 0, False)
    ones, groups, ready = np.ones((2, 1), dtype=np.int64), np.array([[0], [1]]), np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="do not cover"):
        run_lut_update(machine, ones, ones.astype(np.uint8), groups, update, np.array([0, 1]), ready, ones[:1])
