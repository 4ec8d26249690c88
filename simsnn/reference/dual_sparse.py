"""Register-level dual-sparsity backward engine: every clock edge, all registers read, then written.

Machine (docs/machines section 5). G groups of P_c lanes; a group owns one input pixel at a time and
has a scanner (``dual_sparse_scan.py``), two index lists with a full flag each, a compute stage and
its pipeline (``dual_sparse_compute.py``). Loops: c-slice, co-slice, pixels. At an edge

* a scanner starts if it is idle, the list it fills next is free, and there is a pixel for it:
  ``static``: its next one of the open block (pixel i of a block belongs to group i mod G);
  ``dynamic``: the head of the queue, if the queue still serves at this edge and the head is there;
* a busy scanner looks at one mask word; the last word of a pixel with an active channel sets the flag;
* a compute stage issues if its list was full before the edge; the last issue of a pixel clears the flag.

A block ends when every scanner is idle and all lists are free; the next one opens at that edge, or
when its operands lie in SRAM, and so does the first block of the next slice pair. In ``dynamic`` the
queue goes on from one slice pair to the next, so groups may work on different slices at one edge;
the result memory adds all vectors that arrive. The run is over when nothing is left to scan or to
issue and the pipelines are empty. No formula for the time is used anywhere.

Group-cycles. A compute stage that issues books ``stream``. Its idle edges, up to the event that
ends them, are

* ``scan`` if it gets an issue or may still get one: its scanner has a pixel, or there is one left in
  its block or, at its turn, in the queue;
* ``imbalance`` from the edge on at which its scanner is idle, its lists are free and no pixel is left;
* ``stall``: static, the edges between the end of a block and the late operands of the next (all
  groups); dynamic, the first edges of a wait, as many as its scanner's *debt*: edges at which the
  scanner could have started and the queue had a grant left, but the head of the queue was late.
  Debt goes to the next list the scanner fills and ends with the wait for it, or with the wait
  for a scanner that finds no more pixels;
* of ``scan`` and ``imbalance``, what lies before the first issue of any group is ``fill`` instead, and
  what lies after the last one is ``drain``, together with the two pipeline edges of the task.

Chunk ends: issue_end is the edge after the last scan or issue of its pixels, result_end the edge
after their last result write or scan; neither is less than that of the chunk before.

Counts. multiplies: (value, lane) products; weight_reads: one per multiply; scanned_bits: mask bits
looked at; scan_edges: edges of busy scanners; value_reads: values taken from the lists, n_in per
pass however often a bank conflict repeats them; passes; active_pixels, pixels: per slice pair;
written: results of the last co-slice, partial_writes: of the others, partial_reads: of all but the
first: n_out per active pixel each.

Losses. With k = max(ceil(n_in / V), 1) and n channels in a pass that takes f edges per V values
(f = 1 in ``modulo``), summed over all passes:

* lane_rounding = sum of k * (P_c - n) lane-cycles: no channel for the lane;
* bank_conflicts = sum of k * (f - 1) group-cycles: edges beyond the first per V values;
* useful_lane_cycles = sum of k * n, so that
  **stream * P_c = useful_lane_cycles + lane_rounding + bank_conflicts * P_c**, and
  useful_lane_cycles * V - multiplies is what V rounding and the zeros of n_in = 0 leave empty;
* exposed_scan, imbalance: idle group-cycles of these two kinds before any is booked as fill or drain,
  so that **stream + stall + exposed_scan + imbalance = G * (last scan or issue edge + 1)**.

Proof: ``tests/reference/test_dual_sparse_values.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.errors import ConfigError, Where
from simsnn.kernels.compiler import jit
from simsnn.reference.dual_sparse_compute import accumulate, advance, fetch, start_issues, write_results
from simsnn.reference.dual_sparse_machine import (
    ComputeCode,
    DualSparseCounts,
    DualSparseLosses,
    DualSparseMachine,
    DualSparseRun,
    PixelList,
    ScanCode,
)
from simsnn.reference.dual_sparse_registers import (
    AFTER,
    BANK_CONFLICTS,
    BOOK_WORDS,
    BUSY,
    DEBT,
    DONE,
    DRAIN,
    EXPOSED,
    FIRST_ISSUE,
    FULL,
    IMBALANCE,
    LANE_ROUNDING,
    NEVER,
    NEXT,
    Q_CHUNK,
    Q_END,
    Q_OPEN,
    SCAN,
    SCANNING,
    SEQUENCER_WORDS,
    SHUT,
    SINCE,
    STATE,
    TALLY_WORDS,
    UNBALANCED,
    USEFUL,
    WAITING,
    Ints,
    Outputs,
    Registers,
    Switches,
    Task,
    new_registers,
    settle,
    settle_wait,
)
from simsnn.reference.dual_sparse_scan import (
    LATE,
    NO_LIST,
    deal,
    emptied,
    grant,
    next_pixels,
    open_block,
    scan_fields,
    scan_output_masks,
    shut_block,
)

__all__ = [
    "ComputeCode",
    "DualSparseCounts",
    "DualSparseLosses",
    "DualSparseMachine",
    "DualSparseRun",
    "PixelList",
    "ScanCode",
    "run_dual_sparse",
]


@jit
def _note_emptied(switches: Switches, registers: Registers, sequencer: Ints, left: bool, book: Ints, edge: int) -> bool:
    """Groups for which nothing is left have stopped waiting; True if that is every group."""
    group, lists, end, dynamic = registers.group, registers.lists, sequencer[Q_END], switches.dynamic
    all_emptied = True
    for g in range(switches.groups):
        mine = left if dynamic else group[g, NEXT] < end
        if mine or not emptied(group, lists, g):
            all_emptied = False
        elif group[g, STATE] == BUSY or group[g, STATE] == WAITING:
            if group[g, STATE] == WAITING:
                settle_wait(book, group[g, SINCE], edge, group[g, DEBT])
            group[g, STATE], group[g, SINCE] = DONE, edge
    return all_emptied


@jit
def _hand_out(switches: Switches, task: Task, registers: Registers, sequencer: Ints, out: Outputs, edge: int) -> bool:
    """Hand out pixels at this edge, from the state before it; True if nothing is left at all."""
    if switches.dynamic:
        left = grant(switches, task, registers, sequencer, out, edge)
        return _note_emptied(switches, registers, sequencer, left, out.book, edge)
    left = sequencer[Q_OPEN] == 1
    if _note_emptied(switches, registers, sequencer, left, out.book, edge):
        if left:
            shut_block(registers, sequencer, out.book, edge)
        if not next_pixels(task, sequencer):
            return True
        if task.ready[sequencer[Q_CHUNK]] > edge:
            if edge < out.trace.shape[0]:
                out.trace[edge, :, 0] = LATE
            return False
        open_block(switches, task, registers, sequencer, out.book, edge)
    deal(switches, task, registers, sequencer, out)
    return False


@jit
def _trace_full(group: Ints, lists: Ints, trace: NDArray[np.uint8], dynamic: bool, end: int, edge: int) -> None:
    """Scanners that stand still because both lists are full, before the edge."""
    for g in range(group.shape[0]):
        mine = dynamic or group[g, NEXT] < end
        if mine and group[g, SCANNING] == 0 and lists[g, 0, FULL] == 1 and lists[g, 1, FULL] == 1:
            trace[edge, g, 0] = NO_LIST


@jit
def _run(switches: Switches, task: Task, registers: Registers, out: Outputs) -> int:
    """Step until nothing is left and the pipelines are empty; returns the number of edges."""
    group, lists, book, tally, trace = registers.group, registers.lists, out.book, out.tally, out.trace
    sequencer = np.zeros(SEQUENCER_WORDS, dtype=np.int64)
    issuing = np.zeros(switches.groups, dtype=np.int64)
    co_slices = task.co_bounds.shape[0] - 1
    edge, work_end = 0, -1
    in_flight = False
    while True:
        if edge < trace.shape[0]:
            _trace_full(group, lists, trace, switches.dynamic, sequencer[Q_END], edge)
        if work_end < 0 and _hand_out(switches, task, registers, sequencer, out, edge):
            work_end = edge
        if work_end >= 0 and not in_flight:
            break
        # last register first; the issue stage reads the flags before the scanners set them
        write_results(group, registers.sums, registers.sum_channel, out.values, out.ends, tally, co_slices, edge)
        moving = accumulate(registers, out)
        issued = start_issues(group, lists, task.rows, book, out.ends, issuing, edge)
        if issued:
            fetch(switches, task, registers, out, issuing, edge)
            advance(group, lists, registers.lane_count, registers.served, tally, switches.values, issuing)
        # a scanner that enters its field at this edge takes no second word: fields first
        scan_fields(switches, task, registers, out, edge)
        scan_output_masks(switches, task, registers, out, edge)
        if edge < trace.shape[0]:
            for g in range(switches.groups):
                trace[edge, g, 1] = issuing[g]
        in_flight = moving or issued
        edge += 1
    for g in range(switches.groups):
        if group[g, STATE] != SHUT:
            settle(book, IMBALANCE, group[g, SINCE], work_end)
    book[DRAIN] += (edge - work_end) * switches.groups
    if book[FIRST_ISSUE] != NEVER:
        for part in (SCAN, IMBALANCE):
            book[part] -= book[AFTER + part]
            book[DRAIN] += book[AFTER + part]
    return edge


def _contiguous(array: NDArray[np.integer]) -> Ints:
    return np.ascontiguousarray(array, dtype=np.int64)


def _check_chunks(machine: DualSparseMachine, pixels: int, chunk_pixels: Ints, ready: Ints, pairs: int) -> None:
    """A chunk must hold whole blocks, and every chunk of every slice pair needs a ready edge."""
    unit = 1 if machine.dynamic else machine.barrier_pixels * machine.groups
    where = Where("dual_sparse.chunk_pixels")
    splits = (chunk_pixels % unit != 0) & (chunk_pixels != pixels)
    if chunk_pixels[0] != 0 or chunk_pixels[-1] != pixels or splits.any():
        raise ConfigError(
            f"chunk bounds {chunk_pixels.tolist()} do not cut {pixels} pixels into whole blocks of {unit}",
            where=where,
            value=chunk_pixels.tolist(),
            allowed=(f"ascending bounds from 0 to {pixels}, all but the last multiples of {unit}",),
            remedy="cut the pixel list at block ends",
        )
    chunks = pairs * (len(chunk_pixels) - 1)
    if len(ready) != chunks:
        raise ConfigError(
            f"{len(ready)} ready edges for {chunks} chunks",
            where=where,
            value=len(ready),
            allowed=(str(chunks),),
            remedy="give one ready edge per chunk of every slice pair",
        )


def run_dual_sparse(
    machine: DualSparseMachine,
    gradient: Ints,
    weights: Ints,
    needed: NDArray[np.uint8],
    pixels: PixelList,
    c_bounds: Ints,
    co_bounds: Ints,
    chunk_pixels: Ints,
    ready: Ints,
    trace_edges: int = 0,
) -> DualSparseRun:
    """Step the machine until every result is registered.

    Parameters
    ----------
    machine : DualSparseMachine
        Sizes and switches.
    gradient : (n_out_rows, Co) int64
        Neuron-input gradients of one convolution group, one row per output pixel (slot, y, x).
    weights : (taps, Co, Ci) int64
        Weights of the group.
    needed : (n_in_rows, Ci) uint8
        Output mask: where the result is wanted.
    pixels : PixelList
        Pixels in processing order, each row at most once.
    c_bounds, co_bounds : int64
        Ascending bounds of the slices over Ci and Co.
    chunk_pixels : (chunks + 1,) int64
        Bounds over the pixel list, the same for every slice pair; in ``static`` each but the last
        is a multiple of barrier_pixels * G.
    ready : (slice pairs * chunks,) int64
        Edge from which on the operands of a chunk lie in SRAM; slice pairs outer.
    trace_edges : int
        Edges whose codes are recorded.

    Returns
    -------
    DualSparseRun
        Values, parts, chunk ends, counts, losses and trace; see the head of this file.

    Raises
    ------
    ConfigError
        If chunks do not hold whole blocks, or the ready edges are not one per chunk.
    """
    slice_pairs = (len(c_bounds) - 1) * (len(co_bounds) - 1)
    _check_chunks(machine, pixels.pixels, np.asarray(chunk_pixels), np.asarray(ready), slice_pairs)
    switches = Switches(
        machine.groups,
        machine.lanes,
        machine.values_per_cycle,
        machine.scan_bits,
        machine.compact,
        machine.banks,
        machine.dynamic,
        machine.barrier_pixels,
        machine.grants_per_cycle,
    )
    taps, outputs, channels = weights.shape
    task = Task(
        _contiguous(gradient),
        _contiguous(weights.reshape(taps * outputs, channels)),
        np.ascontiguousarray(needed, dtype=np.uint8),
        _contiguous(pixels.rows),
        _contiguous(pixels.field_start),
        _contiguous(pixels.field_row),
        _contiguous(pixels.field_tap),
        _contiguous(c_bounds),
        _contiguous(co_bounds),
        _contiguous(chunk_pixels),
        _contiguous(ready),
    )
    out = Outputs(
        np.zeros(needed.shape, dtype=np.int64),
        np.zeros((len(ready), 2), dtype=np.int64),
        np.zeros(BOOK_WORDS, dtype=np.int64),
        np.zeros(TALLY_WORDS, dtype=np.int64),
        np.zeros((trace_edges, machine.groups, 2), dtype=np.uint8),
    )
    out.book[FIRST_ISSUE] = NEVER
    entries = int(np.diff(task.field_start).max(initial=0))
    field = entries * int(np.diff(task.co_bounds).max())
    registers = new_registers(switches, field, int(np.diff(task.c_bounds).max()))
    total = int(_run(switches, task, registers, out))
    return DualSparseRun(
        values=out.values,
        parts=out.book[:8].copy(),
        ends=np.maximum.accumulate(out.ends, axis=0),
        counts=DualSparseCounts(*(int(n) for n in out.tally[:LANE_ROUNDING])),
        losses=DualSparseLosses(
            int(out.tally[LANE_ROUNDING]),
            int(out.tally[BANK_CONFLICTS]),
            int(out.book[EXPOSED]),
            int(out.book[UNBALANCED]),
        ),
        total_cycles=total,
        useful_lane_cycles=int(out.tally[USEFUL]),
        trace=out.trace[:total],
    )
