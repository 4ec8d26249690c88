"""T x T products and scans through mapping: cut, fused, ported, priced, and run as a task graph."""

from __future__ import annotations

import numpy as np
import pytest

from simsnn.costs import Action, OperandClass, OperationCounts
from simsnn.engines.base import Dataflow
from simsnn.engines.mixing_check import mixing_operation
from simsnn.engines.scan_check import scan_operation
from simsnn.errors import CapacityError, UnsupportedOperation
from simsnn.mapping.accesses import memory_actions
from simsnn.mapping.build import build_graph, map_operations
from simsnn.mapping.machine import Machine
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.ports import across_roles
from simsnn.refusals import check_size
from simsnn.sim.critical_path import critical_path
from simsnn.workload.operation import (
    Mixing,
    Operand,
    Operation,
    Pass,
    TaskPart,
    VectorOperation,
)
from tests.experiments import synthetic


def mapped(operations: tuple[Operation, ...], *overrides: str) -> tuple[tuple[MappedOperation, ...], Machine]:
    experiment = synthetic("hardware.vector_units.0.scan=true", *overrides)
    machine = Machine.build(experiment.hardware)
    return map_operations(operations, experiment.mapping, machine), machine


def firing(mixing: Mixing, samples: int) -> VectorOperation:
    """Threshold of what a product has mixed."""
    steps, total = mixing.timesteps, samples * mixing.neurons * mixing.timesteps
    mixed = mixing_operation(mixing, samples).output
    spikes = Operand("layer.spikes", OperandClass.SPIKES, total, 1, True, samples * steps)
    counts = OperationCounts(compare=1)
    return VectorOperation(
        "layer", Pass.F, TaskPart.NEURON, total, 1, counts, 16, (mixed,), (spikes,), slots=samples * steps,
        timesteps=steps,
    )  # fmt: skip


@pytest.mark.parametrize("flow", list(Dataflow))
@pytest.mark.parametrize("copies", [1, 8])
def test_a_product_and_the_threshold_behind_it_meet_in_sram(flow: Dataflow, copies: int) -> None:
    mixing, samples = Mixing(4, 2048, "lower", copies=copies), 8
    items, machine = mapped((mixing_operation(mixing, samples), firing(mixing, samples)), f"mapping.F.dataflow={flow}")
    product, threshold = items
    assert product.resident == threshold.resident == {"layer.mixed"}
    loaded = sum(t.bytes for move in product.choice.moves for t in move.loads)
    assert loaded == product.operation.left.bytes + product.operation.right.bytes
    run = critical_path(build_graph(items, machine), machine.dram)
    longest = max(item.choice.plan.cost().cycles.total for item in items)
    assert run.makespan_cycles >= longest
    actions, traffic = memory_actions(product, machine)
    assert actions.get(machine.dram.name, Action.DRAM_READ) == 8 * loaded
    assert traffic.bytes_at(machine.dram.name) == loaded


def test_packing_recovers_what_a_short_matrix_leaves_idle() -> None:
    """T = 4 on 32 rows: eight copies at once take an eighth of the stream."""
    (one,), _ = mapped((mixing_operation(Mixing(4, 2048), 8),), "mapping.F.dataflow=is")
    (eight,), _ = mapped((mixing_operation(Mixing(4, 2048, copies=8), 8),), "mapping.F.dataflow=is")
    assert one.choice.plan.cost().cycles.stream == 8 * eight.choice.plan.cost().cycles.stream


def test_a_gradient_cut_along_its_sum_is_added_up() -> None:
    items, _ = mapped((mixing_operation(Mixing(16, 4096, "lower", "gradient"), 8),), "mapping.W.dataflow=os")
    assert items[0].operation.part is TaskPart.MIXING
    assert [item.operation.part for item in items[1:]] == [TaskPart.REDUCE] * (len(items) - 1)
    assert len(items) > 1
    assert items[-1].choice.plan.leaves(0)[0].tensor == "layer.mixing.gradient"


def test_a_scan_runs_in_as_few_rounds_as_the_lanes_allow() -> None:
    counts = OperationCounts(add=2, multiply=2, lookup=1)
    items, machine = mapped((scan_operation(4, 256, 64, counts, 2),))
    plan = items[0].choice.plan
    assert plan.cost().cycles.stream == 4 * 256 * 2 * 2  # two rounds of 32 lanes, II = 2
    assert critical_path(build_graph(items, machine), machine.dram).makespan_cycles > plan.cost().cycles.total
    with pytest.raises(UnsupportedOperation, match="no scan network") as caught:
        mapped((scan_operation(4, 256, 64, counts, 2),), "hardware.vector_units.0.scan=false")
    assert "scan: true" in str(caught.value.remedy)


def test_x_is_read_across_its_packing_where_one_neuron_enters_per_edge() -> None:
    config = synthetic().hardware.arrays[0]
    applied = mixing_operation(Mixing(4, 8), 2)
    gradient = mixing_operation(Mixing(4, 8, "full", "gradient"), 2)
    x, dv = {OperandClass.CURRENTS}, {OperandClass.GRADIENTS}
    for flow, of_apply, of_gradient in (
        (Dataflow.IS, x, dv),
        (Dataflow.WS, set(), x),
        (Dataflow.OS, set(), x | dv),
    ):
        assert across_roles(applied, flow, config) == of_apply
        assert across_roles(gradient, flow, config) == of_gradient
    stored = config.model_copy(update={"transpose": "on_store"})
    assert across_roles(applied, Dataflow.IS, stored) == set()


def test_a_product_that_nobody_could_simulate_is_refused() -> None:
    check_size(mixing_operation(Mixing(64, 4096), 8))
    with pytest.raises(CapacityError, match="multiply-accumulates") as caught:
        check_size(mixing_operation(Mixing(4096, 2**20), 64))
    assert "F mixing is too large" in str(caught.value)


def test_samples_of_a_cut_are_those_of_the_tensors() -> None:
    """Loads of X over all chunks are its bytes, whatever the dataflow, as long as one K tile holds T."""
    for flow in Dataflow:
        (item,), _ = mapped((mixing_operation(Mixing(8, 4096, "lower"), 8),), f"mapping.F.dataflow={flow}")
        found = np.sum([t.bytes for m in item.choice.moves for t in m.loads if t.operand is OperandClass.CURRENTS])
        assert found == item.operation.right.bytes
