"""How one vector operation runs on the vector unit: chunks, their tiles, their time.

Equations (docs/machines section 6), for a block of r issue slots, T steps, interval II, latency d:
the block occupies the issue stage for ``(T - 1) * max(r * II, d) + r * II`` edges, and its last
result is registered ``d - II`` edges later. A chunk is cut into blocks of ``block_slots``
(``t_inner``) or is one block (``t_outer``); blocks and chunks follow one another in one pipeline,
which drains once, after the last of them.

Assumptions: a pass occupies its lane for II edges (booked ``stream``); edges in which the next
slot of a block waits for its own state of the step before are booked ``reload``, since the state
is the stationary operand of this machine; the operands of a chunk lie in SRAM before its first
issue. Proof: ``tests/reference/test_vector_unit.py`` (plan = register-level reference, values,
cycles, parts, counts) and ``tests/property/test_vector_unit.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np

from simsnn.costs import Action, ActionCounts, ActionKey, CycleBreakdown, EngineCost, OperandClass
from simsnn.engines.base import Box, BufferAccess, PortDemand, State, Tile, Work
from simsnn.engines.scan_network import ScanShape
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.engines.vector_unit_cut import balanced_cut, is_weights, piece_bounds, scan_shape, slot_elements
from simsnn.engines.vector_unit_cut import cut_units as cut_units
from simsnn.engines.vector_unit_cut import most_pieces as most_pieces
from simsnn.errors import CapacityError
from simsnn.workload.operation import Operand, TaskPart, VectorOperation
from simsnn.workload.product_activity import ProductActivity

FREE, RESULT_END, ISSUES, RELOAD, STALL = range(5)
"""Layout of the state: next free issue edge, last result, issues so far, recurrence waits, waits for ready."""

_REDUCING = frozenset({TaskPart.STATISTICS, TaskPart.LOSS})


@dataclass(frozen=True, slots=True)
class StateAccess:
    """Elements of recurrent state that an operation reads from and writes to the state buffer."""

    role: OperandClass
    bits: int
    read_elements: int
    written_elements: int


@dataclass(frozen=True)
class VectorPlan:
    """One vector operation on one vector unit, cut into ``blocks`` balanced chunks.

    Parameters
    ----------
    config : VectorUnitConfig
        The unit.
    operation : VectorOperation
        The work.
    blocks : int
        Number of chunks; cut at sample boundaries where the operation has slots (at single
        slots where nothing recurs and there are more chunks than samples), else by whole issue
        slots: k of the ceil(N / lanes) slots get at most k * lanes elements, so that cutting
        weights adds no issue.
    pieces : int
        Cuts of each chunk across its neurons or pixels, by whole issue slots, for samples that
        are too large; only where ``blocks`` is the most there can be.

    Raises
    ------
    CapacityError
        If the operation cannot be cut into that many chunks.
    """

    config: VectorUnitConfig
    operation: VectorOperation
    blocks: int = 1
    pieces: int = 1

    def __post_init__(self) -> None:
        most = cut_units(self.config, self.operation)
        if self.pieces > 1 and (self.blocks < most or self.pieces > most_pieces(self.config, self.operation)):
            most = most_pieces(self.config, self.operation)
            levers = ("as many blocks as there can be", "fewer pieces")
            message = f"{self.operation.layer} {self.operation.part} cannot be cut so finely"
            raise CapacityError(message, demand=self.pieces, bound=most, unit="pieces", levers=levers)
        if not 1 <= self.blocks <= most:
            task = f"{self.operation.layer} {self.operation.pass_} {self.operation.part}"
            levers = ("a larger buffer, so that fewer chunks do", "a larger batch")
            message = f"{task} cannot be cut so finely"
            raise CapacityError(message, demand=self.blocks, bound=most, unit="chunks", levers=levers)

    @cached_property
    def interval(self) -> int:
        """Initiation interval II in edges."""
        return self.config.interval(self.operation.counts)

    @cached_property
    def latency(self) -> int:
        """Latency d in edges: that of one pass, as often as halves wait for one another, and of scan networks."""
        once = self.config.latency(self.operation.counts)
        return once * self.operation.chains + (self.scan.latency if self.scan else 0)

    @cached_property
    def scan(self) -> ScanShape | None:
        """How the steps of a scan lie in the lanes; None for other work."""
        return scan_shape(self.config, self.operation)

    @cached_property
    def rounds(self) -> int:
        """Issues that an element takes one after another: its steps, or the rounds of a scan."""
        return self.operation.steps if self.scan is None else self.scan.rounds

    @cached_property
    def slot_elements(self) -> int:
        """Elements of an issue slot."""
        return slot_elements(self.config, self.operation)

    @cached_property
    def _units(self) -> int:
        samples = max(1, self.operation.slots // self.operation.timesteps)
        if self.operation.slots > 1 and self.blocks <= samples:
            return samples
        return cut_units(self.config, self.operation)

    @cached_property
    def _unit_bounds(self) -> tuple[int, ...]:
        return balanced_cut(self._units, self.blocks)

    @cached_property
    def chunk_elements(self) -> tuple[int, ...]:
        """Elements of one step in each chunk; they add up to the operation's."""
        bounds = [self.operation.elements * unit // self._units for unit in self._unit_bounds]
        blocks = [after - before for before, after in pairwise(bounds)]
        if self.pieces == 1:
            return tuple(blocks)
        return tuple(stop - start for size in blocks for start, stop in pairwise(self._piece_bounds(size)))

    def _piece_bounds(self, size: int) -> tuple[int, ...]:
        """Element bounds of the pieces of a block of ``size`` elements."""
        return piece_bounds(size, self.slot_elements, self.pieces)

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return self.blocks * self.pieces

    def issue_slots(self, chunk: int) -> int:
        """Issue slots n of one step of a chunk: ceil(elements / lanes), or over the neurons of an issue in a scan."""
        return -(-self.chunk_elements[chunk] // self.slot_elements)

    def issues(self, chunk: int) -> int:
        """Issue edges of a chunk, which a slow buffer stretches."""
        return self.issue_slots(chunk) * self.rounds

    def resident_slots(self, chunk: int) -> int:
        """Issue slots of a full resident block: ``block_slots``, or the whole chunk in ``t_outer``."""
        if self.config.order == "t_outer" or self.config.block_slots is None:
            return max(1, self.issue_slots(chunk))
        return self.config.block_slots

    def needs(self, chunk: int) -> tuple[Tile, ...]:
        """Tiles read by a chunk; an operand without slots is needed whole by every chunk."""
        return tuple(self._tile(operand, chunk) for operand in self.operation.reads)

    def leaves(self, chunk: int) -> tuple[Tile, ...]:
        """Tiles complete with a chunk; an operand that cannot be cut is complete with the last one."""
        last = chunk == self.chunk_count - 1
        return tuple(self._tile(o, chunk) for o in self.operation.writes if last or self._cuts(o))

    def holds(self, chunk: int) -> tuple[Tile, ...]:
        """Recurrent state and what is kept of every step, in ``t_outer``; ``t_inner`` has both in the lanes."""
        if self.config.order == "t_inner":
            return ()
        name, found = f"{self.operation.layer}.{self.operation.pass_}", list[Tile]()
        if self.carries:
            found.append(Tile(f"{name}.state", self.state_role, (chunk,), self.state_bytes(chunk)))
        if self.operation.kept_bits:
            kept = self.chunk_elements[chunk] * self.operation.steps * self.operation.kept_bits
            found.append(Tile(f"{name}.kept", OperandClass.MEMBRANE, (chunk,), (kept + 7) // 8))
        return tuple(found)

    def completes(self, chunk: int) -> Box | None:  # noqa: ARG002 - nothing follows vector work chunk by chunk
        """None: what reads the results of a vector unit waits for all of them."""
        return None

    def _cuts(self, operand: Operand) -> bool:
        if is_weights(self.operation):
            return operand.elements % self.operation.elements == 0
        return operand.slots % self._units == 0

    def _tile(self, operand: Operand, chunk: int) -> Tile:
        if not self._cuts(operand):
            return Tile(operand.tensor, operand.role, (0, operand.slots), operand.bytes)
        block, piece = divmod(chunk, self.pieces)
        bounds = self._unit_bounds[block : block + 2]
        if not is_weights(self.operation):
            start, end = (operand.slots * unit // self._units for unit in bounds)
            size = (end - start) * operand.slot_bytes
            if self.pieces == 1:
                return Tile(operand.tensor, operand.role, (start, end), size)
            return self._piece(Tile(operand.tensor, operand.role, (start, end), size), chunk - piece, piece)
        # weights: element ranges; rounding the cumulative bits keeps the sum of the pieces exact
        start, end = (operand.elements * unit // self._units for unit in bounds)
        first, last = ((element * operand.bits + 7) // 8 for element in (start, end))
        return Tile(operand.tensor, operand.role, (start, end), last - first)

    def _piece(self, whole: Tile, first_chunk: int, piece: int) -> Tile:
        """The share of one piece; rounding the cumulative bytes keeps the sum of the pieces exact."""
        block = first_chunk // self.pieces
        bounds = (self.operation.elements * unit // self._units for unit in self._unit_bounds[block : block + 2])
        elements = -(next(bounds) - next(bounds))
        start, stop = (whole.bytes * bound // elements for bound in self._piece_bounds(elements)[piece : piece + 2])
        return Tile(whole.tensor, whole.role, (*whole.key, piece), stop - start)

    @property
    def carries(self) -> bool:
        """Whether state passes from issue to issue; a scan in one round keeps it in its networks."""
        return bool(self.operation.state_bits) and (self.scan is None or self.rounds > 1)

    @property
    def state_role(self) -> OperandClass:
        """Where recurrent state lives: membrane forward, carried gradient backward."""
        return OperandClass.GRADIENTS if self.operation.reverse else OperandClass.MEMBRANE

    def state_bytes(self, chunk: int) -> int:
        """State that must lie in the state buffer while a chunk runs (docs/machines section 7: fit)."""
        return (self.chunk_elements[chunk] * self.operation.state_bits + 7) // 8

    @property
    def state_access(self) -> StateAccess | None:
        """State read and written: every step in ``t_outer``, once per element in ``t_inner``."""
        if not self.carries:
            return None
        touches = self.rounds if self.config.order == "t_outer" else 1
        elements = self.operation.elements * touches
        return StateAccess(self.state_role, self.operation.state_bits, elements, elements)

    def buffer_accesses(self) -> tuple[BufferAccess, ...]:
        """Every operand once, and recurrent state as often as the order touches it."""
        found = [BufferAccess(o.role, o.bits, o.elements, 0) for o in self.operation.reads]
        found += [BufferAccess(o.role, o.bits, 0, o.elements) for o in self.operation.writes]
        state = self.state_access
        if state is not None and self.config.order == "t_outer":
            found.append(BufferAccess(state.role, state.bits, state.read_elements, state.written_elements))
        if self.operation.kept_bits and self.config.order == "t_outer":
            kept = self.operation.elements * self.operation.steps
            found.append(BufferAccess(OperandClass.MEMBRANE, self.operation.kept_bits, kept, kept))
        return tuple(found)

    def formula(self) -> str:
        """Issue slots, interval and latency with their numbers, and what they add up to."""
        operation, config = self.operation, self.config
        slots = sum(self.issue_slots(chunk) for chunk in range(self.chunk_count))
        parts = self.cost().cycles
        if self.scan is not None:
            return self.scan.formula(slots, operation.elements, self.interval, self.latency, parts)
        return (
            f"n = {slots:,} issue slots of {config.lanes} lanes for {operation.elements:,} elements,"
            f" T = {operation.steps},"
            f" II = ceil({operation.counts.total} / {config.ops_per_cycle}) = {self.interval}, d = {self.latency}\n"
            f"stream n T II = {parts.stream:,} + waits for state {parts.reload:,} + drain d - II = {parts.drain:,}"
            f" = {parts.total:,} cycles"
        )

    def work(self) -> Work:
        """Arithmetic operations of all elements and steps, and what all lanes could do per cycle."""
        operation = self.operation
        done = operation.counts.total * operation.elements * operation.steps
        return Work(done, self.config.lanes * self.config.ops_per_cycle)

    def with_activity(self, activity: ProductActivity | None) -> VectorPlan:  # noqa: ARG002 - no lane skips a zero
        """This plan: a vector unit works on every element."""
        return self

    def renamed(self, operation: VectorOperation) -> Self:
        """Same plan of an operation that differs in its names and samples alone."""
        return self if operation is self.operation else replace(self, operation=operation)

    def port_demand(self) -> tuple[PortDemand, ...]:
        """Elements taken and given at an issue edge, per operand, and the state in ``t_outer``."""
        done = self.operation.elements * self.operation.steps
        reads, writes = self.operation.reads, self.operation.writes
        demand = [PortDemand(o.role, self._per_issue(o.elements, done), 0, o.bits) for o in reads if o.elements]
        demand += [PortDemand(o.role, 0, self._per_issue(o.elements, done), o.bits) for o in writes if o.elements]
        if self.carries and self.config.order == "t_outer":
            width = -(-min(self.slot_elements, self.operation.elements) // self.interval)
            demand.append(PortDemand(self.state_role, width, width, self.operation.state_bits))
        if self.operation.kept_bits and self.config.order == "t_outer":
            width = self._per_issue(done, done)
            demand.append(PortDemand(OperandClass.MEMBRANE, width, width, self.operation.kept_bits))
        return tuple(demand)

    def _per_issue(self, elements: int, done: int) -> int:
        """Elements per edge: an issue takes its operands over the II edges that it occupies."""
        steps = 1 if self.scan is None else self.scan.segment
        width = min(self.slot_elements, self.operation.elements) * steps
        return -(-width * elements // (done * self.interval))

    def start(self) -> State:
        """Empty pipeline at time 0."""
        return np.zeros(5, dtype=np.int64)

    def advance(self, state: State, chunk: int, ready: int) -> tuple[int, int]:
        """Run one chunk; see :class:`simsnn.engines.base.Plan`."""
        first = max(int(state[FREE]), ready)
        state[STALL] += first - state[FREE]
        reload_cycles = self._reload_cycles(chunk)
        state[ISSUES] += self.issues(chunk)
        state[RELOAD] += reload_cycles
        issue_end = first + self.issues(chunk) * self.interval + reload_cycles
        result_end = issue_end + self.latency - self.interval
        state[FREE] = issue_end
        state[RESULT_END] = result_end
        return issue_end, result_end

    def _reload_cycles(self, chunk: int) -> int:
        """Edges of a chunk in which a block waits for its own state of the step before."""
        slots, block = self.issue_slots(chunk), self.resident_slots(chunk)
        full, rest = (slots - 1) // block, (slots - 1) % block + 1
        waits = full * max(0, self.latency - block * self.interval) + max(0, self.latency - rest * self.interval)
        return (self.rounds - 1) * waits

    def parts(self, state: State) -> CycleBreakdown:
        """Parts of all cycles up to the last result."""
        return CycleBreakdown(
            stream=int(state[ISSUES]) * self.interval,
            reload=int(state[RELOAD]),
            stall=int(state[STALL]),
            drain=int(state[RESULT_END] - state[FREE]),
        )

    @cached_property
    def cycles(self) -> CycleBreakdown:
        """Cycles with nothing to wait for."""
        state = self.start()
        for chunk in range(self.chunk_count):
            self.advance(state, chunk, 0)
        return self.parts(state)

    @cached_property
    def _cost(self) -> EngineCost:
        return EngineCost(self.cycles, self.actions(), approximations=self._approximations())

    def cost(self) -> EngineCost:
        """Cycles with nothing to wait for, action counts, and what is approximate."""
        return self._cost

    def actions(self) -> ActionCounts:
        """Arithmetic at the operation's width, one pipeline register per edge in the lane, resident state."""
        operation = self.operation
        done, bits, counts = operation.elements * operation.steps, operation.bits, operation.counts
        pairs = [
            (ActionKey("lane", Action.ADD, bits), counts.add * done),
            (ActionKey("lane", Action.MULTIPLY, bits, bits), counts.multiply * done),
            (ActionKey("lane", Action.COMPARE, bits), counts.compare * done),
            (ActionKey("lane", Action.SELECT, bits), counts.select * done),
            (ActionKey("lane", Action.LOOKUP, bits), counts.lookup * done),
            (ActionKey("lane", Action.DIVIDE, bits), counts.divide * done),
            (ActionKey("lane", Action.SQUARE_ROOT, bits), counts.square_root * done),
            (ActionKey("lane", Action.REGISTER_WRITE, bits), self.latency * done),
        ]
        if self.scan is not None:
            added = self.scan.additions * operation.elements
            pairs += [
                (ActionKey("scan", Action.ADD, bits), added),
                (ActionKey("scan", Action.MULTIPLY, bits, bits), added),
            ]
        if self.carries and self.config.order == "t_inner":
            touches = operation.elements * self.rounds
            pairs.append((ActionKey("lane_state", Action.REGISTER_READ, operation.state_bits), touches))
            pairs.append((ActionKey("lane_state", Action.REGISTER_WRITE, operation.state_bits), touches))
        if operation.kept_bits and self.config.order == "t_inner":
            pairs.append((ActionKey("lane_state", Action.REGISTER_READ, operation.kept_bits), done))
            pairs.append((ActionKey("lane_state", Action.REGISTER_WRITE, operation.kept_bits), done))
        return ActionCounts.of(*pairs)

    def _approximations(self) -> tuple[str, ...]:
        if self.operation.part is TaskPart.POOL and self.pieces > 1:
            return ("vector unit: a pooling window across two pieces of a map is fetched once",)
        if self.operation.part is TaskPart.SCATTER:
            return ("vector unit: scatter-adds to one address closer than the pipeline latency are not held back",)
        if self.operation.part in _REDUCING:
            return ("vector unit: the reduction tree across lanes adds no cycles",)
        return ()
