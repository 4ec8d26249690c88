"""Synthetic activity: spikes and masks of chosen rate and correlation, always labelled as such.

Model: a stationary Gaussian field z over (t, y, x), independent between samples and channels,
with separable first-order autoregression along each axis, latent correlation
``a^|dt| * b^(|dy| + |dx|)``. A spike is z above a threshold; the threshold is the field's own
quantile, so the number of ones is exactly ``round(rate * elements)``.

The correlations that a user asks for are those of the *spikes* at lag 1. For rate p, threshold h
and latent correlation r (Sheppard 1899; Drezner and Wesolowsky 1990),

``P(both spike) = p^2 + 1/(2 pi) * integral from 0 to arcsin r of exp(-h^2 / (1 + sin u)) du``,
``corr = (P(both spike) - p^2) / (p * (1 - p))``,

which is inverted for r by bisection. At p = 1/2 it is ``corr = 2/pi * arcsin r``.

Masks and gradients of a layer threshold one field at their own densities, so the sparser is a
subset of the denser. Assumptions: one rate for all channels and steps, nothing shared between
layers except that a layer whose input has as many elements as the output before it reads those
very spikes. Proof of rate and correlation: ``tests/unit/test_synthetic.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simsnn.config.quantities import StrictModel
from simsnn.workload.activity import (
    Activity,
    ActivityKind,
    ChainMask,
    ChainPoint,
    DenseInput,
    LayerActivity,
    SpikeTensor,
)

Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=0, lt=1)]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_HIGHEST_LATENT = 1 - 1e-12


class SyntheticConfig(StrictModel):
    """Chosen statistics of synthetic activity; nothing here was trained.

    ``rate``: ones per element of spikes. ``temporal_correlation``, ``spatial_correlation``:
    correlation of neighbouring steps and of neighbouring pixels of a map. ``mask_density``:
    surrogate derivatives that are not zero. ``gradient_density``: gradients that B and W read and
    that are not zero.
    """

    kind: Literal["synthetic"] = "synthetic"
    rate: Share
    temporal_correlation: Correlation
    spatial_correlation: Correlation
    mask_density: Share
    gradient_density: Share


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What the generator must know of a weight layer.

    Parameters
    ----------
    layer : str
        Its name.
    input_shape, output_shape : tuple of int
        (C, H, W); flat layers (N, 1, 1).
    binary_input : bool
        False for an analog input, which is described and not generated.
    input_bits : int
        Bits of one analog input element.
    neuron : bool
        False for a readout without spikes.
    """

    layer: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    binary_input: bool = True
    input_bits: int = 8
    neuron: bool = True


def spike_correlation(latent: float, rate: float) -> float:
    """Correlation of two spikes whose Gaussian variables correlate by ``latent`` (0 <= latent <= 1)."""
    threshold = NormalDist().inv_cdf(1 - rate)
    half = np.arcsin(latent) / 2
    angles = half * (_NODES + 1)
    both = half * float(_WEIGHTS @ np.exp(-(threshold**2) / (1 + np.sin(angles)))) / (2 * np.pi)
    return float(both / (rate * (1 - rate)))


@lru_cache(maxsize=256)
def latent_correlation(correlation: float, rate: float) -> float:
    """Inverse of :func:`spike_correlation`; 0 where the spikes are constant."""
    if correlation == 0 or not 0 < rate < 1:
        return 0.0
    low, high = 0.0, _HIGHEST_LATENT
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if spike_correlation(middle, rate) < correlation else (low, middle)
    return (low + high) / 2


def _correlate(field: NDArray[np.float32], axis: int, latent: float) -> None:
    """First-order autoregression of unit variance along one axis, in place."""
    along = np.moveaxis(field, axis, 0)
    fresh = np.float32(np.sqrt(1 - latent**2))
    for i in range(1, len(along)):
        along[i] *= fresh
        along[i] += np.float32(latent) * along[i - 1]


def gaussian_field(
    shape: tuple[int, ...], temporal: float, spatial: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Stationary Gaussian field of the module head, shape (T, B, C, H, W), float32."""
    field = generator.standard_normal(shape, np.float32)
    for axis, latent in ((0, temporal), (3, spatial), (4, spatial)):
        if latent:
            _correlate(field, axis, latent)
    return field


def threshold_field(field: NDArray[np.float32], rate: float) -> SpikeTensor:
    """The ``round(rate * elements)`` largest values as ones."""
    ones = round(rate * field.size)
    dense = np.zeros(field.size, np.uint8)
    if ones:
        dense[np.argpartition(field.reshape(-1), field.size - ones)[field.size - ones :]] = 1
    return SpikeTensor.from_dense(dense.reshape(field.shape))


@dataclass(frozen=True, slots=True)
class _Generator:
    """Fields of one layer; every tensor has a random stream of its own."""

    config: SyntheticConfig
    timesteps: int
    batch: int
    seed: int

    def field(self, shape: tuple[int, int, int], rate: float, index: int, role: int) -> NDArray[np.float32]:
        temporal = latent_correlation(self.config.temporal_correlation, rate)
        spatial = latent_correlation(self.config.spatial_correlation, rate)
        generator = np.random.default_rng([self.seed, index, role])
        return gaussian_field((self.timesteps, self.batch, *shape), temporal, spatial, generator)

    def spikes(self, shape: tuple[int, int, int], rate: float, index: int, role: int) -> SpikeTensor:
        return threshold_field(self.field(shape, rate, index, role), rate)


def synthetic_activity(
    shapes: tuple[LayerShape, ...], config: SyntheticConfig, timesteps: int, batch: int, seed: int
) -> Activity:
    """Synthetic activity of a network.

    Parameters
    ----------
    shapes : tuple of LayerShape
        Weight layers in network order.
    config : SyntheticConfig
        Statistics.
    timesteps, batch, seed : int
        T, B and the seed; equal arguments give equal activity.

    Returns
    -------
    Activity
        Of kind ``synthetic``; gradient masks stand at the synapse. The correlation of a mask is
        that of the configuration at ``mask_density``; the gradient mask nests with it.
    """
    make = _Generator(config, timesteps, batch, seed)
    layers: list[LayerActivity] = []
    for index, shape in enumerate(shapes):
        producer = layers[-1] if layers else None
        inputs, needed = _inputs(make, shape, index, producer)
        field = make.field(shape.output_shape, config.mask_density, index, 2)
        layers.append(
            LayerActivity(
                layer=shape.layer,
                inputs=inputs,
                outputs=make.spikes(shape.output_shape, config.rate, index, 1) if shape.neuron else None,
                surrogate=threshold_field(field, config.mask_density) if shape.neuron else None,
                gradients=(ChainMask(ChainPoint.SYNAPSE, threshold_field(field, config.gradient_density)),),
                input_needed=needed,
            )
        )
    return Activity(timesteps, batch, tuple(layers), ActivityKind.SYNTHETIC)


def _inputs(
    make: _Generator, shape: LayerShape, index: int, producer: LayerActivity | None
) -> tuple[SpikeTensor | DenseInput, SpikeTensor | None]:
    """Inputs of a layer and which of them need a gradient (None: all, or nobody asks)."""
    full = (make.timesteps, make.batch, *shape.input_shape)
    if not shape.binary_input:
        return DenseInput(full, shape.input_bits), None
    elements = int(np.prod(shape.input_shape))
    if producer is not None and producer.outputs is not None and producer.outputs.slot_elements == elements:
        assert producer.surrogate is not None  # a neuron has both
        return SpikeTensor(producer.outputs.packed, full), SpikeTensor(producer.surrogate.packed, full)
    spikes = make.spikes(shape.input_shape, make.config.rate, index, 0)
    if producer is None:
        return spikes, None
    return spikes, make.spikes(shape.input_shape, make.config.mask_density, index, 3)
