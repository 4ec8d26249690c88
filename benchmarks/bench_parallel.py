"""Parallel spiking units forward and backward: the PSU by recurrence, and units with learned matrices beside BLAS."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.timing import median_seconds
from simsnn.neurons.parallel import ParallelUnit, PsuNeuron
from simsnn.neurons.parallel_learned import MaskedPsnNeuron, PsnNeuron
from simsnn.neurons.parallel_reset import IpsuNeuron, RpsuNeuron

STEPS, NEURONS = 64, 130_000
"""No power of two, or all steps of a neuron would fall on the same few cache lines."""
BLAS_ROWS = 1024
LEARNED: tuple[ParallelUnit, ...] = (
    IpsuNeuron(threshold=0.5),
    IpsuNeuron(threshold=0.5, form="sigmoid"),
    RpsuNeuron(threshold=0.5),
    PsnNeuron(threshold=0.5),
    MaskedPsnNeuron(threshold=0.5, order=16),
)
SHARE, ELEMENTWISE_NS = 1.5, 4.0
"""Of the time of its dense products, plus per neuron and step: what a learned unit may take."""


def _nanoseconds(unit: ParallelUnit) -> float:
    """One forward and one backward sweep per neuron and time step, float32."""
    rng = np.random.default_rng(0)
    current = rng.normal(0.6, 1, (STEPS, NEURONS)).astype(np.float32)
    learned = unit.initial_learned(STEPS, rng, np.dtype(np.float32))
    spikes, v, dx = (np.zeros_like(current) for _ in range(3))
    ds, dlearned, none = rng.random((STEPS, NEURONS), np.float32), np.zeros_like(learned), current[:0]

    def sweep() -> None:
        unit.forward(current, learned, spikes, v, none)
        unit.backward(ds, current, learned, v, spikes, none, dx, dlearned)

    return median_seconds(sweep, repeats=5) * 1e9 / (STEPS * NEURONS)


def psu_forward_backward() -> Measurement:
    """Nanoseconds per neuron and time step of a PSU with learned slope."""
    note = f"T = {STEPS}, {NEURONS:,} neurons, float32, learned slope"
    dense = sum(
        product.dense_macs
        for backward in (False, True)
        for product in PsuNeuron(threshold=0.5).products(STEPS, 1, backward)
    )
    blas = dense / STEPS / _blas_macs_per_ns()
    name = f"its {dense // STEPS**2} dense T x T products alone"
    return Measurement(_nanoseconds(PsuNeuron(threshold=0.5)), Yardstick(name, blas), note)


def _blas_macs_per_ns() -> float:
    """Multiply-accumulates per nanosecond of a square float32 product."""
    a = np.random.default_rng(1).random((BLAS_ROWS, BLAS_ROWS), np.float32)
    out = np.empty_like(a)
    return BLAS_ROWS**3 / (median_seconds(lambda: np.matmul(a, a, out=out)) * 1e9)


def learned_units() -> Measurement:
    """Largest time of any learned unit over what it may take: 1.5 times its dense products and 4 ns."""
    rate, shares = _blas_macs_per_ns(), list[tuple[float, str]]()
    for unit in LEARNED:
        products = [p for backward in (False, True) for p in unit.products(STEPS, 1, backward)]
        dense = sum(product.dense_macs for product in products) / STEPS / rate
        taken = _nanoseconds(unit)
        form = f" {unit.form}" if isinstance(unit, IpsuNeuron) else ""
        text = f"{unit.kind}{form} {taken:.1f} ns, {len(products)} products in {dense:.1f} ns"
        shares.append((taken / (SHARE * dense + ELEMENTWISE_NS), text))
    note = f"T = {STEPS}, {NEURONS:,} neurons, float32; " + "; ".join(text for _, text in shares)
    return Measurement(max(shares)[0], Yardstick(f"GMAC/s of a {BLAS_ROWS} x {BLAS_ROWS} BLAS product", rate), note)
