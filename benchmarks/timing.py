"""Wall time of a call on one core: warm-up, then the median of several repeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

THREADS = {
    "NUMBA_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""Environment of every process that is measured from outside."""


@contextmanager
def one_core() -> Iterator[None]:
    """One BLAS thread in this process; kernels are compiled without threads and need no limit."""
    # A limit reaches only the libraries that are loaded, so NumPy and its BLAS come first.
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    with threadpool_limits(1):
        yield


def median_seconds(call: Callable[[], object], repeats: int = 7, warmups: int = 1) -> float:
    """Median wall seconds of ``repeats`` calls after ``warmups`` calls that do not count."""
    for _ in range(warmups):
        call()
    return median(_seconds(call) for _ in range(repeats))


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
