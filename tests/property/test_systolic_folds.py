"""Properties of the fold recurrences: collapsing changes nothing, waiting never helps, waits are stalls."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simsnn.engines.base import Dataflow
from simsnn.engines.systolic_blocking import accumulator_blocks, balanced
from simsnn.engines.systolic_check import COMBINATIONS, Case, systolic_cases
from simsnn.kernels import folds as kernel
from tests.naive.systolic import NaiveFold, output_task, stationary_task

LOADS = ("shift_global", "shift_skewed", "row_addressed")
ENABLES = ("global", "skewed", "row_timed")

sizes = st.integers(1, 9)
loops = st.lists(st.tuples(sizes, st.integers(1, 7)), min_size=1, max_size=3)
machines = st.tuples(st.booleans(), st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2), st.booleans())


def switches(drawn: tuple[bool, int, bool, bool, int, bool]) -> np.ndarray:
    outputs, load, single, overlapped, enable, edge = drawn
    return np.array([outputs, load, single, overlapped, enable, edge and not outputs, 1], np.int64)


def naive(machine: np.ndarray, folds: list[NaiveFold]) -> dict[str, int]:
    if machine[kernel.OUTPUT_STATIONARY]:
        return output_task(folds, ENABLES[machine[kernel.DRAIN_ENABLE]] if machine[kernel.OVERLAPPED] else None)
    return stationary_task(
        folds, LOADS[machine[kernel.WEIGHT_LOAD]], bool(machine[kernel.SINGLE_BUFFER]), bool(machine[kernel.EXTRA_EDGE])
    )


def measured(state: np.ndarray) -> dict[str, int]:
    words = {"fill": kernel.FILL, "stream": kernel.STREAM, "reload": kernel.RELOAD, "stall": kernel.STALL}
    found = {name: int(state[word]) for name, word in words.items()}
    drain = int(state[kernel.TAIL])
    return {**found, "drain": drain, "cycles": int(state[kernel.ISSUE_END]) + drain}


@settings(max_examples=250, deadline=None)
@given(machines, loops, loops, loops, st.permutations([0, 1, 2]), st.integers(1, 4))
def test_collapsed_nests_equal_every_fold_in_turn(
    drawn: tuple[bool, int, bool, bool, int, bool],
    outer: list[tuple[int, int]],
    middle: list[tuple[int, int]],
    inner: list[tuple[int, int]],
    order: list[int],
    repeats: int,
) -> None:
    machine, state = switches(drawn), np.zeros(kernel.STATE_WORDS, np.int64)
    runs = np.array([*outer, *middle, *inner], np.int64)
    edges = np.cumsum([0, len(outer), len(middle), len(inner)])
    kernel.run_nests(state, runs, edges[None], np.array(order, np.int64), repeats, machine)
    folds = []
    for _ in range(repeats):
        for a in (size for size, count in outer for _ in range(count)):
            for b in (size for size, count in middle for _ in range(count)):
                for c in (size for size, count in inner for _ in range(count)):
                    shape = dict(zip(order, (a, b, c), strict=True))
                    folds.append(NaiveFold(shape[0], shape[1], [(shape[2], 0)]))
    assert measured(state) == naive(machine, folds)


@settings(max_examples=250, deadline=None)
@given(
    machines, st.lists(st.tuples(sizes, sizes, sizes, st.integers(1, 5), st.integers(0, 90)), min_size=1, max_size=6)
)
def test_runs_of_equal_folds_with_ready_times(
    drawn: tuple[bool, int, bool, bool, int, bool], runs: list[tuple[int, int, int, int, int]]
) -> None:
    """Only the first fold of a run waits: its tiles were ready with it."""
    machine, state, folds = switches(drawn), np.zeros(kernel.STATE_WORDS, np.int64), []
    for rows, columns, stream, count, ready in runs:
        kernel.step_folds(state, rows, columns, stream, count, ready, ready, machine)
        folds += [NaiveFold(rows, columns, [(stream, ready)], ready) for _ in range(count)]
    assert measured(state) == naive(machine, folds)


def sampled_cases(count: int, seed: int) -> list[Case]:
    return [case for s in COMBINATIONS[:: max(1, len(COMBINATIONS) // 26)] for case in systolic_cases(s, count, seed)]


def test_chunked_without_waiting_is_the_closed_form() -> None:
    for case in sampled_cases(8, seed=3):
        plan = case.plan
        state, ends = plan.advance_all(np.zeros(plan.chunk_count, np.int64))
        assert plan.parts(state) == plan.cost().cycles
        assert int(ends[-1, 1]) == plan.cost().cycles.total
        assert sum(plan.issues(chunk) for chunk in range(plan.chunk_count)) == plan.cost().cycles.stream


def test_one_chunk_at_a_time_equals_all_at_once() -> None:
    for case in sampled_cases(3, seed=4):
        state = case.plan.start()
        single = [case.plan.advance(state, chunk, ready) for chunk, ready in enumerate(case.ready)]
        together, ends = case.plan.advance_all(np.array(case.ready, np.int64))
        assert ends.tolist() == [list(pair) for pair in single]
        assert case.plan.parts(state) == case.plan.parts(together)


def test_a_later_operand_never_ends_earlier() -> None:
    rng = np.random.default_rng(5)
    for case in sampled_cases(6, seed=6):
        ready = np.array(case.ready, np.int64)
        later = ready + rng.integers(0, 30, len(ready)) * (rng.random(len(ready)) < 0.4)
        _, ends = case.plan.advance_all(ready)
        _, late_ends = case.plan.advance_all(later)
        assert (late_ends >= ends).all()
        assert (ends[:, 1] >= ends[:, 0]).all()


def test_waiting_for_everything_at_once_is_pure_stall() -> None:
    for case in sampled_cases(4, seed=8):
        plan, late = case.plan, 1000
        state, _ = plan.advance_all(np.full(plan.chunk_count, late, np.int64))
        parts, closed = plan.parts(state), plan.cost().cycles
        assert parts.stall == late
        assert parts.total == closed.total + late


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 6), st.integers(1, 500), st.integers(1, 80))
def test_a_larger_accumulator_never_makes_more_blocks(
    slots: int, rows: int, live: int, room: int, interval: int
) -> None:
    """Blocks are balanced and fit, and time per block max(S, II) adds up to less with more room."""
    spent = []
    for acc_rows in (room * live, room * live + live, 2 * room * live):
        bounds = accumulator_blocks(slots, rows, live, acc_rows, 1)
        sizes_ = np.diff(bounds)
        assert bounds[0] == 0
        assert bounds[-1] == slots * rows
        assert sizes_.min() > 0
        assert sizes_.max() * live <= acc_rows
        whole = set((bounds % rows).tolist()) == {0}
        assert whole or all(edge in bounds for edge in range(0, slots * rows, rows))
        spent.append(int(np.maximum(sizes_, interval).sum()))
    assert spent == sorted(spent, reverse=True)


@given(st.integers(1, 200), st.integers(1, 50))
def test_balanced_cuts(total: int, parts: int) -> None:
    cut = np.diff(balanced(total, parts))
    assert cut.sum() == total
    assert len(cut) == min(parts, total)
    assert cut.max() - cut.min() <= 1


def test_every_combination_has_its_own_name() -> None:
    assert len({s.name for s in COMBINATIONS}) == len(COMBINATIONS) == 104
    assert {s.dataflow for s in COMBINATIONS} == set(Dataflow)
