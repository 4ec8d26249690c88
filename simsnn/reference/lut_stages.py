"""Stages of the LUT machine: table builder, issue stage with its scanner, adder tree, accumulators, drain chain.

Each stage has a function that decides from register contents of before the edge (``look_at_``) and
one that writes (docs/machines sections 1 and 4). They are called in that order by ``lut_step.py``.
No function knows how long anything takes. Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

from simsnn.kernels.compiler import jit
from simsnn.reference.lut_registers import (
    B_BLOCK,
    B_BUSY,
    B_DEBT,
    B_DONE,
    B_TILE,
    BYPASS,
    C_ACCUMULATES,
    C_ADDRESS_BITS,
    C_BYPASSED,
    C_DRAINED,
    C_FLAGS,
    C_GATED_ADDS,
    C_OPERATIONS,
    C_READS,
    C_TABLE_ADDS,
    C_TABLE_COPIES,
    C_TABLE_WRITES,
    C_TABLES,
    C_TILES,
    C_TREE_ADDS,
    C_ZERO_READS,
    CHANNEL,
    CHUNK,
    D_DONE,
    D_OC,
    END,
    FIRST,
    GROUP,
    GROUPS,
    ISSUES,
    LANES,
    OC,
    OC_CHANNEL,
    OC_END,
    OC_ISSUES,
    OC_LANES,
    R_FLAG,
    R_STEP,
    R_TILE,
    T_FIRST,
    T_GROUPS,
    T_LANES,
    T_OC,
    T_PORTS,
    T_TILE,
    VALID,
    LutRegisters,
    LutShape,
    LutTask,
)

BUILDER_DONE, HELD, LATE, BUILDING = 0, 1, 2, 3
"""Codes of ``lut_machine.BuilderState``."""

ISSUE_DONE, ISSUING, NO_TABLE, NO_ACCUMULATOR, BUBBLE = 0, 1, 2, 3, 4
"""Codes of ``lut_machine.IssueState``."""


@jit
def look_at_builder(task: LutTask, shape: LutShape, r: LutRegisters, edge: int) -> int:
    """What the builder does at this edge."""
    tile = r.builder[B_TILE]
    if tile == len(task.tiles):
        return BUILDER_DONE
    if r.builder[B_BUSY]:
        return BUILDING
    if r.table_tag[tile % shape.table_sets] >= 0:
        return HELD
    return LATE if task.ready[task.tiles[tile, CHUNK]] > edge else BUILDING


@jit
def _write_entries(task: LutTask, r: LutRegisters, held: int, block: int, first: int, last: int) -> None:
    """Entries 2^block + first .. last - 1 of every present table: entry(j) + x_block."""
    tile = task.tiles[r.builder[B_TILE]]
    channel, lanes = tile[CHANNEL], tile[LANES]
    for group in range(tile[GROUPS]):
        row = task.rows[task.kept[tile[GROUP] + group], block]
        table = r.tables[held, group]
        for j in range(first, last):
            entry = (1 << block) + j
            if row >= 0:
                for lane in range(lanes):
                    table[entry, lane] = table[j, lane] + task.operands[row, channel + lane]
            else:
                for lane in range(lanes):
                    table[entry, lane] = table[j, lane]


@jit
def build(task: LutTask, shape: LutShape, r: LutRegisters) -> None:
    """One edge of the builder: up to A entries of one block, or A operands of a bypassed tile."""
    number = r.builder[B_TILE]
    tile = task.tiles[number]
    held = number % shape.table_sets
    tables = tile[LANES] * tile[GROUPS]
    if not r.builder[B_BUSY]:
        r.builder[B_BUSY], r.builder[B_BLOCK], r.builder[B_DONE] = 1, 0, 0
        r.table_tag[held], r.table_valid[held] = number, 0
        r.table_debt[held], r.builder[B_DEBT] = r.builder[B_DEBT], 0
        r.counts[C_TILES] += 1
        r.counts[C_BYPASSED if tile[BYPASS] else C_TABLES] += 1 if tile[BYPASS] else tables
    block = r.builder[B_BLOCK]
    if tile[BYPASS]:
        last = min(block + shape.build_ports, shape.address_bits)
        for bit in range(block, last):
            _write_entries(task, r, held, bit, 0, 1)
        r.builder[B_BLOCK] = last
    else:
        first = r.builder[B_DONE]
        last = min(first + shape.build_ports, 1 << block)
        _write_entries(task, r, held, block, first, last)
        copies = 1 if first == 0 else 0
        r.counts[C_TABLE_COPIES] += copies * tables
        r.counts[C_TABLE_ADDS] += (last - first - copies) * tables
        r.counts[C_TABLE_WRITES] += (last - first) * tables
        r.builder[B_DONE] = last
        if last == 1 << block:
            r.builder[B_BLOCK], r.builder[B_DONE] = block + 1, 0
    if r.builder[B_BLOCK] == shape.address_bits:
        r.table_valid[held] = 1
        r.builder[B_BUSY] = 0
        r.builder[B_TILE] += 1


@jit
def any_spike(task: LutTask, shape: LutShape, tile: int, issue: int) -> bool:
    """Flag of one issue: whether any address of any group and port is non-zero."""
    words = task.tiles[tile]
    first = words[FIRST] + issue * shape.read_ports
    for group in range(words[GROUPS]):
        row = task.addresses[task.kept[words[GROUP] + group]]
        for position in range(first, min(first + shape.read_ports, words[END])):
            if row[position] != 0:
                return True
    return False


@jit
def load_flags(task: LutTask, shape: LutShape, r: LutRegisters) -> None:
    """The flags of the tile that reaches the issue stage stand before the scanner."""
    tile = r.reader[R_TILE]
    if shape.window > 0 and tile < len(task.tiles) and not task.tiles[tile, BYPASS]:
        for issue in range(task.tiles[tile, ISSUES]):
            r.flags[issue] = any_spike(task, shape, tile, issue)


@jit
def look_at_reader(task: LutTask, shape: LutShape, r: LutRegisters) -> tuple[int, int]:
    """What the issue stage does at this edge, and the issue it makes or the flag it moves on to."""
    number = r.reader[R_TILE]
    if number == len(task.tiles):
        return ISSUE_DONE, 0
    held = number % shape.table_sets
    if r.table_tag[held] != number or not r.table_valid[held]:
        return NO_TABLE, 0
    tile = task.tiles[number]
    found = r.reader[R_FLAG]
    if shape.window > 0 and not tile[BYPASS]:
        last = min(found + shape.window, tile[ISSUES])
        while found < last and not r.flags[found]:
            found += 1
        if found == last:
            return BUBBLE, last
    if r.owner[tile[OC] % shape.accumulator_sets] != tile[OC]:
        return NO_ACCUMULATOR, found
    return ISSUING, found


@jit
def read_tables(task: LutTask, shape: LutShape, r: LutRegisters, issue: int) -> None:
    """The issue edge: every present group and port reads its table into the first pipeline registers."""
    number = r.reader[R_TILE]
    tile = task.tiles[number]
    held, step = number % shape.table_sets, r.reader[R_STEP]
    groups, lanes = tile[GROUPS], tile[LANES]
    first = tile[FIRST] + issue * shape.read_ports
    ports = min(shape.read_ports, tile[END] - first)
    mask = 1 << step if tile[BYPASS] else (1 << shape.address_bits) - 1
    ones, zeros, columns = 0, 0, 0
    for group in range(groups):
        name = task.kept[tile[GROUP] + group]
        for bit in range(shape.address_bits):
            columns += task.rows[name, bit] >= 0 and (mask >> bit) & 1
        for port in range(ports):
            address = task.addresses[name, first + port] & mask
            entry, register = r.tables[held, group, address], r.pipe[0, port, group]
            for lane in range(lanes):
                register[lane] = entry[lane]
            zeros += address == 0
            while address != 0:
                address &= address - 1
                ones += 1
    r.counts[C_ADDRESS_BITS] += columns * ports
    r.counts[C_OPERATIONS] += ones * lanes
    if tile[BYPASS]:
        r.counts[C_GATED_ADDS] += ones * lanes
    else:
        r.counts[C_READS] += ports * groups * lanes
        r.counts[C_ZERO_READS] += zeros * lanes
    tag = r.tags[0]
    tag[VALID], tag[T_TILE], tag[T_FIRST], tag[T_PORTS] = 1, number, first, ports
    tag[T_GROUPS], tag[T_LANES], tag[T_OC] = groups, lanes, tile[OC]


@jit
def move_on(task: LutTask, shape: LutShape, r: LutRegisters, flag: int) -> None:
    """The sequencer: next gated add, next flag, or next tile, whose predecessor's table set is free."""
    number = r.reader[R_TILE]
    tile = task.tiles[number]
    if tile[BYPASS] and r.reader[R_STEP] + 1 < shape.address_bits:
        r.reader[R_STEP] += 1
        return
    r.reader[R_STEP], r.reader[R_FLAG] = 0, flag
    if flag < tile[ISSUES]:
        return
    if shape.window > 0 and not tile[BYPASS]:
        r.counts[C_FLAGS] += tile[ISSUES]
    r.table_tag[number % shape.table_sets] = -1
    r.reader[R_FLAG] = 0
    r.reader[R_TILE] += 1
    load_flags(task, shape, r)


@jit
def shift_tree(shape: LutShape, r: LutRegisters) -> None:
    """Every tree level takes the pair sums of the level before, the deepest first, so all read old values."""
    for level in range(shape.levels, 0, -1):
        r.tags[level] = r.tags[level - 1]
        tag = r.tags[level]
        if not tag[VALID]:
            continue
        groups, lanes = tag[T_GROUPS], tag[T_LANES]
        r.counts[C_TREE_ADDS] += (groups // 2) * lanes * tag[T_PORTS]
        tag[T_GROUPS] = (groups + 1) // 2
        for port in range(tag[T_PORTS]):
            for group in range(tag[T_GROUPS]):
                out, left = r.pipe[level, port, group], r.pipe[level - 1, port, 2 * group]
                if 2 * group + 1 < groups:
                    right = r.pipe[level - 1, port, 2 * group + 1]
                    for lane in range(lanes):
                        out[lane] = left[lane] + right[lane]
                else:
                    for lane in range(lanes):
                        out[lane] = left[lane]
    r.tags[0, VALID] = 0


@jit
def accumulate(shape: LutShape, r: LutRegisters, edge: int) -> bool:
    """Add what has left the tree in one read-modify-write; False if two writes met or the set is not its own."""
    tag = r.tags[shape.levels]
    if not tag[VALID]:
        return True
    held, lanes = tag[T_OC] % shape.accumulator_sets, tag[T_LANES]
    sound = bool(r.owner[held] == tag[T_OC])
    for port in range(tag[T_PORTS]):
        position = tag[T_FIRST] + port
        sound = bool(sound and r.written[held, position] != edge)
        r.written[held, position] = edge
        word, sums = r.accumulators[held, position], r.pipe[shape.levels, port, 0]
        for lane in range(lanes):
            word[lane] += sums[lane]
    r.accumulated[tag[T_OC]] += 1
    r.counts[C_ACCUMULATES] += tag[T_PORTS] * lanes
    return sound


@jit
def look_at_drain(task: LutTask, shape: LutShape, r: LutRegisters) -> bool:
    """Whether the drain chain moves words: all issues of its tile are accumulated, or the tile had none."""
    number = r.drain[D_OC]
    if shape.drain_width == 0 or number == len(task.oc_tiles):
        return False
    issues = task.oc_tiles[number, OC_ISSUES]
    if issues == 0:
        return bool(r.reader[R_TILE] >= task.oc_tiles[number, OC_END])
    return bool(r.accumulated[number] == issues)


@jit
def drain(task: LutTask, shape: LutShape, r: LutRegisters) -> None:
    """One edge of the drain chain; a set that is empty goes to its next tile, with that tile's first values."""
    number = r.drain[D_OC]
    held = number % shape.accumulator_sets
    channel, lanes = task.oc_tiles[number, OC_CHANNEL], task.oc_tiles[number, OC_LANES]
    words = len(task.initial) * lanes
    last = min(r.drain[D_DONE] + shape.drain_width, words)
    for word in range(r.drain[D_DONE], last):
        row, lane = word // lanes, word % lanes
        r.values[row, channel + lane] = r.accumulators[held, row, lane]
    r.counts[C_DRAINED] += last - r.drain[D_DONE]
    r.drain[D_DONE] = last
    if last < words:
        return
    r.drain[D_OC], r.drain[D_DONE] = number + 1, 0
    following = number + shape.accumulator_sets
    r.owner[held] = following
    if following < len(task.oc_tiles):
        channel, lanes = task.oc_tiles[following, OC_CHANNEL], task.oc_tiles[following, OC_LANES]
        for row in range(len(task.initial)):
            for lane in range(lanes):
                r.accumulators[held, row, lane] = task.initial[row, channel + lane]
