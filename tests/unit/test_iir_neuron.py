"""What an IIR neuron declares, what a file may say about it, and what a run makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from simsnn.api import simulate
from simsnn.commands.listing import catalogue, json_schema
from simsnn.config.loader import preset_names
from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import ConfigError
from simsnn.neurons import NEURONS
from simsnn.neurons.iir import MOST_TAPS, IirNeuron
from simsnn.neurons.lif import LifNeuron
from simsnn.neurons.surrogate import RectangleSurrogate, TriangleSurrogate
from simsnn.simulation import model_versions
from simsnn.workload.backward_modes import LayerCheckpoint
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.step_tensors import StepScope, Widths
from simsnn.workload.training_step import layer_by_layer, step_by_step
from tests.experiments import synthetic

WIDTHS = Widths(8, 8, 12, 16, 32, 32)
STEPS, BATCH, HIDDEN = 4, 8, 6
SCOPE = StepScope(STEPS, BATCH, frozenset({Pass.F, Pass.B, Pass.W}), Encoding.DIRECT)
COMMON: dict[str, Any] = {"threshold": 1.0, "reset": "soft", "detach_reset": True}
DUAL = "{kind: iir, feedback: [1.0, -0.21], feedforward: [0.5, 0.25], threshold: 1.0, reset: soft, detach_reset: true}"


def iir(a: tuple[float, ...], b: tuple[float, ...] = (1.0,), **more: Any) -> IirNeuron:
    return IirNeuron.model_validate({"feedback": a, "feedforward": b, **COMMON, **more})


def network(neuron: IirNeuron | LifNeuron) -> Network:
    layers = [{"name": "h", "kind": "linear", "features": HIDDEN}, {"name": "o", "kind": "linear", "features": 3}]
    document = {"input": [5], "layers": layers, "neuron": neuron.model_dump()}
    return build_network(NetworkConfig.model_validate(document), Format.real(8), 32)


def neurons(operations: tuple[Operation, ...], pass_: Pass) -> list[VectorOperation]:
    found = [op for op in operations if isinstance(op, VectorOperation) and op.part is TaskPart.NEURON]
    return [op for op in found if op.pass_ is pass_]


@pytest.mark.parametrize("leak", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("reset", ["soft", "none"])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("surrogate", [TriangleSurrogate(), RectangleSurrogate()], ids=lambda s: s.kind)
def test_order_one_costs_what_lif_costs(leak: float, reset: Any, detach: bool, surrogate: Any) -> None:
    lif = LifNeuron(leak=leak, threshold=1.0, reset=reset, detach_reset=detach, surrogate=surrogate)
    one = iir((leak,), reset=reset, detach_reset=detach, surrogate=surrogate)
    assert (one.forward_counts, one.backward_counts) == (lif.forward_counts, lif.backward_counts)
    assert (one.forward_state_words, one.backward_state_words) == (1, 1)
    assert one.stashes_mask_only == lif.stashes_mask_only


def test_arithmetic_follows_the_taps() -> None:
    """P = 2, Q = 2, one tap of 1: four multiplies and four adds a sum, then threshold and reset."""
    taps = ((0.9, -0.2), (1.0, 0.5, 0.25))
    assert iir(*taps, reset="none").forward_counts == OperationCounts(add=4, multiply=4, compare=1)
    assert iir(*taps).forward_counts == OperationCounts(add=5, multiply=4, compare=1, select=1)
    again = iir(*taps, reset_coefficient="threshold")
    assert again.forward_counts == OperationCounts(add=5, multiply=4, compare=2, select=1)
    surrogate = TriangleSurrogate.counts
    assert iir(*taps).backward_counts == surrogate + OperationCounts(add=4, multiply=5)
    assert iir(*taps, detach_reset=False).backward_counts == surrogate + OperationCounts(add=5, multiply=6)


@pytest.mark.parametrize(("a", "b", "words"), [((0.5,), (1.0,), (1, 1)), ((1.0, -0.21), (1.0,), (2, 2)),
                                               ((0.5,), (1.0, 0.5, 0.2), (3, 2)),
                                               ((1.0, -0.21), (0.5, 0.5), (3, 2))])  # fmt: skip
def test_state_words_stand_in_every_schedule(
    a: tuple[float, ...], b: tuple[float, ...], words: tuple[int, int]
) -> None:
    """P + Q words forwards, max(P, Q) backwards; both at once where the potentials are made again."""
    net = network(iir(a, b))
    whole = layer_by_layer(net, SCOPE, WIDTHS, None)
    (forward,), (backward,) = neurons(whole, Pass.F), neurons(whole, Pass.B)
    assert (forward.state_bits, backward.state_bits) == (12 * words[0], 12 * words[1])
    assert (forward.steps, backward.steps, forward.reverse, backward.reverse) == (STEPS, STEPS, False, True)
    (again,) = neurons(layer_by_layer(net, replace(SCOPE, backward=LayerCheckpoint()), WIDTHS, None), Pass.B)
    assert (again.state_bits, again.kept_bits) == (12 * sum(words), 12)
    single = step_by_step(net, SCOPE, WIDTHS, None)
    for pass_, name, role, count in (
        (Pass.F, "h.state", OperandClass.MEMBRANE, words[0]),
        (Pass.B, "h.carry", OperandClass.GRADIENTS, words[1]),
    ):
        operations = neurons(single, pass_)
        assert len(operations) == STEPS
        for operation in operations:
            (read,) = [o for o in operation.reads if o.tensor == name]
            assert read in operation.writes
            assert (read.role, read.elements, read.bits) == (role, HIDDEN * BATCH, 12 * count)
            assert operation.state_bits == 0


def refusal(*overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        synthetic(f"network.neuron={DUAL}", *overrides)
    return caught.value


def test_an_unstable_filter_is_refused_where_it_stands() -> None:
    error = refusal("network.neuron.feedback=[1.2, 0.3]")
    assert error.where.path == "network.neuron.feedback"
    assert "magnitude 1.412" in error.message
    layer = refusal(f"network.layers.0.neuron={DUAL}", "network.layers.0.neuron.feedback=[-1.01]")
    assert layer.where.path == "network.layers.0.neuron.feedback"
    assert "magnitude 1.01," in layer.message


@pytest.mark.parametrize("taps", [(1.0,), (-1.0,), (2.0, -1.0), (0.5, 0.5), (0.0,), (1.98, -0.9801)])
def test_poles_on_the_unit_circle_are_taken(taps: tuple[float, ...]) -> None:
    assert iir(taps).feedback == taps


@pytest.mark.parametrize(("key", "value", "path", "words"), [
    ("feedback", "[]", "network.neuron.feedback", "at least 1"),
    ("feedback", f"[{', '.join(['0.01'] * (MOST_TAPS + 1))}]", "network.neuron.feedback", "at most 16"),
    ("feedforward", "[0, 0.0]", "network.neuron.feedforward", "never sees its current"),
    ("reset", "hard", "network.neuron.reset", "'hard' is not allowed"),
    ("reset_coefficient", "leak", "network.neuron.reset_coefficient", "'leak' is not allowed"),
    ("threshold", "0", "network.neuron.threshold", "greater than 0"),
    ("leak", "0.5", "network.neuron.leak", "unknown key"),
    ("kind", "iirr", "network.neuron.kind", "unknown kind 'iirr'"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(key: str, value: str, path: str, words: str) -> None:
    error = refusal(f"network.neuron.{key}={value}")
    assert error.where.path == path
    assert words in f"{error.message} {error.allowed}"


def test_infinite_taps_are_refused() -> None:
    with pytest.raises(ValidationError):
        iir((float("inf"),))


def test_it_is_listed_and_in_the_schema() -> None:
    assert {"lif", "iir"} <= set(catalogue("neurons")["neurons"])
    assert "digits_iir" in preset_names("networks")
    for what in ("network", "experiment"):
        definitions = json_schema(what)["$defs"]
        assert {"IirNeuron", "LifNeuron"} <= set(definitions)
        assert set(definitions["IirNeuron"]["properties"]) == set(IirNeuron.model_fields)


@pytest.mark.parametrize("name", NEURONS.names())
def test_every_registered_neuron_is_a_choice_of_the_network_file(name: str) -> None:
    model = NEURONS.get(name)
    values = {"leak": 0.5, "feedback": [0.5], "order": 2, **COMMON}
    own = {field: values[field] for field, info in model.model_fields.items() if info.is_required()}
    document = {"input": [4], "layers": [], "neuron": {"kind": name, **own}}
    assert isinstance(NetworkConfig.model_validate_json(json.dumps(document)).neuron, model)


def test_order_one_runs_as_lif_does() -> None:
    """Same arithmetic, same state: the same cycles and energy in every pass."""
    lif = simulate(synthetic("network.neuron.reset=soft", "simulation.level=closed_form")).report
    one = "{kind: iir, feedback: [0.5], threshold: 0.5, reset: soft, detach_reset: true}"
    found = simulate(synthetic(f"network.neuron={one}", "simulation.level=closed_form")).report
    assert found.totals.total_cycles == lif.totals.total_cycles
    assert found.totals.total_energy_pj == lif.totals.total_energy_pj


def test_more_taps_take_more_cycles_and_another_version_entry() -> None:
    lif = simulate(synthetic("simulation.level=closed_form"))
    found = simulate(synthetic(f"network.layers.0.neuron={DUAL}", "simulation.level=closed_form"))
    assert found.report.totals.total_cycles > lif.report.totals.total_cycles
    assert model_versions(found.prepared).keys() - model_versions(lif.prepared).keys() == {"neuron.iir"}
