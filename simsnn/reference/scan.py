"""Register-level vector unit with scan networks: one edge per loop turn, all registers read before any is written.

Machine: ``simsnn/engines/scan_network.py``. A sequencer walks chunk, block, round, slot; it issues as
early as three local conditions allow: the operation stage is free, the chunk's operands lie in SRAM, and
the tags of the slot's neurons say that their carries of the round before are written. A pass stays
II edges in the operation stage, moves through ``pipeline_cycles`` - 1 registers and then through one
register per stage of each network, in which lanes add what lies 2^s lanes below in their segment. The
edge that writes the last register also writes results, carries and tags, visible one edge later. Where a
buffer is too narrow the whole machine freezes for ``slowdown`` - 1 edges after each issue edge, booked as
stall. Values are the recurrences of ``simsnn/kernels/scan.py``.

Nothing here knows a formula for the time, nor for the number of additions. Proof: ``tests/reference/test_scan.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit
from simsnn.kernels.scan import next_input

Integers = NDArray[np.int64]

STREAM, RELOAD, STALL, DRAIN = range(4)
"""Rows of the parts array."""
DONE, LANE_WRITES, CARRIES_READ, CARRIES_WRITTEN, ADDITIONS = range(5)
"""Rows of the counts array."""
# A pass in flight: valid, first neuron, neurons, round, chunk, last of its chunk, active lanes of each neuron.
VALID, FIRST, NEURONS, ROUND, CHUNK, LAST, ACTIVE = range(7)
PASS_WORDS = 7
# The sequencer: chunk, block, round, slot, first neuron of the chunk.
AT_CHUNK, AT_BLOCK, AT_ROUND, AT_SLOT, BASE = range(5)


@jit
def feed(
    flight: Integers, values: Integers, taken: Integers, network: int, coefficient: int, segment: int, counts: Integers
) -> None:
    """In front of a network: its input from the result before, and the carry into lane 0 of every segment."""
    for neuron in range(flight[NEURONS]):
        base = neuron * segment
        for lane in range(flight[ACTIVE]):
            if network > 0:
                values[base + lane] = next_input(values[base + lane])
        if flight[ROUND] > 0:
            values[base] += coefficient * taken[neuron, network]
            counts[ADDITIONS] += 1


@jit
def sum_stage(
    flight: Integers, values: Integers, distance: int, coefficient: int, segment: int, counts: Integers
) -> None:
    """One stage: every lane of a segment adds a^distance times the lane ``distance`` below it, all at once."""
    power = 1
    for _ in range(distance):
        power *= coefficient
    for neuron in range(flight[NEURONS]):
        base = neuron * segment
        for lane in range(flight[ACTIVE] - 1, distance - 1, -1):  # downwards: what is added is still the old value
            values[base + lane] += power * values[base + lane - distance]
            counts[ADDITIONS] += 1


@jit
def keep(flight: Integers, values: Integers, made: Integers, network: int, segment: int) -> None:
    """Behind a network: the last lane of every segment is the carry."""
    for neuron in range(flight[NEURONS]):
        made[neuron, network] = values[neuron * segment + flight[ACTIVE] - 1]


@jit
def enter(
    register: int,
    stages: int,
    flight: Integers,
    values: Integers,
    taken: Integers,
    made: Integers,
    coefficients: Integers,
    segment: int,
    counts: Integers,
) -> None:
    """What lies in front of a network register happens on the way into it; ``register`` counts from the first one."""
    if flight[VALID] == 0 or register < 0:
        return
    network, stage = register // stages, register % stages
    coefficient = coefficients[network]
    if stage == 0:
        feed(flight, values, taken, network, coefficient, segment, counts)
    sum_stage(flight, values, 1 << stage, coefficient, segment, counts)
    if stage == stages - 1:
        keep(flight, values, made, network, segment)


@jit
def shift(
    flight: Integers,
    values: Integers,
    taken: Integers,
    made: Integers,
    busy: bool,
    before: int,
    stages: int,
    coefficients: Integers,
    segment: int,
    counts: Integers,
) -> None:
    """The pipeline moves one register on, last register first; a busy operation stage sends nothing on."""
    for row in range(flight.shape[0] - 1, 0, -1):
        flight[row], values[row] = flight[row - 1], values[row - 1]
        taken[row], made[row] = taken[row - 1], made[row - 1]
        if row == 1 and busy:
            flight[row, VALID] = 0
        network = row - 1 - before
        enter(network, stages, flight[row], values[row], taken[row], made[row], coefficients, segment, counts)


@jit
def write_back(
    flight: Integers,
    values: Integers,
    made: Integers,
    outputs: Integers,
    carries: Integers,
    tag: Integers,
    lanes: int,
    segment: int,
    reverse: bool,
) -> None:
    """Last register of a pass: results, carries and tags of its neurons."""
    steps = outputs.shape[0]
    for neuron in range(flight[NEURONS]):
        element = flight[FIRST] + neuron
        for lane in range(flight[ACTIVE]):
            step = flight[ROUND] * lanes + lane
            outputs[steps - 1 - step if reverse else step, element] = values[neuron * segment + lane]
        carries[element] = made[neuron]
        tag[element] += 1


@jit
def load(flight: Integers, inputs: Integers, values: Integers, lanes: int, segment: int, reverse: bool) -> None:
    """Inputs of a pass into its lanes, in the order in which the recurrence runs."""
    steps = inputs.shape[0]
    for neuron in range(flight[NEURONS]):
        for lane in range(flight[ACTIVE]):
            step = flight[ROUND] * lanes + lane
            t = steps - 1 - step if reverse else step
            values[neuron * segment + lane] = inputs[t, flight[FIRST] + neuron]


@jit
def next_issue(sequencer: Integers, block_end: int, slots: int, rounds: int, chunk_elements: Integers) -> None:
    """The sequencer moves on: slot fastest, then round, block, chunk."""
    sequencer[AT_SLOT] += 1
    if sequencer[AT_BLOCK] + sequencer[AT_SLOT] < block_end:
        return
    sequencer[AT_SLOT] = 0
    sequencer[AT_ROUND] += 1
    if sequencer[AT_ROUND] < rounds:
        return
    sequencer[AT_ROUND] = 0
    sequencer[AT_BLOCK] = block_end
    if block_end == slots:
        sequencer[BASE] += chunk_elements[sequencer[AT_CHUNK]]
        sequencer[AT_BLOCK] = 0
        sequencer[AT_CHUNK] += 1


@jit
def run_scan(
    inputs: Integers,
    coefficients: Integers,
    chunk_elements: Integers,
    resident_slots: Integers,
    ready: Integers,
    lanes: int,
    interval: int,
    pipeline_cycles: int,
    slowdown: int,
    reverse: bool,
) -> tuple[Integers, Integers, Integers, Integers, Integers, Integers]:
    """Step the machine until every result is registered.

    Parameters
    ----------
    inputs : (T, N) int64
        Inputs; the neurons of the chunks stand one after another.
    coefficients : (q,) int64
        Coefficients of the chained recurrences.
    chunk_elements, resident_slots, ready : (chunks,) int64
        Neurons, slots of a full resident block, and edge at which the operands lie in SRAM.
    lanes, interval, pipeline_cycles, slowdown : int
        Lanes of the network (a power of two), II, pipeline depth, edges that the words of one issue take.
    reverse : bool
        Time runs backwards.

    Returns
    -------
    outputs : (T, N) int64
    carries : (N, q) int64
    parts : (4,) int64
        Edges by part: stream, reload, stall, drain.
    ends : (2, chunks) int64
        issue_end and result_end of each chunk.
    counts : (5,) int64
        Element-steps done, lane registers written, carries read, carries written, multiply-adds of the networks.
    tag : (N,) int64
        Rounds written of each neuron.
    """
    (steps, elements), chained, chunks = inputs.shape, coefficients.shape[0], chunk_elements.shape[0]
    segment = min(steps, lanes)
    sharing, rounds, stages = lanes // segment, -(-steps // lanes), 0
    while (1 << stages) < segment:
        stages += 1
    before = pipeline_cycles - 1
    depth = before + chained * stages
    outputs, carries = np.zeros((steps, elements), np.int64), np.zeros((elements, chained), np.int64)
    tag, parts, ends, counts = (
        np.zeros(elements, np.int64),
        np.zeros(4, np.int64),
        np.zeros((2, chunks), np.int64),
        np.zeros(5, np.int64),
    )
    # registers: the operation stage is row 0, behind it one row per pipeline register
    flight, values = np.zeros((depth + 1, PASS_WORDS), np.int64), np.zeros((depth + 1, lanes), np.int64)
    taken = np.zeros((depth + 1, sharing, chained), np.int64)
    made = np.zeros((depth + 1, sharing, chained), np.int64)
    sequencer, front_left, edge, frozen = np.zeros(5, np.int64), 0, 0, 0
    while True:
        if frozen > 0:
            frozen -= 1
            parts[STALL] += 1
            edge += 1
            continue
        # ---- read: decide from old register values only
        chunk, block, round_, slot, base = sequencer
        waiting = chunk < chunks
        busy = flight[0, VALID] == 1 and front_left > 0
        slots = (chunk_elements[chunk] + sharing - 1) // sharing if waiting else 0
        late = waiting and block == 0 and round_ == 0 and slot == 0 and ready[chunk] > edge
        first = base + (block + slot) * sharing
        neurons = min(sharing, base + chunk_elements[chunk] - first) if waiting else 0
        carried = True
        for neuron in range(neurons):
            carried = carried and tag[first + neuron] == round_
        issue = waiting and not busy and not late and carried
        # ---- book the edge
        parts[STREAM if issue or busy else (DRAIN if not waiting else (STALL if late else RELOAD))] += 1
        # ---- write
        shift(flight, values, taken, made, busy, before, stages, coefficients, segment, counts)
        if busy:
            front_left -= 1
        else:
            flight[0, VALID] = 0
        block_end = min(slots, block + resident_slots[chunk]) if waiting else 0
        if issue:
            last = round_ == rounds - 1 and block + slot == slots - 1
            active = min(segment, steps - round_ * lanes)
            flight[0] = np.array([1, first, neurons, round_, chunk, 1 if last else 0, active])
            front_left, frozen = interval - 1, slowdown - 1
            load(flight[0], inputs, values[0], lanes, segment, reverse)
            taken[0, :neurons] = carries[first : first + neurons]
            counts[CARRIES_READ] += neurons if rounds > 1 else 0
        for row in range(depth + 1):
            counts[LANE_WRITES] += flight[row, VALID] * flight[row, NEURONS] * flight[row, ACTIVE]
        if flight[0, VALID] == 1 and front_left == 0 and flight[0, LAST] == 1:
            ends[0, flight[0, CHUNK]] = edge + 1 + frozen
        # ---- write: the pass that has just entered its last register writes results, carries and tags
        if flight[depth, VALID] == 1 and (depth > 0 or front_left == 0):
            leaving = flight[depth]
            if stages == 0:  # a segment of one lane has nothing to add but its carry
                for network in range(chained):
                    feed(leaving, values[depth], taken[depth], network, coefficients[network], segment, counts)
                    keep(leaving, values[depth], made[depth], network, segment)
            write_back(leaving, values[depth], made[depth], outputs, carries, tag, lanes, segment, reverse)
            counts[DONE] += leaving[NEURONS] * leaving[ACTIVE]
            counts[CARRIES_WRITTEN] += leaving[NEURONS] if rounds > 1 else 0
            if leaving[LAST] == 1:
                ends[1, leaving[CHUNK]] = edge + 1 + frozen
                if leaving[CHUNK] == chunks - 1:
                    parts[STALL] += frozen
                    return outputs, carries, parts, ends, counts, tag
        if issue:
            next_issue(sequencer, block_end, slots, rounds, chunk_elements)
        edge += 1
