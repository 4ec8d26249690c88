"""Chunks of a dual-sparsity plan, and the pieces of the tensors that each needs, holds and leaves.

A chunk is a run of pixels of one slice pair; every slice pair has the same runs. Gradients and masks
are loaded by whole slots (a pixel's field lies within its slot) and by the channels of the slice.
Results of whole samples leave together, because within a sample t runs downwards; until then the
sample's piece is held. Chunks smaller than a sample leave their own pixels (``by_sample`` false).
Sums of a co-slice that is not the last leave as partial sums and come back, unless one chunk holds
all pixels. Source: docs/machines sections 5, 7 and 9. Proof: ``tests/unit/test_dual_sparse_tiles.py``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from simsnn.costs import OperandClass
from simsnn.engines.base import Box, Tile
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_slices import Range, WeightSlices
from simsnn.engines.vector_unit_cut import balanced_cut
from simsnn.workload.operation import ConvGeometry, GemmOperation, Operand


@dataclass(frozen=True, slots=True)
class Cut:
    """Bounds of the chunks over the pixels, and whether results leave by whole samples."""

    bounds: tuple[int, ...]
    by_sample: bool


def cuts(config: DualSparseConfig, operation: GemmOperation, geometry: ConvGeometry) -> Iterator[Cut]:
    """Ever finer cuts: samples, fewer of them, then runs of blocks that leave by samples or by themselves."""
    sample = operation.timesteps * geometry.in_pixels
    samples = operation.slots // operation.timesteps
    total, unit = sample * samples, max(config.block_pixels, config.groups)
    seen: set[tuple[int, ...]] = set()
    for whole, size in ((samples, sample), (-(-total // unit), unit)):
        for pieces in _doubled(whole):
            bounds = _rounded((size * bound for bound in balanced_cut(whole, pieces)), unit, total)
            finer = len(bounds) > max(map(len, seen), default=0)
            if finer and bounds not in seen:
                seen.add(bounds)
                yield Cut(bounds, by_sample=True)
                if len(bounds) > samples + 1:
                    yield Cut(bounds, by_sample=False)


def _doubled(whole: int) -> Iterator[int]:
    """1, 2, 4, ... and the whole."""
    pieces = 1
    while pieces < whole:
        yield pieces
        pieces *= 2
    yield whole


def _rounded(bounds: Iterator[int], unit: int, total: int) -> tuple[int, ...]:
    """Bounds moved up to whole blocks, without empty runs."""
    return tuple(sorted({min(total, -(-bound // unit) * unit) for bound in bounds}))


@dataclass(frozen=True)
class TileMap:
    """Pieces behind the chunks of one operation.

    Parameters
    ----------
    config, operation, geometry
        Engine and work.
    slices : WeightSlices
        Resident slices.
    cut : Cut
        Chunks of every slice pair.
    """

    config: DualSparseConfig
    operation: GemmOperation
    geometry: ConvGeometry
    slices: WeightSlices
    cut: Cut

    @property
    def per_pair(self) -> int:
        """Chunks of a slice pair."""
        return len(self.cut.bounds) - 1

    def place(self, chunk: int) -> tuple[int, int, int]:
        """Slice pair of a chunk, and its first and last pixel (half-open)."""
        pair, piece = divmod(chunk, self.per_pair)
        return pair, self.cut.bounds[piece], self.cut.bounds[piece + 1]

    @cached_property
    def _sample(self) -> int:
        """Pixels of a sample."""
        return self.operation.timesteps * self.geometry.in_pixels

    def _slots_under(self, piece: int) -> Range:
        """Slots, counted in processing order, that a run of pixels touches."""
        bounds, pixels = self.cut.bounds, self.geometry.in_pixels
        return bounds[piece] // pixels, -(-bounds[piece + 1] // pixels)

    @cached_property
    def _slot_cuts(self) -> tuple[int, ...]:
        """Where the slots are cut, so that neighbours share whole pieces."""
        touched = [self._slots_under(piece) for piece in range(self.per_pair)]
        return tuple(sorted({bound for slots in touched for bound in slots}))

    def _slot_runs(self, piece: int) -> list[Range]:
        first, last = self._slots_under(piece)
        inner = self._slot_cuts[bisect_right(self._slot_cuts, first) : bisect_right(self._slot_cuts, last)]
        return list(zip((first, *inner), inner, strict=False))

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """The weight slice, gradients and masks of the slots touched, partial sums of earlier co-slices."""
        pair, first, last = self.place(chunk)
        tiles = [self._weights(pair)]
        for run in self._slot_runs(chunk % self.per_pair):
            tiles += self._streamed(pair, run)
        if self._moves_partials and not self.slices.first_of_sum(pair):
            tiles.append(self._partials(pair, (first, last)))
        return tuple(tiles)

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Results of the samples completed (or of the pixels), or partial sums."""
        pair, first, last = self.place(chunk)
        if not self.slices.last_of_sum(pair):
            return (self._partials(pair, (first, last)),) if self._moves_partials else ()
        if not self.cut.by_sample:
            return (self._results(pair, (first, last)),)
        done = first // self._sample * self._sample, last // self._sample * self._sample
        return (self._results(pair, done),) if done[0] < done[1] else ()

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        """Results of a sample that is not complete, and partial sums that never leave."""
        pair, first, last = self.place(chunk)
        tiles = []
        if self.slices.co_per_group > 1 and not self._moves_partials:
            tiles.append(self._partials(pair, (first, last)))
        open_ = last // self._sample * self._sample
        if self.slices.last_of_sum(pair) and self.cut.by_sample and open_ < last:
            tiles.append(self._results(pair, (open_, open_ + self._sample)))
        return tuple(tiles)

    def completes(self, chunk: int) -> Box | None:
        """Slots of the samples completed, and the channels of the slice."""
        pair, first, last = self.place(chunk)
        if not self.cut.by_sample or not self.slices.last_of_sum(pair):
            return None
        steps = self.operation.timesteps
        slots = first // self._sample * steps, last // self._sample * steps
        return Box(slots, self.slices.channels(pair)) if slots[0] < slots[1] else None

    @property
    def _moves_partials(self) -> bool:
        return self.slices.co_per_group > 1 and self.per_pair > 1

    def _weights(self, pair: int) -> Tile:
        c, co, operand = self.slices.channels(pair), self.slices.outputs(pair), self.operation.right
        return Tile(operand.tensor, operand.role, (*c, *co), _bytes(self.slice_words(pair), operand.bits))

    def slice_words(self, pair: int) -> int:
        """Weights of a slice pair."""
        (low, high), (first, last) = self.slices.channels(pair), self.slices.outputs(pair)
        return self.geometry.taps * (high - low) * (last - first)

    def _streamed(self, pair: int, run: Range) -> list[Tile]:
        operation, geometry, co = self.operation, self.geometry, self.slices.outputs(pair)
        tiles = [_slab(operation.left, run, geometry.out_pixels, co)]
        known = operation.sparsity
        for mask in operation.masks:
            if known is not None and mask == known.gradient:
                tiles.append(_slab(mask, run, geometry.out_pixels, co))
            else:
                tiles.append(_slab(mask, run, geometry.in_pixels, self.slices.channels(pair)))
        return tiles

    def _results(self, pair: int, pixels: Range) -> Tile:
        operand, (low, high) = self.operation.output, self.slices.channels(pair)
        size = _bytes((pixels[1] - pixels[0]) * (high - low), operand.bits)
        return Tile(operand.tensor, operand.role, (low, high, *pixels), size)

    def _partials(self, pair: int, pixels: Range) -> Tile:
        low, high = self.slices.channels(pair)
        size = _bytes((pixels[1] - pixels[0]) * (high - low), self.config.acc_width)
        name = f"{self.operation.output.tensor}.partial_sums"
        return Tile(name, OperandClass.PARTIAL_SUMS, (low, high, *pixels), size)


def _bytes(elements: int, bits: int) -> int:
    return (elements * bits + 7) // 8


def _slab(operand: Operand, run: Range, pixels: int, channels: Range) -> Tile:
    """Some channels of a run of slots."""
    elements = (run[1] - run[0]) * pixels * (channels[1] - channels[0])
    return Tile(operand.tensor, operand.role, (*channels, *run), _bytes(elements, operand.bits))
