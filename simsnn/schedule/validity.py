"""Whether a program can be what it says: checked before anything is simulated.

1. Every task runs once per iteration and micro-batch (U once per iteration), where it is assigned.
2. Inputs, weight versions and orders do not wait in a circle. As F is replayed behind the update that
   makes its declared version, it never runs with fewer updates than declared.
3. Where a reader of weights and their update share a processor, the declared staleness is the least that
   the order allows: some iteration reads the newest weights that exist when its turn comes.
   (Across processors that is a matter of time, not of order, and not demanded.)
4. Offsets, where given, agree with the order: iteration + offset never falls along a processor.
5. Every tensor is made before it is taken, taken by each of its readers, and then gone.
6. What the processors hold at their peak fits in their memories.

A program that breaks 1 to 5 is a bug of its schedule (ScheduleError), one that breaks 6 the user's (CapacityError).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from simsnn.errors import CapacityError, Where
from simsnn.schedule.memory_use import MemoryUse, memory_use
from simsnn.schedule.periodic import NoLinks
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, Weights
from simsnn.schedule.replay import Replay, ScheduleError, replay
from simsnn.schedule.step_graph import StepGraph

__all__ = ["MemoryUse", "check_capacity", "check_program", "memory_use"]

KIB = 1024
SPARE = 8
"""A run overlaps tasks that the replay has one after the other: what is advised before one has 1/8 on top."""

CONTIGUOUS = ("gpipe", "one_f_one_b", "pipedream")
"""Schedules that take at most as many processors as there are layers with weights."""


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """A processor's local memory in the words of the hardware file.

    Parameters
    ----------
    processor : str
        Name of the processor.
    path : str
        Dotted path of the size of its memory; equal processors share one.
    """

    processor: str
    path: str


def check_program(
    step: StepGraph,
    program: PipelineProgram,
    capacity_bytes: tuple[int | None, ...] = (),
    messages: MessageCosts | None = None,
    places: tuple[MemoryPlace, ...] = (),
) -> Replay:
    """Check everything that the module head lists.

    Parameters
    ----------
    step, program : StepGraph, PipelineProgram
        Tasks, and who runs them in which order.
    capacity_bytes : tuple of int or None, per processor
        Size of the local memories; None or nothing: not limited.
    messages : MessageCosts or None
        Links; without, messages take no time.
    places : tuple of MemoryPlace, per processor
        What messages call the memories; by their numbers if left out.

    Returns
    -------
    Replay
        When the jobs run.

    Raises
    ------
    ScheduleError
        If the program is not what it says.
    CapacityError
        If a processor must hold more than its memory.
    """
    _check_shape(step, program)
    _check_jobs(step, program)
    found = replay(step, program, messages or NoLinks())
    _check_staleness(step, program)
    _check_offsets(program)
    _check_balance(step, program, found)
    if any(size is not None for size in capacity_bytes):
        check_capacity(program, memory_use(step, program, found, messages), capacity_bytes, places)
    return found


def _wrong(program: PipelineProgram, message: str) -> ScheduleError:
    return ScheduleError(f"program {program.name!r}: {message}", remedy="a bug of the schedule that made it")


def _check_shape(step: StepGraph, program: PipelineProgram) -> None:
    layers, delays = len(step.layers), (program.staleness, program.backward_staleness)
    if len(program.assignment) != len(step.tasks) or any(len(delay) != layers for delay in delays):
        raise _wrong(program, f"it is not about {len(step.tasks)} tasks of {layers} layers")
    if program.processors != step.processors or len(program.order) != step.processors:
        raise _wrong(program, f"it has {len(program.order)} orders for {step.processors} processors")
    if any(not 0 <= place < step.processors for place in program.assignment):
        raise _wrong(program, "a task is assigned to a processor that is not there")
    if min(*program.staleness, *program.backward_staleness, 0) < 0:
        raise _wrong(program, "weights cannot be newer than the newest")
    if program.weights is Weights.STASHED and program.staleness != program.backward_staleness:
        raise _wrong(program, "stashed weights are those of the forward pass, but the backward pass declares others")


def _check_jobs(step: StepGraph, program: PipelineProgram) -> None:
    """Each job once, where its task is assigned."""
    updates = {layer.update for layer in step.layers}
    seen: set[Job] = set()
    for processor, jobs in enumerate(program.order):
        for job in jobs:
            if not 0 <= job.task < len(step.tasks) or program.assignment[job.task] != processor:
                raise _wrong(program, f"{job} is in the order of processor {processor} but not assigned to it")
            batches = 1 if job.task in updates else program.micro_batches
            if not (0 <= job.iteration < program.iterations and 0 <= job.micro_batch < batches):
                raise _wrong(program, f"{job} is not one of {program.iterations} iterations of {batches} micro-batches")
            if job in seen:
                raise _wrong(program, f"{job} runs twice")
            seen.add(job)
    each = program.micro_batches * (len(step.tasks) - len(updates)) + len(updates)
    if len(seen) != program.iterations * each:
        missing = next(
            job
            for task in step.tasks
            for n in range(program.iterations)
            for j in range(1 if task.id in updates else program.micro_batches)
            if (job := Job(task.id, n, j)) not in seen
        )
        raise _wrong(program, f"{missing} never runs")


def _check_staleness(step: StepGraph, program: PipelineProgram) -> None:
    """Declared staleness against updates that stand before the readers in the order of one processor."""
    declared: dict[int, tuple[int, int]] = {}
    for layer, forward, backward in zip(step.layers, program.staleness, program.backward_staleness, strict=True):
        readers = [(layer.forward, forward)]
        if layer.backward_reads_weights and program.weights is Weights.LATEST:
            readers.append((layer.backward, backward))
        for task, delay in readers:
            if program.assignment[task] == program.assignment[layer.update] and delay < program.iterations:
                declared[task] = (layer.update, delay)
    least = _least_staleness(program, {task: update for task, (update, _) in declared.items()})
    for task, (_, delay) in declared.items():
        if least[task] < delay:
            said = f"{step.tasks[task].name} reads weights {delay} updates old"
            raise _wrong(program, f"{said}, its order has them {least[task]} updates old at most")


def _least_staleness(program: PipelineProgram, updates: dict[int, int]) -> dict[int, int]:
    """Per reader: most updates, over the iterations, that are still missing when it runs."""
    done: Counter[int] = Counter()
    missing = dict.fromkeys(updates, 0)
    for jobs in program.order:
        for job in jobs:
            if job.task in updates:
                missing[job.task] = max(missing[job.task], job.iteration - done[updates[job.task]])
            done[job.task] += job.micro_batch == 0
    return missing


def _check_offsets(program: PipelineProgram) -> None:
    if program.offsets is None:
        return
    if len(program.offsets) != len(program.assignment) or min(program.offsets, default=0) < 0:
        raise _wrong(program, "its offsets are not one period for each task")
    for processor, jobs in enumerate(program.order):
        periods = [job.iteration + program.offsets[job.task] for job in jobs]
        if periods != sorted(periods):
            raise _wrong(program, f"processor {processor} goes back to an earlier period than its offsets say")


def _check_balance(step: StepGraph, program: PipelineProgram, found: Replay) -> None:
    """Put every tensor when its maker ends, take it once for each reader; nothing may be left."""
    updates = {layer.update for layer in step.layers}
    m, iterations = program.micro_batches, program.iterations
    left = [0] * len(found.end)
    for job in _by_time(program, found):
        for source in step.sources[job.task]:
            first = (source * iterations + job.iteration) * m
            for at in range(first, first + m) if job.task in updates else (first + job.micro_batch,):
                if not left[at]:
                    raise _wrong(program, f"{job} takes what {step.tasks[source].name} has not left")
                left[at] -= 1
        left[found.position(job)] += len(step.targets[job.task])
    if any(left):
        task = step.tasks[left.index(max(left)) // (iterations * m)]
        raise _wrong(program, f"what {task.name} leaves is never taken")


def _by_time(program: PipelineProgram, found: Replay) -> list[Job]:
    jobs = [job for order in program.order for job in order]
    at = [found.position(job) for job in jobs]
    # tasks without cycles share their moments with their makers, which stand before them in program order
    keys = [(found.start[i], found.end[i], job.iteration, job.task) for i, job in zip(at, jobs, strict=True)]
    return [jobs[i] for i in sorted(range(len(jobs)), key=keys.__getitem__)]


def check_capacity(
    program: PipelineProgram,
    uses: tuple[MemoryUse, ...],
    capacity_bytes: tuple[int | None, ...],
    places: tuple[MemoryPlace, ...] = (),
    *,
    ran: bool = False,
) -> None:
    """Refuse a program that holds more than a local memory has.

    Parameters
    ----------
    program, uses, capacity_bytes : PipelineProgram, tuple of MemoryUse, tuple of int or None
        What runs, what every processor holds, what it can hold.
    places : tuple of MemoryPlace, per processor
        What messages call the memories; by their numbers if left out.
    ran : bool
        Whether the uses are those of a run, hence exact, or of a replay, which a run may exceed.

    Raises
    ------
    CapacityError
        For the processor that lacks most: what is held, the capacity and what would fit.
    """
    called = places or tuple(MemoryPlace(f"processor {p}", "hardware.processors") for p in range(len(uses)))
    short = [
        (use.peak_bytes - size, -p, size)
        for p, (use, size) in enumerate(zip(uses, capacity_bytes, strict=True))
        if size is not None and use.peak_bytes > size
    ]
    if not short:
        return
    _, last, size = max(short)
    use, place = uses[-last], called[-last]
    needs: dict[str, int] = {}
    for _, other, _ in sorted(short, reverse=True):
        path = called[-other].path
        needs[path] = max(needs.get(path, 0), uses[-other].peak_bytes)
    raise CapacityError(
        f"local memory of {place.processor} in program {program.name!r}: weights {use.weight_bytes:,} B,"
        f" older versions up to {use.version_bytes:,} B, optimizer {use.optimizer_bytes:,} B, weight gradients"
        f" up to {use.gradient_bytes:,} B, stash up to {use.stash_bytes:,} B",
        demand=use.peak_bytes,
        bound=size,
        unit="B",
        levers=(*(_size(path, peak, ran) for path, peak in needs.items()), *_levers(program, use, -last, size)),
        where=Where(place.path),
    )


def _size(path: str, peak: int, ran: bool) -> str:
    """The size that holds all processors of a group; before a run with something to spare."""
    key = path if path.endswith("size") else "memory.size"
    least = -(-peak // KIB)
    if ran:
        return f"{key}: {least} KiB"
    return (
        f"{key}: {least + -(-least // SPARE)} KiB (at least {least} KiB by the schedule; a run holds somewhat more"
        " where tasks overlap)"
    )


def _levers(program: PipelineProgram, use: MemoryUse, processor: int, size: int) -> tuple[str, ...]:
    """What else lowers the peak, where the schedule leaves room for it; none is promised to be enough."""
    found, layers = list[str](), len(program.staleness)
    copies, versions = max(use.stash_copies, default=0), max(use.weight_versions, default=0)
    flushed = min(program.processors - processor, program.micro_batches)
    fewer = copies > (flushed if program.micro_batches > 1 else 1)
    if program.name != "one_f_one_b" and fewer and program.processors <= layers:
        kept = "fewer micro-batches" if versions < 2 else "fewer micro-batches and one version of the weights"
        found.append(f"schedule.kind one_f_one_b, which keeps {kept}")
    if use.weight_bytes + use.optimizer_bytes + use.gradient_bytes < size:
        found.append("a smaller workload.batch")
    if program.name == "sequential":
        if layers > 1:
            found.append("a schedule.kind that deals layers out to several processors, such as one_f_one_b")
    elif program.processors < (layers if program.name in CONTIGUOUS else 3 * layers):
        found.append("more processors, so that each holds fewer layers")
    return tuple(found)
