"""Chunks through a plan's recurrence with nothing late, beside one Python call per chunk."""

from __future__ import annotations

import numpy as np

from benchmarks.measurement import Measurement, NotMeasured, Yardstick
from benchmarks.product import chunked_product
from benchmarks.timing import median_seconds

CHUNKS, ROWS_PER_CHUNK = 200_000, 32
SINGLE_CHUNKS = 20_000


def advance_uncontended() -> Measurement:
    """Chunks per second through ``advance_all``; the cycles are those of the closed form."""
    plan = chunked_product(CHUNKS, ROWS_PER_CHUNK)
    ready = np.zeros(plan.chunk_count, np.int64)
    state, _ = plan.advance_all(ready)
    if plan.parts(state) != plan.parts(plan.closed_form()):
        raise NotMeasured("chunks and closed form disagree")

    def singly() -> None:
        single = plan.start()
        for chunk in range(SINGLE_CHUNKS):
            plan.advance(single, chunk, 0)

    rate = plan.chunk_count / median_seconds(lambda: plan.advance_all(ready))
    yardstick = Yardstick("one call of `advance` per chunk", SINGLE_CHUNKS / median_seconds(singly, 3))
    return Measurement(rate, yardstick, f"{plan.chunk_count:,} chunks of {ROWS_PER_CHUNK} rows")
