"""Cycle-by-cycle twin of the replay of pipeline programs, and a census of memory in every cycle.

Nothing is shared with :mod:`simsnn.schedule.replay`: every cycle every free processor asks whether the
inputs of its next job are there, by the rules of ``PipelineProgram`` written out once more.
"""

from __future__ import annotations

from random import Random

from simsnn.costs import OperandClass
from simsnn.schedule.program import Job, MessageCosts, PipelineProgram, Weights
from simsnn.schedule.step_graph import StepGraph
from simsnn.workload.operation import Pass

Input = tuple[Job, int]
"""A job and the bytes of what it leaves."""


def inputs(step: StepGraph, program: PipelineProgram, job: Job) -> list[Input]:
    """What a job waits for, one entry per tensor."""
    task, m = step.tasks[job.task], program.micro_batches
    layer = step.layers[task.layer]
    found: list[Input] = []
    for edge in step.edges:
        if edge.target == job.task:
            every = range(m) if task.pass_ is Pass.U else [job.micro_batch]
            found += [(Job(edge.source, job.iteration, j), edge.bytes) for j in every]
    if task.pass_ is Pass.U and job.iteration:
        found.append((Job(job.task, job.iteration - 1), 0))
    if task.pass_ is Pass.W and job.micro_batch:
        found.append((Job(job.task, job.iteration, job.micro_batch - 1), 0))
    version = version_read(step, program, job)
    if version is not None and version > 0:
        found.append((Job(layer.update, version - 1), layer.weight_bytes))
    return found


def version_read(step: StepGraph, program: PipelineProgram, job: Job) -> int | None:
    """Version of the weights of its layer that a job reads; None if it reads none."""
    task = step.tasks[job.task]
    if task.pass_ is Pass.F:
        return max(0, job.iteration - program.staleness[task.layer])
    if task.pass_ is Pass.B and step.layers[task.layer].backward_reads_weights:
        return max(0, job.iteration - program.backward_staleness[task.layer])
    return None


def stepped(
    step: StepGraph, program: PipelineProgram, messages: MessageCosts, patience: int = 100_000
) -> dict[Job, tuple[int, int]]:
    """First cycle and the cycle behind the last of every job."""
    times: dict[Job, tuple[int, int]] = {}
    queues = [list(jobs) for jobs in program.order]
    free = [0] * program.processors
    for now in range(patience):
        changed = True
        while changed:
            changed = False
            for p, queue in enumerate(queues):
                if queue and free[p] <= now and _all_there(step, program, messages, queue[0], times, now):
                    job = queue.pop(0)
                    free[p] = now + step.tasks[job.task].cycles[p]
                    times[job] = (now, free[p])
                    changed = True
        if not any(queues):
            return times
    raise AssertionError("the program never ends")


def _all_there(
    step: StepGraph,
    program: PipelineProgram,
    messages: MessageCosts,
    job: Job,
    times: dict[Job, tuple[int, int]],
    now: int,
) -> bool:
    here = program.assignment[job.task]
    for before, size in inputs(step, program, job):
        there = program.assignment[before.task]
        trip = messages.alone_cycles(there, here, size) if there != here else 0
        if before not in times or times[before][1] + trip > now:
            return False
    return True


def all_jobs(step: StepGraph, iterations: int, micro_batches: int) -> list[Job]:
    """Every job of a program."""
    return [
        Job(task.id, n, j)
        for n in range(iterations)
        for task in step.tasks
        for j in range(1 if task.pass_ is Pass.U else micro_batches)
    ]


def random_program(step: StepGraph, rng: Random, iterations: int, micro_batches: int) -> PipelineProgram:
    """Any assignment, any delays, any order that the inputs allow."""
    assignment = [rng.randrange(step.processors) for _ in step.tasks]
    for layer in step.layers:
        if rng.random() < 0.5:
            assignment[layer.update] = assignment[layer.gradient]
    forward = tuple(rng.randint(0, 3) for _ in step.layers)
    weights = rng.choice(list(Weights))
    backward = forward if weights is Weights.STASHED else tuple(rng.randint(0, 2) for _ in step.layers)
    empty: tuple[tuple[Job, ...], ...] = ((),) * step.processors
    program = PipelineProgram(
        "random", step.processors, iterations, micro_batches, tuple(assignment), empty, weights, forward, backward
    )
    left, done = all_jobs(step, iterations, micro_batches), set[Job]()
    order: list[list[Job]] = [[] for _ in range(step.processors)]
    while left:
        ready = [job for job in left if all(before in done for before, _ in inputs(step, program, job))]
        job = rng.choice(ready)
        left.remove(job)
        done.add(job)
        order[assignment[job.task]].append(job)
    return PipelineProgram(
        "random",
        step.processors,
        iterations,
        micro_batches,
        tuple(assignment),
        tuple(tuple(jobs) for jobs in order),
        weights,
        forward,
        backward,
    )


class Census:
    """What lies in the memories in each cycle, looked up job by job."""

    def __init__(
        self,
        step: StepGraph,
        program: PipelineProgram,
        times: dict[Job, tuple[int, int]],
        messages: MessageCosts,
    ) -> None:
        self.step, self.program, self.times, self.messages = step, program, times, messages
        self.makespan = max(end for _, end in times.values())

    def stash(self, p: int, now: int, role: OperandClass | None = None, node: bool = False) -> int:
        """Bytes of tensors between tasks on processor p: of one class, of neurons alone, or all."""
        total = 0
        for maker in self.times:
            tensors = {
                (edge.tensor, edge.bytes)
                for edge in self.step.edges
                if edge.source == maker.task and edge.role is not OperandClass.WEIGHT_GRADIENTS
                if role in (None, edge.role) and (edge.node or not node)
            }
            total += sum(size for tensor, size in tensors if self._held(maker, tensor, size, p, now))
        return total

    def _held(self, maker: Job, tensor: str, size: int, p: int, now: int) -> bool:
        start, end = self.times[maker]
        home = self.program.assignment[maker.task]
        targets = {e.target for e in self.step.edges if e.source == maker.task and e.tensor == tensor}
        readers = [job for job in self.times if job.task in targets and self._same(maker, job)]
        mine = [self.times[job][1] for job in readers if self.program.assignment[job.task] == p]
        if p != home:
            return end <= now < max(mine, default=0)
        others = {self.program.assignment[job.task] for job in readers} - {home}
        sent = [end + self.messages.alone_cycles(home, other, size) for other in others]
        return start <= now < max([end, *mine, *sent])

    def _same(self, maker: Job, reader: Job) -> bool:
        update = self.step.tasks[reader.task].pass_ is Pass.U
        return maker.iteration == reader.iteration and (update or maker.micro_batch == reader.micro_batch)

    def versions(self, layer: int, p: int, now: int) -> int:
        """Versions of a layer's weights on processor p."""
        return sum(self._version_held(layer, k, p, now) for k in range(self.program.iterations + 1))

    def _version_held(self, layer: int, version: int, p: int, now: int) -> bool:
        found = self.step.layers[layer]
        home = self.program.assignment[found.update]
        made = self.times[Job(found.update, version - 1)][1] if version else 0
        ends, senders = [made], set[int]()
        for job, (_, end) in self.times.items():
            if self.step.tasks[job.task].layer == layer and version_read(self.step, self.program, job) == version:
                there = self.program.assignment[job.task]
                senders |= {there} - {home}
                ends += [end] * (there == p)
        if p == home:
            final = version == self.program.iterations
            ends.append(self.makespan if final else self.times[Job(found.update, version)][1])
            if version:
                ends += [made + self.messages.alone_cycles(home, q, found.weight_bytes) for q in senders]
        return made <= now < max(ends)

    def gradients(self, p: int, now: int) -> int:
        """Bytes of weight gradients being summed, on their way, or waiting for their update."""
        total = 0
        for layer in self.step.layers:
            home, there = self.program.assignment[layer.gradient], self.program.assignment[layer.update]
            for n in range(self.program.iterations):
                sums = [self.times[Job(layer.gradient, n, j)] for j in range(self.program.micro_batches)]
                made, used = max(end for _, end in sums), self.times[Job(layer.update, n)][1]
                if home == there == p:
                    total += layer.gradient_bytes * (min(start for start, _ in sums) <= now < used)
                elif home == p:
                    gone = made + self.messages.alone_cycles(home, there, layer.gradient_bytes)
                    total += layer.gradient_bytes * (min(start for start, _ in sums) <= now < gone)
                elif there == p:
                    total += layer.gradient_bytes * (made <= now < used)
        return total

    def in_flight(self, layer: int, now: int) -> int:
        """Micro-batches between the start of F and the end of W."""
        found = self.step.layers[layer]
        return sum(
            self.times[job][0] <= now < self.times[Job(found.gradient, job.iteration, job.micro_batch)][1]
            for job in self.times
            if job.task == found.forward
        )
