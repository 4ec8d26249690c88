"""Programs of every pipelined schedule are valid, and the checks notice when one is not.

Every kind that stands in the registry is covered, with every choice of its keys that have a
few named values: adding a schedule adds it here. Replay and memory are equal to their twins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from simsnn.costs import OperandClass
from simsnn.errors import ConfigError
from simsnn.results.memory import processor_memory
from simsnn.schedule.memory_use import MemoryUse, memory_use
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.pipelined import PipelinedModel
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, PipelineSchedule
from simsnn.schedule.registry import SCHEDULES
from simsnn.schedule.replay import Replay, ScheduleError, job_inputs, replay
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import check_program
from simsnn.sim.trace import OPERANDS
from simsnn.workload.operation import Pass
from tests.naive.programs import Census, all_jobs, inputs, random_program, stepped
from tests.naive.step_graphs import RandomLinks, random_step, step_graph

KINDS = tuple(kind for kind, model in SCHEDULES if model.pipelined)
CASES = 25


def choices(schema: dict[str, Any], key: dict[str, Any]) -> list[Any]:
    """Named values of one key of a schedule; none for numbers."""
    found = schema["$defs"][key["$ref"].split("/")[-1]] if "$ref" in key else key
    return found.get("enum", [])


def variants(kind: str, iterations: int, micro_batches: int) -> Iterator[PipelineSchedule]:
    """The schedule as it is by default, and with each other choice of each of its keys."""
    model = SCHEDULES.get(kind)
    schema = model.model_json_schema()
    properties = schema["properties"]
    common: dict[str, Any] = {"kind": kind, "iterations": iterations}
    if properties["micro_batches"].get("type") == "integer" and "const" not in properties["micro_batches"]:
        common["micro_batches"] = micro_batches
    yield model.model_validate(common)
    for name, key in properties.items():
        for value in choices(schema, key):
            if value != key.get("default"):
                yield model.model_validate({**common, name: value})


def programs(
    kind: str, seed: int, layers: int = 6, iterations: int = 7
) -> Iterator[tuple[StepGraph, PipelineProgram, MessageCosts]]:
    """Programs for one random step graph of at most so many layers."""
    rng = Random(seed)
    layers = rng.randint(1, layers)
    step = random_step(rng, layers, rng.randint(1, layers), least=rng.choice((0, 1, 1)))
    links: MessageCosts = RandomLinks(rng) if rng.random() < 0.7 else NoLinks()
    for schedule in variants(kind, rng.randint(1, iterations), rng.randint(1, 5)):
        for program in schedule.programs(step, links):
            yield step, program, links


def test_there_are_schedules_to_check() -> None:
    assert {"sequential", "gpipe", "one_f_one_b", "pipedream", "layerpipe"} <= set(KINDS)
    assert {schedule.convention for schedule in variants("pipedream", 2, 1)} == {"one_f_one_b", "retimed"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(CASES))
def test_every_program_of_every_schedule_is_valid(kind: str, seed: int) -> None:
    for step, program, links in programs(kind, seed):
        found = check_program(step, program, messages=links)
        check_program(step, program)
        assert busy_cycles(step, program, found) == expected_work(step, program)
        assert found.makespan_cycles * step.processors >= busy_cycles(step, program, found)
        assert tuple(sorted(found.iteration_ends)) == found.iteration_ends
        assert found.makespan_cycles == found.iteration_ends[-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_replay_and_memory_equal_their_twins_on_programs_of_schedules(kind: str, seed: int) -> None:
    for step, program, links in programs(kind, 100 + seed, layers=3, iterations=3):
        assert_equal_to_twins(step, program, links, by_class=seed == 0)


@pytest.mark.parametrize("seed", range(40))
def test_replay_and_memory_equal_their_twins_on_random_programs(seed: int) -> None:
    rng = Random(seed)
    step = random_step(rng, rng.randint(1, 4), rng.randint(1, 4), least=rng.choice((0, 1)))
    program = random_program(step, rng, rng.randint(1, 3), rng.randint(1, 3))
    assert_equal_to_twins(step, program, RandomLinks(rng), by_class=True)


def assert_equal_to_twins(step: StepGraph, program: PipelineProgram, links: MessageCosts, by_class: bool) -> None:
    found, twin = replay(step, program, links), stepped(step, program, links)
    jobs = all_jobs(step, program.iterations, program.micro_batches)
    assert set(twin) == set(jobs)
    for job in jobs:
        assert (found.start[found.position(job)], found.end[found.position(job)]) == twin[job]
        assert set(job_inputs(step, program, job)) == {before for before, _ in inputs(step, program, job)}
    assert found.makespan_cycles == max(end for _, end in twin.values())
    ends = [max(end for job, (_, end) in twin.items() if job.iteration == n) for n in range(program.iterations)]
    assert list(found.iteration_ends) == ends
    census = Census(step, program, twin, links)
    assert_memory_equals(step, program, found, census, links)
    for p, use in enumerate(memory_use(step, program, found, links) if by_class else ()):
        assert_classes_equal(step, use, census, p)


def assert_memory_equals(
    step: StepGraph, program: PipelineProgram, found: Replay, census: Census, links: MessageCosts
) -> None:
    # what is held grows only when a job starts or ends, so that every peak is at one of these
    moments = sorted({cycle for times in census.times.values() for cycle in times})
    for p, use in enumerate(memory_use(step, program, found, links)):
        rows = [(census.stash(p, now), census.gradients(p, now), versions_at(census, p, now)) for now in moments]
        home = [layer.update for layer in step.layers]
        present = [max((row[2][i] for row in rows), default=0) for i in range(len(home))]
        used_here = [p in places(step, program, i) for i in range(len(home))]
        assert use.weight_versions == tuple(
            max(n, 1) if used else 0 for n, used in zip(present, used_here, strict=True)
        )
        sizes = [layer.weight_bytes for layer in step.layers]
        extra = [sum(max(0, n - 1) * size for n, size in zip(row[2], sizes, strict=True)) for row in rows]
        assert use.stash_bytes == max(row[0] for row in rows)
        assert use.gradient_bytes == max(row[1] for row in rows)
        assert use.version_bytes == max(extra)
        fixed = use.weight_bytes + use.optimizer_bytes
        assert fixed == sum(
            used * layer.weight_bytes + (program.assignment[layer.update] == p) * layer.state_bytes
            for used, layer in zip(used_here, step.layers, strict=True)
        )
        assert use.peak_bytes == fixed + max(row[0] + row[1] + more for row, more in zip(rows, extra, strict=True))
        copies = [max(census.in_flight(i, now) for now in moments) for i in range(len(home))]
        assert use.stash_copies == tuple(
            n if program.assignment[layer.forward] == p else 0 for n, layer in zip(copies, step.layers, strict=True)
        )


def assert_classes_equal(step: StepGraph, use: MemoryUse, census: Census, p: int) -> None:
    """Every class at every moment, what neurons keep, and the common peak."""
    moments = sorted({cycle for times in census.times.values() for cycle in times})
    memory = processor_memory(use)
    assert memory.off_chip.peak == use.peak_bytes
    assert memory.node.peak == max(census.stash(p, now, node=True) for now in moments)
    sizes, roles = [layer.weight_bytes for layer in step.layers], {edge.role for edge in step.edges}
    for now in moments:
        extra = sum(max(0, n - 1) * size for n, size in zip(versions_at(census, p, now), sizes, strict=True))
        wanted = {role: census.stash(p, now, role) if role in roles else 0 for role in OperandClass}
        wanted[OperandClass.WEIGHTS] += use.weight_bytes
        wanted[OperandClass.OPTIMIZER_STATE] += use.optimizer_bytes
        wanted[OperandClass.WEIGHT_GRADIENTS] += census.gradients(p, now)
        wanted[OperandClass.WEIGHT_VERSIONS] += extra
        step_of = int(np.searchsorted(memory.off_chip.times, now, side="right")) - 1
        found = memory.off_chip.values[:, step_of].tolist() if step_of >= 0 else [0] * len(OPERANDS)
        assert dict(zip(OPERANDS, found, strict=True)) == wanted


def versions_at(census: Census, p: int, now: int) -> list[int]:
    return [census.versions(layer, p, now) for layer in range(len(census.step.layers))]


def places(step: StepGraph, program: PipelineProgram, number: int) -> set[int]:
    layer = step.layers[number]
    return {program.assignment[task] for task in (*step.weight_readers(number), layer.update)}


def busy_cycles(step: StepGraph, program: PipelineProgram, found: Replay) -> int:
    jobs = all_jobs(step, program.iterations, program.micro_batches)
    return sum(found.end[at] - found.start[at] for at in map(found.position, jobs))


def expected_work(step: StepGraph, program: PipelineProgram) -> int:
    """Cycles of all tasks, wherever they are."""
    total = 0
    for task in step.tasks:
        often = 1 if task.pass_ is Pass.U else program.micro_batches
        total += often * task.cycles[program.assignment[task.id]]
    return total * program.iterations


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_no_schedule_is_faster_than_its_processors_allow(kind: str, seed: int) -> None:
    """Equal processors: the sequential run takes at most P times as long."""
    rng = Random(300 + seed)
    layers = rng.randint(1, 6)
    cycles = [{pass_: (rng.randint(1, 9),) for pass_ in (Pass.F, Pass.B, Pass.W, Pass.U)} for _ in range(layers)]
    count = rng.randint(1, layers)
    step = step_graph([{k: v * count for k, v in layer.items()} for layer in cycles], count)
    for schedule in variants(kind, 5, 3):
        for program in schedule.programs(step, NoLinks()):
            alone = SCHEDULES.get("sequential").model_validate(
                {"kind": "sequential", "iterations": 5, "micro_batches": program.micro_batches}
            )
            assert isinstance(alone, PipelinedModel)
            one = replay(step, alone.programs(step, NoLinks())[0], NoLinks()).makespan_cycles  # type: ignore[attr-defined]
            assert one <= count * replay(step, program, NoLinks()).makespan_cycles


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_uses_every_processor_or_refuses_them(kind: str) -> None:
    step = random_step(Random(7), 2, 40)
    (schedule, *_) = variants(kind, 2, 2)
    if kind == "sequential":
        (program,) = schedule.programs(step, NoLinks())
        assert [len(jobs) > 0 for jobs in program.order] == [True] + [False] * 39
        return
    with pytest.raises(ConfigError) as refusal:
        schedule.programs(step, NoLinks())
    assert refusal.value.where.path == "hardware.processors"
    assert "40 processors" in str(refusal.value)
    assert refusal.value.remedy


Mutation = Callable[[StepGraph, PipelineProgram, Random], PipelineProgram | None]


def drop(_step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram:
    p, i = any_job(program, rng)
    return with_jobs(program, p, program.order[p][:i] + program.order[p][i + 1 :])


def duplicate(_step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram:
    p, i = any_job(program, rng)
    return with_jobs(program, p, (*program.order[p], program.order[p][i]))


def elsewhere(_step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram | None:
    """Run a job on a processor that its task is not assigned to."""
    if program.processors == 1:
        return None
    p, i = any_job(program, rng)
    other = (p + 1) % program.processors
    cut = with_jobs(program, p, program.order[p][:i] + program.order[p][i + 1 :])
    return with_jobs(cut, other, (*cut.order[other], program.order[p][i]))


def reorder(step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram | None:
    """Move a job behind one that waits for it."""
    pairs = []
    for p, jobs in enumerate(program.order):
        at = {job: i for i, job in enumerate(jobs)}
        pairs += [(p, at[u], i) for i, job in enumerate(jobs) for u in job_inputs(step, program, job) if u in at]
    if not pairs:
        return None
    p, before, after = rng.choice(pairs)
    jobs = list(program.order[p])
    jobs.insert(after, jobs.pop(before))
    return with_jobs(program, p, tuple(jobs))


def too_fresh(step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram | None:
    """Claim newer weights than the order gives."""
    stale = [i for i, delay in enumerate(program.staleness) if 0 < delay < program.iterations]
    if not stale or not local(step, program, stale):
        return None
    return with_delay(program, rng.choice(local(step, program, stale)), -1)


def too_stale(step: StepGraph, program: PipelineProgram, rng: Random) -> PipelineProgram | None:
    """Claim older weights than the order gives."""
    fits = [i for i, delay in enumerate(program.staleness) if delay + 1 < program.iterations]
    if not local(step, program, fits):
        return None
    return with_delay(program, rng.choice(local(step, program, fits)), 1)


def stash_lie(_step: StepGraph, program: PipelineProgram, _rng: Random) -> PipelineProgram | None:
    """Claim that stashed weights are not those of the forward pass."""
    if program.weights.value == "latest":
        return None
    return replace(program, backward_staleness=tuple(delay + 1 for delay in program.backward_staleness))


def wrong_offset(step: StepGraph, program: PipelineProgram, _rng: Random) -> PipelineProgram | None:
    """Claim that a backward pass runs before its forward pass."""
    if program.offsets is None or program.iterations == 1:
        return None
    layer = step.layers[-1]
    if program.assignment[layer.forward] != program.assignment[layer.update]:
        return None
    shifted = list(program.offsets)
    shifted[layer.update] += 5
    return replace(program, offsets=tuple(shifted))


def local(step: StepGraph, program: PipelineProgram, layers: list[int]) -> list[int]:
    """Layers whose F and U share a processor: there the order says how old weights are."""
    place = program.assignment
    return [i for i in layers if place[step.layers[i].forward] == place[step.layers[i].update]]


def any_job(program: PipelineProgram, rng: Random) -> tuple[int, int]:
    p = rng.choice([p for p, jobs in enumerate(program.order) if jobs])
    return p, rng.randrange(len(program.order[p]))


def with_jobs(program: PipelineProgram, p: int, jobs: tuple[Job, ...]) -> PipelineProgram:
    return replace(program, order=(*program.order[:p], jobs, *program.order[p + 1 :]))


def with_delay(program: PipelineProgram, layer: int, change: int) -> PipelineProgram:
    delays = [delay + change * (i == layer) for i, delay in enumerate(program.staleness)]
    backward = tuple(delays) if program.weights.value == "stashed" else program.backward_staleness
    return replace(program, staleness=tuple(delays), backward_staleness=backward)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "mutation", [drop, duplicate, elsewhere, reorder, too_fresh, too_stale, stash_lie, wrong_offset]
)
def test_a_wrong_program_is_noticed(kind: str, mutation: Mutation) -> None:
    tried = 0
    for seed in range(12):
        for step, program, _ in programs(kind, 500 + seed):
            wrong = mutation(step, program, Random(seed))
            if wrong is not None:
                tried += 1
                with pytest.raises(ScheduleError):
                    check_program(step, wrong)
    # flushed weights are never stale, and delays that the order alone decides need F and U on one processor
    assert tried or (mutation in (too_fresh, wrong_offset) and kind != "pipedream")
