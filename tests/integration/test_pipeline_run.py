"""Every pipelined schedule on every kind of machine, from the file to the report, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from simsnn import api
from simsnn.activities import ResolvedActivity, resolve_activity
from simsnn.cli import main
from simsnn.mapping.accesses import memory_actions
from simsnn.mapping.build import build_graph
from simsnn.mapping.mapped import MappedOperation
from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.pipeline_run import run_pipeline
from simsnn.preparation import MappedStep, map_step, step_operations
from simsnn.results import store
from simsnn.results.report import Report
from simsnn.schedule.layer_by_layer import LayerByLayer
from simsnn.sim.critical_path import closed_form, critical_path
from simsnn.sim.executor import execute
from tests import pipelines
from tests.pipelines import (
    ARRAY,
    KINDS,
    LINKS,
    MEMORY,
    NETWORKS,
    SRAMS,
    cores,
    group,
    machine,
    overrides,
    prepared,
    schedule,
)

MACHINES = (*LINKS, "shared")
LEVELS = ("closed_form", "critical_path", "event")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sets(*values: str) -> list[str]:
    """Options of the command line for overrides."""
    return [word for value in values for word in ("--set", value)]


def report_of(run: PreparedPipeline) -> Report:
    """Report of a run without activity."""
    return run_pipeline(run, resolve_activity(run.experiment, run.network, None)).report


@pytest.mark.parametrize("link", MACHINES)
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_schedule_runs_on_every_machine_at_every_level(kind: str, layers: str, link: str) -> None:
    cycles = {}
    for level in LEVELS if link in ("crossbar", "shared") else ("event",):
        report = report_of(prepared(layers, link, kind, f"simulation={{level: {level}, trace: false}}", iterations=3))
        pipeline = report.pipeline
        assert pipeline is not None
        cycles[level] = report.totals.total_cycles
        assert (report.level, pipeline.schedule, pipeline.processor_count) == (level, kind, 4)
        assert len(pipeline.links) == 0 if link == "shared" else len(pipeline.links) > 0
        assert pipeline.makespan_cycles == cycles[level]
        assert max(row.end_cycle for row in pipeline.jobs) <= cycles[level], "messages may arrive after the last job"
        if level != "closed_form" and pipeline.period is not None:
            assert pipeline.period >= Fraction(pipeline.bounds.lower_cycles)
        adds_up(report)
    # which of several programs is kept may differ with the level
    if len(pipeline.candidates) == 1 and len(cycles) == len(LEVELS):
        assert cycles["closed_form"] <= cycles["critical_path"] <= cycles["event"]


def adds_up(report: Report) -> None:
    """Rows to totals, processors to the run."""
    pipeline, totals = report.pipeline, report.totals
    assert pipeline is not None
    energy = sum(row.total_energy_pj for row in report.tasks) + sum(report.static_energy_pj.values())
    assert totals.total_energy_pj == pytest.approx(energy, rel=1e-12)
    assert totals.samples == 4 * pipeline.iterations
    sent, received = sum(p.sent_bytes for p in pipeline.processors), sum(p.received_bytes for p in pipeline.processors)
    assert sent == sum(row.bytes for row in pipeline.messages) <= received or not sent
    for processor in pipeline.processors:
        assert processor.busy_cycles + processor.bubble_cycles <= pipeline.makespan_cycles
        assert processor.memory is not None
        assert processor.memory.peak_bytes == processor.peak_memory_bytes
        assert processor.memory_bytes is None or processor.peak_memory_bytes <= processor.memory_bytes
        jobs = {f"{job.layer} {job.pass_}" for job in pipeline.jobs if job.processor == processor.name}
        assert jobs == set(processor.tasks)
    assert report.memory is not None
    assert report.memory.peak_bytes <= totals.peak_live_bytes == sum(p.peak_memory_bytes for p in pipeline.processors)
    counted = Counter((row.layer, row.pass_, row.part) for row in report.tasks for _ in range(row.instances))
    updates = {key for key in counted if key[1] == "U"}
    assert {counted[key] for key in updates} == {pipeline.iterations}
    for row in report.tasks:
        assert sum(getattr(row.parts, part) for part in type(row.parts).model_fields) == row.groups * row.cycles


def work(report: Report) -> tuple[Counter[tuple[str, str, str]], Counter[str], int]:
    """Engine cycles apart from stalls by operation, counted actions by name, and all bytes moved."""
    cycles, actions = Counter[tuple[str, str, str]](), Counter[str]()
    for row in report.tasks:
        cycles[row.layer, row.pass_, row.part] += row.groups * row.cycles - row.parts.stall
        for name, count in row.actions.items():
            actions[name.split(".", 1)[1] if name.startswith("core") else name] += count
    return cycles, actions, report.totals.dram_bytes


def one_machine(run: PreparedPipeline) -> MappedStep:
    """One batch, layer by layer, on the machine that a processor is by itself; pairs are fused inside tasks alone."""
    alone = run.experiment.model_copy(
        update={"hardware": run.experiment.hardware.of_processor(0), "schedule": LayerByLayer()}
    )
    return map_step(alone, run.network, step_operations(alone, run.network), run.numbers.together)


def name_of(item: MappedOperation) -> tuple[str, str, str]:
    """What identifies an operation of an iteration."""
    return item.operation.layer, item.operation.pass_.value, item.operation.part.value


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_work_is_the_same_in_every_schedule_and_equals_that_of_one_machine(layers: str) -> None:
    """Closed-form cycles, actions and bytes do not depend on who does what when."""
    iterations, level = 3, "simulation={level: closed_form, trace: false}"
    runs = {kind: prepared(layers, "crossbar", kind, level, iterations=iterations) for kind in KINDS}
    found = {kind: work(report_of(run)) for kind, run in runs.items()}
    one, cut = found["sequential"], found["gpipe"]
    for kind, run in runs.items():
        assert found[kind] == (cut if run.programs[0].micro_batches > 1 else one), kind
    assert one != cut
    alone = one_machine(runs["sequential"])
    cycles, actions, moved = Counter[tuple[str, str, str]](), Counter[str](), 0
    for item in alone.mapped:
        cycles[name_of(item)] += iterations * item.choice.plan.cost().cycles.accounted
        for key, count in (item.choice.plan.cost().actions + memory_actions(item, alone.machine)[0]).counts:
            actions[key.name] += iterations * count
        moved += iterations * sum(t.bytes for move in item.choice.moves for t in move.loads + move.stores)
    assert one == (cycles, actions, moved)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_what_a_pipeline_does_differently_is_to_fuse_no_pair_across_tasks(layers: str) -> None:
    """A product of the last F and the loss are one pair on a single machine; here they may be apart."""
    run = prepared(layers, "crossbar", "sequential")
    alone = run.experiment.model_copy(
        update={"hardware": run.experiment.hardware.of_processor(0), "schedule": LayerByLayer()}
    )
    free = {name_of(item): item for item in map_step(alone, run.network, step_operations(alone, run.network)).mapped}
    assert len(free) == len(run.parts[0].mapped)
    differ = {
        name_of(item)
        for item in run.parts[0].mapped
        if item.choice.plan.cost() != free[name_of(item)].choice.plan.cost()
        or item.choice.moves != free[name_of(item)].choice.moves
    }
    order = list(free.values())
    pairs = [(order[i - 1], item) for i, item in enumerate(order) if item.fused is not None and item.consumes]
    across = {
        name_of(item)
        for pair in pairs
        if not run.numbers.together(pair[0].operation, pair[1].operation)
        for item in pair
    }
    assert across
    assert differ <= across


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_actions_cost_the_same_in_every_schedule(layers: str) -> None:
    """Static energy apart, which follows the time."""
    level = "simulation={level: closed_form, trace: false}"
    kinds = [kind for kind in KINDS if kind not in ("gpipe", "one_f_one_b")]
    priced = [
        sum(row.total_energy_pj for row in report_of(prepared(layers, "ring", kind, level)).tasks) for kind in kinds
    ]
    assert priced == pytest.approx([priced[0]] * len(priced), rel=1e-12)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_one_iteration_on_one_processor_is_the_graph_of_one_machine(layers: str) -> None:
    """Same operations, cuts and edges; writers of a single machine also wait for readers, which ended before."""
    run = prepared(layers, "shared", "sequential", count=1, iterations=1)
    alone = one_machine(run)
    mine = pipeline_graph(run.step, run.programs[0], pipelines.groups_of(run), run.processors).graph
    theirs = build_graph(alone.mapped, alone.machine)
    assert sorted((t.layer, t.pass_, t.part, len(t.chunks)) for t in mine.tasks) == sorted(
        (t.layer, t.pass_, t.part, len(t.chunks)) for t in theirs.tasks
    )
    dram = alone.machine.dram
    for level in (closed_form, critical_path):
        assert level(mine, dram).makespan_cycles == level(theirs, dram).makespan_cycles
    assert execute(mine, dram, False).makespan_cycles == execute(theirs, dram, False).makespan_cycles


TINY = "memory: {name: memory, kind: fixed_rate, bandwidth: 8 GB/s, latency: 60 ns, size: 4 KiB}"
OTHER = SRAMS.replace("spike_buffer, size: 32 KiB", "spike_buffer, size: 64 B")
REFUSALS = {
    "processors beside arrays": (
        [f"hardware.arrays=[{ARRAY}]"],
        "hardware.arrays",
        "stand inside processors",
        "hardware.processors.0.arrays",
    ),
    "links without processors": (
        [machine(links=LINKS["ring"]).replace("processors: []", f"arrays: [{ARRAY}], srams: {SRAMS}")],
        "hardware",
        "links join processors",
        "",
    ),
    "unknown end": (
        [machine(group("core", 2), links="{name: l, kind: ring, ends: [core0, core7], bandwidth: 16 B/cycle}")],
        "hardware.links.0.ends",
        "core7",
        "core0",
    ),
    "unreachable": (
        [machine(group("core", 3), links="{name: l, kind: ring, ends: [core0, core1], bandwidth: 16 B/cycle}")],
        "hardware.links.0.ends",
        "no link leads from core1 to core2",
        "point_to_point",
    ),
    "mesh not full": (
        [machine(group("core", 3), links="{name: l, kind: mesh, columns: 2, bandwidth: 16 B/cycle}")],
        "hardware.links.0.columns",
        "last row",
        "1 fewer",
    ),
    "too many processors": (
        [cores(4).replace("count: 4", "count: 9")],
        "hardware.processors.0.count",
        "9 processors",
        "count: 4",
    ),
    "micro-batches that do not divide": (
        ["schedule={kind: gpipe, micro_batches: 3}"],
        "schedule.micro_batches",
        "3 equal micro-batches",
        "4",
    ),
    "a schedule of one machine": (["schedule={kind: layer_by_layer}"], "schedule.kind", "2 processors", "pipedream"),
    "a pipeline without processors": (
        ["hardware={preset: ws32}"],
        "hardware.processors",
        "ws32 has none",
        "layer_by_layer",
    ),
    "mapping of an unknown group": (
        ["mapping.processors={cores: {F: {engine: array0}}}"],
        "mapping.processors.cores",
        "no group",
        "core",
    ),
    "mapping to an unknown engine": (
        ["mapping.processors={core: {F: {engine: array9}}}"],
        "mapping.processors.core.F.engine",
        "array9",
        "array0",
    ),
    "kind of an engine": (
        [cores(2).replace("kind: systolic", "kind: systolicc")],
        "hardware.processors.0.arrays.0.kind",
        "systolicc",
        "systolic",
    ),
    "key of an engine": ([cores(2).replace("rows: 8", "rows: 0")], "hardware.processors.0.arrays.0.rows", "0", ""),
    "SRAM too small": (
        [machine(group("core", 2, srams=OTHER), links=LINKS["crossbar"])],
        "hardware.processors.0.srams.0.size",
        "64",
        "",
    ),
    "memory too small": (
        [machine(group("core", 2, TINY), links=LINKS["crossbar"])],
        "hardware.processors.0.memory.size",
        "4,096",
        "hardware.processors.0.memory.size: ",
    ),
    "two of one name": (
        [machine(group("core", 2), links="{name: core1, kind: ring, bandwidth: 16 B/cycle}")],
        "hardware",
        "core1",
        "",
    ),
    "two groups of one name": (
        [machine(group("core", 2), group("core", 1), links=LINKS["crossbar"])],
        "hardware",
        "core0",
        "",
    ),
    "two parts of one name": (
        [machine(group("core", 2, MEMORY.replace("name: memory", "name: array0")), links=LINKS["crossbar"])],
        "hardware.processors.0",
        "array0",
        "",
    ),
    "passes without W": (["workload.passes=[F, B]"], "workload.passes", "whole training iterations", "[F, B, W, U]"),
    "one with a memory, one without": (
        [machine(group("core", 1), group("other", 1, ""), links=LINKS["crossbar"])],
        "hardware",
        "memory of its own",
        "",
    ),
    "no links": ([machine(group("core", 2))], "hardware.links", "no link leads from core0 to core1", "point_to_point"),
    "bare products": (
        ["network={layers: [{name: g0, kind: gemm, m: 8, k: 8, n: 8}]}"],
        "workload.passes",
        "whole training iterations",
        "",
    ),
    "prices of no such table": (["energy.sram=nothing"], "energy.sram", "nothing", "cacti7"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_run_is_refused_before_anything_is_written(
    case: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, path, message, remedy = REFUSALS[case]
    assert main(["run", "quickstart", *sets(*overrides(*changes)), "--json", "-o", "out"]) == 2
    captured = capsys.readouterr()
    error: dict[str, Any] = json.loads(captured.err)["error"]
    text = json.dumps(error, ensure_ascii=False)
    assert captured.out == ""
    assert error["path"] == path
    assert message in text
    assert remedy in text
    assert "Traceback" not in text
    assert not list(here.iterdir())
    assert main(["explain", "quickstart", *sets(*overrides(*changes))]) == 2


PRICED = LINKS["ring"].replace("packet: 64 B", "packet: 64 B, pj_per_bit: 1.5")
PIPELINED = overrides(machine(group("core", 3), links=PRICED), schedule("spikepipe"))


def test_every_command_takes_a_pipelined_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *sets(*PIPELINED), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pipeline"]["program"].startswith("spikepipe: ")
    assert main(["run", "quickstart", *sets(*PIPELINED, schedule("gpipe"))]) == 0
    shown = capsys.readouterr().out
    assert "core0" in shown
    assert "written to" in shown
    (first,) = (here / "results" / "runs").glob(f"*-{report['id']}")
    assert {store.PIPELINE, store.TRACE, store.REPORT, store.CONFIG} <= {path.name for path in first.iterdir()}
    assert main(["run", str(first / store.CONFIG), "--json", "-o", "again"]) == 0
    assert json.loads(capsys.readouterr().out) == report
    assert main(["plot", report["id"], "-o", "figures", "--format", "svg"]) == 0
    assert "pipeline.svg" in capsys.readouterr().out
    assert main(["compare", report["id"], "latest", "--json"]) == 0
    assert report["id"] in capsys.readouterr().out
    assert main(["compare", report["id"], "latest"]) == 0
    assert main(["runs"]) == 0
    capsys.readouterr()
    assert main(["reprice", report["id"], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["total_energy_pj"] == pytest.approx(report["totals"]["total_energy_pj"], rel=1e-12)
    assert again["static_energy_pj"] == pytest.approx(report["static_energy_pj"])
    assert sum(link["energy_pj"] for link in report["pipeline"]["links"]) > 0
    assert main(["reprice", report["id"], "--set", "energy.dram=hbm2", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["stored_total_energy_pj"] == report["totals"]["total_energy_pj"] > other["total_energy_pj"]


def test_a_shared_dram_is_repriced_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", *sets(*overrides(cores(2, "shared"))), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert main(["reprice", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_energy_pj"] == pytest.approx(
        report["totals"]["total_energy_pj"], rel=1e-12
    )
    assert here


def test_explain_says_machine_tasks_programs_and_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "quickstart", *sets(*PIPELINED)]) == 0
    text = capsys.readouterr().out
    for words in (
        "group core: 3 processors (core0, .., core2), tensors in a memory of its own of 16,777,216 B",
        "link r0: ring between all processors, 16 B/cycle each channel, latency 3 cycles, packets of 64 B",
        "1.5 pJ per bit and channel",
        "conv1 F: ",
        "program spikepipe: search: 4 iterations of one micro-batch, weights stashed",
        "program spikepipe: contiguous seed",
        "updates behind: conv1 ",
        "cycles per iteration at least ",
        "conv1 F synapse on array0 ws",
    ):
        assert words in text, words
    assert main(["explain", "quickstart", *sets(*PIPELINED, schedule("gpipe"))]) == 0
    text = capsys.readouterr().out
    assert "core0: conv1 F #0, " in text
    assert main(["explain", "quickstart", *sets(*PIPELINED, schedule("sequential"))]) == 0
    assert "core2: idle" in capsys.readouterr().out


def test_training_needs_to_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "quickstart", *sets(*PIPELINED), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["path"] == "activity.kind"


@pytest.mark.parametrize("kind", ["pipedream", "spikepipe"])
def test_the_report_is_of_the_program_that_was_trained_with(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays are chosen before the activity is known; what is kept afterwards must be the same program."""
    given = []

    def resolved(_experiment: Any, _network: Any, _progress: Any, delays: Any) -> ResolvedActivity:
        given.append(delays)
        return ResolvedActivity(None)

    monkeypatch.setattr(api, "resolve_activity", resolved)
    digits = "{kind: digits}, epochs: 1, optimizer: {kind: sgd, learning_rate: 0.1}"
    activity = f"activity={{kind: train, gradients: delayed, dataset: {digits}}}"
    report = api.simulate("quickstart", (*PIPELINED, schedule(kind), activity)).report
    assert report.pipeline is not None
    assert given[0].forward == tuple(layer.staleness for layer in report.pipeline.layers)
    assert given[0].backward == tuple(layer.backward_staleness for layer in report.pipeline.layers)
    assert max(given[0].forward) > 0
    assert [candidate.name for candidate in report.pipeline.candidates if candidate.kept] == [report.pipeline.program]
