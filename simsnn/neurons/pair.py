"""What pair nodes share: which layers they fit, and their potentials while nothing fires.

Elements 2i and 2i+1 of a row are the halves of pair i. Rows run over channels fastest, so a layer with an even number
of channels has no pair across two positions; any other fixed pairing is the same node behind a permutation of channels.
"""

from __future__ import annotations

import numpy as np

from simsnn.errors import ConfigError, Where
from simsnn.neurons.base import Values


def check_channels(kind: str, channels: int, where: Where) -> None:
    """Refuse a layer of pair nodes that has an odd number of channels."""
    if channels % 2:
        raise ConfigError(
            f"{kind} joins neighbouring channels 2i and 2i + 1 in pairs, and {channels} channels are an odd number",
            where=where,
            value=channels,
            allowed=("an even number of channels",),
            remedy=f"take {channels + 1} channels, or a neuron without pairs such as lif or lif_integer",
        )


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
