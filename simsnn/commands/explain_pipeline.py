"""``simsnn explain`` on a machine with processors: each group in words, the tasks, who runs them, what bounds them.

Cycles are those of dense operands, with which programs are made.
"""

from __future__ import annotations

from itertools import pairwise

from simsnn.mapping.pipeline_lower import run_bounds
from simsnn.mapping.pipeline_step import GroupTasks
from simsnn.memory.link import LinkConfig
from simsnn.pipeline_preparation import PreparedPipeline, group_tasks, message_costs
from simsnn.schedule.memory_use import memory_use
from simsnn.schedule.program import Job, PipelineProgram
from simsnn.schedule.replay import replay


def group_titles(prepared: PreparedPipeline) -> list[str]:
    """Per group, how many there are, what they are called and where their tensors lie."""
    titles = []
    for part in prepared.processors.config.processors:
        names = part.names if part.count < 3 else (part.names[0], "..", part.names[-1])
        where = "the DRAM that all share"
        if part.memory is not None:
            size = "" if part.memory.size is None else f" of {part.memory.size:,} B"
            where = f"a memory of its own{size}"
        what = f"{part.count} processors" if part.count > 1 else "1 processor"
        titles.append(f"group {part.name}: {what} ({', '.join(names)}), tensors in {where}; each has")
    return titles


def links(prepared: PreparedPipeline) -> list[str]:
    """Link components, one a line."""
    config = prepared.processors.config
    if not config.links:
        return ["no links"]
    return [_link(link, config.clock) for link in config.links]


def _link(link: LinkConfig, clock: int) -> str:
    ends = ", ".join(link.ends) if link.ends else "all processors"
    price = "not priced" if link.pj_per_bit is None else f"{link.pj_per_bit:g} pJ per bit and channel"
    cast = "one packet for several destinations" if link.multicast else "a message for each destination"
    return (
        f"link {link.name}: {link.kind} between {ends}, {float(link.bandwidth.bytes_per_cycle(clock)):g} B/cycle each"
        f" channel, latency {link.latency_cycles} cycles, packets of {link.packet:,} B, {cast}, {price}"
    )


def tasks(prepared: PreparedPipeline) -> list[str]:
    """Cycles of every step task on each group, and what it hands on."""
    step, groups = prepared.step, [part.name for part in prepared.processors.config.processors]
    first = [prepared.processors.group.index(number) for number in range(len(groups))]
    lines = ["tasks of one micro-batch, cycles alone with everything local:"]
    for task in step.tasks:
        cycles = ", ".join(f"{task.cycles[p]:,} on {name}" for name, p in zip(groups, first, strict=True))
        made = {edge.tensor: edge for edge in step.edges if edge.source == task.id}.values()
        left = ", ".join(f"{edge.tensor} {edge.bytes:,} B" for edge in made)
        lines.append(f"  {task.name}: {cycles}" + (f"; leaves {left}" if left else ""))
    return lines


def programs(prepared: PreparedPipeline) -> list[str]:
    """Every program that would be simulated."""
    groups = group_tasks(prepared.parts, prepared.numbers)
    lines: list[str] = []
    for program in prepared.programs:
        lines += ["", *_program(prepared, program, groups)]
    return lines[1:]


def _program(prepared: PreparedPipeline, program: PipelineProgram, groups: tuple[GroupTasks, ...]) -> list[str]:
    step, processors, messages = prepared.step, prepared.processors, message_costs(prepared.processors)
    found = replay(step, program, messages)
    bounds = run_bounds(step, program, groups, processors.group, messages)
    uses = memory_use(step, program, found, messages)
    batches = f"{program.micro_batches} micro-batches" if program.micro_batches > 1 else "one micro-batch"
    delays = zip(step.layers, program.staleness, program.backward_staleness, strict=True)
    stale = ", ".join(f"{layer.name} {f}" + (f" (B {b})" if b != f else "") for layer, f, b in delays)
    lines = [
        f"program {program.name}: {program.iterations} iterations of {batches}, weights {program.weights.value},"
        f" {found.makespan_cycles:,} cycles one whole task after the other, without contention",
        f"  updates behind: {stale}",
        f"  cycles per iteration at least {float(bounds.lower_cycles):,.0f}: work of all processors"
        f" {bounds.resource_cycles:,}, largest task {bounds.largest_task_cycles:,}, loops through the weights"
        f" {float(bounds.loop_cycles):,.0f}; fullest engine {bounds.load_cycles:,}",
    ]
    for name, jobs, use in zip(processors.names, program.order, uses, strict=True):
        order = _order(prepared, program, jobs)
        lines.append(f"  {name}: {order}; memory up to {use.peak_bytes:,} B, of it stash up to {use.stash_bytes:,} B")
    return lines


def _order(prepared: PreparedPipeline, program: PipelineProgram, jobs: tuple[Job, ...]) -> str:
    """Tasks in the order of a period, or of an iteration where batches are flushed; runs of one task once."""
    if not jobs:
        return "idle"
    if program.offsets is not None:
        period = max(program.offsets)
        own = [job for job in jobs if job.iteration + program.offsets[job.task] == period]
        own = own if len(own) == len({job.task for job in jobs}) else list(dict.fromkeys(jobs))
        names = [f"{prepared.step.tasks[job.task].name} of n - {program.offsets[job.task]}" for job in own]
        return ", ".join(dict.fromkeys(names))
    own = [job for job in jobs if job.iteration == 0]
    batch = [f"{prepared.step.tasks[job.task].name}" + _suffix(program, prepared, job) for job in own]
    return ", ".join([batch[0], *(behind for before, behind in pairwise(batch) if before != behind)])


def _suffix(program: PipelineProgram, prepared: PreparedPipeline, job: Job) -> str:
    update = job.task == prepared.step.layers[prepared.step.tasks[job.task].layer].update
    return f" #{job.micro_batch}" if program.micro_batches > 1 and not update else ""
