"""Compute stage of the register-level dual-sparsity engine, one edge per call, last register first.

Three registers follow one another. Issue: V values of the list and, per lane, their weights are
read into the operand register. The next edge multiplies and adds them to the lane's accumulator.
The next edge writes the accumulators of a finished pass to the result memory, where they add to
what an earlier co-slice left (in one edge; vectors that meet there all add up). Called last
register first, each stage reads what the one before it held before the edge.

Under ``compact`` a bank feeds one lane per edge: the lanes in ascending order claim the bank of
their channel, and the values stay until every lane of the pass has had its weights.
Source: docs/machines section 5. Proof: ``tests/reference/test_dual_sparse_values.py``.
"""

from __future__ import annotations

from simsnn.kernels.compiler import jit
from simsnn.reference.dual_sparse_registers import (
    BANK_CONFLICTS,
    COMPUTE_LIST,
    FULL,
    L_CHUNK,
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
    SUM_CHUNK,
    SUM_PAIR,
    SUM_ROW,
    SUM_VALID,
    USEFUL,
    VALUE,
    VALUE_READS,
    WEIGHT_READS,
    WRITTEN,
    Outputs,
    Registers,
    Switches,
    Task,
)

IDLE, ISSUE, CONFLICT = range(3)
"""Compute codes of the trace."""


@jit
def write_result(task: Task, registers: Registers, out: Outputs, group: int, edge: int) -> None:
    """Result register: the finished pass goes to memory, its lanes are clear again."""
    state = registers.group[group]
    row, channels = state[SUM_ROW], registers.sum_channel[group]
    co_slices = task.co_bounds.shape[0] - 1
    co_slice = state[SUM_PAIR] % co_slices
    lanes = 0
    for lane in range(channels.shape[0]):
        if channels[lane] >= 0:
            out.values[row, channels[lane]] += registers.sums[group, lane]
            channels[lane] = -1
            lanes += 1
    out.tally[PARTIAL_READS] += lanes if co_slice > 0 else 0
    out.tally[WRITTEN if co_slice == co_slices - 1 else PARTIAL_WRITES] += lanes
    chunk = state[SUM_CHUNK]
    out.ends[chunk, 1] = max(out.ends[chunk, 1], edge + 1)
    state[SUM_VALID] = 0


@jit
def accumulate(registers: Registers, out: Outputs, group: int) -> None:
    """Accumulators: products of the operand register; the first values of a pass overwrite."""
    state = registers.group[group]
    channels = registers.op_channel[group]
    count = state[OP_VALUES]
    for lane in range(channels.shape[0]):
        if channels[lane] < 0:
            continue
        total = 0 if state[OP_FIRST] == 1 else registers.sums[group, lane]
        for value in range(count):
            total += registers.op_weights[group, lane, value] * registers.op_values[group, value]
        registers.sums[group, lane] = total
        registers.sum_channel[group, lane] = channels[lane]
        out.tally[MULTIPLIES] += count
    state[OP_VALID], state[SUM_VALID] = 0, state[OP_LAST]
    state[SUM_ROW], state[SUM_PAIR], state[SUM_CHUNK] = state[OP_ROW], state[OP_PAIR], state[OP_CHUNK]


@jit
def _read_weights(switches: Switches, task: Task, registers: Registers, group: int, edge: int) -> tuple[int, int, int]:
    """Lanes of the pass, lanes that get their weights at this edge, lanes that still wait after it."""
    state = registers.group[group]
    which, one_pass = state[COMPUTE_LIST], state[PASS]
    counts, indices = registers.lane_count[group, which], registers.list_index[group, which]
    present, reading, waiting = 0, 0, 0
    for lane in range(switches.lanes):
        registers.op_channel[group, lane] = -1
        if counts[lane] <= one_pass:
            continue
        present += 1
        if registers.served[group, lane] == 1:
            continue
        channel = registers.lane_channel[group, which, lane, one_pass]
        if switches.compact:
            bank = channel % switches.banks
            if registers.bank_edge[group, bank] == edge + 1:
                waiting += 1
                continue
            registers.bank_edge[group, bank] = edge + 1
        for value in range(state[OP_VALUES]):
            registers.op_weights[group, lane, value] = task.weights[indices[state[VALUE] + value], channel]
        registers.op_channel[group, lane] = channel
        registers.served[group, lane] = 1
        reading += 1
    return present, reading, waiting


@jit
def _next_values(switches: Switches, registers: Registers, out: Outputs, group: int) -> None:
    """All lanes are served: on to the next values, the next pass, or out of the list."""
    state = registers.group[group]
    which = state[COMPUTE_LIST]
    head, counts = registers.lists[group, which], registers.lane_count[group, which]
    registers.served[group] = 0
    state[VALUE] += switches.values
    if state[VALUE] < head[N_IN]:
        return
    state[OP_LAST], state[VALUE] = 1, 0
    state[PASS] += 1
    out.tally[PASSES] += 1
    for lane in range(switches.lanes):
        if counts[lane] > state[PASS]:
            return
    state[PASS], state[COMPUTE_LIST], head[FULL] = 0, 1 - which, 0


@jit
def issue_edge(switches: Switches, task: Task, registers: Registers, out: Outputs, group: int, edge: int) -> int:
    """One issue from the full list; returns its code for the trace."""
    state = registers.group[group]
    which = state[COMPUTE_LIST]
    head = registers.lists[group, which]
    repeated = state[REPEAT] == 1
    count = min(switches.values, head[N_IN] - state[VALUE])
    state[OP_VALID], state[OP_VALUES], state[OP_LAST] = 1, count, 0
    state[OP_FIRST] = 1 if state[VALUE] == 0 else 0
    state[OP_ROW], state[OP_PAIR], state[OP_CHUNK] = task.rows[head[L_PIXEL]], head[L_PAIR], head[L_CHUNK]
    for value in range(count):
        registers.op_values[group, value] = registers.list_values[group, which, state[VALUE] + value]
    present, reading, waiting = _read_weights(switches, task, registers, group, edge)
    out.tally[WEIGHT_READS] += count * reading
    out.tally[USEFUL] += reading
    if repeated:
        out.tally[BANK_CONFLICTS] += 1
    else:
        out.tally[VALUE_READS] += count
        out.tally[LANE_ROUNDING] += switches.lanes - present
    state[REPEAT] = 1 if waiting > 0 else 0
    if waiting == 0:
        _next_values(switches, registers, out, group)
    chunk = head[L_CHUNK]
    out.ends[chunk, 0] = max(out.ends[chunk, 0], edge + 1)
    return CONFLICT if repeated else ISSUE
