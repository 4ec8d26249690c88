"""Blocks undone by their couplings: gradients of store-all, streams given back, what is kept, what is refused."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from simsnn.api import load, simulate
from simsnn.costs import OperandClass
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.training.model import Model, State
from simsnn.training.modes.block_reversing import BlockReversed
from simsnn.training.modes.run import mode_step
from simsnn.training.modes.step import ModeStep, StepInputs
from simsnn.training.modes.store_all import StoreAll
from simsnn.training.recording import record_step
from simsnn.training.tape import Array
from simsnn.workload.backward_modes import BackwardMode, BlockReversible, Bptt
from simsnn.workload.couplings import Coupling, ReversibleSequence, reversible_sequences
from simsnn.workload.encoding import Encoding
from simsnn.workload.mode_checks import own_gradients
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.presets import GENERATORS
from simsnn.workload.recompute import repeats_products
from simsnn.workload.step_tensors import StepScope
from simsnn.workload.training_step import micro_batches, step_by_step
from tests import pipelines
from tests.experiments import SYNTHETIC
from tests.reversible_networks import FORGETS, IF, built, coupled, coupled_layers, half_pair
from tests.unit.test_mode_operations import ALL, RULE, WIDTHS

T, B = 5, 3
LABELS = np.array([0, 3, 1])
FUSED, SEPARATE = BlockReversible(kind="block_reversible"), BlockReversible(kind="block_reversible", form="separate")
BOTH = pytest.mark.parametrize("mode", [FUSED, SEPARATE], ids=["fused", "separate"])
PSU = {"kind": "psu", "threshold": 1.0, "tau": 2.0}
HARD = {**IF, "reset": "hard", "detach_reset": False}


def preset(name: str, shape: tuple[int, ...] = (2, 8, 8), classes: int = 4, norm: bool = True) -> Network:
    document = NetworkConfig.model_validate(GENERATORS.get(name)(shape, classes, norm))
    return build_network(document, Format.real(8), 32)


def inputs_of(network: Network, *, whole: bool, dtype: type = np.float64) -> tuple[Model, State, Array]:
    """Model, state and input: integers over a power of two (``whole``), whose products never round, or anything."""
    rng, model = np.random.default_rng(7), Model(network, T, dtype)
    count, shape = model.layout.size, (T, B, 8, 8, 2)
    values = rng.integers(-6, 9, count) / 16 if whole else rng.normal(size=count) / 2
    x = rng.integers(0, 4, shape) / 2 if whole else rng.random(shape)
    return model, State(values.astype(dtype), model.initial_statistics()), x.astype(dtype)


def step_of(network: Network, mode: BackwardMode, *, whole: bool, dtype: type = np.float64) -> ModeStep:
    model, state, x = inputs_of(network, whole=whole, dtype=dtype)
    return mode_step(model, state, x, LABELS, "cross_entropy", mode, keep=True)


@BOTH
@pytest.mark.parametrize("neuron", [IF, HARD, FORGETS, PSU], ids=["soft", "hard", "no memory", "psu"])
def test_on_a_grid_the_gradient_is_that_of_store_all(mode: BackwardMode, neuron: dict[str, Any]) -> None:
    network = coupled(neuron=neuron)
    want, got = step_of(network, Bptt(), whole=True), step_of(network, mode, whole=True)
    assert np.abs(want.gradients.vector).max() > 0
    np.testing.assert_array_equal(want.gradients.vector, got.gradients.vector)
    assert (want.loss, got.leftover) == (got.loss, 0.0)
    for one, other in zip(want.gradients.layers, got.gradients.layers, strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.current, other.current)


@BOTH
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-9), (np.float32, 1e-5)], ids=["fp64", "fp32"])
def test_float_streams_come_close_and_say_how_close(mode: BackwardMode, dtype: type, near: float) -> None:
    """Measured: largest error 1e-15 of the largest gradient in fp64, 4e-7 in fp32; no spike flipped."""
    for network in (coupled("training", pairs=4), preset("rev_resnet11")):
        want, got = (step_of(network, m, whole=False, dtype=dtype) for m in (Bptt(), mode))
        scale = np.abs(want.gradients.vector).max()
        assert scale > 1e-3
        assert np.abs(want.gradients.vector - got.gradients.vector).max() < near * scale
        assert got.leftover is not None
        assert 0 < got.leftover < 64 * np.finfo(dtype).eps


class Watched(BlockReversed):
    """Remembers every stream it gave back."""

    def _undo(self, coupling: Coupling) -> None:
        super()._undo(coupling)
        self.seen: dict[int, Array] = {**getattr(self, "seen", {}), coupling.stream: self.streams[coupling.stream]}

    def _finish(self, sequence: ReversibleSequence) -> None:
        """Drop nothing."""


@pytest.mark.parametrize(("norm", "whole"), [("none", True), ("training", False), ("frozen", False)])
def test_every_stream_given_back_is_what_it_was(norm: str, whole: bool) -> None:
    network = coupled(norm, pairs=3)
    model, state, x = inputs_of(network, whole=whole)
    step = StepInputs(model, state.parameters, state.statistics, x)
    stored, run = StoreAll(step), Watched(step, FUSED)
    (sequence,) = reversible_sequences(network.layers)
    for coupling in reversed(sequence.couplings):
        run.tape(network.layers[coupling.sum])
    assert list(run.seen) == list(sequence.given_back)
    for index, value in run.seen.items():
        had = stored.all[index].output
        np.testing.assert_allclose(value, had, rtol=0, atol=0 if whole else 1e-13)


def test_nothing_inside_a_sequence_outlives_the_forward_pass() -> None:
    network = coupled("training")
    model, state, x = inputs_of(network, whole=False)
    run = BlockReversed(StepInputs(model, state.parameters, state.statistics, x), FUSED)
    outside = {layer.index for layer in network.layers if not layer.name.startswith(("f1", "f2", "g"))}
    assert set(run.stored) == outside
    assert {network.layers[index].name for index in run.streams} == {"f2_add", "g2_add"}
    for name in ("x1_bn", "x2_bn"):  # what had entered is given back, so it is not held either
        assert run.stored[network.layer(name).index].output.strides == (0,) * 5
    assert all(state is None or not state.x_hat.size for state in run.moments)


@pytest.mark.parametrize(("mode", "times"), [(Bptt(), 1), (FUSED, 2), (SEPARATE, 3)], ids=["bptt", "fused", "separate"])
def test_how_often_branches_run(mode: BackwardMode, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, plain = Counter[str](), Model.layer_value

    def counted(self: Model, layer: Any, *rest: Any, **more: Any) -> Any:
        runs[layer.name] += 1
        return plain(self, layer, *rest, **more)

    monkeypatch.setattr(Model, "layer_value", counted)
    step_of(coupled(), mode, whole=True)
    assert {runs[name] for name in ("f1_n", "f1_conv", "g1_conv", "f2_conv", "g2_conv")} == {times}
    assert {runs[name] for name in ("f1_add", "n1", "pool", "out")} == {1}


@BOTH
def test_stored_moments_are_updated_once(mode: BackwardMode) -> None:
    network = coupled("training")
    model, state, _ = inputs_of(network, whole=False)
    want, got = (model.updated(state.statistics, step_of(network, m, whole=False).moments) for m in (Bptt(), mode))
    compared = [(a, b) for a, b in zip(want, got, strict=True) if a is not None and b is not None]
    assert len(compared) == 6
    for a, b in compared:
        np.testing.assert_array_equal(a.mean, b.mean)
        np.testing.assert_array_equal(a.variance, b.variance)


def test_streams_are_all_that_a_longer_sequence_does_not_add() -> None:
    """Kept: two streams of 4 x 8 x 8, whatever the number of pairs; store-all keeps a neuron per coupling."""
    found = {
        (mode.kind, pairs): step_of(coupled(pairs=pairs), mode, whole=True).kept
        for mode in (Bptt(), FUSED)
        for pairs in (1, 4)
    }
    slots = T * B
    for pairs in (1, 4):
        kept = found["block_reversible", pairs]
        assert kept.elements(OperandClass.CURRENTS) == 2 * 256 * slots
        assert kept.elements(OperandClass.MEMBRANE) == 2 * 256 * slots
        assert found["bptt", pairs].elements(OperandClass.MEMBRANE) == (2 + 2 * pairs) * 256 * slots


def test_delayed_weights_are_read_by_the_gradient_alone() -> None:
    model, state, x = inputs_of(coupled(), whole=True)
    older = state.parameters + 0.25
    steps = [mode_step(model, state, x, LABELS, "mse", m, backward_parameters=older) for m in (Bptt(), FUSED)]
    np.testing.assert_array_equal(steps[0].gradients.vector, steps[1].gradients.vector)


def test_sequences_of_a_preset() -> None:
    network = preset("rev_resnet37", (3, 32, 32), 10)
    sequences = reversible_sequences(network.layers)
    assert [len(sequence.couplings) for sequence in sequences] == [2, 4, 6, 4]
    names = [layer.name for layer in network.layers]
    first = sequences[1].couplings[0]
    assert [names[i] for i in (first.sum, first.stream, first.source)] == ["s2p1f_add", "d2_1_bn", "d2_2_bn"]
    assert [names[i] for i in first.branch] == [
        "s2p1f_n", "s2p1f_conv1", "s2p1f_conv1_bn", "s2p1f_conv2", "s2p1f_conv2_bn",
    ]  # fmt: skip
    assert [names[i] for i in sequences[1].outputs] == ["s2p2g_add", "s2p2f_add"]
    assert [names[i] for i in sequences[0].entries] == ["stem1_bn", "stem2_bn"]


@pytest.mark.parametrize(("depth", "pairs"), [(21, (1, 1, 1, 1)), (37, (1, 2, 3, 2)), (109, (2, 4, 16, 4))])
def test_presets_have_the_weights_of_convolutions_over_both_streams(depth: int, pairs: tuple[int, ...]) -> None:
    widths = (64, 128, 256, 448)
    blocks = sum(count * 4 * 9 * width * width for count, width in zip(pairs, widths, strict=True))
    between = sum(2 * a * 2 * b for a, b in pairwise(widths))
    network = preset(f"rev_resnet{depth}", (3, 32, 32), 10, norm=False)
    assert network.parameters == 3 * 9 * 2 * widths[0] + blocks + between + 2 * widths[-1] * 10
    assert depth == 1 + 4 * sum(pairs) + 3 + 1
    assert all(layer.neuron is None for layer in network.layers if layer.kind == "add")


def test_a_large_input_is_narrowed_by_the_stem() -> None:
    network = preset("rev_resnet11", (3, 64, 64), 10)
    assert network.layer("s1p1f_add").out_shape == (8, 16, 16)
    assert network.layer("stem1_bn").neuron is None
    assert len(reversible_sequences(network.layers)) == 2


def test_neurons_stand_where_they_are_placed() -> None:
    network = coupled("training")
    fires = [layer.name for layer in network.layers if layer.neuron is not None]
    assert fires == ["f1_n", "g1_n", "f2_n", "g2_n", "n1", "n2"]
    with pytest.raises(ConfigError, match="'n' of kind neuron is nothing without"):
        built([{"name": "n", "kind": "neuron", "neuron": "none"}, {"name": "f", "kind": "flatten"}], IF)


def test_units_on_the_input_learn() -> None:
    """A neuron layer on the network's input: its units have gradients, and its operations run."""
    layers = [{"name": "n", "kind": "neuron", "neuron": {**PSU, "kind": "ipsu"}}]
    layers += [{"name": "flat", "kind": "flatten"}, {"name": "out", "kind": "linear", "features": 4}]
    network = built(layers, IF)
    step = step_of(network, Bptt(), whole=False)
    model = Model(network, T)
    assert np.abs(model.layout.neuron_view(step.gradients.vector, 0)).max() > 0


X1, X2 = ({"name": name, "kind": "conv2d", "channels": 2, "kernel": 1, "inputs": ["input"]} for name in ("x1", "x2"))
HEAD = [{"name": "flat", "kind": "flatten"}, {"name": "out", "kind": "linear", "features": 4}]
ONE = half_pair("f", "x1", "x2")
ONE[1]["channels"] = 2
LAST = {"name": "z", "kind": "add", "inputs": ["f_add", "x2"], "neuron": "none"}


def with_sum(**more: Any) -> list[dict[str, Any]]:
    """The same with other keys of the marked sum, and another reader of the first stream."""
    other = {"name": "w", "kind": "add", "inputs": ["z", "x1"], "neuron": "none"}
    return [X1, X2, *ONE[:-1], {**ONE[-1], **more}, LAST, other, *HEAD]


REFUSED = {
    "a neuron": (with_sum(neuron=IF), "'f_add' is marked reversible and has a neuron"),
    "no branch": (with_sum(inputs=["f_conv", "x2"]), "its second input 'x2' is no branch"),
    "its own stream": (with_sum(inputs=["x2", "f_conv"]), "reads 'x2', the stream that it is added to"),
    "the input": (with_sum(inputs=["input", "f_conv"]), "takes the network's input as a stream"),
    "two sources": (
        [X1, X2, ONE[0], {**ONE[1], "channels": 2}, {"name": "x3", **{k: X1[k] for k in X1 if k != "name"}},
         {"name": "j", "kind": "add", "inputs": ["f_conv", "x3"], "neuron": "none"},
         {**ONE[2], "inputs": ["x1", "j"]}, {"name": "k", "kind": "add", "inputs": ["x3", "x2"], "neuron": "none"},
         {**LAST, "inputs": ["f_add", "k"]}, *HEAD],
        "its branch reads 'x2', 'x3'; a branch reads one stream",
    ),
    "another reader": (
        [X1, X2, *ONE, {"name": "s", "kind": "neuron", "inputs": ["x1"]},
         {"name": "y", "kind": "add", "inputs": ["f_add", "s"], "neuron": "none"}, {**LAST, "inputs": ["y", "x2"]},
         *HEAD],
        "its stream 'x1' is read by 's' as well",
    ),
    "spikes": ([{**X1, "neuron": IF}, X2, *ONE, LAST, *HEAD], "its stream 'x1' has a neuron"),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "says"), REFUSED.values(), ids=REFUSED)
def test_marks_that_are_no_coupling_are_refused(layers: list[dict[str, Any]], says: str) -> None:
    good = built([X1, X2, *ONE, LAST, *HEAD], IF)
    assert len(reversible_sequences(good.layers)) == 1
    with pytest.raises(ConfigError, match="is marked reversible and") as error:
        built(layers, IF)
    assert says in str(error.value)
    assert error.value.where.path.startswith("network.layers.")


def test_what_cannot_undo_blocks_is_refused() -> None:
    plain = built([X1, *HEAD], FORGETS)
    with pytest.raises(UnsupportedOperation, match="no layer of the network is marked reversible"):
        step_of(plain, FUSED, whole=True)
    scope = StepScope(T, B, ALL, Encoding.SEQUENCE, backward=FUSED)
    with pytest.raises(UnsupportedOperation, match="cannot be done step by step"):
        step_by_step(coupled(), scope, WIDTHS, RULE)
    with pytest.raises(UnsupportedOperation, match="pipedream runs the passes of every layer as tasks of their own"):
        micro_batches(coupled(), scope, WIDTHS, RULE, B, "pipedream")
    assert repeats_products(coupled(), FUSED)
    assert own_gradients(coupled(), FUSED)


def test_a_recorded_step_has_the_gradients_of_the_mode() -> None:
    network = preset("rev_resnet11")
    model, state, x = inputs_of(network, whole=False)
    recordings = [record_step(model, state, x, LABELS, "mse", mode) for mode in (Bptt(), FUSED)]
    assert [entry.layer for entry in recordings[0].layers] == [layer.name for layer in network.weight_layers]
    for one, other in zip(*(recording.layers for recording in recordings), strict=True):
        np.testing.assert_allclose(one.weight_gradient, other.weight_gradient, rtol=1e-9, atol=1e-12)
        assert (one.neuron is None) == one.layer.startswith("fc")


def test_blocks_run_on_a_machine() -> None:
    """Event level: the streams save stored bytes and cost cycles, a separate inverse costs more of them."""
    common = _small("training", 2)
    modes = ("{kind: bptt}", "{kind: block_reversible}", "{kind: block_reversible, form: separate}")
    runs = [simulate(load("quickstart", (*common, f"workload.backward={mode}"))[0]).report for mode in modes]
    cycles = [report.totals.total_cycles for report in runs]
    assert cycles[0] < cycles[1] < cycles[2]
    peaks = [report.memory.peak_bytes for report in runs if report.memory is not None]
    assert len(peaks) == 3
    assert peaks[1] < peaks[0]
    inverses = [row for row in runs[1].tasks if row.pass_ == "I"]
    assert [(row.layer, row.part) for row in inverses] == [(f"{n}_add", "residual") for n in ("g2", "f2", "g1", "f1")]
    assert sum(row.pass_ == "R" and row.part == "synapse" for row in runs[2].tasks) == 8


def test_blocks_run_group_by_group() -> None:
    """With frozen statistics sample groups follow one another, and do the same work as one group."""
    found, mode = [], "workload.backward={kind: block_reversible}"
    for group in (1, 2):
        schedule = f"schedule={{kind: engine_pipeline, group_samples: {group}}}"
        report = simulate(load("quickstart", (*_small("frozen", 2), mode, schedule))[0]).report
        found.append(Counter(f"{row.pass_} {row.layer}" for row in report.tasks if row.part == "synapse"))
    assert found[0] == {name: 2 * count for name, count in found[1].items()}


def test_stored_blocks_run_in_a_pipeline() -> None:
    """Two layers on the input, the first without anything to do in B: its task is empty, and takes no time."""
    documents = ", ".join(_yaml(layer) for layer in coupled_layers(pairs=1))
    network = f"network={{input: [2, 8, 8], neuron: {_yaml(IF)}, layers: [{documents}]}}"
    report = simulate(pipelines.experiment(network, "mapping.R={engine: array0}")).report
    assert report.pipeline is not None
    spans = {job.name: job.cycles for job in report.pipeline.jobs}
    assert spans["x1 B"] == 0
    assert spans["x2 B"] > 0
    assert spans["f1_conv B"] > 0


def _small(norm: str, batch: int) -> tuple[str, ...]:
    """Quickstart with coupled streams and synthetic activity."""
    documents = ", ".join(_yaml(layer) for layer in coupled_layers(norm))
    network = f"network={{input: [2, 8, 8], neuron: {_yaml(IF)}, layers: [{documents}]}}"
    return (SYNTHETIC, network, f"workload.batch={batch}", "mapping.R={engine: array0}")


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
