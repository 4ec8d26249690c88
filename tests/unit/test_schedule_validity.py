"""What the checks of a program say: capacity with what would fit, and mistakes by name."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import pytest

from simsnn.errors import CapacityError, ExitCode
from simsnn.schedule.gpipe import GPipe
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.one_f_one_b import OneFOneB
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.pipedream import PipeDream
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.schedule.replay import ScheduleError, replay
from simsnn.schedule.sequential import Sequential
from simsnn.schedule.step_graph import StepGraph
from simsnn.schedule.validity import MemoryPlace, _check_balance, check_capacity, check_program
from simsnn.workload.operation import Pass
from tests.naive.step_graphs import equal_stages, step_graph


def peaks(step: StepGraph, program: PipelineProgram) -> list[int]:
    return [use.peak_bytes for use in memory_use(step, program, replay(step, program, NoLinks()))]


def test_what_fits_exactly_is_accepted_and_a_byte_less_is_refused() -> None:
    step = equal_stages(3, 3, 5, 4, 1)
    (program,) = GPipe(iterations=2, micro_batches=6).programs(step, NoLinks())
    needed = peaks(step, program)
    check_program(step, program, tuple(needed))
    check_program(step, program, (None, None, None))
    for processor in range(3):
        short = tuple(size - (p == processor) for p, size in enumerate(needed))
        with pytest.raises(CapacityError) as refusal:
            check_program(step, program, short)
        assert (refusal.value.demand, refusal.value.bound) == (needed[processor], needed[processor] - 1)
        assert refusal.value.exit_code is ExitCode.BAD_INPUT
        assert f"local memory of processor {processor} in program 'gpipe'" in str(refusal.value)


def test_a_stash_that_does_not_fit_says_what_would() -> None:
    passes = {Pass.F: (3,) * 3, Pass.B: (5,) * 3, Pass.W: (4,) * 3, Pass.U: (1,) * 3}
    step = step_graph([passes] * 3, 3, size=100)
    (program,) = GPipe(iterations=2, micro_batches=6).programs(step, NoLinks())
    (advised,) = OneFOneB(iterations=2, micro_batches=6).programs(step, NoLinks())
    fits = tuple(peaks(step, advised))
    with pytest.raises(CapacityError) as refusal:
        check_program(step, program, fits)
    levers = refusal.value.levers
    least = -(-refusal.value.demand // 1024)
    assert levers[0].startswith(f"memory.size: {least + 1} KiB (at least {least} KiB by the schedule;")
    assert "schedule.kind one_f_one_b, which keeps fewer micro-batches" in levers
    assert "a smaller workload.batch" in levers
    # the advice is sound
    check_program(step, advised, fits)
    # one processor per layer: there are no more to deal out
    assert not any("more processors" in lever for lever in levers)


def test_a_run_is_told_exact_sizes_for_every_group_that_lacks_memory() -> None:
    step = equal_stages(3, 3, 5, 4, 1)
    (program,) = GPipe(iterations=2, micro_batches=6).programs(step, NoLinks())
    uses = memory_use(step, program, replay(step, program, NoLinks()))
    uses = tuple(replace(use, peak_bytes=size) for use, size in zip(uses, (5000, 9000, 3000), strict=True))
    places = tuple(
        MemoryPlace(name, f"hardware.processors.{n}.memory.size") for name, n in (("a0", 0), ("a1", 0), ("b0", 1))
    )
    with pytest.raises(CapacityError, match="local memory of a1 ") as refusal:
        check_capacity(program, uses, (2048, 2048, 2048), places, ran=True)
    assert refusal.value.where.path == "hardware.processors.0.memory.size"
    assert (refusal.value.demand, refusal.value.bound) == (9000, 2048)
    assert refusal.value.levers[:2] == (
        "hardware.processors.0.memory.size: 9 KiB",
        "hardware.processors.1.memory.size: 3 KiB",
    )
    check_capacity(program, uses, (9 * 1024, 9 * 1024, 3 * 1024), places, ran=True)


def test_sequential_is_not_told_to_use_more_processors() -> None:
    step = equal_stages(3, 3, 5, 4, 1)
    (program,) = Sequential(iterations=2).programs(step, NoLinks())
    with pytest.raises(CapacityError) as refusal:
        check_program(step, program, (10, None, None))
    assert not any("more processors" in lever for lever in refusal.value.levers)
    assert any("deals layers out" in lever for lever in refusal.value.levers)


def test_old_versions_of_weights_count() -> None:
    step = equal_stages(3, 3, 5, 4, 1)
    (program,) = PipeDream(iterations=8).programs(step, NoLinks())
    middle = memory_use(step, program, replay(step, program, NoLinks()))[1]
    assert middle.weight_versions[1] == 2
    assert middle.version_bytes == middle.weight_bytes == step.layers[1].weight_bytes
    with pytest.raises(CapacityError, match="fewer micro-batches and one version of the weights"):
        check_program(step, program, (None, 500, None))


def pipeline() -> tuple[StepGraph, PipelineProgram]:
    step = equal_stages(3, 3, 5, 4, 1)
    return step, PipeDream(iterations=5).programs(step, NoLinks())[0]


def test_a_circular_wait_names_who_waits_for_what() -> None:
    step, program = pipeline()
    swapped = (program.order[0][::-1], *program.order[1:])
    with pytest.raises(ScheduleError, match="waits in a circle") as refusal:
        replay(step, replace(program, order=swapped), NoLinks())
    assert refusal.value.exit_code is ExitCode.BUG
    assert "processor 0 at Job(" in str(refusal.value)


def test_fresher_weights_than_the_order_gives_are_a_circle() -> None:
    step, program = pipeline()
    fresher = (program.staleness[0] - 1, *program.staleness[1:])
    with pytest.raises(ScheduleError, match="waits in a circle"):
        check_program(step, replace(program, staleness=fresher, backward_staleness=fresher))


def test_staler_weights_than_the_order_gives_are_named() -> None:
    step, program = pipeline()
    staler = (program.staleness[0] + 1, *program.staleness[1:])
    with pytest.raises(ScheduleError, match="l0 F reads weights 3 updates old, its order has them 2 updates old"):
        check_program(step, replace(program, staleness=staler, backward_staleness=staler))


def test_a_missing_a_second_and_a_misplaced_job_are_named() -> None:
    step, program = pipeline()
    first, *others = program.order
    for jobs, said in (
        (first[1:], r"Job\(task=0, iteration=0, micro_batch=0\) never runs"),
        ((*first, first[0]), "runs twice"),
        ((*first, others[0][0]), "not assigned to it"),
        ((*first, Job(first[0].task, 99)), "not one of 5 iterations"),
    ):
        with pytest.raises(ScheduleError, match=said):
            check_program(step, replace(program, order=(jobs, *others)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"assignment": (0,)}, "not about 12 tasks of 3 layers"),
        ({"order": ()}, "0 orders for 3 processors"),
        ({"assignment": (9,) * 12}, "a processor that is not there"),
        ({"staleness": (-1, 0, 0)}, "newer than the newest"),
        ({"backward_staleness": (0, 0, 0)}, "the backward pass declares others"),
        ({"offsets": (0,)}, "not one period for each task"),
        ({"offsets": (5, *(0,) * 11)}, "goes back to an earlier period"),
    ],
)
def test_declarations_that_contradict_themselves_are_named(change: dict[str, tuple[int, ...]], said: str) -> None:
    step, program = pipeline()
    with pytest.raises(ScheduleError, match=said):
        check_program(step, replace(program, **change))  # type: ignore[arg-type]


def test_a_tensor_that_is_taken_before_it_is_made_is_named() -> None:
    """No replay gives such times; these are made up."""
    step, program = pipeline()
    found = replay(step, program, NoLinks())
    _check_balance(step, program, found)
    early = list(found.start)
    early[found.position(Job(step.layers[1].forward, 2))] = 0
    with pytest.raises(ScheduleError, match="takes what l0 F has not left"):
        _check_balance(step, program, replace(found, start=early))
    less = replace(program, order=(*program.order[:2], program.order[2][:-1]))
    with pytest.raises(ScheduleError, match="what l2 W leaves is never taken"):
        _check_balance(step, less, found)


def test_twenty_thousand_jobs_are_replayed_and_checked_at_once() -> None:
    """100 layers, 64 micro-batches, 16 processors; the bounds leave a slow machine ten times as long."""
    passes = dict.fromkeys((Pass.F, Pass.B, Pass.W, Pass.U), (5,) * 16)
    step = step_graph([passes] * 100, 16)
    begin = perf_counter()
    (program,) = GPipe(iterations=1, micro_batches=64).programs(step, NoLinks())
    made = perf_counter()
    replay(step, program, NoLinks())
    replayed = perf_counter()
    check_program(step, program, (10**9,) * 16)
    assert sum(map(len, program.order)) == 19_300
    assert made - begin < 3
    assert replayed - made < 3
    assert perf_counter() - replayed < 10
