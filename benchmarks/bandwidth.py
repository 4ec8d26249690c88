"""Packed data per second: passes of counting kernels beside a plain sum over a large array of words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.measurement import Measurement, Yardstick
from benchmarks.timing import median_seconds

READ_WORDS = 2**24
"""Words of the plain sum: 128 MiB, larger than a cache."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A kernel and the packed bytes that it reads: every packed word once each time the kernel goes over it.

    Counts, indices and results that it reads or writes beside them are not counted.
    """

    name: str
    packed_bytes: int
    call: Callable[[], object]


def read_bandwidth() -> float:
    """Bytes per second of one core that sums a large array of words."""
    words = np.random.default_rng(0).integers(0, 2**63, READ_WORDS, dtype=np.uint64)
    return words.nbytes / median_seconds(words.sum, 9)


def measure_passes(passes: tuple[Pass, ...], what: str) -> Measurement:
    """Rate of all passes together over the read bandwidth; every single rate is in the note."""
    seconds = [median_seconds(one.call) for one in passes]
    rate = sum(one.packed_bytes for one in passes) / sum(seconds)
    read = read_bandwidth()
    rates = ", ".join(
        f"{one.name} {one.packed_bytes / took / 1e9:.2g}" for one, took in zip(passes, seconds, strict=True)
    )
    note = f"{what}: {rate / 1e9:.2f} of {read / 1e9:.1f} GB/s; each alone in GB/s: {rates}"
    return Measurement(rate / read, Yardstick("summing 128 MiB of words", 1.0), note)
