"""Inversion error of the reversible neurons: predicted, measured, bounded by anchors, and shown on its page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsnn.errors import ConfigError
from simsnn.neurons.inversion import (
    MEASURED_ALPHAS,
    MEASURED_DTYPES,
    MEASURED_TAU,
    MEASURED_TIMESTEPS,
    FailureRow,
    eigenvalues,
    failure_table,
    growth_factor,
    inversion_error,
    longest_exact_run,
    segments,
)
from tests.reversible import lei, name, nothing, word_lif, word_pair

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reversible_exactness.md"
TOLERANCE = 1e-3
ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


@pytest.fixture(scope="module", params=["hard", "soft"])
def table(request: pytest.FixtureRequest) -> tuple[FailureRow, ...]:
    return failure_table(request.param)


def _row(table: tuple[FailureRow, ...], dtype: str, alpha: float, steps: int) -> FailureRow:
    (found,) = [row for row in table if (row.dtype, row.alpha, row.timesteps) == (dtype, alpha, steps)]
    return found


def _currents(steps: int, n: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(7).normal(0.3, 1.0, (steps, n)).astype(dtype)


@pytest.mark.parametrize(("alpha", "larger", "smaller", "growth"), [
    (1.0, 1.618, -0.618, 1.62), (0.5, 1.0, -0.25, 4), (0.25, 0.713, -0.088, 11.4), (0.1, 0.568, -0.018, 56.8)
])  # fmt: skip
def test_growth_at_tau_2(alpha: float, larger: float, smaller: float, growth: float) -> None:
    assert eigenvalues(alpha, 2.0) == pytest.approx((larger, smaller), abs=5e-4)
    assert growth_factor(alpha, 2.0) == pytest.approx(growth, rel=3e-3)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.1, -0.4])
@pytest.mark.parametrize("tau", [1.5, 2.0, 4.0])
def test_eigenvalues_are_those_of_one_silent_step(alpha: float, tau: float) -> None:
    neuron = lei(alpha, 1.0, tau=tau, threshold=1e9)
    columns = []
    for start in np.eye(2):
        state, y, v = start[None].copy(), np.empty((1, 2)), np.empty((1, 2))
        neuron.forward(np.zeros((1, 2)), nothing(y), y, v, state)
        columns.append(state[0])
    expected = sorted(np.linalg.eigvals(np.array(columns).T).tolist(), key=abs, reverse=True)
    np.testing.assert_allclose(eigenvalues(alpha, tau), expected, rtol=1e-12)


@pytest.mark.parametrize("alpha", MEASURED_ALPHAS)
def test_a_disturbed_state_grows_by_g_per_step(alpha: float) -> None:
    neuron, x, steps = lei(alpha, 1.0, threshold=1e9), _currents(12, 200, "float64"), 12
    y, m, v, returned = np.empty((4, *x.shape))
    end = np.zeros((1, 200))
    neuron.forward(x, nothing(x), y, m, end)
    disturbed = end + np.random.default_rng(0).normal(size=end.shape)
    neuron.invert(y, np.empty((12, 0), np.uint8), disturbed, returned, v)
    clean = end.copy()
    neuron.invert(y, np.empty((12, 0), np.uint8), clean, returned, v)
    size = np.linalg.norm(disturbed - clean) / math.sqrt(200)
    assert size ** (1 / steps) == pytest.approx(growth_factor(alpha, neuron.tau), rel=0.06)


@pytest.mark.parametrize("alpha", [alpha for alpha in MEASURED_ALPHAS if alpha > 0])
def test_rounding_errors_grow_as_predicted(table: tuple[FailureRow, ...], alpha: float) -> None:
    """In double precision, from 4 to 8 steps: by G per step, and by the state's own growth where it grows."""
    first, second = (_row(table, "float64", alpha, steps).error.state for steps in (4, 8))
    expected = growth_factor(alpha, MEASURED_TAU) * max(1.0, eigenvalues(alpha, MEASURED_TAU)[0])
    if second < 1:  # else a spike has flipped, and the error is no longer one of rounding
        assert (second / first) ** 0.25 == pytest.approx(expected, rel=0.25)
    else:
        assert alpha == 0.1


def test_where_floats_fail(table: tuple[FailureRow, ...]) -> None:
    for steps in (2, 4, 8):
        exact = _row(table, "float64", 1.0, steps).error
        assert exact.flipped == 0
        assert exact.current < 1e-15
        assert exact.state < 1e-12
    for alpha, steps in ((1.0, 32), (0.5, 16), (0.25, 8), (0.25, 16), (0.1, 4), (0.1, 8)):
        assert _row(table, "float32", alpha, steps).error.flipped > 0
    for alpha, steps in ((1.0, 8), (0.5, 4), (0.25, 4), (0.1, 2)):
        assert _row(table, "float32", alpha, steps).error.flipped == 0
    assert 0.003 < _row(table, "float32", 0.25, 8).error.flipped < 0.012


def test_no_error_grows_where_nothing_fades(table: tuple[FailureRow, ...]) -> None:
    """alpha = -1: both eigenvalues on the unit circle, so neither the state nor its error grows."""
    for steps in MEASURED_TIMESTEPS:
        error = _row(table, "float32", -1.0, steps).error
        assert error.flipped == 0
        assert error.state < 1e-5


def test_one_flipped_spike_is_an_error_of_one_over_beta(table: tuple[FailureRow, ...]) -> None:
    """And no current is wrong by more than rounding as long as none flips."""
    for row in table:
        if row.error.flipped:
            assert row.error.current == pytest.approx(1 / abs(row.alpha), rel=1e-5)
        else:
            assert row.error.current < 16 * ROUNDOFF[row.dtype] / abs(row.alpha)


INTEGERS = [word_pair(), word_pair(word_bits=32), word_lif("divide", 3), word_lif("subtract", 2)]


@pytest.mark.parametrize("neuron", INTEGERS, ids=name)
@pytest.mark.parametrize("every", [None, 5])
def test_integers_have_no_error(neuron: Any, every: int | None) -> None:
    x = np.rint(_currents(24, 200) * 256) / 256
    found = inversion_error(neuron, x, every)
    assert (found.current, found.state, found.flipped) == (0, 0, 0)
    assert 0.02 < found.firing_rate < 0.9


@pytest.mark.parametrize("alpha", [0.5, 0.25, 0.1])
def test_anchors_bound_the_flips(alpha: float) -> None:
    """States kept every T_max steps, or fewer, leave hardly a spike to flip in 32."""
    neuron, x = lei(alpha, alpha, "hard", threshold=1.0), _currents(32, 20_000)
    every = longest_exact_run(alpha, neuron.tau, ROUNDOFF["float32"], TOLERANCE)
    assert every is not None
    free = inversion_error(neuron, x)
    assert free.flipped > 0.1
    for steps in (every, every - 1):
        held = inversion_error(neuron, x, steps)
        assert held.flipped < 1e-5
        assert held.state < 10 * TOLERANCE or held.flipped > 0  # one flip alone is a large error
    assert inversion_error(neuron, x, 1).state < 1e-5


@pytest.mark.parametrize(("timesteps", "every", "expected"), [
    (7, 3, ((0, 3), (3, 6), (6, 7))), (6, 3, ((0, 3), (3, 6))), (2, 9, ((0, 2),)), (3, 1, ((0, 1), (1, 2), (2, 3)))
])  # fmt: skip
def test_segments(timesteps: int, every: int, expected: tuple[tuple[int, int], ...]) -> None:
    assert tuple((part.start, part.stop) for part in segments(timesteps, every)) == expected


def test_longest_runs() -> None:
    found = [longest_exact_run(a, 2.0, roundoff, TOLERANCE) for roundoff in ROUNDOFF.values() for a in MEASURED_ALPHAS]
    assert found == [10, 7, 3, 2, None, 30, 21, 12, 7, None]
    assert longest_exact_run(4.0, 2.0, 1e-7, 1e-3) == 14  # G is below 1, but the state grows by more
    with pytest.raises(ConfigError, match="leave no room"):
        longest_exact_run(0.5, 2.0, 1e-3, 1e-3)
    with pytest.raises(ConfigError, match="divides by it"):
        growth_factor(0.0, 2.0)
    with pytest.raises(ConfigError, match="tau is 1"):
        growth_factor(0.5, 1.0)
    with pytest.raises(ConfigError, match="every is 0"):
        segments(4, 0)


def growth_lines() -> list[str]:
    """Lines of the page's first table."""
    lines = []
    for alpha in MEASURED_ALPHAS:
        larger, smaller = eigenvalues(alpha, MEASURED_TAU)
        runs = [longest_exact_run(alpha, MEASURED_TAU, roundoff, TOLERANCE) for roundoff in ROUNDOFF.values()]
        numbers = [f"{alpha:g}", f"{larger:.3f}", f"{smaller:.3f}", f"{growth_factor(alpha, MEASURED_TAU):.2f}"]
        lines.append(f"| {' | '.join([*numbers, *(str(run or 'any') for run in runs)])} |")
    return lines


def measured_lines(table: tuple[FailureRow, ...]) -> list[str]:
    """Lines of the page's tables of one reset: state error and flipped share for every T."""
    lines = []
    for dtype in MEASURED_DTYPES:
        for alpha in MEASURED_ALPHAS:
            errors = [_row(table, dtype, alpha, steps).error for steps in MEASURED_TIMESTEPS]
            cells = [f"{error.state:.1e}, {format(error.flipped, '.1e') if error.flipped else 0}" for error in errors]
            lines.append(f"| {dtype} | {alpha:g} | {' | '.join(cells)} |")
    return lines


def test_the_page_shows_what_is_measured(table: tuple[FailureRow, ...]) -> None:
    page = PAGE.read_text().splitlines()
    for line in [*growth_lines(), *measured_lines(table)]:
        assert line in page
