"""Tables of the comparison of backward modes: time, and float inversion."""

from __future__ import annotations

from simsnn.neurons.inversion import MEASURED_TAU, FailureRow, longest_exact_run
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.reversible_time import Saving, Throughput

_SAVINGS = (
    "id",
    "network",
    "machine",
    "neuron",
    "store_all_cycles",
    "plain_cycles",
    "streamlined_cycles",
    "saved",
    "saved_node_cycles",
    "product_share",
    "streamlined_over_store_all",
)
_THROUGHPUT = (
    "network",
    "machine",
    "store_all_cycles",
    "checkpoint_cycles",
    "f_cycles",
    "b_cycles",
    "w_cycles",
    "r_cycles",
    "pass_spread",
    "predicted",
    "simulated",
)
_FLIPS = (
    "reset",
    "dtype",
    "alpha",
    "larger_eigenvalue",
    "smaller_eigenvalue",
    "growth",
    "longest_run",
    "timesteps",
    "state_error",
    "current_error",
    "flipped",
    "firing_rate",
)
_ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
_TOLERANCE = 1e-3


def saving_table(savings: tuple[Saving, ...]) -> Table:
    """One row per network, machine and neuron; node cycles are those worked, filling included."""
    return Table("savings", _SAVINGS, tuple(map(_saving, savings)))


def _saving(s: Saving) -> tuple[object, ...]:
    cycles = (s.store_all, s.plain, s.streamlined)
    shares = (s.saved, s.saved_node, s.product_share, s.streamlined / s.store_all)
    return (s.id, s.network, s.machine, s.neuron, *cycles, *shares)


def throughput_table(found: tuple[Throughput, ...]) -> Table:
    """One row per network and machine."""
    return Table("throughput", _THROUGHPUT, tuple(map(_throughput, found)))


def _throughput(t: Throughput) -> tuple[object, ...]:
    passes = (t.forward, t.backward, t.weights, t.again)
    return (t.network, t.machine, t.store_all, t.checkpoint, *passes, t.spread, t.predicted, t.factor)


def flip_table(rows: tuple[FailureRow, ...]) -> Table:
    """One row per reset, precision, coupling and T; longest run: steps until rounding is estimated to reach 1e-3."""
    return Table("flips", _FLIPS, tuple(map(_flip, rows)))


def _flip(row: FailureRow) -> tuple[object, ...]:
    longest = longest_exact_run(row.alpha, MEASURED_TAU, _ROUNDOFF[row.dtype], _TOLERANCE)
    node = (row.reset, row.dtype, row.alpha, *row.eigenvalues, row.growth, "any" if longest is None else longest)
    error = row.error
    return (*node, row.timesteps, error.state, error.current, error.flipped, error.firing_rate)
