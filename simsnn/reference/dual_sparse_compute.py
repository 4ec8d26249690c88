"""Compute stage of the register-level dual-sparsity engine, one edge of all groups per call.

Three registers follow one another. Issue: V values of the list and, per lane, their weights are
read into the operand register. The next edge multiplies and adds them to the lane's accumulator.
The next edge writes the accumulators of a finished pass to the result memory, where they add to
what an earlier co-slice left (in one edge; vectors that meet there all add up). Called with the
last register first, each stage reads what the one before it held before the edge.

Under ``compact`` a bank feeds one lane per edge: the lanes in ascending order claim the bank of
their channel, and the values stay until every lane of the pass has had its weights.
Source: docs/machines section 5. Proof: ``tests/reference/test_dual_sparse_values.py``.
"""

from __future__ import annotations

from simsnn.kernels.compiler import jit
from simsnn.reference.dual_sparse_registers import (
    BANK_CONFLICTS,
    BUSY,
    COMPUTE_LIST,
    FULL,
    L_CHUNK,
    L_DEBT,
    L_PAIR,
    L_PIXEL,
    LANE_ROUNDING,
    MULTIPLIES,
    N_IN,
    OP_CHUNK,
    OP_FIRST,
    OP_LAST,
    OP_PAIR,
    OP_ROW,
    OP_VALID,
    OP_VALUES,
    PARTIAL_READS,
    PARTIAL_WRITES,
    PASS,
    PASSES,
    REPEAT,
    SINCE,
    STATE,
    SUM_CHUNK,
    SUM_PAIR,
    SUM_ROW,
    SUM_VALID,
    USEFUL,
    VALUE,
    VALUE_READS,
    WAITING,
    WEIGHT_READS,
    WRITTEN,
    Ints,
    Outputs,
    Registers,
    Switches,
    Task,
    note_issue,
    settle_wait,
)

IDLE, ISSUE, CONFLICT = range(3)
"""Compute codes of the trace."""


@jit
def write_results(
    group: Ints, sums: Ints, channels: Ints, values: Ints, ends: Ints, tally: Ints, co_slices: int, edge: int
) -> None:
    """Result registers: finished passes go to memory, their lanes are clear again."""
    for g in range(group.shape[0]):
        if group[g, SUM_VALID] == 0:
            continue
        row, chunk = group[g, SUM_ROW], group[g, SUM_CHUNK]
        co_slice = group[g, SUM_PAIR] % co_slices
        written = 0
        for lane in range(channels.shape[1]):
            channel = channels[g, lane]
            if channel >= 0:
                values[row, channel] += sums[g, lane]
                channels[g, lane] = -1
                written += 1
        tally[PARTIAL_READS] += written if co_slice > 0 else 0
        tally[WRITTEN if co_slice == co_slices - 1 else PARTIAL_WRITES] += written
        ends[chunk, 1] = max(ends[chunk, 1], edge + 1)
        group[g, SUM_VALID] = 0


@jit
def accumulate(registers: Registers, out: Outputs) -> bool:
    """Accumulators take the products of the operand registers; the first values of a pass overwrite.

    True if a finished pass moves on to its result register.
    """
    group, sums, channels, sum_channel = registers.group, registers.sums, registers.op_channel, registers.sum_channel
    weights, values, tally = registers.op_weights, registers.op_values, out.tally
    moving = False
    for g in range(group.shape[0]):
        if group[g, OP_VALID] == 0:
            continue
        count, first = group[g, OP_VALUES], group[g, OP_FIRST] == 1
        for lane in range(channels.shape[1]):
            channel = channels[g, lane]
            if channel < 0:
                continue
            total = 0 if first else sums[g, lane]
            for value in range(count):
                total += weights[g, lane, value] * values[g, value]
            sums[g, lane] = total
            sum_channel[g, lane] = channel
            tally[MULTIPLIES] += count
        group[g, OP_VALID], group[g, SUM_VALID] = 0, group[g, OP_LAST]
        group[g, SUM_ROW], group[g, SUM_PAIR] = group[g, OP_ROW], group[g, OP_PAIR]
        group[g, SUM_CHUNK] = group[g, OP_CHUNK]
        moving = moving or group[g, SUM_VALID] == 1
    return moving


@jit
def fetch(switches: Switches, task: Task, registers: Registers, out: Outputs, issuing: Ints, edge: int) -> None:
    """Operand registers of the issuing groups: values, and the weights of the lanes that get theirs.

    ``issuing`` (G,) says which groups issue, and is left as the compute codes of the edge.
    """
    group, lists, counts = registers.group, registers.lists, registers.lane_count
    lane_channel, list_index, list_values = registers.lane_channel, registers.list_index, registers.list_values
    served, bank_edge, tally = registers.served, registers.bank_edge, out.tally
    op_weights, op_values, op_channel, weights = (
        registers.op_weights,
        registers.op_values,
        registers.op_channel,
        task.weights,
    )
    lanes, banks, compact = switches.lanes, switches.banks, switches.compact
    for g in range(group.shape[0]):
        if issuing[g] == 0:
            continue
        which, one_pass, first = group[g, COMPUTE_LIST], group[g, PASS], group[g, VALUE]
        count = min(switches.values, lists[g, which, N_IN] - first)
        group[g, OP_VALUES], group[g, OP_FIRST] = count, 1 if first == 0 else 0
        for value in range(count):
            op_values[g, value] = list_values[g, which, first + value]
        present, reading, waiting = 0, 0, 0
        for lane in range(lanes):
            op_channel[g, lane] = -1
            if counts[g, which, lane] <= one_pass:
                continue
            present += 1
            if served[g, lane] == 1:
                continue
            channel = lane_channel[g, which, lane, one_pass]
            if compact:
                bank = channel % banks
                if bank_edge[g, bank] == edge + 1:
                    waiting += 1
                    continue
                bank_edge[g, bank] = edge + 1
            for value in range(count):
                op_weights[g, lane, value] = weights[list_index[g, which, first + value], channel]
            op_channel[g, lane] = channel
            served[g, lane] = 1
            reading += 1
        tally[WEIGHT_READS] += count * reading
        tally[USEFUL] += reading
        if group[g, REPEAT] == 1:
            tally[BANK_CONFLICTS] += 1
            issuing[g] = CONFLICT
        else:
            tally[VALUE_READS] += count
            tally[LANE_ROUNDING] += lanes - present
        group[g, REPEAT] = 1 if waiting > 0 else 0


@jit
def advance(group: Ints, lists: Ints, counts: Ints, served: Ints, tally: Ints, values: int, issuing: Ints) -> None:
    """Groups whose lanes are all served go on to the next values, the next pass, or out of the list."""
    lanes = served.shape[1]
    for g in range(group.shape[0]):
        if issuing[g] == 0 or group[g, REPEAT] == 1:
            continue
        which = group[g, COMPUTE_LIST]
        for lane in range(lanes):
            served[g, lane] = 0
        group[g, VALUE] += values
        if group[g, VALUE] < lists[g, which, N_IN]:
            continue
        group[g, OP_LAST], group[g, VALUE] = 1, 0
        group[g, PASS] += 1
        tally[PASSES] += 1
        more = False
        for lane in range(lanes):
            more = more or counts[g, which, lane] > group[g, PASS]
        if not more:
            group[g, PASS], group[g, COMPUTE_LIST], lists[g, which, FULL] = 0, 1 - which, 0


@jit
def start_issues(group: Ints, lists: Ints, rows: Ints, book: Ints, ends: Ints, issuing: Ints, edge: int) -> bool:
    """Every group whose next list is full issues from it; True if any does. Marks them in ``issuing`` (G,)."""
    any_issue = False
    for g in range(group.shape[0]):
        which, state = group[g, COMPUTE_LIST], group[g, STATE]
        issuing[g] = IDLE
        if lists[g, which, FULL] == 0:
            if state == BUSY:
                group[g, STATE], group[g, SINCE] = WAITING, edge
            continue
        if state == WAITING:
            settle_wait(book, group[g, SINCE], edge, lists[g, which, L_DEBT])
        note_issue(book, edge)
        issuing[g], group[g, STATE], any_issue = ISSUE, BUSY, True
        chunk = lists[g, which, L_CHUNK]
        group[g, OP_VALID], group[g, OP_LAST], group[g, OP_CHUNK] = 1, 0, chunk
        group[g, OP_ROW], group[g, OP_PAIR] = rows[lists[g, which, L_PIXEL]], lists[g, which, L_PAIR]
        ends[chunk, 0] = max(ends[chunk, 0], edge + 1)
    return any_issue
