"""Slow obvious twins of the packed-spike kernels: one element at a time, plain Python integers."""

from __future__ import annotations

import numpy as np


def pack(rows: list[list[int]]) -> list[list[int]]:
    """Bit k of word w is element 64*w + k."""
    packed = []
    for row in rows:
        words = [0] * ((len(row) + 63) // 64)
        for position, element in enumerate(row):
            if element:
                words[position // 64] |= 1 << (position % 64)
        packed.append(words)
    return packed


def tile_counts(dense: np.ndarray, tile_rows: int, tile_columns: int) -> list[list[int]]:
    """Ones of every tile."""
    rows, columns = dense.shape
    counts = [[0] * -(-columns // tile_columns) for _ in range(0, rows, tile_rows)]
    for i in range(rows):
        for j in range(columns):
            counts[i // tile_rows][j // tile_columns] += int(dense[i, j])
    return counts


def forward(spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(M, K) ones and zeros times (K, N) by adding the weight rows of the ones."""
    out = np.zeros((len(spikes), weights.shape[1]), np.int64)
    for m, row in enumerate(spikes):
        for k, spike in enumerate(row):
            if spike:
                out[m] += weights[k]
    return out


def weight_gradient(spikes: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """(M, K) transposed times (M, N): every spike adds its gradient row to its weight row."""
    out = np.zeros((spikes.shape[1], gradient.shape[1]), np.int64)
    for m, row in enumerate(spikes):
        for k, spike in enumerate(row):
            if spike:
                out[k] += gradient[m]
    return out


def masked_input_gradient(gradient: np.ndarray, weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(M, K) times (K, N), only where the (M, N) mask is set; zero elsewhere."""
    out = np.zeros(mask.shape, np.int64)
    for m in range(len(gradient)):
        for n in range(weights.shape[1]):
            if mask[m, n]:
                out[m, n] = sum(int(a) * int(b) for a, b in zip(gradient[m], weights[:, n], strict=True))
    return out
