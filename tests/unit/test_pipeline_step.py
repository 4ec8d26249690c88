"""Tasks of an iteration: which operation belongs to which, what passes between them, what no run undercuts."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from simsnn.costs import OperandClass
from simsnn.errors import UnsupportedOperation
from simsnn.mapping.build import build_graph
from simsnn.mapping.mapped import reads, writes
from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.mapping.pipeline_lower import run_bounds
from simsnn.pipeline_preparation import PreparedPipeline, message_costs, prepare_pipeline
from simsnn.schedule.program import Job, PipelineProgram, Weights
from simsnn.schedule.validity import check_program
from simsnn.sim.critical_path import critical_path
from simsnn.sim.executor import execute
from simsnn.workload.operation import Pass
from tests import pipelines
from tests.naive.programs import random_program
from tests.pipelines import CHAIN, NETWORKS, RESIDUAL, groups_of, prepared

IDEAL = "memory: {name: memory, kind: fixed_rate, bandwidth: 65536 B/cycle, latency: 0 ns, size: 16 MiB}"
FAST = "{name: x0, kind: crossbar, bandwidth: 4096 B/cycle, latency_cycles: 0, packet: 4096 B}"
WIDE_SKIP = RESIDUAL.replace(
    "conv2, kind: conv2d, channels: 12, kernel: 3, padding: 1", "conv2, kind: conv2d, channels: 12, kernel: 1"
).replace("kernel: 1, stride: 2, padding: 0", "kernel: 3, stride: 2, padding: 1")
"""The product beside the short block is longer than that within it, and the sum stands behind it."""
NORM = (
    "{name: conv1, kind: conv2d, channels: 6, kernel: 3, padding: 1}, {name: norm1, kind: batch_norm, mode: MODE},"
    " {name: flat, kind: flatten}, {name: fc, kind: linear, features: 10}"
)


def alone(layers: str, *more: str) -> PreparedPipeline:
    """Four processors, everything on the first."""
    return prepare_pipeline(
        pipelines.experiment(pipelines.network(layers), pipelines.cores(4), "schedule={kind: sequential}", *more)
    )


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("kind", ["pipedream", "gpipe"])
def test_every_operation_is_in_one_task_of_its_micro_batch(layers: str, kind: str) -> None:
    run = prepared(layers, "crossbar", kind)
    (tasks,) = (group.tasks for group in groups_of(run))
    found = Counter(id(item) for batch in tasks for items in batch for item in items)
    assert found == Counter(id(item) for item in run.parts[0].mapped)
    for number, batch in enumerate(tasks):
        for task, items in enumerate(batch):
            step = run.step.tasks[task]
            for operation in (item.operation for item in items):
                assert operation.pass_ is step.pass_
                assert operation.extent is None or operation.extent.samples == (
                    number * 4 // len(tasks),
                    (number + 1) * 4 // len(tasks),
                )


def test_layers_without_weights_go_with_the_one_before_them_and_encoding_with_the_first() -> None:
    run = prepared(CHAIN, "crossbar", "pipedream")
    (group,) = groups_of(run)
    layers = [
        list(dict.fromkeys(item.operation.layer for item in group.tasks[0][layer.forward])) for layer in run.step.layers
    ]
    assert layers == [["input", "conv1", "pool1"], ["conv2"], ["fc1"], ["fc2"]]
    assert [task.name for task in run.step.tasks[:5]] == ["conv1 F", "conv2 F", "fc1 F", "fc2 F", "fc2 B"]
    assert [run.step.tasks[number].pass_ for number in range(4, 8)] == [Pass.B, Pass.W, Pass.U, Pass.B]


def test_a_sum_goes_with_the_layer_before_it_in_the_file() -> None:
    run = prepared(RESIDUAL, "crossbar", "pipedream")
    (group,) = groups_of(run)
    skip = next(layer for layer in run.step.layers if layer.name == "skip")
    assert {item.operation.layer for item in group.tasks[0][skip.forward]} == {"skip", "sum"}
    stem = run.step.layers[0]
    sources = {run.step.tasks[source].name for source in run.step.sources[stem.backward]}
    assert {"conv1 B", "skip B"} <= sources


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_edges_are_the_tensors_that_tasks_hand_on(layers: str) -> None:
    """Counted once more from the operations: last writer in program order, weights apart."""
    run = prepared(layers, "crossbar", "pipedream")
    (group,) = groups_of(run)
    owner = {id(item): task for task, items in enumerate(group.tasks[0]) for item in items}
    made: dict[str, int] = {}
    wanted = set()
    for item in run.parts[0].mapped:
        for operand in reads(item.operation):
            if operand.tensor in made and made[operand.tensor] != owner[id(item)]:
                wanted.add((made[operand.tensor], owner[id(item)], operand.tensor, operand.bytes))
        made |= {operand.tensor: owner[id(item)] for operand in writes(item.operation)}
    assert {(edge.source, edge.target, edge.tensor, edge.bytes) for edge in run.step.edges} == wanted
    assert all(edge.source < edge.target for edge in run.step.edges)
    spikes = [edge for edge in run.step.edges if edge.role is OperandClass.SPIKES]
    assert spikes
    assert all(edge.bytes * 8 < 4 * 2 * 6 * 36 + 64 for edge in spikes), "spikes are bits"


def test_cycles_of_a_task_are_its_longest_path_alone() -> None:
    run = prepared(CHAIN, "crossbar", "pipedream")
    (group,) = groups_of(run)
    for task, items in zip(run.step.tasks, group.tasks[0], strict=True):
        path = critical_path(build_graph(items, group.machine), group.machine.dram)
        assert task.cycles == (path.makespan_cycles,) * 4
        assert max(group.engine_work[task.id]) <= path.makespan_cycles


def test_what_the_weights_take() -> None:
    run = prepared(CHAIN, "crossbar", "pipedream")
    sizes = [6 * 2 * 9, 8 * 6 * 9, 24 * 72, 10 * 24]
    assert [layer.weight_bytes for layer in run.step.layers] == sizes
    assert [layer.gradient_bytes for layer in run.step.layers] == [4 * size for size in sizes]
    assert [layer.state_bytes for layer in run.step.layers] == [0] * 4
    assert [layer.backward_reads_weights for layer in run.step.layers] == [False, True, True, True]


def test_optimizer_state_lies_with_the_update() -> None:
    run = alone(CHAIN, "optimizer={kind: adam, learning_rate: 0.01}")
    assert [layer.state_bytes for layer in run.step.layers] == [8 * layer.weight_bytes for layer in run.step.layers]


def test_recomputed_potentials_are_part_of_b_which_then_reads_the_weights_of_the_first_layer_too() -> None:
    run = alone(CHAIN, "workload.stash=recompute", "mapping.R={engine: array0, dataflow: ws}")
    (group,) = groups_of(run)
    passes = [{item.operation.pass_ for item in group.tasks[0][layer.backward]} for layer in run.step.layers]
    assert Pass.R in passes[1]
    assert passes[3] == {Pass.B}, "the last layer has no neuron"
    stored = {edge.tensor for edge in alone(CHAIN).step.edges if edge.role is OperandClass.MEMBRANE}
    again = {edge.tensor for edge in run.step.edges if edge.role is OperandClass.MEMBRANE}
    assert again < stored
    first = run.step.layers[0]
    assert first.backward_reads_weights == (Pass.R in passes[0])


def test_normalisation_over_the_batch_needs_one_micro_batch() -> None:
    layers = NORM.replace("MODE", "training")
    run = alone(layers)
    assert [layer.name for layer in run.step.layers] == ["conv1", "fc"]
    with pytest.raises(UnsupportedOperation, match="statistics span the batch, gpipe has 2 of its 4") as caught:
        prepare_pipeline(pipelines.experiment(pipelines.network(layers), pipelines.schedule("gpipe")))
    assert "micro_batches: 1" in caught.value.remedy
    assert caught.value.where.path == "schedule.micro_batches"
    frozen = pipelines.experiment(pipelines.network(NORM.replace("MODE", "frozen")), pipelines.schedule("gpipe"))
    assert prepare_pipeline(frozen).step.layers


def every_task_apart(run: PreparedPipeline, iterations: int) -> PipelineProgram:
    """One processor per task, iterations one behind the other: nothing but the loops through the weights counts."""
    count, spare = len(run.step.tasks), run.processors.count - len(run.step.tasks)
    none = (0,) * len(run.step.layers)
    order = tuple(tuple(Job(task, n) for n in range(iterations)) for task in range(count)) + ((),) * spare
    return PipelineProgram(
        "apart", run.processors.count, iterations, 1, tuple(range(count)), order, Weights.STASHED, none, none
    )


@pytest.mark.parametrize("layers", [CHAIN, RESIDUAL, WIDE_SKIP], ids=["chain", "residual", "wide skip"])
def test_the_loop_bound_is_close_where_it_alone_counts(layers: str) -> None:
    """Memories and links that take next to nothing; a whole task as the unit would bound the wide skip too high."""
    hardware = pipelines.machine(pipelines.group("core", 20, IDEAL), links=FAST)
    run = prepare_pipeline(pipelines.experiment(pipelines.network(layers), hardware, "schedule={kind: sequential}"))
    program, groups, cores = every_task_apart(run, 6), groups_of(run), run.processors
    check_program(run.step, program)
    graph = pipeline_graph(run.step, program, groups, cores).graph
    found = execute(graph, cores.dram, False, cores.memories, cores.interconnect)
    bounds = run_bounds(run.step, program, groups, cores.group, message_costs(cores))
    assert bounds.lower_cycles == bounds.loop_cycles
    assert Fraction(85, 100) < bounds.lower_cycles / Fraction(found.makespan_cycles, 6) <= 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_no_program_runs_below_its_bounds(seed: int, micro_batches: int) -> None:
    rng = Random(seed)
    layers = rng.choice([CHAIN, RESIDUAL])
    run = prepared(layers, rng.choice(["crossbar", "shared"]), "one_f_one_b" if micro_batches > 1 else "sequential")
    program, groups, cores = random_program(run.step, rng, 5, micro_batches), groups_of(run), run.processors
    graph = pipeline_graph(run.step, program, groups, cores).graph
    path = critical_path(graph, cores.dram, cores.memories, cores.interconnect)
    found = execute(graph, cores.dram, False, cores.memories, cores.interconnect)
    bounds = run_bounds(run.step, program, groups, cores.group, message_costs(cores))
    late = max((m.arrived[-1] - m.sent for m in path.messages), default=0)
    assert bounds.resource_cycles > 0
    assert bounds.load_cycles >= bounds.largest_task_cycles > 0
    for cycles in (path.makespan_cycles, found.makespan_cycles):
        assert 5 * max(bounds.lower_cycles, Fraction(bounds.load_cycles)) <= cycles + late
