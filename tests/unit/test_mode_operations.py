"""Operations of every backward mode: how often synapses run, what is kept, that nothing is read too early."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.workload.backward_modes import (
    BackwardMode,
    BlockReversible,
    Bptt,
    LayerCheckpoint,
    Ottt,
    ReversibleMode,
    Sltt,
    TemporalReversible,
    TimeCheckpoint,
)
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Network
from simsnn.workload.operation import GemmOperation, Operand, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer, micro_batches, step_by_step
from tests.reversible_networks import coupled, levels
from tests.unit.test_backward_modes import NEURONS, NODE, PLAIN, RESIDUAL, B, T, _integer_neuron, network_of, step_in

ALL = frozenset({Pass.F, Pass.B, Pass.W, Pass.U})
WIDTHS = Widths(8, 8, 16, 16, 32, 32)
RULE = UpdateRule(1, OperationCounts(add=1))
LIF = NEURONS["lif"]
CASES: list[tuple[BackwardMode, dict[str, Any]]] = [
    (Bptt(), LIF),
    (LayerCheckpoint(), LIF),
    (LayerCheckpoint(every=2), LIF),
    (LayerCheckpoint(every=9), LIF),
    (TimeCheckpoint(kind="time_checkpoint", segment=4), LIF),
    (TimeCheckpoint(kind="time_checkpoint", segment=4, currents="keep"), LIF),
    (Bptt(), NODE),
    (ReversibleMode(kind="reversible"), NODE),
    (ReversibleMode(kind="reversible", form="plain"), NODE),
    (ReversibleMode(kind="reversible", anchor=2), NODE),
    (ReversibleMode(kind="reversible"), _integer_neuron("lif_integer")),
    (ReversibleMode(kind="reversible", form="plain"), _integer_neuron("lif_integer")),
    (ReversibleMode(kind="reversible"), _integer_neuron("reversible_integer")),
]
IDS = [f"{mode.kind}-{mode!s}-{neuron['kind']}" for mode, neuron in CASES]
ONLINE = [Sltt(kind="sltt"), Ottt(kind="ottt")]


def operations(network: Network, mode: BackwardMode) -> tuple[Operation, ...]:
    scope = StepScope(T, B, ALL, Encoding.SEQUENCE, backward=mode)
    build = step_by_step if mode.one_step_at_a_time else layer_by_layer
    return build(network, scope, WIDTHS, RULE)


def _outside(name: str) -> bool:
    """Tensors that lie in memory before a step: inputs, parameters, optimizer state, the empty state of neurons."""
    empty = (".state", ".carry")
    return name.split("@")[0] in ("input",) or name.endswith((".weights", ".scale", ".optimizer", *empty))


def _check_order(found: tuple[Operation, ...]) -> None:
    written: set[str] = set()
    ever = {operand.tensor for operation in found for operand in writes(operation)}
    for operation in found:
        for operand in reads(operation):
            stored = operand.tensor.endswith(".moments") and operand.tensor not in ever  # of a frozen normalisation
            known = operand.tensor in written or _outside(operand.tensor) or stored
            assert known, (operation.layer, operation.pass_, operand)
        written |= {operand.tensor for operand in writes(operation)}


def _passes(found: tuple[Operation, ...], layer: str) -> dict[Pass, float]:
    """Synapse products of a layer in full passes over all samples and steps."""
    total: Counter[Pass] = Counter()
    for operation in found:
        if isinstance(operation, GemmOperation) and operation.layer == layer:
            total[operation.pass_] += operation.slots
    return {pass_: slots / (T * B) for pass_, slots in total.items()}


@pytest.mark.parametrize(("mode", "neuron"), CASES, ids=IDS)
@pytest.mark.parametrize("layers", [PLAIN, RESIDUAL], ids=["plain", "residual"])
def test_everything_read_was_written(mode: BackwardMode, neuron: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    found = operations(network_of(layers, neuron), mode)
    _check_order(found)
    names = [layer["name"] for layer in layers if layer["kind"] in ("conv2d", "linear")]
    assert sorted(op.layer for op in found if op.pass_ is Pass.U) == sorted([*names, *_norms(layers)])
    for name in names:
        assert _passes(found, name)[Pass.F] == _passes(found, name)[Pass.W] == 1


def _norms(layers: list[dict[str, Any]]) -> list[str]:
    return [layer["name"] for layer in layers if layer["kind"] == "batch_norm"]


@pytest.mark.parametrize("mode", ONLINE, ids=str)
def test_online_steps_are_over_when_they_are_done(mode: BackwardMode) -> None:
    found = operations(network_of(PLAIN, LIF), mode)
    _check_order(found)
    order = [op.extent.steps[0] for op in found if op.extent is not None]
    assert order == sorted(order)
    assert _passes(found, "c2") == {Pass.F: 1, Pass.B: 1, Pass.W: 1}
    for earlier in range(T - 1):
        later = [op for op in found if op.extent is not None and op.extent.steps[0] > earlier]
        assert not [o for op in later for o in reads(op) if o.tensor.endswith(f"@{earlier}")]


@pytest.mark.parametrize(
    ("mode", "neuron", "passes"),
    [
        (Bptt(), LIF, 3),
        (LayerCheckpoint(), LIF, 4),
        (LayerCheckpoint(every=2), LIF, 4),
        (TimeCheckpoint(kind="time_checkpoint", segment=4), LIF, 4),
        (TimeCheckpoint(kind="time_checkpoint", segment=4, currents="keep"), LIF, 3),
        (ReversibleMode(kind="reversible"), NODE, 3),
        (ReversibleMode(kind="reversible", form="plain"), NODE, 3),
        (ReversibleMode(kind="reversible"), _integer_neuron("lif_integer"), 4),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_synapse_passes(mode: BackwardMode, neuron: dict[str, Any], passes: int) -> None:
    """F, B, W and, where currents are made again, R; the first layer has no B."""
    found = operations(network_of(PLAIN, neuron), mode)
    assert sum(_passes(found, "c2").values()) == passes
    assert sum(_passes(found, "c1").values()) == passes - 1
    assert sum(_passes(found, "out").values()) == 3  # no neuron behind it: nothing to make again


def test_the_three_node_passes_of_the_plain_inverse_and_the_one_of_the_streamlined() -> None:
    network = network_of(PLAIN, NODE)
    for form, passes in (("plain", [Pass.I, Pass.R, Pass.B]), ("streamlined", [Pass.B])):
        found = operations(network, ReversibleMode(kind="reversible", form=form))
        nodes = [op for op in found if op.part is TaskPart.NEURON and op.layer == "c2" and op.pass_ is not Pass.F]
        assert [op.pass_ for op in nodes] == passes
        assert all(isinstance(op, VectorOperation) and op.chains == 2 for op in nodes)
    plain = operations(network, ReversibleMode(kind="reversible", form="plain"))
    assert not [op for op in plain if isinstance(op, VectorOperation) and op.pass_ is Pass.R and op.reverse]


def _kept(found: tuple[Operation, ...]) -> dict[OperandClass, int]:
    """Elements that pass F, or nothing, wrote and that later passes read; gradients and parameters apart."""
    forward = {o.tensor for op in found if op.pass_ is Pass.F for o in writes(op)}
    later: dict[str, Operand] = {}
    states: Counter[OperandClass] = Counter()
    written_in = {o.tensor: o for op in found if op.pass_ is Pass.F for o in writes(op)}
    for op in found:
        if op.pass_ in (Pass.B, Pass.W, Pass.I, Pass.R) and op.part is not TaskPart.LOSS:
            later |= {
                o.tensor: written_in.get(o.tensor, o)
                for o in reads(op)
                if o.tensor in forward or o.tensor.split("@")[0] == "input"
            }
    for operand in later.values():
        if operand.role is OperandClass.WEIGHTS:  # moments of normalisations: two numbers a channel
            continue
        words = operand.bits // WIDTHS.membrane if operand.tensor.endswith(".states") else 1
        states[operand.role] += operand.elements * words
    return dict(states)


@pytest.mark.parametrize(("mode", "neuron"), CASES, ids=IDS)
@pytest.mark.parametrize("layers", [PLAIN, RESIDUAL], ids=["plain", "residual"])
def test_the_simulated_step_keeps_what_the_real_one_kept(
    mode: BackwardMode, neuron: dict[str, Any], layers: list[dict[str, Any]]
) -> None:
    """Element for element: hardware operands against arrays that lay between forward and backward."""
    network = network_of(layers, neuron)
    real = step_in(network, mode).kept
    want = {role: real.elements(role) for role in OperandClass if real.elements(role)}
    got = _kept(operations(network, mode))
    if layers is RESIDUAL and mode == LayerCheckpoint():
        assert got.pop(OperandClass.CURRENTS) == 2 * 256 * T * B  # in front of normalisations
    if layers is PLAIN and not (isinstance(mode, LayerCheckpoint) and mode.every != 1):
        # pooling masks: kept by the hardware as routes, one bit per input; by the real step as window winners
        assert got.pop(OperandClass.MASKS) == 256 * T * B
    assert got == want


def _check_forward_writes_are_read(found: tuple[Operation, ...]) -> None:
    """Pass F leaves nothing that no operation reads."""
    read = {operand.tensor for op in found for operand in reads(op)}
    unread = [o.tensor for op in found if op.pass_ is Pass.F for o in writes(op) if o.tensor not in read]
    assert not unread


BLOCKS: list[BackwardMode] = [
    BlockReversible(kind="block_reversible"),
    BlockReversible(kind="block_reversible", form="separate"),
]


@pytest.mark.parametrize("norm", ["none", "training", "frozen"])
@pytest.mark.parametrize("mode", [Bptt(), *BLOCKS], ids=str)
def test_blocks_keep_what_real_ones_kept(mode: BackwardMode, norm: str) -> None:
    network = coupled(norm=norm)
    found = operations(network, mode)
    _check_order(found)
    _check_forward_writes_are_read(found)
    real = step_in(network, mode).kept
    assert _kept(found) == {role: real.elements(role) for role in OperandClass if real.elements(role)}


@pytest.mark.parametrize("norm", ["none", "training", "frozen"])
@pytest.mark.parametrize(("mode", "passes"), list(zip([Bptt(), *BLOCKS], [3, 4, 5], strict=True)), ids=str)
def test_synapse_passes_of_blocks(mode: BackwardMode, passes: int, norm: str) -> None:
    """Inside a branch R once (fused) or twice (separate); outside F, B and W, or F and W on the network's input."""
    network = coupled(norm=norm)
    found = operations(network, mode)
    for layer in network.weight_layers:
        inside = layer.name.startswith(("f", "g"))
        assert sum(_passes(found, layer.name).values()) == (passes if inside else 2 if layer.inputs == (-1,) else 3)
    inverses = [op for op in found if op.pass_ is Pass.I]
    assert [op.layer for op in inverses] == ([] if passes == 3 else ["g2_add", "f2_add", "g1_add", "f1_add"])
    assert all(isinstance(op, VectorOperation) and op.part is TaskPart.RESIDUAL for op in inverses)
    assert all(op.counts == OperationCounts(add=1) for op in inverses if isinstance(op, VectorOperation))


@pytest.mark.parametrize("mode", BLOCKS, ids=str)
def test_statistics_inside_blocks_are_taken_again(mode: BackwardMode) -> None:
    found = operations(coupled(norm="training"), mode)
    statistics = Counter(op.layer for op in found if op.part is TaskPart.STATISTICS and op.pass_ in (Pass.F, Pass.R))
    assert statistics["f1_conv_bn"] == (2 if mode == BLOCKS[0] else 3)
    assert statistics["x1_bn"] == 1
    outside = [op.layer for op in found if op.pass_ is Pass.R and not op.layer.startswith(("f", "g"))]
    assert not outside


def test_levels_keep_inputs_and_one_state_however_long_the_sequence() -> None:
    """c2 has 96 neurons that remember, l1 has 8; c1 and c3 forget."""
    network, mode = levels(), TemporalReversible(kind="temporal_reversible")
    found = operations(network, mode)
    _check_order(found)
    _check_forward_writes_are_read(found)
    real = step_in(network, mode).kept
    assert _kept(found) == {role: real.elements(role) for role in OperandClass if real.elements(role)}
    assert _kept(found) == {OperandClass.INPUTS: 128 * T * B, OperandClass.MEMBRANE: (96 + 8) * B}


def test_a_step_is_taken_back_layer_by_layer() -> None:
    found = operations(levels(), TemporalReversible(kind="temporal_reversible"))
    assert [sum(_passes(found, name).values()) for name in ("c1", "c2", "c3", "l1", "out")] == [3, 4, 4, 4, 3]
    order = [op.extent.steps[0] for op in found if op.extent is not None]
    assert order == [*sorted(order[: order.index(T - 1)]), *sorted(order[order.index(T - 1) :], reverse=True)]
    inverses = [op for op in found if op.pass_ is Pass.I]
    assert [op.layer for op in inverses] == ["c2", "l1"] * T
    per_step = [op.counts for op in inverses[:2] if isinstance(op, VectorOperation)]
    assert per_step == [OperationCounts(add=1, multiply=1, compare=1), OperationCounts(add=1, compare=1)]
    back = [op for op in found if op.pass_ in (Pass.B, Pass.W) and op.part is not TaskPart.LOSS]
    first_made = {o.tensor for op in found if op.pass_ is Pass.F for o in writes(op)}
    assert not [o for op in back for o in reads(op) if o.tensor in first_made]


def test_pipelines_make_things_again_per_micro_batch() -> None:
    network, scope = network_of(PLAIN, LIF), StepScope(T, 4, ALL, Encoding.SEQUENCE, backward=LayerCheckpoint(every=2))
    found = micro_batches(network, scope, WIDTHS, RULE, 2, "pipedream")
    assert sum(op.pass_ is Pass.R and op.part is TaskPart.SYNAPSE for op in found) == 2 * 3


@pytest.mark.parametrize("mode", [LayerCheckpoint(), TimeCheckpoint(kind="time_checkpoint", segment=2)], ids=str)
def test_one_step_at_a_time_makes_nothing_again(mode: BackwardMode) -> None:
    scope = StepScope(T, B, ALL, Encoding.DIRECT, backward=mode)
    with pytest.raises(UnsupportedOperation, match="cannot be done step by step"):
        step_by_step(network_of(PLAIN, LIF), scope, WIDTHS, RULE)


@pytest.mark.parametrize("mode", ONLINE, ids=str)
def test_online_modes_need_one_step_at_a_time(mode: BackwardMode) -> None:
    with pytest.raises(
        UnsupportedOperation, match=f"layer_by_layer runs all time steps of a layer together, {mode.kind}"
    ):
        layer_by_layer(network_of(PLAIN, LIF), StepScope(T, B, ALL, Encoding.DIRECT, backward=mode), WIDTHS, RULE)


def test_a_trace_is_dense_and_the_readout_has_none() -> None:
    found = operations(network_of(PLAIN, LIF), Ottt(kind="ottt"))
    products = {op.layer: op.left for op in found if isinstance(op, GemmOperation) and op.pass_ is Pass.W}
    assert [name for name, left in products.items() if left.tensor.endswith(".trace")] == ["l1", "c2", "c1"]
    assert not products["c2"].binary
    assert products["out"].binary
    traces = [op for op in found if op.part is TaskPart.TRACE and op.layer == "c2"]
    assert [isinstance(op, VectorOperation) and op.counts.multiply for op in traces] == [0] + [1] * (T - 1)
