"""Forward pass on a LUT engine: weights in tables, spikes as addresses.

Loops: conv group, output-channel tile, position block, group tile (docs/machines section 4). The
issue edges of a tile depend on its spikes but not on its output channels, so they are counted once
per position block and group tile. Proof: ``tests/reference/test_lut.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import CycleBreakdown, EngineCost, OperandClass
from simsnn.engines.base import Box, BufferAccess, PortDemand, State, Tile, Work
from simsnn.engines.lut_config import LutConfig
from simsnn.engines.lut_counts import LutTotals, TileSet, dense_counts
from simsnn.engines.lut_formula import forward_formula
from simsnn.engines.lut_plan import NO_DRAIN, ChunkRunner, LutChunk, breakdown, engine_cost, engine_work
from simsnn.engines.lut_work import LutWork, Range, Section
from simsnn.kernels import lut as steps
from simsnn.kernels import lut_counting as counting
from simsnn.kernels.lut_packing import channel_minor
from simsnn.workload.operation import GemmOperation
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ForwardCore:
    """Tiles of a forward product.

    Parameters
    ----------
    config, work : LutConfig, LutWork
        The engine and the product.
    bounds : tuple of int
        Bounds of the position blocks.
    spikes : SpikeTensor or None
        Real spikes; None: every address is all ones.
    """

    config: LutConfig
    work: LutWork
    bounds: tuple[int, ...]
    spikes: SpikeTensor | None = None

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """One per conv group."""
        channels = (0, self.work.in_channels)
        return tuple(Section(group, channels) for group in range(self.work.geometry.groups))

    @property
    def rows(self) -> int:
        """J, operand rows of a conv group."""
        return self.work.geometry.taps * self.work.in_channels

    @property
    def blocks(self) -> int:
        """Position blocks nq."""
        return len(self.bounds) - 1

    @property
    def group_tiles(self) -> int:
        """Group tiles of one position block."""
        return -(-self.rows // (self.config.groups * self.config.address_bits))

    def operand_rows(self, tiles: Range) -> Range:
        """Operand rows of a run of group tiles."""
        step = self.config.groups * self.config.address_bits
        return tiles[0] * step, min(self.rows, tiles[1] * step)

    @cached_property
    def _sets(self) -> tuple[TileSet, ...]:
        """Tiles of every section; a single one where they are all alike."""
        step, k = self.config.groups * self.config.address_bits, self.config.address_bits
        starts = np.arange(self.group_tiles) * step
        columns = np.minimum(self.rows - starts, step)
        positions = np.repeat(np.diff(np.array(self.bounds)), self.group_tiles)
        columns = np.tile(columns, self.blocks)
        groups = -(-columns // k)
        limits = {size: self.config.bypasses(-(-size // self.config.read_ports)) for size in set(positions.tolist())}
        bypassed = np.array([limits[size] for size in positions.tolist()], dtype=np.bool_)
        if self.spikes is None:
            counts = dense_counts(positions, groups, columns, self.config.read_ports)
            return (TileSet(counts, positions, groups, columns, bypassed),)
        found = (self._counted(section, self.spikes) for section in self.sections)
        return tuple(TileSet(counts, positions, groups, columns, bypassed) for counts in found)

    def _counted(self, section: Section, spikes: SpikeTensor) -> Ints:
        """What the addresses of every tile of a section hold, counted on its spikes."""
        geometry, gather, config = self.work.geometry, self.work.gather, self.config
        first = section.group * self.work.in_channels
        packed = channel_minor(spikes.slot_major_rows, first, first + self.work.in_channels, geometry.in_pixels)
        bounds = np.array(self.bounds, dtype=np.int64)
        tile_bits, k = config.groups * config.address_bits, config.address_bits
        place = (gather.source_y, gather.source_x, geometry.in_w, self.work.in_channels)
        largest = int(np.diff(bounds).max()) * tile_bits
        whole = self.work.in_channels % tile_bits == 0 and largest < counting.LARGEST_ALIGNED
        count = counting.aligned_tiles if whole else counting.forward_tiles
        counts = count(packed, *place, bounds, k, tile_bits, config.read_ports, config.window)
        return counts.reshape(-1, counting.COUNT_WORDS)

    @cached_property
    def _tables(self) -> tuple[Ints, ...]:
        return tuple(tiles.times(self.config) for tiles in self._sets)

    def table(self, section: int, oc: int) -> Ints:  # noqa: ARG002 - lanes share the addresses
        """Timing words of the tiles of one output-channel tile, block outer, group tile inner."""
        return self._tables[section if len(self._tables) > 1 else 0]

    def drain_edges(self, section: int, oc: int) -> int:  # noqa: ARG002 - results leave with the last accumulate
        """Sums of the forward pass do not drain."""
        return NO_DRAIN

    def span(self, chunk: LutChunk, oc: int) -> Range:  # noqa: ARG002 - the same for every output-channel tile
        """Tiles of a chunk: whole blocks, or a run of group tiles of one block."""
        tiles = self.group_tiles
        return chunk.blocks[0] * tiles + chunk.tiles[0], (chunk.blocks[1] - 1) * tiles + chunk.tiles[1]

    @cached_property
    def totals(self) -> LutTotals:
        """Counters of all sections."""
        found = LutTotals()
        for number in range(len(self.sections)):
            tiles = self._sets[number if len(self._sets) > 1 else 0]
            found += tiles.totals(self.config, self.work.out_channels)
        return found

    @cached_property
    def cost(self) -> EngineCost:
        """Cycles with nothing late, and counts."""
        return engine_cost(self)

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Address bits per issue, operands per table, results once, and the flags of the scanner."""
        operation, totals = self.work.operation, self.totals
        left, right, output = operation.left, operation.right, operation.output
        written = self.work.positions * self.work.geometry.out_channels
        found = [
            BufferAccess(left.role, left.bits, totals.address_bits, 0),
            BufferAccess(right.role, right.bits, totals.operand_words, 0),
            BufferAccess(output.role, output.bits, 0, written),
        ]
        if totals.flags:
            found.append(BufferAccess(OperandClass.MASKS, 1, totals.flags, 0))
        return tuple(found)

    def port_demand(self) -> tuple[PortDemand, ...]:
        """N_r addresses, the operands of the next table spread over a tile, N_r results of every lane, Z flags."""
        config, operation, rows = self.config, self.work.operation, self.rows
        lanes, columns = min(config.lanes, self.work.out_channels), min(rows, config.groups * config.address_bits)
        smallest = min(b - a for a, b in zip(self.bounds, self.bounds[1:], strict=False))
        issues = -(-smallest // (config.read_ports * max(1, config.window)))
        ports = min(config.read_ports, max(b - a for a, b in zip(self.bounds, self.bounds[1:], strict=False)))
        words = -(-lanes * columns // max(config.build_cycles, issues))
        left, right, output = operation.left, operation.right, operation.output
        found = [
            PortDemand(left.role, columns * ports, 0, left.bits),
            PortDemand(right.role, words, 0, right.bits),
            PortDemand(output.role, 0, lanes * ports, output.bits),
        ]
        if config.window:
            found.append(PortDemand(OperandClass.MASKS, config.window, 0, 1))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class LutForwardPlan:
    """A forward product cut into chunks.

    Parameters
    ----------
    core : ForwardCore
        Its tiles.
    oc_run, block_run, tile_run : int
        Output-channel tiles, position blocks and group tiles of a chunk; 0 takes all. A run of blocks
        needs ``oc_run`` 1, a run of group tiles ``block_run`` 1.
    """

    core: ForwardCore
    oc_run: int = 0
    block_run: int = 0
    tile_run: int = 0

    @cached_property
    def chunks(self) -> tuple[LutChunk, ...]:
        """Chunks in order."""
        core = self.core
        blocks, tiles = _runs(core.blocks, self.block_run), _runs(core.group_tiles, self.tile_run)
        return tuple(
            LutChunk(section, ocs, block, run, True)
            for section in range(len(core.sections))
            for ocs in _runs(core.work.oc_tiles, self.oc_run)
            for block in blocks
            for run in tiles
        )

    @cached_property
    def _runner(self) -> ChunkRunner:
        return ChunkRunner.of(self.core, self.chunks)

    @property
    def chunk_count(self) -> int:
        """Number of chunks, counted without listing them."""
        core = self.core
        pairs = ((core.work.oc_tiles, self.oc_run), (core.blocks, self.block_run), (core.group_tiles, self.tile_run))
        pieces = 1
        for size, run in pairs:
            pieces *= -(-size // run) if run else 1
        return len(core.sections) * pieces

    def _positions(self, chunk: LutChunk) -> Range:
        return self.core.bounds[chunk.blocks[0]], self.core.bounds[chunk.blocks[1]]

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Weights of the tables and input elements of the positions, halo included."""
        item, core = self.chunks[chunk], self.core
        section = core.sections[item.section]
        rows = core.operand_rows(item.tiles)
        weights = core.work.weights(item.section, section.group, item.ocs, rows)
        return (core.work.spikes(section.group, section.channels, self._positions(item)), weights)

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Currents of the blocks whose last group tile is in the chunk."""
        item, core = self.chunks[chunk], self.core
        if item.tiles[1] < core.group_tiles:
            return ()
        work = core.work
        return (work.outputs(work.operation.output, item.section, item.ocs, self._positions(item)),)

    def holds(self, chunk: int) -> tuple[Tile, ...]:  # noqa: ARG002 - partial sums stay in the accumulators
        """Nothing: partial sums stay in the engine."""
        return ()

    def completes(self, chunk: int) -> Box | None:
        """Slots and channels of whole slots that the chunk completes."""
        item, work, pixels = self.chunks[chunk], self.core.work, self.core.work.geometry.out_pixels
        start, stop = self._positions(item)
        bare = work.operation.geometry is None
        if bare or item.tiles[1] < self.core.group_tiles or start % pixels or stop % pixels:
            return None
        base = item.section * work.out_channels
        first, last = work.channels(item.ocs)
        return Box((start // pixels, stop // pixels), (base + first, base + last))

    def issues(self, chunk: int) -> int:
        """Issue edges of a chunk, which a slow buffer stretches."""
        return self._runner.issues(chunk)

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements asked of each operand's SRAM at the busiest edge."""
        return self.core.port_demand()

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Elements read from and written to each operand's SRAM over the whole task."""
        return self.core.buffer_accesses()

    def work(self) -> Work:
        """Accumulates of the dense product, and what the engine could do per cycle."""
        return engine_work(self.core)

    def formula(self) -> str:
        """The cycle formula with its numbers in it."""
        return forward_formula(self.core, self.core.rows, self.core.blocks, self.core.group_tiles)

    def with_activity(self, activity: ProductActivity | None) -> LutForwardPlan:
        """Same cut over real spikes."""
        spikes = activity.inputs if activity is not None and isinstance(activity.inputs, SpikeTensor) else None
        return replace(self, core=replace(self.core, spikes=spikes))

    def renamed(self, operation: GemmOperation) -> LutForwardPlan:
        """Same plan of an operation that differs in its names and samples alone."""
        work = replace(self.core.work, operation=operation)
        return replace(self, core=replace(self.core, work=work))

    def start(self) -> State:
        """Empty pipeline at time 0."""
        return steps.new_state()

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        """Run one chunk; see :class:`simsnn.engines.base.Plan`."""
        return self._runner.advance(state, chunk, ready)

    def parts(self, state: State) -> CycleBreakdown:
        """Parts of all cycles up to the last result."""
        return breakdown(state)

    def cost(self) -> EngineCost:
        """Cycles with nothing late, and counts."""
        return self.core.cost


def _runs(size: int, run: int) -> tuple[Range, ...]:
    """Consecutive runs of ``run`` out of ``size``; one of all of them for 0."""
    step = run or size
    return tuple((start, min(size, start + step)) for start in range(0, size, step))
