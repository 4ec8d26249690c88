"""How one backward product runs on the dual-sparsity engine: chunks, tiles, time, counts.

Cycles are the recurrences of ``simsnn.kernels.dual_sparse`` (docs/machines section 5): loops c-slice,
co-slice, pixels in the order (b, t descending, y, x); a chunk is a run of pixels of one slice pair.
With ``balance: static`` a late chunk shifts everything behind it, so the plan is max-plus; the queue of
``dynamic`` is not monotone (a scheduling anomaly), which ``monotone`` says.

Assumptions: the broadcast of a weight slice into the private banks takes no edges of its own; masks
and gradients of whole slots lie in SRAM when a chunk is ready. Proof:
``tests/reference/test_dual_sparse.py`` (= register-level engine), ``tests/unit/test_dual_sparse_tiles.py``.
"""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simsnn.costs import CycleBreakdown, EngineCost
from simsnn.engines import dual_sparse_time as time
from simsnn.engines.base import Box, BufferAccess, PortDemand, State, Tile, Work
from simsnn.engines.dual_sparse_config import DualSparseConfig
from simsnn.engines.dual_sparse_counts import (
    DualSparseTotals,
    action_counts,
    buffer_accesses,
    observations,
    port_demand,
    totals,
)
from simsnn.engines.dual_sparse_formula import formula
from simsnn.engines.dual_sparse_tiles import Cut, TileMap
from simsnn.engines.dual_sparse_work import PixelTables, PixelWork, dense_work, masked_work
from simsnn.kernels import dual_sparse as kernel
from simsnn.kernels.dual_sparse_masks import Ints
from simsnn.workload.operation import ConvGeometry, GemmOperation
from simsnn.workload.product_activity import ProductActivity


@dataclass(frozen=True, eq=False)
class DualSparsePlan:
    """One product of pass B on one engine, cut into chunks.

    Parameters
    ----------
    config : DualSparseConfig
        The engine.
    operation : GemmOperation
        The work.
    geometry : ConvGeometry
        Its convolution.
    cut : Cut
        Runs of pixels, the same for every slice pair.
    pixel_work : PixelWork
        What every pixel asks: dense until the activity is known.
    """

    config: DualSparseConfig
    operation: GemmOperation
    geometry: ConvGeometry
    cut: Cut
    pixel_work: PixelWork

    @property
    def monotone(self) -> bool:
        """Whether later operands never make anything earlier: not with a queue."""
        return not self.config.dynamic

    def with_activity(
        self, activity: ProductActivity | None, tables: MutableMapping[Hashable, PixelTables] | None = None
    ) -> DualSparsePlan:
        """Same chunks with the real masks that the engine uses.

        ``tables``: those of this very operation and activity on other engines, by what they depend on beside these.
        """
        if activity is None:
            work = dense_work(self.config, self.operation, self.geometry)
        else:
            work = masked_work(self.config, self.operation, self.geometry, activity, tables)
        return replace(self, pixel_work=work)

    def renamed(self, operation: GemmOperation) -> DualSparsePlan:
        """Same plan of an operation that differs in its names and samples alone."""
        return replace(self, operation=operation)

    def recut(self, cut: Cut) -> DualSparsePlan:
        """Same work in other chunks."""
        return replace(self, cut=cut)

    @cached_property
    def tile_map(self) -> TileMap:
        """Pieces of the tensors behind the chunks."""
        return TileMap(self.config, self.operation, self.geometry, self.pixel_work.slices, self.cut)

    @property
    def layout(self) -> Hashable:
        """Names the tiles of all chunks, among plans of one operation; engines of many sizes share one."""
        return self.pixel_work.slices, self.cut, self.config.acc_width

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return len(self.pixel_work.slices.pairs) * self.tile_map.per_pair

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Weight slice, gradients, masks, and partial sums to be read back."""
        return self.tile_map.needs(chunk)

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Results that are complete, or partial sums."""
        return self.tile_map.leaves(chunk)

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        """Results of a sample that is not complete yet, and partial sums that stay."""
        return self.tile_map.holds(chunk)

    def completes(self, chunk: int) -> Box | None:
        """Slots of whole samples and channels of the c-slice."""
        return self.tile_map.completes(chunk)

    @cached_property
    def _issues(self) -> tuple[int, ...]:
        found, row = [], np.zeros(kernel.TALLY_WORDS, np.int64)
        for chunk in range(self.chunk_count):
            pair, first, last = self.tile_map.place(chunk)
            row[:] = 0
            kernel.tally(self.pixel_work.array, self.pixel_work.pair(pair), first, last, row)
            found.append(-(-int(row[kernel.T_ISSUES]) // self.config.groups))
        return tuple(found)

    def issues(self, chunk: int) -> int:
        """Issue edges at which all groups would issue together, which is when a buffer is short."""
        return self._issues[chunk]

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements per edge when every group issues, scans and writes."""
        return port_demand(self.config, self.operation, self.pixel_work.slices.co_per_group)

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Elements read from and written to each operand's SRAM."""
        return buffer_accesses(self.config, self.operation, self.totals)

    def work(self) -> Work:
        """Multiply-accumulates of the dense product over the taps that exist, and the lanes' peak."""
        peak = self.config.groups * self.config.lanes * self.config.values_per_cycle
        return Work(self.totals.dense, peak)

    @cached_property
    def totals(self) -> DualSparseTotals:
        """Counts of the whole task."""
        return totals(self.pixel_work, self.tile_map)

    @cached_property
    def _summaries(self) -> Ints:
        """Summaries of all chunks (``static``), int64 (chunks, SUMMARY_WORDS)."""
        bounds, per_pair = np.array(self.cut.bounds, np.int64), self.tile_map.per_pair
        found = np.zeros((self.chunk_count, kernel.SUMMARY_WORDS), np.int64)
        for pair in range(len(self.pixel_work.slices.pairs)):
            rows = found[pair * per_pair : (pair + 1) * per_pair]
            kernel.summarise(self.pixel_work.array, self.pixel_work.pair(pair), bounds, rows)
        return found

    def start(self) -> State:
        """Empty lists and pipelines at time 0."""
        return time.start(self.pixel_work.array)

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        """Run one chunk; see :class:`simsnn.engines.base.Plan`."""
        work = self.pixel_work
        if self.config.dynamic:
            pair, first, last = self.tile_map.place(chunk)
            kernel.advance_dynamic(work.array, work.pair(pair), first, last, state, time.group_rows(state), ready)
        else:
            kernel.advance_static(work.array, self._summaries[chunk], state, ready)
        return int(state[kernel.ISSUE_END]), int(state[kernel.RESULT_END])

    def parts(self, state: State) -> CycleBreakdown:
        """Group-cycles up to the last result, as if the task ended with the chunks so far."""
        found = time.parts(self.pixel_work.array, state)
        return CycleBreakdown(
            fill=found[kernel.P_FILL],
            stream=found[kernel.P_STREAM],
            scan=found[kernel.P_SCAN],
            imbalance=found[kernel.P_IDLE],
            drain=found[kernel.P_DRAIN],
            stall=found[kernel.P_STALL],
            groups=self.config.groups,
        )

    def losses(self, state: State) -> tuple[int, int]:
        """Group-cycles of exposed scans and of imbalance, before any is booked as fill or drain."""
        found = time.parts(self.pixel_work.array, state)
        return found[kernel.P_EXPOSED], found[kernel.P_UNBALANCED]

    @cached_property
    def cycles(self) -> CycleBreakdown:
        """Cycles with nothing late."""
        return self.parts(self.pixel_work.closed_form)

    def cost(self) -> EngineCost:
        """Cycles with nothing late, actions, and losses apart."""
        return self._cost

    @cached_property
    def _cost(self) -> EngineCost:
        state, total = self.pixel_work.closed_form, self.totals
        return EngineCost(
            self.cycles,
            action_counts(self.config, self.operation, total),
            approximations=self._approximations(),
            observations=observations(self.config, self.pixel_work, total, *self.losses(state)),
        )

    def _approximations(self) -> tuple[str, ...]:
        name = self.config.name
        found = [f"{name}: the broadcast of a weight slice into the private banks takes no edges"]
        known = self.operation.sparsity
        if self.config.sparsity.output and known is not None and known.needed is None:
            reason = known.refusal or "no mask is known"
            found.append(f"{name}: output sparsity refused on {self.operation.layer}: {reason}")
        return tuple(found)

    def formula(self) -> str:
        """The cycles with their numbers in them, for ``simsnn explain``."""
        return formula(
            self.config, self.geometry, self.pixel_work, self.totals, self.parts(self.pixel_work.closed_form)
        )
