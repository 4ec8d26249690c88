"""IIR neuron: against one scalar at a time, against LIF bit for bit, its backward sweep as a transpose."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from simsnn.neurons.iir import IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.surrogate import SURROGATES, RectangleSurrogate, Surrogate
from simsnn.training.backpropagation import gradients_of
from simsnn.training.membrane import Membrane
from simsnn.training.model import Model
from simsnn.training.parameters import initial_parameters
from simsnn.workload.network import Format, NetworkConfig, build_network
from tests.membranes import backward
from tests.naive import iir as naive

DUAL = (1.1, -0.28)  # decays 0.7 and 0.4
FILTERS = (
    ((0.5,), (1.0,)),
    ((0.5,), (0.3, 0.6)),
    (DUAL, (0.7,)),
    ((0.4, -0.5, 0.2), (1.0, -0.5)),
    ((-0.6,), (0.0, 0.0, 1.0, 0.25)),
    ((1.0,), (1.0,)),
)
RESETS = (("soft", "feedback"), ("soft", "threshold"), ("none", "feedback"))
SHAPES = ((1, 1), (2, 7), (6, 3), (7, 530))
SEEDS = range(4)


def _neurons() -> list[IirNeuron]:
    switches = itertools.product(FILTERS, RESETS, (False, True))
    return [
        IirNeuron(
            feedback=a,
            feedforward=b,
            threshold=0.8,
            reset=reset,  # type: ignore[arg-type]
            reset_coefficient=coefficient,  # type: ignore[arg-type]
            detach_reset=detach,
            surrogate=SURROGATES[index % len(SURROGATES)](),  # type: ignore[arg-type]
        )
        for index, ((a, b), (reset, coefficient), detach) in enumerate(switches)
    ]


def _ids(neuron: IirNeuron) -> str:
    order = f"{neuron.poles},{neuron.delays}"
    return f"({order})-{neuron.reset}-{neuron.reset_coefficient}-{neuron.detach_reset}-{neuron.surrogate.kind}"


def _draw(shape: tuple[int, int], dtype: type, seed: int) -> np.ndarray:
    """Random values, some of them zeros of either sign."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.3, 0.8, shape)
    values[rng.random(shape) < 0.1] = 0.0
    values[rng.random(shape) < 0.1] = -0.0
    return values.astype(dtype)


def _maps(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(*rows.shape, 1, 1, 1)


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equality that tells 0.0 from -0.0."""
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("neuron", _neurons(), ids=_ids)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_double_precision_equals_the_scalar_twin(neuron: IirNeuron, shape: tuple[int, int]) -> None:
    current, ds = _draw(shape, np.float64, 0), _draw(shape, np.float64, 1)
    membrane = Membrane(neuron, shape[0])
    spikes, u = membrane.forward(_maps(current))
    expected_spikes, expected_u = naive.forward(current, neuron)
    np.testing.assert_array_equal(spikes.reshape(shape), expected_spikes)
    np.testing.assert_array_equal(u.reshape(shape), expected_u)
    expected = naive.backward(ds, expected_u, neuron)
    dx = backward(membrane, _maps(ds), u, spikes)
    np.testing.assert_allclose(dx.reshape(shape), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("neuron", _neurons()[::5], ids=_ids)
def test_single_precision_stays_single_and_close(neuron: IirNeuron) -> None:
    current, ds = _draw((6, 1100), np.float32, 2), _draw((6, 1100), np.float32, 3)
    spikes, u = Membrane(neuron, 6).forward(_maps(current))
    dx = backward(Membrane(neuron, 6), _maps(ds), u, spikes)
    assert spikes.dtype == u.dtype == dx.dtype == np.float32
    # teacher-forced on the kernel's own potentials: rounding cannot flip a spike
    wide = [a.reshape(6, -1).astype(np.float64) for a in (ds, u)]
    np.testing.assert_allclose(dx.reshape(6, -1), naive.backward(*wide, neuron), rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("coefficient", ["feedback", "threshold"])
def test_a_potential_at_the_threshold_fires(coefficient: str) -> None:
    """Taps and currents are exact in binary; a spike takes 0.5 * 1 off the next potential, or 1."""
    switches = {"reset": "soft", "reset_coefficient": coefficient, "detach_reset": True}
    neuron = IirNeuron.model_validate({"feedback": [0.5], "threshold": 1.0, **switches})
    spikes, u = Membrane(neuron, 3).forward(_maps(np.array([[1.0, 0.5], [0.5, 0.75], [0.25, 0.0]])))
    assert spikes.reshape(3, 2).tolist() == [[1, 0], [0, 1], [0, 0]]
    after = {"feedback": [0.5, 1.0], "threshold": [0.0, 1.0]}[coefficient]
    assert u.reshape(3, 2)[:2].tolist() == [[1.0, 0.5], after]
    last = {"feedback": [0.5, 0.0], "threshold": [0.25, -0.5]}[coefficient]
    assert u.reshape(3, 2)[2].tolist() == last
    rounded = Membrane(neuron, 3).forward_rounded(_maps(np.array([[1.0, 0.5], [0.5, 0.75], [0.25, 0.0]])), 24)
    np.testing.assert_array_equal(rounded[0], spikes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("leak", [0.0, 0.25, 0.7, 1.0])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("surrogate", [model() for model in SURROGATES], ids=lambda s: s.kind)
def test_order_one_is_the_soft_reset_lif_bit_for_bit(
    dtype: type, leak: float, detach: bool, surrogate: Surrogate
) -> None:
    lif = LifNeuron(leak=leak, threshold=0.7, reset="soft", detach_reset=detach, surrogate=surrogate)
    iir = IirNeuron(feedback=(leak,), threshold=0.7, reset="soft", detach_reset=detach, surrogate=surrogate)
    for seed in SEEDS:
        current, ds = _maps(_draw((9, 700), dtype, seed)), _maps(_draw((9, 700), dtype, seed + 100))
        wanted, found = Membrane(lif, 9).forward(current), Membrane(iir, 9).forward(current)
        assert 0 < wanted[0].mean() < 1
        assert _same_bits(wanted[0], found[0])
        assert _same_bits(wanted[1], found[1])
        gradients = [backward(Membrane(n, 9), ds, *reversed(wanted)) for n in (lif, iir)]
        assert _same_bits(*gradients)
        rounded = [Membrane(n, 9).forward_rounded(current, 6) for n in (lif, iir)]
        assert all(_same_bits(a, b) for a, b in zip(*rounded, strict=True))
        unfired = [Membrane(n, 9).potential_without_firing(current) for n in (lif, iir)]
        np.testing.assert_array_equal(*unfired)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_of_order_one_neurons_has_the_gradients_of_lif_bit_for_bit(dtype: type) -> None:
    """Convolution, pooling, two neuron layers: outputs and the gradient of every weight."""
    common = {"threshold": 0.5, "reset": "soft", "detach_reset": False}
    vectors = []
    for neuron in ({"kind": "lif", "leak": 0.6, **common}, {"kind": "iir", "feedback": [0.6], **common}):
        layers = [
            {"name": "c", "kind": "conv2d", "channels": 6, "kernel": 3, "padding": 1},
            {"name": "p", "kind": "max_pool", "kernel": 2},
            {"name": "f", "kind": "flatten"},
            {"name": "h", "kind": "linear", "features": 20},
            {"name": "o", "kind": "linear", "features": 4},
        ]
        document = {"input": [1, 6, 6], "layers": layers, "neuron": neuron}
        network = build_network(NetworkConfig.model_validate(document), Format.real(8), 32)
        rng = np.random.default_rng(5)
        parameters = initial_parameters(network, 4, rng, np.dtype(dtype))
        x = rng.random((1, 16, 6, 6, 1)).astype(dtype)
        model = Model(network, 5, dtype)
        parameters = model.calibrated(parameters, x)
        tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
        logits = model.logits(tapes)
        gradient = gradients_of(model, parameters, tapes, rng.normal(size=logits.shape).astype(dtype)).vector
        assert np.abs(gradient).max() > 0
        vectors.append((parameters, logits, gradient))
    assert all(_same_bits(a, b) for a, b in zip(*vectors, strict=True))


def _linear(a: tuple[float, ...], b: tuple[float, ...]) -> IirNeuron:
    """The bare filter: nothing resets, and the surrogate derivative is 2^-20 everywhere."""
    flat = RectangleSurrogate(width=2.0**20)
    return IirNeuron(feedback=a, feedforward=b, threshold=1.0, reset="none", detach_reset=False, surrogate=flat)


def _transposed(y: np.ndarray, neuron: IirNeuron) -> np.ndarray:
    zeros = np.zeros_like(y)
    dx = backward(Membrane(neuron, len(y)), _maps(y) * 2.0**20, _maps(zeros), _maps(zeros))
    return dx.reshape(y.shape)


@pytest.mark.parametrize(("a", "b"), FILTERS)
def test_backward_is_the_transpose_of_forward(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    """<A x, y> = <x, A^T y>, and A^T is the same filter on reversed time."""
    neuron, (x, y) = _linear(a, b), (_draw((23, 40), np.float64, seed) for seed in (6, 7))
    ax = Membrane(neuron, 23).forward(_maps(x))[1].reshape(x.shape)
    aty = _transposed(y, neuron)
    np.testing.assert_allclose((ax * y).sum(axis=0), (x * aty).sum(axis=0), rtol=1e-11, atol=1e-11)
    reversed_time = Membrane(neuron, 23).forward(_maps(y[::-1]))[1].reshape(y.shape)[::-1]
    np.testing.assert_allclose(aty, reversed_time, rtol=1e-11, atol=1e-11)


def test_two_decays_answer_an_impulse_with_their_difference() -> None:
    """a = [d1 + d2, -d1 d2]: u[n] = (d1^(n+1) - d2^(n+1)) / (d1 - d2)."""
    d1, d2, n = 0.7, 0.4, np.arange(12)
    x = np.zeros((12, 1))
    x[0] = 1.0
    u = Membrane(_linear((d1 + d2, -d1 * d2), (1.0,)), 12).forward(_maps(x))[1].ravel()
    np.testing.assert_allclose(u, (d1 ** (n + 1) - d2 ** (n + 1)) / (d1 - d2), rtol=1e-12)


@pytest.mark.parametrize("neuron", _neurons()[::4], ids=_ids)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_current_row_stands_for_every_step(neuron: IirNeuron, dtype: type) -> None:
    current = _draw((1, 600), dtype, 8)
    membrane = Membrane(neuron, 5)
    once, repeated = membrane.forward(_maps(current)), membrane.forward(_maps(np.repeat(current, 5, axis=0)))
    assert all(_same_bits(a, b) for a, b in zip(once, repeated, strict=True))
    stored = [membrane.forward_rounded(_maps(rows), 8) for rows in (current, np.repeat(current, 5, axis=0))]
    assert all(_same_bits(a, b) for a, b in zip(*stored, strict=True))


@pytest.mark.parametrize("neuron", _neurons()[::4], ids=_ids)
def test_backward_may_write_over_its_input(neuron: IirNeuron) -> None:
    u, ds = _draw((6, 700), np.float64, 9), _draw((6, 700), np.float64, 10)
    spikes = (u >= neuron.threshold).astype(np.float64)
    apart, together = np.empty_like(ds), ds.copy()
    nothing = np.empty(0)
    for given, written in ((ds, apart), (together, together)):
        carry = np.zeros((neuron.backward_state_words, 700))
        neuron.backward(given, u, nothing, u, spikes, carry, written, nothing)
    assert _same_bits(apart, together)


@pytest.mark.parametrize("neuron", _neurons()[::3], ids=_ids)
def test_wide_storage_changes_nothing_and_narrow_storage_stays_on_its_grid(neuron: IirNeuron) -> None:
    current = np.random.default_rng(11).integers(-8, 16, (6, 50)).astype(np.float64) / 8
    membrane = Membrane(neuron, 6)
    floats, wide = membrane.forward(_maps(current)), membrane.forward_rounded(_maps(current), 48)
    np.testing.assert_array_equal(floats[0], wide[0])
    np.testing.assert_allclose(floats[1], wide[1], atol=1e-9)
    step = 16 * neuron.threshold / 2**6
    narrow = membrane.forward_rounded(_maps(current), 6)[1] / step
    np.testing.assert_allclose(narrow, np.rint(narrow), atol=1e-9)


@pytest.mark.parametrize("neuron", _neurons()[::2], ids=_ids)
def test_what_is_reached_without_firing_is_the_last_potential_without_reset(neuron: IirNeuron) -> None:
    current = _draw((6, 40), np.float32, 12)
    free = neuron.model_copy(update={"reset": "none"})
    wanted = naive.forward(current.astype(np.float64), free)[1][-1]
    found = Membrane(neuron, 6).potential_without_firing(_maps(current))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
