"""The ``pipeline`` section of a report: what a machine of several processors did with a training run.

Definitions, for a run of ``makespan_cycles``:

* a processor is *busy* in a cycle in which one of its engines works (neither idle nor stalled), in a
  *bubble* in a cycle in which none of its engines has a task; what is left, its engines hold tasks and
  all of them wait. Stalls are added up over its engines, so they may exceed what is left;
* *utilisation* is multiply-accumulates of the dense products over those that its arrays could have done in the
  run: above 1 where engines skip zeros;
* the *period* is exact, ``period_cycles`` for ``period_iterations`` iterations, or absent where the run
  did not repeat itself; ``step_cycles`` is the makespan over the iterations, fill and drain included;
* ``pace_cycles`` is there where the run shows no exact period: of the slowest even events before the drain where it
  has ``settled``, else a guess from the ends of iterations of a run that is too short. Processors with less to do may
  drift for long before they wait for one another;
* *distance* is cycles per iteration (of the period, else ``pace_cycles``) over the lower bound;
* bytes of a message count once at its sender, once at each receiver, and once on each link crossed.

Every unit is in its key. Tests: ``tests/unit/test_pipeline_report.py``.
"""

from __future__ import annotations

from fractions import Fraction
from math import isclose
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simsnn.config.quantities import StrictModel
from simsnn.results.memory_report import MemoryReport
from simsnn.results.stalls import Stalls

Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
PassLetter = Literal["F", "B", "W", "U"]


class PeriodBounds(StrictModel):
    """Cycles per iteration that no schedule (resource, largest task), or none with these delays (loop), goes below.

    ``optimum_cycles`` is the proven smallest largest load of any assignment of whole tasks; null where it was not
    looked for or not proven.
    """

    resource_cycles: Amount
    largest_task_cycles: Amount
    loop_cycles: Amount
    lower_cycles: Annotated[float, Field(gt=0)]
    optimum_cycles: Natural | None = None

    @model_validator(mode="after")
    def _lower_is_the_largest(self) -> Self:
        largest = max(self.resource_cycles, self.largest_task_cycles, self.loop_cycles)
        if not isclose(self.lower_cycles, largest, rel_tol=1e-9):
            raise ValueError(f"lower_cycles is {self.lower_cycles}, the largest of the three bounds {largest}")
        return self


class ProcessorRow(StrictModel):
    """One processor: what it was given, how it spent the run, what it exchanged and kept.

    ``tasks`` are texts of layer and pass, ``conv1 F``. ``memory_bytes`` is the capacity of its local memory, null
    where that is not limited; ``peak_memory_bytes`` the most that weights, versions, optimizer state, gradients and
    stash took together. ``weight_bytes`` holds one version of each layer, ``version_bytes`` all the others.
    ``weight_versions`` is the largest number kept of one layer. ``idle`` is what its engines, added up, stood empty for
    before a task whose tensors or messages were still to come: ``link`` from the moment a message was sent. ``memory``
    holds the same bytes by operand class, and what its SRAMs held.
    """

    name: str
    group: str
    tasks: tuple[str, ...]
    busy_cycles: Natural
    busy_share: Share
    utilisation: Amount
    bubble_cycles: Natural
    stalls: Stalls
    idle: Stalls = Stalls()
    received_bytes: Natural
    sent_bytes: Natural
    memory_bytes: Positive | None
    peak_memory_bytes: Natural
    weight_bytes: Natural
    version_bytes: Natural
    optimizer_bytes: Natural
    gradient_bytes: Natural
    peak_stash_bytes: Natural
    weight_versions: Natural
    memory: MemoryReport | None = None


class LinkRow(StrictModel):
    """One directed channel of a link component; ``energy_pj`` is null where the component names no price."""

    name: str
    component: str
    busy_cycles: Natural
    busy_share: Share
    bytes: Natural
    packets: Natural
    energy_pj: Amount | None = None


class MessageRow(StrictModel):
    """Messages of one operand class; each counts once, however many processors it goes to."""

    operand: str
    messages: Natural
    bytes: Natural


class LocalRow(StrictModel):
    """Bytes of one operand class that the processor that made them read itself: what no link carried."""

    operand: str
    bytes: Natural


class Overhead(StrictModel):
    """Communication that exists only because the passes of a layer are apart, by the definition given with it.

    ``share`` is extra over total; above 1 where the total leaves out what the extra counts.
    """

    definition: str
    extra_bytes: Natural
    total_bytes: Natural
    share: Amount

    @model_validator(mode="after")
    def _share_is_the_ratio(self) -> Self:
        _require_ratio("overhead.share", self.share, self.extra_bytes, self.total_bytes)
        return self


class LayerRow(StrictModel):
    """Where the passes of a layer run (processor names), its delays in iterations, and what is kept for it.

    ``stash_copies`` counts copies of what F leaves for W that are alive at once.
    """

    name: str
    forward: str
    backward: str
    gradient: str
    update: str
    staleness: Natural
    backward_staleness: Natural
    weight_versions: Positive
    stash_copies: Positive

    @property
    def places(self) -> tuple[str, str, str, str]:
        """Processors of F, B, W and U."""
        return (self.forward, self.backward, self.gradient, self.update)


class CandidateRow(StrictModel):
    """One program of the schedule, simulated with links; exactly one is kept."""

    name: str
    period_cycles: Positive | None
    period_iterations: Positive | None
    makespan_cycles: Positive
    kept: bool
    pace_cycles: Amount | None = None
    settled: bool = True

    @model_validator(mode="after")
    def _period_is_whole(self) -> Self:
        _require_both("candidates", self.period_cycles, self.period_iterations)
        return self

    @property
    def iteration_cycles(self) -> Fraction | None:
        """Cycles per iteration in the steady state; None where no exact period was found."""
        return _per_iteration(self.period_cycles, self.period_iterations)


class JobRow(StrictModel):
    """One step task of one iteration and micro-batch: first start to last end of its operations."""

    name: str
    pass_: Annotated[PassLetter, Field(alias="pass")]
    layer: str
    processor: str
    iteration: Natural
    micro_batch: Natural
    start_cycle: Natural
    end_cycle: Natural

    @property
    def cycles(self) -> int:
        """Length."""
        return self.end_cycle - self.start_cycle


class EpochRow(StrictModel):
    """The kept program extended to an epoch by its steady state; ``cycles`` and ``time_ns`` are of the whole epoch.

    ``proven``: the run shows everything on which its repetition depends (it keeps intervals, and at some moment of the
    repeated stretch no message is under way), or all iterations were simulated.
    """

    samples: Positive
    iterations: Positive
    cycles: Positive
    time_ns: Amount
    simulated_iterations: Positive
    proven: bool


class PipelineReport(StrictModel):
    """Everything that a report says of processors, links and the schedule between them."""

    schedule: str
    program: str
    processor_count: Positive
    iterations: Positive
    micro_batches: Positive
    weights: Literal["stashed", "latest"]
    makespan_cycles: Positive
    period_cycles: Positive | None
    period_iterations: Positive | None
    samples_per_s: Amount
    step_cycles: Amount
    pace_cycles: Amount | None = None
    settled: bool = True
    bounds: PeriodBounds
    distance: Amount
    processors: tuple[ProcessorRow, ...]
    links: tuple[LinkRow, ...]
    messages: tuple[MessageRow, ...]
    local_bytes: tuple[LocalRow, ...]
    overhead: Overhead
    layers: tuple[LayerRow, ...]
    candidates: tuple[CandidateRow, ...]
    jobs: tuple[JobRow, ...]
    epoch: EpochRow | None = None

    @property
    def period(self) -> Fraction | None:
        """Cycles per iteration in the steady state, exactly; None where no period was found."""
        return _per_iteration(self.period_cycles, self.period_iterations)

    @property
    def iteration_cycles(self) -> float:
        """Cycles per iteration: of the period, else the pace, else the mean over the run."""
        if self.period is not None:
            return float(self.period)
        return self.step_cycles if self.pace_cycles is None else self.pace_cycles

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        _require_both("pipeline", self.period_cycles, self.period_iterations)
        _require_ratio("step_cycles", self.step_cycles, self.makespan_cycles, self.iterations)
        _require_ratio("distance", self.distance, self.iteration_cycles, self.bounds.lower_cycles)
        users: tuple[ProcessorRow | LinkRow, ...] = (*self.processors, *self.links)
        for user in users:
            _require_ratio(f"{user.name}.busy_share", user.busy_share, user.busy_cycles, self.makespan_cycles)
        for processor in self.processors:
            spent = processor.busy_cycles + processor.bubble_cycles
            if spent > self.makespan_cycles:
                raise ValueError(f"{processor.name}: busy and bubbles are {spent} of {self.makespan_cycles} cycles")
            if processor.memory_bytes is not None and processor.peak_memory_bytes > processor.memory_bytes:
                demand = f"{processor.peak_memory_bytes} of {processor.memory_bytes} bytes"
                raise ValueError(f"{processor.name}: its memory holds {demand}")
        return self

    @model_validator(mode="after")
    def _one_candidate_is_kept(self) -> Self:
        kept = [candidate for candidate in self.candidates if candidate.kept]
        if len(kept) != 1:
            raise ValueError(f"{len(kept)} candidates are kept, not one")
        if kept[0].name != self.program:
            raise ValueError(f"candidate {kept[0].name!r} is kept, the report is of {self.program!r}")
        theirs = (kept[0].makespan_cycles, kept[0].period_cycles, kept[0].period_iterations)
        if theirs != (self.makespan_cycles, self.period_cycles, self.period_iterations):
            raise ValueError(f"makespan and period of the kept candidate are {theirs}, not those of the report")
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [processor.name for processor in self.processors]
        if len(names) != self.processor_count or len(set(names)) != len(names):
            raise ValueError(f"{self.processor_count} processors with names of their own are needed, not {names}")
        layers = {layer.name for layer in self.layers}
        used = {
            place for layer in self.layers for place in (layer.forward, layer.backward, layer.gradient, layer.update)
        }
        unknown = (used | {job.processor for job in self.jobs}) - set(names)
        unknown |= {job.layer for job in self.jobs} - layers
        if unknown:
            raise ValueError(f"unknown processors or layers: {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _jobs_lie_in_the_run(self) -> Self:
        for job in self.jobs:
            if not job.start_cycle <= job.end_cycle <= self.makespan_cycles:
                raise ValueError(f"{job.name}: cycles {job.start_cycle}..{job.end_cycle} of {self.makespan_cycles}")
            if job.iteration >= self.iterations or job.micro_batch >= self.micro_batches:
                where = f"iteration {job.iteration}, micro-batch {job.micro_batch}"
                raise ValueError(f"{job.name}: {where} of {self.iterations} and {self.micro_batches}")
        return self


def _per_iteration(cycles: int | None, iterations: int | None) -> Fraction | None:
    return None if cycles is None or iterations is None else Fraction(cycles, iterations)


def _require_both(where: str, cycles: int | None, iterations: int | None) -> None:
    if (cycles is None) != (iterations is None):
        raise ValueError(f"{where}: period_cycles and period_iterations are both given or both null")


def _require_ratio(where: str, found: float, part: float, whole: float) -> None:
    wanted = part / whole if whole else 0.0
    if not isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-12):
        raise ValueError(f"{where} is {found}, {part} over {whole} is {wanted}")
