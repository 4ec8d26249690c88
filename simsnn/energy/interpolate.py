"""Interpolation in logarithms: exact at stored points, straight lines in log-log between them.

    y(x) = y0 * (y1 / y0) ** (log(x / x0) / log(x1 / x0))      for x0 < x < x1

Proof: ``tests/unit/test_energy.py`` (exact at grid points, monotone, power laws reproduced).
"""

from __future__ import annotations

import math
from bisect import bisect_left


def log_weight(x: float, x0: float, x1: float) -> float:
    """Share of the way from ``x0`` to ``x1`` on a logarithmic axis."""
    return math.log(x / x0) / math.log(x1 / x0)


def log_blend(y0: float, y1: float, weight: float) -> float:
    """Geometric blend; returns ``y0`` or ``y1`` themselves at weight 0 or 1."""
    if weight == 0.0 or y0 == y1:
        return y0
    return y1 if weight == 1.0 else y0 * (y1 / y0) ** weight


def log_log(points: tuple[tuple[float, float], ...], x: float) -> float:
    """Value at ``x`` through points sorted by abscissa; ``x`` lies within them."""
    axis = [point[0] for point in points]
    index = bisect_left(axis, x)
    if axis[index] == x:
        return points[index][1]
    (x0, y0), (x1, y1) = points[index - 1], points[index]
    return log_blend(y0, y1, log_weight(x, x0, x1))
