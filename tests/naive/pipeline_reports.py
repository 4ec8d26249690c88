"""Pipeline sections for tests of tables and figures: a made network laid out on made processors.

Every number is synthetic. Jobs run in a fixed order per processor, each as soon as its inputs are there; busy cycles,
bubbles and the period follow from the jobs, so that the whole is consistent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from simsnn.results.pipeline_report import (
    CandidateRow,
    JobRow,
    LayerRow,
    LinkRow,
    LocalRow,
    MessageRow,
    Overhead,
    PeriodBounds,
    PipelineReport,
    ProcessorRow,
)
from simsnn.results.stalls import Stalls

MESSAGE_CYCLES, DEFINITION = 900, "weights and weight gradients over spikes, masks and gradients (assumed)"
Key = tuple[str, int, int, int]
"""Pass, layer, iteration, micro-batch."""


@dataclass(frozen=True)
class Made:
    """What is scheduled where: cycles of F, B, W and U, and their processors, per layer; flushed or periodic."""

    schedule: str
    cycles: tuple[tuple[int, int, int, int], ...]
    places: tuple[tuple[int, int, int, int], ...]
    iterations: int = 48
    micro_batches: int = 1

    @property
    def processors(self) -> int:
        """How many."""
        return 1 + max(place for places in self.places for place in places)

    @property
    def flushed(self) -> bool:
        """Whether the iterations are kept apart."""
        return self.micro_batches > 1

    @cached_property
    def offsets(self) -> dict[tuple[str, int], int]:
        """Period of every task of iteration 0: one more for each hop between processors."""
        found: dict[tuple[str, int], int] = {}
        for pass_, layer in self.tasks:
            before = [
                (p, index) for p, index, _, _ in inputs(self, (pass_, layer, 0, 0)) if (p, index) != (pass_, layer)
            ]
            own = self.places[layer]["FBWU".index(pass_)]
            hops = [found[task] + (own != self.places[task[1]]["FBWU".index(task[0])]) for task in before]
            found[pass_, layer] = 0 if self.flushed else max(hops, default=0)
        return found

    @cached_property
    def delays(self) -> tuple[int, ...]:
        """D of every layer, from the offsets."""
        return tuple(self.offsets["U", layer] - self.offsets["F", layer] for layer in range(len(self.cycles)))

    @property
    def tasks(self) -> list[tuple[str, int]]:
        """Passes and layers in program order."""
        layers = range(len(self.cycles))
        return [("F", layer) for layer in layers] + [(p, layer) for layer in reversed(layers) for p in "BWU"]


VGG = (
    (41_000, 21_000, 39_000, 700),
    (63_000, 64_000, 62_000, 2_100),
    (35_000, 36_000, 34_500, 4_300),
    (52_000, 53_500, 51_000, 8_200),
    (28_000, 28_500, 27_000, 16_100),
    (30_000, 30_500, 29_000, 16_400),
    (9_000, 9_300, 8_800, 12_000),
    (2_300, 2_500, 2_200, 300),
)
"""Cycles that a small VGG-like network might take."""

_STAGES = (0, 0, 1, 2, 2, 3, 3, 3)
_SPLIT = (
    (0, 2, 0, 0),
    (0, 1, 2, 2),
    (1, 3, 3, 3),
    (2, 0, 1, 1),
    (3, 3, 1, 1),
    (1, 2, 3, 3),
    (3, 3, 3, 3),
    (1, 1, 1, 1),
)
PIPEDREAM = Made("pipedream", VGG, tuple((s,) * 4 for s in _STAGES))
GPIPE = Made("gpipe", VGG, PIPEDREAM.places, iterations=4, micro_batches=4)
SPIKEPIPE = Made("spikepipe", VGG, _SPLIT)


def inputs(made: Made, job: Key) -> list[Key]:
    """What must be done before a job, by the meaning of the passes; weight versions left out."""
    pass_, layer, iteration, micro = job
    last = len(made.cycles) - 1
    if pass_ == "F":
        return [("F", layer - 1, iteration, micro)] if layer else []
    if pass_ == "B":
        above = ("B", layer + 1, iteration, micro) if layer < last else ("F", last, iteration, micro)
        return [above, ("F", layer, iteration, micro)]
    if pass_ == "W":
        before = [("W", layer, iteration, micro - 1)] if micro else []
        return [*before, ("B", layer, iteration, micro)]
    return [("W", layer, iteration, made.micro_batches - 1)]


def weights_of(made: Made, job: Key) -> list[Key]:
    """Update that made the weights which a job reads."""
    version = job[2] - 1 - made.delays[job[1]]
    return [("U", job[1], version, 0)] if job[0] == "F" and version >= 0 else []


def orders(made: Made) -> list[list[Key]]:
    """Jobs of every processor in the order in which it runs them: by period, or by phase of a flushed iteration."""
    rank = {task: number for number, task in enumerate(made.tasks)}
    found: list[list[Key]] = [[] for _ in range(made.processors)]
    for pass_, layer in made.tasks:
        for iteration in range(made.iterations):
            for micro in range(1 if pass_ == "U" else made.micro_batches):
                found[made.places[layer]["FBWU".index(pass_)]].append((pass_, layer, iteration, micro))
    phase = {"F": 0, "B": 1, "W": 1, "U": 2}
    for jobs in found:
        jobs.sort(key=lambda job: (job[2] + made.offsets[job[:2]], phase[job[0]] * made.flushed, job[3], rank[job[:2]]))
    return found


def run(made: Made) -> dict[Key, tuple[int, int]]:
    """Start and end of every job: as soon as its inputs are there and the job before it is done."""
    done: dict[Key, tuple[int, int]] = {}
    waiting, free = orders(made), [0] * made.processors
    while any(waiting):
        ahead = len(done)
        for number, jobs in enumerate(waiting):
            while jobs and all(other in done for other in (*inputs(made, jobs[0]), *weights_of(made, jobs[0]))):
                job = jobs.pop(0)
                before = (*inputs(made, job), *weights_of(made, job))
                start = max([free[number], *(arrival(made, other, job, done[other][1]) for other in before)])
                cycles = made.cycles[job[1]]["FBWU".index(job[0])] // (1 if job[0] == "U" else made.micro_batches)
                done[job], free[number] = (start, start + cycles), start + cycles
        assert len(done) > ahead, "jobs wait in a circle"
    return done


def place(made: Made, job: Key) -> int:
    """Processor of a job."""
    return made.places[job[1]]["FBWU".index(job[0])]


def arrival(made: Made, source: Key, target: Key, end: int) -> int:
    """When what one job made is there for another."""
    return end + (MESSAGE_CYCLES if place(made, source) != place(made, target) else 0)


def period_of(made: Made, done: dict[Key, tuple[int, int]]) -> tuple[int, int] | tuple[None, None]:
    """Cycles and iterations after which the ends of the middle iterations repeat."""
    rows = [[end for key, (_, end) in sorted(done.items()) if key[2] == n] for n in range(made.iterations)]
    middle = made.iterations * 2 // 3
    for count in (1, 2, 3, 4):
        if middle < count or middle + count > made.iterations:
            break
        ahead = {b - a for n in range(count) for b, a in zip(rows[middle + n], rows[middle + n - count], strict=True)}
        if len(ahead) == 1:
            return ahead.pop(), count
    return None, None


def make_pipeline(made: Made = PIPEDREAM, samples: int = 64) -> PipelineReport:
    """A whole section."""
    done = run(made)
    makespan = max(end for _, end in done.values())
    period = period_of(made, done)
    each = period[0] / period[1] if period[0] and period[1] else makespan / made.iterations
    total = sum(map(sum, made.cycles))
    resource, largest = total / made.processors, float(max(map(max, made.cycles)))
    lower = max(resource, largest)
    kept = CandidateRow(
        name=made.schedule, period_cycles=period[0], period_iterations=period[1], makespan_cycles=makespan, kept=True
    )
    rejected = CandidateRow(
        name=f"{made.schedule}: contiguous seed",
        period_cycles=None,
        period_iterations=None,
        makespan_cycles=makespan * 13 // 10,
        kept=False,
    )
    return PipelineReport(
        schedule=made.schedule,
        program=made.schedule,
        processor_count=made.processors,
        iterations=made.iterations,
        micro_batches=made.micro_batches,
        weights="stashed",
        makespan_cycles=makespan,
        period_cycles=period[0],
        period_iterations=period[1],
        samples_per_s=samples / each * 500e6,
        step_cycles=makespan / made.iterations,
        bounds=PeriodBounds(
            resource_cycles=resource,
            largest_task_cycles=largest,
            loop_cycles=lower * 0.7,
            lower_cycles=lower,
            optimum_cycles=int(lower) + 900,
        ),
        distance=each / lower,
        processors=tuple(_processor(made, done, p, makespan) for p in range(made.processors)),
        links=_links(made, makespan),
        messages=(
            MessageRow(operand="spikes", messages=made.iterations * 6, bytes=made.iterations * 6 * 262_144),
            MessageRow(operand="gradients", messages=made.iterations * 3, bytes=made.iterations * 3 * 4_194_304),
            MessageRow(operand="weights", messages=made.iterations, bytes=made.iterations * 73_728),
        ),
        local_bytes=(
            LocalRow(operand="spikes", bytes=made.iterations * 2_097_152),
            LocalRow(operand="gradients", bytes=made.iterations * 29_360_128),
        ),
        overhead=Overhead(definition=DEFINITION, extra_bytes=73_728, total_bytes=14_155_776, share=73_728 / 14_155_776),
        layers=tuple(_layer(made, index) for index in range(len(made.cycles))),
        candidates=(kept, rejected),
        jobs=_jobs(made, done),
    )


def _processor(made: Made, done: dict[Key, tuple[int, int]], number: int, makespan: int) -> ProcessorRow:
    spans = [span for job, span in done.items() if place(made, job) == number]
    held = sum(end - start for start, end in spans)
    stalled = held // 25
    tasks = tuple(
        f"conv{layer + 1} {letter}"
        for layer, places in enumerate(made.places)
        for letter, where in zip("FBWU", places, strict=True)
        if where == number
    )
    stash, versions = (
        3_500_000 // (number + 1),
        1
        + max(
            (delay for delay, places in zip(made.delays, made.places, strict=True) if number in places[:2]), default=0
        ),
    )
    return ProcessorRow(
        name=f"core{number}",
        group="core",
        tasks=tasks,
        busy_cycles=held - stalled,
        busy_share=(held - stalled) / makespan,
        utilisation=0.63 * (held - stalled) / makespan,
        bubble_cycles=makespan - held,
        stalls=Stalls(dram=stalled // 2, sram_bank=stalled // 4, link=stalled // 4),
        received_bytes=31_000_000 + number,
        sent_bytes=29_000_000 - number,
        memory_bytes=16 << 20,
        peak_memory_bytes=stash + 73_728 * (versions + 2),
        weight_bytes=73_728,
        version_bytes=73_728 * (versions - 1),
        optimizer_bytes=73_728,
        gradient_bytes=73_728,
        peak_stash_bytes=stash,
        weight_versions=versions,
    )


def _links(made: Made, makespan: int) -> tuple[LinkRow, ...]:
    rows = []
    for number in range(made.processors):
        busy = min(makespan, made.iterations * 5 * MESSAGE_CYCLES * (number + 1))
        name = f"noc.core{number}-core{(number + 1) % made.processors}"
        size = busy * 16
        rows.append(
            LinkRow(
                name=name,
                component="noc",
                busy_cycles=busy,
                busy_share=busy / makespan,
                bytes=size,
                packets=-(-size // 64),
            )
        )
    return tuple(rows)


def _layer(made: Made, index: int) -> LayerRow:
    names = [f"core{where}" for where in made.places[index]]
    delay = made.delays[index]
    return LayerRow(
        name=f"conv{index + 1}",
        forward=names[0],
        backward=names[1],
        gradient=names[2],
        update=names[3],
        staleness=delay,
        backward_staleness=delay,
        weight_versions=delay + 1,
        stash_copies=delay + 1,
    )


def _jobs(made: Made, done: dict[Key, tuple[int, int]]) -> tuple[JobRow, ...]:
    rows = [
        JobRow(
            name=f"conv{job[1] + 1} {job[0]}",
            pass_=job[0],  # type: ignore[arg-type]
            layer=f"conv{job[1] + 1}",
            processor=f"core{place(made, job)}",
            iteration=job[2],
            micro_batch=job[3],
            start_cycle=start,
            end_cycle=end,
        )
        for job, (start, end) in done.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.processor, row.start_cycle, row.end_cycle)))
