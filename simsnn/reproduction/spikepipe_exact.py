"""What must be equal to the integer before anything is compared with the publication.

The event engine against its contention-free twin where nothing contends; makespans, periods and stashes of
equal stages against their formulas; work that no schedule changes; bounds that no speed-up passes.
"""

from __future__ import annotations

from dataclasses import replace

from simsnn.costs import OperandClass
from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.pipeline_preparation import group_tasks, prepare_pipeline
from simsnn.pipeline_run import simulate_programs
from simsnn.reproduction.outcome import Claim, Standing
from simsnn.reproduction.spikepipe_cells import Cell, Workload, cell_experiment
from simsnn.reproduction.spikepipe_schedules import COMPARED, Compared, ScheduleRun
from simsnn.schedule.formulas import (
    flush_makespan,
    gpipe_stash,
    one_f_one_b_stash,
    pipedream_copies,
    pipedream_period,
    pipedream_staleness,
)
from simsnn.schedule.gpipe import GPipe
from simsnn.schedule.graph import Chunk, TaskGraph
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.one_f_one_b import OneFOneB
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.replay import Replay, replay
from simsnn.schedule.step_graph import LayerTasks, StepEdge, StepGraph, StepTask
from simsnn.sim.critical_path import critical_path
from simsnn.sim.executor import execute
from simsnn.workload.operation import Pass

CHAINS = (Workload("mlp", "spikepipe_mlp784", 25), Workload("events", "spikepipe_events", 25))
SCHEDULES = (
    "{kind: sequential}",
    "{kind: gpipe, micro_batches: 2}",
    "{kind: one_f_one_b, micro_batches: 2}",
    "{kind: pipedream}",
)
STAGES, BATCHES = (2, 3, 4, 6), (1, 2, 5, 8)
FORWARD, BACKWARD, GRADIENT, UPDATE = 7, 9, 5, 2
"""Cycles of the tasks of an equal stage; any would do."""


def exact_claims(cells: tuple[Cell, ...], runs: tuple[ScheduleRun, ...]) -> tuple[Claim, ...]:
    """All exact checks; ``cells`` and ``runs`` are those of the comparison."""
    return (
        _zero("exact.event_is_critical_path", *_event_claim()),
        *formula_claims(),
        _zero("exact.work_conserved", *_work_claim()),
        _at_most_one(
            "exact.speedup_at_most_p",
            max(p.sequential / float(p.replayed) / p.processors for cell in cells for p in cell.points),
            "largest speed-up over all tasks one after another, per processor, of whole tasks one at a time",
        ),
        _at_most_one(
            "exact.never_below_bound",
            max(p.lower / float(p.search) for cell in cells for p in cell.points if p.exact),
            "largest lower bound over the exact period of a search result on the event engine",
        ),
        _at_most_one(
            "exact.kept_at_most_contiguous",
            max(_against_contiguous(runs, compared) for compared in COMPARED),
            "cycles per iteration of the kept program over those of schedule pipedream, each in a run of its own",
        ),
    )


def _against_contiguous(runs: tuple[ScheduleRun, ...], compared: Compared) -> float:
    """The program that SpikePipe keeps against PipeDream, in runs that know nothing of one another."""
    cycles = {run.variant.name: run.pipeline.iteration_cycles for run in runs if run.compared is compared}
    return max(cycles["spikepipe"] / cycles["pipedream"], cycles["spikepipe, slot"] / cycles["pipedream, retimed"])


def _zero(id_: str, wrong: int, note: str) -> Claim:
    return Claim(id_, float(wrong), 0.0, 0.0, Standing.EXACT, note)


def _at_most_one(id_: str, value: float, note: str) -> Claim:
    return Claim(id_, value, None, 1.0, Standing.EXACT, note)


def _event_claim() -> tuple[int, str]:
    """Moments of tasks and messages that differ between event engine and critical path where nothing contends."""
    wrong = moments = 0
    for workload in CHAINS:
        for schedule in SCHEDULES:
            keys = (f"schedule={schedule}", "hardware.links.0.kind=ring", "workload.batch=2")
            prepared = prepare_pipeline(cell_experiment(workload, 32, 3, *keys))
            groups, processors = group_tasks(prepared.parts, prepared.numbers), prepared.processors
            laid_out = pipeline_graph(prepared.step, prepared.programs[0], groups, processors)
            graph = without_transfers(laid_out.graph)
            places = (processors.dram, processors.memories, processors.interconnect)
            event = execute(graph, places[0], False, *places[1:])
            path = critical_path(graph, *places)
            for one, other in zip(event.tasks, path.tasks, strict=True):
                wrong += (one.start, one.end, one.done) != (other.start, other.end, other.done)
            for sent, also in zip(event.messages, path.messages, strict=True):
                wrong += (sent.sent, sent.arrived) != (also.sent, also.arrived)
            moments += len(event.tasks) + len(event.messages)
    note = f"tasks and messages of {moments:,} that the event engine and the critical path see at other times"
    return wrong, f"{note}; {len(CHAINS)} networks x {len(SCHEDULES)} schedules, operands in place, a ring per hop"


def without_transfers(graph: TaskGraph) -> TaskGraph:
    """The same tasks and messages with every operand in its SRAM already."""
    tasks = tuple(
        replace(task, chunks=tuple(Chunk((), (), c.load_after, c.compute_after) for c in task.chunks))
        for task in graph.tasks
    )
    return replace(graph, tasks=tasks)


def equal_stages(stages: int) -> StepGraph:
    """A chain of layers that all take the same, one per stage; every B has a product."""
    count, size = stages, 100
    cycles = {Pass.F: FORWARD, Pass.B: BACKWARD, Pass.W: GRADIENT, Pass.U: UPDATE}
    order = [(layer, Pass.F) for layer in range(count)]
    order += [(layer, pass_) for layer in reversed(range(count)) for pass_ in (Pass.B, Pass.W, Pass.U)]
    number = {key: place for place, key in enumerate(order)}
    tasks = tuple(
        StepTask(place, layer, pass_, f"l{layer} {pass_.value}", (cycles[pass_],) * stages)
        for place, (layer, pass_) in enumerate(order)
    )
    edges = []
    for layer in range(count):
        here = {pass_: number[layer, pass_] for pass_ in cycles}
        if layer + 1 < count:
            edges.append(StepEdge(here[Pass.F], number[layer + 1, Pass.F], f"s{layer}", OperandClass.SPIKES, size))
            edges.append(StepEdge(number[layer + 1, Pass.B], here[Pass.B], f"g{layer}", OperandClass.GRADIENTS, size))
        edges.append(StepEdge(here[Pass.F], here[Pass.B], f"u{layer}", OperandClass.MASKS, size))
        edges.append(StepEdge(here[Pass.B], here[Pass.W], f"d{layer}", OperandClass.GRADIENTS, size))
        edges.append(StepEdge(here[Pass.W], here[Pass.U], f"w{layer}", OperandClass.WEIGHT_GRADIENTS, size))
    layers = tuple(
        LayerTasks(
            f"l{n}", number[n, Pass.F], number[n, Pass.B], number[n, Pass.W], number[n, Pass.U], size, size, 0, True
        )
        for n in range(count)
    )
    return StepGraph(tasks, tuple(sorted(edges, key=lambda e: (e.source, e.target, e.tensor))), layers, stages)


def formula_claims() -> tuple[Claim, ...]:
    """Replays of equal stages against the formulas of :mod:`simsnn.schedule.formulas`."""
    gpipe = one = periods = stashes = cases = 0
    for stages in STAGES:
        step = equal_stages(stages)
        for batches in BATCHES:
            wanted = flush_makespan(
                stages, batches, forward=FORWARD, backward=BACKWARD + GRADIENT, hand_over=BACKWARD, update=UPDATE
            )
            for kind, schedule in (("gpipe", GPipe), ("one", OneFOneB)):
                program = schedule(iterations=1, micro_batches=batches).programs(step, NoLinks())[0]
                found = replay(step, program, NoLinks())
                kept = _stash(step, program, found)
                expected = [
                    gpipe_stash(batches) if kind == "gpipe" else one_f_one_b_stash(stage, stages, batches)
                    for stage in range(stages)
                ]
                gpipe += kind == "gpipe" and found.makespan_cycles != wanted
                one += kind == "one" and found.makespan_cycles != wanted
                stashes += kept != expected
                cases += 1
        for convention in ("one_f_one_b", "retimed"):
            program = PipeDream(iterations=40, convention=convention).programs(step, NoLinks())[0]
            found = replay(step, program, NoLinks())
            ends = found.iteration_ends
            load = FORWARD + BACKWARD + GRADIENT + UPDATE
            periods += ends[-1] - ends[-2] != pipedream_period([load] * stages)
            delays = tuple(pipedream_staleness(stage, stages, convention) for stage in range(stages))
            stashes += program.staleness != delays
            stashes += _stash(step, program, found) != [pipedream_copies(delay) for delay in delays]
    shapes = f"{len(STAGES)} numbers of stages x {len(BATCHES)} of micro-batches"
    return (
        _zero("exact.gpipe_makespan", gpipe, f"makespans of equal stages that are not the formula's; {shapes}"),
        _zero("exact.one_f_one_b_makespan", one, f"the same for 1F1B with flush; {shapes}"),
        _zero(
            "exact.pipedream_period",
            periods,
            "periods of equal stages that are not the slowest's, both conventions",
        ),
        _zero(
            "exact.stashes",
            stashes,
            f"stashes, copies, delays that are not the formulas'; {cases} programs with flush",
        ),
    )


def _stash(step: StepGraph, program: PipelineProgram, found: Replay) -> list[int]:
    """Copies that each stage keeps of what its layer's F leaves."""
    uses = memory_use(step, program, found)
    return [use.stash_copies[stage] for stage, use in enumerate(uses)]


def _work_claim() -> tuple[int, str]:
    """Schedules under which the engines work another number of cycles than one after another."""
    wrong = compared = 0
    for workload in CHAINS:
        works = []
        for kind in ("sequential", "pipedream", "layerpipe", "spikepipe"):
            prepared = prepare_pipeline(cell_experiment(workload, 32, 3, f"schedule={{kind: {kind}, iterations: 12}}"))
            groups = group_tasks(prepared.parts, prepared.numbers)
            for one in simulate_programs(prepared, groups):
                works.append(sum(one.execution.engine_busy_cycles))
        wrong += sum(work != works[0] for work in works)
        compared += len(works)
    return wrong, f"programs of {compared} whose engines work another number of cycles than sequential"
