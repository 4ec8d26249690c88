"""Backward modes on real tensors: exact ones give the gradient of store-all bit for bit, and each keeps what it says.

Inputs and weights are integers over a power of two, so that no product rounds, however many rows it has.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.errors import UnsupportedOperation
from simsnn.training.backpropagation import StoredTapes, backpropagate, gradients_of
from simsnn.training.loss import cross_entropy, mean_squared_error
from simsnn.training.model import Model, State
from simsnn.training.modes.run import mode_step
from simsnn.training.modes.step import ModeStep
from simsnn.workload.backward_modes import (
    BackwardMode,
    Bptt,
    LayerCheckpoint,
    Ottt,
    ReversibleMode,
    Sltt,
    TimeCheckpoint,
    run_bounds,
)
from simsnn.workload.network import Format, Layer, Network, NetworkConfig, build_network

T, B = 6, 3
LIF = {"kind": "lif", "leak": 0.5, "threshold": 1.0, "reset": "soft", "detach_reset": False}
IIR = {"kind": "iir", "feedback": [0.75, -0.125], "feedforward": [1.0, 0.5], "threshold": 1.0, "reset": "soft"}
SURROGATE = {"kind": "triangle", "width": 1.0}
PLAIN = [
    {"name": "c1", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "p1", "kind": "max_pool", "kernel": 2},
    {"name": "c2", "kind": "conv2d", "channels": 6, "kernel": 3, "padding": 1},
    {"name": "flat", "kind": "flatten"},
    {"name": "l1", "kind": "linear", "features": 8},
    {"name": "out", "kind": "linear", "features": 4},
]
RESIDUAL = [
    {"name": "stem", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "a", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "na", "kind": "batch_norm"},
    {"name": "b", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1, "inputs": ["na"]},
    {"name": "nb", "kind": "batch_norm"},
    {"name": "sum", "kind": "add", "inputs": ["stem", "nb"]},
    {"name": "pool", "kind": "avg_pool", "kernel": 4},
    {"name": "flat", "kind": "flatten"},
    {"name": "out", "kind": "linear", "features": 4},
]
NEURONS = {"lif": {**LIF, "surrogate": SURROGATE}, "iir": {**IIR, "detach_reset": True, "surrogate": SURROGATE}}


def network_of(layers: list[dict[str, Any]], neuron: dict[str, Any]) -> Network:
    document = {"input": [2, 8, 8], "layers": layers, "neuron": neuron}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def step_in(
    network: Network,
    mode: BackwardMode,
    *,
    steps: int = T,
    dtype: type = np.float64,
    keep: bool = False,
    over: int = 16,
) -> ModeStep:
    """One training step on integer inputs and weights (over ``over``), the same for every mode."""
    rng = np.random.default_rng(11)
    model = Model(network, steps, dtype)
    parameters = rng.integers(-6, 9, model.layout.size).astype(dtype) / over
    state = State(parameters, model.initial_statistics())
    x = rng.integers(0, 4, (steps, B, 8, 8, 2)).astype(dtype) / 2
    return mode_step(model, state, x, np.array([0, 3, 1]), "cross_entropy", mode, keep=keep)


EXACT = [
    LayerCheckpoint(kind="layer_checkpoint"),
    LayerCheckpoint(kind="layer_checkpoint", every=2),
    LayerCheckpoint(kind="layer_checkpoint", every="sqrt"),
    LayerCheckpoint(kind="layer_checkpoint", every=9),
    TimeCheckpoint(kind="time_checkpoint", segment=1),
    TimeCheckpoint(kind="time_checkpoint", segment=4),
    TimeCheckpoint(kind="time_checkpoint", segment=99),
    TimeCheckpoint(kind="time_checkpoint", segment=4, currents="keep"),
]


@pytest.mark.parametrize("mode", EXACT, ids=str)
@pytest.mark.parametrize("layers", [PLAIN, RESIDUAL], ids=["plain", "residual"])
@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)
def test_checkpointing_changes_no_bit(layers: list[dict[str, Any]], neuron: dict[str, Any], mode: BackwardMode) -> None:
    network = network_of(layers, neuron)
    want, got = step_in(network, Bptt(), keep=True), step_in(network, mode, keep=True)
    assert want.loss == got.loss
    assert np.abs(want.gradients.vector).max() > 0
    np.testing.assert_array_equal(want.gradients.vector, got.gradients.vector)
    for one, other in zip(want.gradients.layers, got.gradients.layers, strict=True):
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.current, other.current)


def test_store_all_is_what_training_does() -> None:
    network = network_of(PLAIN, NEURONS["lif"])
    model = Model(network, T, np.float64)
    rng = np.random.default_rng(2)
    state = State(rng.normal(size=model.layout.size) / 4, model.initial_statistics())
    x, labels = rng.random((1, B, 8, 8, 2)), np.array([1, 2, 0])
    step = mode_step(model, state, x, labels, "mse", Bptt())
    tapes = model.forward(state.parameters, np.repeat(x, T, axis=0), state.statistics, training=True)
    _, d_logits = mean_squared_error(model.logits(tapes), labels)
    np.testing.assert_array_equal(step.gradients.vector, gradients_of(model, state.parameters, tapes, d_logits).vector)


def _elements(step: ModeStep) -> dict[OperandClass, int]:
    found = {role: step.kept.elements(role) for role in OperandClass}
    return {role: count for role, count in found.items() if count}


def test_what_each_mode_keeps() -> None:
    """Per sample and step: 128 inputs; c1 has 256 neurons, behind the pool 64; c2 96; l1 8."""
    network, slots = network_of(PLAIN, NEURONS["lif"]), T * B
    inputs, spikes = 128 * slots, (64 + 96 + 8) * slots
    both = {OperandClass.INPUTS: inputs, OperandClass.SPIKES: spikes}
    potentials = (256 + 96 + 8) * slots
    own = {**both, OperandClass.SPIKES: spikes + 256 * slots}  # in front of the pool as well
    assert _elements(step_in(network, Bptt())) == {**own, OperandClass.MEMBRANE: potentials}
    assert _elements(step_in(network, LayerCheckpoint(kind="layer_checkpoint"))) == both
    halves = step_in(network, LayerCheckpoint(kind="layer_checkpoint", every=2))
    assert _elements(halves) == {OperandClass.INPUTS: inputs, OperandClass.SPIKES: 96 * slots}
    runs = step_in(network, TimeCheckpoint(kind="time_checkpoint", segment=4))
    assert _elements(runs) == {**both, OperandClass.MEMBRANE: (256 + 96 + 8) * B * 2}
    kept = step_in(network, TimeCheckpoint(kind="time_checkpoint", segment=4, currents="keep"))
    assert _elements(kept)[OperandClass.CURRENTS] == potentials
    online = _elements(step_in(network, Sltt(kind="sltt")))
    assert online == {OperandClass.MEMBRANE: (256 + 96 + 8) * B}
    traced = _elements(step_in(network, Ottt(kind="ottt")))
    assert traced == {**online, OperandClass.INPUTS: (128 + 64 + 96) * B}


def test_online_modes_keep_the_same_however_long_the_sequence() -> None:
    network = network_of(PLAIN, NEURONS["lif"])
    for mode in (Sltt(kind="sltt"), Ottt(kind="ottt")):
        assert _elements(step_in(network, mode, steps=3)) == _elements(step_in(network, mode, steps=12))


@pytest.mark.parametrize("timesteps", [1, 5, 8])
@pytest.mark.parametrize("every", [1, 3, 8, 20])
def test_runs_cover_all_steps(timesteps: int, every: int) -> None:
    bounds = run_bounds(timesteps, every)
    assert bounds[0] == 0
    assert bounds[-1] == timesteps
    assert len(bounds) == math.ceil(timesteps / every) + 1


class _InOneStep(StoredTapes):
    """Gradient towards a LIF neuron's current with nothing carried over time: h times the one towards its spikes."""

    def towards_current(self, layer: Layer, output: np.ndarray, dlearned: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return output * self.model.membrane(layer, self.parameters).derivative(self.tapes[layer.index].v)


def _every_step(network: Network, source: type[StoredTapes], leak: float = 0.0) -> np.ndarray:
    """Gradient of the mean over steps of each step's loss; weights read traces of their inputs of that leak."""
    rng = np.random.default_rng(11)
    model = Model(network, T, np.float64)
    parameters = rng.integers(-6, 9, model.layout.size) / 16
    x = rng.integers(0, 4, (T, B, 8, 8, 2)) / 2
    tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
    towards = np.empty_like(tapes[-1].output)
    for t in range(T):
        _, d_logits = cross_entropy(tapes[-1].output[t].reshape(B, -1), np.array([0, 3, 1]))
        towards[t] = d_logits.reshape(towards[t].shape) / T
    traced = list(tapes)
    for layer in network.weight_layers[:-1]:
        trace = tapes[layer.index].inputs[0].copy()
        for t in range(1, T):
            trace[t] += leak * trace[t - 1]
        traced[layer.index] = replace(tapes[layer.index], inputs=(trace,))
    return backpropagate(model, parameters, source(model, parameters, tuple(traced)), towards).vector


def _near(got: ModeStep, want: np.ndarray) -> None:
    assert np.abs(want).max() > 1e-3
    np.testing.assert_allclose(got.gradients.vector, want, rtol=1e-12, atol=1e-14)


def test_sltt_passes_no_gradient_from_step_to_step() -> None:
    network = network_of(PLAIN, NEURONS["lif"])
    _near(step_in(network, Sltt(kind="sltt")), _every_step(network, _InOneStep))


def test_ottt_is_sltt_with_traces_before_the_weights() -> None:
    network = network_of(PLAIN, NEURONS["lif"])
    _near(step_in(network, Ottt(kind="ottt")), _every_step(network, _InOneStep, leak=0.5))


@pytest.mark.parametrize("reset", ["none", "soft"])
def test_ottt_is_backpropagation_through_time_for_one_layer_of_neurons(reset: str) -> None:
    layers = [{"name": "f", "kind": "flatten"}, *PLAIN[-2:]]
    network = network_of(layers, {**NEURONS["lif"], "reset": reset, "detach_reset": True})
    _near(step_in(network, Ottt(kind="ottt")), _every_step(network, StoredTapes))


def test_without_memory_online_learning_is_exact() -> None:
    network = network_of(PLAIN, {**NEURONS["lif"], "leak": 0.0})
    for mode in (Sltt(kind="sltt"), Ottt(kind="ottt")):
        _near(step_in(network, mode), _every_step(network, StoredTapes))


def test_online_gradients_are_kept_step_by_step() -> None:
    network = network_of(PLAIN, NEURONS["lif"])
    step = step_in(network, Sltt(kind="sltt"), keep=True)
    assert [None if g is None else g.current.shape[:2] for g in step.gradients.layers] == [(T, B)] * 6


@pytest.mark.parametrize("kind", [Sltt(kind="sltt"), Ottt(kind="ottt")], ids=str)
def test_online_modes_refuse_statistics_over_time(kind: BackwardMode) -> None:
    with pytest.raises(UnsupportedOperation, match="takes statistics over all time steps"):
        step_in(network_of(RESIDUAL, NEURONS["lif"]), kind)


def test_ottt_refuses_neurons_without_a_leak() -> None:
    with pytest.raises(UnsupportedOperation, match="'c1': its neuron has no leak"):
        step_in(network_of(PLAIN, NEURONS["iir"]), Ottt(kind="ottt"))


NODE = {"kind": "reversible_lei", "alpha": 1.0, "beta": 1.0, "tau": 2.0, "threshold": 1.0, "reset": "soft"}
NODE |= {"detach_reset": True, "surrogate": SURROGATE}
INTEGER = {
    "lif_integer": {"kind": "lif_integer", "leak_shift": 1, "leak_form": "subtract", "word_bits": 32},
    "lif_integer_divide": {"kind": "lif_integer", "leak_shift": 2, "leak_form": "divide", "word_bits": 16},
    "reversible_integer": {"kind": "reversible_integer", "word_bits": 32},
}
REVERSIBLE_MODES = [
    ReversibleMode(kind="reversible"),
    ReversibleMode(kind="reversible", form="plain"),
    ReversibleMode(kind="reversible", anchor=2),
    ReversibleMode(kind="reversible", form="plain", anchor=4),
]


def _integer_neuron(kind: str) -> dict[str, Any]:
    common = {"threshold": 1.0, "fraction_bits": 6, "detach_reset": True, "surrogate": SURROGATE}
    return {**INTEGER[kind], **common}


@pytest.mark.parametrize("mode", REVERSIBLE_MODES, ids=str)
@pytest.mark.parametrize("layers", [PLAIN, RESIDUAL], ids=["plain", "residual"])
@pytest.mark.parametrize("kind", INTEGER)
def test_exact_integer_nodes_give_the_gradient_of_store_all(
    layers: list[dict[str, Any]], kind: str, mode: ReversibleMode
) -> None:
    network = network_of(layers, _integer_neuron(kind))
    want, got = step_in(network, Bptt(), dtype=np.float32), step_in(network, mode, dtype=np.float32)
    assert np.abs(want.gradients.vector).max() > 0
    np.testing.assert_array_equal(want.gradients.vector, got.gradients.vector)
    assert got.leftover == 0


@pytest.mark.parametrize("mode", REVERSIBLE_MODES, ids=str)
def test_the_float_node_comes_close_and_says_how_close(mode: ReversibleMode) -> None:
    network = network_of(PLAIN, NODE)
    want, got = step_in(network, Bptt()), step_in(network, mode)
    np.testing.assert_allclose(want.gradients.vector, got.gradients.vector, rtol=1e-9, atol=1e-12)
    assert got.leftover is not None
    assert got.leftover < 1e-12
    assert step_in(network, mode, dtype=np.float32, over=17).leftover > 0


def test_the_inverse_keeps_one_state_per_neuron_however_long_the_sequence() -> None:
    network = network_of(PLAIN, NODE)
    found = _elements(step_in(network, ReversibleMode(kind="reversible")))
    assert found[OperandClass.MEMBRANE] == (256 + 96 + 8) * B
    assert OperandClass.SPIKES not in found  # what it delivers is real
    assert found[OperandClass.INPUTS] == (128 + 256 + 64 + 96 + 8) * T * B
    anchored = _elements(step_in(network, ReversibleMode(kind="reversible", anchor=2)))
    assert anchored[OperandClass.MEMBRANE] == 3 * found[OperandClass.MEMBRANE]
    integer = _elements(step_in(network_of(PLAIN, _integer_neuron("lif_integer")), ReversibleMode(kind="reversible")))
    assert integer[OperandClass.SIDE_BITS] == (256 + 96 + 8) * T * B


def test_what_cannot_be_inverted_is_refused() -> None:
    with pytest.raises(UnsupportedOperation, match="'c1': a lif neuron cannot be inverted"):
        step_in(network_of(PLAIN, NEURONS["lif"]), ReversibleMode(kind="reversible"))
