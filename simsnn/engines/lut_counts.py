"""What a LUT engine did: integer totals of a task, their prices' keys, and what it noticed.

Counting rules (docs/machines section 4): absent lanes, groups and positions count nothing; a tail
group with fewer than k operands still builds its whole table; a bypassed tile has k issues per
position and reads no table. Equal to the counters of the register-level twin
(``tests/reference/test_lut.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import Action, ActionCounts, ActionKey, Observed
from simsnn.engines.lut_config import LutConfig
from simsnn.kernels import lut as steps
from simsnn.kernels import lut_counting as counting

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LutTotals:
    """Counters of a task; names as in the twin's ``LutCounts``, and what the buffers and observations need.

    Parameters
    ----------
    tables ... tiles : int
        As in :class:`simsnn.reference.lut_machine.LutCounts`.
    operand_words : int
        Real operands loaded into tables or operand registers.
    issues_skipped : int
        Issue edges that skipping saved.
    position_groups, position_groups_dropped : int
        Weight update: groups of k positions, per output-channel tile, and those without any gradient.
    mask_bits : int
        Gradient mask bits looked at.
    """

    tables: int = 0
    table_adds: int = 0
    table_copies: int = 0
    table_writes: int = 0
    reads: int = 0
    zero_reads: int = 0
    tree_adds: int = 0
    accumulates: int = 0
    address_bits: int = 0
    flags: int = 0
    gated_adds: int = 0
    operations: int = 0
    drained_words: int = 0
    readback_words: int = 0
    bypassed_tiles: int = 0
    tiles: int = 0
    operand_words: int = 0
    issues_skipped: int = 0
    position_groups: int = 0
    position_groups_dropped: int = 0
    mask_bits: int = 0

    def __add__(self, other: LutTotals) -> LutTotals:
        return LutTotals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class TileSet:
    """Tiles of one section that the same lanes run.

    Parameters
    ----------
    counts : NDArray[int64], shape (tiles, COUNT_WORDS)
        What the addresses of each tile hold (``simsnn.kernels.lut_counting``).
    positions, groups, columns : NDArray[int64], shape (tiles,)
        Positions of a tile, its tables per lane, its operands that exist.
    bypassed : NDArray[bool], shape (tiles,)
        Tiles that run as serial gated adds.
    """

    counts: Ints
    positions: Ints
    groups: Ints
    columns: Ints
    bypassed: NDArray[np.bool_]

    def times(self, config: LutConfig) -> Ints:
        """Timing words of every tile, (tiles, TILE_WORDS), as ``simsnn.kernels.lut`` takes them."""
        table = np.zeros((len(self.counts), steps.TILE_WORDS), np.int64)
        table[:, steps.BUILD] = np.where(self.bypassed, config.copy_cycles, config.build_cycles)
        serial = config.address_bits * -(-self.positions // config.read_ports)
        for word, counted in _SAME:
            table[:, word] = np.where(self.bypassed, serial, self.counts[:, counted])
        for word, counted in ((steps.LEAD, counting.LEAD), (steps.TAIL, counting.TAIL)):
            table[:, word] = np.where(self.bypassed, 0, self.counts[:, counted])
        return table

    def totals(self, config: LutConfig, lanes: int) -> LutTotals:
        """Counters of all its tiles; ``lanes`` are the lanes present, summed over the output-channel tiles."""
        k, ports = config.address_bits, config.read_ports
        table = ~self.bypassed
        issues = -(-self.positions // ports)
        absent = issues * ports - self.positions
        issued = self.counts[:, counting.ISSUES] * ports - absent * self.counts[:, counting.LAST_SET]
        issued = np.where(table, issued, self.positions)
        sums = np.where(table, issued, k * issued)
        tables = lanes * int(self.groups[table].sum())
        reads = lanes * int((issued * self.groups)[table].sum())
        return LutTotals(
            tables=tables,
            table_adds=tables * (config.entries - k - 1),
            table_copies=tables * k,
            table_writes=tables * (config.entries - 1),
            reads=reads,
            zero_reads=reads - lanes * int(self.counts[table, counting.NONZERO].sum()),
            tree_adds=lanes * int((sums * (self.groups - 1)).sum()),
            accumulates=lanes * int(sums.sum()),
            address_bits=-(-lanes // config.lanes) * int((issued * self.columns).sum()),
            flags=-(-lanes // config.lanes) * int(issues[table].sum()) if config.window else 0,
            gated_adds=lanes * int(self.counts[self.bypassed, counting.ONES].sum()),
            operations=lanes * int(self.counts[:, counting.ONES].sum()),
            bypassed_tiles=-(-lanes // config.lanes) * int(self.bypassed.sum()),
            tiles=-(-lanes // config.lanes) * len(self.counts),
            operand_words=lanes * int(self.columns.sum()),
            issues_skipped=-(-lanes // config.lanes) * int((issues - self.counts[:, counting.ISSUES])[table].sum()),
        )


_SAME = ((steps.EDGES, counting.EDGES), (steps.ISSUES, counting.ISSUES))


def dense_counts(positions: Ints, groups: Ints, columns: Ints, read_ports: int) -> Ints:
    """Counts of tiles whose addresses are all ones: nothing is skipped."""
    counts = np.zeros((len(positions), counting.COUNT_WORDS), np.int64)
    counts[:, counting.EDGES] = counts[:, counting.ISSUES] = -(-positions // read_ports)
    counts[:, counting.LAST_SET] = 1
    counts[:, counting.NONZERO] = positions * groups
    counts[:, counting.ONES] = positions * columns
    return counts


def actions(totals: LutTotals, config: LutConfig, operand_bits: int) -> ActionCounts:
    """Priced actions of the engine; words of the buffers are left to the mapping."""
    entry, width = config.entry_width or operand_bits, config.acc_width
    words = config.accumulator_rows
    accumulates, moved = totals.accumulates, totals.drained_words
    return ActionCounts.of(
        (ActionKey("builder", Action.ADD, entry), totals.table_adds),
        (ActionKey("builder", Action.REGISTER_WRITE, operand_bits), totals.operand_words),
        (ActionKey("builder", Action.REGISTER_READ, operand_bits), totals.table_copies + totals.table_adds),
        (ActionKey("table", Action.REGISTER_WRITE, entry), totals.table_writes * config.copies),
        (ActionKey("table", Action.TABLE_READ, entry, config.entries), totals.reads),
        (ActionKey("table", Action.REGISTER_READ, operand_bits), totals.gated_adds),
        (ActionKey("tree", Action.REGISTER_WRITE, entry), totals.reads + totals.gated_adds),
        (ActionKey("tree", Action.ADD, width), totals.tree_adds),
        (ActionKey("tree", Action.REGISTER_WRITE, width), totals.tree_adds),
        (ActionKey("accumulator", Action.ADD, width), accumulates),
        (ActionKey("accumulator", Action.BANK_READ, width, words), accumulates + moved),
        (ActionKey("accumulator", Action.BANK_WRITE, width, words), accumulates + totals.readback_words),
        (ActionKey("drain", Action.REGISTER_WRITE, width), moved),
    )


def observations(totals: LutTotals, dense_operations: int) -> tuple[tuple[Observed, int], ...]:
    """What the engine noticed, beside cycles and actions."""
    done = totals.table_adds + totals.tree_adds + totals.accumulates
    return (
        (Observed.OPERATIONS, totals.operations),
        (Observed.DENSE_OPERATIONS, dense_operations),
        (Observed.ADDS_DONE, done),
        (Observed.TILES, totals.tiles),
        (Observed.BYPASSED_TILES, totals.bypassed_tiles),
        (Observed.TABLE_BUILDS, totals.tables),
        (Observed.TABLE_READS, totals.reads),
        (Observed.ZERO_ADDRESS_READS, totals.zero_reads),
        (Observed.ISSUES_SKIPPED, totals.issues_skipped),
        (Observed.POSITION_GROUPS, totals.position_groups),
        (Observed.POSITION_GROUPS_DROPPED, totals.position_groups_dropped),
    )


def approximations(config: LutConfig, operand_bits: int) -> tuple[str, ...]:
    """What is not exact, one sentence each."""
    found = [
        "lut: operands are in the double-buffered operand registers when a table needs them",
        "lut: the feeder uses every bit of a spike word that it reads, and finding groups to drop takes no cycles",
    ]
    if config.entry_width is None and config.address_bits > 1:
        growth = (config.address_bits - 1).bit_length()
        found.append(
            f"lut: table entries are as wide as the operands, {operand_bits} bit; integers would need"
            f" entry_width: {operand_bits + growth} bit"
        )
    if config.window:
        found.append("lut: the flags of zero addresses are counted as mask reads but take no room in SRAM")
    return tuple(found)
