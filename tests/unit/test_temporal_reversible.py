"""Levels taken back in time: gradients of store-all, states given back, what is kept, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsnn.api import load, simulate
from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import UnsupportedOperation
from simsnn.results.report import Report
from simsnn.training.model import Model, State
from simsnn.training.modes.run import mode_step
from simsnn.training.modes.step import ModeStep, StepInputs
from simsnn.training.modes.temporal_reversing import _Levels
from simsnn.training.recording import record_step
from simsnn.training.tape import Array
from simsnn.workload.backward_modes import Bptt, TemporalReversible
from simsnn.workload.encoding import Encoding
from simsnn.workload.levels import inverse_counts, is_level, remembers
from simsnn.workload.mode_checks import own_gradients
from simsnn.workload.network import Network
from simsnn.workload.recompute import repeats_products
from simsnn.workload.step_tensors import StepScope
from simsnn.workload.training_step import SampleGroups, group_by_group, layer_by_layer, micro_batches
from tests.experiments import SYNTHETIC
from tests.reversible_networks import FORGETS, IF, LEVEL, RECTANGLE, built, levels
from tests.unit.test_mode_operations import ALL, RULE, WIDTHS

BACK = TemporalReversible(kind="temporal_reversible")
B = 4
LABELS = np.array([0, 3, 1, 1])


def inputs_of(network: Network, steps: int, *, whole: bool, dtype: type = np.float64) -> tuple[Model, State, Array]:
    """Model, state and input: integers over a power of two (``whole``), or anything."""
    rng, model = np.random.default_rng(3), Model(network, steps, dtype)
    count, shape = model.layout.size, (steps, B, 8, 8, 2)
    values = rng.integers(-3, 5, count) / 8 if whole else rng.normal(size=count) / 2
    x = rng.integers(0, 3, shape) / 2 if whole else rng.random(shape)
    return model, State(values.astype(dtype), model.initial_statistics()), x.astype(dtype)


def both(
    network: Network, steps: int, *, whole: bool, dtype: type = np.float64, older: float = 0.0
) -> tuple[ModeStep, ModeStep]:
    """A step of store-all and one taken back, with weights for the gradient that differ by ``older``."""
    model, state, x = inputs_of(network, steps, whole=whole, dtype=dtype)
    read = state.parameters + dtype(older) if older else None
    want, got = (
        mode_step(model, state, x, LABELS, "mse", mode, backward_parameters=read, keep=True) for mode in (Bptt(), BACK)
    )
    return want, got


@pytest.mark.parametrize("older", [0.0, 0.25], ids=["same weights", "delayed"])
@pytest.mark.parametrize("leak", [0.5, 0.25, 1.0])
@pytest.mark.parametrize("steps", [1, 4, 8])
def test_on_a_grid_the_gradient_is_that_of_store_all(steps: int, leak: float, older: float) -> None:
    """Leak a power of two, inputs and weights on a grid, surrogate derivatives 0 or 1: no sum rounds in any order."""
    network = levels(leak, surrogate=RECTANGLE)
    want, got = both(network, steps, whole=True, older=older)
    assert np.abs(want.gradients.vector).max() > 0
    np.testing.assert_array_equal(want.gradients.vector, got.gradients.vector)
    assert (want.loss, got.leftover) == (got.loss, 0.0)
    for one, other in zip(want.gradients.layers, got.gradients.layers, strict=True):
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.current, other.current)


@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-9), (np.float32, 1e-5)], ids=["fp64", "fp32"])
@pytest.mark.parametrize("leak", [0.5, 0.9, 1.0])
def test_float_levels_come_close_and_say_how_close(leak: float, dtype: type, near: float) -> None:
    """Measured over 6 steps: largest error 4e-16 of the largest gradient in fp64, 2e-7 in fp32; no spike flipped."""
    want, got = both(levels(leak), 6, whole=False, dtype=dtype)
    scale = np.abs(want.gradients.vector).max()
    assert scale > 1e-3
    assert np.abs(want.gradients.vector - got.gradients.vector).max() < near * scale
    np.testing.assert_allclose(want.loss, got.loss, rtol=1e-5)
    assert got.leftover is not None
    assert 0 < got.leftover < 2**12 * np.finfo(dtype).eps


def test_what_rounding_left_grows_with_every_step_as_one_over_the_leak() -> None:
    left = {steps: both(levels(0.25), steps, whole=False)[1].leftover for steps in (4, 8, 12)}
    assert left[4] is not None and left[8] is not None and left[12] is not None  # noqa: PT018
    assert left[8] > 16 * left[4]
    assert left[12] > 16 * left[8]


def test_states_given_back_are_those_of_the_forward_pass() -> None:
    network, steps = levels(surrogate=RECTANGLE), 6
    model, state, x = inputs_of(network, steps, whole=True)
    stored = model.forward(state.parameters, x, state.statistics, training=True)
    run = _Levels(StepInputs(model, state.parameters, state.statistics, x))
    for t in range(steps):
        run.forward(t)
    for t in reversed(range(steps)):
        again = run.back(t).tapes
        for layer in network.layers:
            tape, had = again[layer.index], stored[layer.index]
            np.testing.assert_array_equal(tape.output[0], had.output[t])
            if layer.neuron is not None:
                assert tape.v is not None
                assert had.v is not None
                np.testing.assert_array_equal(tape.v[0], had.v[t])
    assert run.leftover == 0
    assert set(run.states) == {layer.index for layer in network.layers if is_level(layer)}


def test_states_are_kept_once_however_long_the_sequence() -> None:
    found = {steps: both(levels(), steps, whole=False)[1].kept for steps in (3, 12)}
    for steps, kept in found.items():
        assert kept.elements(OperandClass.MEMBRANE) == (96 + 8) * B
        assert kept.elements(OperandClass.INPUTS) == 128 * B * steps
        assert {tensor.role for tensor in kept.tensors} == {OperandClass.MEMBRANE, OperandClass.INPUTS}


def test_levels_and_layers_that_forget() -> None:
    network = levels(0.75)
    assert [layer.name for layer in network.layers if is_level(layer)] == ["c2", "l1"]
    assert [layer.name for layer in network.layers if remembers(layer)] == ["c2", "l1"]
    once = OperationCounts(add=1, compare=1)
    assert inverse_counts(network.layer("c2")) == once + OperationCounts(divide=1)
    assert inverse_counts(network.layer("l1")) == once
    assert inverse_counts(levels(0.125).layer("c2")) == once + OperationCounts(multiply=1)


CONV = {"name": "c", "kind": "conv2d", "channels": 2, "kernel": 3}
TAIL = [{"name": "f", "kind": "flatten"}, {"name": "out", "kind": "linear", "features": 4}]
IIR = {"kind": "iir", "feedback": [0.5], "threshold": 1.0, "reset": "soft", "detach_reset": True}
NORM = {"name": "n", "kind": "batch_norm"}
REFUSED = {
    "reset": ([CONV, *TAIL], IF, "'c': the state of a neuron with a reset cannot be taken back"),
    "filter": ([CONV, *TAIL], IIR, "'c': the state of a iir neuron"),
    "unit": ([CONV, *TAIL], {"kind": "psu", "threshold": 1.0}, "'c': the state of a psu neuron"),
    "statistics": ([CONV, NORM, *TAIL], LEVEL, "'n': its normalisation takes statistics over all time steps"),
}


@pytest.mark.parametrize(("layers", "neuron", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_taken_back_is_refused(layers: list[dict[str, Any]], neuron: dict[str, Any], says: str) -> None:
    network = built(layers, neuron)
    model, state, x = inputs_of(network, 2, whole=False)
    with pytest.raises(UnsupportedOperation, match=says) as error:
        mode_step(model, state, x, LABELS, "mse", BACK)
    assert "or use another backward mode" in str(error.value)
    good = built([CONV, {**NORM, "mode": "frozen"}, *TAIL], FORGETS)
    assert both(good, 2, whole=False)[1].leftover == 0


def test_schedules_that_run_all_steps_of_a_layer_together_refuse_it() -> None:
    network, scope = levels(), StepScope(3, B, ALL, Encoding.SEQUENCE, backward=BACK)
    builds = (
        lambda: layer_by_layer(network, scope, WIDTHS, RULE),
        lambda: group_by_group(network, scope, WIDTHS, RULE, SampleGroups(2, 2, interleaved=False)),
        lambda: micro_batches(network, scope, WIDTHS, RULE, 2, "gpipe"),
    )
    for build in builds:
        with pytest.raises(UnsupportedOperation, match="temporal_reversible one after another") as error:
            build()
        assert "step_by_step" in str(error.value)
    assert repeats_products(network, BACK)
    assert own_gradients(network, BACK)


def test_a_recorded_step_has_the_gradients_of_the_mode() -> None:
    network = levels()
    model, state, x = inputs_of(network, 5, whole=False)
    recordings = [record_step(model, state, x, LABELS, "mse", mode) for mode in (Bptt(), BACK)]
    for one, other in zip(*(recording.layers for recording in recordings), strict=True):
        np.testing.assert_allclose(one.weight_gradient, other.weight_gradient, rtol=1e-9, atol=1e-12)


def run_of(mode: str, steps: int) -> Report:
    level = "{kind: lif, leak: 0.5, threshold: 1.0, reset: none, detach_reset: true}"
    forgets = "{kind: lif, leak: 0.0, threshold: 1.0, reset: soft, detach_reset: true}"
    layers = (
        "{name: c1, kind: conv2d, channels: 4, kernel: 3, padding: 1}",
        f"{{name: c2, kind: conv2d, channels: 4, kernel: 3, padding: 1, neuron: {level}}}",
        "{name: f, kind: flatten}",
        "{name: out, kind: linear, features: 4}",
    )
    overrides = (
        SYNTHETIC,
        f"network={{input: [2, 8, 8], neuron: {forgets}, layers: [{', '.join(layers)}]}}",
        "workload.batch=2",
        f"workload.timesteps={steps}",
        f"workload.backward={{kind: {mode}}}",
        "mapping.R={engine: array0}",
        "schedule={kind: step_by_step}",
        "hardware.vector_units.0.order=t_outer",
    )
    return simulate(load("quickstart", overrides)[0]).report


def test_steps_are_taken_back_on_a_machine() -> None:
    """Event level: potentials of store-all grow with T, those of levels do not."""
    reports = {(mode, steps): run_of(mode, steps) for mode in ("bptt", "temporal_reversible") for steps in (3, 6)}
    peaks = {key: _membrane(report) for key, report in reports.items()}
    assert peaks["bptt", 6] > 1.5 * peaks["bptt", 3]
    assert peaks["temporal_reversible", 6] == peaks["temporal_reversible", 3] < peaks["bptt", 3]
    rows = reports["temporal_reversible", 3].tasks
    assert sum(row.pass_ == "R" and row.part == "synapse" for row in rows) == 2 * 3
    assert sum(row.pass_ == "I" and row.layer == "c2" for row in rows) == 3
    stored, back = (reports[mode, 3].totals.total_cycles for mode in ("bptt", "temporal_reversible"))
    assert back > stored


def _membrane(report: Report) -> int:
    assert report.memory is not None
    return next(entry.peak_bytes for entry in report.memory.classes if entry.operand == "membrane")
