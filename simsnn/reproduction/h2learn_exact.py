"""What must be exactly equal, whatever was published: sums, tables, dense counts, operations."""

from __future__ import annotations

from functools import partial

import numpy as np

from simsnn.costs import Observed
from simsnn.reference.lut import LutMachine, run_lut_forward
from simsnn.reproduction.h2learn_runs import Measured
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.validation.checks import checks
from simsnn.workload.operation import Pass
from simsnn.workload.spike_tensor import SpikeTensor

CASES = 20
"""Random cases per switch combination; ``simsnn validate`` runs more."""
MACHINES = ("lut_forward", "lut_update", "dual_sparse")
WIDEST_ADDRESS = 8


def exact_claims(measured: tuple[Measured, ...], seed: int = 0) -> tuple[Claim, ...]:
    """Every exact check; a value other than its bound fails the command."""
    claims = [_machine_claim(machine, seed) for machine in MACHINES]
    claims.append(_table_claim(seed))
    claims += [_operations_claim(each) for each in measured]
    return tuple(claims)


_zero = partial(Claim, low=0.0, high=0.0, standing=Standing.EXACT)


def _machine_claim(machine: str, seed: int) -> Claim:
    rows = [check.run(CASES, seed) for check in checks() if check.machine == machine]
    cases = sum(row.cases for row in rows)
    note = f"mismatches of values, cycles, parts and counts with the register-level twin in {cases:,} random cases"
    return _zero(id=f"exact.{machine}", value=float(sum(row.mismatches for row in rows)), note=note)


def _table_claim(seed: int) -> Claim:
    """Adds that the builder of the register-level twin does per table, against 2^k - k - 1."""
    rng, wrong = np.random.default_rng(seed), 0
    for bits in range(1, WIDEST_ADDRESS + 1):
        machine = LutMachine(bits, 1 + bits % 3, 1, 2, 1, double_tables=True, skip_window=0, bypass=False)
        weights = rng.integers(-9, 9, (3 * bits, 2))
        spikes = rng.integers(0, 2, (5, 3 * bits), dtype=np.uint8)
        run = run_lut_forward(machine, weights, spikes, np.array([0, 5]), np.array([3]), np.array([0]))
        counts = run.counts
        equal = np.array_equal(run.values, spikes.astype(np.int64) @ weights)
        wrong += counts.table_adds != counts.tables * (2**bits - bits - 1) or not equal
    note = (
        f"table widths k = 1 to {WIDEST_ADDRESS} whose adds are not 2^k - k - 1 or whose sums are not the direct sums"
    )
    return _zero(id="exact.table_adds", value=float(wrong), note=note)


def _operations_claim(each: Measured) -> Claim:
    """Operations that the forward and update engines report, against non-zeros times fan-out counted apart."""
    reported = sum(
        task.observations[Observed.OPERATIONS.value]
        for task in each.report.tasks
        if task.part == "synapse" and task.pass_ in (Pass.F.value, Pass.W.value)
    )
    expected = 2 * sum(_operations_of(each, name) for name in _spiking_layers(each))
    note = f"{each.pair.name}: operations of passes F and W that differ from non-zeros x fan-out, of {expected:,}"
    return _zero(id=f"exact.operations.{each.pair.name}", value=float(abs(reported - expected)), note=note)


def _spiking_layers(each: Measured) -> tuple[str, ...]:
    return tuple(layer.name for layer in each.result.prepared.network.weight_layers)


def _operations_of(each: Measured, name: str) -> int:
    """Uses of every spike, tap by tap, times the outputs of its convolution group."""
    geometry = each.result.prepared.network.layer(name).geometry
    inputs = each.activity.layer(name).inputs
    assert isinstance(inputs, SpikeTensor)
    counts = inputs.element_counts().reshape(geometry.in_channels, geometry.in_h, geometry.in_w).sum(axis=0)
    rows = _uses(geometry.in_h, geometry.out_h, geometry.kernel_h, geometry.stride_h, geometry.padding_h)
    columns = _uses(geometry.in_w, geometry.out_w, geometry.kernel_w, geometry.stride_w, geometry.padding_w)
    return int((counts * np.outer(rows, columns)).sum()) * (geometry.out_channels // geometry.groups)


def _uses(size: int, outputs: int, kernel: int, stride: int, padding: int) -> list[int]:
    """How many (output, tap) pairs read each input position along one axis, without dilation."""
    used = [0] * size
    for output in range(outputs):
        for tap in range(kernel):
            place = output * stride + tap - padding
            if 0 <= place < size:
                used[place] += 1
    return used
