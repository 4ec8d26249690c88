"""What must be exactly equal, whatever was published: sums, tables, dense counts, operations."""

from __future__ import annotations

from functools import partial

import numpy as np

from simsnn.costs import Observed
from simsnn.reference.lut import LutMachine, run_lut_forward
from simsnn.reproduction.h2learn_runs import Measured
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.simulation import Prepared
from simsnn.validation.checks import checks
from simsnn.workload.operation import GemmOperation, Pass
from simsnn.workload.product_activity import ProductActivity
from simsnn.workload.spike_tensor import SpikeTensor

CASES = 20
"""Random cases per switch combination; ``simsnn validate`` runs more."""
MACHINES = ("lut_forward", "lut_update", "dual_sparse")
WIDEST_ADDRESS = 8


def exact_claims(measured: tuple[Measured, ...], seed: int = 0) -> tuple[Claim, ...]:
    """Every exact check; a value other than its bound fails the command."""
    claims = [machine_claim(machine, seed) for machine in MACHINES]
    claims += [*table_claims(seed), dense_claim(measured[0])]
    claims += [operations_claim(each) for each in measured]
    return tuple(claims)


_zero = partial(Claim, low=0.0, high=0.0, standing=Standing.EXACT)


def _of_some(looked_at: int, wrong: int) -> float | None:
    """What was found wrong; None, which fails, where nothing was looked at."""
    return float(wrong) if looked_at else None


def machine_claim(machine: str, seed: int) -> Claim:
    """Mismatches with the register-level twin over every switch combination; not run where there is none."""
    rows = [check.run(CASES, seed) for check in checks() if check.machine == machine]
    cases = sum(row.cases for row in rows)
    note = f"mismatches of values, cycles, parts and counts with the register-level twin in {cases:,} random cases"
    return _zero(id=f"exact.{machine}", value=_of_some(cases, sum(row.mismatches for row in rows)), note=note)


def table_claims(seed: int) -> tuple[Claim, ...]:
    """Adds of the register-level twin's builder per table against 2^k - k - 1, its sums against direct sums."""
    rng, adds, sums = np.random.default_rng(seed), 0, 0
    for bits in range(1, WIDEST_ADDRESS + 1):
        machine = LutMachine(bits, 1 + bits % 3, 1, 2, 1, double_tables=True, skip_window=0, bypass=False)
        weights = rng.integers(-9, 9, (3 * bits, 2))
        spikes = rng.integers(0, 2, (5, 3 * bits), dtype=np.uint8)
        run = run_lut_forward(machine, weights, spikes, np.array([0, 5]), np.array([3]), np.array([0]))
        adds += run.counts.table_adds != run.counts.tables * (2**bits - bits - 1)
        sums += int(np.count_nonzero(run.values != spikes.astype(np.int64) @ weights))
    widths = f"table widths k = 1 to {WIDEST_ADDRESS}"
    return (
        _zero(id="exact.lut_sums", value=float(sums), note=f"sums over {widths} that differ from the direct sum"),
        _zero(id="exact.table_adds", value=float(adds), note=f"{widths} whose tables take other than 2^k - k - 1 adds"),
    )


def dense_claim(each: Measured) -> Claim:
    """Backward products with masks of ones, against the dense count: one MAC per tap that exists, and its cycles."""
    wrong, products = 0, 0
    prepared = each.result.prepared
    assert isinstance(prepared, Prepared)  # a machine without processors
    for item in prepared.mapped:
        operation = item.operation
        if not isinstance(operation, GemmOperation) or operation.pass_ is not Pass.B or operation.geometry is None:
            continue
        bound = item.choice.plan.with_activity(_ones(operation)).cost()
        dense = item.choice.plan.with_activity(None).cost()
        counted = bound.observed(Observed.OPERATIONS)
        wrong += counted != _dense_macs(operation) or bound.cycles != dense.cycles
        products += 1
    note = (
        f"{each.pair.name}: of {products} backward products, those whose count with masks of ones is not the dense one"
    )
    return _zero(id="exact.dense_backward", value=_of_some(products, wrong), note=note)


def _ones(operation: GemmOperation) -> ProductActivity:
    geometry, steps = operation.geometry, operation.timesteps
    assert geometry is not None  # the caller asked
    batch = operation.slots // steps
    inputs = (steps, batch, geometry.in_channels, geometry.in_h, geometry.in_w)
    outputs = (steps, batch, geometry.out_channels, geometry.out_h, geometry.out_w)
    spikes, gradient = (SpikeTensor.from_dense(np.ones(shape, np.uint8)) for shape in (inputs, outputs))
    return ProductActivity(geometry, spikes, gradient, spikes)


def _dense_macs(operation: GemmOperation) -> int:
    """Taps inside the map, times both channel counts of a group, times slots; counted along each axis."""
    geometry = operation.geometry
    assert geometry is not None  # the caller asked
    rows = sum(_uses(geometry.in_h, geometry.out_h, geometry.kernel_h, geometry.stride_h, geometry.padding_h))
    columns = sum(_uses(geometry.in_w, geometry.out_w, geometry.kernel_w, geometry.stride_w, geometry.padding_w))
    channels = geometry.in_channels // geometry.groups * geometry.out_channels
    return rows * columns * channels * operation.slots


def operations_claim(each: Measured) -> Claim:
    """Operations that the forward and update engines report, against non-zeros times fan-out counted apart."""
    reported = sum(
        task.observations[Observed.OPERATIONS.value]
        for task in each.report.tasks
        if task.part == "synapse" and task.pass_ in (Pass.F.value, Pass.W.value)
    )
    expected = 2 * sum(_operations_of(each, name) for name in _spiking_layers(each))
    note = f"{each.pair.name}: operations of passes F and W that differ from non-zeros x fan-out, of {expected:,}"
    return _zero(id=f"exact.operations.{each.pair.name}", value=_of_some(expected, abs(reported - expected)), note=note)


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
