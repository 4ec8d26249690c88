"""Cycles of a systolic array, fold by fold: the recurrences of docs/machines section 3.2.

A fold is one stationary tile (``ws``, ``is``) or one output tile (``os``) of r rows and c
columns through which S operands are streamed. Its first stream edge follows from its
predecessor (primed), h = r + c - 2:

* ``ws``/``is``: L = max(Lmin, L' + r', ready_w), a = max(L + r, e' + max(0, h' - h, r' - r), ready_x)
  with e' the end of the predecessor's stream and Lmin = a' + h', a' + r' - 1 or a' by load style,
  e' + h' when the stationary registers are single.
* ``os``: a = max(a' + interval, ready), interval = max(K', x + K' - K) with overlapped drain,
  K' + 2r' + c' - 2 without.

A fold may be cut into M-tiles (``ws``, ``is``): a tile continues the stream when its operand is
ready, without reload or refill. Runs of equal folds collapse: from the second fold on, the
interval is constant. The load port never delays a load: L' + r' <= a' <= Lmin. Whole loop nests
collapse as well: the recurrence does not depend on absolute time, so once the state relative
to the last start repeats from one iteration to the next, all further iterations are the same.

Assumptions: a wait for the outside is given by ready times alone; an ``os`` fold is never cut.
Proved equal to the register-level twin by ``tests/reference/test_systolic.py`` and to the
un-collapsed recurrence by ``tests/property/test_systolic_folds.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.kernels.compiler import jit

Ints = NDArray[np.int64]

# State of the recurrence; times in cycles of the task, parts in cycles.
STARTED, LOAD, FIRST, ISSUE_END, ROWS, COLUMNS, TAIL = 0, 1, 2, 3, 4, 5, 6
FILL, STREAM, RELOAD, STALL = 7, 8, 9, 10
STATE_WORDS = 11

# Machine switches. EXTRA_EDGE is 1 for the accumulator edge, -1 where the index of the last cycle is reported.
OUTPUT_STATIONARY, WEIGHT_LOAD, SINGLE_BUFFER, OVERLAPPED, DRAIN_ENABLE, EXTRA_EDGE, SHIFT_OUT = 0, 1, 2, 3, 4, 5, 6
MACHINE_WORDS = 7
SHIFT_GLOBAL, SHIFT_SKEWED, ROW_ADDRESSED = 0, 1, 2
ENABLE_GLOBAL, ENABLE_SKEWED, ENABLE_ROW_TIMED = 0, 1, 2

# Columns of a run of equal folds (or of one M-tile that continues a fold).
RUN_ROWS, RUN_COLUMNS, RUN_STREAM, RUN_COUNT, RUN_CONTINUES = 0, 1, 2, 3, 4
RUN_WORDS = 5

# Axes of a fold, in the order of RUN_ROWS, RUN_COLUMNS, RUN_STREAM.
NEST_LEVELS = 4


@jit
def shadow_offset(rows: int, columns: int, stream: int, machine: Ints) -> int:
    """Edges from a fold's first stream edge until its shadow registers may be written again."""
    if machine[SINGLE_BUFFER]:
        return int(stream + rows + columns - 2)
    if machine[WEIGHT_LOAD] == SHIFT_GLOBAL:
        return rows + columns - 2
    return rows - 1 if machine[WEIGHT_LOAD] == SHIFT_SKEWED else 0


@jit
def drain_offset(rows: int, columns: int, next_rows: int, next_columns: int, machine: Ints) -> int:
    """x of the overlapped ``os`` drain: ends of accumulation of two folds lie x edges apart at least."""
    if machine[DRAIN_ENABLE] == ENABLE_GLOBAL:
        return 2 * rows + columns - 2
    ports = 2 * rows + columns - next_rows - next_columns
    if machine[DRAIN_ENABLE] == ENABLE_SKEWED:
        return max(2 * rows - 1, ports)
    return max(rows, 2 * rows - next_rows, ports)


@jit
def tail_cycles(rows: int, columns: int, machine: Ints) -> int:
    """Edges from the end of a fold's stream until its last result has left the array."""
    return rows + columns - 2 + (machine[SHIFT_OUT] * rows if machine[OUTPUT_STATIONARY] else 0)


@jit
def start_stationary(state: Ints, rows: int, columns: int, ready_load: int, ready_stream: int, machine: Ints) -> int:
    """First stream edge of a ``ws``/``is`` fold; books fill, reload and stall up to it."""
    if state[STARTED] == 0:
        state[LOAD] = max(0, ready_load)
        first = max(state[LOAD] + rows, ready_stream)
        state[FILL] += rows
        state[STALL] += first - rows
        return int(first)
    before_rows, before_columns = state[ROWS], state[COLUMNS]
    depth, before_depth = rows + columns - 2, before_rows + before_columns - 2
    streamed = state[ISSUE_END] - state[FIRST]
    # the load port is free as well by then: L' + r' <= a'
    free = state[FIRST] + shadow_offset(before_rows, before_columns, streamed, machine)
    state[LOAD] = max(free, ready_load)
    wires = state[ISSUE_END] + max(0, before_depth - depth, before_rows - rows)
    inside = max(free + rows, wires)
    first = max(state[LOAD] + rows, wires, ready_stream)
    state[RELOAD] += inside - state[ISSUE_END]
    state[STALL] += first - inside
    return int(first)


@jit
def start_outputs(state: Ints, rows: int, columns: int, stream: int, ready: int, machine: Ints) -> int:
    """First stream edge of an ``os`` fold; books reload and stall up to it."""
    if state[STARTED] == 0:
        state[STALL] += max(0, ready)
        return max(0, ready)
    before_rows, before_columns = state[ROWS], state[COLUMNS]
    inside = state[ISSUE_END] + tail_cycles(before_rows, before_columns, machine)
    if machine[OVERLAPPED]:
        inside = state[ISSUE_END] + drain_offset(before_rows, before_columns, rows, columns, machine) - stream
        inside = max(state[ISSUE_END], inside)
    state[RELOAD] += inside - state[ISSUE_END]
    state[STALL] += max(0, ready - inside)
    return int(max(inside, ready))


@jit
def steady_interval(rows: int, columns: int, stream: int, machine: Ints) -> int:
    """Interval between the starts of equal consecutive folds."""
    if machine[OUTPUT_STATIONARY]:
        if machine[OVERLAPPED]:
            return max(stream, drain_offset(rows, columns, rows, columns, machine))
        return stream + tail_cycles(rows, columns, machine)
    return max(stream, shadow_offset(rows, columns, stream, machine) + rows)


@jit
def step_folds(
    state: Ints, rows: int, columns: int, stream: int, count: int, ready_load: int, ready_stream: int, machine: Ints
) -> None:
    """Run ``count`` equal folds, of which the first waits for its ready times; O(1) in ``count``."""
    if machine[OUTPUT_STATIONARY]:
        first = start_outputs(state, rows, columns, stream, max(ready_load, ready_stream), machine)
    else:
        first = start_stationary(state, rows, columns, ready_load, ready_stream, machine)
    if count > 1:
        interval = steady_interval(rows, columns, stream, machine)
        state[LOAD] = first + (count - 2) * interval + shadow_offset(rows, columns, stream, machine)
        state[RELOAD] += (count - 1) * (interval - stream)
        first += (count - 1) * interval
    state[STARTED] = 1
    state[FIRST] = first
    state[ISSUE_END] = first + stream
    state[ROWS] = rows
    state[COLUMNS] = columns
    state[TAIL] = tail_cycles(rows, columns, machine) + machine[EXTRA_EDGE]
    state[STREAM] += count * stream


@jit
def continue_fold(state: Ints, stream: int, ready: int) -> None:
    """Stream a further M-tile of the last fold: no reload, no refill."""
    wait = max(0, ready - state[ISSUE_END])
    state[STALL] += wait
    state[STREAM] += stream
    state[ISSUE_END] += wait + stream


@jit
def run_folds(state: Ints, runs: Ints, begin: int, end: int, ready: int, machine: Ints) -> None:
    """Run rows ``begin..end-1`` of ``runs`` (int64[., RUN_WORDS]), all operands ready at ``ready``."""
    for index in range(begin, end):
        if runs[index, RUN_CONTINUES]:
            continue_fold(state, runs[index, RUN_STREAM], ready)
        else:
            step_folds(
                state,
                runs[index, RUN_ROWS],
                runs[index, RUN_COLUMNS],
                runs[index, RUN_STREAM],
                runs[index, RUN_COUNT],
                ready,
                ready,
                machine,
            )


@jit
def advance_chunk(state: Ints, runs: Ints, bounds: Ints, chunk: int, ready: int, machine: Ints) -> tuple[int, int]:
    """One chunk; ``bounds`` (int64[chunks + 1]) delimits its runs. Returns issue and result end."""
    run_folds(state, runs, bounds[chunk], bounds[chunk + 1], ready, machine)
    return state[ISSUE_END], state[ISSUE_END] + state[TAIL]


@jit
def advance_many(state: Ints, runs: Ints, bounds: Ints, ready: Ints, machine: Ints, ends: Ints) -> None:
    """All chunks in order; ``ready`` int64[chunks]; ``ends`` int64[chunks, 2] takes issue and result ends."""
    for chunk in range(ready.shape[0]):
        run_folds(state, runs, bounds[chunk], bounds[chunk + 1], ready[chunk], machine)
        ends[chunk, 0] = state[ISSUE_END]
        ends[chunk, 1] = state[ISSUE_END] + state[TAIL]


@jit
def same_position(state: Ints, before: Ints) -> bool:
    """True when two states differ only by a shift in time, so that the future repeats."""
    return bool(
        before[STARTED] == state[STARTED]
        and before[ROWS] == state[ROWS]
        and before[COLUMNS] == state[COLUMNS]
        and before[ISSUE_END] - before[FIRST] == state[ISSUE_END] - state[FIRST]
    )


@jit
def repeat_last(state: Ints, before: Ints, times: int) -> None:
    """Append ``times`` copies of the iteration that led from ``before`` to ``state``."""
    shift = times * (state[FIRST] - before[FIRST])
    for word in (LOAD, FIRST, ISSUE_END):
        state[word] += shift
    for word in (FILL, STREAM, RELOAD, STALL):
        state[word] += times * (state[word] - before[word])


@jit
def nest_inner(state: Ints, inner: Ints, axis: int, fold: Ints, machine: Ints) -> None:
    """Innermost loop: one run of equal folds per row (size, count) of ``inner``."""
    for index in range(inner.shape[0]):
        fold[axis] = inner[index, 0]
        step_folds(state, fold[0], fold[1], fold[2], inner[index, 1], 0, 0, machine)


@jit
def nest_middle(state: Ints, middle: Ints, inner: Ints, axes: Ints, fold: Ints, before: Ints, machine: Ints) -> None:
    """Middle loop over runs (size, count), collapsed once an iteration repeats."""
    for index in range(middle.shape[0]):
        fold[axes[1]] = middle[index, 0]
        for done in range(1, middle[index, 1] + 1):
            before[2, :] = state
            nest_inner(state, inner, axes[2], fold, machine)
            if done < middle[index, 1] and same_position(state, before[2]):
                repeat_last(state, before[2], middle[index, 1] - done)
                break


@jit
def nest_outer(
    state: Ints, outer: Ints, middle: Ints, inner: Ints, axes: Ints, fold: Ints, before: Ints, machine: Ints
) -> None:
    """Outer loop over runs (size, count), collapsed once an iteration repeats."""
    for index in range(outer.shape[0]):
        fold[axes[0]] = outer[index, 0]
        for done in range(1, outer[index, 1] + 1):
            before[1, :] = state
            nest_middle(state, middle, inner, axes, fold, before, machine)
            if done < outer[index, 1] and same_position(state, before[1]):
                repeat_last(state, before[1], outer[index, 1] - done)
                break


@jit
def run_nests(state: Ints, runs: Ints, bounds: Ints, axes: Ints, repeats: int, machine: Ints) -> None:
    """Closed form of a list of loop nests, the whole list ``repeats`` times, nothing late.

    Parameters
    ----------
    state : int64[STATE_WORDS]
        Updated in place.
    runs : int64[., 2]
        (size, count) of the pieces of every loop of every nest.
    bounds : int64[nests, 4]
        Nest i loops over ``runs[bounds[i, l]:bounds[i, l + 1]]`` at level l, outermost first.
    axes : int64[3]
        What each level sets: 0 rows, 1 columns, 2 stream.
    repeats : int
        Times the list is run (groups of a convolution).
    machine : int64[MACHINE_WORDS]
        Switches.
    """
    before = np.zeros((NEST_LEVELS - 1, STATE_WORDS), dtype=np.int64)
    fold = np.zeros(3, dtype=np.int64)
    for done in range(1, repeats + 1):
        before[0, :] = state
        for nest in range(bounds.shape[0]):
            outer = runs[bounds[nest, 0] : bounds[nest, 1]]
            middle = runs[bounds[nest, 1] : bounds[nest, 2]]
            inner = runs[bounds[nest, 2] : bounds[nest, 3]]
            nest_outer(state, outer, middle, inner, axes, fold, before, machine)
        if done < repeats and same_position(state, before[0]):
            repeat_last(state, before[0], repeats - done)
            break
