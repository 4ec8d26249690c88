"""From a pipeline program to the task graph that the event engine runs.

Every job becomes the tasks of its operations, on the engines of its processor. What an operation
reads from a task before it is an edge where both are on one processor, and a message where they are
not: sent once per tensor, to all processors that read it, as soon as the last operation that writes it
has stored it. Updated weights go the same way to whoever reads that version; the version that a job
reads is the one its program declares. Weight gradients stay with W: each micro-batch adds to
those of the one before.

Jobs are laid out in an order in which everything they wait for stands before them, and each processor's jobs
in its program's order. Tests: ``tests/unit/test_pipeline_graph.py``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from simsnn.costs import OperandClass
from simsnn.mapping.mapped import MappedOperation, reads, writes
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.mapping.processors import Processors
from simsnn.mapping.tasks import task_chunks, task_of
from simsnn.schedule.graph import Arrival, Chunk, Message, Task, TaskGraph, Transfer
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.schedule.replay import job_inputs
from simsnn.schedule.step_graph import StepGraph
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
        The operation behind each task.
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
    micro_batch: int
    """Of the writer; -1 for the reader's own."""


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
    place = {job: (p, i) for p, jobs in enumerate(program.order) for i, job in enumerate(jobs)}
    position, emitted, found = [0] * program.processors, set[Job](), list[Job]()
    waiting: dict[Job, list[int]] = {}
    ready = deque(range(program.processors))
    while ready:
        processor = ready.popleft()
        jobs = program.order[processor]
        if position[processor] >= len(jobs):
            continue
        job = jobs[position[processor]]
        missing = next((before for before in job_inputs(step, program, job) if before not in emitted), None)
        if missing is not None:
            assert missing in place, f"{missing} is in no order"
            waiting.setdefault(missing, []).append(processor)
            continue
        emitted.add(job)
        found.append(job)
        position[processor] += 1
        ready.append(processor)
        ready.extend(waiting.pop(job, ()))
    assert len(found) == len(place), "the program was checked before"
    return tuple(found)


class _Builder:
    """State while a program is laid out."""

    def __init__(
        self, step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], processors: Processors
    ) -> None:
        self.step, self.program, self.groups, self.processors = step, program, groups, processors
        self.outgoing = _outgoing(step, program, groups, processors)
        self.templates: dict[tuple[int, int, int], tuple[_Operation, ...]] = {}
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
        batch = job.micro_batch if source.micro_batch < 0 else source.micro_batch
        return Job(source.task, iteration, batch) if iteration >= 0 else None

    def _writer(self, job: Job, tensor: str) -> int:
        group = self.groups[self.processors.group[self.program.assignment[job.task]]]
        return group.position_of(job.task, tensor, job.micro_batch)

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
        key = (processor, job.task, job.micro_batch)
        if key not in self.templates:
            self.templates[key] = tuple(self._operations(processor, job))
        return self.templates[key]

    def _operations(self, processor: int, job: Job) -> list[_Operation]:
        group = self.groups[self.processors.group[processor]]
        items = group.tasks[job.micro_batch][job.task]
        slots = self.processors.load_slots[self.processors.engine_base[processor]]
        written: dict[str, int] = {}
        found = []
        for number, item in enumerate(items):
            inside, sources = set[int](), list[_Source]()
            for operand in reads(item.operation):
                if operand.tensor in written:
                    inside.add(written[operand.tensor])
                else:
                    sources += self._sources(group, job, operand.tensor)
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

    def _sources(self, group: GroupTasks, job: Job, tensor: str) -> list[_Source]:
        """Where an operand comes from, if another job of the program writes it."""
        writer = group.writers.get(tensor)
        if writer is None:
            return []
        program, (layer, pass_) = self.program, group.numbers.layer_and_pass(job.task)
        if tensor in group.versioned:
            if pass_ is Pass.U:
                return [_Source(tensor, writer, 1, 0)]
            stale = program.staleness if pass_ is Pass.F else program.backward_staleness
            return [_Source(tensor, writer, 1 + stale[layer], 0)]
        if writer == job.task:
            # its own result of before: optimizer state of the last iteration, gradients of the last micro-batch
            if pass_ is Pass.U:
                return [_Source(tensor, writer, 1, 0)]
            return [_Source(tensor, writer, 0, job.micro_batch - 1)] if job.micro_batch else []
        if pass_ is Pass.U:
            return [_Source(tensor, writer, 0, program.micro_batches - 1)]
        return [_Source(tensor, writer, 0, -1)]

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


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A tensor that a task sends to other processors.

    Parameters
    ----------
    tensor, operand, bytes
        What, and how much of it.
    destinations : tuple of int
        Processors that read it.
    lag : int
        Iterations until the first of them reads it; 0 for tensors of the same iteration.
    summed : bool
        True for what micro-batches add up, which is sent once, with the last of them.
    """

    tensor: str
    operand: OperandClass
    bytes: int
    destinations: tuple[int, ...]
    lag: int = 0
    summed: bool = False


def _outgoing(
    step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], processors: Processors
) -> list[tuple[_Outgoing, ...]]:
    """What each task sends; nothing where all processors share one memory."""
    if not processors.private:
        return [()] * len(step.tasks)
    found = []
    for task in step.tasks:
        sent = _results(step, program, task.id)
        if task.id == step.layers[task.layer].update:
            sent += _weights(step, program, groups, task.layer)
        for message in sent:
            processors.interconnect.routes(program.assignment[task.id], message.destinations)
        found.append(tuple(sent))
    return found


def _results(step: StepGraph, program: PipelineProgram, task: int) -> list[_Outgoing]:
    """Tensors that tasks of the same iteration read elsewhere."""
    place, found = program.assignment, dict[str, _Outgoing]()
    updates = {layer.update for layer in step.layers}
    for edge in step.edges:
        if edge.source == task and place[edge.target] != place[task]:
            known = found.get(edge.tensor, _Outgoing(edge.tensor, edge.role, edge.bytes, (), summed=True))
            where = tuple(sorted({*known.destinations, place[edge.target]}))
            summed = known.summed and edge.target in updates
            found[edge.tensor] = replace(known, destinations=where, summed=summed)
    return list(found.values())


def _weights(step: StepGraph, program: PipelineProgram, groups: tuple[GroupTasks, ...], layer: int) -> list[_Outgoing]:
    """New weights for every reader on another processor."""
    place, tasks, group = program.assignment, step.layers[layer], groups[0]
    found: dict[str, _Outgoing] = {}
    new = [o for item in group.tasks[0][tasks.update] for o in writes(item.operation) if o.tensor in group.versioned]
    for operand in new:
        for reader in step.weight_readers(layer):
            used = any(o.tensor == operand.tensor for i in group.tasks[0][reader] for o in reads(i.operation))
            if not used or place[reader] == place[tasks.update]:
                continue
            stale = program.staleness if reader == tasks.forward else program.backward_staleness
            lag = 1 + stale[layer]
            known = found.get(operand.tensor, _Outgoing(operand.tensor, operand.role, operand.bytes, (), lag))
            where = tuple(sorted({*known.destinations, place[reader]}))
            found[operand.tensor] = replace(known, destinations=where, lag=min(known.lag, lag))
    return list(found.values())
