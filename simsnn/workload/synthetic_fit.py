"""Statistics of recorded activity, and their transfer to a larger network, as synthetic configuration.

With x a binary tensor, p its share of ones, and the sums over all pairs of neighbours at one
distance along an axis,

    correlation = mean((x - p) * (x' - p)) / (p * (1 - p)),

clipped to 0..0.999 because the generator has no negative correlations. Spatially the pairs are
neighbours in y and in x together; between channels they are all pairs of channels of one pixel.
A tensor that is constant, or has no neighbours, has correlation 0. Rates of channels and steps
are averaged: differing rates show as correlation.

``transfer`` gives each layer of a larger network the statistics of the layer at the same relative
depth, the readout those of the readout: an assumption, so the result is as synthetic as any.

Proof: ``tests/unit/test_synthetic_fit.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsnn.workload.activity import Activity, ChainPoint, LayerActivity, SpikeTensor
from simsnn.workload.synthetic_config import FieldStatistics, LayerStatistics, SyntheticConfig

_HIGHEST = 0.999
_DIGITS = 6
"""Decimals kept, so that a configuration file reads well; rates are far less sure."""


def fit_synthetic(activity: Activity) -> SyntheticConfig:
    """Statistics of every layer of an activity.

    Parameters
    ----------
    activity : Activity
        Recorded, usually from a network trained at reduced scale.

    Returns
    -------
    SyntheticConfig
        ``layers`` holds every layer; the plain statistics are the means over the layers that
        fire, weighted by elements. A readout has rate and mask density 0: nothing is made of them.

    Raises
    ------
    ValueError
        If no layer fires or one has no gradient mask: nothing to fit.
    """
    layers = {entry.layer: _layer(entry) for entry in activity.layers}
    firing = [entry for entry in activity.layers if entry.outputs is not None]
    if not firing:
        raise ValueError("no layer of the activity fires: nothing to fit")
    weights = [entry.outputs.elements for entry in firing if entry.outputs is not None]

    def mean(name: str) -> float:
        values = [getattr(layers[entry.layer], name) for entry in firing]
        return round(float(np.average(values, weights=weights)), _DIGITS)

    first = activity.layers[0].inputs
    return SyntheticConfig(
        rate=mean("rate"),
        temporal_correlation=mean("temporal_correlation"),
        spatial_correlation=mean("spatial_correlation"),
        channel_correlation=mean("channel_correlation"),
        mask_density=mean("mask_density"),
        gradient_density=mean("gradient_density"),
        layers=layers,
        input=field_statistics(first) if isinstance(first, SpikeTensor) else None,
    )


def field_statistics(tensor: SpikeTensor) -> FieldStatistics:
    """Rate and correlations of one binary tensor."""
    rate = tensor.rate
    dense = tensor.to_dense().astype(np.float32)
    if dense.ndim == 3:
        dense = dense[..., np.newaxis, np.newaxis]
    centred, variance = dense - np.float32(rate), rate * (1 - rate)
    rows = _pairs(centred, 3)
    columns = _pairs(centred, 4)
    return FieldStatistics(
        rate=round(rate, _DIGITS),
        temporal_correlation=_correlation(_pairs(centred, 0), variance),
        spatial_correlation=_correlation((rows[0] + columns[0], rows[1] + columns[1]), variance),
        channel_correlation=_correlation(_channel_pairs(centred), variance),
    )


def _pairs(centred: NDArray[np.float32], axis: int) -> tuple[float, int]:
    """Sum of products of neighbours along an axis, and their number."""
    along = np.moveaxis(centred, axis, 0)
    here, there = along[:-1], along[1:]
    return float((here * there).sum(dtype=np.float64)), here.size


def _channel_pairs(centred: NDArray[np.float32]) -> tuple[float, int]:
    """Sum of products of different channels of one pixel, and the number of ordered pairs.

    Flat layers have no pixels: their neurons are channels of one.
    """
    channels = centred.shape[2]
    sums = centred.sum(axis=2, dtype=np.float64)
    total = float((sums**2).sum() - np.square(centred, dtype=np.float64).sum())
    return total, sums.size * channels * (channels - 1)


def _correlation(pairs: tuple[float, int], variance: float) -> float:
    total, count = pairs
    if not count or variance <= 0:
        return 0.0
    return round(min(max(total / count / variance, 0.0), _HIGHEST), _DIGITS)


def _layer(entry: LayerActivity) -> LayerStatistics:
    gradient = entry.synapse_gradient
    if gradient is None:
        raise ValueError(f"layer {entry.layer!r} has no gradient mask: nothing to fit")
    densities = {mask.point: round(mask.density, _DIGITS) for mask in entry.gradients}
    silent = FieldStatistics(rate=0.0, temporal_correlation=0.0, spatial_correlation=0.0)
    spikes = silent if entry.outputs is None else field_statistics(entry.outputs)
    mask = silent if entry.surrogate is None else field_statistics(entry.surrogate)
    return LayerStatistics(
        rate=spikes.rate,
        temporal_correlation=spikes.temporal_correlation,
        spatial_correlation=spikes.spatial_correlation,
        channel_correlation=spikes.channel_correlation,
        mask_density=mask.rate,
        gradient_density=round(gradient.rate, _DIGITS),
        mask_temporal_correlation=mask.temporal_correlation,
        mask_spatial_correlation=mask.spatial_correlation,
        mask_channel_correlation=mask.channel_correlation,
        pool_density=densities.get(ChainPoint.POOL),
        surrogate_density=densities.get(ChainPoint.SURROGATE),
        time_carry_density=densities.get(ChainPoint.TIME_CARRY),
        normalisation_density=densities.get(ChainPoint.NORMALISATION),
    )


def transfer(fitted: SyntheticConfig, layers: tuple[str, ...]) -> SyntheticConfig:
    """Statistics for the layers of another network, by relative depth.

    Parameters
    ----------
    fitted : SyntheticConfig
        Result of :func:`fit_synthetic`; its layers are in network order, the readout last.
    layers : tuple of str
        Layers with weights of the other network, in order, the readout last.

    Raises
    ------
    ValueError
        If either network has fewer than two layers.
    """
    sources = same_depth(tuple(fitted.layers), layers)
    statistics = {name: fitted.layers[source] for name, source in zip(layers, sources, strict=True)}
    return fitted.model_copy(update={"layers": statistics})


def same_depth(small: tuple[str, ...], large: tuple[str, ...]) -> tuple[str, ...]:
    """For each layer of the large network the one of the small at its relative depth; last for last."""
    if min(len(small), len(large)) < 2:
        raise ValueError(f"both networks need a readout and a layer before it, got {small} and {large}")
    hidden, steps = len(small) - 2, max(1, len(large) - 2)
    nearest = [small[(2 * i * hidden + steps) // (2 * steps)] for i in range(len(large) - 1)]
    return (*nearest, small[-1])
