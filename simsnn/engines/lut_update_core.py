"""Tiles of a weight update on a LUT engine: gradients in tables, spikes of k positions as addresses.

Loops: conv group, tile of input channels (where dW does not fit the accumulators), output-channel tile,
group tile over the position groups that are kept. A position group is dropped if its gradients are
zero in all lanes of the output-channel tile, so tiles depend on the masks; a tile never spans two
ranges of position groups, so that chunks do not (docs/machines section 4).
Proof: ``tests/reference/test_lut.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import EngineCost, OperandClass
from simsnn.engines.base import BufferAccess, PortDemand
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_counts import LutTotals, TileSet, dense_counts
from simsnn.engines.lut_grouping import PositionGroups
from simsnn.engines.lut_plan import LutChunk, engine_cost
from simsnn.engines.lut_work import LutWork, Range, Section
from simsnn.kernels import lut_counting as counting
from simsnn.kernels.lut_packing import channel_minor
from simsnn.workload.spike_tensor import MaskTensor, SpikeTensor

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class OcTiles:
    """Tiles of one output-channel tile.

    Parameters
    ----------
    tiles : TileSet
        Their counts.
    table : NDArray[int64], shape (tiles, TILE_WORDS)
        Their timing words.
    starts : tuple of int
        First tile of every range of position groups, and the number of tiles.
    dropped, dropped_ones : int
        Position groups that are dropped, and ones in their addresses.
    """

    tiles: TileSet
    table: Ints
    starts: tuple[int, ...]
    dropped: int
    dropped_ones: int


@dataclass(frozen=True, eq=False)
class UpdateCore:
    """Tiles of a weight update.

    Parameters
    ----------
    config, work : LutConfig, LutWork
        The engine and the product.
    unit_ranges, row_pieces : int
        Ranges of position groups: so many balanced runs of units, and pieces of the output rows of
        each unit (only where every unit is a range of its own).
    channel_tiles : int
        Tiles of input channels at least; more where dW does not fit the accumulators otherwise.
    spikes, gradient : SpikeTensor and MaskTensor or None
        Real activity; None: all ones.
    """

    config: LutConfig
    work: LutWork
    unit_ranges: int = 1
    row_pieces: int = 1
    channel_tiles: int = 1
    spikes: SpikeTensor | None = None
    gradient: MaskTensor | None = None

    @cached_property
    def grouping(self) -> PositionGroups:
        """Its position groups."""
        return PositionGroups(self.work, self.config.grouping, self.config.address_bits)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Conv groups, and within them balanced tiles of input channels that fit the accumulators."""
        work = self.work
        lanes = min(self.config.lanes, work.out_channels)
        most = max(1, (self.config.accumulator_words or 0) // (work.geometry.taps * lanes))
        pieces = max(-(-work.in_channels // most), min(self.channel_tiles, work.in_channels))
        bounds = [work.in_channels * piece // pieces for piece in range(pieces + 1)]
        runs = [Section(0, (bounds[i], bounds[i + 1])) for i in range(pieces)]
        return tuple(Section(group, run.channels) for group in range(work.geometry.groups) for run in runs)

    @property
    def ranges(self) -> int:
        """Ranges of position groups."""
        return self.unit_ranges * self.row_pieces

    @cached_property
    def bounds(self) -> Ints:
        """Bounds of the ranges over the position groups before any is dropped, int64 (ranges + 1,)."""
        groups = self.grouping
        starts = groups.units * np.arange(self.unit_ranges) // self.unit_ranges * groups.unit_groups
        height = self.work.geometry.out_h
        rows = height * np.arange(self.row_pieces) // self.row_pieces * groups.row_groups
        return np.append((starts[:, None] + rows).reshape(-1), groups.count).astype(np.int64)

    def units_of(self, ranges: Range) -> Range:
        """Units that a run of ranges touches."""
        units, count = self.grouping.units, self.unit_ranges
        first, last = ranges[0] // self.row_pieces, -(-ranges[1] // self.row_pieces)
        return units * first // count, units * last // count

    def rows_of(self, ranges: Range) -> Range:
        """Output rows that a run of ranges covers: all, unless it is a piece of one unit."""
        height, pieces = self.work.geometry.out_h, self.row_pieces
        if ranges[1] - ranges[0] > 1 or pieces == 1:
            return 0, height
        piece = ranges[0] % pieces
        return height * piece // pieces, height * (piece + 1) // pieces

    def rows(self, section: int) -> int:
        """J, rows of dW of a section."""
        return self.work.geometry.taps * self.sections[section].width

    @cached_property
    def _kept(self) -> tuple[tuple[Ints, ...], ...]:
        """Position groups that every output-channel tile keeps, by conv group; one entry where all keep all."""
        work, groups = self.work, self.grouping
        if self.config.skip_groups == "none" or self.gradient is None:
            return ((np.arange(groups.count),),)
        members, rows = groups.positions(), self.gradient.slot_major_rows
        found = []
        for group in range(work.geometry.groups):
            first = group * work.out_channels
            packed = channel_minor(rows, first, first + work.out_channels, work.geometry.out_pixels)
            masks = (
                counting.kept_groups(packed, work.geometry.out_pixels, *work.channels((oc, oc + 1)), members)
                for oc in range(work.oc_tiles)
            )
            found.append(tuple(np.flatnonzero(mask) for mask in masks))
        return tuple(found)

    @cached_property
    def _tiles(self) -> tuple[tuple[OcTiles, ...], ...]:
        """Tiles by section and output-channel tile; a single entry where all are alike."""
        if self.spikes is None:
            # sections of one width are alike, and every group is kept
            members = self._kept[0][0]
            widths = {section.width: section for section in self.sections}
            alike = {width: (self._oc_tiles(section, members, *_NOTHING),) for width, section in widths.items()}
            return tuple(alike[section.width] for section in self.sections)
        found = []
        for section in self.sections:
            kept = self._kept[section.group if len(self._kept) > 1 else 0]
            rows, ones = self._addresses(section)
            found.append(tuple(self._oc_tiles(section, members, rows, ones) for members in kept))
        return tuple(found)

    def _addresses(self, section: Section) -> tuple[NDArray[np.uint64], Ints]:
        assert self.spikes is not None
        geometry, gather, work = self.work.geometry, self.work.gather, self.work
        base = section.group * work.in_channels
        channels = (base + section.channels[0], base + section.channels[1])
        packed = channel_minor(self.spikes.slot_major_rows, *channels, geometry.in_pixels)
        place = (gather.source_y, gather.source_x, geometry.in_w, section.width)
        rows, ones = counting.group_rows(packed, *place, self.grouping.positions())
        return rows, ones

    def _oc_tiles(self, section: Section, members: Ints, rows: NDArray[np.uint64], ones: Ints) -> OcTiles:
        config, columns = self.config, self.work.geometry.taps * section.width
        inside = np.searchsorted(members, self.bounds)
        pieces = -(-np.diff(inside) // config.groups)
        starts = np.append(0, np.cumsum(pieces))
        owner = np.repeat(np.arange(len(pieces)), pieces)
        first = inside[owner] + (np.arange(starts[-1]) - starts[owner]) * config.groups
        tile_bounds = np.append(first, len(members)).astype(np.int64)
        groups = np.diff(tile_bounds) if len(first) else np.zeros(0, np.int64)
        operands = np.append(0, np.cumsum(self.grouping.sizes()[members]))[tile_bounds]
        real = np.diff(operands) if len(first) else np.zeros(0, np.int64)
        positions = np.full(len(first), columns)
        if self.spikes is None:
            counts, dropped_ones = dense_counts(positions, groups, real, config.read_ports), 0
        else:
            bounds = tile_bounds if len(first) else np.zeros(1, np.int64)
            counts = counting.update_tiles(rows, ones, members, bounds, columns, config.read_ports, config.window)
            dropped_ones = int(ones[:, 1].sum() - ones[members, 1].sum())
        bypassed = np.full(len(first), config.bypasses(-(-columns // config.read_ports)))
        tiles = TileSet(counts, positions, groups, real, bypassed)
        dropped = self.grouping.count - len(members)
        return OcTiles(tiles, tiles.times(config), tuple(starts.tolist()), dropped, dropped_ones)

    def oc_tiles(self, section: int, oc: int) -> OcTiles:
        """Tiles of one output-channel tile of a section."""
        found = self._tiles[section]
        return found[oc if len(found) > 1 else 0]

    def table(self, section: int, oc: int) -> Ints:
        """Timing words of the tiles of one output-channel tile."""
        return self.oc_tiles(section, oc).table

    def drain_edges(self, section: int, oc: int) -> int:
        """Edges in which the accumulators of an output-channel tile drain."""
        return -(-self.work.present(oc) * self.rows(section) // (self.config.drain_width or 1))

    def span(self, chunk: LutChunk, oc: int) -> Range:
        """Tiles of one output-channel tile within the chunk's ranges."""
        starts = self.oc_tiles(chunk.section, oc).starts
        return starts[chunk.blocks[0]], starts[chunk.blocks[1]]

    @cached_property
    def totals(self) -> LutTotals:
        """Counters of all sections."""
        found, work = LutTotals(), self.work
        scans = self.config.skip_groups != "none" and bool(work.operation.masks)
        for number in range(len(self.sections)):
            for oc in range(work.oc_tiles):
                lanes, tiles = work.present(oc), self.oc_tiles(number, oc)
                words = lanes * self.rows(number)
                found += tiles.tiles.totals(self.config, lanes) + LutTotals(
                    operations=tiles.dropped_ones * lanes,
                    drained_words=words,
                    readback_words=words if work.operation.accumulates else 0,
                    position_groups=self.grouping.count,
                    position_groups_dropped=tiles.dropped,
                    mask_bits=work.positions * lanes if scans else 0,
                )
        return found

    @cached_property
    def cost(self) -> EngineCost:
        """Cycles with nothing late, and counts."""
        return engine_cost(self)

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Address bits per issue, gradients per table, dW out and back, flags and masks."""
        operation, totals = self.work.operation, self.totals
        left, right, output = operation.left, operation.right, operation.output
        found = [
            BufferAccess(left.role, left.bits, totals.address_bits, 0),
            BufferAccess(right.role, right.bits, totals.operand_words, 0),
            BufferAccess(output.role, output.bits, totals.readback_words, totals.drained_words),
        ]
        if totals.flags + totals.mask_bits:
            found.append(BufferAccess(OperandClass.MASKS, 1, totals.flags + totals.mask_bits, 0))
        return tuple(found)

    def port_demand(self) -> tuple[PortDemand, ...]:
        """N_r addresses, gradients and masks of the next table spread over a tile, drained words, Z flags."""
        config, work, operation = self.config, self.work, self.work.operation
        rows = min(self.rows(number) for number in range(len(self.sections)))
        lanes, ports = min(config.lanes, work.out_channels), min(config.read_ports, rows)
        columns = min(config.groups * config.address_bits, work.positions)
        issues = -(-rows // (config.read_ports * max(1, config.window)))
        words = -(-lanes * columns // max(config.build_cycles, issues))
        left, right, output = operation.left, operation.right, operation.output
        drained = min(config.drain_width or 1, lanes * rows)
        found = [
            PortDemand(left.role, columns * ports, 0, left.bits),
            PortDemand(right.role, words, 0, right.bits),
            PortDemand(output.role, drained if operation.accumulates else 0, drained, output.bits),
        ]
        bits = config.window + (words if operation.masks else 0)
        if bits:
            found.append(PortDemand(OperandClass.MASKS, bits, 0, 1))
        return tuple(found)


_NOTHING: tuple[NDArray[np.uint64], Ints] = (np.zeros((0, 1), np.uint64), np.zeros((0, 2), np.int64))
