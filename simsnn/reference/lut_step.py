"""The LUT machine, one clock edge per loop turn: all stages decide first, then all write.

Machine (docs/machines section 4). A builder fills table sets by doubling: entry(j) + x_b, A entries
per edge, block b only when block b - 1 is complete; it starts a tile when the tile's set is free and
its operands lie in SRAM, and raises the set's complete flag with the last entry. The issue stage
takes the tiles in order as their flags rise; its scanner looks at Z flags per edge. A read is
registered, goes through ceil(log2 N_g) tree registers and is added to its accumulator at one more
edge, a read-modify-write within that edge. A bypassed tile holds its operands where the table
entries 2^b are, and k serial reads of entry (address and 2^b) are its gated adds. In the weight
update a drain chain empties the accumulator set of an output-channel tile when all issues of that
tile are accumulated (a counter of set flags, made where the spikes are written, tells how many
there are), or, if it has none, when the issue stage has left it; the set then belongs to a later tile.

Accounting (docs/machines section 1): waits are kept until the next issue says that they were
build, reload or scan, or the end says that they were drain. Edges at which the builder had a free
set and lacked nothing but operands are the debt of the tile it builds next; when the issue stage
waits for that tile, that many edges are stall.

Nothing here knows a formula for the time. Tests: ``tests/reference/test_lut_values.py``.
"""

from __future__ import annotations

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.reference.lut_machine import Ints, LutCounts, LutRun, LutTrace
from simsnn.reference.lut_registers import (
    B_DEBT,
    B_TILE,
    BUILD,
    BYPASS,
    C_READBACK,
    COUNT_WORDS,
    D_OC,
    DRAIN,
    FILL,
    FIRST,
    ISSUES,
    OC,
    OC_CHANNEL,
    OC_ISSUES,
    OC_LANES,
    P_AFTER,
    P_BUILD,
    P_RELOAD,
    P_SCAN,
    R_ISSUED,
    R_TILE,
    R_WAITED,
    RELOAD,
    SCAN,
    STALL,
    STREAM,
    T_TILE,
    VALID,
    Addresses,
    Bytes,
    LutRegisters,
    LutShape,
    LutTask,
    new_registers,
)
from simsnn.reference.lut_stages import (
    BUBBLE,
    BUILDING,
    ISSUE_DONE,
    ISSUING,
    LATE,
    NO_ACCUMULATOR,
    NO_TABLE,
    accumulate,
    any_spike,
    build,
    drain,
    load_flags,
    look_at_builder,
    look_at_drain,
    look_at_reader,
    move_on,
    read_tables,
    shift_tree,
)

TRACE_WORDS = 7


@jit
def pack_addresses(spikes: Bytes, rows: Ints, addresses: Addresses) -> None:
    """Pack ``spikes`` (positions, R) into addresses (groups, positions): bit b comes from ``rows[group, b]``."""
    for group in range(len(rows)):
        for bit in range(rows.shape[1]):
            row = rows[group, bit]
            if row < 0:
                continue
            for position in range(len(spikes)):
                if spikes[position, row]:
                    addresses[group, position] |= 1 << bit


@jit
def _count_issues(task: LutTask, shape: LutShape) -> None:
    """Issue edges of every output-channel tile: its set flags, counted by the writer of the flags."""
    for number in range(len(task.tiles)):
        tile = task.tiles[number]
        issues = tile[ISSUES]
        if tile[BYPASS]:
            issues *= shape.address_bits
        elif shape.window > 0:
            issues = 0
            for issue in range(tile[ISSUES]):
                issues += any_spike(task, shape, number, issue)
        task.oc_tiles[tile[OC], OC_ISSUES] += issues


@jit
def _account(shape: LutShape, r: LutRegisters, code: int) -> None:
    """Book the edge by what the issue stage does at it."""
    if code == NO_TABLE:
        r.reader[R_WAITED] += 1
        return
    if r.reader[R_WAITED] > 0:
        stall = min(r.reader[R_WAITED], r.table_debt[r.reader[R_TILE] % shape.table_sets])
        r.parts[STALL] += stall
        r.waits[P_BUILD] += r.reader[R_WAITED] - stall
        r.reader[R_WAITED] = 0
    if code == BUBBLE:
        r.waits[P_SCAN] += 1
    elif code == NO_ACCUMULATOR:
        r.waits[P_RELOAD] += 1
    elif code == ISSUE_DONE:
        r.waits[P_AFTER] += 1
    else:
        first = r.reader[R_ISSUED] == 0
        r.parts[FILL if first else BUILD] += r.waits[P_BUILD]
        r.parts[FILL if first else RELOAD] += r.waits[P_RELOAD]
        r.parts[FILL if first else SCAN] += r.waits[P_SCAN]
        r.waits[:] = 0
        r.parts[STREAM] += 1
        r.reader[R_ISSUED] = 1


@jit
def _results_out(task: LutTask, r: LutRegisters, chunk: int) -> bool:
    """Nothing of the chunk or of earlier ones is in the pipeline, and the tiles it ends are drained."""
    for stage in range(len(r.tags)):
        if r.tags[stage, VALID] and r.tags[stage, T_TILE] < task.chunk_tiles[chunk]:
            return False
    return bool(r.drain[D_OC] >= task.chunk_drains[chunk])


@jit
def _record(task: LutTask, shape: LutShape, r: LutRegisters, states: Ints, issue: int, words: Ints) -> None:
    """Write the states of one edge: builder, issue stage, accumulated tile, drained tile."""
    number = r.reader[R_TILE]
    words[0], words[2] = states[0], states[1]
    words[1] = r.builder[B_TILE] if r.builder[B_TILE] < len(task.tiles) else -1
    words[3] = number if number < len(task.tiles) else -1
    words[4] = task.tiles[number, FIRST] + issue * shape.read_ports if states[1] == ISSUING else -1
    words[5] = r.tags[shape.levels, T_TILE] if r.tags[shape.levels, VALID] else -1
    words[6] = r.drain[D_OC] if states[2] else -1


@jit
def _step_lut(task: LutTask, shape: LutShape, r: LutRegisters, trace: Ints) -> int:
    """Step edge by edge until every result is registered; the number of unsound accumulates."""
    chunks = len(task.ready)
    issued, done, edge, unsound = 0, 0, 0, 0
    states = np.zeros(3, dtype=np.int64)
    task.oc_tiles[:, OC_ISSUES] = 0
    _count_issues(task, shape)
    load_flags(task, shape, r)
    while True:
        # ---- what the registers show before this edge
        while issued < chunks and r.reader[R_TILE] >= task.chunk_tiles[issued]:
            r.ends[issued, 0] = edge
            issued += 1
        while done < issued and _results_out(task, r, done):
            r.ends[done, 1] = edge
            done += 1
        if done == chunks:
            break
        # ---- read: every stage decides from old register values only
        states[0] = look_at_builder(task, shape, r, edge)
        states[1], issue = look_at_reader(task, shape, r)
        states[2] = look_at_drain(task, shape, r)
        if edge < len(trace):
            _record(task, shape, r, states, issue, trace[edge])
        _account(shape, r, states[1])
        # ---- write: the last register first, each stage what it decided
        unsound += not accumulate(shape, r, edge)
        if states[2]:
            drain(task, shape, r)
        shift_tree(shape, r)
        if states[1] == ISSUING:
            read_tables(task, shape, r, issue)
            move_on(task, shape, r, issue + 1)
        elif states[1] == BUBBLE:
            move_on(task, shape, r, issue)
        if states[0] == LATE:
            r.builder[B_DEBT] += 1
        elif states[0] == BUILDING:
            build(task, shape, r)
        edge += 1
    r.parts[DRAIN if r.reader[R_ISSUED] else FILL] += r.waits.sum()
    return unsound


def run_task(task: LutTask, shape: LutShape, lanes: int, readback: bool, trace: bool) -> LutRun:
    """Step a task from an empty machine to its last result.

    Parameters
    ----------
    task, shape : LutTask, LutShape
        Memories and numbers of the array.
    lanes : int
        Lanes of the array.
    readback : bool
        Count the words that the accumulators start from.
    trace : bool
        Record every edge: the task is stepped once more, now that its length is known.

    Returns
    -------
    LutRun

    Raises
    ------
    RuntimeError
        Two writes of one accumulator met: the machine would be wrong.
    """
    cycles = 0
    for _ in range(2 if trace else 1):
        registers = new_registers(task, shape, lanes)
        record = np.zeros((cycles, TRACE_WORDS), dtype=np.int64)
        unsound = _step_lut(task, shape, registers, record)
        if unsound:
            raise RuntimeError(f"{unsound} accumulates met another write of their word or a foreign set")
        cycles = int(registers.ends[-1, 1])
    values = registers.values
    if shape.drain_width == 0:
        for held, (channel, present) in enumerate(task.oc_tiles[:, [OC_CHANNEL, OC_LANES]]):
            values[:, channel : channel + present] = registers.accumulators[held, :, :present]
    if readback:
        registers.counts[C_READBACK] = task.initial.size
    counts = LutCounts(*(int(registers.counts[word]) for word in range(COUNT_WORDS)))
    columns = (np.ascontiguousarray(column) for column in record.T)
    return LutRun(values, registers.parts, registers.ends, counts, LutTrace(*columns) if trace else None)
