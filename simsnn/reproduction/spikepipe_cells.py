"""Speed-up of SpikePipe over the best contiguous program, per network, array size and number of processors.

A cell maps its network once; for every number of processors the schedule offers its search result
and its contiguous seed (PipeDream), and both run on the event engine with links. Processors beyond the
number of tasks would idle, so there the value of as many processors as tasks stands. The networks are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from statistics import fmean

from simsnn.api import load
from simsnn.config.experiment import ExperimentConfig
from simsnn.errors import ConfigError
from simsnn.mapping.pipeline_lower import run_bounds
from simsnn.pipeline_preparation import PreparedPipeline, group_tasks, message_costs, prepare_pipeline
from simsnn.pipeline_run import simulate_programs
from simsnn.preparation import MappedStep
from simsnn.reproduction.stages import Stages
from simsnn.results.simulated import SimulatedProgram
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.replay import replay

EXPERIMENT = "spikepipe_cell"
SIZES = (8, 16, 32, 64, 128, 256)
PROCESSORS = tuple(range(2, 11))
WORKERS = 2
FEWEST_ITERATIONS, MOST_ITERATIONS = 16, 64
"""Simulated in the middle of a run, besides start-up and drain: more where the pace is not settled."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A network of the comparison and its time steps; both are choices."""

    name: str
    network: str
    timesteps: int


WORKLOADS = (
    Workload("mlp", "spikepipe_mlp784", 25),
    Workload("events", "spikepipe_events", 25),
    Workload("gesture", "spikepipe_gesture", 40),
    Workload("vgg9", "spikepipe_vgg9", 20),
    Workload("cifar", "h2learn_cifar", 6),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One cell with one number of processors; times are cycles per iteration.

    Parameters
    ----------
    workload, size, processors : str, int, int
        Which.
    used : int
        Processors that had tasks to choose from.
    contiguous, search : Fraction
        Of the two programs on the event engine, exact where ``exact``.
    exact, settled : bool
        Whether both runs show an exact period; whether both at least have settled to a pace.
    lower : float
        Lower bound for the search result.
    sequential : int
        All tasks one after another.
    replayed : Fraction
        The search result with whole tasks one at a time, messages alone on the links: makespan over iterations.
    delay : int
        Largest delay of the search result.
    """

    workload: str
    size: int
    processors: int
    used: int
    contiguous: Fraction
    search: Fraction
    exact: bool
    settled: bool
    lower: float
    sequential: int
    replayed: Fraction
    delay: int

    @property
    def kept(self) -> Fraction:
        """The faster of the two."""
        return min(self.contiguous, self.search)

    @property
    def speedup(self) -> float:
        """Over the best contiguous program."""
        return float(self.contiguous / self.kept)


@dataclass(frozen=True, slots=True)
class Cell:
    """A network on arrays of one size, with every number of processors."""

    workload: str
    size: int
    points: tuple[Point, ...]

    @property
    def mean(self) -> float:
        """Mean speed-up over the numbers of processors."""
        return fmean(point.speedup for point in self.points)

    @property
    def best(self) -> Point:
        """The largest speed-up of the cell."""
        return max(self.points, key=lambda point: point.speedup)


def cell_experiment(workload: Workload, size: int, processors: int, *more: str) -> ExperimentConfig:
    """The experiment of one point."""
    array = "hardware.processors.0.arrays.0"
    overrides = (
        f"network={{preset: {workload.network}}}",
        f"workload.timesteps={workload.timesteps}",
        f"{array}.rows={size}",
        f"{array}.columns={size}",
        f"hardware.processors.0.count={processors}",
    )
    return load(EXPERIMENT, (*overrides, *more))[0]


def measure_cells(
    stages: Stages, workloads: Iterable[Workload] = WORKLOADS, sizes: Iterable[int] = SIZES
) -> tuple[Cell, ...]:
    """Every cell, several at a time."""
    wanted = [(workload, size) for workload in workloads for size in sizes]
    found = []
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for cell in pool.map(_measure, wanted):
            stages.next(f"{cell.workload} on {cell.size} x {cell.size}")
            found.append(cell)
    return tuple(found)


def _measure(wanted: tuple[Workload, int]) -> Cell:
    return measure_cell(*wanted)


def measure_cell(workload: Workload, size: int, processors: Iterable[int] = PROCESSORS) -> Cell:
    """One network on arrays of one size."""
    parts: tuple[MappedStep, ...] | None = None
    points: list[Point] = []
    for count in processors:
        iterations, simulated = FEWEST_ITERATIONS, tuple[SimulatedProgram, ...]()
        while not simulated or not (iterations >= MOST_ITERATIONS or all(one.settled for one in simulated)):
            iterations *= 2 if simulated else 1
            prepared = _prepared(workload, size, count, iterations, parts)
            if prepared is None:
                break
            parts = prepared.parts
            simulated = simulate_programs(prepared, group_tasks(prepared.parts, prepared.numbers))
        if prepared is None:
            points.append(_as_many_as_tasks(points[-1], count))
        else:
            points.append(_point(workload, size, count, prepared, simulated))
    return Cell(workload.name, size, tuple(points))


def _prepared(
    workload: Workload, size: int, count: int, fewest: int, parts: tuple[MappedStep, ...] | None
) -> PreparedPipeline | None:
    """The point with so many iterations besides start-up and drain; None where there are more processors than tasks."""
    iterations = fewest
    while True:
        experiment = cell_experiment(workload, size, count, f"schedule.iterations={iterations}")
        try:
            found = prepare_pipeline(experiment, parts)
        except ConfigError as error:
            if not error.where.path.startswith("hardware.processors"):
                raise
            return None
        wanted = fewest + 2 * max(max(program.offsets or (0,)) for program in found.programs)
        if wanted <= iterations:
            return found
        iterations, parts = wanted, found.parts


def _as_many_as_tasks(point: Point, processors: int) -> Point:
    """A point with idle processors."""
    return replace(point, processors=processors)


def _point(
    workload: Workload, size: int, count: int, prepared: PreparedPipeline, simulated: tuple[SimulatedProgram, ...]
) -> Point:
    groups = group_tasks(prepared.parts, prepared.numbers)
    search, contiguous = simulated
    messages = message_costs(prepared.processors)
    bounds = run_bounds(prepared.step, search.program, groups, prepared.processors.group, messages)
    return Point(
        workload.name,
        size,
        count,
        count,
        contiguous.pace,
        search.pace,
        contiguous.period is not None and search.period is not None,
        contiguous.settled and search.settled,
        float(bounds.lower_cycles),
        sum(task.cycles[0] for task in prepared.step.tasks),
        _replayed(prepared, search.program),
        max(search.program.staleness),
    )


def _replayed(prepared: PreparedPipeline, program: PipelineProgram) -> Fraction:
    """Cycles per iteration over the whole replay, so that no processor works more than it can."""
    found = replay(prepared.step, program, message_costs(prepared.processors))
    return Fraction(found.makespan_cycles, program.iterations)
