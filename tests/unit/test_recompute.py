"""Pass R: what is stored no more, what is made again, what keeps its stash."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from simsnn.config.experiment import WorkloadConfig
from simsnn.costs import Action, OperandClass, OperationCounts
from simsnn.engines.vector_unit import VectorUnit
from simsnn.engines.vector_unit_config import VectorUnitConfig
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.workload.backward_modes import BackwardMode, Bptt, LayerCheckpoint, Stash
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import GemmOperation, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.presets import GENERATORS
from simsnn.workload.recompute import kept_stashes
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer, step_by_step

WIDTHS = Widths(8, 8, 16, 16, 32, 32)
RULE = UpdateRule(0, OperationCounts(add=1, multiply=1))
ALL = frozenset({Pass.F, Pass.B, Pass.W, Pass.U})
STEPS, BATCH = 4, 8
CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1}
LINEAR = [{"name": "f", "kind": "flatten"}, {"name": "o", "kind": "linear", "features": 3}]
TRIANGLE = {"kind": "triangle", "width": 1.0}
RECTANGLE = {"kind": "rectangle", "width": 1.0}


def net(*layers: dict[str, object], surrogate: dict[str, object] = TRIANGLE) -> Network:
    document = GENERATORS.get("mlp")((2, 8, 8), 3, False)
    neuron = {"kind": "lif", "leak": 0.5, "threshold": 1.0, "reset": "hard", "detach_reset": True}
    document |= {"layers": [*layers, *LINEAR], "neuron": {**neuron, "surrogate": surrogate}}
    return build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)


PLAIN = net({"name": "a", **CONV}, {"name": "p", "kind": "max_pool", "kernel": 2}, {"name": "b", **CONV})


def step(network: Network = PLAIN, mode: BackwardMode = LayerCheckpoint()) -> tuple[Operation, ...]:
    return layer_by_layer(network, StepScope(STEPS, BATCH, ALL, Encoding.DIRECT, backward=mode), WIDTHS, RULE)


def neuron(operations: tuple[Operation, ...], layer: str, pass_: Pass = Pass.B) -> VectorOperation:
    (found,) = [op for op in operations if (op.layer, op.pass_, op.part) == (layer, pass_, TaskPart.NEURON)]
    assert isinstance(found, VectorOperation)
    return found


def again(operations: tuple[Operation, ...]) -> list[tuple[str, TaskPart]]:
    return [(op.layer, op.part) for op in operations if op.pass_ is Pass.R]


def test_membranes_are_not_stored_but_spikes_are() -> None:
    stored, made = step(mode=Bptt()), step()
    assert {o.role for o in writes(neuron(stored, "a", Pass.F))} == {OperandClass.SPIKES, OperandClass.MEMBRANE}
    assert {o.role for o in writes(neuron(made, "a", Pass.F))} == {OperandClass.SPIKES}
    assert not any(o.role is OperandClass.MEMBRANE for op in made for o in (*reads(op), *writes(op)))
    assert not again(stored)


def test_the_product_of_f_stands_again_right_before_the_neuron_backward() -> None:
    made = step()
    order = [(op.layer, op.pass_, op.part) for op in made]
    for layer in ("a", "b"):
        place = order.index((layer, Pass.R, TaskPart.SYNAPSE))
        assert order[place + 1] == (layer, Pass.B, TaskPart.NEURON)
        forward = next(op for op in made if (op.layer, op.pass_) == (layer, Pass.F))
        repeated = made[place]
        assert isinstance(repeated, GemmOperation)
        assert isinstance(forward, GemmOperation)
        assert replace(repeated, pass_=Pass.F, output=forward.output) == forward
        assert repeated.output.tensor == f"{layer}.recomputed"
        assert (repeated.output.role, repeated.output.bytes) == (forward.output.role, forward.output.bytes)
    assert len(again(made)) == 2


def test_the_neuron_backward_does_both_directions_and_keeps_all_steps() -> None:
    stored, made = neuron(step(mode=Bptt()), "b"), neuron(step(), "b")
    model = next(layer for layer in PLAIN.layers if layer.name == "b").neuron
    assert model is not None
    assert made.counts == model.forward_counts + model.backward_counts == model.forward_counts + stored.counts
    assert [o.tensor for o in made.reads] == ["o.dinput", "b.recomputed"]
    assert (made.state_bits, made.kept_bits, made.held_bits) == (2 * 16, 16, (STEPS + 2) * 16)
    assert stored.held_bits == 16


@pytest.mark.parametrize("order", ["t_inner", "t_outer"])
def test_kept_potentials_are_written_and_read_once_per_step(order: str) -> None:
    config = {"name": "v", "kind": "vector_unit", "lanes": 4, "ops_per_cycle": 4, "pipeline_cycles": 4, "order": order}
    config |= {"block_slots": 8} if order == "t_inner" else {}
    plan = VectorUnit(VectorUnitConfig.model_validate(config)).plan(neuron(step(), "b"))
    bare = replace(plan, operation=replace(plan.operation, kept_bits=0))
    done = plan.operation.elements * STEPS
    if order == "t_inner":
        both = plan.actions().counts, bare.actions().counts
        kept = {key.name: count - dict(both[1]).get(key, 0) for key, count in both[0] if key.component == "lane_state"}
        assert {name: count for name, count in kept.items() if count} == {
            f"lane_state.{action.value}_16": done for action in (Action.REGISTER_READ, Action.REGISTER_WRITE)
        }
        assert not plan.holds(0)
        return
    (access,) = set(plan.buffer_accesses()) - set(bare.buffer_accesses())
    assert (access.role, access.bits, access.read_elements, access.written_elements) == (
        OperandClass.MEMBRANE,
        16,
        done,
        done,
    )
    assert sum(t.bytes for t in plan.holds(0)) * 8 == plan.operation.elements * plan.operation.held_bits
    assert len(plan.port_demand()) == len(bare.port_demand()) + 1


def test_a_mask_bit_is_kept_and_said_so() -> None:
    network = net({"name": "a", **CONV}, {"name": "b", **CONV}, surrogate=RECTANGLE)
    assert step(network) == step(network, Bptt())
    assert kept_stashes(network) == ("a", "b")
    assert kept_stashes(PLAIN) == ()


@pytest.mark.parametrize(("mode", "parts"), [("frozen", ["synapse", "normalisation"]), ("training", ["normalisation"])])
def test_normalisation_between_product_and_neuron_is_made_again(mode: str, parts: list[str]) -> None:
    network = net({"name": "a", **CONV}, {"name": "n", "kind": "batch_norm", "mode": mode}, {"name": "b", **CONV})
    made = [op for op in step(network) if op.pass_ is Pass.R and op.layer in ("a", "n")]
    assert [op.part.value for op in made] == parts
    source = "a.recomputed" if mode == "frozen" else "a.current"
    assert source in {o.tensor for o in reads(made[-1])}
    assert neuron(step(network), "n").reads[1].tensor == "n.recomputed"


def test_a_residual_sum_before_a_neuron_is_made_again() -> None:
    network = net(
        {"name": "a", **CONV},
        {"name": "b", **CONV},
        {"name": "c", **CONV},
        {"name": "s", "kind": "add", "inputs": ["c", "a"]},
    )
    assert ("s", TaskPart.RESIDUAL) in again(step(network))


@pytest.mark.parametrize("name", GENERATORS.names())
@pytest.mark.parametrize("norm", [False, True])
def test_every_preset_reads_only_what_was_written(name: str, norm: bool) -> None:
    document = GENERATORS.get(name)((3, 32, 32), 10, norm)
    network = build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)
    written: set[str] = set()
    for operation in step(network):
        for operand in reads(operation):
            outside = operand.role in (OperandClass.WEIGHTS, OperandClass.OPTIMIZER_STATE) or operand.tensor == "input"
            assert outside or operand.tensor in written, f"{operation.layer} {operation.pass_} reads {operand.tensor}"
        written |= {operand.tensor for operand in writes(operation)}


def test_step_by_step_refuses_it_and_groups_do_not() -> None:
    scope = StepScope(STEPS, BATCH, ALL, Encoding.DIRECT, backward=LayerCheckpoint())
    with pytest.raises(UnsupportedOperation, match="makes things again"):
        step_by_step(PLAIN, scope, WIDTHS, RULE)
    grouped = EnginePipeline(group_samples=4).operations(PLAIN, scope, WIDTHS, RULE)
    made = [op for op in grouped if op.pass_ is Pass.R]
    assert [(op.layer, op.extent.samples if op.extent else None) for op in made] == [
        (layer, samples) for samples in ((0, 4), (4, 8)) for layer in ("b", "a")
    ]


def test_inference_makes_nothing_again() -> None:
    scope = StepScope(STEPS, BATCH, frozenset({Pass.F}), Encoding.DIRECT, backward=LayerCheckpoint())
    assert {op.pass_ for op in layer_by_layer(PLAIN, scope, WIDTHS, None)} == {Pass.F}


def test_pass_r_is_asked_for_by_the_stash_alone() -> None:
    with pytest.raises(ValueError, match="added by backward modes"):
        WorkloadConfig.model_validate({"passes": ["F", "B", "W", "U", "R"]})
    assert WorkloadConfig.model_validate({"stash": "recompute"}).stash is Stash.RECOMPUTE
