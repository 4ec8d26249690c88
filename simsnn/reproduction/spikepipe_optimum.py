"""How far the search is from the proven optimum, where a solver finds one: extra ``solver``."""

from __future__ import annotations

from dataclasses import dataclass

from simsnn.pipeline_preparation import prepare_pipeline
from simsnn.preparation import MappedStep
from simsnn.reproduction.outcome import Claim, Standing, Table
from simsnn.reproduction.spikepipe_cells import WORKLOADS, Workload, cell_experiment
from simsnn.reproduction.stages import Stages
from simsnn.schedule.optimum import optimal_load, solver_is_installed
from simsnn.schedule.program import PipelineProgram
from simsnn.schedule.step_graph import StepGraph

SIZE, PROCESSORS, SECONDS = 32, (2, 3, 4, 6, 8), 10.0
SMALL = WORKLOADS[:4]


@dataclass(frozen=True, slots=True)
class Gap:
    """Largest loads of one instance: of the search, of the solver, and below which none can be."""

    workload: str
    processors: int
    tasks: int
    search_cycles: int
    optimum_cycles: int
    bound_cycles: int

    @property
    def proven(self) -> bool:
        """Whether the solver finished."""
        return self.optimum_cycles == self.bound_cycles

    @property
    def ratio(self) -> float:
        """Search over optimum."""
        return self.search_cycles / self.optimum_cycles


def measure_gaps(stages: Stages) -> tuple[Gap, ...]:
    """Every small network with several numbers of processors; nothing where no solver is installed."""
    stages.next("proven optima")
    if not solver_is_installed():
        return ()
    return tuple(gap for workload in SMALL for gap in _gaps(workload))


def _gaps(workload: Workload) -> list[Gap]:
    parts: tuple[MappedStep, ...] | None = None
    found = []
    for count in PROCESSORS:
        prepared = prepare_pipeline(cell_experiment(workload, SIZE, count), parts)
        parts, program = prepared.parts, prepared.programs[0]
        best = optimal_load(prepared.step, program.assignment, SECONDS)
        load = largest_load(prepared.step, program)
        tasks = 3 * len(prepared.step.layers)
        found.append(Gap(workload.name, count, tasks, load, best.load_cycles, best.bound_cycles))
    return found


def largest_load(step: StepGraph, program: PipelineProgram) -> int:
    """Cycles per iteration of the fullest processor."""
    loads = [0] * program.processors
    for task, processor in zip(step.tasks, program.assignment, strict=True):
        loads[processor] += task.cycles[processor]
    return max(loads)


def optimum_claim(gaps: tuple[Gap, ...]) -> Claim:
    """Largest ratio over the instances whose optimum is proven."""
    proven = [gap.ratio for gap in gaps if gap.proven]
    equal = sum(ratio == 1 for ratio in proven)
    note = f"largest load of the search over the proven optimum; equal in {equal} of {len(proven)} proven instances"
    if not gaps:
        note = "not run: the solver needs the extra 'solver' (ortools)"
    return Claim("optimum.search_load", max(proven, default=None), 1.0, 1.1, Standing.ASSUMED, note)


def optimum_table(gaps: tuple[Gap, ...]) -> Table:
    """One row per instance."""
    columns = ("network", "array", "processors", "tasks", "search_cycles", "optimum_cycles", "bound_cycles", "proven")
    rows = tuple(
        (
            gap.workload,
            SIZE,
            gap.processors,
            gap.tasks,
            gap.search_cycles,
            gap.optimum_cycles,
            gap.bound_cycles,
            gap.proven,
        )
        for gap in gaps
    )
    return Table("optimum", columns, rows)
