"""Whole-network gradients against central finite differences, in double precision.

The threshold is replaced by the surrogate's primitive, so that the surrogate gradient is the true
gradient of the loss. A detached reset is checked with its reset factors held at their values: that
is the function whose gradient it is.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from simsnn.training.backpropagation import gradients_of
from simsnn.training.loss import LossName, loss_function
from simsnn.training.model import Model, State
from simsnn.training.normalisation import Moments
from simsnn.training.parameters import initial_parameters
from simsnn.workload.network import Format, NetworkConfig, build_network

STEPS, BATCH = 4, 2
SURROGATES = ("rectangle", "triangle", "arctan", "fast_sigmoid", "sigmoid")
LABELS = np.array([0, 2])
Layers = list[dict[str, Any]]
LIF: dict[str, Any] = {"kind": "lif", "leak": 0.7}
FILTERS: dict[str, dict[str, Any]] = {
    "decay": {"feedback": [0.7]},
    "dual": {"feedback": [1.1, -0.28], "feedforward": [0.6]},
    "delayed": {"feedback": [0.5], "feedforward": [0.8, 0.4, -0.3]},
    "resonant": {"feedback": [0.4, -0.5, 0.2], "feedforward": [1.0, -0.5]},
}


def _conv(name: str, channels: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "conv2d", "channels": channels, "kernel": 3, "padding": 1, **more}


HEAD: Layers = [{"name": "flat", "kind": "flatten"}, {"name": "fc", "kind": "linear", "features": 3}]
PLAIN: Layers = [_conv("c1", 3), {"name": "p1", "kind": "max_pool", "kernel": 2}, _conv("c2", 2), *HEAD]
STRUCTURES: dict[str, tuple[list[int], Layers]] = {
    "mlp": ([6], [{"name": "fc1", "kind": "linear", "features": 5}, {"name": "fc2", "kind": "linear", "features": 3}]),
    "strided": ([2, 5, 4], [_conv("c1", 4, stride=2, groups=2),
                            _conv("c2", 4, dilation=2, padding=2, groups=4), *HEAD]),
    "average": ([1, 4, 4], [_conv("c1", 2), {"name": "p", "kind": "avg_pool", "kernel": 2}, _conv("c2", 2), *HEAD]),
    "overlapping": ([1, 5, 5], [_conv("c1", 2), {"name": "p", "kind": "max_pool", "kernel": 3, "stride": 2}, *HEAD]),
    "conv1d": ([2, 6], [{"name": "c", "kind": "conv1d", "channels": 3, "kernel": 3, "stride": 2, "padding": 1}, *HEAD]),
    "norm": ([1, 4, 4], [_conv("c1", 2), {"name": "n1", "kind": "batch_norm"}, _conv("c2", 2),
                         {"name": "n2", "kind": "batch_norm"}, *HEAD]),
    "frozen_norm": ([1, 4, 4], [_conv("c1", 2), {"name": "n", "kind": "batch_norm", "mode": "frozen"}, *HEAD]),
    "input_norm": ([1, 4, 4], [{"name": "n", "kind": "batch_norm"}, _conv("c1", 2), *HEAD]),
    "residual_spikes": ([1, 4, 4], [_conv("c1", 2), _conv("c2", 2),
                                    {"name": "a", "kind": "add", "inputs": ["c2", "c1"]}, *HEAD]),
    "residual_currents": ([1, 4, 4], [_conv("c1", 2), {"name": "c2", **_conv("c2", 2), "inputs": ["c1"]},
                                      {"name": "n2", "kind": "batch_norm"},
                                      {"name": "s", "kind": "conv2d", "channels": 2, "kernel": 1, "inputs": ["c1"]},
                                      {"name": "a", "kind": "add", "inputs": ["n2", "s"]}, *HEAD]),
    "coupled": ([1, 4, 4], [_conv("x1", 2, inputs=["input"]), _conv("x2", 2, inputs=["input"]),
                            {"name": "nf", "kind": "neuron", "inputs": ["x2"]}, _conv("f", 2),
                            {"name": "s1", "kind": "add", "inputs": ["x1", "f"], "reversible": True},
                            {"name": "ng", "kind": "neuron", "inputs": ["s1"]}, _conv("g", 2),
                            {"name": "s2", "kind": "add", "inputs": ["x2", "g"], "reversible": True},
                            {"name": "n1", "kind": "neuron", "inputs": ["s1"]}, {"name": "n2", "kind": "neuron",
                                                                                "inputs": ["s2"]},
                            {"name": "both", "kind": "add", "inputs": ["n1", "n2"], "neuron": "none"}, *HEAD]),
    "spiking_readout": ([6], [{"name": "fc1", "kind": "linear", "features": 5},
                              {"name": "fc2", "kind": "linear", "features": 3,
                               "neuron": {"kind": "lif", "leak": 0.9, "threshold": 0.5, "reset": "soft",
                                          "detach_reset": False, "surrogate": {"kind": "arctan"}}}]),
    "no_neuron": ([6], [{"name": "fc1", "kind": "linear", "features": 5, "neuron": "none"},
                        {"name": "fc2", "kind": "linear", "features": 4},
                        {"name": "fc3", "kind": "linear", "features": 3}]),
}  # fmt: skip


class _Check:
    """Loss of a smooth network as a function of its parameters, and its backpropagated gradient."""

    def __init__(self, shape: list[int], layers: Layers, neuron: dict[str, Any], loss: LossName, steady: bool) -> None:
        document = {
            "input": shape,
            "layers": layers,
            "neuron": {**({} if "kind" in neuron else LIF), "threshold": 0.6, **neuron},
        }
        network = build_network(NetworkConfig.model_validate(document), Format.real(8), 32)
        self.model = Model(network, STEPS, np.float64)
        rng = np.random.default_rng(3)
        self.parameters = initial_parameters(network, STEPS, rng, np.dtype(np.float64))
        self.parameters += rng.normal(0, 0.05, self.parameters.shape)  # away from shift = 0, scale = 1
        statistics = tuple(
            moments and Moments(rng.normal(size=len(moments.mean)), rng.uniform(0.5, 2, len(moments.mean)))
            for moments in self.model.initial_statistics()
        )
        self.state = State(self.parameters, statistics)
        channels, height, width = network.input_shape
        self.x = rng.uniform(0, 1, (1 if steady else STEPS, BATCH, height, width, channels))
        self.loss = loss
        self.held: tuple[np.ndarray | None, ...] | None = None

    def forward(self, parameters: np.ndarray) -> tuple[float, np.ndarray, tuple]:
        statistics = self.state.statistics
        tapes = self.model.forward(parameters, self.x, statistics, training=True, smooth=True, frozen=self.held)
        value, gradient = loss_function(self.loss)(self.model.logits(tapes), LABELS)
        return value, gradient, tapes

    def hold_resets(self) -> None:
        _, _, tapes = self.forward(self.parameters)
        self.held = tuple(tape.output if tape.v is not None else None for tape in tapes)

    def error(self) -> float:
        """Norm of the difference to finite differences, relative to the gradient's norm."""
        _, d_logits, tapes = self.forward(self.parameters)
        gradient = gradients_of(self.model, self.parameters, tapes, d_logits).vector
        numeric, step = np.zeros_like(gradient), 1e-5
        for index in range(len(gradient)):
            ends = []
            for sign in (1, -1):
                moved = self.parameters.copy()
                moved[index] += sign * step
                ends.append(self.forward(moved)[0])
            numeric[index] = (ends[0] - ends[1]) / (2 * step)
        assert np.linalg.norm(numeric) > 1e-3  # a dead network would agree trivially
        return float(np.linalg.norm(gradient - numeric) / np.linalg.norm(numeric))


@pytest.mark.parametrize(("surrogate", "reset"), list(itertools.product(SURROGATES, ("hard", "soft", "none"))))
def test_every_surrogate_and_reset(surrogate: str, reset: str) -> None:
    neuron = {"reset": reset, "detach_reset": False, "surrogate": {"kind": surrogate}}
    assert _Check([1, 4, 4], PLAIN, neuron, "cross_entropy", steady=False).error() < 1e-6


@pytest.mark.parametrize(("surrogate", "reset"), list(itertools.product(SURROGATES, ("hard", "soft"))))
def test_detached_resets(surrogate: str, reset: str) -> None:
    neuron = {"reset": reset, "detach_reset": True, "surrogate": {"kind": surrogate}}
    check = _Check([1, 4, 4], PLAIN, neuron, "cross_entropy", steady=False)
    check.hold_resets()
    assert check.error() < 1e-6


def test_detaching_matters() -> None:
    """With the resets left free, the detached gradient is not the true one."""
    neuron = {"reset": "hard", "detach_reset": True, "surrogate": {"kind": "arctan"}}
    assert _Check([1, 4, 4], PLAIN, neuron, "cross_entropy", steady=False).error() > 1e-3


def _iir(taps: str, coefficient: str, surrogate: str, detach: bool, reset: str = "soft") -> dict[str, Any]:
    switches = {"reset": reset, "reset_coefficient": coefficient, "detach_reset": detach}
    return {"kind": "iir", **FILTERS[taps], **switches, "surrogate": {"kind": surrogate}}


@pytest.mark.parametrize("taps", list(FILTERS))
@pytest.mark.parametrize("coefficient", ["feedback", "threshold"])
@pytest.mark.parametrize("surrogate", ["triangle", "arctan", "sigmoid"])
@pytest.mark.parametrize("detach", [False, True])
def test_filter_neurons(taps: str, coefficient: str, surrogate: str, detach: bool) -> None:
    """The whole adjoint of the IIR neuron inside a network with pooling and two neuron layers."""
    check = _Check([1, 4, 4], PLAIN, _iir(taps, coefficient, surrogate, detach), "cross_entropy", steady=False)
    if detach:
        check.hold_resets()
    assert check.error() < 1e-6


@pytest.mark.parametrize("taps", list(FILTERS))
def test_filter_neurons_without_reset_and_with_a_steady_input(taps: str) -> None:
    neuron = _iir(taps, "feedback", "arctan", False, "none")
    assert _Check([1, 4, 4], PLAIN, neuron, "mse", steady=True).error() < 1e-6


@pytest.mark.parametrize("coefficient", ["feedback", "threshold"])
def test_detaching_matters_to_filter_neurons(coefficient: str) -> None:
    neuron = _iir("dual", coefficient, "arctan", True)
    assert _Check([1, 4, 4], PLAIN, neuron, "cross_entropy", steady=False).error() > 1e-3


PARALLEL: dict[str, dict[str, Any]] = {
    "psu": {"kind": "psu"},
    "ipsu_linear": {"kind": "ipsu", "tau": 1.5, "scale_reset_by_threshold": True},
    "ipsu_sigmoid": {"kind": "ipsu", "form": "sigmoid"},
    "rpsu": {"kind": "rpsu", "tau": 3},
    "psn": {"kind": "psn", "learn_slope": True},
    "masked_psn": {"kind": "masked_psn", "order": 2},
    "sliding_psn": {"kind": "sliding_psn", "order": 3},
}


@pytest.mark.parametrize("unit", list(PARALLEL))
@pytest.mark.parametrize("steady", [False, True])
def test_parallel_units(unit: str, steady: bool) -> None:
    """What two layers of units learn, their slopes too, together with the weights around them."""
    assert _Check([1, 4, 4], PLAIN, PARALLEL[unit], "cross_entropy", steady).error() < 1e-6


@pytest.mark.parametrize("structure", list(STRUCTURES))
@pytest.mark.parametrize("steady", [False, True])
def test_every_layer_kind(structure: str, steady: bool) -> None:
    neuron = {"reset": "hard", "detach_reset": False, "surrogate": {"kind": "sigmoid"}}
    assert _Check(*STRUCTURES[structure], neuron, "mse" if steady else "cross_entropy", steady).error() < 1e-6
