"""Report v1: everything a run says, as versioned frozen records; every unit is in its key.

The JSON of a report holds no wall time, no output path and no host, so two identical runs write
identical files. Energy can be priced again from the stored action counts (``simsnn reprice``).
"""

from __future__ import annotations

import csv
import io
import json
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simsnn.config.quantities import StrictModel
from simsnn.results.memory_report import MemoryReport
from simsnn.results.parallel_report import ParallelUnitRow
from simsnn.results.pipeline_report import PipelineReport
from simsnn.results.stalls import Stalls

SCHEMA = "simsnn/report/1"


class Provenance(StrictModel):
    """What a result rests on."""

    seed: int
    versions: dict[str, str]
    config_sha256: str
    activity_sha256: str | None


class ActivitySummary(StrictModel):
    """Where the spikes came from and how many there were; ``synthetic`` activity is always marked."""

    kind: str
    synthetic: bool
    accuracy: float | None = None
    rates: dict[str, float] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Totals(StrictModel):
    """Totals of one training step (or of whatever passes ran)."""

    total_cycles: int
    time_ns: float
    samples_per_s: float
    total_energy_pj: float
    energy_per_sample_pj: float
    area_um2: float | None
    utilisation: float
    dram_bytes: int
    peak_live_bytes: int
    critical_path_cycles: int
    lower_bound_cycles: int
    upper_bound_cycles: int
    coarse_pipeline_cycles: int | None = None
    samples: int
    steps_per_epoch: int | None = None


class Parts(StrictModel):
    """Cycles of a task by part; they add up to ``cycles * groups``."""

    fill: int
    stream: int
    build: int
    reload: int
    scan: int
    imbalance: int
    drain: int
    stall: int

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.fill + self.stream + self.build + self.reload + self.scan + self.imbalance + self.drain + self.stall


class TrafficRow(StrictModel):
    """Bytes of one operand class at one memory."""

    level: str
    operand: str
    read_bytes: int
    write_bytes: int


class TaskRow(StrictModel):
    """One task: where it ran, how long, why, and what it did.

    Of a pipeline, the sum over the ``instances`` of one operation on one processor; then it lies between its
    cycles of start and end, other work in between.
    """

    layer: str
    pass_: Annotated[str, Field(alias="pass")]
    part: str
    array: str
    engine: str
    dataflow: str
    chunks: int
    instances: int = 1
    start_cycle: int
    end_cycle: int
    cycles: int
    parts: Parts
    stalls: Stalls
    groups: int
    utilisation: float
    actions: dict[str, int]
    traffic: tuple[TrafficRow, ...]
    energy_pj: dict[str, float]
    binds: str
    observations: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_add_up(self) -> TaskRow:
        name = f"{self.layer} {self.pass_} {self.part}"
        if self.parts.total != self.cycles * self.groups:
            raise ValueError(f"{name}: parts add up to {self.parts.total}, not to {self.cycles} x {self.groups}")
        if self.stalls.total != self.parts.stall:
            raise ValueError(f"{name}: stall causes add up to {self.stalls.total}, not to {self.parts.stall}")
        return self

    @property
    def total_energy_pj(self) -> float:
        """Energy of the task over all components."""
        return sum(self.energy_pj.values())


class EnergySource(StrictModel):
    """A price table in use, with its node and voltage: sources are mixed, so each says its own."""

    table: str
    role: str
    node: str
    voltage: str
    note: str = ""


class GpuBaselineRow(StrictModel):
    """One column of one GPU for the same training step, and the machine against it.

    ``average_power_w`` is the power averaged over the step, not TDP. ``speedup`` and
    ``energy_ratio`` are the GPU's time and energy over the machine's; ``area_ratio`` is its die
    over the machine's area, at different nodes and not normalised. A ratio is null where the
    machine's side is zero or unknown.
    """

    gpu: str
    column: str
    precision: str
    kernels: int
    time_ns: float
    average_power_w: float
    energy_pj: float
    node: str
    die_mm2: float
    speedup: float | None
    energy_ratio: float | None
    area_ratio: float | None


class AreaRow(StrictModel):
    """Equal units of one component: engines, SRAMs, and the DRAM's interface on the die."""

    component: str
    unit: str
    widths: str
    count: int
    um2: float
    status: str
    source: str


class Report(StrictModel):
    """A run's result."""

    schema_: Annotated[Literal["simsnn/report/1"], Field(alias="schema")] = "simsnn/report/1"
    id: str
    name: str
    provenance: Provenance
    level: Literal["closed_form", "critical_path", "event"]
    approximations: tuple[str, ...]
    activity: ActivitySummary
    clock_hz: int
    dram_level: str
    energy_sources: tuple[EnergySource, ...]
    static_energy_pj: dict[str, float]
    totals: Totals
    area: tuple[AreaRow, ...] = ()
    tasks: tuple[TaskRow, ...]
    gpu_baselines: tuple[GpuBaselineRow, ...] = ()
    memory: MemoryReport | None = None
    parallel_units: tuple[ParallelUnitRow, ...] = ()
    pipeline: PipelineReport | None = None

    @property
    def die_area_um2(self) -> float | None:
        """Everything on the die, the DRAM's interface included; None in a report without ``area``."""
        return sum(row.um2 for row in self.area) if self.area else None

    def to_json(self) -> str:
        """The file's text: sorted keys, one trailing newline."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a stored report."""
        return cls.model_validate_json(text)

    def to_rows(self) -> tuple[dict[str, str | int | float], ...]:
        """Rows of ``layers.csv``: one per layer, pass and part, in order of first appearance."""
        groups: dict[tuple[str, str, str], list[TaskRow]] = {}
        for task in self.tasks:
            groups.setdefault((task.layer, task.pass_, task.part), []).append(task)
        return tuple(_row(key, tasks, self.dram_level) for key, tasks in groups.items())

    def to_csv(self) -> str:
        """Text of ``layers.csv``."""
        rows = self.to_rows()
        text = io.StringIO()
        writer = csv.DictWriter(
            text, fieldnames=list(rows[0]) if rows else ["layer", "pass", "part"], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def _row(key: tuple[str, str, str], tasks: list[TaskRow], dram: str) -> dict[str, str | int | float]:
    first, cycles = tasks[0], sum(task.cycles for task in tasks)
    row: dict[str, str | int | float] = {"layer": key[0], "pass": key[1], "part": key[2]}
    row |= {
        "array": first.array,
        "engine": first.engine,
        "dataflow": first.dataflow,
        "tasks": len(tasks),
        "cycles": cycles,
    }
    for part in Parts.model_fields:
        row[f"{part}_cycles"] = sum(getattr(task.parts, part) for task in tasks)
    for cause in Stalls.model_fields:
        row[f"stall_{cause}_cycles"] = sum(getattr(task.stalls, cause) for task in tasks)
    row["utilisation"] = sum(task.utilisation * task.cycles for task in tasks) / cycles if cycles else 0.0
    row["energy_pj"] = sum(task.total_energy_pj for task in tasks)
    row["dram_bytes"] = sum(t.read_bytes + t.write_bytes for task in tasks for t in task.traffic if t.level == dram)
    row["binds"] = first.binds
    return row
