"""Which pieces of the stored tensors a chunk of a systolic plan needs and leaves.

A piece of a convolution input is a slab: whole slots, or the rows of one slot under a range of
output rows (halo included), times a range of channels, counting only stored pixels that some tap
reads. It does not depend on the taps of the chunk's K range, so that consecutive folds over the
taps name the same slab and share it. Source: docs/machines sections 3.1, 7 and 9.
Proof: ``tests/analytic/test_systolic_plan.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from simsnn.costs import OperandClass
from simsnn.engines.base import Dataflow, Tile
from simsnn.engines.systolic_blocking import Ints
from simsnn.engines.systolic_config import PartialSums, SystolicConfig
from simsnn.kernels.systolic_chunks import (
    C_COLUMN_HI,
    C_COLUMN_LO,
    C_GEMM,
    C_ROW_HI,
    C_ROW_LO,
    C_STREAM_HI,
    C_STREAM_LO,
)
from simsnn.workload.lowering import Gather, Lowered
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open ranges of M, K and N of one chunk of one product."""

    gemm: int
    m: tuple[int, int]
    k: tuple[int, int]
    n: tuple[int, int]


def _bytes(elements: int, bits: int) -> int:
    return (elements * bits + 7) // 8


def _channel_range(columns: tuple[int, int], channels: int) -> tuple[int, int]:
    """Channels under a range of (tap, channel) columns; all of them when it touches two taps."""
    first, last = columns[0] // channels, (columns[1] - 1) // channels
    if first != last:
        return 0, channels
    return columns[0] % channels, (columns[1] - 1) % channels + 1


def _distinct(table: Ints) -> int:
    return len(np.unique(table[table >= 0]))


@dataclass(frozen=True, eq=False)
class TileMap:
    """Pieces of the operands of one operation on one array.

    Parameters
    ----------
    config, operation, dataflow, gemms
        As in :class:`simsnn.engines.systolic_plan.SystolicPlan`.
    products : tuple of Lowered or None
        Meaning of one group's products.
    """

    config: SystolicConfig
    operation: GemmOperation
    dataflow: Dataflow
    gemms: tuple[Gemm, ...]
    products: tuple[Lowered, ...] | None

    def box(self, row: Ints) -> Box:
        """Ranges of M, K and N of a row of the chunk table."""
        words: list[int] = row.tolist()
        rows = (words[C_ROW_LO], words[C_ROW_HI])
        columns = (words[C_COLUMN_LO], words[C_COLUMN_HI])
        stream = (words[C_STREAM_LO], words[C_STREAM_HI])
        gemm = words[C_GEMM]
        if self.dataflow is Dataflow.WS:
            return Box(gemm, stream, rows, columns)
        return Box(gemm, columns, rows, stream) if self.dataflow is Dataflow.IS else Box(gemm, rows, stream, columns)

    def needs(self, row: Ints) -> tuple[Tile, ...]:
        """Operand tiles, and the partial sums to be read back."""
        box = self.box(row)
        tiles = (self._left(box), self._right(box))
        if self._spills and box.k[0] > 0:
            return (*tiles, self._partial(box))
        return tiles

    def leaves(self, row: Ints) -> tuple[Tile, ...]:
        """Output tile, or partial sums that spill, or nothing while sums stay in the accumulator."""
        box = self.box(row)
        output = self.operation.output
        if self.dataflow is Dataflow.OS or box.k[1] == self.gemms[box.gemm].k:
            size = _bytes((box.m[1] - box.m[0]) * (box.n[1] - box.n[0]), output.bits)
            block = box.k[0] if self.dataflow is Dataflow.OS else 0
            return (Tile(output.tensor, output.role, (box.gemm, block, *box.m, *box.n), size),)
        return (self._partial(box),) if self._spills else ()

    def holds(self, row: Ints) -> tuple[Tile, ...]:
        """Partial sums of a chunk that spans several folds along K, where they spill."""
        box = self.box(row)
        return (self._partial(box),) if self._spills and box.k[1] - box.k[0] > self.config.rows else ()

    def output_slots(self, row: Ints) -> tuple[int, int] | None:
        """First and last slot completed, see :meth:`SystolicPlan.output_slots`."""
        box = self.box(row)
        if self.products is None or self.operation.pass_ is Pass.W or not self.leaves(row):
            return None
        if box.gemm % len(self.products) != len(self.products) - 1 or box.k[1] != self.gemms[box.gemm].k:
            return None
        pixels = self.products[-1].gather.pixels
        first, last = box.m[0] // pixels, box.m[1] // pixels - 1
        return (first, last) if first <= last else None

    def output_channels(self, row: Ints) -> tuple[int, int]:
        """Half-open range of output channels."""
        box = self.box(row)
        group = box.gemm // len(self.products) if self.products is not None else 0
        base = group * self.gemms[box.gemm].n
        return base + box.n[0], base + box.n[1]

    def _left(self, box: Box) -> Tile:
        operand = self.operation.left
        if self.products is None:
            size = _bytes((box.m[1] - box.m[0]) * (box.k[1] - box.k[0]), operand.bits)
            return Tile(operand.tensor, operand.role, (box.gemm, *box.m, *box.k), size)
        group, index = divmod(box.gemm, len(self.products))
        gather = self.products[index].gather
        columns, rows = (box.m, box.k) if self.products[index].transposed else (box.k, box.m)
        return self._slab(operand, gather, group, index, columns, rows)

    def _slab(
        self, operand: Operand, gather: Gather, group: int, index: int, columns: tuple[int, int], rows: tuple[int, int]
    ) -> Tile:
        pixels, width = gather.pixels, len(gather.source_x)
        first, last = rows[0] // pixels, -(-rows[1] // pixels)
        grid = (0, len(gather.source_y))
        if last - first == 1:
            grid = ((rows[0] - first * pixels) // width, -(-(rows[1] - first * pixels) // width))
        channels = _channel_range(columns, gather.channels)
        down, across = self._extent(index, grid)
        whole = down == gather.source_h and across == gather.source_w
        size = (last - first) * _bytes(down * across * (channels[1] - channels[0]), operand.bits)
        mark = (0, 0, 0) if whole else (index + 1, *grid)
        return Tile(operand.tensor, operand.role, (group, first, last, *channels, *mark), size)

    @cached_property
    def _extent(self) -> Callable[[int, tuple[int, int]], tuple[int, int]]:
        """Distinct input rows and columns under output rows ``grid`` of a product; many chunks ask for the same."""

        @cache
        def measure(index: int, grid: tuple[int, int]) -> tuple[int, int]:
            assert self.products is not None
            gather = self.products[index].gather
            return _distinct(gather.source_y[grid[0] : grid[1]]), _distinct(gather.source_x)

        return measure

    def _right(self, box: Box) -> Tile:
        operand = self.operation.right
        size = _bytes((box.k[1] - box.k[0]) * (box.n[1] - box.n[0]), operand.bits)
        return Tile(operand.tensor, operand.role, (box.gemm, *box.k, *box.n), size)

    @property
    def _spills(self) -> bool:
        spill = self.config.psum is PartialSums.SPILL and not self.config.scalesim
        return spill and self.dataflow is not Dataflow.OS

    def _partial(self, box: Box) -> Tile:
        size = _bytes((box.m[1] - box.m[0]) * (box.n[1] - box.n[0]), self.config.acc_width)
        key = (box.gemm, *box.m, *box.n)
        return Tile(f"{self.operation.output.tensor}.partial_sums", OperandClass.PARTIAL_SUMS, key, size)
