"""One edge earlier fails: the starts of the fast model are the earliest that the registers permit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsnn.kernels import folds as kernel
from simsnn.reference.systolic import FoldSpec, Forcing, SystolicRun, SystolicTask, run_systolic


def machine(**words: int) -> np.ndarray:
    switches = np.zeros(kernel.MACHINE_WORDS, np.int64)
    switches[kernel.SHIFT_OUT] = 1
    for name, value in words.items():
        switches[getattr(kernel, name)] = value
    return switches


def stationary_task(rng: np.random.Generator, load: int, *, trimmed: bool) -> SystolicTask:
    """A list of independent one-fold products, so that any shapes may follow one another."""
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    moving, held, specs = [], [], []
    for index in range(4):
        r, c, s = int(rng.integers(1, rows + 1)), int(rng.integers(1, columns + 1)), int(rng.integers(1, 9))
        moving.append(rng.integers(1, 99, (s, r)))
        held.append(rng.integers(1, 99, (r, c)))
        timed = (r, c) if trimmed else (rows, columns)
        specs.append(FoldSpec(index, (0, r), (0, c), (0, s), timed))
    return SystolicTask(tuple(moving), tuple(held), tuple(specs), (rows, columns), machine(WEIGHT_LOAD=load))


def output_task(rng: np.random.Generator, enable: int, *, trimmed: bool) -> SystolicTask:
    rows, columns = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    moving, held, specs = [], [], []
    for index in range(4):
        r, c, k = int(rng.integers(1, rows + 1)), int(rng.integers(1, columns + 1)), int(rng.integers(1, 12))
        moving.append(rng.integers(1, 99, (r, k)))
        held.append(rng.integers(1, 99, (k, c)))
        timed = (r, c) if trimmed else (rows, columns)
        specs.append(FoldSpec(index, (0, r), (0, c), (0, k), timed))
    switches = machine(OUTPUT_STATIONARY=1, OVERLAPPED=1, DRAIN_ENABLE=enable)
    return SystolicTask(tuple(moving), tuple(held), tuple(specs), (rows, columns), switches)


def correct(task: SystolicTask, run: SystolicRun) -> bool:
    products = zip(task.moving, task.held, run.outputs, strict=True)
    return run.collisions == 0 and all(np.array_equal(a @ b, out) for a, b, out in products)


def timeline(task: SystolicTask) -> list[tuple[int, int, int]]:
    """(load edge, first stream edge, end of stream) of every fold by the fast model."""
    state, found = np.zeros(kernel.STATE_WORDS, np.int64), []
    for spec in task.folds:
        kernel.step_folds(state, *spec.timed, spec.stream[1] - spec.stream[0], 1, 0, 0, task.machine)
        found.append((int(state[kernel.LOAD]), int(state[kernel.FIRST]), int(state[kernel.ISSUE_END])))
    return found


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("load", [kernel.SHIFT_GLOBAL, kernel.SHIFT_SKEWED, kernel.ROW_ADDRESSED])
def test_a_load_one_edge_earlier_destroys_a_tile(load: int, trimmed: bool) -> None:
    rng, tried = np.random.default_rng(load), 0
    for _ in range(60):
        task = stationary_task(rng, load, trimmed=trimmed)
        assert correct(task, run_systolic(task))
        edges = timeline(task)
        for index in range(1, len(edges)):
            bus = edges[index - 1][0] + task.folds[index - 1].timed[0]
            if edges[index][0] > bus:  # the registers decide, not the load port
                run = run_systolic(replace(task, forcing=(Forcing(index, load=edges[index][0] - 1),)))
                assert run.collisions > 0
                tried += 1
    assert tried > 50 or load == kernel.ROW_ADDRESSED  # there the port is usually the bound
    assert tried > 10


@pytest.mark.parametrize("load", [kernel.SHIFT_GLOBAL, kernel.SHIFT_SKEWED])
def test_a_stream_one_edge_before_its_tile_is_complete_fails(load: int) -> None:
    rng, tried = np.random.default_rng(10 + load), 0
    for _ in range(40):
        task = stationary_task(rng, load, trimmed=True)
        edges = timeline(task)
        for index in range(1, len(edges)):
            loaded = edges[index][0] + task.folds[index].timed[0]
            if edges[index][1] == loaded > edges[index - 1][2]:
                run = run_systolic(replace(task, forcing=(Forcing(index, start=loaded - 1),)))
                assert run.collisions > 0
                tried += 1
    assert tried > 40


@pytest.mark.parametrize("load", [kernel.SHIFT_SKEWED, kernel.ROW_ADDRESSED])
def test_a_smaller_fold_one_edge_earlier_meets_its_predecessor_on_the_wires(load: int) -> None:
    """The term max(0, h' - h, r' - r) is needed to the last edge."""
    rng, tried = np.random.default_rng(20 + load), 0
    for _ in range(200):
        task = stationary_task(rng, load, trimmed=True)
        edges = timeline(task)
        for index in range(1, len(edges)):
            (r, c), (r0, c0) = task.folds[index].timed, task.folds[index - 1].timed
            wires = edges[index - 1][2] + max(0, r0 + c0 - r - c, r0 - r)
            if wires > edges[index - 1][2] and edges[index][1] == wires > edges[index][0] + r:
                run = run_systolic(replace(task, forcing=(Forcing(index, start=wires - 1),)))
                assert run.collisions > 0
                tried += 1
    assert tried > 20


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("enable", [kernel.ENABLE_GLOBAL, kernel.ENABLE_SKEWED, kernel.ENABLE_ROW_TIMED])
def test_overlapped_drain_starts_are_the_earliest(enable: int, trimmed: bool) -> None:
    """Also with trimmed folds and K varying from fold to fold at once."""
    rng, tried = np.random.default_rng(30 + enable), 0
    for _ in range(120):
        task = output_task(rng, enable, trimmed=trimmed)
        run, edges = run_systolic(task), timeline(task)
        assert correct(task, run)
        assert run.starts is not None
        assert run.starts.tolist() == [first for _, first, _ in edges]
        forced = tuple(Forcing(i, start=first) for i, (_, first, _) in enumerate(edges))
        assert correct(task, run_systolic(replace(task, forcing=forced)))
        for index in range(1, len(edges)):
            if edges[index][1] > edges[index - 1][2]:
                earlier = replace(forced[index], start=edges[index][1] - 1)
                changed = (*forced[:index], earlier, *forced[index + 1 :])
                assert run_systolic(replace(task, forcing=changed)).collisions > 0
                tried += 1
    assert tried > 30
