"""From a pipeline program to the task graph that the event engine runs.

Every job becomes the tasks of its operations, on the engines of its processor. What an operation
reads from a task before it is an edge where both are on one processor, and a message where they are
not: sent once per tensor, to all processors that read it, as soon as the last operation that writes it
has stored it. Updated weights go the same way to whoever reads that version; the version that a job
reads is the one its program declares. Weight gradients stay with W: each micro-batch adds to
those of the one before.

Micro-batches that differ in their samples alone are laid out after one of them. Jobs stand in an order in
which everything they wait for stands before them, and each processor's jobs in its program's order.

Tests: ``tests/unit/test_pipeline_graph.py``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.mapping.pipeline_messages import outgoing
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.mapping.processors import Processors
from simsnn.mapping.repeats import repeats
from simsnn.mapping.tasks import task_chunks, task_of
from simsnn.schedule.graph import Arrival, Chunk, Message, Task, TaskGraph, Transfer
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.schedule.replay import JobInputs
from simsnn.schedule.step_graph import StepGraph
from simsnn.sim.garbage import collector_paused
from simsnn.workload.operation import Pass


@dataclass(frozen=True)
class PipelineGraph:
    """A task graph and the jobs in it.

    Parameters
    ----------
    graph : TaskGraph
        Tasks and messages.
    jobs : tuple of Job
        In the order of the graph.
    first : tuple of int, per job
        Id of its first task; the tasks of a job stand together.
    items : tuple of MappedOperation, per task
        The operation behind each task; one may stand for the same work on other samples.
    tensors : tuple of str, per message
        What it carries.
    """

    graph: TaskGraph
    jobs: tuple[Job, ...]
    first: tuple[int, ...]
    items: tuple[MappedOperation, ...]
    tensors: tuple[str, ...]

    def span(self, number: int) -> range:
        """Task ids of one job."""
        end = self.first[number + 1] if number + 1 < len(self.first) else len(self.graph.tasks)
        return range(self.first[number], end)


@dataclass(frozen=True, slots=True)
class _Source:
    """A tensor that an operation reads and an earlier job wrote."""

    tensor: str
    task: int
    lag: int
    batch: int
    """Micro-batch of the writer, or one of the two below."""


_OWN, _BEFORE = -1, -2
"""The reader's own micro-batch, and the one before it."""


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation of a task on one processor, ready to be laid out."""

    item: MappedOperation
    task: Task
    inside: tuple[int, ...]
    """Operations of the same job that it waits for."""
    sources: tuple[_Source, ...]
    rebased: bool
    """Whether its chunks wait for chunks of its own job, so that they name task ids."""


@collector_paused()
def pipeline_graph(
    step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], processors: Processors
) -> PipelineGraph:
    """Lay a program out.

    Raises
    ------
    ScheduleError
        If its jobs wait for one another in a circle.
    ConfigError
        If two processors that must talk are not joined by links.
    """
    return _Builder(step, program, groups, processors).build()


def emission_order(step: StepGraph, program: PipelineProgram) -> tuple[Job, ...]:
    """All jobs such that inputs stand before their readers and each processor keeps its order."""
    inputs = JobInputs(step, program)
    position, emitted, found = [0] * program.processors, bytearray(inputs.slots), list[Job]()
    waiting: dict[int, list[int]] = {}
    ready = deque(range(program.processors))
    while ready:
        processor = ready.popleft()
        jobs = program.order[processor]
        if position[processor] >= len(jobs):
            continue
        job = jobs[position[processor]]
        missing = next((slot for slot in inputs.of(job) if not emitted[slot]), None)
        if missing is not None:
            waiting.setdefault(missing, []).append(processor)
            continue
        slot = inputs.slot(job)
        emitted[slot] = True
        found.append(job)
        position[processor] += 1
        ready.append(processor)
        ready.extend(waiting.pop(slot, ()))
    assert len(found) == sum(map(len, program.order)), "the program was checked before"
    return tuple(found)


class _Builder:
    """State while a program is laid out."""

    def __init__(
        self, step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], processors: Processors
    ) -> None:
        self.step, self.program, self.groups, self.processors = step, program, groups, processors
        self.outgoing = outgoing(step, program, groups, processors)
        self.templates: dict[tuple[int, int, int], tuple[_Operation, ...]] = {}
        self.standing: dict[tuple[int, int, int], int] = {}
        self.places: dict[tuple[int, int, str, int], int] = {}
        self.first: dict[Job, int] = {}
        self.tasks: list[Task] = []
        self.items: list[MappedOperation] = []
        self.messages: list[Message] = []
        self.tensors: list[str] = []
        self.sent: dict[tuple[Job, str], int] = {}

    def build(self) -> PipelineGraph:
        jobs = emission_order(self.step, self.program)
        for job in jobs:
            self._lay_out(job)
        processors = self.processors
        graph = TaskGraph(
            tuple(self.tasks),
            processors.engine_names,
            processors.sram_names,
            processors.load_slots,
            tuple(self.messages),
        )
        return PipelineGraph(
            graph, jobs, tuple(self.first[job] for job in jobs), tuple(self.items), tuple(self.tensors)
        )

    def _lay_out(self, job: Job) -> None:
        processor = self.program.assignment[job.task]
        operations = self._template(processor, job)
        first = self.first[job] = len(self.tasks)
        for number, operation in enumerate(operations):
            after = {first + i for i in operation.inside}
            arrivals = []
            for source in operation.sources:
                before = self._job(source, job)
                if before is None:
                    continue
                if not self.processors.private or self.program.assignment[before.task] == processor:
                    after.add(self.first[before] + self._writer(before, source.tensor))
                else:
                    arrivals.append(Arrival(self.sent[before, source.tensor], processor))
            self._append(operation, first, number, tuple(sorted(after)), tuple(arrivals))
        self._send(job, first)

    def _append(
        self, operation: _Operation, first: int, number: int, after: tuple[int, ...], arrivals: tuple[Arrival, ...]
    ) -> None:
        shared, id_ = operation.task, first + number
        chunks = _rebased(shared.chunks, first) if operation.rebased else shared.chunks
        self.tasks.append(
            Task(
                id_,
                shared.layer,
                shared.pass_,
                shared.part,
                shared.engine,
                shared.dataflow,
                shared.plan,
                chunks,
                after,
                shared.slowdown,
                shared.issues,
                arrivals,
            )
        )
        self.items.append(operation.item)

    def _job(self, source: _Source, job: Job) -> Job | None:
        """The job that wrote what a job reads; None where it was there before the run."""
        iteration = job.iteration - source.lag
        if iteration < 0:
            return None
        batch = source.batch
        if batch < 0:
            batch = job.micro_batch if batch == _OWN else job.micro_batch - 1
        return Job(source.task, iteration, batch)

    def _writer(self, job: Job, tensor: str) -> int:
        """Which operation of a job writes a tensor last."""
        number = self.processors.group[self.program.assignment[job.task]]
        batch = self._standing(number, job.task, job.micro_batch)
        key = (number, job.task, tensor, batch)
        place = self.places.get(key)
        if place is None:
            place = self.places[key] = self.groups[number].position_of(job.task, tensor, batch)
        return place

    def _standing(self, group: int, task: int, micro_batch: int) -> int:
        """The second micro-batch, where this one asks for the same work; the first adds to no sum."""
        if micro_batch < 2:
            return micro_batch
        key = (group, task, micro_batch)
        batch = self.standing.get(key)
        if batch is None:
            tasks = self.groups[group].tasks
            same = repeats(tasks[micro_batch][task], tasks[1][task])
            batch = self.standing[key] = 1 if same else micro_batch
        return batch

    def _send(self, job: Job, first: int) -> None:
        """Messages with what other processors read of a job's results."""
        for sent in self.outgoing[job.task]:
            early = sent.summed and job.micro_batch + 1 < self.program.micro_batches
            if early or job.iteration + sent.lag >= self.program.iterations:
                continue
            id_ = self.sent[job, sent.tensor] = len(self.messages)
            after, source = first + self._writer(job, sent.tensor), self.program.assignment[job.task]
            self.messages.append(Message(id_, after, source, sent.destinations, sent.operand, sent.bytes))
            self.tensors.append(sent.tensor)

    def _template(self, processor: int, job: Job) -> tuple[_Operation, ...]:
        batch = self._standing(self.processors.group[processor], job.task, job.micro_batch)
        key = (processor, job.task, batch)
        found = self.templates.get(key)
        if found is None:
            found = self.templates[key] = tuple(self._operations(processor, job.task, batch))
        return found

    def _operations(self, processor: int, task_id: int, batch: int) -> list[_Operation]:
        group = self.groups[self.processors.group[processor]]
        items = group.tasks[batch][task_id]
        slots = self.processors.load_slots[self.processors.engine_base[processor]]
        written: dict[str, int] = {}
        found = []
        for number, item in enumerate(items):
            inside, sources = set[int](), list[_Source]()
            for operand in reads(item.operation):
                if operand.tensor in written:
                    inside.add(written[operand.tensor])
                else:
                    sources += self._sources(group, task_id, batch, operand.tensor)
            inside |= {written[o.tensor] for o in writes(item.operation) if o.tensor in written}
            if item.fused is not None and item.consumes:
                inside.discard(number - 1)
            chunks = task_chunks(number, item, slots)
            task = task_of(number, item, self._placed(processor, chunks), ())
            task = replace(task, engine=task.engine + self.processors.engine_base[processor])
            rebased = any(chunk.load_after or chunk.compute_after for chunk in chunks)
            found.append(_Operation(item, task, tuple(sorted(inside)), tuple(sources), rebased))
            written |= {o.tensor: number for o in writes(item.operation)}
        return found

    def _sources(self, group: GroupTasks, task: int, batch: int, tensor: str) -> list[_Source]:
        """Where an operand comes from, if another job of the program writes it."""
        writer = group.writers.get(tensor)
        if writer is None:
            return []
        program, (layer, pass_) = self.program, group.numbers.layer_and_pass(task)
        if tensor in group.versioned:
            if pass_ is Pass.U:
                return [_Source(tensor, writer, 1, 0)]
            stale = program.staleness if pass_ is Pass.F else program.backward_staleness
            return [_Source(tensor, writer, 1 + stale[layer], 0)]
        if writer == task:
            # its own result of before: optimizer state of the last iteration, gradients of the last micro-batch
            if pass_ is Pass.U:
                return [_Source(tensor, writer, 1, 0)]
            return [_Source(tensor, writer, 0, _BEFORE)] if batch else []
        if pass_ is Pass.U:
            return [_Source(tensor, writer, 0, program.micro_batches - 1)]
        return [_Source(tensor, writer, 0, _OWN)]

    def _placed(self, processor: int, chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
        channel, base = self.processors.channel(processor), self.processors.sram_base[processor]
        return tuple(
            replace(
                chunk,
                loads=tuple(_moved(t, channel, base) for t in chunk.loads),
                stores=tuple(_moved(t, channel, base) for t in chunk.stores),
            )
            for chunk in chunks
        )


def _moved(transfer: Transfer, channel: int, sram_base: int) -> Transfer:
    return Transfer(transfer.operand, transfer.sram + sram_base, transfer.bytes, channel)


def _rebased(chunks: tuple[Chunk, ...], first: int) -> tuple[Chunk, ...]:
    """Chunks whose edges count tasks from ``first``."""
    return tuple(
        Chunk(
            chunk.loads,
            chunk.stores,
            tuple(replace(edge, task=edge.task + first) for edge in chunk.load_after),
            tuple(replace(edge, task=edge.task + first) for edge in chunk.compute_after),
        )
        for chunk in chunks
    )
