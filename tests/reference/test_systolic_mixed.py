"""Any folds one after another, any M-tiles, tiles and operands late at random: registers = recurrence = plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.kernels import folds as kernel
from simsnn.reference import systolic_registers as registers
from simsnn.reference.systolic import FoldSpec, SystolicTask, run_systolic
from tests.naive.systolic import NaiveFold, output_task, stationary_task

LOADS = ("shift_global", "shift_skewed", "row_addressed")
ENABLES = ("global", "skewed", "row_timed")


def machine(**words: int) -> np.ndarray:
    switches = np.zeros(kernel.MACHINE_WORDS, np.int64)
    switches[kernel.SHIFT_OUT] = 1
    for name, value in words.items():
        switches[getattr(kernel, name)] = value
    return switches


def mixed_task(rng: np.random.Generator, switches: np.ndarray, *, trimmed: bool) -> SystolicTask:
    """Up to eight independent one-fold products of any shape, each perhaps late."""
    rows, columns = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    outputs = bool(switches[kernel.OUTPUT_STATIONARY])
    moving, held, specs = [], [], []
    for index in range(int(rng.integers(1, 9))):
        r, c, s = int(rng.integers(1, rows + 1)), int(rng.integers(1, columns + 1)), int(rng.integers(1, 14))
        moving.append(rng.integers(-99, 99, (r, s) if outputs else (s, r)))
        held.append(rng.integers(-99, 99, (s, c) if outputs else (r, c)))
        cuts = [0, s] if outputs else sorted({0, s, *rng.integers(0, s + 1, int(rng.integers(0, 3))).tolist()})
        late = (rng.integers(0, 120, len(cuts)) * (rng.random(len(cuts)) < 0.3)).tolist()
        tiles = tuple((b - a, ready) for a, b, ready in zip(cuts[:-1], cuts[1:], late[1:], strict=True))
        timed = (r, c) if trimmed else (rows, columns)
        specs.append(FoldSpec(index, (0, r), (0, c), (0, s), timed, tiles=tiles, ready_load=late[0]))
    return SystolicTask(tuple(moving), tuple(held), tuple(specs), (rows, columns), switches)


def compare(task: SystolicTask, expected: dict[str, int]) -> None:
    run = run_systolic(task)
    assert run.collisions == 0
    for moving, held, out in zip(task.moving, task.held, run.outputs, strict=True):
        assert np.array_equal(moving @ held, out)
    words = (registers.T_FILL, registers.T_STREAM, registers.T_RELOAD, registers.T_STALL, registers.T_DRAIN)
    names = ("fill", "stream", "reload", "stall", "drain")
    assert {name: int(run.tally[word]) for name, word in zip(names, words, strict=True)} == {
        name: expected[name] for name in names
    }
    assert run.cycles == expected["cycles"]
    state = np.zeros(kernel.STATE_WORDS, np.int64)
    for spec in task.folds:
        kernel.step_folds(state, *spec.timed, spec.tiles[0][0], 1, spec.ready_load, spec.tiles[0][1], task.machine)
        for rows, ready in spec.tiles[1:]:
            kernel.continue_fold(state, rows, ready)
    assert int(state[kernel.ISSUE_END] + state[kernel.TAIL]) == expected["cycles"]


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("load", range(3))
def test_stationary(load: int, single: bool, trimmed: bool) -> None:
    rng, switches = np.random.default_rng([load, single, trimmed]), machine(WEIGHT_LOAD=load, SINGLE_BUFFER=single)
    for _ in range(60):
        task = mixed_task(rng, switches, trimmed=trimmed)
        folds = [NaiveFold(*spec.timed, list(spec.tiles), spec.ready_load) for spec in task.folds]
        compare(task, stationary_task(folds, LOADS[load], single, extra_edge=False))


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("enable", [None, 0, 1, 2])
def test_outputs(enable: int | None, trimmed: bool) -> None:
    """Trimmed folds, K varying from fold to fold, and late operands, all at once."""
    rng = np.random.default_rng([7 if enable is None else enable, trimmed])
    switches = machine(OUTPUT_STATIONARY=1, OVERLAPPED=enable is not None, DRAIN_ENABLE=enable or 0)
    for _ in range(60):
        task = mixed_task(rng, switches, trimmed=trimmed)
        late = [max(spec.ready_load, spec.tiles[0][1]) for spec in task.folds]
        specs = tuple(
            FoldSpec(s.gemm, s.rows, s.columns, s.stream, s.timed, tiles=((s.tiles[0][0], when),), ready_load=when)
            for s, when in zip(task.folds, late, strict=True)
        )
        task = SystolicTask(task.moving, task.held, specs, task.shape, task.machine)
        folds = [NaiveFold(*spec.timed, list(spec.tiles), spec.ready_load) for spec in specs]
        compare(task, output_task(folds, None if enable is None else ENABLES[enable]))
