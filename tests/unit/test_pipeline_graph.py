"""The task graph of a program: orders, versions, messages, against counts made once more from the operations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

import pytest

from simsnn.costs import OperandClass
from simsnn.mapping.mapped import reads, writes
from simsnn.mapping.pipeline_graph import PipelineGraph, emission_order, pipeline_graph
from simsnn.mapping.repeats import repeats
from simsnn.pipeline_preparation import PreparedPipeline
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.sim.bounds import check_bounds, find_bounds
from simsnn.sim.critical_path import critical_path
from simsnn.sim.execution import Execution
from simsnn.sim.executor import execute
from simsnn.workload.operation import Pass
from tests.naive.programs import all_jobs, inputs, random_program
from tests.pipelines import CHAIN, KINDS, NETWORKS, RESIDUAL, groups_of, prepared

SEEDS = range(5)
Sent = tuple[str, int, int, tuple[int, ...]]
"""Tensor, bytes, source, destinations."""


@dataclass(frozen=True)
class Laid:
    """A program, its graph and how it ran."""

    run: PreparedPipeline
    program: PipelineProgram
    graph: PipelineGraph
    execution: Execution

    def job_of(self, task: int) -> Job:
        """Job of a task of the graph."""
        return next(job for number, job in enumerate(self.graph.jobs) if task in self.graph.span(number))

    def bounds(self, job: Job) -> tuple[int, int]:
        """Cycle at which its first operation starts, and at which everything it stores is there."""
        records = [self.execution.tasks[task] for task in self.graph.span(self.graph.jobs.index(job))]
        return min(record.start for record in records), max(record.done for record in records)


def laid_out(run: PreparedPipeline, program: PipelineProgram) -> Laid:
    """Lay a program out and run it."""
    graph, cores = pipeline_graph(run.step, program, groups_of(run), run.processors), run.processors
    graph.graph.validate()
    execution = execute(graph.graph, cores.dram, False, cores.memories, cores.interconnect)
    check_bounds(execution, find_bounds(graph.graph, cores.dram, cores.memories, cores.interconnect))
    path = critical_path(graph.graph, cores.dram, cores.memories, cores.interconnect)
    assert path.makespan_cycles <= execution.makespan_cycles
    return Laid(run, program, graph, execution)


def random_run(seed: int, link: str = "crossbar", micro_batches: int = 1) -> Laid:
    """A random program of a small network: any task anywhere, any delays."""
    rng = Random(seed)
    run = prepared(rng.choice([CHAIN, RESIDUAL]), link, "one_f_one_b" if micro_batches > 1 else "sequential")
    return laid_out(run, random_program(run.step, rng, 4, micro_batches))


def expected_messages(run: PreparedPipeline, program: PipelineProgram) -> Counter[Sent]:
    """Messages, counted tensor by tensor.

    From the operations of one micro-batch: whoever reads, on another processor, what an earlier task wrote. A
    sum of weight gradients counts once per iteration, with the last micro-batch. New weights count once per iteration
    that somebody elsewhere reads.
    """
    numbers, place, n, m = run.numbers, program.assignment, program.iterations, program.micro_batches
    first = [item for item in run.parts[0].mapped if numbers.micro_batch_of(item.operation) == 0]
    updates = {layer.update for layer in run.step.layers}
    weights = {
        o.tensor
        for i in first
        if i.operation.pass_ is Pass.U
        for o in writes(i.operation)
        if o.role is OperandClass.WEIGHTS
    }
    made, sizes, readers = dict[str, int](), dict[str, int](), dict[str, set[int]]()
    for item in first:
        task = numbers.task_of(item.operation)
        for operand in reads(item.operation):
            if made.get(operand.tensor, task) != task and operand.tensor not in weights:
                readers.setdefault(operand.tensor, set()).add(task)
        for operand in writes(item.operation):
            made[operand.tensor], sizes[operand.tensor] = task, operand.bytes
    found = Counter[Sent]()
    for tensor, tasks in readers.items():
        ends = tuple(sorted({place[task] for task in tasks} - {place[made[tensor]]}))
        if ends:
            found[tensor, sizes[tensor], place[made[tensor]], ends] = n * (1 if tasks <= updates else m)
    for number, layer in enumerate(run.step.layers):
        (tensor,) = (name for name in weights if made[name] == layer.update)
        ways = [(layer.forward, program.staleness[number])]
        ways += [(layer.backward, program.backward_staleness[number])] * layer.backward_reads_weights
        away = [(place[task], delay) for task, delay in ways if place[task] != place[layer.update]]
        if away:
            times = sum(any(k + 1 + delay < n for _, delay in away) for k in range(n))
            ends = tuple(sorted({end for end, _ in away}))
            found[tensor, sizes[tensor], place[layer.update], ends] = times
    return found + Counter()


def sent(laid: Laid) -> Counter[Sent]:
    """What the graph sends."""
    messages = zip(laid.graph.graph.messages, laid.graph.tensors, strict=True)
    return Counter((tensor, message.bytes, message.source, message.destinations) for message, tensor in messages)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_messages_are_what_the_program_says(seed: int, micro_batches: int) -> None:
    laid = random_run(seed, micro_batches=micro_batches)
    assert sent(laid) == expected_messages(laid.run, laid.program)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_messages_of_every_schedule(kind: str, layers: str) -> None:
    run = prepared(layers, "ring", kind)
    for program in run.programs:
        laid = laid_out(run, program)
        assert sent(laid) == expected_messages(run, program)
        if kind == "sequential":
            assert not laid.graph.graph.messages
        else:
            assert laid.graph.graph.messages


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("link", ["crossbar", "shared"])
def test_every_job_has_its_operations_in_order_on_its_processor(seed: int, link: str) -> None:
    laid = random_run(seed, link, micro_batches=1 + seed % 2)
    run, program, graph = laid.run, laid.program, laid.graph
    (group,) = groups_of(run)
    assert sorted(graph.jobs) == sorted(all_jobs(run.step, program.iterations, program.micro_batches))
    engines = len(group.machine.engines)
    for number, job in enumerate(graph.jobs):
        wanted, span = group.tasks[job.micro_batch][job.task], graph.span(number)
        assert tuple(graph.items[task] for task in span) == wanted
        for task, item in zip(span, wanted, strict=True):
            assert graph.graph.tasks[task].engine == program.assignment[job.task] * engines + item.placement.engine
    assert graph.span(len(graph.jobs) - 1).stop == len(graph.graph.tasks)
    for processor, jobs in enumerate(program.order):
        assert tuple(job for job in graph.jobs if program.assignment[job.task] == processor) == jobs


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("link", ["crossbar", "shared"])
def test_nothing_is_loaded_before_it_has_been_stored_and_has_arrived(seed: int, link: str) -> None:
    """Every tensor of the same iteration: the last writer in program order, found once more here."""
    laid = random_run(seed, link, micro_batches=1 + seed % 2)
    moments, checked = laid.execution.moments, 0
    for number, job in enumerate(laid.graph.jobs):
        for task in laid.graph.span(number):
            loads = int(moments["admitted"][moments["task"] == task].min())
            for operand in reads(laid.graph.items[task].operation):
                writer = writer_of(laid, job, operand.tensor)
                if writer is not None:
                    assert loads >= there(laid, writer, operand.tensor, laid.program.assignment[job.task])
                    checked += 1
    assert checked > 50


def writer_of(laid: Laid, job: Job, tensor: str) -> int | None:
    """Task of the graph that wrote a tensor for another job of the same iteration; weights are looked at elsewhere."""
    step, m = laid.run.step, laid.program.micro_batches
    found = None
    for number, other in enumerate(laid.graph.jobs):
        last = m - 1 if step.tasks[job.task].pass_ is Pass.U else job.micro_batch
        if other.iteration == job.iteration and other.task < job.task and other.micro_batch == last:
            for task in laid.graph.span(number):
                written = [o for o in writes(laid.graph.items[task].operation) if o.tensor == tensor]
                if written and written[0].role is not OperandClass.WEIGHTS:
                    found = task
    return found


def there(laid: Laid, writer: int, tensor: str, processor: int) -> int:
    """Cycle at which a tensor may be loaded on a processor."""
    graph = laid.graph.graph
    if not graph.messages or laid.program.assignment[laid.job_of(writer).task] == processor:
        return laid.execution.tasks[writer].done
    (message,) = (m for m in graph.messages if m.after == writer and laid.graph.tensors[m.id] == tensor)
    return laid.execution.messages[message.id].arrived[message.destinations.index(processor)]


@pytest.mark.parametrize("seed", SEEDS)
def test_jobs_are_laid_out_behind_all_they_wait_for(seed: int) -> None:
    laid = random_run(seed, micro_batches=1 + seed % 2)
    seen: set[Job] = set()
    for job in emission_order(laid.run.step, laid.program):
        assert all(before in seen for before, _ in inputs(laid.run.step, laid.program, job))
        seen.add(job)
    assert len(seen) == len(laid.graph.jobs)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("link", ["crossbar", "shared"])
def test_who_reads_weights_waits_for_the_update_that_the_program_declares(seed: int, link: str) -> None:
    """F of iteration n never starts its product before U of n - 1 - D is done, and its message there."""
    laid = random_run(seed, link)
    graph, program, waits = laid.graph.graph, laid.program, 0
    for number, job in enumerate(laid.graph.jobs):
        layer = laid.run.step.layers[laid.run.step.tasks[job.task].layer]
        stale = program.staleness if job.task == layer.forward else program.backward_staleness
        made = job.iteration - 1 - stale[laid.run.step.tasks[job.task].layer]
        for task in laid.graph.span(number):
            item = laid.graph.items[task]
            read = {o.tensor for o in reads(item.operation) if o.role is OperandClass.WEIGHTS}
            if job.task == layer.update or not read:
                continue
            sources = {laid.job_of(before) for before in graph.tasks[task].after}
            arrivals = {laid.job_of(graph.messages[a.message].after): a for a in graph.tasks[task].receives}
            update = Job(layer.update, made)
            if made < 0:
                assert not any(source.task == layer.update for source in (*sources, *arrivals))
                continue
            waits += 1
            if link == "shared" or program.assignment[layer.update] == program.assignment[job.task]:
                assert update in sources
                ready = laid.bounds(update)[1]
            else:
                arrival = arrivals[update]
                message = graph.messages[arrival.message]
                record = laid.execution.messages[arrival.message]
                ready = record.arrived[message.destinations.index(arrival.processor)]
                assert record.sent >= laid.bounds(update)[1]
            assert laid.execution.tasks[task].start >= ready
    assert waits


def test_a_shared_memory_needs_no_messages_and_the_same_edges_between_processors() -> None:
    laid = random_run(0, "shared")
    assert not laid.graph.graph.messages
    assert not any(task.receives for task in laid.graph.graph.tasks)
    place = laid.program.assignment
    crossing = [
        (before, task.id)
        for task in laid.graph.graph.tasks
        for before in task.after
        if place[laid.job_of(before).task] != place[laid.job_of(task.id).task]
    ]
    assert crossing


def test_transfers_go_to_the_memory_and_the_scratchpads_of_the_processor() -> None:
    laid = random_run(1)
    for task in laid.graph.graph.tasks:
        processor = laid.program.assignment[laid.job_of(task.id).task]
        for chunk in task.chunks:
            for transfer in chunk.loads + chunk.stores:
                assert transfer.channel == processor + 1
                assert transfer.sram // 3 == processor
    assert laid.execution.channels[0].bytes == 0


def test_messages_leave_as_soon_as_their_tensor_is_stored_not_when_the_task_ends() -> None:
    """Encoded inputs are there before the product that follows them in the same task."""
    run = prepared(CHAIN, "crossbar", "sequential")
    first = run.step.layers[0]
    assignment = tuple(int(task.id == first.gradient) for task in run.step.tasks)
    order = run.programs[0].order[0]
    program = PipelineProgram(
        "W of the first layer elsewhere", 4, 4, 1, assignment,
        (tuple(j for j in order if not assignment[j.task]), tuple(j for j in order if assignment[j.task]), (), ()),
        run.programs[0].weights, run.programs[0].staleness, run.programs[0].backward_staleness,
    )  # fmt: skip
    laid = laid_out(run, program)
    names = Counter(laid.graph.tensors)
    assert names == {"input": 4, "conv1.dcurrent": 4, "conv1.dweights": 4}
    for message, tensor in zip(laid.graph.graph.messages, laid.graph.tensors, strict=True):
        job = laid.job_of(message.after)
        sent_cycle, done = laid.execution.messages[message.id].sent, laid.bounds(job)[1]
        assert sent_cycle < done if tensor == "input" else sent_cycle <= done


def test_micro_batches_after_the_second_are_laid_out_as_it_is() -> None:
    run = prepared(CHAIN, "crossbar", "gpipe", "schedule.micro_batches=4")
    (group,) = groups_of(run)
    batches = group.tasks
    assert len(batches) > 2
    laid = pipeline_graph(run.step, run.programs[0], groups_of(run), run.processors)
    graph = laid.graph
    for number, job in enumerate(laid.jobs):
        own = batches[job.micro_batch][job.task]
        for item, task in zip(own, laid.span(number), strict=True):
            found = graph.tasks[task]
            assert found.plan is laid.items[task].choice.plan
            assert (found.layer, found.pass_, found.part) == (
                item.operation.layer,
                item.operation.pass_,
                item.operation.part,
            )
            assert found.plan.cost() == item.choice.plan.cost()
            assert [(len(c.loads), len(c.stores)) for c in found.chunks] == [
                (len(move.loads), len(move.stores)) for move in item.choice.moves
            ]
            assert found.issues == tuple(map(item.choice.plan.issues, range(item.choice.plan.chunk_count)))
    assert len({id(task.plan) for task in graph.tasks}) < len(graph.tasks)


def test_work_on_real_spikes_stands_for_no_other() -> None:
    run = prepared(CHAIN, "crossbar", "gpipe", "schedule.micro_batches=4")
    (group,) = groups_of(run)
    task = run.step.layers[0].gradient
    known, same = group.tasks[1][task], group.tasks[2][task]
    assert repeats(same, known)
    counted = replace(known[0].choice.plan, nonzeros=7)
    assert not repeats((replace(same[0], choice=replace(same[0].choice, plan=counted)), *same[1:]), known)
    assert not repeats(same[:-1], known)
