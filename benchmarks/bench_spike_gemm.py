"""Packed spikes times int8 weights, beside the dense float32 product of BLAS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.timing import median_seconds
from simsnn.kernels.spike_gemm import packed_forward
from simsnn.kernels.spikes import pack

ROWS, INPUTS, OUTPUTS, RATE = 2048, 1152, 256, 0.2


def spike_gemm() -> Measurement:
    """Billions of additions per second, counted as spikes times output features."""
    rng = np.random.default_rng(0)
    dense = rng.random((ROWS, INPUTS)) < RATE
    weights = rng.integers(-128, 128, (INPUTS, OUTPUTS), dtype=np.int8)
    packed, left, right = pack(dense), dense.astype(np.float32), weights.astype(np.float32)
    if not np.array_equal(packed_forward(packed, weights), (left @ right).astype(np.int32)):
        raise NotMeasured("the packed product is not the dense one")
    additions = int(dense.sum()) * OUTPUTS
    rate = additions / median_seconds(lambda: packed_forward(packed, weights), 15) / 1e9
    blas_seconds = median_seconds(lambda: left @ right, 15)
    macs = ROWS * INPUTS * OUTPUTS
    name = f"the same additions by dense float32 BLAS at {macs / blas_seconds / 1e9:.0f} GMAC/s"
    note = f"{ROWS} x {INPUTS} x {OUTPUTS}, {RATE:.0%} spikes" + ("" if _has_avx512() else "; this CPU has no AVX-512")
    return Measurement(rate, Yardstick(name, additions / blas_seconds / 1e9), note)


def _has_avx512() -> bool:
    try:
        return "avx512bw" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
