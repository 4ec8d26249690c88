"""LUT engine: the max-plus step of one tile, of a run of tiles, and of a drain.

Docs/machines section 4. With tb the build (of a bypassed tile: the copy) and s the edges of a tile
at the issue stage, ' the tile before and '' two before, r the edge from which its operands lie in
SRAM::

    single   e = max(q', r) + tb            q = e + s
    double   e = max(e', q'', r) + tb       q = max(e, q') + s

and in the weight update the first issue of an output-channel tile waits for the drain before it (single
accumulators) or two before it (double). Edges in which the issue stage waits for a table are
stall up to the delay of the table that r caused, e - e(r = 0), else build; waits for a drain are
reload; edges without an issue scan. Before the first issue of a task all of them but stall are fill,
after the last one drain: waits are kept apart until it is known whether an issue follows.

A chunk without tiles (all its position groups dropped) still waits for its masks: its ready time is
passed on to the next tile, and what it adds to the end of the task so far is stall.

Proof: ``tests/reference/test_lut.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Ints = NDArray[np.int64]

BUILD, EDGES, ISSUES, LEAD, TAIL = range(5)
"""Words of a tile: build edges, edges at the issue stage, issues, bubbles before the first and after the last."""
TILE_WORDS = 5

DOUBLE_TABLES, DOUBLE_ACCUMULATORS, DEPTH = range(3)
"""Words of the machine."""

(
    OFFSET,  # edge of the task at which the section began
    E1,  # e'
    Q1,  # q'
    Q2,  # q''
    FIRST,  # first issue edge, or -1
    LAST,  # edge after the last issue
    LAST_OC,  # the same of the output-channel tile under way, or -1
    DRAIN1,  # end of the drain before
    DRAIN2,  # end of the drain two before
    STREAM,
    BUILDS,
    RELOADS,
    SCANS,
    STALLS,
    STALLS_FIRST,  # stalls before the first issue
    P_BUILD,  # waits since the last issue
    P_RELOAD,
    P_SCAN,
    P_STALL,
    CARRY,  # ready time of chunks without tiles, for the next tile
    BOOKED,  # stall already booked for it
    RESULT,  # last result_end
    SECTION,
    T_FILL,  # parts of the sections before
    T_STREAM,
    T_BUILD,
    T_RELOAD,
    T_SCAN,
    T_DRAIN,
    T_STALL,
) = range(30)
STATE_WORDS = 30
_KEPT = 23
"""Words up to here belong to one section."""


def new_state() -> Ints:
    """Empty pipeline at time 0."""
    state = np.zeros(STATE_WORDS, np.int64)
    state[FIRST], state[LAST_OC] = -1, -1
    return state


@jit
def section_parts(state: Ints) -> Ints:
    """fill, stream, build, reload, scan, drain, stall of the section under way."""
    parts = np.zeros(7, np.int64)
    if state[FIRST] < 0:
        parts[0] = state[RESULT] - state[STALLS]
    else:
        parts[0] = state[FIRST] - state[STALLS_FIRST]
        parts[5] = state[RESULT] - state[LAST] - state[P_STALL]
    parts[1], parts[2], parts[3], parts[4] = state[STREAM], state[BUILDS], state[RELOADS], state[SCANS]
    parts[6] = state[STALLS]
    return parts


@jit
def all_parts(state: Ints) -> Ints:
    """The same summed over all sections so far."""
    return section_parts(state) + state[T_FILL:]


@jit
def next_section(state: Ints, section: int) -> None:
    """Start with an empty pipeline where the section before ended."""
    state[T_FILL:] += section_parts(state)
    offset = state[OFFSET] + state[RESULT]
    state[:_KEPT] = 0
    state[OFFSET], state[SECTION] = offset, section
    state[FIRST], state[LAST_OC] = -1, -1


@jit
def _book_waits(state: Ints, wait: int, stall: int, lead: int, reload: int) -> None:
    """Waits before an issue: fill before the first one of the section, their own parts afterwards."""
    if state[FIRST] >= 0:
        state[BUILDS] += state[P_BUILD] + wait - stall
        state[RELOADS] += state[P_RELOAD] + reload
        state[SCANS] += state[P_SCAN] + lead
    state[P_BUILD] = state[P_RELOAD] = state[P_SCAN] = state[P_STALL] = 0


@jit
def run_tile(state: Ints, tile: Ints, ready: int, machine: Ints) -> None:
    """One tile; see the head of the file."""
    build, edges, issues = tile[BUILD], tile[EDGES], tile[ISSUES]
    earliest = max(state[E1], state[Q2]) if machine[DOUBLE_TABLES] else state[Q1]
    built = max(earliest, ready, state[CARRY]) + build
    wait = max(0, built - state[Q1])
    stall = min(wait, built - earliest - build)
    state[STALLS] += stall - state[BOOKED]
    state[P_STALL] += stall - state[BOOKED]
    state[CARRY] = state[BOOKED] = 0
    start = max(built, state[Q1])
    reload = 0
    if issues:
        if state[LAST_OC] < 0:
            free = state[DRAIN2] if machine[DOUBLE_ACCUMULATORS] else state[DRAIN1]
            reload = max(0, free - (start + tile[LEAD]))
        _book_waits(state, wait, stall, tile[LEAD], reload)
        if state[FIRST] < 0:
            state[FIRST] = start + tile[LEAD] + reload
            state[STALLS_FIRST] = state[STALLS]
        state[STREAM] += issues
        state[SCANS] += edges - issues - tile[LEAD] - tile[TAIL]
        state[P_SCAN] = tile[TAIL]
        state[LAST] = state[LAST_OC] = start + edges + reload - tile[TAIL]
    else:
        state[P_BUILD] += wait - stall
        state[P_SCAN] += edges
    state[Q2] = state[Q1]
    state[E1], state[Q1] = built, start + edges + reload


@jit
def run_tiles(state: Ints, tiles: Ints, first: int, stop: int, ready: int, machine: Ints) -> None:
    """Tiles ``first <= i < stop`` of a table int64[tiles, TILE_WORDS], one after another."""
    since = max(0, ready - state[OFFSET])
    for index in range(first, stop):
        run_tile(state, tiles[index], since, machine)


@jit
def run_drain(state: Ints, edges: int, machine: Ints) -> None:
    """End of an output-channel tile: its accumulators drain in so many edges."""
    begin = state[LAST_OC] + machine[DEPTH] if state[LAST_OC] >= 0 else state[Q1]
    end = max(begin, state[DRAIN1]) + edges
    state[DRAIN2], state[DRAIN1], state[LAST_OC] = state[DRAIN1], end, -1
    state[RESULT] = max(state[RESULT], end)


@jit
def end_chunk(state: Ints, ready: int, empty: bool, machine: Ints) -> tuple[int, int]:
    """issue_end and result_end of the chunk that just ran, in edges of the task."""
    state[RESULT] = max(state[RESULT], state[Q1])
    if state[FIRST] >= 0:
        state[RESULT] = max(state[RESULT], state[LAST] + machine[DEPTH])
    issued = state[Q1]
    if empty:
        since = max(0, ready - state[OFFSET])
        state[CARRY] = max(state[CARRY], since)
        issued = max(issued, state[CARRY])
        late = max(0, since - state[RESULT])
        state[STALLS] += late
        state[P_STALL] += late
        state[BOOKED] += late
        state[RESULT] += late
    return state[OFFSET] + issued, state[OFFSET] + state[RESULT]
