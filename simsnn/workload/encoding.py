"""Input encodings: how an image becomes the first layer's input over T time steps.

With intensity x in [0, 1] (clipped for the two spiking codes) and t = 0 .. T - 1:

- ``direct``: the analog value is repeated, ``s[t] = x``. The first layer then multiplies.
- ``poisson``: ``s[t] = 1`` with probability x, independently in every step (a Bernoulli process,
  the discrete form of rate coding).
- ``latency``: one spike at ``t = min(T - 1, floor((1 - x) * T))``, earlier for larger intensity;
  x = 0 never fires.
- ``events``: the samples already are spikes in every step and are taken as they are.
- ``sequence``: the samples are real values of every step, ``s[t] = x[t]``, taken as they are. The
  first layer then multiplies.

Costs on the vector unit. ``direct``: none. ``poisson``: each step reads one random word from a
generator port (counted as a lookup) and compares it. ``latency``: the firing time once per
element (1 - x, times T), one comparison per step. ``events`` and ``sequence``: none;
each step's own frame is fetched.

Proof: ``tests/unit/test_encoding.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsnn.costs import OperationCounts


class Delivery(StrEnum):
    """What the samples of a data set are."""

    IMAGES = "images"
    EVENTS = "events of every time step"
    SEQUENCES = "real values of every time step"


class Encoding(StrEnum):
    """Encodings of the experiment key ``workload.encoding``."""

    DIRECT = "direct"
    POISSON = "poisson"
    LATENCY = "latency"
    EVENTS = "events"
    SEQUENCE = "sequence"

    @property
    def takes(self) -> Delivery:
        """Samples that this encoding reads."""
        own = {Encoding.EVENTS: Delivery.EVENTS, Encoding.SEQUENCE: Delivery.SEQUENCES}
        return own.get(self, Delivery.IMAGES)

    @property
    def binary(self) -> bool:
        """True when the first layer's input is spikes."""
        return self not in (Encoding.DIRECT, Encoding.SEQUENCE)

    @property
    def computed(self) -> bool:
        """True when the machine makes the spikes of every step out of one frame."""
        return self in (Encoding.POISSON, Encoding.LATENCY)

    def operand_bits(self, input_bits: int) -> int:
        """Stored bits of one element of the encoded input."""
        return 1 if self.binary else input_bits

    @property
    def cost(self) -> EncodingCost:
        """Arithmetic of the encoding."""
        return _COSTS[self]


@dataclass(frozen=True, slots=True)
class EncodingCost:
    """Arithmetic of an encoding, per element: once, and in every time step."""

    once: OperationCounts
    per_step: OperationCounts


_COSTS = {
    Encoding.DIRECT: EncodingCost(OperationCounts(), OperationCounts()),
    Encoding.POISSON: EncodingCost(OperationCounts(), OperationCounts(lookup=1, compare=1)),
    Encoding.LATENCY: EncodingCost(OperationCounts(add=1, multiply=1), OperationCounts(compare=1)),
    Encoding.EVENTS: EncodingCost(OperationCounts(), OperationCounts()),
    Encoding.SEQUENCE: EncodingCost(OperationCounts(), OperationCounts()),
}


def encode(
    images: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding,
    timesteps: int,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Encode a batch over time.

    Parameters
    ----------
    images : NDArray[float32], shape (B, C, H, W) or (B, N)
        Intensities; 0..1 is the useful range of the spiking codes. For ``events`` zeros and ones,
        (B, T, C, H, W) or (B, T, N); for ``sequence`` any finite values of that shape.
    encoding : Encoding
        Which code.
    timesteps : int
        T.
    generator : numpy.random.Generator
        Source of randomness; only ``poisson`` draws from it.

    Returns
    -------
    NDArray[float32], shape (T, B, C, H, W) or (T, B, N)
        Exact zeros and ones for the spiking codes.

    Raises
    ------
    ValueError
        If an intensity is NaN or infinite, T is below 1, events are not binary, or events or a
        sequence are not of T steps.
    """
    if timesteps < 1:
        raise ValueError(f"timesteps must be at least 1, got {timesteps}")
    if not np.isfinite(images).all():
        raise ValueError("an intensity is NaN or infinite")
    if encoding.takes is not Delivery.IMAGES:
        return _taken_as_they_are(images, encoding, timesteps)
    shape = (timesteps, *images.shape)
    if encoding is Encoding.DIRECT:
        return np.broadcast_to(images, shape).astype(np.float32)
    intensity: NDArray[np.float32] = np.clip(images, 0.0, 1.0).astype(np.float32, copy=False)
    if encoding is Encoding.POISSON:
        return (generator.random(shape, np.float32) < intensity).astype(np.float32)
    steps = np.arange(timesteps).reshape(-1, *[1] * images.ndim)
    fires: NDArray[np.bool_] = (steps == firing_time(intensity, timesteps)) & (intensity > 0)
    return fires.astype(np.float32)


def _taken_as_they_are(samples: NDArray[Any], encoding: Encoding, timesteps: int) -> NDArray[np.float32]:
    """Samples (B, T, ...) that have every step, as (T, B, ...)."""
    if samples.shape[1] != timesteps:
        raise ValueError(f"the samples of {encoding.value} have {samples.shape[1]} steps, not {timesteps}")
    if encoding.binary and not np.isin(samples, (0, 1)).all():
        raise ValueError("an event is neither 0 nor 1")
    return np.ascontiguousarray(np.moveaxis(samples, 1, 0), np.float32)


def firing_time(intensity: NDArray[np.float32], timesteps: int) -> NDArray[np.int64]:
    """Step of the single spike of ``latency`` for intensities in [0, 1], same shape."""
    steps: NDArray[np.int64] = np.floor((1.0 - intensity) * timesteps).astype(np.int64)
    return np.minimum(timesteps - 1, steps)
