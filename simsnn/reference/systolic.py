"""Register-level run of a systolic task: folds in, values, cycles, parts and counts out.

The fold list is enumerated here with plain loops over the cuts of the axes, apart from the loop
nests of the fast model. For ``os`` with overlapped drain the machine is given each fold's first
edge; ``earliest_starts`` finds it by trying: a fold starts one edge later until the registers
report no collision. Docs/machines section 3.2. Tests: ``tests/reference/test_systolic.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.folds import EXTRA_EDGE, OUTPUT_STATIONARY, OVERLAPPED
from simsnn.reference import systolic_registers as registers
from simsnn.reference.systolic_outputs import run_outputs
from simsnn.reference.systolic_stationary import run_stationary

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FoldSpec:
    """One fold: used range of each axis, timed shape, place in the sum over K, M-tiles.

    Parameters
    ----------
    gemm : int
        Index of the product.
    rows, columns, stream : (start, stop)
        Ranges of the three axes as the array sees them.
    timed : (rows, columns)
        Shape that the array drives, R x C where edge folds are full.
    first, last : bool
        First and last fold of the sum over K.
    bank_base : int
        Accumulator row of the fold's first streamed row.
    copy : int
        Copy of the output it belongs to (partial dW of an ``os`` product cut along K).
    tiles : tuple of (rows, ready)
        M-tiles with the edges at which their operand is ready.
    ready_load : int
        Edge at which the stationary tile is ready; in ``os`` both operands.
    """

    gemm: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    stream: tuple[int, int]
    timed: tuple[int, int]
    first: bool = True
    last: bool = True
    bank_base: int = 0
    copy: int = 0
    tiles: tuple[tuple[int, int], ...] = ()
    ready_load: int = 0


@dataclass(frozen=True, slots=True)
class Forcing:
    """A fold whose load or stream a test makes begin at a given edge."""

    fold: int
    load: int = -1
    start: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class SystolicRun:
    """What the registers did.

    Parameters
    ----------
    outputs : list of NDArray[int64], shape (M, N)
        Products; partial copies of an ``os`` product cut along K are stacked along a first axis.
    tally : NDArray[int64]
        Words of ``simsnn.reference.systolic_registers``.
    starts : NDArray[int64] or None
        First edges that were found for ``os`` with overlapped drain.
    """

    outputs: list[Ints]
    tally: Ints
    starts: Ints | None = None

    @property
    def cycles(self) -> int:
        """Edges from the first load or operand to the last result."""
        return int(self.tally[registers.CYCLES])

    @property
    def collisions(self) -> int:
        """Words that met in one register, or were taken too early."""
        return int(self.tally[registers.COLLISIONS])

    @property
    def largest_magnitude(self) -> int:
        """Largest magnitude of any sum before it was wrapped."""
        return int(max(self.tally[registers.LARGEST], -self.tally[registers.SMALLEST]))

    def overflows(self, width: int) -> bool:
        """Whether a sum left the range of a two's-complement word of ``width`` bits."""
        largest, smallest = int(self.tally[registers.LARGEST]), int(self.tally[registers.SMALLEST])
        bound = 1 << (width - 1)
        return largest > bound - 1 or smallest < -bound


@dataclass(frozen=True, slots=True, eq=False)
class SystolicTask:
    """Operands and folds of one task on one array.

    Parameters
    ----------
    moving, held : tuple of NDArray[int64]
        Per product: streamed (S x rows axis) and stationary (rows axis x columns axis) operand of
        ``ws``/``is``; left (M x K) and right (K x N) of ``os``.
    folds : tuple of FoldSpec
        In order.
    shape : (R, C)
        The array.
    machine : NDArray[int64]
        Switches of ``simsnn.kernels.folds``.
    width : int
        Accumulator width in bits.
    gate : int
        Which operand gates the adder, see ``systolic_registers``.
    bank_rows : int
        Rows of the accumulator.
    forcing : tuple of Forcing
        Tests of minimality.
    """

    moving: tuple[Ints, ...]
    held: tuple[Ints, ...]
    folds: tuple[FoldSpec, ...]
    shape: tuple[int, int]
    machine: Ints
    width: int = 32
    gate: int = registers.GATE_NONE
    bank_rows: int = 1
    forcing: tuple[Forcing, ...] = field(default=())


def _offsets(arrays: list[int]) -> list[int]:
    return [0, *np.cumsum(arrays).tolist()]


def fold_table(task: SystolicTask) -> tuple[Ints, Ints, list[int]]:
    """Fold table int64[F, FOLD_WORDS], M-tiles int64[., 2] and output offsets, for the machines."""
    stationary = not task.machine[OUTPUT_STATIONARY]
    copies = [1 + max((f.copy for f in task.folds if f.gemm == g), default=0) for g in range(len(task.moving))]
    sizes = [moving.shape[0] * held.shape[1] for moving, held in zip(task.moving, task.held, strict=True)]
    moving_at, held_at = _offsets([a.size for a in task.moving]), _offsets([a.size for a in task.held])
    out_at = _offsets([size * copy for size, copy in zip(sizes, copies, strict=True)])
    table = np.zeros((len(task.folds), registers.FOLD_WORDS), np.int64)
    tiles: list[tuple[int, int]] = []
    for index, fold in enumerate(task.folds):
        moving, held = task.moving[fold.gemm], task.held[fold.gemm]
        across, down = held.shape[1], moving.shape[1]
        if stationary:
            first = moving_at[fold.gemm] + fold.stream[0] * down + fold.rows[0]
            tile = held_at[fold.gemm] + fold.rows[0] * across + fold.columns[0]
            out = fold.stream[0] * across + fold.columns[0]
        else:
            first = moving_at[fold.gemm] + fold.rows[0] * down + fold.stream[0]
            tile = held_at[fold.gemm] + fold.stream[0] * across + fold.columns[0]
            out = fold.rows[0] * across + fold.columns[0]
        out += out_at[fold.gemm] + fold.copy * sizes[fold.gemm]
        used = (fold.rows[1] - fold.rows[0], fold.columns[1] - fold.columns[0], fold.stream[1] - fold.stream[0])
        parts = fold.tiles or ((used[2], 0),)
        place = (first, down, tile, across, out, across, *used, *fold.timed)
        sums = (fold.first, fold.last, fold.bank_base, len(tiles), len(tiles) + len(parts))
        table[index] = (*place, *sums, fold.ready_load, -1, -1)
        tiles += list(parts)
    for force in task.forcing:
        table[force.fold, registers.FORCED_LOAD] = force.load
        table[force.fold, registers.FORCED_START] = force.start
    return table, np.array(tiles, dtype=np.int64).reshape(-1, 2), [*out_at, *copies]


def run_systolic(task: SystolicTask) -> SystolicRun:
    """Step the array through all folds.

    Returns
    -------
    SystolicRun
        Results, cycles, parts, counts and collisions. A run stops at its first collision.
    """
    table, tiles, layout = fold_table(task)
    if task.machine[OUTPUT_STATIONARY] and task.machine[OVERLAPPED] and not task.forcing:
        starts = earliest_starts(task, table, layout)
        table[:, registers.FORCED_LOAD] = starts
        return _step(task, table, tiles, layout, starts)
    return _step(task, table, tiles, layout, None)


def _step(task: SystolicTask, table: Ints, tiles: Ints, layout: list[int], starts: Ints | None) -> SystolicRun:
    gemms = len(task.moving)
    moving, held = _flat(task.moving), _flat(task.held)
    out = np.zeros(layout[gemms], np.int64)
    rows, columns = task.shape
    _require_banks(task)
    if task.machine[OUTPUT_STATIONARY]:
        tally = run_outputs(moving, held, table, rows, columns, task.machine, task.width, task.gate, out)
    else:
        extent = max(1, task.bank_rows) if task.machine[EXTRA_EDGE] else 1
        switches = (task.machine, task.width, task.gate, extent)
        tally = run_stationary(moving, held, table, tiles, rows, columns, *switches, out)
    outputs = []
    for index, copies in enumerate(layout[gemms + 1 :]):
        shape = (task.moving[index].shape[0], task.held[index].shape[1])
        values = out[layout[index] : layout[index + 1]].reshape(copies, *shape)
        outputs.append(values[0] if copies == 1 else values)
    return SystolicRun(outputs, tally, starts)


def _require_banks(task: SystolicTask) -> None:
    needed = max((f.bank_base + f.stream[1] - f.stream[0] for f in task.folds if not (f.first and f.last)), default=0)
    if needed > task.bank_rows:
        raise ValueError(f"the folds keep {needed} accumulator rows alive, the accumulator has {task.bank_rows}")


def _flat(arrays: tuple[Ints, ...]) -> Ints:
    return np.concatenate([np.ascontiguousarray(a, dtype=np.int64).reshape(-1) for a in arrays])


def earliest_starts(task: SystolicTask, table: Ints, layout: list[int]) -> Ints:
    """Earliest first edges of overlapped ``os`` folds, ready times apart, found by running the registers.

    Fold by fold the start is moved one edge later until the array reports no collision; a fold
    that waits for its ready time starts then, which moves what follows.
    """
    starts = np.zeros(len(table), np.int64)
    begun = int(table[0, registers.READY_LOAD])
    for index in range(1, len(table)):
        part = table[: index + 1].copy()
        part[:index, registers.FORCED_LOAD] = starts[:index]
        starts[index] = begun + table[index - 1, registers.STREAM]
        part[index, registers.READY_LOAD] = 0
        while True:
            part[index, registers.FORCED_LOAD] = starts[index]
            if _step(task, part, np.zeros((1, 2), np.int64), layout, None).collisions == 0:
                break
            starts[index] += 1
        begun = max(int(starts[index]), int(table[index, registers.READY_LOAD]))
    return starts
