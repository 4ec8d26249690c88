"""Operations of a training step: every tensor is written before it is read, every parameter updated once."""

from __future__ import annotations

import json

import pytest

from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
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


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_products_are_those_of_every_layer_but_b_of_the_first(name: str, norm: bool) -> None:
    net = network(name, norm)
    products = [(op.layer, op.pass_) for op in step(net) if isinstance(op, GemmOperation)]
    first, *rest = [layer.name for layer in net.weight_layers]
    expected = {(layer, p) for layer in (first, *rest) for p in (Pass.F, Pass.W)} | {(r, Pass.B) for r in rest}
    assert len(products) == len(expected)
    assert set(products) == expected


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
    reductions = [op for op in sliced if op.part is TaskPart.REDUCE]
    assert len(reductions) == 2 * len(net.weight_layers)


def test_step_by_step_refuses_statistics_over_time() -> None:
    with pytest.raises(UnsupportedOperation, match="statistics span all time steps"):
        step_by_step(network("vgg5", True), StepScope(3, 8, ALL, Encoding.DIRECT), WIDTHS, RULE)
