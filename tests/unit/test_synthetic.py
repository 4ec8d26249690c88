"""Synthetic activity has the rate and the correlations that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from simsnn.workload.activity import DenseInput, SpikeTensor
from simsnn.workload.synthetic import (
    LayerShape,
    SyntheticConfig,
    gaussian_field,
    latent_correlation,
    spike_correlation,
    synthetic_activity,
    threshold_field,
)

SHAPES = (
    LayerShape("conv1", (1, 8, 8), (4, 8, 8), binary_input=False),
    LayerShape("conv2", (4, 8, 8), (6, 8, 8)),
    LayerShape("conv3", (6, 4, 4), (5, 4, 4)),
    LayerShape("fc", (80, 1, 1), (10, 1, 1), neuron=False),
)


def _config(**changes: float) -> SyntheticConfig:
    values = {
        "rate": 0.15,
        "temporal_correlation": 0.4,
        "spatial_correlation": 0.3,
        "mask_density": 0.5,
        "gradient_density": 0.2,
    }
    return SyntheticConfig(**{**values, **changes})


def _lagged(spikes: np.ndarray, axis: int, rate: float) -> tuple[float, float]:
    """Lag-1 correlation along an axis and its standard error over independent (b, c) replicates."""
    size = spikes.shape[axis]
    here, there = (np.take(spikes, range(*ends), axis) - rate for ends in ((0, size - 1), (1, size)))
    products = (here * there).mean(axis=(0, 3, 4)).reshape(-1) / (rate * (1 - rate))
    return products.mean(), products.std() / np.sqrt(products.size)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
@pytest.mark.parametrize(("temporal", "spatial"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (0.6, 0.2)])
def test_rate_is_exact_and_correlations_are_met(rate: float, temporal: float, spatial: float) -> None:
    latent = [latent_correlation(value, rate) for value in (temporal, spatial)]
    field = gaussian_field((6, 80, 80, 6, 6), *latent, np.random.default_rng(1))
    spikes = threshold_field(field, rate)
    assert spikes.nonzeros == round(rate * spikes.elements)
    dense = spikes.to_dense().astype(np.float64)
    for axis, asked in ((0, temporal), (3, spatial), (4, spatial)):
        measured, error = _lagged(dense, axis, rate)
        assert error < 0.01
        assert abs(measured - asked) < 4 * error


def test_samples_and_channels_are_independent() -> None:
    latent = latent_correlation(0.6, 0.3)
    spikes = threshold_field(gaussian_field((20, 30, 30, 4, 4), latent, latent, np.random.default_rng(2)), 0.3)
    dense = spikes.to_dense().astype(np.float64)
    for axis in (1, 2):
        rows = np.moveaxis(dense, axis, 0).reshape(30, -1)
        pairs = [np.corrcoef(rows[i], rows[i + 1])[0, 1] for i in range(29)]
        assert abs(np.mean(pairs)) < 4 * np.std(pairs) / np.sqrt(29)


@pytest.mark.parametrize("latent", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_correlation_map_has_its_closed_form_at_one_half(latent: float) -> None:
    assert spike_correlation(latent, 0.5) == pytest.approx(2 / np.pi * np.arcsin(latent), rel=1e-12)


@pytest.mark.parametrize("rate", [0.001, 0.03, 0.4, 0.9])
def test_correlation_map_is_inverted(rate: float) -> None:
    asked = (0.01, 0.2, 0.7, 0.95)
    found = [latent_correlation(value, rate) for value in asked]
    assert found == sorted(found)
    for value, latent in zip(asked, found, strict=True):
        assert spike_correlation(latent, rate) == pytest.approx(value, abs=1e-9)


def test_correlation_map_against_sampled_pairs() -> None:
    rng, pairs = np.random.default_rng(0), 10**6
    latent, rate = 0.7, 0.1
    first, noise = rng.standard_normal((2, pairs))
    second = latent * first + np.sqrt(1 - latent**2) * noise
    threshold = np.quantile(first, 1 - rate)
    both = ((first > threshold) & (second > threshold)).mean()
    error = np.sqrt(both * (1 - both) / pairs) / (rate * (1 - rate))
    assert abs((both - rate**2) / (rate * (1 - rate)) - spike_correlation(latent, rate)) < 5 * error


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_extreme_rates(rate: float) -> None:
    activity = synthetic_activity(SHAPES, _config(rate=rate), 2, 3, 0)
    assert activity.layer("conv2").outputs.rate == rate


def test_network_activity_is_consistent() -> None:
    activity = synthetic_activity(SHAPES, _config(), 3, 4, seed=5)
    assert activity.synthetic
    conv1, conv2, conv3, readout = activity.layers
    assert conv1.inputs == DenseInput((3, 4, 1, 8, 8), 8)
    assert conv2.inputs.equals(conv1.outputs)
    assert conv2.input_needed.equals(conv1.surrogate)
    assert conv3.inputs.shape == (3, 4, 6, 4, 4)
    assert conv3.input_needed.rate == pytest.approx(0.5, abs=1e-3)
    assert readout.inputs.shape == (3, 4, 80, 1, 1)
    np.testing.assert_array_equal(readout.inputs.packed, conv3.outputs.packed)
    assert readout.outputs is None
    assert readout.surrogate is None
    assert readout.synapse_gradient.shape == (3, 4, 10, 1, 1)


@pytest.mark.parametrize(("mask", "gradient"), [(0.5, 0.2), (0.2, 0.5)])
def test_sparser_of_mask_and_gradient_is_a_subset(mask: float, gradient: float) -> None:
    activity = synthetic_activity(SHAPES, _config(mask_density=mask, gradient_density=gradient), 2, 3, 0)
    layer = activity.layer("conv2")
    common = SpikeTensor(layer.surrogate.packed & layer.synapse_gradient.packed, layer.surrogate.shape)
    sparser = layer.surrogate if mask < gradient else layer.synapse_gradient
    assert common.equals(sparser)


def test_seed_decides_and_layers_do_not_share_streams() -> None:
    first, again, other = (synthetic_activity(SHAPES, _config(), 2, 3, seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    longer = synthetic_activity((*SHAPES, LayerShape("extra", (10, 1, 1), (3, 1, 1))), _config(), 2, 3, 1)
    assert longer.layer("conv3").outputs.equals(first.layer("conv3").outputs)
    assert not first.layers[0].outputs.equals(first.layers[0].surrogate)


@pytest.mark.parametrize(
    "changes",
    [{"rate": 1.1}, {"rate": -0.1}, {"temporal_correlation": 1.0}, {"spatial_correlation": -0.1}, {"tau": 1.0}],
)
def test_config_is_strict(changes: dict) -> None:
    with pytest.raises(ValidationError):
        _config(**changes)
