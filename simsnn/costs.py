"""Cost records: what an engine did, in cycles, actions and bytes. Nothing here but ``+``.

Actions are counted, never priced, here; prices come later from a named table, so the energy
of a stored report can be recomputed without simulating again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class OperandClass(StrEnum):
    """Classes of data that memories hold and links carry (docs/contracts: hardware)."""

    INPUTS = "inputs"
    SPIKES = "spikes"
    MASKS = "masks"
    WEIGHTS = "weights"
    WEIGHT_GRADIENTS = "weight_gradients"
    WEIGHT_VERSIONS = "weight_versions"
    OPTIMIZER_STATE = "optimizer_state"
    CURRENTS = "currents"
    MEMBRANE = "membrane"
    GRADIENTS = "gradients"
    PARTIAL_SUMS = "partial_sums"
    SIDE_BITS = "side_bits"


class StallCause(StrEnum):
    """Why an engine waited for the outside (docs/contracts: report.json)."""

    DRAM = "dram"
    SRAM_BANK = "sram_bank"
    BUFFER_FULL = "buffer_full"
    DEPENDENCY = "dependency"
    LINK = "link"


class Action(StrEnum):
    """Countable hardware actions; every energy table prices (action, bits)."""

    ADD = "add"
    MULTIPLY = "multiply"
    COMPARE = "compare"
    SELECT = "select"
    LOOKUP = "lookup"
    DIVIDE = "divide"
    SQUARE_ROOT = "square_root"
    TABLE_READ = "table_read"
    BANK_READ = "bank_read"
    BANK_WRITE = "bank_write"
    REGISTER_WRITE = "register_write"
    REGISTER_READ = "register_read"
    SRAM_READ = "sram_read"
    SRAM_WRITE = "sram_write"
    DRAM_READ = "dram_read"
    DRAM_WRITE = "dram_write"


class Observed(StrEnum):
    """What an engine noticed about a task besides cycles and actions; never priced.

    ``operations`` are the accumulates or multiply-accumulates that the non-zero operands ask for
    (non-zeros times fan-out), ``dense_operations`` those of the dense product; ``*_cycles`` of the
    dual-sparsity engine are group-cycles, ``lane_cycles_*`` lane-cycles of its compute edges.
    """

    OPERATIONS = "operations"
    DENSE_OPERATIONS = "dense_operations"
    ADDS_DONE = "adds_done"
    TILES = "tiles"
    BYPASSED_TILES = "bypassed_tiles"
    TABLE_BUILDS = "table_builds"
    TABLE_READS = "table_reads"
    ZERO_ADDRESS_READS = "zero_address_reads"
    ISSUES_SKIPPED = "issues_skipped"
    POSITION_GROUPS = "position_groups"
    POSITION_GROUPS_DROPPED = "position_groups_dropped"
    PIXELS = "pixels"
    ACTIVE_PIXELS = "active_pixels"
    SCANNED_BITS = "scanned_bits"
    SLICES = "slices"
    WEIGHT_COPIES = "weight_copies"
    LANE_CYCLES_USED = "lane_cycles_used"
    LANE_CYCLES_ROUNDING = "lane_cycles_rounding"
    LANE_CYCLES_BANK_CONFLICT = "lane_cycles_bank_conflict"
    EXPOSED_SCAN_CYCLES = "exposed_scan_cycles"
    IMBALANCE_CYCLES = "imbalance_cycles"


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """Arithmetic per element and step of a vector operation, by kind.

    Loads and stores are not operations; ``lookup`` is a table read such as a sigmoid port.
    """

    add: int = 0
    multiply: int = 0
    compare: int = 0
    select: int = 0
    lookup: int = 0
    divide: int = 0
    square_root: int = 0

    @property
    def total(self) -> int:
        """Operations that occupy the lane, which set the initiation interval."""
        return self.add + self.multiply + self.compare + self.select + self.lookup + self.divide + self.square_root

    def times(self, factor: int) -> OperationCounts:
        """The same arithmetic ``factor`` times."""
        return OperationCounts(*(factor * getattr(self, f.name) for f in fields(self)))

    def __sub__(self, other: OperationCounts) -> OperationCounts:
        """What is left of this arithmetic when another pass does a part of it.

        Raises
        ------
        ValueError
            If the part is not in the whole.
        """
        left = OperationCounts(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))
        if any(getattr(left, f.name) < 0 for f in fields(left)):
            raise ValueError(f"{other} is not part of {self}")
        return left

    def __add__(self, other: OperationCounts) -> OperationCounts:
        return OperationCounts(
            self.add + other.add,
            self.multiply + other.multiply,
            self.compare + other.compare,
            self.select + other.select,
            self.lookup + other.lookup,
            self.divide + other.divide,
            self.square_root + other.square_root,
        )


@dataclass(frozen=True, slots=True, order=True)
class ActionKey:
    """One kind of action at one width in one component.

    Parameters
    ----------
    component : str
        Where it happens: ``pe``, ``accumulator``, ``lane``, or the name of an SRAM or DRAM.
    action : Action
        What happens.
    bits : int
        Width of the result or of the word (first operand of a multiply), in bits.
        A DRAM action is one bit: its count is the number of bits moved.
    other_bits : int
        Width of the second operand of a multiply; entries of the table of a ``table_read``,
        words of the private bank of a ``bank_read`` or ``bank_write``; else 0.
    """

    component: str
    action: Action
    bits: int
    other_bits: int = 0

    @property
    def name(self) -> str:
        """Key of report.json: ``pe.multiply_8x16``, ``accumulator.register_write_32``."""
        width = f"{self.bits}x{self.other_bits}" if self.other_bits else str(self.bits)
        return f"{self.component}.{self.action}_{width}"

    @classmethod
    def from_name(cls, name: str) -> ActionKey:
        """Inverse of ``name``, so a stored report can be priced again."""
        component, rest = name.rsplit(".", 1)
        action, width = rest.rsplit("_", 1)
        bits, _, other = width.partition("x")
        return cls(component, Action(action), int(bits), int(other or 0))


@dataclass(frozen=True, slots=True)
class ActionCounts:
    """Integer counts by action key, sorted, zero counts dropped."""

    counts: tuple[tuple[ActionKey, int], ...] = ()

    @classmethod
    def of(cls, *pairs: tuple[ActionKey, int]) -> ActionCounts:
        """Build from pairs in any order; equal keys are added up."""
        total: dict[tuple[str, Action, int, int], tuple[ActionKey, int]] = {}
        for key, count in pairs:
            fields = (key.component, key.action, key.bits, key.other_bits)  # compared faster than keys
            known = total.get(fields)
            total[fields] = key, int(count) + (known[1] if known is not None else 0)
        return cls(tuple(total[fields] for fields in sorted(total) if total[fields][1]))

    def __add__(self, other: ActionCounts) -> ActionCounts:
        return ActionCounts.of(*self.counts, *other.counts)

    def get(self, component: str, action: Action) -> int:
        """Sum over all widths of one action in one component."""
        return sum(count for key, count in self.counts if key.component == component and key.action is action)


@dataclass(frozen=True, slots=True, order=True)
class TrafficEntry:
    """Bytes that one operand class moved at one memory level in one task."""

    level: str
    operand: OperandClass
    read_bytes: int = 0
    write_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes per memory level and operand class, sorted, one entry each."""

    entries: tuple[TrafficEntry, ...] = ()

    @classmethod
    def of(cls, *entries: TrafficEntry) -> Traffic:
        """Build from entries in any order; equal (level, operand) are added up."""
        total: dict[tuple[str, OperandClass], tuple[int, int]] = {}
        for entry in entries:
            read, write = total.get((entry.level, entry.operand), (0, 0))
            total[entry.level, entry.operand] = (read + entry.read_bytes, write + entry.write_bytes)
        return cls(tuple(sorted(TrafficEntry(*key, *sums) for key, sums in total.items() if any(sums))))

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic.of(*self.entries, *other.entries)

    def bytes_at(self, level: str) -> int:
        """Bytes read and written at one level."""
        return sum(e.read_bytes + e.write_bytes for e in self.entries if e.level == level)


@dataclass(frozen=True, slots=True)
class CycleBreakdown:
    """Parts of a task's cycles, decided at the issue stage (docs/machines: time and counting).

    The parts add up to ``groups * total`` by construction: engines with parallel groups account
    in group-cycles.
    """

    fill: int = 0
    stream: int = 0
    build: int = 0
    reload: int = 0
    scan: int = 0
    imbalance: int = 0
    drain: int = 0
    stall: int = 0
    groups: int = 1

    @property
    def accounted(self) -> int:
        """Sum of the parts, in group-cycles."""
        worked = self.fill + self.stream + self.build + self.reload + self.scan + self.imbalance
        return worked + self.drain + self.stall

    @property
    def total(self) -> int:
        """Cycles of the task."""
        return self.accounted // self.groups

    def __add__(self, other: CycleBreakdown) -> CycleBreakdown:
        if self.groups != other.groups:
            raise ValueError(f"cannot add breakdowns of {self.groups} and {other.groups} groups")
        parts = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "groups"}
        return CycleBreakdown(**parts, groups=self.groups)


@dataclass(frozen=True, slots=True)
class EngineCost:
    """What one operation cost on one engine, nothing waiting for the outside."""

    cycles: CycleBreakdown = CycleBreakdown()
    actions: ActionCounts = ActionCounts()
    traffic: Traffic = Traffic()
    approximations: tuple[str, ...] = ()
    observations: tuple[tuple[Observed, int], ...] = ()

    def __add__(self, other: EngineCost) -> EngineCost:
        merged = tuple(dict.fromkeys(self.approximations + other.approximations))
        names = dict.fromkeys(name for name, _ in self.observations + other.observations)
        return EngineCost(
            self.cycles + other.cycles,
            self.actions + other.actions,
            self.traffic + other.traffic,
            merged,
            tuple((name, self.observed(name) + other.observed(name)) for name in names),
        )

    def observed(self, what: Observed) -> int:
        """One observation; 0 where the engine does not make it."""
        return next((count for name, count in self.observations if name is what), 0)
