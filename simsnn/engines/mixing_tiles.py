"""Which pieces of matrix, input and output a chunk of a T x T product needs and leaves.

Columns are (sample, neuron); a run of columns of a packed product is a run of neurons. X and Y are
stored sample by sample, so bytes are shared out at cumulative columns and time steps and the pieces of
a cut add up to the whole. The matrix is stored once as a full square, however many copies the array
holds; a chunk needs the rectangle around the tiles that it runs.

A product with a triangle completes the rows of an M tile with the last K tile that the tile needs,
which is not the last of all. Source: docs/machines sections 6, 7 and 9. Proof: ``tests/reference/test_mixing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.costs import OperandClass
from simsnn.engines.base import Box as SlotBox
from simsnn.engines.base import Dataflow, Tile
from simsnn.engines.systolic_blocking import Ints
from simsnn.engines.systolic_grid import FoldGrid
from simsnn.engines.systolic_mixing import Range, Triangle, kept_folds, matrix_tiles
from simsnn.engines.systolic_tiles import Box, TileMap
from simsnn.workload.operation import Mixing, Operand


def _share(whole: int, part: Range, length: int) -> int:
    """Bytes of a part of an axis; rounding the cumulative bytes keeps the sum of the parts exact."""
    return whole * part[1] // length - whole * part[0] // length


@dataclass(frozen=True, eq=False)
class MixingTiles(TileMap):
    """Pieces of the operands of one T x T product on one array.

    Parameters
    ----------
    mixing : Mixing
        The product.
    grids : tuple of FoldGrid
        Fold grid of every product of the plan.
    starts : tuple of int
        First column of every product of the plan; they differ where ``os`` blocks N.
    triangle : Triangle or None
        Folds that are left out.
    """

    mixing: Mixing
    grids: tuple[FoldGrid, ...]
    starts: tuple[int, ...]
    triangle: Triangle | None

    def needs(self, row: Ints) -> tuple[Tile, ...]:
        """Operand tiles, and the partial sums to be read back."""
        box = self.box(row)
        if self.mixing.kind == "gradient":
            left = self._steps(self.operation.left, self._neurons(box.k), box.m)
            tiles = (left, self._steps(self.operation.right, self._neurons(box.k), box.n))
            return (*tiles, self._partial(box)) if self._spills and box.k[0] > 0 else tiles
        right = self._steps(self.operation.right, self._columns(box), box.k)
        back = self._rows(box, began=True)
        tiles = (self._matrix(box), right)
        return tiles if back is None else (*tiles, self._partial(Box(box.gemm, back, box.k, box.n)))

    def leaves(self, row: Ints) -> tuple[Tile, ...]:
        """Output rows that are complete, and the partial sums that spill."""
        box = self.box(row)
        if self.mixing.kind == "gradient":
            return super().leaves(row)
        done, spilled = self._completed(box), self._rows(box, began=False)
        found = []
        if done is not None:
            found.append(self._steps(self.operation.output, self._columns(box), done))
        if spilled is not None:
            found.append(self._partial(Box(box.gemm, spilled, box.k, box.n)))
        return tuple(found)

    def holds(self, row: Ints) -> tuple[Tile, ...]:
        """Partial sums of rows that run several K tiles in the chunk, where they spill."""
        box = self.box(row)
        if self.mixing.kind == "gradient":
            return super().holds(row)
        if not self._spills:
            return ()
        several = [m for m, k in self._touched(box) if min(k[1], box.k[1]) - max(k[0], box.k[0]) > self.config.rows]
        if not several:
            return ()
        return (self._partial(Box(box.gemm, (several[0][0], several[-1][1]), box.k, box.n)),)

    def completes(self, row: Ints) -> SlotBox | None:
        """Slots (sample, step) and neurons whose results are complete; None where they form no box."""
        box, whole, steps = self.box(row), self.mixing.neurons, self.mixing.timesteps
        if self.mixing.kind == "gradient" or self._completed(box) != (0, self.gemms[box.gemm].m):
            return None
        first, last = self._columns(box)
        sample, offset = divmod(first, whole)
        if offset == 0 and last % whole == 0:
            return SlotBox((sample * steps, last // whole * steps), (0, whole))
        if last > (sample + 1) * whole:
            return None
        return SlotBox((sample * steps, (sample + 1) * steps), (offset, last - sample * whole))

    def _neurons(self, columns: Range) -> Range:
        """(sample, neuron) numbers under a run of columns; the last packed column may be part empty."""
        total = self.operation.slots * self.mixing.neurons
        copies = self.mixing.copies
        return columns[0] * copies, min(total, columns[1] * copies)

    def _columns(self, box: Box) -> Range:
        start = self.starts[box.gemm]
        return self._neurons((start + box.n[0], start + box.n[1]))

    def _steps(self, operand: Operand, neurons: Range, steps: Range) -> Tile:
        """A run of (sample, neuron) columns times a run of time steps (of all copies, where there are several)."""
        columns = _share(operand.bytes, neurons, self.operation.slots * self.mixing.neurons)
        size = _share(columns, steps, self.mixing.timesteps * self.mixing.copies)
        return Tile(operand.tensor, operand.role, (*neurons, *steps), size)

    def _matrix(self, box: Box) -> Tile:
        operand, m, k = self.operation.left, box.m, box.k
        if self.mixing.copies > 1:
            m = k = (0, self.mixing.timesteps)
        size = ((m[1] - m[0]) * (k[1] - k[0]) * operand.bits + 7) // 8
        return Tile(operand.tensor, operand.role, (*m, *k), size)

    def _touched(self, box: Box) -> list[tuple[Range, Range]]:
        """M tiles, cut to the chunk, that run a K tile in it, each with all of K that it needs (``ws``, ``is``)."""
        found = []
        for m, k in self._spans[box.gemm]:
            inside = (max(m[0], box.m[0]), min(m[1], box.m[1]))
            if inside[0] < inside[1] and k[0] < box.k[1] and k[1] > box.k[0]:
                found.append((inside, k))
        return found

    @cached_property
    def _spans(self) -> tuple[tuple[tuple[Range, Range], ...], ...]:
        """M tiles of every product and the columns of the matrix that each needs, from its first to its last K tile."""
        return tuple(self._needed(grid) for grid in self.grids)

    def _needed(self, grid: FoldGrid) -> tuple[tuple[Range, Range], ...]:
        m_tiles, k_tiles = matrix_tiles(grid, self.dataflow)
        found = []
        for (start, stop, _), kept in zip(
            m_tiles.tolist(), kept_folds(self.triangle, grid, self.dataflow), strict=True
        ):
            runs = k_tiles[kept > 0]
            found.append(((start, stop), (int(runs[0, 0]), int(runs[-1, 1]))))
        return tuple(found)

    def _completed(self, box: Box) -> Range | None:
        """Rows whose last K tile is in the chunk."""
        if self.dataflow is Dataflow.OS:
            return box.m
        done = [m for m, k in self._touched(box) if k[1] <= box.k[1]]
        return (done[0][0], done[-1][1]) if done else None

    def _rows(self, box: Box, *, began: bool) -> Range | None:
        """Rows whose partial sums are read back (``began`` in an earlier chunk) or spilled (not done in this one)."""
        if not self._spills:
            return None
        found = [m for m, k in self._touched(box) if (k[0] < box.k[0] if began else k[1] > box.k[1])]
        return (found[0][0], found[-1][1]) if found else None

    def _partial(self, box: Box) -> Tile:
        """Partial sums of some rows and columns, of gradient or output alike."""
        start = self.starts[box.gemm]
        moved = Box(box.gemm, box.m, box.k, (start + box.n[0], start + box.n[1]))
        tile = super()._partial(moved)
        return Tile(tile.tensor, OperandClass.PARTIAL_SUMS, (0, *tile.key[1:]), tile.bytes)
