"""Register-level vector unit: one edge per loop turn, all registers read before any is written.

Machine (docs/machines section 6). A sequencer walks chunk, block, step, slot; it issues as early
as three local conditions allow: the operation stage is free, the chunk's operands lie in SRAM,
and the slot's tag says that its state of the step before is written. A pass stays II edges in the
operation stage, then moves through ``pipeline_cycles - 1`` registers; the edge that writes its
last register also writes result, state and tag, which are visible one edge later. Where a buffer
is too narrow the whole machine freezes for ``slowdown - 1`` edges after each issue edge, in which
the words of that issue move (docs/machines section 7); those edges are booked as stall, and the
machine is done when the last of them is over. Values are the
integer leaky recurrence of ``simsnn/kernels/vector_unit.py``.

Nothing here knows a formula for the time. Proof: ``tests/reference/test_vector_unit.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

STREAM, RELOAD, STALL, DRAIN = range(4)
"""Rows of the parts array."""

Integers = NDArray[np.int64]


@jit
def _write_back(
    leaving: Integers,
    values: Integers,
    currents: Integers,
    spikes: Integers,
    state: Integers,
    tag: Integers,
    threshold: int,
    reverse: bool,
) -> None:
    """Last register of a pass: result, state and tag of its elements, from the state read at issue."""
    steps = currents.shape[0]
    t = steps - 1 - leaving[3] if reverse else leaving[3]
    for lane in range(leaving[2]):
        element = leaving[1] + lane
        v = values[lane] - (values[lane] >> 1) + currents[t, element]
        spikes[t, element] = 1 if v >= threshold else 0
        state[element] = 0 if v >= threshold else v
        tag[element] += 1


@jit
def _next_issue(sequencer: Integers, block_end: int, slots: int, steps: int, chunk_elements: Integers) -> None:
    """The sequencer (chunk, block, step, slot, first element of the chunk) moves on: slot fastest."""
    sequencer[3] += 1
    if sequencer[1] + sequencer[3] < block_end:
        return
    sequencer[3] = 0
    sequencer[2] += 1
    if sequencer[2] < steps:
        return
    sequencer[2] = 0
    sequencer[1] = block_end
    if block_end == slots:
        sequencer[4] += chunk_elements[sequencer[0]]
        sequencer[1] = 0
        sequencer[0] += 1


@jit
def run_vector_unit(
    currents: Integers,
    chunk_elements: Integers,
    resident_slots: Integers,
    ready: Integers,
    lanes: int,
    interval: int,
    pipeline_cycles: int,
    slowdown: int,
    threshold: int,
    reverse: bool,
) -> tuple[Integers, Integers, Integers, Integers, Integers, Integers]:
    """Step the machine until every result is registered.

    Parameters
    ----------
    currents : (T, N) int64
        Inputs; the elements of the chunks stand one after another.
    chunk_elements, resident_slots, ready : (chunks,) int64
        Elements, slots of a full resident block, and edge at which the operands lie in SRAM.
    lanes, interval, pipeline_cycles, slowdown, threshold : int
        L, II, pipeline depth, edges that the words of one issue take, spike threshold.
    reverse : bool
        Time runs backwards.

    Returns
    -------
    spikes : (T, N) int64
    state : (N,) int64
    parts : (4,) int64
        Edges by part: stream, reload, stall, drain.
    ends : (2, chunks) int64
        issue_end and result_end of each chunk.
    counts : (4,) int64
        Element-steps done, lane registers written, states read, states written.
    tag : (N,) int64
        Steps written of each element.
    """
    steps, elements = currents.shape
    chunks = chunk_elements.shape[0]
    stages = pipeline_cycles - 1
    spikes = np.zeros((steps, elements), dtype=np.int64)
    state = np.zeros(elements, dtype=np.int64)
    tag = np.zeros(elements, dtype=np.int64)  # steps of the element whose state is written
    parts = np.zeros(4, dtype=np.int64)
    ends = np.zeros((2, chunks), dtype=np.int64)
    counts = np.zeros(4, dtype=np.int64)
    # a pass in flight: valid, first element, width, step, chunk, last of its chunk
    front = np.zeros(6, dtype=np.int64)
    front_left = 0
    front_v = np.zeros(lanes, dtype=np.int64)
    pipe = np.zeros((max(stages, 1), 6), dtype=np.int64)
    pipe_v = np.zeros((max(stages, 1), lanes), dtype=np.int64)
    sequencer = np.zeros(5, dtype=np.int64)
    edge, frozen = 0, 0
    while True:
        if frozen > 0:
            frozen -= 1
            parts[STALL] += 1
            edge += 1
            continue
        # ---- read: decide from old register values only
        chunk, block, step, slot, base = sequencer
        waiting = chunk < chunks
        busy = front[0] == 1 and front_left > 0
        slots = (chunk_elements[chunk] + lanes - 1) // lanes if waiting else 0
        opening = block == 0 and step == 0 and slot == 0
        late = waiting and opening and ready[chunk] > edge
        first = base + (block + slot) * lanes
        width = min(lanes, base + chunk_elements[chunk] - first) if waiting else 0
        current_state = True
        for lane in range(width):
            current_state = current_state and tag[first + lane] == step
        issue = waiting and not busy and not late and current_state
        block_end = min(slots, block + resident_slots[chunk]) if waiting else 0
        # ---- book the edge
        part = STREAM if issue or busy else (DRAIN if not waiting else (STALL if late else RELOAD))
        parts[part] += 1
        # ---- write: the pipeline shifts, last register first
        for stage in range(stages - 1, 0, -1):
            pipe[stage] = pipe[stage - 1]
            pipe_v[stage] = pipe_v[stage - 1]
        if stages > 0:
            pipe[0] = front if not busy else np.zeros(6, dtype=np.int64)
            pipe_v[0] = front_v
        if busy:
            front_left -= 1
        else:
            front[0] = 0
        if issue:
            last = step == steps - 1 and block + slot == slots - 1
            front[:] = np.array([1, first, width, step, chunk, 1 if last else 0])
            front_left = interval - 1
            for lane in range(width):
                front_v[lane] = state[first + lane]
            counts[2] += width
            frozen = slowdown - 1
        counts[1] += front[2] * front[0] * (1 if issue or busy else 0)
        for stage in range(stages):
            counts[1] += pipe[stage, 2] * pipe[stage, 0]
        if front[0] == 1 and front_left == 0 and front[5] == 1:
            ends[0, front[4]] = edge + 1 + frozen
        # ---- write: the pass that has just entered its last register writes result, state and tag
        leaving = pipe[stages - 1] if stages > 0 else front
        values = pipe_v[stages - 1] if stages > 0 else front_v
        if leaving[0] == 1 and (stages > 0 or front_left == 0):
            _write_back(leaving, values, currents, spikes, state, tag, threshold, reverse)
            counts[0] += leaving[2]
            counts[3] += leaving[2]
            if leaving[5] == 1:
                ends[1, leaving[4]] = edge + 1 + frozen
                if leaving[4] == chunks - 1:
                    parts[STALL] += frozen
                    return spikes, state, parts, ends, counts, tag
        if issue:
            _next_issue(sequencer, block_end, slots, steps, chunk_elements)
        edge += 1
