"""LIF kernels against one scalar at a time; surrogate derivatives against their smooth primitives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from simsnn.kernels.neuron import lif_forward_smooth, surrogate_derivative
from simsnn.neurons.lif import RESET_CODES, LifNeuron
from simsnn.neurons.surrogate import SURROGATES
from simsnn.training.membrane import Membrane
from tests.membranes import backward
from tests.naive import neuron as naive

RESETS = tuple(RESET_CODES)
PARAMETERS = (0.6, 1.7)


def _surrogate(model, parameter: float):
    (name,) = [field for field in model.model_fields if field != "kind"]
    return model(**{name: parameter})


def _neurons(leak: float = 0.5, threshold: float = 0.8) -> list[LifNeuron]:
    switches = itertools.product(SURROGATES, PARAMETERS, RESETS, (False, True))
    return [
        LifNeuron(leak=leak, threshold=threshold, reset=reset, detach_reset=detach, surrogate=_surrogate(model, value))
        for model, value, reset, detach in switches
    ]


def _currents(shape: tuple[int, int], dtype: type, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 0.8, shape).astype(dtype)


def _maps(rows: np.ndarray) -> np.ndarray:
    """(T, n) as maps (T, B=n, H=1, W=1, C=1)."""
    return rows.reshape(*rows.shape, 1, 1, 1)


def _ids(neuron: LifNeuron) -> str:
    detached = "detached" if neuron.detach_reset else "attached"
    return f"{neuron.surrogate.kind}-{neuron.surrogate.parameter}-{neuron.reset}-{detached}"


@pytest.mark.parametrize("neuron", _neurons(), ids=_ids)
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 7), (4, 530)], ids=str)
def test_double_precision_equals_the_scalar_twin(neuron: LifNeuron, shape: tuple[int, int]) -> None:
    current = _currents(shape, np.float64)
    ds = np.random.default_rng(1).normal(size=shape)
    spikes, v = Membrane(neuron, shape[0]).forward(_maps(current))
    dv = backward(Membrane(neuron, shape[0]), _maps(ds), v, spikes)
    naive_spikes, naive_v = naive.forward(current, neuron)
    np.testing.assert_array_equal(spikes.reshape(shape), naive_spikes)
    np.testing.assert_array_equal(v.reshape(shape), naive_v)
    expected = naive.backward(ds, naive_v, naive_spikes, neuron)
    np.testing.assert_allclose(dv.reshape(shape), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("neuron", _neurons()[::7], ids=_ids)
def test_single_precision_stays_single_and_close(neuron: LifNeuron) -> None:
    current, ds = _currents((6, 1100), np.float32), _currents((6, 1100), np.float32, 1)
    spikes, v = Membrane(neuron, 6).forward(_maps(current))
    dv = backward(Membrane(neuron, 6), _maps(ds), v, spikes)
    assert spikes.dtype == v.dtype == dv.dtype == np.float32
    # teacher-forced on the kernel's own spikes and potentials: rounding cannot flip a spike
    wide = [a.reshape(6, -1).astype(np.float64) for a in (ds, v, spikes)]
    expected = naive.backward(*wide, neuron)
    np.testing.assert_allclose(dv.reshape(6, -1), expected, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("reset", RESETS)
def test_leak_and_threshold_edges(leak: float, reset: str) -> None:
    """A potential exactly at the threshold fires; leak 0 forgets, leak 1 integrates."""
    neuron = LifNeuron(leak=leak, threshold=1.0, reset=reset, detach_reset=True)
    current = np.tile([1.0, 0.5, 0.25, 1.5, -1.0], (4, 1))
    spikes, v = Membrane(neuron, 4).forward(_maps(current))
    assert spikes[0].ravel().tolist() == [1, 0, 0, 1, 0]
    expected_spikes, expected_v = naive.forward(current, neuron)
    np.testing.assert_array_equal(spikes.reshape(4, -1), expected_spikes)
    np.testing.assert_array_equal(v.reshape(4, -1), expected_v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_current_row_stands_for_every_step(dtype: type) -> None:
    neuron = LifNeuron(leak=0.5, threshold=1.0, reset="soft", detach_reset=True)
    current = _currents((1, 600), dtype)
    once = Membrane(neuron, 5).forward(_maps(current))
    repeated = Membrane(neuron, 5).forward(_maps(np.repeat(current, 5, axis=0)))
    for a, b in zip(once, repeated, strict=True):
        np.testing.assert_array_equal(a, b)


def test_backward_may_write_over_its_input() -> None:
    from simsnn.kernels.neuron import HARD, TRIANGLE, lif_backward

    v, ds = _currents((4, 700), np.float64), _currents((4, 700), np.float64, 1)
    spikes = (v >= 1).astype(np.float64)
    apart, together = np.empty_like(ds), ds.copy()
    lif_backward(ds, v, spikes, 0.5, 1.0, HARD, False, TRIANGLE, 1.0, np.zeros((1, 700)), apart)
    lif_backward(together, v, spikes, 0.5, 1.0, HARD, False, TRIANGLE, 1.0, np.zeros((1, 700)), together)
    np.testing.assert_array_equal(apart, together)


@pytest.mark.parametrize("model", SURROGATES, ids=lambda model: model.model_fields["kind"].default)
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_derivative_is_that_of_the_smooth_primitive(model, parameter: float) -> None:
    code, threshold, step = model.code, 0.8, 1e-6
    v = np.linspace(-2.0, 3.5, 1501)[None]
    v = v[:, np.abs(np.abs(v[0] - threshold) - parameter / 2) > 1e-4]  # a rectangle's edges have no derivative

    def smooth(at: np.ndarray) -> np.ndarray:
        out, potential = np.empty_like(at), np.empty_like(at)
        lif_forward_smooth(at, 0.5, threshold, 0, code, parameter, at[:0], out, potential)
        return out

    h = np.empty_like(v)
    surrogate_derivative(v, threshold, code, parameter, h)
    np.testing.assert_allclose(h, (smooth(v + step) - smooth(v - step)) / (2 * step), atol=2e-6)
    assert smooth(np.array([[threshold]]))[0, 0] == 0.5


@pytest.mark.parametrize("model", SURROGATES, ids=lambda model: model.model_fields["kind"].default)
def test_compact_support_is_as_declared(model) -> None:
    neuron = LifNeuron(leak=0.5, threshold=0.8, reset="hard", detach_reset=True, surrogate=_surrogate(model, 0.6))
    h = Membrane(neuron, 1).derivative(_maps(np.array([[0.8 - 3.0, 0.8, 0.8 + 3.0]]))).ravel()
    assert h[1] == h.max() > 0
    assert (h[0] == 0 and h[2] == 0) == model.compact
