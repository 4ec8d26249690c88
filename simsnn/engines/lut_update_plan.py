"""Weight update on a LUT engine, cut into chunks: ranges of position groups per output-channel tile.

Cycles and counts are those of ``lut_update_core.py``. Chunks are ranges of position groups before any is
dropped, so that they do not depend on the activity; a chunk may therefore have no tile at all,
and then only waits for its masks. Proof: ``tests/reference/test_lut.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from simsnn.costs import CycleBreakdown, EngineCost
from simsnn.engines.base import Box, BufferAccess, PortDemand, State, Tile, Work
from simsnn.engines.lut_formula import update_formula
from simsnn.engines.lut_plan import ChunkRunner, LutChunk, breakdown, engine_work
from simsnn.engines.lut_update_core import UpdateCore
from simsnn.engines.lut_work import Range
from simsnn.kernels import lut as steps
from simsnn.workload.operation import GemmOperation, Operand
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor


@dataclass(frozen=True, eq=False)
class LutUpdatePlan:
    """A weight update cut into chunks.

    Parameters
    ----------
    core : UpdateCore
        Its tiles, and its ranges of position groups.
    single_oc : bool
        A chunk is one range of one output-channel tile; else one chunk does a whole section.
    """

    core: UpdateCore
    single_oc: bool = False

    @cached_property
    def chunks(self) -> tuple[LutChunk, ...]:
        """Chunks in order."""
        core, ocs, ranges = self.core, self.core.work.oc_tiles, self.core.ranges
        sections = range(len(core.sections))
        if not self.single_oc:
            return tuple(LutChunk(section, (0, ocs), (0, ranges), (0, 0), True) for section in sections)
        return tuple(
            LutChunk(section, (oc, oc + 1), (index, index + 1), (0, 0), index + 1 == ranges)
            for section in sections
            for oc in range(ocs)
            for index in range(ranges)
        )

    @cached_property
    def _runner(self) -> ChunkRunner:
        return ChunkRunner.of(self.core, self.chunks)

    @property
    def chunk_count(self) -> int:
        """Number of chunks, counted without listing them."""
        core = self.core
        return len(core.sections) * (core.work.oc_tiles * core.ranges if self.single_oc else 1)

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Spikes and gradients of the position groups, masks that are scanned, and dW that is added to."""
        item, core = self.chunks[chunk], self.core
        work, section = core.work, core.sections[item.section]
        units, rows = core.units_of(item.blocks), core.rows_of(item.blocks)
        slots, operation = core.grouping.slots_of(units), work.operation
        tiles = [work.spikes_of_slots(section.group, section.channels, units, slots, rows)]
        pixels = (rows[1] - rows[0]) * work.geometry.out_w
        tiles += [self._gradients(operand, item, slots * pixels) for operand in (operation.right, *operation.masks)]
        if operation.accumulates and item.blocks[0] == 0:
            tiles.append(self._total(item))
        return tuple(tiles)

    def _gradients(self, operand: Operand, item: LutChunk, positions: int) -> Tile:
        core = self.core
        place: Range = core.units_of(item.blocks)
        group, rows = core.sections[item.section].group, core.rows_of(item.blocks)
        return core.work.outputs_of(operand, group, item.ocs, (*place, *rows), positions)

    def _total(self, item: LutChunk) -> Tile:
        section = self.core.sections[item.section]
        return self.core.work.weight_gradients(item.section, section.group, item.ocs, self.core.rows(item.section))

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """dW of the output-channel tiles that end with the chunk."""
        item = self.chunks[chunk]
        return (self._total(item),) if item.ends else ()

    def holds(self, chunk: int) -> tuple[Tile, ...]:  # noqa: ARG002 - dW stays in the accumulators
        """Nothing: dW stays in the engine."""
        return ()

    def completes(self, chunk: int) -> Box | None:  # noqa: ARG002 - dW has no slots
        """None: a weight gradient has no slots."""
        return None

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
        return update_formula(self.core, self.core.rows(0), self.core.grouping.count)

    def with_activity(self, activity: ProductActivity | None) -> LutUpdatePlan:
        """Same cut over real spikes and gradient masks."""
        spikes = activity.inputs if activity is not None and isinstance(activity.inputs, SpikeTensor) else None
        gradient = activity.gradient if activity is not None and spikes is not None else None
        return replace(self, core=replace(self.core, spikes=spikes, gradient=gradient))

    def renamed(self, operation: GemmOperation) -> LutUpdatePlan:
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
