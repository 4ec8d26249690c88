"""Extended against simulated runs: what a repeated window promises, the simulation must do."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.sim.iteration_times import IterationTimes, iteration_times
from simsnn.sim.steady_state import SteadyState, find_steady_state
from tests.naive.periodic_graphs import Template, Traffic, Unrolled, random_template, unroll

TRAFFIC = st.builds(
    Traffic,
    jobs=st.integers(2, 8),
    processors=st.integers(2, 4),
    longest=st.sampled_from((2, 12, 40)),
    largest_bytes=st.sampled_from((4, 30)),
    largest_message=st.sampled_from((4, 60)),
    shared_dram=st.booleans(),
)
RANDOMS = st.integers(0, 2**32 - 1).map(Random)


def run(template: Template, iterations: int, level: str) -> tuple[Unrolled, Execution, IterationTimes]:
    unrolled = unroll(template, iterations)
    graph, dram, memories, links = unrolled.graph, template.channels[0], template.channels[1:], template.links
    if level == "event":
        execution = execute(graph, dram, True, memories, links)
    else:
        execution = (critical_path if level == "critical_path" else closed_form)(graph, dram, memories, links)
    return unrolled, execution, iteration_times(unrolled.graph, execution, unrolled.iteration, unrolled.place)


def counters(unrolled: Unrolled, execution: Execution, iterations: int) -> NDArray[np.int64]:
    """Stalls and empty cycles by cause, per iteration."""
    found = np.zeros((iterations, 10), np.int64)
    for number, record in zip(unrolled.iteration, execution.tasks, strict=True):
        for offset, stalls in ((0, record.stalls), (5, record.idle)):
            values = (stalls.dram, stalls.sram_bank, stalls.buffer_full, stalls.dependency, stalls.link)
            found[number, offset : offset + 5] += values
    return found


def check_extension(template: Template, simulated: int, periods: int, level: str = "event") -> SteadyState | None:
    """Extend a run by some periods and hold it against the whole simulation; None where it cannot be extended."""
    unrolled, execution, seen = run(template, simulated, level)
    state = find_steady_state(seen.times, template.reach, seen.quiet)
    if not isinstance(state, SteadyState) or state.cut is None:
        return None
    iterations = simulated + periods * state.period.iterations
    assert state.congruent(iterations) == simulated
    whole, expected, shown = run(template, iterations, level)
    assert np.array_equal(state.extend_times(seen.times, iterations), shown.times)
    assert state.makespan_cycles(execution.makespan_cycles, iterations) == expected.makespan_cycles
    ends = state.extend_times(seen.times.max(axis=1), iterations)
    assert ends.tolist() == shown.times.max(axis=1).tolist()
    few, many = counters(unrolled, execution, simulated), counters(whole, expected, iterations)
    assert np.array_equal(state.extend_counters(few, iterations), many)
    assert state.total(few, iterations).tolist() == many.sum(axis=0).tolist()
    return state


@settings(max_examples=60, deadline=None)
@given(RANDOMS, TRAFFIC, st.integers(6, 40), st.integers(1, 5))
def test_extended_run_is_the_simulated_run(rng: Random, traffic: Traffic, simulated: int, periods: int) -> None:
    state = check_extension(random_template(rng, traffic), simulated, periods)
    if state is None:
        event("no cut")
    else:
        event(f"period of {min(state.period.iterations, 3)}, {'proven' if state.proven else 'not proven'}")


def test_most_random_programs_can_be_extended() -> None:
    found = []
    for seed in range(40):
        rng = Random(f"steady{seed}")
        found.append(check_extension(random_template(rng, Traffic()), 40, 2))
    states = [state for state in found if state is not None]
    assert len(states) >= 20
    assert any(state.proven for state in states)
    assert any(state.period.iterations > 1 for state in states)


@pytest.mark.parametrize("level", ["critical_path", "closed_form"])
def test_levels_without_contention_are_extended_too(level: str) -> None:
    found = []
    for seed in range(30):
        found.append(check_extension(random_template(Random(f"steady{seed}"), Traffic()), 30, 3, level))
    assert sum(state is not None for state in found) >= 12


def test_counters_that_look_ahead_are_not_taken_from_the_drain() -> None:
    """Seven repeated rows, a reach of seven: the first row that could be counted already felt the end of the run."""
    traffic = Traffic(jobs=7, processors=4, longest=2, largest_bytes=4, largest_message=4, shared_dram=False)
    found = [check_extension(random_template(Random(40272778 + i), traffic), 16, 1) for i in range(40)]
    assert len(found) == 40
