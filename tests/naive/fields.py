"""Slow obvious twins of the field kernels: one element at a time on unpacked maps."""

from __future__ import annotations

import numpy as np


def autoregress(values: np.ndarray, latent: np.float32, fresh: np.float32) -> np.ndarray:
    """z[i] = fresh * z[i] + latent * z[i-1] along the middle axis, each operation rounded."""
    out = values.copy()
    for i in range(1, out.shape[1]):
        out[:, i] *= fresh
        out[:, i] += latent * out[:, i - 1]
    return out


def carry_back(values: np.ndarray, penalty: np.float32) -> np.ndarray:
    """Largest of this and every later step, less the penalty for each step between."""
    out = values.copy()
    for step in range(len(values) - 2, -1, -1):
        out[step] = np.maximum(values[step], out[step + 1] - penalty)
    return out


def pool_route(
    spikes: np.ndarray, mask: np.ndarray, window: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Pooled spikes (rows, C, Ho, Wo), and the mask at the first spike of every window."""
    kh, kw, sh, sw = window
    rows, channels, height, width = spikes.shape
    shape = (rows, channels, (height - kh) // sh + 1, (width - kw) // sw + 1)
    pooled, routed = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for row, channel, y, x in np.ndindex(shape):
        place = (row, channel, slice(y * sh, y * sh + kh), slice(x * sw, x * sw + kw))
        values = spikes[place].reshape(-1)
        pooled[row, channel, y, x] = values.max()
        routed[row, channel, y, x] = mask[place].reshape(-1)[values.argmax()]
    return pooled, routed
