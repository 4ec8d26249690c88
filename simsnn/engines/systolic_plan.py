"""How one synapse product runs on a systolic array: chunks, their tiles, their time, their counts.

Cycles are the recurrences of ``simsnn.kernels.folds`` (docs/machines section 3.2); the closed form
walks the loop nest without listing folds, ``advance`` runs the chunks of the same nest.

Assumptions: all tiles of a chunk lie in SRAM when it is ready; an operation starts and ends with
an empty array. Proof: ``tests/reference/test_systolic.py`` (plan = register-level reference in
values, cycles, parts and counts), ``tests/analytic/test_systolic_plan.py`` (chunks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simsnn.costs import CycleBreakdown, EngineCost, OperandClass
from simsnn.engines.base import Box, BufferAccess, Dataflow, PortDemand, State, Tile, Work
from simsnn.engines.mixing_tiles import MixingTiles
from simsnn.engines.systolic_blocking import Blocking, Ints
from simsnn.engines.systolic_config import Drain, ProcessingElement, SystolicConfig, machine_switches
from simsnn.engines.systolic_counts import action_counts, buffer_accesses
from simsnn.engines.systolic_formula import formula
from simsnn.engines.systolic_grid import FoldGrid, SlotAxes, fold_grid
from simsnn.engines.systolic_mixing import Triangle, blocks_columns, kept_folds
from simsnn.engines.systolic_tables import ChunkTables, chunk_tables, count_chunks, layout_of, whole_boxes
from simsnn.engines.systolic_tiles import TileMap
from simsnn.kernels import folds
from simsnn.kernels.systolic_chunks import C_GEMM, C_ISSUES
from simsnn.workload.lowering import Lowered, lowered
from simsnn.workload.operation import Gemm, GemmOperation, Pass, SlotAxis
from simsnn.workload.product_activity import ProductActivity

Cuts = tuple[tuple[Gemm, ...], tuple[bytes, ...]]
"""Products of a plan, and the pieces of their axes with chunk groups and M-tiles."""


_SHARED = (
    *("groups", "period", "products", "axes", "grids", "distinct", "triangle", "machine"),
    *("chunk_count", "boxes", "tables", "cycles", "partial_outputs"),
)
"""What a plan found out that depends neither on the names of its operands nor on the activity."""


@dataclass(frozen=True, eq=False)
class SystolicPlan:
    """One operation on one array in one dataflow, cut into chunks.

    Parameters
    ----------
    config : SystolicConfig
        The array.
    operation : GemmOperation
        The work.
    dataflow : Dataflow
        Which operand stays.
    blocking : Blocking
        How it is cut.
    gemms : tuple of Gemm
        Products in fold-list order; one group's products, repeated for every group.
    nonzeros : int or None
        Non-zero elements of the binary operand over all products; None counts all of them.
    """

    config: SystolicConfig
    operation: GemmOperation
    dataflow: Dataflow
    blocking: Blocking
    gemms: tuple[Gemm, ...]
    nonzeros: int | None = None

    def with_activity(self, activity: ProductActivity | None) -> SystolicPlan:
        """Same plan with the non-zero operands of F and W counted in real spikes; the array's time is dense."""
        binary = activity is not None and self.operation.pass_ is not Pass.B
        return self.with_nonzeros(activity.nonzeros if activity is not None and binary else None)

    def with_nonzeros(self, nonzeros: int | None) -> SystolicPlan:
        """Same plan with that many non-zero elements of the binary operand."""
        plan = self._sharing(replace(self, nonzeros=nonzeros))
        if self.config.pe is not ProcessingElement.GATED_ADD and "_cost" in self.__dict__:
            plan.__dict__["_cost"] = self._cost  # a multiplier works on zeros too
        return plan

    def renamed(self, operation: GemmOperation) -> SystolicPlan:
        """Same plan of an operation that differs in its names and samples alone."""
        if operation is self.operation:
            return self
        plan = self._sharing(replace(self, operation=operation))
        if "_cost" in self.__dict__:
            plan.__dict__["_cost"] = self._cost
        return plan

    def _sharing(self, other: SystolicPlan) -> SystolicPlan:
        """Hand over what holds for both."""
        known = self.__dict__
        other.__dict__.update({name: known[name] for name in _SHARED if name in known})
        return other

    @cached_property
    def groups(self) -> int:
        """Times that the first ``len(gemms) / groups`` products are repeated."""
        geometry = self.operation.geometry
        groups = geometry.groups if geometry is not None else 1
        period = len(self.gemms) // groups
        return groups if period and self.gemms[:period] * groups == self.gemms else 1

    @cached_property
    def period(self) -> tuple[Gemm, ...]:
        """Products of one group."""
        return self.gemms[: len(self.gemms) // self.groups]

    @cached_property
    def products(self) -> tuple[Lowered, ...] | None:
        """Meaning of the products of one group; None for a bare product."""
        operation = self.operation
        if operation.geometry is None:
            return None
        products = lowered(operation.geometry, operation.pass_, self.config.b_lowering, operation.slots)
        return products[: len(self.period)]

    @cached_property
    def axes(self) -> tuple[SlotAxes, Blocking]:
        """Where the slots lie, and how each product is cut."""
        operation, blocking = self.operation, self.blocking
        if blocks_columns(operation, self.dataflow, blocking):  # its blocks of slots are products of their own
            return SlotAxes(), Blocking(column_folds=blocking.column_folds, row_folds=blocking.row_folds)
        return SlotAxes(operation.cut_slots, operation.slot_axis, operation.refined_axis), blocking

    @cached_property
    def grids(self) -> tuple[FoldGrid, ...]:
        """Fold grids of the products of one group."""
        axes, blocking = self.axes
        cut: dict[Gemm, FoldGrid] = {}
        for gemm in self.period:
            if gemm not in cut:
                cut[gemm] = fold_grid(gemm, axes, self.config, self.dataflow, blocking)
        return tuple(cut[gemm] for gemm in self.period)

    @cached_property
    def distinct(self) -> tuple[tuple[Gemm, FoldGrid, int], ...]:
        """Different products of one group with their grids, and how often each occurs."""
        times = Counter(self.period)
        grids = dict(zip(self.period, self.grids, strict=True))
        return tuple((gemm, grids[gemm], count) for gemm, count in times.items())

    @property
    def applies_mixing(self) -> bool:
        """Whether this is the T x T product of neurons that mixes time steps (not its gradient)."""
        return self.operation.mixing is not None and self.operation.mixing.kind == "apply"

    @cached_property
    def triangle(self) -> Triangle | None:
        """Zeros by which folds are left out."""
        return Triangle.of(self.operation, self.dataflow, self.config)

    @cached_property
    def machine(self) -> Ints:
        """Switch vector of the kernels."""
        return machine_switches(self.config, self.dataflow, any(grid.accumulates for grid in self.grids))

    @property
    def full(self) -> tuple[int, int]:
        """Rows and columns that every fold is timed with; zeros where folds are trimmed."""
        return (self.config.rows, self.config.columns) if self.config.full_folds else (0, 0)

    @cached_property
    def tables(self) -> ChunkTables:
        """Chunk tables of all products."""
        return chunk_tables(self)

    @cached_property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return count_chunks(self)

    @cached_property
    def boxes(self) -> Ints:
        """Chunk boxes, int64[chunks, CHUNK_WORDS]; where each product is one chunk, without a walk."""
        if self.triangle is not None or self.chunk_count != len(self.gemms):
            return self.tables.boxes
        return whole_boxes(self)

    @cached_property
    def layout(self) -> Hashable | None:
        """Names the tiles of all chunks, among plans of one operation; arrays of many shapes share one."""
        return layout_of(self)

    @property
    def least_chunks(self) -> int:
        """Not above ``chunk_count``, and known without a walk through the folds: what may share a chunk counts once."""
        if self.triangle is None:
            return self.chunk_count
        # every run of rows or columns is in some chunk, not every pair of them
        most = sum(times * max(grid.rows.groups(), grid.columns.groups()) for _, grid, times in self.distinct)
        return most * self.groups

    @property
    def cuts(self) -> Cuts:
        """Everything by which this plan differs from others of its operation, dataflow and array."""
        pieces = (piece for _, grid, _ in self.distinct for piece in (*grid.pieces(), grid.tiles))
        return self.gemms, tuple(piece.tobytes() for piece in pieces)

    def issues(self, chunk: int) -> int:
        """Issue edges of a chunk, which a slow buffer stretches."""
        return int(self.boxes[chunk, C_ISSUES])

    @cached_property
    def tile_map(self) -> TileMap:
        """Pieces of the operands behind the chunk boxes."""
        base = (self.config, self.operation, self.dataflow, self.gemms, self.products)
        mixing = self.operation.mixing
        if mixing is None:
            return TileMap(*base)
        starts = np.cumsum([0, *(gemm.n for gemm in self.gemms)])
        return MixingTiles(*base, mixing, self.grids, tuple(starts.tolist()), self.triangle)

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Operand tiles of a chunk: distinct elements, halo rows included, and spilled partial sums."""
        return self.tile_map.needs(self.boxes[chunk])

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Output tile that a chunk completes, or the partial sums it spills."""
        return self.tile_map.leaves(self.boxes[chunk])

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        """Partial sums that are spilled and read back within a chunk; otherwise they stay in the accumulator."""
        return self.tile_map.holds(self.boxes[chunk])

    def output_slots(self, chunk: int) -> tuple[int, int] | None:
        """First and last slot whose results (of the chunk's channels) are complete with this chunk.

        None where the outputs have no slots or no slot is completed.
        """
        return self.tile_map.output_slots(self.boxes[chunk])

    def completes(self, chunk: int) -> Box | None:
        """Slots and channels that are complete with a chunk."""
        if isinstance(self.tile_map, MixingTiles):
            return self.tile_map.completes(self.boxes[chunk])
        slots = self.output_slots(chunk)
        return None if slots is None else Box((slots[0], slots[1] + 1), self.output_channels(chunk))

    def output_channels(self, chunk: int) -> tuple[int, int]:
        """Half-open range of output channels that a chunk computes."""
        return self.tile_map.output_channels(self.boxes[chunk])

    @cached_property
    def partial_outputs(self) -> int:
        """Extra partial copies of dW that an ``os`` product cut along K leaves for the vector unit."""
        if self.dataflow is not Dataflow.OS or self.operation.slot_axis is not SlotAxis.K:
            return 0
        return len(self.grids[0].stream.bounds) - 2

    def start(self) -> State:
        """State before the first chunk."""
        return np.zeros(folds.STATE_WORDS, dtype=np.int64)

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        """Run one chunk; see :class:`simsnn.engines.base.Plan`."""
        if self.chunk_count == 1 and not state[folds.STARTED]:
            return self._run_whole(state, max(0, ready))
        tables = self.tables
        ends: tuple[int, int] = folds.advance_chunk(state, tables.runs, tables.bounds, chunk, ready, self.machine)
        return ends

    def _run_whole(self, state: State, ready: int) -> tuple[int, int]:
        """The only chunk, on an empty array: its closed form, later by as much as it is late."""
        state[:] = self._closed
        for moment in (folds.LOAD, folds.FIRST, folds.ISSUE_END, folds.STALL):
            state[moment] += ready
        return int(state[folds.ISSUE_END]), int(state[folds.ISSUE_END] + state[folds.TAIL])

    @cached_property
    def _closed(self) -> State:
        return self.closed_form()

    def advance_all(self, ready: Ints) -> tuple[State, Ints]:
        """Run every chunk; ``ready`` int64[chunks]. Returns the state and int64[chunks, 2] issue and result ends."""
        state, ends = self.start(), np.zeros((len(ready), 2), dtype=np.int64)
        folds.advance_many(state, self.tables.runs, self.tables.bounds, ready, self.machine, ends)
        return state, ends

    def closed_form(self) -> State:
        """State after all folds, nothing late, from the loop nests alone."""
        if self.triangle is not None:  # folds are left out: no rectangular nest
            return self.advance_all(np.zeros(self.chunk_count, np.int64))[0]
        state, runs, bounds = self.start(), list[tuple[int, int]](), list[list[int]]()
        for grid in self.grids:
            edges = [len(runs)]
            for loop in grid.equal_runs(*self.full):
                runs += loop
                edges.append(len(runs))
            bounds.append(edges)
        if not runs:
            return state
        axes, table = np.array(self.grids[0].order, dtype=np.int64), np.array(runs, dtype=np.int64)
        folds.run_nests(state, table, np.array(bounds, dtype=np.int64), axes, self.groups, self.machine)
        return state

    def parts(self, state: State) -> CycleBreakdown:
        """Parts of all cycles up to the last result."""
        drain, stream = int(state[folds.TAIL]), int(state[folds.STREAM])
        if drain < 0:  # the last-index convention on an array of one element, which has no drain to take it from
            drain, stream = 0, stream + drain
        return CycleBreakdown(
            fill=int(state[folds.FILL]),
            stream=stream,
            reload=int(state[folds.RELOAD]),
            drain=drain,
            stall=int(state[folds.STALL]),
        )

    @cached_property
    def cycles(self) -> CycleBreakdown:
        """Cycles with nothing late."""
        return self.parts(self._closed)

    @cached_property
    def _cost(self) -> EngineCost:
        return EngineCost(self.cycles, action_counts(self))

    def cost(self) -> EngineCost:
        """Cycles with nothing late, and action counts."""
        return self._cost

    def formula(self) -> str:
        """The cycle formula with its numbers in it."""
        return formula(self)

    def work(self) -> Work:
        """Multiply-accumulates of the dense products, and one of them per element and cycle at best.

        Of a T x T product only entries of the matrix that may differ from zero count.
        """
        mixing, slots = self.operation.mixing, self.operation.slots
        useful = sum(gemm.macs for gemm in self.gemms) if mixing is None else mixing.useful_macs(slots)
        return Work(useful, self.config.peak_per_cycle)

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Elements read from and written to each operand's buffer."""
        return buffer_accesses(self)

    def buffer_reads(self, role: OperandClass) -> int:
        """Elements of one operand class that the feeder reads."""
        return sum(access.read_elements for access in self.buffer_accesses() if access.role is role)

    def buffer_writes(self, role: OperandClass) -> int:
        """Elements of one operand class that the array writes."""
        return sum(access.written_elements for access in self.buffer_accesses() if access.role is role)

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements per edge at the busiest edge (docs/machines section 3.1, last bullet).

        ``ws``/``is``: R streamed, C stationary while a load is under way, C outputs (read as well
        where partial sums spill); ``os``: R left, C right, C outputs while draining.
        """
        if self.config.scalesim:
            return ()
        left, right, output = self.operation.left, self.operation.right, self.operation.output
        rows = min(self.config.rows, max(size for g in self.grids for size, _ in g.rows.blocks))
        columns = min(self.config.columns, max(size for g in self.grids for size, _ in g.columns.blocks))
        left_side = self.dataflow is not Dataflow.IS
        first, second = (rows, columns) if left_side else (columns, rows)
        demand = [PortDemand(left.role, first, 0, left.bits), PortDemand(right.role, second, 0, right.bits)]
        if self.spills:
            demand.append(PortDemand(OperandClass.PARTIAL_SUMS, columns, columns, self.config.acc_width))
        else:
            demand.append(PortDemand(output.role, 0, columns, output.bits))
        return tuple(demand)

    @property
    def spills(self) -> bool:
        """Whether partial sums leave the array between K folds."""
        spill = self.config.psum == "spill" and not self.config.scalesim
        return spill and any(grid.accumulates for grid in self.grids)

    @property
    def overlaps_drain(self) -> bool:
        """Whether ``os`` sums leave through drain registers."""
        return not self.config.scalesim and self.config.drain is Drain.OVERLAPPED

    def gemm_of(self, chunk: int) -> int:
        """Index of the product that a chunk belongs to."""
        return int(self.boxes[chunk, C_GEMM])

    def folds_of(self, index: int) -> int:
        """Number of folds of one product."""
        grid = self.grids[index % len(self.period)]
        if self.triangle is not None and self.dataflow is not Dataflow.OS:
            others = grid.columns if self.dataflow is Dataflow.WS else grid.stream
            return int(kept_folds(self.triangle, grid, self.dataflow).sum()) * others.count()
        return grid.rows.count() * grid.columns.count() * grid.stream.count()
