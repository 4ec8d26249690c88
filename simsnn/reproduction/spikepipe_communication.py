"""Extra communication of splitting layers over processors, by the definition of the reference.

Definition (a hypothesis: the publication gives none): weights and weight gradients that cross links,
which they do only because F, B and W of a layer are on different processors, over activations, masks
and gradients that cross links. Taken twice: for the search result of the schedule, from the messages of
one iteration, and for every layer split over three processors, where each tensor goes once to
each task that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.mapping.pipeline_graph import pipeline_graph
from simsnn.pipeline_preparation import group_tasks, prepare_pipeline
from simsnn.reproduction.outcome import Table
from simsnn.reproduction.spikepipe_cells import Workload, cell_experiment
from simsnn.reproduction.stages import Stages
from simsnn.results.pipeline_sections import EXTRA
from simsnn.schedule.program import Job
from simsnn.schedule.step_graph import StepGraph

SIZE, PROCESSORS, BATCHES = 32, 6, (1, 64)
CONVOLUTIONS = Workload("conv6", "spikepipe_conv6", 20)
CONNECTED = Workload("mlp", "spikepipe_mlp784", 25)
WORKLOADS = (
    CONVOLUTIONS,
    CONNECTED,
    Workload("events", "spikepipe_events", 25),
    Workload("vgg9", "spikepipe_vgg9", 20),
)


@dataclass(frozen=True, slots=True)
class Communication:
    """Bytes per iteration of one network with one batch.

    Parameters
    ----------
    workload, batch, processors : str, int, int
        Which.
    extra_bytes, total_bytes : int
        Of the program, over its links.
    split_extra_bytes, split_total_bytes : int
        With every layer split.
    """

    workload: str
    batch: int
    processors: int
    extra_bytes: int
    total_bytes: int
    split_extra_bytes: int
    split_total_bytes: int

    @property
    def share(self) -> float:
        """Overhead of the program."""
        return self.extra_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def split_share(self) -> float:
        """Overhead with every layer split."""
        return self.split_extra_bytes / self.split_total_bytes


def measure_communication(stages: Stages) -> tuple[Communication, ...]:
    """All networks with all batches."""
    found = []
    for workload in WORKLOADS:
        stages.next(f"communication of {workload.name}")
        found += [_measure(workload, batch) for batch in BATCHES]
    return tuple(found)


def _measure(workload: Workload, batch: int) -> Communication:
    overrides = (f"workload.batch={batch}", "schedule.iterations=24", "mapping.most_chunks=16")
    prepared = prepare_pipeline(cell_experiment(workload, SIZE, PROCESSORS, *overrides))
    program = prepared.programs[0]
    groups = group_tasks(prepared.parts, prepared.numbers)
    laid_out = pipeline_graph(prepared.step, program, groups, prepared.processors)
    middle = _iteration(laid_out.jobs, laid_out.first, len(laid_out.graph.tasks), program.iterations // 2)
    messages = [m for m in laid_out.graph.messages if m.after in middle]
    extra = sum(m.bytes for m in messages if m.operand in EXTRA)
    return Communication(
        workload.name,
        batch,
        PROCESSORS,
        extra,
        sum(m.bytes for m in messages) - extra,
        *split_bytes(prepared.step),
    )


def _iteration(jobs: tuple[Job, ...], first: tuple[int, ...], tasks: int, iteration: int) -> set[int]:
    """Task ids of one iteration."""
    ends = (*first[1:], tasks)
    return {
        task
        for job, start, end in zip(jobs, first, ends, strict=True)
        if job.iteration == iteration
        for task in range(start, end)
    }


def split_bytes(step: StepGraph) -> tuple[int, int]:
    """Extra and total bytes of an iteration with F, B and W (with U) of every layer on three processors."""
    extra = sum(layer.weight_bytes * len(step.weight_readers(number)) for number, layer in enumerate(step.layers))
    updates = {layer.update for layer in step.layers}
    total = sum(edge.bytes for edge in step.edges if edge.target not in updates)
    return extra, total


def communication_table(found: tuple[Communication, ...]) -> Table:
    """One row per network and batch."""
    columns = (
        "network", "batch", "processors", "extra_bytes", "total_bytes", "overhead_share", "split_extra_bytes",
        "split_total_bytes", "split_overhead_share",
    )  # fmt: skip
    rows = tuple(
        (
            each.workload,
            each.batch,
            each.processors,
            each.extra_bytes,
            each.total_bytes,
            each.share,
            each.split_extra_bytes,
            each.split_total_bytes,
            each.split_share,
        )
        for each in found
    )
    return Table("communication", columns, rows)
