"""Scan stage and pixel hand-out of the register-level dual-sparsity engine, one edge of all groups per call.

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
def may_scan(group: Ints, lists: Ints, g: int) -> bool:
    """The scanner is idle and the list it would fill is free."""
    return bool(group[g, SCANNING] == 0 and lists[g, group[g, SCAN_LIST], FULL] == 0)


@jit
def emptied(group: Ints, lists: Ints, g: int) -> bool:
    """Scanner idle, both lists free: nothing of a pixel is left in the group but its pipeline."""
    return bool(group[g, SCANNING] == 0 and lists[g, 0, FULL] == 0 and lists[g, 1, FULL] == 0)


@jit
def _start(task: Task, registers: Registers, tally: Ints, g: int, pair: int, pixel: int, chunk: int) -> None:
    group, lists = registers.group, registers.lists
    group[g, SCANNING], group[g, PIXEL], group[g, PAIR], group[g, CHUNK] = 1, pixel, pair, chunk
    group[g, IN_FIELD], group[g, BIT] = 0, task.c_bounds[pair // (task.co_bounds.shape[0] - 1)]
    which = group[g, SCAN_LIST]
    lists[g, which, N_IN], lists[g, which, N_OUT] = 0, 0
    registers.lane_count[g, which] = 0
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
    group, lists, end = registers.group, registers.lists, sequencer[Q_END]
    for g in range(switches.groups):
        if group[g, NEXT] < end and may_scan(group, lists, g):
            _start(task, registers, out.tally, g, sequencer[Q_PAIR], group[g, NEXT], sequencer[Q_CHUNK])
            group[g, NEXT] += switches.groups


@jit
def grant(switches: Switches, task: Task, registers: Registers, sequencer: Ints, out: Outputs, edge: int) -> bool:
    """Dynamic balance: the queue serves the groups that may scan, lowest first; True if a pixel is left.

    A group that asks while grants are left but finds the head of the queue late collects debt.
    """
    group, lists = registers.group, registers.lists
    served = 0
    left = next_pixels(task, sequencer)
    traced = edge < out.trace.shape[0]
    for g in range(switches.groups):
        if not left or not may_scan(group, lists, g):
            continue
        if served == switches.grants:
            if traced:
                out.trace[edge, g, 0] = NO_GRANT
        elif task.ready[sequencer[Q_CHUNK]] > edge:
            group[g, DEBT] += 1
            if traced:
                out.trace[edge, g, 0] = LATE
        else:
            _start(task, registers, out.tally, g, sequencer[Q_PAIR], sequencer[Q_PIXEL], sequencer[Q_CHUNK])
            served += 1
            sequencer[Q_PIXEL] += 1
            left = next_pixels(task, sequencer)
    return left


@jit
def _leave(group: Ints, lists: Ints, ends: Ints, tally: Ints, g: int, edge: int) -> None:
    """Last word of a pixel: the list is full if a channel is active; debt goes with the list."""
    which, chunk = group[g, SCAN_LIST], group[g, CHUNK]
    group[g, SCANNING] = 0
    if lists[g, which, N_OUT] > 0:
        lists[g, which, FULL], lists[g, which, L_PIXEL] = 1, group[g, PIXEL]
        lists[g, which, L_PAIR], lists[g, which, L_CHUNK] = group[g, PAIR], chunk
        lists[g, which, L_DEBT], group[g, DEBT] = group[g, DEBT], 0
        group[g, SCAN_LIST] = 1 - which
        tally[ACTIVE_PIXELS] += 1
    for end in range(2):
        ends[chunk, end] = max(ends[chunk, end], edge + 1)


@jit
def scan_output_masks(switches: Switches, task: Task, registers: Registers, out: Outputs, edge: int) -> None:
    """Scanners on their output mask look at one word of it."""
    group, lists, counts, lane_channel = (
        registers.group,
        registers.lists,
        registers.lane_count,
        registers.lane_channel,
    )
    needed, rows, field_start, tally = task.needed, task.rows, task.field_start, out.tally
    compact, lanes, co_slices = switches.compact, switches.lanes, task.co_bounds.shape[0] - 1
    for g in range(group.shape[0]):
        if group[g, SCANNING] == 0 or group[g, IN_FIELD] == 1:
            continue
        which, pixel, first = group[g, SCAN_LIST], group[g, PIXEL], group[g, BIT]
        stop = task.c_bounds[group[g, PAIR] // co_slices + 1]
        end = min(first + switches.scan_bits, stop)
        row = rows[pixel]
        for channel in range(first, end):
            if needed[row, channel] != 0:
                lane = (lists[g, which, N_OUT] if compact else channel) % lanes
                lane_channel[g, which, lane, counts[g, which, lane]] = channel
                counts[g, which, lane] += 1
                lists[g, which, N_OUT] += 1
        group[g, BIT] = end
        tally[SCANNED_BITS] += end - first
        tally[SCAN_EDGES] += 1
        if edge < out.trace.shape[0]:
            out.trace[edge, g, 0] = OUTPUT_MASK
        if end == stop:
            group[g, IN_FIELD], group[g, ENTRY] = 1, field_start[pixel]
            group[g, BIT] = task.co_bounds[group[g, PAIR] % co_slices]
            if lists[g, which, N_OUT] == 0 or field_start[pixel] == field_start[pixel + 1]:
                _leave(group, lists, out.ends, tally, g, edge)


@jit
def scan_fields(switches: Switches, task: Task, registers: Registers, out: Outputs, edge: int) -> None:
    """Scanners in their field look at one word of a tap."""
    group, lists, list_values, list_index = (
        registers.group,
        registers.lists,
        registers.list_values,
        registers.list_index,
    )
    gradient, field_row, field_tap, tally = task.gradient, task.field_row, task.field_tap, out.tally
    co_slices = task.co_bounds.shape[0] - 1
    for g in range(group.shape[0]):
        if group[g, SCANNING] == 0 or group[g, IN_FIELD] == 0:
            continue
        which, entry, first = group[g, SCAN_LIST], group[g, ENTRY], group[g, BIT]
        co_slice = group[g, PAIR] % co_slices
        stop = task.co_bounds[co_slice + 1]
        end = min(first + switches.scan_bits, stop)
        row, weight_row = field_row[entry], field_tap[entry] * gradient.shape[1]
        length = lists[g, which, N_IN]
        for channel in range(first, end):
            value = gradient[row, channel]
            if value != 0:
                list_values[g, which, length] = value
                list_index[g, which, length] = weight_row + channel
                length += 1
        lists[g, which, N_IN], group[g, BIT] = length, end
        tally[SCANNED_BITS] += end - first
        tally[SCAN_EDGES] += 1
        if edge < out.trace.shape[0]:
            out.trace[edge, g, 0] = FIELD_MASK
        if end == stop:
            group[g, BIT], group[g, ENTRY] = task.co_bounds[co_slice], entry + 1
            if entry + 1 == task.field_start[group[g, PIXEL] + 1]:
                _leave(group, lists, out.ends, tally, g, edge)
