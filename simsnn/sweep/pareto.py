"""Pareto front of a table: rows that no other row beats in one objective without losing in another.

Proof: ``tests/unit/test_sweep_pareto.py`` (against the definition, row by row).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsnn.results.sweep_table import ObjectiveInfo, SweepRow


def front_of(rows: Sequence[SweepRow], objectives: Sequence[ObjectiveInfo]) -> frozenset[int]:
    """Numbers of the points on the front; a point without all objectives is not on it.

    Equal points are on it together.
    """
    known = [(row.point, costs) for row in rows if (costs := _costs(row, objectives)) is not None]
    if not known:
        return frozenset()
    values = np.array([costs for _, costs in known], dtype=np.float64)
    order = np.lexsort(values.T[::-1])
    front: list[int] = []
    best = np.empty((0, values.shape[1]))
    for index in order:  # whoever beats a row stands before it
        row = values[index]
        beaten = np.all(best <= row, axis=1) & np.any(best < row, axis=1)
        if not beaten.any():
            front.append(known[index][0])
            best = np.vstack((best, row))
    return frozenset(front)


def _costs(row: SweepRow, objectives: Sequence[ObjectiveInfo]) -> list[float] | None:
    """Objectives as costs, smaller is better; None where one is unknown."""
    if row.metrics is None:
        return None
    found = [getattr(row.metrics, entry.metric) for entry in objectives]
    if any(value is None for value in found):
        return None
    return [-float(v) if entry.goal == "max" else float(v) for v, entry in zip(found, objectives, strict=True)]
