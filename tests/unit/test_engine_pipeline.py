"""Operations of the engine pipeline: groups, buffers, sums over groups, order, refusals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import pytest
from pydantic import ValidationError

from simsnn.costs import OperandClass, OperationCounts
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.mapped import reads, writes
from simsnn.schedule.engine_pipeline import EnginePipeline
from simsnn.schedule.registry import SCHEDULES
from simsnn.workload.encoding import Encoding
from simsnn.workload.network import Format, Network, NetworkConfig, build_network
from simsnn.workload.operation import Extent, GemmOperation, Operation, Pass, TaskPart, VectorOperation
from simsnn.workload.presets import GENERATORS
from simsnn.workload.step_tensors import StepScope, UpdateRule, Widths
from simsnn.workload.training_step import layer_by_layer

WIDTHS = Widths(8, 8, 16, 16, 32, 32)
RULE = UpdateRule(2, OperationCounts(add=3, multiply=5))
ALL = frozenset({Pass.F, Pass.B, Pass.W, Pass.U})
STEPS = 3
OUTSIDE = {OperandClass.WEIGHTS, OperandClass.OPTIMIZER_STATE}


def network(name: str = "vgg5", norm: bool = False) -> Network:
    document = GENERATORS.get(name)((3, 32, 32), 10, norm)
    return build_network(NetworkConfig.model_validate_json(json.dumps(document)), Format.real(8), 32)


def scope(batch: int, passes: frozenset[Pass] = ALL, encoding: Encoding = Encoding.DIRECT) -> StepScope:
    return StepScope(STEPS, batch, passes, encoding)


def step(batch: int = 20, group: int = 8, buffers: int = 2, pipeline: str = "engines") -> tuple[Operation, ...]:
    schedule = EnginePipeline(group_samples=group, groups_in_flight=buffers, pipeline=pipeline)  # type: ignore[arg-type]
    return schedule.operations(network(), scope(batch), WIDTHS, RULE)


def group_of(operation: Operation) -> int | None:
    return None if operation.extent is None else operation.extent.samples[0]


def products(operations: tuple[Operation, ...]) -> list[GemmOperation]:
    return [op for op in operations if isinstance(op, GemmOperation)]


def test_it_is_registered_and_refuses_what_makes_no_sense() -> None:
    assert SCHEDULES.get("engine_pipeline") is EnginePipeline
    for key in ("group_samples", "groups_in_flight"):
        with pytest.raises(ValidationError, match=key):
            EnginePipeline.model_validate({key: 0})
    with pytest.raises(ValidationError, match="pipeline"):
        EnginePipeline.model_validate({"pipeline": "half"})
    assert EnginePipeline(pipeline="none").serial
    assert not EnginePipeline().serial


def test_groups_cover_the_batch_and_the_last_is_smaller() -> None:
    extents = {op.extent for op in products(step())}
    assert extents == {Extent(samples, (0, STEPS)) for samples in ((0, 8), (8, 16), (16, 20))}
    for operation in products(step()):
        assert operation.extent is not None
        first, last = operation.extent.samples
        assert operation.slots == (last - first) * STEPS


def test_groups_do_together_what_the_whole_batch_does() -> None:
    whole = layer_by_layer(network(), scope(20), WIDTHS, RULE)

    def work(operations: tuple[Operation, ...]) -> Counter[tuple[str, Pass, TaskPart]]:
        total: Counter[tuple[str, Pass, TaskPart]] = Counter()
        for op in operations:
            size = op.elements * op.steps if isinstance(op, VectorOperation) else op.slots
            total[op.layer, op.pass_, op.part] += size
        return total

    for group in (1, 8, 20, 64):
        assert work(step(group=group)) == work(whole)


@pytest.mark.parametrize("buffers", [1, 2, 3])
def test_every_buffer_is_written_before_it_is_read_and_never_while_another_group_needs_it(buffers: int) -> None:
    """A tensor's value belongs to the group that wrote it; no one reads another group's, nor one that is gone."""
    holds: dict[str, int] = {}
    for operation in step(batch=40, buffers=buffers):
        group = group_of(operation)
        for operand in reads(operation):
            if operand.role in OUTSIDE or operand.tensor.startswith("input["):
                continue
            assert operand.tensor in holds, f"{operation.layer} {operation.pass_} reads {operand.tensor}"
            if operand.role is not OperandClass.WEIGHT_GRADIENTS:
                assert group is not None
                assert holds[operand.tensor] == group
                assert operand.tensor.endswith(f"#{group // 8 % buffers}")
        for operand in writes(operation):
            holds[operand.tensor] = group if group is not None else -1


def test_inputs_from_outside_belong_to_their_group() -> None:
    names = {op.left.tensor for op in products(step()) if op.left.tensor.startswith("input")}
    assert names == {"input[0:8]", "input[8:16]", "input[16:20]"}
    encoded = EnginePipeline(group_samples=8).operations(network(), scope(16, encoding=Encoding.POISSON), WIDTHS, RULE)
    frames = {o.tensor for op in encoded for o in reads(op) if op.part is TaskPart.ENCODING}
    assert frames == {"frame[0:8]", "frame[8:16]"}
    assert {o.tensor for op in encoded for o in writes(op) if op.part is TaskPart.ENCODING} == {"input#0", "input#1"}


def test_weight_gradients_are_started_by_the_first_group_and_added_to_by_the_others() -> None:
    seen: dict[str, list[bool]] = defaultdict(list)
    for operation in products(step()):
        if operation.pass_ is Pass.W:
            seen[operation.layer].append(operation.accumulates)
            assert operation.output.tensor == f"{operation.layer}.dweights"
        else:
            assert not operation.accumulates
    assert set(seen) == {layer.name for layer in network().weight_layers}
    assert all(flags == [False, True, True] for flags in seen.values())


def test_weights_are_shared_and_updated_once_after_everything_else() -> None:
    operations = step()
    updates = [op.pass_ is Pass.U for op in operations]
    assert updates == sorted(updates)
    assert sum(updates) == len(network().weight_layers)
    weights = {op.right.tensor for op in products(operations) if op.pass_ is not Pass.W}
    assert weights == {f"{layer.name}.weights" for layer in network().weight_layers}


def test_the_next_group_starts_before_this_one_ends_and_in_its_order() -> None:
    order = [(group_of(op), op.pass_) for op in products(step())]
    first_of_next, last_of_this = order.index((8, Pass.F)), max(i for i, o in enumerate(order) if o == (0, Pass.B))
    assert first_of_next < last_of_this
    # nobody runs two groups ahead: with two buffers its tensors would still be in use
    last_backward = max(i for i, (group, pass_) in enumerate(order) if group == 0 and pass_ is not Pass.F)
    assert order.index((16, Pass.F)) > last_backward
    for group in (0, 8, 16):
        mine = [op for op in step() if group_of(op) == group and op.pass_ is Pass.F]
        alone = EnginePipeline(group_samples=64).operations(network(), scope(8), WIDTHS, RULE)
        forward = [op for op in alone if op.pass_ is Pass.F]
        assert [(op.layer, op.part) for op in mine] == [(op.layer, op.part) for op in forward]


@pytest.mark.parametrize(("buffers", "pipeline"), [(1, "engines"), (2, "none")])
def test_without_overlap_one_group_stands_after_the_other(buffers: int, pipeline: str) -> None:
    groups = [group for op in step(buffers=buffers, pipeline=pipeline) if (group := group_of(op)) is not None]
    assert groups == sorted(groups)


def test_pipeline_none_has_the_same_operations() -> None:
    def multiset(operations: tuple[Operation, ...]) -> Counter[Operation]:
        return Counter(operations)

    assert multiset(step()) == multiset(step(pipeline="none"))


def test_a_w_product_stands_behind_its_b_and_the_neuron_below() -> None:
    order = [(op.layer, op.pass_, op.part) for op in step(batch=8)]
    neurons = [place for place, (_, pass_, part) in enumerate(order) if (pass_, part) == (Pass.B, TaskPart.NEURON)]
    for layer in network().weight_layers[1:]:
        weights, input_gradient = (order.index((layer.name, p, TaskPart.SYNAPSE)) for p in (Pass.W, Pass.B))
        below = min(place for place in neurons if place > input_gradient)
        assert input_gradient < below < weights
    assert order[-1 - len(network().weight_layers)][1] is Pass.W


def test_inference_groups_have_no_backward_pass_and_no_update() -> None:
    operations = EnginePipeline(group_samples=8).operations(network(), scope(20, frozenset({Pass.F})), WIDTHS, None)
    assert {op.pass_ for op in operations} == {Pass.F}
    assert len({group_of(op) for op in operations}) == 3


def test_statistics_over_the_batch_are_refused_unless_one_group_is_the_batch() -> None:
    with pytest.raises(UnsupportedOperation, match="statistics span the batch, engine_pipeline has 8 of its 20"):
        EnginePipeline(group_samples=8).operations(network(norm=True), scope(20), WIDTHS, RULE)
    whole = EnginePipeline(group_samples=20).operations(network(norm=True), scope(20), WIDTHS, RULE)
    assert any(op.part is TaskPart.STATISTICS for op in whole)
