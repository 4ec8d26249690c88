"""LUT addresses counted one element at a time, on dense lowered rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def scanned(flags: list[bool], window: int) -> tuple[int, int, int, int, bool]:
    """Edges, issues, bubbles before the first and after the last issue, last flag issues: one edge at a time."""
    if window == 0:
        return len(flags), len(flags), 0, 0, True
    edges, issues, lead, position, tail = 0, 0, 0, 0, 0
    while position < len(flags):
        edges += 1
        ahead = [i for i in range(position, min(len(flags), position + window)) if flags[i]]
        if ahead:
            lead = tail if issues == 0 else lead
            issues, tail, position = issues + 1, 0, ahead[0] + 1
        else:
            tail, position = tail + 1, position + window
    return edges, issues, lead if issues else 0, tail, flags[-1]


def forward_counts(
    rows: Ints, bounds: Ints, k: int, groups: int, ports: int, window: int
) -> list[tuple[int, int, int, int, bool, int, int]]:
    """Counts of every (block, group tile) of lowered rows (positions, J)."""
    found = []
    for start, stop in pairwise(bounds.tolist()):
        for first in range(0, rows.shape[1], k * groups):
            tile = rows[start:stop, first : first + k * groups]
            flags = [bool(tile[p : p + ports].any()) for p in range(0, len(tile), ports)]
            nonzero = sum(int(tile[:, c : c + k].any(axis=1).sum()) for c in range(0, tile.shape[1], k))
            found.append((*scanned(flags, window), nonzero, int(tile.sum())))
    return found


def update_counts(
    rows: Ints, members: list[Ints], ports: int, window: int
) -> tuple[int, int, int, int, bool, int, int]:
    """Counts of one tile: position groups (each its positions that exist) over lowered rows (positions, J)."""
    addresses = np.array([rows[group].any(axis=0) for group in members])
    any_ = addresses.any(axis=0)
    flags = [bool(any_[j : j + ports].any()) for j in range(0, rows.shape[1], ports)]
    ones = sum(int(rows[group].sum()) for group in members)
    return (*scanned(flags, window), int(addresses.sum()), ones)
