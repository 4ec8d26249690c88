"""Machines with processors: numbers, names, memories; groups that differ."""

from __future__ import annotations

import json
from functools import cache

import pytest

from simsnn.activities import resolve_activity
from simsnn.config.loader import preset_folder, read_yaml
from simsnn.costs import OperandClass
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.mapping.mapped import writes
from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.mapping.pipeline_step import unwritten
from simsnn.mapping.processors import Processors
from simsnn.pipeline_preparation import PreparedPipeline, group_tasks, prepare_pipeline
from simsnn.pipeline_run import PipelineResult, run_pipeline
from simsnn.schedule.program import Job, PipelineProgram, Weights
from simsnn.sim.executor import execute
from tests.experiments import SYNTHETIC
from tests.pipelines import CHAIN, KINDS, LINKS, MEMORY, cores, experiment, group, machine, network, schedule

SYSTOLIC = (
    "F: {engine: array0, dataflow: ws}, B: {engine: array0, dataflow: ws}, W: {engine: array0, dataflow: os},"
    " U: {engine: vector0}, neuron: {engine: vector0}"
)
SPARSE = (
    "F: {engine: fe0}, B: {engine: be0}, W: {engine: wue0}, U: {engine: grad0}, neuron: {engine: soma0},"
    " neuron_backward: {engine: grad0}"
)
RARE = SYNTHETIC.replace("rate: 0.2", "rate: 0.02").replace("gradient_density: 0.3", "gradient_density: 0.05")


def sparse_group(count: int) -> str:
    """Processors that look for zeros: engines and SRAMs of the shipped machine of that kind."""
    parts = read_yaml(preset_folder() / "hardware" / "h2learn_a0.yaml").tree
    held = ", ".join(f"{key}: {json.dumps(parts[key])}" for key in ("arrays", "vector_units", "srams"))
    return f"{{name: sparse, count: {count}, {held}, {MEMORY}}}"


@cache
def mixed(kind: str, activity: str = SYNTHETIC) -> PreparedPipeline:
    """Two systolic processors and two that look for zeros."""
    hardware = machine(group("core", 2), sparse_group(2), links=LINKS["crossbar"].replace("x0", "links0"))
    return prepare_pipeline(
        experiment(
            network(CHAIN),
            hardware.replace("45 nm", "28 nm"),
            f"mapping={{{SYSTOLIC}, processors: {{sparse: {{{SPARSE}}}}}}}",
            "precision={weight: 16 bit, gradient: 16 bit}",
            "energy={arithmetic: horowitz_28nm_float, sram: cacti7_lop, dram: hbm2}",
            activity,
            schedule(kind),
        )
    )


def run(prepared: PreparedPipeline) -> PipelineResult:
    """Simulate with the experiment's synthetic activity."""
    return run_pipeline(prepared, resolve_activity(prepared.experiment, prepared.network, None))


def test_numbers_follow_the_file() -> None:
    found = mixed("pipedream").processors
    assert found.names == ("core0", "core1", "sparse0", "sparse1")
    assert found.group == (0, 0, 1, 1)
    assert found.engine_base == (0, 2, 4, 9)
    assert found.sram_base == (0, 3, 6, 9)
    assert found.engine_names[4:9] == tuple(f"sparse0.{name}" for name in ("fe0", "wue0", "be0", "soma0", "grad0"))
    assert found.sram_names[:3] == ("core0.spike_buffer", "core0.weight_buffer", "core0.state_buffer")
    assert found.capacity_bytes == (16 * 2**20,) * 4
    assert [found.channel(processor) for processor in range(4)] == [1, 2, 3, 4]
    assert len(found.memories) == 4
    assert found.load_slots == (2,) * 14


def test_processors_that_share_the_dram_have_no_memory_and_one_channel() -> None:
    found = Processors.build(experiment(cores(3, "shared")).hardware)
    assert not found.private
    assert found.memories == ()
    assert found.capacity_bytes == (None,) * 3
    assert [found.channel(processor) for processor in range(3)] == [0, 0, 0]


def test_the_machine_of_one_processor_is_a_machine_of_its_own() -> None:
    hardware = mixed("pipedream").experiment.hardware
    alone = hardware.of_processor(1)
    assert (alone.processors, alone.links) == ((), ())
    assert alone.dram.name == "memory"
    assert [array.name for array in alone.arrays] == ["fe0", "wue0", "be0"]
    assert alone.name == "sparse of several"


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_differ_run_together(kind: str) -> None:
    prepared = mixed(kind)
    found = run(prepared)
    pipeline = found.report.pipeline
    assert pipeline is not None
    assert [row.group for row in pipeline.processors] == ["core", "core", "sparse", "sparse"]
    engines = {row.array.split(".")[0]: set[str]() for row in found.report.tasks}
    for row in found.report.tasks:
        engines[row.array.split(".")[0]].add(row.engine)
    for name, kinds in engines.items():
        assert kinds <= (
            {"systolic", "vector_unit"} if name.startswith("core") else {"lut", "dual_sparse", "vector_unit"}
        )
    step = prepared.step
    assert any(len(set(task.cycles)) == 2 for task in step.tasks), "each group has cycles of its own"
    assert all(task.cycles[0] == task.cycles[1] and task.cycles[2] == task.cycles[3] for task in step.tasks)
    assert any("processors differ" in note for note in found.report.approximations)


def test_cycles_follow_the_activity_where_engines_look_for_zeros_and_nowhere_else() -> None:
    """The program is made with dense operands and does not change."""
    usual, rare = mixed("layerpipe"), mixed("layerpipe", RARE)
    assert usual.programs == rare.programs
    first, second = run(usual).report, run(rare).report
    products = [
        (a, b)
        for a, b in zip(first.tasks, second.tasks, strict=True)
        if a.engine != "vector_unit" and (a.layer, a.pass_) not in {("conv1", "F"), ("conv1", "W")}
    ]
    assert {a.engine for a, _ in products} >= {"systolic", "dual_sparse"}
    for a, b in products:
        assert (a.array, a.layer, a.pass_) == (b.array, b.layer, b.pass_)
        busy = [row.groups * row.cycles - row.parts.stall for row in (a, b)]
        if a.engine == "systolic":
            assert busy[0] == busy[1]
    scanned = [(sum(a.actions.values()), sum(b.actions.values())) for a, b in products if a.engine != "systolic"]
    assert sum(b for _, b in scanned) < sum(a for a, _ in scanned)


def test_masks_that_the_makers_engines_do_not_write_are_sent_all_the_same() -> None:
    """All F on systolic processors, all B on sparse ones: the masks follow the task that makes what they describe."""
    prepared = mixed("sequential")
    groups = group_tasks(prepared.parts, prepared.numbers)
    assert unwritten(groups)
    assert unwritten(groups[:1]) == unwritten(groups[1:]) == ()
    step, none = prepared.step, (0,) * len(prepared.step.layers)
    place = tuple(0 if task.pass_.value == "F" else 2 for task in step.tasks)
    order = [tuple(Job(t.id, n) for n in range(3) for t in step.tasks if place[t.id] == p) for p in range(4)]
    program = PipelineProgram("apart", 4, 3, 1, place, tuple(order), Weights.STASHED, none, none)
    laid_out = pipeline_graph(step, program, groups, prepared.processors)
    cores = prepared.processors
    execute(laid_out.graph, cores.dram, False, cores.memories, cores.interconnect)
    sent = [name for name, m in zip(laid_out.tensors, laid_out.graph.messages, strict=True) if m.source == 0]
    forward = {edge.tensor for edge in step.edges if edge.role is OperandClass.MASKS and place[edge.source] == 0}
    missing = set(unwritten(groups)) & set(sent)
    assert missing == set(unwritten(groups)) & forward
    assert missing
    written = {o.tensor for item in prepared.parts[0].mapped for o in writes(item.operation)}
    assert not missing & written
    assert all(sent.count(name) == 3 for name in missing)


def test_stash_recompute_needs_the_weights_of_the_forward_pass() -> None:
    again = ("workload.stash=recompute", "mapping.R={engine: array0, dataflow: ws}")
    latest = "schedule={kind: pipedream, iterations: 3, weights: latest}"
    with pytest.raises(UnsupportedOperation, match="weights are gone") as caught:
        prepare_pipeline(experiment(*again, latest))
    assert caught.value.where.path == "workload.backward"
    for kind in ("pipedream", "gpipe"):
        prepared = prepare_pipeline(experiment(*again, schedule(kind, 3)))
        assert {row.pass_ for row in run(prepared).report.tasks} >= {"F", "R", "B", "W", "U"}


def test_a_group_without_an_engine_that_the_mapping_names_is_named() -> None:
    hardware = machine(group("core", 2), sparse_group(1), links=LINKS["crossbar"])
    with pytest.raises(ConfigError, match="no engine 'vector0' on sparse of several") as caught:
        prepare_pipeline(experiment(network(CHAIN), hardware, SYNTHETIC))
    assert caught.value.where.path == "mapping.neuron.engine"


def test_the_channel_of_the_dram_carries_nothing_where_memories_are_private() -> None:
    found = run(mixed("pipedream"))
    assert found.execution.channels[0].bytes == 0
    assert sum(use.bytes for use in found.execution.channels) == found.report.totals.dram_bytes > 0
