"""Recordings: spikes recompute from currents, the chain multiplies out, masks say what they claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsnn.training.backpropagation import gradients_of
from simsnn.training.loss import cross_entropy
from simsnn.training.membrane import Membrane
from simsnn.training.model import Model, State
from simsnn.training.parameters import initial_parameters
from simsnn.training.recording import RecordedLayer, Recording, record_step, to_activity
from simsnn.workload.activity import ActivityKind, ChainPoint, DenseInput, SpikeTensor
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from tests.membranes import backward

STEPS, BATCH = 4, 6
CONV: list[dict[str, Any]] = [
    {"name": "c1", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "p1", "kind": "max_pool", "kernel": 2},
    {"name": "c2", "kind": "conv2d", "channels": 5, "kernel": 3, "padding": 1},
    {"name": "p2", "kind": "avg_pool", "kernel": 2},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc1", "kind": "linear", "features": 20},
    {"name": "fc2", "kind": "linear", "features": 3},
]
NORM: list[dict[str, Any]] = [CONV[0], {"name": "n1", "kind": "batch_norm"}, *CONV[1:]]
RESIDUAL: list[dict[str, Any]] = [
    CONV[0],
    {"name": "c2", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "c3", "kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1},
    {"name": "add", "kind": "add", "inputs": ["c3", "c1"]},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc", "kind": "linear", "features": 3},
]


def _record(layers: list[dict[str, Any]], binary: bool = False, **neuron: Any) -> tuple[Network, Model, Recording]:
    lif = {"kind": "lif", "leak": 0.5, "threshold": 0.8, "reset": "hard", "detach_reset": True,
           "surrogate": {"kind": "rectangle", "width": 0.6}} | neuron  # fmt: skip
    document = {"input": [2, 8, 8], "layers": layers, "neuron": lif}
    network = build_network(NetworkConfig.model_validate(document), Format.integer(1) if binary else Format.real(8), 32)
    model, rng = Model(network, STEPS, np.float64), np.random.default_rng(4)
    x = rng.uniform(0, 1, (1, BATCH, 8, 8, 2))
    x = (rng.random((STEPS, BATCH, 8, 8, 2)) < 0.4).astype(np.float64) if binary else x
    parameters = model.calibrated(initial_parameters(network, STEPS, rng, model.dtype), x)
    state = State(parameters, model.initial_statistics())
    return network, model, record_step(model, state, x, rng.integers(0, 3, BATCH), "cross_entropy")


def _entry(recording: Recording, name: str) -> RecordedLayer:
    return next(entry for entry in recording.layers if entry.layer == name)


@pytest.mark.parametrize("layers", [CONV, NORM, RESIDUAL], ids=["conv", "norm", "residual"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_spikes_recompute_from_currents(layers: list[dict[str, Any]], reset: str) -> None:
    network, _, recording = _record(layers, reset=reset)
    for entry in recording.layers[:-1]:
        assert entry.neuron is not None
        neuron = network.layer(entry.neuron.layer).neuron
        assert neuron is not None
        spikes, v = Membrane(neuron, STEPS).forward(entry.neuron.current)
        np.testing.assert_array_equal(spikes, entry.neuron.spikes)
        np.testing.assert_array_equal(v, entry.neuron.membrane)
        assert 0 < spikes.mean() < 1
        assert entry.neuron.spikes.shape == entry.current.shape
    assert recording.layers[-1].neuron is None


@pytest.mark.parametrize("detach", [True, False])
def test_chain_multiplies_out(detach: bool) -> None:
    network, _, recording = _record(CONV, detach_reset=detach)
    for entry in recording.layers[:-1]:
        assert entry.neuron is not None
        neuron = network.layer(entry.layer).neuron
        assert neuron is not None
        points = [g.point for g in entry.chain]
        assert points == [ChainPoint.POOL, ChainPoint.SURROGATE, ChainPoint.TIME_CARRY, ChainPoint.SYNAPSE]
        ds, product, carried, synapse = (g.values for g in entry.chain)
        np.testing.assert_array_equal(product, ds * entry.neuron.derivative)
        np.testing.assert_array_equal(carried[-1], product[-1])  # nothing is carried into the last step
        np.testing.assert_array_equal(carried, synapse)
        expected = backward(Membrane(neuron, STEPS), ds, entry.neuron.membrane, entry.neuron.spikes)
        np.testing.assert_array_equal(carried, expected)
    assert [g.point for g in recording.layers[-1].chain] == [ChainPoint.SYNAPSE]


def test_gradient_is_zero_where_the_masks_say_so() -> None:
    """Detached hard reset: no gradient where neither this step nor any later one can bring one."""
    _, _, recording = _record(CONV)
    for entry in recording.layers[:-1]:
        assert entry.neuron is not None
        live = np.zeros(entry.current.shape[1:], bool)
        synapse, ds = entry.gradient(ChainPoint.SYNAPSE), entry.gradient(ChainPoint.POOL)
        assert synapse is not None
        assert ds is not None
        for t in reversed(range(STEPS)):
            passes = (entry.neuron.derivative[t] != 0) & (ds[t] != 0)
            live = passes | (live & (entry.neuron.spikes[t] == 0))
            assert not synapse[t][~live].any()
        assert (synapse == 0).any()
        assert (synapse != 0).any()


def test_max_pooling_routes_at_most_one_of_four() -> None:
    _, _, recording = _record(CONV)
    ds = _entry(recording, "c1").gradient(ChainPoint.POOL)
    assert ds is not None
    windows = (ds != 0).reshape(STEPS, BATCH, 4, 4, 2, 4, 2).sum(axis=(4, 6))
    assert windows.max() == 1


def test_unneeded_input_gradients_change_nothing() -> None:
    """Gradients towards inputs that are not needed never pass the producer's surrogate and pooling."""
    _, model, recording = _record(CONV)
    needed = {entry.layer: entry.input_needed for entry in recording.layers}
    assert needed["c1"] is None
    producers = {"c2": ("c1", 2, "max"), "fc1": ("c2", 2, "avg"), "fc2": ("fc1", 1, "")}
    for reader, (name, window, kind) in producers.items():
        mask, producer = needed[reader], _entry(recording, name).neuron
        assert mask is not None
        assert producer is not None
        assert mask.shape == _entry(recording, reader).inputs.shape
        passing = producer.derivative != 0
        if kind:
            steps, batch, channels, height, width = passing.shape
            split = (steps, batch, channels, height // window, window, width // window, window)
            blocks, values = (np.moveaxis(a.reshape(split), 4, 5).reshape(*split[:4], split[5], -1)
                              for a in (passing, producer.spikes))  # fmt: skip
            first = values.argmax(axis=-1)[..., None]
            routed = np.take_along_axis(blocks, first, -1)[..., 0] if kind == "max" else blocks.any(axis=-1)
            passing = routed.reshape(mask.shape)
        np.testing.assert_array_equal(mask, passing)
        assert 0 < mask.mean() < 1
    assert model.timesteps == STEPS


def test_normalisation_is_a_point_of_its_own_and_makes_the_gradient_dense() -> None:
    _, _, recording = _record(NORM)
    entry = _entry(recording, "c1")
    assert entry.neuron is not None
    assert entry.neuron.layer == "n1"
    assert [g.point for g in entry.chain] == list(ChainPoint)
    carried, normalised = entry.gradient(ChainPoint.TIME_CARRY), entry.gradient(ChainPoint.NORMALISATION)
    assert carried is not None
    assert normalised is not None
    assert np.count_nonzero(carried) < carried.size
    assert np.count_nonzero(normalised) == normalised.size
    np.testing.assert_array_equal(normalised, entry.gradient(ChainPoint.SYNAPSE))


def test_an_identity_branch_into_a_current_needs_every_gradient() -> None:
    """c3 and the skip from c1 meet before one neuron; c1's spikes are read times its own surrogate."""
    _, _, recording = _record(RESIDUAL)
    assert _entry(recording, "c3").neuron is not None
    assert _entry(recording, "c3").neuron.layer == "add"
    c1 = _entry(recording, "c1").neuron
    assert c1 is not None
    np.testing.assert_array_equal(_entry(recording, "c2").input_needed, c1.derivative != 0)
    _, _, smooth = _record(CONV, surrogate={"kind": "arctan"})
    assert all(entry.input_needed is None for entry in smooth.layers)
    _, _, normalised = _record([*CONV[:1], {"name": "n", "kind": "batch_norm", "neuron": "none"}, *CONV[1:]])
    assert _entry(normalised, "c2").input_needed is None


def test_weight_gradient_is_that_of_the_recorded_arrays() -> None:
    _, _, recording = _record(CONV)
    entry = _entry(recording, "fc1")
    gradient = entry.gradient(ChainPoint.SYNAPSE)
    assert gradient is not None
    expected = np.einsum("tbn,tbk->nk", gradient, entry.inputs)
    np.testing.assert_allclose(entry.weight_gradient[:, :, 0, 0], expected, rtol=1e-10, atol=1e-15)
    readout = recording.layers[-1].gradient(ChainPoint.SYNAPSE)
    assert readout is not None
    np.testing.assert_array_equal(readout, np.broadcast_to(readout[:1], readout.shape))
    np.testing.assert_allclose(recording.logits, recording.layers[-1].current.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("binary", [False, True])
def test_packing_keeps_every_bit(binary: bool) -> None:
    network, _, recording = _record(NORM, binary)
    activity = to_activity(recording, network, 0.5, values=True)
    assert (activity.kind, activity.accuracy, activity.timesteps, activity.batch) == (
        ActivityKind.TRAIN,
        0.5,
        STEPS,
        BATCH,
    )
    assert isinstance(activity.layers[0].inputs, SpikeTensor if binary else DenseInput)
    assert isinstance(activity.layer("fc1").inputs, DenseInput)  # averages of spikes are small integers
    assert activity.layer("fc1").inputs.bits == 3
    for entry, packed in zip(recording.layers, activity.layers, strict=True):
        assert packed.inputs.shape == entry.inputs.shape
        for chain, mask in zip(entry.chain, packed.gradients, strict=True):
            assert mask.point == chain.point
            np.testing.assert_array_equal(mask.mask.to_dense(), chain.values != 0)
        if entry.neuron is not None:
            assert packed.outputs is not None
            assert packed.surrogate is not None
            np.testing.assert_array_equal(packed.outputs.to_dense(), entry.neuron.spikes)
            np.testing.assert_array_equal(packed.surrogate.to_dense(), entry.neuron.derivative != 0)
        np.testing.assert_array_equal(packed.gradient, entry.gradient(ChainPoint.SYNAPSE))
    assert to_activity(recording, network, 0.5).layers[0].currents is None


def test_recording_does_not_change_the_step() -> None:
    """Loss and gradient of the recorded step are those of the training step."""
    network, model, recording = _record(CONV)
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (1, BATCH, 8, 8, 2))
    parameters = model.calibrated(initial_parameters(network, STEPS, rng, model.dtype), x)
    tapes = model.forward(parameters, x, model.initial_statistics(), training=True)
    loss, d_logits = cross_entropy(model.logits(tapes), rng.integers(0, 3, BATCH))
    vector = gradients_of(model, parameters, tapes, d_logits).vector
    assert recording.loss == pytest.approx(loss, rel=1e-12)
    for entry in recording.layers:
        view = model.layout.view(vector, network.layer(entry.layer).index)
        np.testing.assert_allclose(entry.weight_gradient, view, rtol=1e-9, atol=1e-14)
