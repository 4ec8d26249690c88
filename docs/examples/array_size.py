"""Array sizes from Python: run a sweep, then show cycles over rows and columns. Run: python array_size.py [SWEEP]."""

from __future__ import annotations

import sys

import simsnn
from simsnn.results.sweep_store import StoredSweep

NO_TRAINING = ("activity=null", "optimizer={kind: adam, learning_rate: 0.01}")
"""Cycles of a dense array do not depend on spikes. The update rule, which training would bring, is named instead."""


def show(stored: StoredSweep) -> None:
    """One line per rows and dataflow, one number per columns; refused designs are dots."""
    records = stored.table.records()
    columns = sorted({record["columns"] for record in records})
    print(f"{'rows':>6} {'dataflow':>9}", *(f"{f'{column} columns':>12}" for column in columns))
    for rows, dataflow in sorted({(record["rows"], record["dataflow"]) for record in records}):
        found = {r["columns"]: r["total_cycles"] for r in records if (r["rows"], r["dataflow"]) == (rows, dataflow)}
        cells = ["." if found.get(column) is None else f"{found[column]:,}" for column in columns]
        print(f"{rows:>6} {dataflow:>9}", *(f"{cell:>12}" for cell in cells))


def main(source: str) -> None:
    """Run what is not stored yet, and show it."""
    stored = simsnn.run_sweep(source, NO_TRAINING)
    show(stored)
    best = min(stored.table.done, key=lambda row: row.metrics.total_cycles)
    print("fastest:", dict(zip(stored.table.axes, best.values, strict=True)), f"{best.metrics.total_cycles:,} cycles")
    print("written to", stored.folder)


if __name__ == "__main__":  # the workers are processes that import this file
    main(sys.argv[1] if len(sys.argv) > 1 else "array_size")
