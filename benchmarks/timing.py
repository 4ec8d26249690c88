"""Wall time of a call on one core: warm-up, then the median of several repeats."""

from __future__ import annotations

import os
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
"""Environment of every process that is measured."""


@contextmanager
def one_core() -> Iterator[None]:
    """One thread for Numba and for BLAS, in this process."""
    os.environ.update(THREADS)
    import numba
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    numba.set_num_threads(1)
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
