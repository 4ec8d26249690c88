"""Scan stage and pixel hand-out of the register-level dual-sparsity engine, one edge per call.

A scanner looks at no more than z mask bits per edge. It starts on the output mask of the slice;
every active channel goes into the list of one lane (its number mod P_c, or the next lane in turn).
If a channel is active it walks the taps of the field, and every non-zero value goes into the list
with its weight row. A word ends with its tap. The pixel with its last word leaves a full list, or
the same list still free if no channel was active. Source: docs/machines section 5.
Proof: ``tests/reference/test_dual_sparse_values.py``.
"""

from __future__ import annotations

from simsnn.kernels.compiler import jit
from simsnn.reference.dual_sparse_registers import (
    ACTIVE_PIXELS,
    BIT,
    CHUNK,
    DEBT,
    DONE,
    ENTRY,
    FULL,
    IMBALANCE,
    IN_FIELD,
    L_CHUNK,
    L_DEBT,
    L_PAIR,
    L_PIXEL,
    N_IN,
    N_OUT,
    NEXT,
    PAIR,
    PIXEL,
    PIXELS,
    Q_CHUNK,
    Q_END,
    Q_OPEN,
    Q_PAIR,
    Q_PIXEL,
    SCAN_EDGES,
    SCAN_LIST,
    SCANNED_BITS,
    SCANNING,
    SHUT,
    SINCE,
    STALL,
    STATE,
    WAITING,
    Ints,
    Outputs,
    Registers,
    Switches,
    Task,
    settle,
)

EMPTY, OUTPUT_MASK, FIELD_MASK, NO_LIST, LATE, NO_GRANT = range(6)
"""Scan codes of the trace."""


@jit
def may_scan(registers: Registers, group: int) -> bool:
    """The scanner is idle and the list it would fill is free."""
    state = registers.group[group]
    return bool(state[SCANNING] == 0 and registers.lists[group, state[SCAN_LIST], FULL] == 0)


@jit
def emptied(registers: Registers, group: int) -> bool:
    """Scanner idle, both lists free: nothing of a pixel is left in the group but its pipeline."""
    lists = registers.lists[group]
    return bool(registers.group[group, SCANNING] == 0 and lists[0, FULL] == 0 and lists[1, FULL] == 0)


@jit
def _start(task: Task, registers: Registers, tally: Ints, group: int, pair: int, pixel: int, chunk: int) -> None:
    state = registers.group[group]
    state[SCANNING], state[PIXEL], state[PAIR], state[CHUNK] = 1, pixel, pair, chunk
    state[IN_FIELD], state[BIT] = 0, task.c_bounds[pair // (task.co_bounds.shape[0] - 1)]
    head = registers.lists[group, state[SCAN_LIST]]
    head[N_IN], head[N_OUT] = 0, 0
    registers.lane_count[group, state[SCAN_LIST]] = 0
    tally[PIXELS] += 1


@jit
def next_pixels(task: Task, sequencer: Ints) -> bool:
    """The sequencer points at its next pixel, in the next slice pair if this one is over; False at the end."""
    pixels = task.rows.shape[0]
    chunks = task.chunk_pixels.shape[0] - 1
    pairs = (task.c_bounds.shape[0] - 1) * (task.co_bounds.shape[0] - 1)
    if pixels == 0:
        return False
    if sequencer[Q_PIXEL] >= pixels and sequencer[Q_PAIR] < pairs:
        sequencer[Q_PIXEL] = 0
        sequencer[Q_PAIR] += 1
    if sequencer[Q_PAIR] >= pairs:
        return False
    chunk = sequencer[Q_CHUNK] % chunks
    if sequencer[Q_CHUNK] // chunks < sequencer[Q_PAIR]:
        chunk = 0
    while task.chunk_pixels[chunk + 1] <= sequencer[Q_PIXEL]:
        chunk += 1
    sequencer[Q_CHUNK] = sequencer[Q_PAIR] * chunks + chunk
    return True


@jit
def shut_block(registers: Registers, sequencer: Ints, book: Ints, edge: int) -> None:
    """Every group has emptied: they waited at the barrier up to this edge."""
    sequencer[Q_OPEN] = 0
    sequencer[Q_PIXEL] = sequencer[Q_END]
    for group in range(registers.group.shape[0]):
        state = registers.group[group]
        settle(book, IMBALANCE, state[SINCE], edge)
        state[STATE], state[SINCE] = SHUT, edge


@jit
def open_block(switches: Switches, task: Task, registers: Registers, sequencer: Ints, book: Ints, edge: int) -> None:
    """The barrier opens at this edge; the edges since the last block waited for operands."""
    first = sequencer[Q_PIXEL]
    sequencer[Q_OPEN] = 1
    sequencer[Q_END] = min(first + switches.barrier_pixels * switches.groups, task.rows.shape[0])
    for group in range(switches.groups):
        state = registers.group[group]
        book[STALL] += edge - state[SINCE]
        state[NEXT], state[SINCE] = first + group, edge
        state[STATE] = WAITING if state[NEXT] < sequencer[Q_END] else DONE


@jit
def deal(switches: Switches, task: Task, registers: Registers, sequencer: Ints, out: Outputs) -> None:
    """Static balance: every group that may scan starts its own next pixel of the open block."""
    for group in range(switches.groups):
        state = registers.group[group]
        if may_scan(registers, group) and state[NEXT] < sequencer[Q_END]:
            _start(task, registers, out.tally, group, sequencer[Q_PAIR], state[NEXT], sequencer[Q_CHUNK])
            state[NEXT] += switches.groups


@jit
def grant(switches: Switches, task: Task, registers: Registers, sequencer: Ints, out: Outputs, edge: int) -> bool:
    """Dynamic balance: the queue serves the groups that may scan, lowest first; True if a pixel is left.

    A group that asks while grants are left but finds the head of the queue late collects debt.
    """
    served = 0
    left = next_pixels(task, sequencer)
    traced = edge < out.trace.shape[0]
    for group in range(switches.groups):
        if not left or not may_scan(registers, group):
            continue
        if served == switches.grants:
            if traced:
                out.trace[edge, group, 0] = NO_GRANT
        elif task.ready[sequencer[Q_CHUNK]] > edge:
            registers.group[group, DEBT] += 1
            if traced:
                out.trace[edge, group, 0] = LATE
        else:
            pair, pixel, chunk = sequencer[Q_PAIR], sequencer[Q_PIXEL], sequencer[Q_CHUNK]
            _start(task, registers, out.tally, group, pair, pixel, chunk)
            served += 1
            sequencer[Q_PIXEL] += 1
            left = next_pixels(task, sequencer)
    return left


@jit
def _scan_output_mask(switches: Switches, task: Task, registers: Registers, group: int, stop: int) -> int:
    """Look at one word of the output mask; returns its bits."""
    state = registers.group[group]
    which = state[SCAN_LIST]
    head, counts = registers.lists[group, which], registers.lane_count[group, which]
    row, first = task.rows[state[PIXEL]], state[BIT]
    end = min(first + switches.scan_bits, stop)
    for channel in range(first, end):
        if task.needed[row, channel] != 0:
            lane = head[N_OUT] % switches.lanes if switches.compact else channel % switches.lanes
            registers.lane_channel[group, which, lane, counts[lane]] = channel
            counts[lane] += 1
            head[N_OUT] += 1
    state[BIT] = end
    return int(end - first)


@jit
def _scan_field(switches: Switches, task: Task, registers: Registers, group: int, stop: int) -> int:
    """Look at one word of a tap of the field; returns its bits."""
    state = registers.group[group]
    which = state[SCAN_LIST]
    head = registers.lists[group, which]
    row, first = task.field_row[state[ENTRY]], state[BIT]
    weight_row = task.field_tap[state[ENTRY]] * task.gradient.shape[1]
    end = min(first + switches.scan_bits, stop)
    for channel in range(first, end):
        value = task.gradient[row, channel]
        if value != 0:
            registers.list_values[group, which, head[N_IN]] = value
            registers.list_index[group, which, head[N_IN]] = weight_row + channel
            head[N_IN] += 1
    state[BIT] = end
    return int(end - first)


@jit
def _leave(state: Ints, head: Ints, out: Outputs, edge: int) -> None:
    """Last word of a pixel: the list is full if a channel is active; debt goes with the list."""
    state[SCANNING] = 0
    if head[N_OUT] > 0:
        head[FULL], head[L_PIXEL], head[L_PAIR], head[L_CHUNK] = 1, state[PIXEL], state[PAIR], state[CHUNK]
        head[L_DEBT], state[DEBT] = state[DEBT], 0
        state[SCAN_LIST] = 1 - state[SCAN_LIST]
        out.tally[ACTIVE_PIXELS] += 1
    for end in range(2):
        out.ends[state[CHUNK], end] = max(out.ends[state[CHUNK], end], edge + 1)


@jit
def scan_edge(switches: Switches, task: Task, registers: Registers, out: Outputs, group: int, edge: int) -> int:
    """One edge of a busy scanner; returns its code for the trace."""
    state = registers.group[group]
    head = registers.lists[group, state[SCAN_LIST]]
    co_slices = task.co_bounds.shape[0] - 1
    c_slice, co_slice = state[PAIR] // co_slices, state[PAIR] % co_slices
    last_entry = task.field_start[state[PIXEL] + 1]
    out.tally[SCAN_EDGES] += 1
    if state[IN_FIELD] == 0:
        c_stop = task.c_bounds[c_slice + 1]
        out.tally[SCANNED_BITS] += _scan_output_mask(switches, task, registers, group, c_stop)
        if state[BIT] == c_stop:
            state[IN_FIELD], state[BIT] = 1, task.co_bounds[co_slice]
            state[ENTRY] = task.field_start[state[PIXEL]]
            if head[N_OUT] == 0 or state[ENTRY] == last_entry:
                _leave(state, head, out, edge)
        return OUTPUT_MASK
    co_stop = task.co_bounds[co_slice + 1]
    out.tally[SCANNED_BITS] += _scan_field(switches, task, registers, group, co_stop)
    if state[BIT] == co_stop:
        state[BIT] = task.co_bounds[co_slice]
        state[ENTRY] += 1
        if state[ENTRY] == last_entry:
            _leave(state, head, out, edge)
    return FIELD_MASK
