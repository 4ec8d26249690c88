"""Time of the dual-sparsity engine: scan and compute stages of every group, pixel by pixel.

With a the scan and c the compute edges of a pixel, s and e the ends of a group's stages and e'' the
compute end two active pixels ago (docs/machines section 5):

    scan start = max(s, e'')        s <- scan start + a
    active:      e <- max(s, e) + c        (an inactive pixel ends here)
    a = ceil(c_slice / z) + [active] * taps * ceil(co_slice / z)
    c = sum of f over the passes * max(ceil(n_in / V), 1)

``static``: a block starts with every stage idle and ends with the last scan or issue of any group,
so what happens inside is the same wherever it starts; a run of blocks is described by one
*summary*, and late operands only move it. ``dynamic``: pixels go, in order, to the group that asks
first (lowest index among those that ask at the granting edge), at most ``grants`` per edge.

Group-cycles before the first issue of any group are fill, after the last one drain; edges that a
scanner stood idle for late operands (its debt) make the wait for its next list a stall.
Proof: ``tests/reference/test_dual_sparse.py`` (equal to the register-level engine).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simsnn.kernels.compiler import jit
from simsnn.kernels.dual_sparse_masks import Counts32, Ints

# Summary of a run of blocks, in cycles from its start: length, first issue (-1: none), end of the last
# issue; group-cycles: issues, scan waits, barrier waits, and those before the first, after the last issue.
LENGTH, FIRST, LAST, STREAM, SCAN, IDLE = 0, 1, 2, 3, 4, 5
SCAN_BEFORE, IDLE_BEFORE, SCAN_AFTER, IDLE_AFTER = 6, 7, 8, 9
SUMMARY_WORDS = 10

# State of a task: a summary (static), then stall, ends of the chunks, last granting edge and its grants.
STALL, ISSUE_END, RESULT_END, GRANT_EDGE, GRANTED = 10, 11, 12, 13, 14
STATE_WORDS = 15
# State of a group (dynamic): scan end, compute ends of the last and the last but one active pixel,
# debt, first own issue (-1: none), stall before it.
S_SCAN, S_COMPUTE, S_BEFORE, S_DEBT, S_FIRST, S_FIRST_STALL = 0, 1, 2, 3, 4, 5
GROUP_WORDS = 6

P_FILL, P_STREAM, P_SCAN, P_IDLE, P_DRAIN, P_STALL, P_EXPOSED, P_UNBALANCED = 0, 1, 2, 3, 4, 5, 6, 7
PART_WORDS = 8

T_MULTIPLIES, T_VALUES, T_PASSES, T_WRITTEN, T_ACTIVE, T_PIXELS, T_BITS, T_SCANS = 0, 1, 2, 3, 4, 5, 6, 7
T_ISSUES, T_USEFUL, T_ROUNDING, T_CONFLICTS, T_LISTED, T_DENSE = 8, 9, 10, 11, 12, 13
TALLY_WORDS = 14

TAIL = 2
"""Edges between the last issue and its registered result: multiply-accumulate, result register."""
NEVER = int(np.iinfo(np.int64).max)


class PairWork(NamedTuple):
    """Pixels of one slice pair; the tables repeat after ``len(needed)`` pixels, ``taps`` after every slot.

    needed, edges, values : n_out, edges of the passes per V values, n_in of each pixel
    taps : existing taps of each pixel of a slot
    channels, outputs : channels of the c-slice and of the co-slice
    """

    needed: Counts32
    edges: Counts32
    values: Counts32
    taps: Counts32
    channels: int
    outputs: int


class Array(NamedTuple):
    """Sizes and switches of the engine as plain numbers."""

    groups: int
    lanes: int
    values_per_cycle: int
    scan_bits: int
    compact: bool
    dynamic: bool
    block_pixels: int
    grants: int


@jit
def _steps(values: int, per_cycle: int) -> int:
    """Edges of a pass without conflicts."""
    if per_cycle == 1:
        return max(values, 1)
    return max((values + per_cycle - 1) // per_cycle, 1)


@jit
def append(total: Ints, part: Ints) -> None:
    """Summary of a run of blocks followed by another, nothing in between."""
    if part[FIRST] >= 0:
        if total[FIRST] < 0:
            total[FIRST] = total[LENGTH] + part[FIRST]
            total[SCAN_BEFORE] = total[SCAN] + part[SCAN_BEFORE]
            total[IDLE_BEFORE] = total[IDLE] + part[IDLE_BEFORE]
        total[LAST] = total[LENGTH] + part[LAST]
        total[SCAN_AFTER], total[IDLE_AFTER] = part[SCAN_AFTER], part[IDLE_AFTER]
    else:
        total[SCAN_AFTER] += part[SCAN]
        total[IDLE_AFTER] += part[IDLE]
    total[LENGTH] += part[LENGTH]
    total[STREAM] += part[STREAM]
    total[SCAN] += part[SCAN]
    total[IDLE] += part[IDLE]


@jit
def _run_block(array: Array, work: PairWork, begin: int, end: int, group: Ints, block: Ints) -> None:
    """Summary of one block; ``group`` int64 (G, GROUP_WORDS) is scratch."""
    block[:] = 0
    block[FIRST] = -1
    group[:, :S_FIRST] = 0
    group[:, S_FIRST] = -1
    period, slot = len(work.needed), len(work.taps)
    out_scan = (work.channels + array.scan_bits - 1) // array.scan_bits
    tap_scan = (work.outputs + array.scan_bits - 1) // array.scan_bits
    pixel, tap, mine = begin % period, begin % slot, 0
    for _ in range(begin, end):
        state = group[mine]
        start = max(state[S_SCAN], state[S_BEFORE])
        if work.edges[pixel] == 0:
            state[S_SCAN] = start + out_scan
        else:
            done = start + out_scan + work.taps[tap] * tap_scan
            issues = work.edges[pixel] * _steps(work.values[pixel], array.values_per_cycle)
            issue = max(done, state[S_COMPUTE])
            if state[S_FIRST] < 0:
                state[S_FIRST] = issue
            block[SCAN] += issue - state[S_COMPUTE]
            block[STREAM] += issues
            state[S_SCAN], state[S_BEFORE], state[S_COMPUTE] = done, state[S_COMPUTE], issue + issues
        pixel = pixel + 1 if pixel + 1 < period else 0
        tap = tap + 1 if tap + 1 < slot else 0
        mine = mine + 1 if mine + 1 < array.groups else 0
    _close_block(array, group, block)


@jit
def _close_block(array: Array, group: Ints, block: Ints) -> None:
    """Book how the groups wait for the last of them, and what lies before the first, after the last issue."""
    first, last, length = NEVER, 0, 0
    for g in range(array.groups):
        if group[g, S_FIRST] >= 0:
            first, last = min(first, group[g, S_FIRST]), max(last, group[g, S_COMPUTE])
        length = max(length, group[g, S_SCAN], group[g, S_COMPUTE])
    issued = first != NEVER
    block[LENGTH] = length
    if issued:
        block[FIRST], block[LAST] = first, last
    for g in range(array.groups):
        compute, end = group[g, S_COMPUTE], max(group[g, S_SCAN], group[g, S_COMPUTE])
        block[SCAN] += end - compute
        block[IDLE] += length - end
        if issued:
            block[SCAN_BEFORE] += first if group[g, S_FIRST] >= 0 else min(end, first)
            block[IDLE_BEFORE] += max(0, first - end)
            block[SCAN_AFTER] += max(0, end - max(compute, last))
            block[IDLE_AFTER] += max(0, length - max(end, last))


@jit
def summarise(array: Array, work: PairWork, bounds: Ints, out: Ints) -> None:
    """Summaries of the chunks of one slice pair; bounds int64 (n + 1,), out int64 (n, SUMMARY_WORDS)."""
    group, block = np.zeros((array.groups, GROUP_WORDS), np.int64), np.zeros(SUMMARY_WORDS, np.int64)
    for chunk in range(out.shape[0]):
        out[chunk] = 0
        out[chunk, FIRST] = -1
        for begin in range(bounds[chunk], bounds[chunk + 1], array.block_pixels):
            _run_block(array, work, begin, min(begin + array.block_pixels, bounds[chunk + 1]), group, block)
            append(out[chunk], block)


@jit
def advance_static(array: Array, summary: Ints, state: Ints, ready: int) -> None:
    """Append one chunk to a task; late operands keep all groups shut."""
    late = max(0, ready - state[LENGTH])
    state[STALL] += late * array.groups
    state[LENGTH] += late
    append(state, summary)
    state[ISSUE_END] = state[LENGTH]
    state[RESULT_END] = max(state[RESULT_END], state[LENGTH])
    if state[FIRST] >= 0:
        state[RESULT_END] = max(state[RESULT_END], state[LAST] + TAIL)


@jit
def parts_static(array: Array, state: Ints, out: Ints) -> None:
    """Group-cycles of a task so far; out int64 (PART_WORDS,)."""
    before = state[SCAN_BEFORE] + state[IDLE_BEFORE] if state[FIRST] >= 0 else state[SCAN] + state[IDLE]
    scan_after = state[SCAN_AFTER] if state[FIRST] >= 0 else 0
    idle_after = state[IDLE_AFTER] if state[FIRST] >= 0 else 0
    scan_before = state[SCAN_BEFORE] if state[FIRST] >= 0 else state[SCAN]
    idle_before = state[IDLE_BEFORE] if state[FIRST] >= 0 else state[IDLE]
    out[P_FILL], out[P_STREAM], out[P_STALL] = before, state[STREAM], state[STALL]
    out[P_SCAN] = state[SCAN] - scan_before - scan_after
    out[P_IDLE] = state[IDLE] - idle_before - idle_after
    out[P_DRAIN] = scan_after + idle_after + array.groups * (state[RESULT_END] - state[LENGTH])
    out[P_EXPOSED], out[P_UNBALANCED] = state[SCAN], state[IDLE]


@jit
def _raise_leaf(tree: Ints, leaf: int, value: int) -> None:
    tree[leaf] = value
    node = leaf >> 1
    while node:
        tree[node] = min(tree[2 * node], tree[2 * node + 1])
        node >>= 1


@jit
def _leftmost(tree: Ints, leaves: int, bound: int) -> int:
    """Lowest index of a leaf that is at most ``bound``; the root is."""
    node = 1
    while node < leaves:
        node = 2 * node if tree[2 * node] <= bound else 2 * node + 1
    return node - leaves


@jit
def _collect_debt(array: Array, state: Ints, group: Ints, ready: int) -> None:
    """Scanners that ask while the head of the queue is late and grants are left."""
    begin = state[GRANT_EDGE] + (1 if state[GRANTED] >= array.grants else 0)
    for g in range(array.groups):
        group[g, S_DEBT] += max(0, ready - max(group[g, S_SCAN], group[g, S_BEFORE], begin))


@jit
def advance_dynamic(array: Array, work: PairWork, begin: int, end: int, state: Ints, group: Ints, ready: int) -> None:
    """Run the pixels ``begin <= pixel < end`` of a slice pair through the queue.

    Parameters
    ----------
    state : int64 (STATE_WORDS,)
    group : int64 (G, GROUP_WORDS)
        Both are carried from chunk to chunk, over slice pairs as well.
    """
    leaves = 1
    while leaves < array.groups:
        leaves *= 2
    tree = np.full(2 * leaves, NEVER, np.int64)
    _collect_debt(array, state, group, ready)
    for g in range(array.groups):
        _raise_leaf(tree, leaves + g, max(group[g, S_SCAN], group[g, S_BEFORE]))
    period, slot = len(work.needed), len(work.taps)
    out_scan = (work.channels + array.scan_bits - 1) // array.scan_bits
    tap_scan = (work.outputs + array.scan_bits - 1) // array.scan_bits
    pixel, tap = begin % period, begin % slot
    for _ in range(begin, end):
        edge = max(tree[1], state[GRANT_EDGE], ready)
        if edge == state[GRANT_EDGE] and state[GRANTED] >= array.grants:
            edge += 1
        state[GRANTED] = state[GRANTED] + 1 if edge == state[GRANT_EDGE] else 1
        state[GRANT_EDGE] = edge
        mine = _leftmost(tree, leaves, edge)
        own = group[mine]
        own[S_SCAN] = edge + out_scan
        if work.edges[pixel] > 0:
            own[S_SCAN] += work.taps[tap] * tap_scan
            issues = work.edges[pixel] * _steps(work.values[pixel], array.values_per_cycle)
            _issue(own, state, issues)
        state[ISSUE_END] = max(state[ISSUE_END], own[S_SCAN])
        state[RESULT_END] = max(state[RESULT_END], own[S_SCAN])
        _raise_leaf(tree, leaves + mine, max(own[S_SCAN], own[S_BEFORE]))
        pixel = pixel + 1 if pixel + 1 < period else 0
        tap = tap + 1 if tap + 1 < slot else 0


@jit
def _issue(own: Ints, state: Ints, issues: int) -> None:
    """An active pixel passes from the scanner to the compute stage of its group."""
    wait = max(0, own[S_SCAN] - own[S_COMPUTE])
    stall = min(wait, own[S_DEBT])
    if own[S_FIRST] < 0:
        own[S_FIRST], own[S_FIRST_STALL] = own[S_SCAN], stall
    else:
        state[SCAN] += wait - stall
        state[STALL] += stall
    own[S_DEBT], own[S_BEFORE] = 0, own[S_COMPUTE]
    own[S_COMPUTE] += wait + issues
    state[STREAM] += issues
    state[ISSUE_END] = max(state[ISSUE_END], own[S_COMPUTE])
    state[RESULT_END] = max(state[RESULT_END], own[S_COMPUTE] + TAIL)


@jit
def parts_dynamic(array: Array, state: Ints, group: Ints, out: Ints) -> None:
    """Group-cycles of a task so far, as if the queue ended here; out int64 (PART_WORDS,)."""
    first, last, work_end = NEVER, 0, 0
    for g in range(array.groups):
        if group[g, S_FIRST] >= 0:
            first, last = min(first, group[g, S_FIRST]), max(last, group[g, S_COMPUTE])
        work_end = max(work_end, group[g, S_COMPUTE], group[g, S_SCAN], state[GRANT_EDGE])
    if first == NEVER:
        last = NEVER
    out[:] = 0
    out[P_STREAM], out[P_SCAN], out[P_STALL], out[P_EXPOSED] = state[STREAM], state[SCAN], state[STALL], state[SCAN]
    for g in range(array.groups):
        own = group[g]
        if own[S_FIRST] >= 0:
            out[P_STALL] += own[S_FIRST_STALL]
            _book(own[S_FIRST_STALL], own[S_FIRST], first, last, P_SCAN, out)
            out[P_EXPOSED] += own[S_FIRST] - own[S_FIRST_STALL]
        end = max(own[S_COMPUTE], own[S_SCAN], state[GRANT_EDGE])
        stall = min(end - own[S_COMPUTE], own[S_DEBT])
        out[P_STALL] += stall
        _book(own[S_COMPUTE] + stall, end, first, last, P_SCAN, out)
        _book(end, work_end, first, last, P_IDLE, out)
        out[P_EXPOSED] += end - own[S_COMPUTE] - stall
        out[P_UNBALANCED] += work_end - end
    out[P_DRAIN] += array.groups * (state[RESULT_END] - work_end)


@jit
def _book(start: int, stop: int, first: int, last: int, part: int, out: Ints) -> None:
    """Idle edges ``start <= edge < stop``: fill before the first issue, drain from the last one's end on."""
    before = max(0, min(stop, first) - start)
    after = max(0, stop - max(start, last))
    out[P_FILL] += before
    out[P_DRAIN] += after
    out[part] += stop - start - before - after


@jit
def tally(array: Array, work: PairWork, begin: int, end: int, out: Ints) -> None:
    """Add the actions of pixels ``begin <= pixel < end`` of a slice pair; out int64 (TALLY_WORDS,)."""
    period, slot = len(work.needed), len(work.taps)
    out_scan = (work.channels + array.scan_bits - 1) // array.scan_bits
    tap_scan = (work.outputs + array.scan_bits - 1) // array.scan_bits
    pixel, tap = begin % period, begin % slot
    taps, fields, active = 0, 0, 0
    for _ in range(begin, end):
        taps += work.taps[tap]
        edges = int(work.edges[pixel])
        if edges > 0:
            needed, values = int(work.needed[pixel]), int(work.values[pixel])
            steps = _steps(values, array.values_per_cycle)
            passes = (needed + array.lanes - 1) // array.lanes if array.compact else edges
            active += 1
            fields += work.taps[tap]
            out[T_MULTIPLIES] += needed * values
            out[T_VALUES] += values * passes
            out[T_PASSES] += passes
            out[T_WRITTEN] += needed
            out[T_LISTED] += needed + values
            out[T_ISSUES] += edges * steps
            out[T_USEFUL] += needed * steps
            out[T_ROUNDING] += (passes * array.lanes - needed) * steps
            out[T_CONFLICTS] += (edges - passes) * steps
        pixel = pixel + 1 if pixel + 1 < period else 0
        tap = tap + 1 if tap + 1 < slot else 0
    out[T_ACTIVE] += active
    out[T_PIXELS] += end - begin
    out[T_BITS] += (end - begin) * work.channels + fields * work.outputs
    out[T_SCANS] += (end - begin) * out_scan + fields * tap_scan
    out[T_DENSE] += taps * work.channels * work.outputs
