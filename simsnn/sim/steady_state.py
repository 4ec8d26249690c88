"""Exact period of a run that repeats itself, and the same run with more iterations.

Input are the times of everything that happens in an iteration, one row per iteration, one column
per event. A run *repeats* with q iterations and L cycles if for a stretch of rows n

    times[n + q] = times[n] + L        in every column.

Observed: that holds for more than max(reach, q) rows. It gives the throughput, q iterations per L
cycles, and proves nothing about what comes later.

Why a repeated window implies that the run goes on like that for ever. The machine is deterministic:
what happens from cycle t on follows from its state just before t and from the work that is left.
The state consists of, per engine, its place in its order and the recurrence of the task it runs (a
function of the times at which that task's chunks were ready); per chunk under way, which of its
requirements are met, and when (max-plus: a requirement met before one that counts is as good as
met at any earlier time); per SRAM slot, who holds it; per memory channel, its queue (submitted, not
granted), until when it is held, and whose turn it is (the last grant); per link the same by packets.
All of it is a function of the times in a window that reaches back from t to a cycle ``from`` at
which everything older had ended, and in which every channel was granted at least once. So let rows
[a, b) repeat, t = first event of rows >= b, and

1. a >= reach: every later row waits for what exists, as every row after it does;
2. rows < a end before t, rows < a + q before t + L, rows >= b + q begin no earlier than t + L: between
   ``from`` and t nothing happens but events of rows [a, b), and the same L later, q rows further on;
3. q whole rows lie between ``from`` and t: every channel's last grant, its turn, is among them;
4. t + L is no later than the first moment at which a run without an end differs from this one, by
   work that this one does not have. On each engine and channel jobs of an iteration stand before
   those of the next, so that is no earlier than the last events of each column.

Then the states before t and before t + L are the same but for the names of the iterations, and so
is the work that is left of a run without an end: it repeats for ever. A run of N + k q iterations
whose orders have the same start, the same drain and k more periods in between is this run with k
periods inserted at t: its drain is this run's, k L cycles later. :class:`SteadyState` says so with
a ``cut``, and extends times and counters.

What the times do not show are places of single packets and turns of the links. They are a function
of the window where no message is under way at some moment of it and the last packets before
belonged to known messages; there, and with the grants of the channels in the times, ``proven`` is
set (:mod:`simsnn.sim.iteration_times`). Elsewhere the repetition is as good as the window is long.

Tests: ``tests/unit/test_steady_state.py``; extended against simulated runs, every time and counter, in
``tests/property/test_steady_state.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
"""Time of an event that an iteration does not have: the last ones no longer send what nobody would read."""

_LATE = np.iinfo(np.int64).max // 2


@dataclass(frozen=True, slots=True)
class Period:
    """Everything happens again ``cycles`` later, ``iterations`` further on."""

    iterations: int
    cycles: int


@dataclass(frozen=True, slots=True)
class NotSteady:
    """A run that shows no period, and how many more iterations to simulate before asking again."""

    reason: str
    more_iterations: int


@dataclass(frozen=True, slots=True)
class SteadyState:
    """A run that repeats itself.

    Parameters
    ----------
    period : Period
        Least number of iterations, and their cycles.
    first, rows : int
        Iterations ``first`` .. ``first + rows - 1`` happen again a period later.
    counted : int
        First iteration whose counters repeat too: what it did depends alone on the iterations since ``first``, and
        on as many after it that repeat.
    simulated : int
        Iterations of the run.
    cut : int or None
        Cycle before which, and a period later, the machine is in the same state; None where the run is
        too short to tell.
    proven : bool
        Whether everything that the state consists of is shown by the times.
    more_iterations : int
        How many more to simulate for a cut; 0 where there is one.
    """

    period: Period
    first: int
    rows: int
    counted: int
    simulated: int
    cut: int | None
    proven: bool
    more_iterations: int

    def congruent(self, iterations: int) -> int:
        """Fewest iterations, not below ``simulated``, from which a run of ``iterations`` can be extended."""
        if iterations <= self.simulated:
            return iterations
        return self.simulated + (iterations - self.simulated) % self.period.iterations

    def extend_times(self, times: NDArray[np.int64], iterations: int) -> NDArray[np.int64]:
        """Times of the same run with more iterations, in the given columns.

        Parameters
        ----------
        times : ndarray of int64, shape (simulated,) or (simulated, events)
            Of this run; the latest of each iteration, say. ABSENT stays ABSENT.
        iterations : int
            Congruent to ``simulated`` modulo the period's.

        Returns
        -------
        ndarray of int64, shape (iterations,) or (iterations, events)

        Raises
        ------
        ValueError
            Without a cut, or for a number of iterations that is smaller or not congruent.
        """
        rows, periods = self._sources(iterations, self.first)
        shift = (periods * self.period.cycles).reshape((-1,) + (1,) * (times.ndim - 1))
        found = times[rows]
        return np.where(found == ABSENT, ABSENT, found + shift)

    def extend_counters(self, counters: NDArray[np.int64], iterations: int) -> NDArray[np.int64]:
        """Counters per iteration (stalls, bytes) of the same run with more iterations; see ``extend_times``."""
        return counters[self._sources(iterations, self.counted)[0]]

    def total(self, counters: NDArray[np.int64], iterations: int) -> NDArray[np.int64]:
        """Sum over the iterations of ``extend_counters``, int64, shape (...), without laying them out."""
        periods = self._periods(iterations)
        one = counters[self.counted : self.counted + self.period.iterations].sum(axis=0)
        return np.asarray(counters.sum(axis=0) + periods * one)

    def makespan_cycles(self, makespan_cycles: int, iterations: int) -> int:
        """Makespan of the same run with more iterations, from this run's."""
        return makespan_cycles + self._periods(iterations) * self.period.cycles

    def _periods(self, iterations: int) -> int:
        """Periods to insert."""
        more, one = iterations - self.simulated, self.period.iterations
        if self.cut is None:
            raise ValueError(f"{self.simulated} iterations are too few to extend: simulate {self.more_iterations} more")
        if more < 0 or more % one:
            raise ValueError(
                f"{iterations} iterations are not {self.simulated} and whole periods of {one}:"
                f" simulate {self.congruent(iterations)}"
            )
        return more // one

    def _sources(self, iterations: int, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row of this run that an iteration is like, and by how many periods it is later."""
        inserted, one = self._periods(iterations), self.period.iterations
        number = np.arange(iterations, dtype=np.int64)
        periods = np.clip((number - first) // one, 0, inserted)
        return number - periods * one, periods


def find_steady_state(
    times: NDArray[np.int64], reach: int, quiet: NDArray[np.int64] | None = None
) -> SteadyState | NotSteady:
    """Least period with which a run can be extended, or else the least one observed.

    Parameters
    ----------
    times : ndarray of int64, shape (iterations, events)
        When everything of an iteration happened, ABSENT where it has no such event.
    reach : int
        Iterations that a job may look back or ahead: largest offset, delay and buffer depth, plus one.
    quiet : ndarray of int64, shape (moments, 2) or None
        Cycles from .. to (exclusive) at which the times show all of the machine's state; ascending.

    Returns
    -------
    SteadyState or NotSteady
    """
    rows = _Rows(times)
    observed: list[SteadyState] = []
    for iterations in range(1, (rows.count - 1) // 2 + 1):
        blocks = (block for block in rows.repeated(iterations) if block.rows > max(reach, iterations))
        found = [rows.steady(block, reach, quiet) for block in blocks]
        if any(state.cut is not None for state in found):
            return min(found, key=lambda state: (state.cut is None, not state.proven, -state.rows))
        observed += sorted(found, key=lambda state: -state.rows)
    if observed:
        return observed[0]
    more = max(rows.count, 3 * reach + 2 - rows.count)
    return NotSteady(f"no {max(reach, 1) + 1} of {rows.count} iterations in a row repeat", more)


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows that happen again ``iterations`` rows later after ``cycles``."""

    iterations: int
    cycles: int
    first: int
    rows: int


class _Rows:
    """Times by rows, with the first and the last event of each."""

    def __init__(self, times: NDArray[np.int64]) -> None:
        self.times = times
        self.present = times != ABSENT
        self.count = len(times)
        self.begin = np.where(self.present, times, _LATE).min(axis=1, initial=_LATE)
        self.end = times.max(axis=1, initial=ABSENT)
        # Latest event of rows < n, earliest of rows >= n.
        self.ended = np.concatenate(([ABSENT], np.maximum.accumulate(self.end)))
        self.begun = np.concatenate((np.minimum.accumulate(self.begin[::-1])[::-1], [_LATE]))

    def repeated(self, iterations: int) -> list[_Block]:
        """Longest stretches of rows that repeat after so many iterations."""
        present = self.present[:-iterations]
        steps = self.times[iterations:] - self.times[:-iterations]
        least = np.where(present, steps, _LATE).min(axis=1, initial=_LATE)
        most = np.where(present, steps, -_LATE).max(axis=1, initial=-_LATE)
        alike = (self.present[iterations:] == present).all(axis=1)
        cycles = np.where(alike & (least == most) & (least > 0), least, 0)
        heads = np.flatnonzero(np.concatenate(([True], cycles[1:] != cycles[:-1])))
        lengths = np.diff(np.concatenate((heads, [len(cycles)])))
        places = zip(heads.tolist(), lengths.tolist(), strict=True)
        return [_Block(iterations, int(cycles[head]), head, length) for head, length in places if cycles[head]]

    def steady(self, block: _Block, reach: int, quiet: NDArray[np.int64] | None) -> SteadyState:
        """What a repeated block tells: the latest cut that its rows allow."""
        period = Period(block.iterations, block.cycles)
        first, stop = max(block.first, reach), block.first + block.rows
        # counters look at the iterations before and, where an engine turns back to an earlier one, at those after
        enough = stop - first >= 2 * reach
        limit = self._differs(first, block.iterations) if enough else ABSENT
        for end in range(stop if enough else first, first, -1):
            cut = int(self.begun[end])
            since = self._complete(block, first, end, cut)
            if since is not None and cut + block.cycles <= limit:
                proven = quiet is not None and bool(((quiet[:, 0] < cut) & (quiet[:, 1] > since)).any())
                return SteadyState(period, first, stop - first, first + reach, self.count, cut, proven, 0)
        counted, more = block.first + reach, self._more(block, reach)
        return SteadyState(period, block.first, block.rows, counted, self.count, None, False, more)

    def _complete(self, block: _Block, first: int, end: int, cut: int) -> int | None:
        """Cycle from which the rows first .. end - 1 alone make the state before the cut; None if they do not."""
        one = block.iterations
        since = max(int(self.ended[first]), int(self.ended[first + one]) - block.cycles)
        if since >= cut or self.begun[end + one] < cut + block.cycles:
            return None
        inside = (self.begin[first:end] > since) & (self.end[first:end] < cut)
        whole = np.convolve(inside, np.ones(one, np.int64), "valid") if len(inside) >= one else inside[:0]
        return since if (whole == one).any() else None

    def _differs(self, first: int, one: int) -> int:
        """No run with more iterations differs from this one before this cycle."""
        number = np.arange(first, self.count)
        expected = self.present[first + (number - first) % one]
        wrong = np.concatenate((expected != self.present[number], expected[-one:]))
        # The first row that misses an event of its column, after the last iteration at the latest.
        missing = first + np.argmax(wrong, axis=0)
        columns = np.flatnonzero(wrong.any(axis=0))
        before = self.times[missing[columns] - one, columns]
        extra = self.times[np.minimum(missing[columns], self.count - 1), columns]
        return int(np.where(before == ABSENT, extra, before).min(initial=_LATE))

    def _more(self, block: _Block, reach: int) -> int:
        """Rows that are under way at once before the cut, after it and in the whole row between."""
        lasts = int((self.end - self.begin)[block.first : block.first + block.rows].max())
        open_rows = -(-lasts * block.iterations // block.cycles)
        needed = max(4 * open_rows, 2 * reach) + 3 * block.iterations
        return max(block.iterations, max(block.first, reach) + needed - self.count)
