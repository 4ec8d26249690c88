"""Operations of a training step: every tensor is written before it is read, every parameter updated once."""

from __future__ import annotations

import json

import pytest

from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Layer, Network, NetworkConfig, build_network
from simsnn.workload.operation import GemmOperation, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.presets import GENERATORS
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer, step_by_step

WIDTHS = Widths(8, 8, 16, 16, 32, 32)
RULE = UpdateRule(2, OperationCounts(add=3, multiply=5))
ALL = frozenset({Pass.F, Pass.B, Pass.W, Pass.U})
OUTSIDE = {OperandClass.WEIGHTS, OperandClass.OPTIMIZER_STATE}


def network(name: str, norm: bool) -> Network:
    document = GENERATORS.get(name)((3, 32, 32), 10, norm)
    return build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)


def step(net: Network, passes: frozenset[Pass] = ALL, timesteps: int = 4) -> tuple[Operation, ...]:
    return layer_by_layer(net, StepScope(timesteps, 8, passes, Encoding.DIRECT), WIDTHS, RULE)


CASES = [(name, norm) for name in GENERATORS.names() for norm in (False, True)]


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_every_tensor_is_written_before_it_is_read_and_read_after(name: str, norm: bool) -> None:
    written: set[str] = set()
    read: set[str] = set()
    for operation in step(network(name, norm)):
        for operand in reads(operation):
            known = operand.tensor in written or operand.role in OUTSIDE or operand.tensor == "input"
            assert known, f"{operation.layer} {operation.pass_} {operation.part} reads {operand.tensor}"
            read.add(operand.tensor)
        written |= {operand.tensor for operand in writes(operation)}
    assert written <= read


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_every_parameter_is_updated_once(name: str, norm: bool) -> None:
    net = network(name, norm)
    updates = [op for op in step(net) if op.part is TaskPart.UPDATE]
    assert sum(op.elements for op in updates if isinstance(op, VectorOperation)) == net.parameters


def reads_the_input(net: Network, layer: Layer) -> bool:
    index = layer.inputs[0]
    return index < 0 or (net.layers[index].kind == "flatten" and net.layers[index].inputs == (-1,))


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_products_are_those_of_every_layer_but_b_of_the_first(name: str, norm: bool) -> None:
    net = network(name, norm)
    products = [(op.layer, op.pass_) for op in step(net) if isinstance(op, GemmOperation)]
    names = [layer.name for layer in net.weight_layers]
    first = [layer.name for layer in net.weight_layers if reads_the_input(net, layer)]
    rest = [name for name in names if name not in first]
    expected = {(name, p) for name in names for p in (Pass.F, Pass.W)} | {(name, Pass.B) for name in rest}
    assert first
    assert len(products) == len(expected)
    assert set(products) == expected


CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1}
ODD = {
    "residual sum with a neuron": [
        {"name": "a", **CONV},
        {"name": "n", "kind": "batch_norm"},
        {"name": "b", **CONV},
        {"name": "s", "kind": "add", "inputs": ["b", "n"]},
        {"name": "f", "kind": "flatten"},
        {"name": "o", "kind": "linear", "features": 3},
    ],
    "flatten with two readers": [
        {"name": "a", **CONV},
        {"name": "f", "kind": "flatten"},
        {"name": "x", "kind": "linear", "features": 3, "inputs": ["f"]},
        {"name": "y", "kind": "linear", "features": 3, "inputs": ["f"]},
        {"name": "s", "kind": "add", "inputs": ["x", "y"]},
    ],
    "flatten at the end": [{"name": "a", **CONV}, {"name": "b", **CONV}, {"name": "f", "kind": "flatten"}],
    "normalisation first": [
        {"name": "n", "kind": "batch_norm"},
        {"name": "f", "kind": "flatten"},
        {"name": "o", "kind": "linear", "features": 3},
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_write_before_they_read_as_well(name: str) -> None:
    document = {**GENERATORS.get("mlp")((2, 8, 8), 3, False), "layers": ODD[name]}
    net = build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)
    written: set[str] = set()
    for operation in step(net):
        for operand in reads(operation):
            known = operand.tensor in written or operand.role in OUTSIDE or operand.tensor == "input"
            assert known, f"{operation.layer} {operation.pass_} {operation.part} reads {operand.tensor}"
        written |= {operand.tensor for operand in writes(operation)}
    updates = [op for op in step(net) if op.part is TaskPart.UPDATE]
    assert sum(op.elements for op in updates if isinstance(op, VectorOperation)) == net.parameters


def test_a_residual_sum_in_front_of_a_neuron_is_as_wide_as_a_current() -> None:
    (sum_,) = [
        op
        for op in step(network("resnet18", True))
        if (op.layer, op.part) == ("s1b1_add", TaskPart.RESIDUAL) and op.pass_ is Pass.F
    ]
    (out,) = writes(sum_)
    assert (out.bits, out.role) == (32, OperandClass.CURRENTS)


def test_the_loss_waits_for_every_time_step() -> None:
    net, scope = network("vgg5", False), StepScope(3, 8, ALL, Encoding.DIRECT)
    losses = [op for op in step_by_step(net, scope, WIDTHS, RULE) if op.part is TaskPart.LOSS]
    assert len(losses) == 3
    assert all({o.tensor for o in reads(op)} == {f"fc2.current@{t}" for t in range(3)} for op in losses)


def test_an_identity_shortcut_sums_gradients_before_the_neuron() -> None:
    order = [(op.layer, op.part) for op in step(network("resnet18", True)) if op.pass_ is Pass.B]
    at = order.index(("s1b1_add", TaskPart.RESIDUAL))
    assert order[at + 1] == ("s1b1_add", TaskPart.NEURON)


def test_inference_writes_no_stash_and_no_routes() -> None:
    names = {operand.tensor for op in step(network("vgg9", False), frozenset({Pass.F})) for operand in writes(op)}
    assert not any(name.endswith((".membrane", ".mask", ".route")) for name in names)


def test_step_by_step_does_the_same_products_in_slices() -> None:
    net, scope = network("vgg5", False), StepScope(3, 8, ALL, Encoding.DIRECT)
    sliced = step_by_step(net, scope, WIDTHS, RULE)
    whole = layer_by_layer(net, scope, WIDTHS, RULE)

    def slots(operations: tuple[Operation, ...], layer: str, pass_: Pass) -> int:
        found = [op for op in operations if isinstance(op, GemmOperation)]
        return sum(op.slots for op in found if (op.layer, op.pass_) == (layer, pass_))

    for layer in net.weight_layers:
        for pass_ in (Pass.F, Pass.B, Pass.W):
            assert slots(sliced, layer.name, pass_) == slots(whole, layer.name, pass_)
    first, *_ = net.weight_layers
    added = [
        (op.layer, op.extent, op.accumulates) for op in sliced if isinstance(op, GemmOperation) and op.pass_ is Pass.W
    ]
    steps = [(extent.steps, accumulates) for layer, extent, accumulates in added if layer == first.name and extent]
    assert steps == [((2, 3), False), ((1, 2), True), ((0, 1), True)]
    assert sum(accumulates for _, _, accumulates in added) == 2 * len(net.weight_layers)
    assert not any(op.accumulates for op in whole if isinstance(op, GemmOperation))


def test_step_by_step_refuses_statistics_over_time() -> None:
    with pytest.raises(UnsupportedOperation, match="statistics span all time steps"):
        step_by_step(network("vgg5", True), StepScope(3, 8, ALL, Encoding.DIRECT), WIDTHS, RULE)
