"""When the jobs of a pipeline program run if nothing ever waits for a link or a memory.

A processor runs one job at a time, in the order of its program, and a message has the links to
itself. With c the cycles of a job on its processor and x the alone cycles of the slowest message
that brings an input from another processor (0 where it is on the same one):

    start(v) = max( 0, end(job before v on its processor), max over inputs u of end(u) + x(u, v) )
    end(v)   = start(v) + c(v)

This is the level P of docs/machines for programs, the max-plus longest path with a whole task as
the unit: the event engine runs the same program chunk by chunk, with contention. ``job_inputs`` is
the one definition of what a job waits for; validity checks and the task graph builder read it too.
Proven equal to a machine stepped cycle by cycle (tests/naive/programs.py, tests/property/test_programs.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from simsnn.errors import ExitCode, SimsnnError
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram
from simsnn.schedule.step_graph import StepGraph
from simsnn.workload.operation import Pass


class ScheduleError(SimsnnError):
    """A program that no machine can run as it declares: a bug of a schedule, never the user's."""

    kind = "schedule"
    exit_code = ExitCode.BUG


class Batches(Enum):
    """Which micro-batches of a producer one micro-batch of the reader needs."""

    SAME = "same"
    BEFORE = "the one before"
    ALL = "all"
    ONCE = "runs once per iteration"


@dataclass(frozen=True, slots=True)
class Need:
    """What every job of a task waits for.

    Parameters
    ----------
    task : int
        Producer.
    lag : int
        Iterations by which the producer's job is older; there is nothing to wait for before iteration 0.
    batches : Batches
        Which micro-batches of it.
    weights : bool
        True where the producer is an update and the reader reads its weights.
    """

    task: int
    lag: int
    batches: Batches
    weights: bool = False


def task_needs(step: StepGraph, program: PipelineProgram, task: int) -> tuple[Need, ...]:
    """What the jobs of one task wait for.

    Tensors of the same micro-batch (an update: of all); the weights that F, and B where it has a
    product, read; the sum of gradients that W adds to; the weights that U changes.
    """
    found = step.tasks[task]
    layer = step.layers[found.layer]
    batches = Batches.ALL if found.pass_ is Pass.U else Batches.SAME
    needs = [Need(source, 0, batches) for source in step.sources[task]]
    if task == layer.forward:
        needs.append(Need(layer.update, 1 + program.staleness[found.layer], Batches.ONCE, weights=True))
    elif task == layer.backward and layer.backward_reads_weights:
        needs.append(Need(layer.update, 1 + program.backward_staleness[found.layer], Batches.ONCE, weights=True))
    elif task == layer.gradient and program.micro_batches > 1:
        needs.append(Need(task, 0, Batches.BEFORE))
    elif task == layer.update:
        needs.append(Need(task, 1, Batches.ONCE))
    return tuple(needs)


def job_inputs(step: StepGraph, program: PipelineProgram, job: Job) -> tuple[Job, ...]:
    """Every job that must be done before a job: data, weight versions, sums of gradients.

    Parameters
    ----------
    step, program : StepGraph, PipelineProgram
        Tasks, and what the program declares about weights.
    job : Job
        The reader.

    Returns
    -------
    tuple of Job
        Its producers, in the order of ``task_needs``; U lists the W of every micro-batch. Jobs before
        iteration 0 are left out: their weights are the initial ones.
    """
    found: list[Job] = []
    for need in task_needs(step, program, job.task):
        iteration = job.iteration - need.lag
        if iteration >= 0:
            found += [Job(need.task, iteration, j) for j in _batches(need, job.micro_batch, program.micro_batches)]
    return tuple(found)


class JobInputs:
    """``job_inputs`` of many jobs of one program, by numbers: what the jobs of a task wait for is found once.

    Attributes
    ----------
    slots : int
        Numbers of jobs are below this; some belong to no job (an update has one micro-batch).
    """

    __slots__ = ("_batches", "_iterations", "_needs", "slots")

    def __init__(self, step: StepGraph, program: PipelineProgram) -> None:
        self._iterations, self._batches = program.iterations, program.micro_batches
        self._needs = [task_needs(step, program, task.id) for task in step.tasks]
        self.slots = len(step.tasks) * self._iterations * self._batches

    def slot(self, job: Job) -> int:
        """Number of a job, as ``Replay.position`` counts."""
        return (job.task * self._iterations + job.iteration) * self._batches + job.micro_batch

    def of(self, job: Job) -> Iterator[int]:
        """Numbers of its inputs, in the order of ``job_inputs``."""
        for need in self._needs[job.task]:
            iteration = job.iteration - need.lag
            if iteration >= 0:
                first = (need.task * self._iterations + iteration) * self._batches
                for batch in _batches(need, job.micro_batch, self._batches):
                    yield first + batch


def _batches(need: Need, micro_batch: int, count: int) -> tuple[int, ...] | range:
    if need.batches is Batches.SAME:
        return (micro_batch,)
    if need.batches is Batches.BEFORE:
        return (micro_batch - 1,) if micro_batch else ()
    return range(count) if need.batches is Batches.ALL else (0,)


@dataclass(frozen=True)
class Replay:
    """When every job runs.

    Parameters
    ----------
    start, end : list of int
        First cycle and the cycle behind the last, by ``position``; -1 where there is no such job (an
        update has one micro-batch).
    makespan_cycles : int
        End of the last job.
    iteration_ends : tuple of int, per iteration
        End of the last job of each iteration.
    iterations, micro_batches : int
        Of the program.
    """

    start: list[int]
    end: list[int]
    makespan_cycles: int
    iteration_ends: tuple[int, ...]
    iterations: int
    micro_batches: int

    def position(self, job: Job) -> int:
        """Where a job stands in ``start`` and ``end``."""
        return (job.task * self.iterations + job.iteration) * self.micro_batches + job.micro_batch


def replay(step: StepGraph, program: PipelineProgram, messages: MessageCosts) -> Replay:
    """Start and end of every job of a program, without contention.

    Parameters
    ----------
    step, program : StepGraph, PipelineProgram
        Tasks with their cycles per processor, and who runs them in which order.
    messages : MessageCosts
        Cycles of a message alone on the links.

    Raises
    ------
    ScheduleError
        If the orders and the inputs wait for each other in a circle, or for a job that no processor runs.
    """
    return _Run(step, program, messages).finish()


class _Run:
    """One replay; every processor advances until its next job misses an input, then waits for that one."""

    def __init__(self, step: StepGraph, program: PipelineProgram, messages: MessageCosts) -> None:
        self.program = program
        self.iterations, self.batches = program.iterations, program.micro_batches
        slots = len(step.tasks) * self.iterations * self.batches
        self.start, self.end = [-1] * slots, [-1] * slots
        self.needs = _costed_needs(step, program, messages)
        self.cycles = [task.cycles[place] for task, place in zip(step.tasks, program.assignment, strict=True)]
        self.next = [0] * program.processors
        self.free = [0] * program.processors
        self.waiting: dict[int, list[int]] = {}

    def finish(self) -> Replay:
        ready = list(range(self.program.processors))
        while ready:
            self._advance(ready.pop(), ready)
        stuck = [p for p, jobs in enumerate(self.program.order) if self.next[p] < len(jobs)]
        if stuck:
            raise self._circle(stuck)
        ends = [
            max(self.end[slot] for task in range(len(self.cycles)) for slot in self._slots(task, n))
            for n in range(self.iterations)
        ]
        return Replay(self.start, self.end, max(ends, default=0), tuple(ends), self.iterations, self.batches)

    def _slots(self, task: int, iteration: int) -> range:
        first = (task * self.iterations + iteration) * self.batches
        return range(first, first + self.batches)

    def _advance(self, processor: int, ready: list[int]) -> None:
        """Run jobs of one processor until one misses an input; wake who waited for those that ran."""
        jobs, end, waiting = self.program.order[processor], self.end, self.waiting
        position, clock = self.next[processor], self.free[processor]
        while position < len(jobs):
            job = jobs[position]
            start, missing = self._start(job, clock)
            if missing >= 0:
                waiting.setdefault(missing, []).append(processor)
                break
            slot = (job.task * self.iterations + job.iteration) * self.batches + job.micro_batch
            clock = start + self.cycles[job.task]
            self.start[slot], end[slot] = start, clock
            position += 1
            if slot in waiting:
                ready.extend(waiting.pop(slot))
        self.next[processor], self.free[processor] = position, clock

    def _start(self, job: Job, clock: int) -> tuple[int, int]:
        """Earliest start behind ``clock``, and the slot of an input that has not run yet (-1: none)."""
        end, batches = self.end, self.batches
        for task, lag, which, cost in self.needs[job.task]:
            iteration = job.iteration - lag
            if iteration < 0:
                continue
            first = (task * self.iterations + iteration) * batches
            if which is Batches.SAME:
                slots: tuple[int, ...] | range = (first + job.micro_batch,)
            elif which is Batches.ONCE:
                slots = (first,)
            elif which is Batches.ALL:
                slots = range(first, first + batches)
            else:
                slots = (first + job.micro_batch - 1,) if job.micro_batch else ()
            for slot in slots:
                done = end[slot]
                if done < 0:
                    return clock, slot
                if done + cost > clock:
                    clock = done + cost
        return clock, -1

    def _circle(self, stuck: list[int]) -> ScheduleError:
        heads = ", ".join(f"processor {p} at {self.program.order[p][self.next[p]]}" for p in stuck)
        return ScheduleError(
            f"program {self.program.name!r} waits in a circle or for a job that nobody runs: {heads}",
            remedy="a schedule made an order that its own inputs contradict",
        )


def _costed_needs(
    step: StepGraph, program: PipelineProgram, messages: MessageCosts
) -> list[tuple[tuple[int, int, Batches, int], ...]]:
    """Per task: (producer, lag, micro-batches, cycles until its slowest message has arrived)."""
    sizes: dict[tuple[int, int], int] = {}
    place = program.assignment
    for edge in step.edges:
        pair = (edge.source, edge.target)
        if place[edge.source] != place[edge.target]:
            alone = messages.alone_cycles(place[edge.source], place[edge.target], edge.bytes)
            sizes[pair] = max(sizes.get(pair, 0), alone)
    found = []
    for task in step.tasks:
        costed = []
        for need in task_needs(step, program, task.id):
            cost = sizes.get((need.task, task.id), 0)
            if need.weights and place[need.task] != place[task.id]:
                size = step.layers[task.layer].weight_bytes
                cost = messages.alone_cycles(place[need.task], place[task.id], size)
            costed.append((need.task, need.lag, need.batches, cost))
        found.append(tuple(costed))
    return found
