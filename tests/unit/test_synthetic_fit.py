"""Fitted statistics: measured as defined, found again in what is made from them, moved by depth."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.workload.activity import SpikeTensor
from simsnn.workload.synthetic import LayerShape, LayerStatistics, SyntheticConfig, synthetic_activity
from simsnn.workload.synthetic_fit import field_statistics, fit_synthetic, same_depth, transfer

SHAPES = (
    LayerShape("conv1", (2, 16, 16), (12, 16, 16)),
    LayerShape("conv2", (12, 16, 16), (16, 16, 16)),
    LayerShape("fc", (4096, 1, 1), (10, 1, 1), neuron=False),
)
FIRST = LayerStatistics(
    rate=0.12,
    temporal_correlation=0.4,
    spatial_correlation=0.3,
    channel_correlation=0.1,
    mask_density=0.35,
    gradient_density=0.45,
    mask_temporal_correlation=0.5,
    mask_spatial_correlation=0.2,
    mask_channel_correlation=0.0,
    pool_density=0.9,
    surrogate_density=0.3,
    time_carry_density=0.45,
)
SECOND = LayerStatistics(
    rate=0.4, temporal_correlation=0.0, spatial_correlation=0.0, mask_density=0.2, gradient_density=0.3
)
CONFIG = SyntheticConfig(
    **{name: value for name, value in SECOND.model_dump().items() if value is not None},
    layers={"conv1": FIRST, "conv2": SECOND},
    input={"rate": 0.2, "temporal_correlation": 0.6, "spatial_correlation": 0.5, "channel_correlation": 0.4},
)


def _slow_correlation(dense: np.ndarray, axes: tuple[int, ...]) -> float:
    """Pairs one after the other."""
    rate, total, count = dense.mean(), 0.0, 0
    for axis in axes:
        for index in np.ndindex(dense.shape):
            other = list(index)
            other[axis] += 1
            if other[axis] < dense.shape[axis]:
                total += (dense[index] - rate) * (dense[tuple(other)] - rate)
                count += 1
    return total / count / (rate * (1 - rate))


def test_statistics_are_those_of_the_definition() -> None:
    dense = (np.random.default_rng(0).random((3, 2, 3, 4, 5)) < 0.4).astype(float)
    dense[1:] = np.maximum(dense[1:], dense[:-1])  # correlate something
    found = field_statistics(SpikeTensor.from_dense(dense))
    assert found.rate == pytest.approx(dense.mean(), abs=1e-6)
    assert found.temporal_correlation == pytest.approx(_slow_correlation(dense, (0,)), abs=1e-5)
    assert found.spatial_correlation == pytest.approx(max(0, _slow_correlation(dense, (3, 4))), abs=1e-5)
    rate = dense.mean()
    pairs = [(dense[:, :, a] - rate) * (dense[:, :, b] - rate) for a in range(3) for b in range(3) if a != b]
    expected = np.mean(pairs) / (rate * (1 - rate))
    assert found.channel_correlation == pytest.approx(max(0, expected), abs=1e-5)


@pytest.mark.parametrize("value", [0, 1])
def test_constant_tensors_have_no_correlation(value: int) -> None:
    found = field_statistics(SpikeTensor.from_dense(np.full((2, 2, 5), value)))
    assert (found.rate, found.temporal_correlation, found.channel_correlation) == (value, 0, 0)


def test_a_fit_finds_what_was_asked_for() -> None:
    fitted = fit_synthetic(synthetic_activity(SHAPES, CONFIG, 6, 24, 0))
    found = fitted.layers["conv1"].model_dump()
    for name, asked in FIRST.model_dump().items():
        if asked is not None:
            exact = name == "rate" or name.endswith("density")
            assert found[name] == pytest.approx(asked, abs=1e-5 if exact else 0.02), name
    assert fitted.layers["conv2"].pool_density is None
    assert fitted.input is not None
    for name, asked in CONFIG.input.model_dump().items():
        assert getattr(fitted.input, name) == pytest.approx(asked, abs=0.03), name
    readout = fitted.layers["fc"]
    assert (readout.rate, readout.mask_density) == (0, 0)
    assert readout.gradient_density == pytest.approx(0.3, abs=1e-3)


def test_the_plain_statistics_are_the_weighted_means_of_what_fires() -> None:
    fitted = fit_synthetic(synthetic_activity(SHAPES, CONFIG, 2, 4, 0))
    assert fitted.rate == pytest.approx((0.12 * 12 + 0.4 * 16) / 28, abs=1e-4)
    assert fitted.fitted


def test_a_fit_can_be_read_back_from_its_file_form() -> None:
    fitted = fit_synthetic(synthetic_activity(SHAPES, CONFIG, 2, 4, 0))
    assert SyntheticConfig.model_validate(fitted.model_dump(mode="json", exclude_none=True)) == fitted


def test_nothing_that_fires_cannot_be_fitted() -> None:
    silent = (LayerShape("fc", (20, 1, 1), (10, 1, 1), neuron=False),)
    with pytest.raises(ValueError, match="no layer of the activity fires"):
        fit_synthetic(synthetic_activity(silent, SECOND_ALONE, 2, 2, 0))


SECOND_ALONE = CONFIG.model_copy(update={"layers": {}})


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [
        ("abR", "vwxyR", "aabbR"),
        ("abcR", "xyzR", "abcR"),
        ("abcdR", "xyR", "adR"),
        ("aR", "xyzR", "aaaR"),
    ],
)
def test_relative_depth(small: str, large: str, expected: str) -> None:
    assert same_depth(tuple(small), tuple(large)) == tuple(expected)


def test_relative_depth_needs_a_hidden_layer() -> None:
    with pytest.raises(ValueError, match="need a readout and a layer before it"):
        same_depth(("a", "R"), ("R",))


def test_transfer_keeps_order_and_readout() -> None:
    fitted = fit_synthetic(synthetic_activity(SHAPES, CONFIG, 2, 4, 0))
    moved = transfer(fitted, ("a", "b", "c", "d", "out"))
    assert list(moved.layers) == ["a", "b", "c", "d", "out"]
    assert moved.layers["a"] == moved.layers["b"] == fitted.layers["conv1"]
    assert moved.layers["d"] == fitted.layers["conv2"]
    assert moved.layers["out"] == fitted.layers["fc"]
    assert moved.input == fitted.input
