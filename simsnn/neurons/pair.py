"""What pair nodes share: which layers they fit, and their potentials while nothing fires.

Elements 2i and 2i+1 of a row are the halves of pair i. Rows run over channels fastest, so a layer with an even number
of channels has no pair across two positions; any other fixed pairing is the same node behind a permutation of channels.
"""

from __future__ import annotations

import numpy as np

from simsnn.errors import ConfigError
from simsnn.neurons.base import Values


def odd_channels(kind: str, channels: int) -> str:
    """Why a layer of pair nodes cannot have so many channels; empty where it can."""
    return (
        f"{kind} joins neighbouring channels 2i and 2i + 1 in pairs, and {channels} is an odd number"
        if channels % 2
        else ""
    )


def check_pairs(kind: str, elements: int) -> None:
    """Refuse a row of pair nodes with one half left over.

    Raises
    ------
    ConfigError
        Naming the number of elements.
    """
    refusal = odd_channels(kind, elements)
    if refusal:
        raise ConfigError(refusal, value=elements, allowed=("an even number of channels",))


def without_firing(current: Values, a: float, alpha: float, beta: float, keep: float) -> Values:
    """Potentials m (n,) in float64 behind the last of the currents (T, n) if no pair ever fired.

    The step is m = v + a (x - v), w = keep * m + alpha * v of the other half, y = beta * x of the other half.
    """
    halves = current.astype(np.float64).reshape(len(current), -1, 2)
    v1, v2 = np.zeros((2, halves.shape[1]))
    m = np.zeros(halves.shape[1:])
    for x1, x2 in zip(halves[..., 0], halves[..., 1], strict=True):
        m[:, 0] = v1 + a * (x1 - v1)
        w1 = keep * m[:, 0] + alpha * v2
        m[:, 1] = w1 + a * (beta * x2 - w1)
        v1, v2 = w1, keep * m[:, 1] + alpha * v1
    return m.reshape(-1)
