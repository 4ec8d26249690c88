"""Periods of made-up times: what counts as repeated, and what is too short to be extended."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simsnn.sim.steady_state import ABSENT, NotSteady, Period, SteadyState, find_steady_state

FIRST_LAST = np.array([0, 3, 14], np.int64)
"""Three events of an iteration: the last one 14 cycles after the first."""

QUIET = np.array([[0, 10**6]], np.int64)


def steady(times: NDArray[np.int64], reach: int = 1) -> SteadyState:
    found = find_steady_state(times, reach, QUIET)
    assert isinstance(found, SteadyState)
    return found


def period_of(times: NDArray[np.int64], reach: int) -> Period | None:
    found = find_steady_state(times, reach)
    return found.period if isinstance(found, SteadyState) else None


def regular(iterations: int, cycles: int = 10, start: int = 0) -> NDArray[np.int64]:
    return start + np.arange(iterations)[:, None] * cycles + FIRST_LAST


def alternating(iterations: int) -> NDArray[np.int64]:
    """Odd iterations follow 4 cycles after the even ones, and those 7 cycles after the odd ones."""
    times = np.array([11 * (n // 2) + 4 * (n % 2) for n in range(iterations)])
    return times[:, None] + FIRST_LAST


def test_equal_steps_are_a_period_of_one() -> None:
    state = steady(regular(12))
    assert (state.period, state.simulated, state.more_iterations) == (Period(1, 10), 12, 0)
    assert state.proven
    assert state.extend_times(regular(12), 15).tolist() == regular(15).tolist()
    assert state.makespan_cycles(110 + 14, 50_000) == 49_999 * 10 + 14


def test_start_up_and_drain_stay_as_they_are() -> None:
    times = regular(12)
    times[0] -= 7
    times[1, 0] -= 2
    times[-1, 2] -= 5
    state = steady(times, reach=2)
    assert state.first >= 2
    longer = state.extend_times(times, 20)
    assert longer[:2].tolist() == times[:2].tolist()
    assert longer[2:-1].tolist() == regular(20)[2:-1].tolist()
    assert longer[-1].tolist() == (times[-1] + 80).tolist()


def test_least_number_of_iterations_is_found() -> None:
    state = steady(alternating(16))
    assert state.period == Period(2, 11)
    assert [state.congruent(n) for n in (5, 16, 17, 18, 101)] == [5, 16, 17, 16, 17]
    assert state.extend_times(alternating(16), 20).tolist() == alternating(20).tolist()
    with pytest.raises(ValueError, match="whole periods of 2: simulate 17"):
        state.extend_times(alternating(16), 21)
    with pytest.raises(ValueError, match="whole periods"):
        state.makespan_cycles(0, 14)


def test_counters_are_repeated_and_summed() -> None:
    state = steady(alternating(16))
    counters = np.array([[n % 2, 5] for n in range(16)]) + 100 * (np.arange(16)[:, None] == 0)
    longer = state.extend_counters(counters, 30)
    assert longer[:, 0].tolist() == [100] + [n % 2 for n in range(1, 30)]
    assert state.total(counters, 30).tolist() == longer.sum(axis=0).tolist() == [100 + 15, 100 + 150]


def test_an_epoch_is_a_vector_of_ends() -> None:
    state = steady(regular(12))
    ends = state.extend_times(regular(12).max(axis=1), 50_000)
    assert ends.shape == (50_000,)
    assert (np.diff(ends) == 10).all()


def test_what_one_column_does_not_repeat_is_no_period() -> None:
    times = regular(12)
    times[:, 1] = times[:, 0] + np.arange(12) % 5
    assert period_of(times, 1) == Period(5, 50)
    times[:, 1] = times[:, 0] + np.arange(12)
    assert period_of(times, 1) is None
    missing = find_steady_state(times, 1)
    assert isinstance(missing, NotSteady)
    assert missing.more_iterations == 12


def test_a_window_must_be_as_long_as_the_reach() -> None:
    times = regular(8)
    times[4, 1] += 1  # rows 0..2 and 5..6 repeat
    assert period_of(times, 2) == Period(1, 10)
    assert period_of(times, 3) is None


def test_a_run_too_short_to_extend_says_how_many_more() -> None:
    # An iteration lasts 60 cycles, so six are under way at once.
    spread = np.array([0, 60])
    short = np.arange(9)[:, None] * 10 + spread
    state = steady(short)
    assert (state.period, state.cut, state.proven) == (Period(1, 10), None, False)
    assert state.more_iterations > 0
    with pytest.raises(ValueError, match=f"too few to extend: simulate {state.more_iterations} more"):
        state.extend_times(short, 12)
    enough = 9 + state.more_iterations
    assert steady(np.arange(enough)[:, None] * 10 + spread).cut is not None


def test_the_cut_leaves_out_what_the_drain_may_change() -> None:
    for count in range(5, 20):
        state = steady(regular(count))
        if state.cut is not None:
            assert state.cut + state.period.cycles <= (count - 1) * 10
    assert state.cut is not None


def test_an_event_that_the_last_iterations_lack_ends_the_window() -> None:
    times = regular(14)
    times[-4:, 1] = ABSENT
    state = steady(times)
    assert state.cut is not None
    # Row 10 is the first without its second event; it may change the run from that event of row 9 on.
    assert state.cut + 10 <= times[9, 1]
    longer = state.extend_times(times, 16)
    assert (longer[:, 1] == ABSENT).tolist() == [False] * 12 + [True] * 4


def test_only_rows_that_begin_after_the_start_up_count() -> None:
    # The first iterations wait for nothing yet: a job looks back two of them.
    assert steady(regular(14), reach=2).first == 2


def test_state_that_the_times_do_not_show_is_not_proven() -> None:
    assert not find_steady_state(regular(12), 1).proven  # type: ignore[union-attr]
    nowhere = np.array([[10**6, 10**7]])
    assert not find_steady_state(regular(12), 1, nowhere).proven  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 3), (3, 0)])
def test_runs_of_next_to_nothing_show_no_period(shape: tuple[int, int]) -> None:
    assert period_of(np.zeros(shape, np.int64), 1) is None
