"""Rounding to stored widths: grids, largest values, and its way into a recorded run."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.neurons.lif import LifNeuron
from simsnn.training.membrane import Membrane
from simsnn.training.quantise import fixed_point, symmetric, unit_interval
from tests.experiments import LIF


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_symmetric_keeps_the_largest_and_uses_the_grid(bits: int) -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float64)
    rounded = symmetric(values, bits)
    step = np.abs(values).max() / (2 ** (bits - 1) - 1)
    assert np.abs(rounded).max() == pytest.approx(np.abs(values).max(), rel=1e-12)
    assert np.allclose(rounded / step, np.rint(rounded / step), atol=1e-9)
    assert np.abs(rounded - values).max() <= step / 2 * (1 + 1e-9)
    assert len(np.unique(np.rint(rounded / step))) <= 2**bits - 1


def test_zeros_stay_zeros_and_zero_stays_exact() -> None:
    assert not symmetric(np.zeros(5), 8).any()
    assert symmetric(np.array([0.0, 1.0, -0.3]), 4)[0] == 0.0


def test_inputs_use_all_levels() -> None:
    rounded = unit_interval(np.linspace(-0.5, 1.5, 4001), 3)
    assert sorted(set(np.rint(rounded * 7))) == list(range(8))


def test_membrane_saturates_at_eight_thresholds() -> None:
    rounded = fixed_point(np.array([-100.0, 100.0, 0.1]), 8, 1.0)
    assert rounded[0] == -8.0
    assert rounded[1] == 8.0 - 16 / 256
    assert rounded[2] == pytest.approx(0.125)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_wide_membranes_fire_as_floats_do(reset: str) -> None:
    neuron = LifNeuron(leak=0.5, threshold=1.0, reset=reset, detach_reset=True)  # type: ignore[arg-type]
    # multiples of 1/8 are exact on both grids, so nothing is rounded
    current = np.random.default_rng(1).integers(-8, 16, (6, 2, 1, 1, 50)).astype(np.float64) / 8
    floats = Membrane(neuron, 6).forward(current)
    rounded = Membrane(neuron, 6).forward_rounded(current, 32)
    assert np.array_equal(floats[0], rounded[0])
    assert np.allclose(floats[1], rounded[1], atol=1e-8)


def test_the_experiment_decides() -> None:
    from simsnn.activities import _rounding
    from tests.experiments import layers, synthetic

    network = layers("{name: f, kind: flatten}", "{name: a, kind: linear, features: 3}")
    assert LIF in network
    assert _rounding(synthetic(network)) is None
    rounding = _rounding(synthetic(network, "precision.quantise=true", "precision.weight=4 bit"))
    assert rounding is not None
    assert (rounding.weight_bits, rounding.membrane_bits) == (4, 16)
