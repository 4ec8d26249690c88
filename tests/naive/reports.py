"""Reports for tests of figures and tables: a training step of a made network, laid out by hand.

Cycles follow the shapes roughly (folds of a 32 x 32 array, 32 lanes); nothing here is a model of
a machine. Tasks of the two engines overlap where their layers allow, so the rows of a report add
up to more cycles than the step has.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from simsnn.results.report import (
    ActivitySummary,
    EnergySource,
    Parts,
    Provenance,
    Report,
    TaskRow,
    Totals,
    TrafficRow,
)
from simsnn.results.stalls import Stalls
from simsnn.sim.trace import CHANGES, EDGES, INTERVALS, Kind, Trace

ARRAY, VECTOR, DRAM = "array0", "vector0", "dram0"
CLOCK_HZ = 500_000_000
_LEAKAGE_MW = {"spike_buffer.leakage": 0.9, "state_buffer.leakage": 3.1, "weight_buffer.leakage": 1.7}


@dataclass(frozen=True)
class MadeLayer:
    """A layer: lowered product (m, k, n) with weights, or pooled elements without."""

    name: str
    kind: str
    m: int
    k: int
    n: int


QUICKSTART = (
    MadeLayer("conv1", "conv", 16384, 9, 16),
    MadeLayer("pool1", "pool", 4096, 1, 16),
    MadeLayer("conv2", "conv", 4096, 144, 32),
    MadeLayer("pool2", "pool", 1024, 1, 32),
    MadeLayer("fc", "linear", 256, 128, 10),
)


def deep_layers(blocks: int) -> tuple[MadeLayer, ...]:
    """A VGG-like stack: a pool after every second convolution."""
    layers: list[MadeLayer] = []
    for index in range(blocks):
        width, pixels = 32 << min(index // 2, 4), 4096 >> min(index // 2, 6)
        layers.append(MadeLayer(f"conv{index + 1}", "conv", pixels * 8, 9 * width, width))
        if index % 2:
            layers.append(MadeLayer(f"pool{index // 2 + 1}", "pool", pixels * 2, 1, width))
    return (*layers, MadeLayer("fc", "linear", 256, 512, 10))


@dataclass
class _Clock:
    """Where the two engines and the chain of layers stand, in cycles."""

    free: dict[str, int] = field(default_factory=lambda: {ARRAY: 0, VECTOR: 0})
    chain: int = 0

    def place(self, array: str, cycles: int, pass_: str) -> tuple[int, int]:
        """An update waits for the weight gradient before it; F and B wait for one another in a chain."""
        chained = pass_ in "FB"
        start = max(self.free[array], self.free[ARRAY] if pass_ == "U" else self.chain)
        self.free[array] = start + cycles
        if chained:
            self.chain = start + cycles
        return start, start + cycles


def make_report(
    layers: tuple[MadeLayer, ...] = QUICKSTART,
    *,
    name: str = "quickstart",
    synthetic: bool = False,
    warnings: tuple[str, ...] = (),
    approximations: tuple[str, ...] = (),
    groups: int = 1,
    steps_per_epoch: int | None = 22,
    samples: int = 64,
) -> Report:
    """A whole report; ``groups`` > 1 makes the array account in group-cycles."""
    tasks = _tasks(layers, groups)
    return Report(
        id="3f9c0d1e5a7b2468",
        name=name,
        provenance=Provenance(seed=0, versions={"simsnn": "0.1.0"}, config_sha256="0" * 64, activity_sha256=None),
        level="event",
        approximations=approximations,
        activity=ActivitySummary(
            kind="synthetic" if synthetic else "train",
            synthetic=synthetic,
            accuracy=None if synthetic else 0.9694,
            rates={
                layer.name: min(0.3, 0.11 + 0.01 * index) for index, layer in enumerate(layers) if layer.kind != "pool"
            },
            warnings=warnings,
        ),
        clock_hz=CLOCK_HZ,
        dram_level=DRAM,
        energy_sources=(EnergySource(table="horowitz_45nm", role="arithmetic", node="45 nm", voltage="0.9 V"),),
        static_energy_pj=_static(tasks),
        totals=_totals(tasks, samples, steps_per_epoch),
        tasks=tasks,
    )


def _makespan(tasks: tuple[TaskRow, ...]) -> int:
    return max(task.end_cycle for task in tasks)


def _static(tasks: tuple[TaskRow, ...]) -> dict[str, float]:
    time_ns = _makespan(tasks) * 1e9 / CLOCK_HZ
    return {name: power * time_ns for name, power in _LEAKAGE_MW.items()}


def _totals(tasks: tuple[TaskRow, ...], samples: int, steps_per_epoch: int | None) -> Totals:
    cycles = _makespan(tasks)
    time_ns = cycles * 1e9 / CLOCK_HZ
    energy = sum(task.total_energy_pj for task in tasks) + sum(_static(tasks).values())
    moved = sum(row.read_bytes + row.write_bytes for task in tasks for row in task.traffic if row.level == DRAM)
    return Totals(
        total_cycles=cycles,
        time_ns=time_ns,
        samples_per_s=samples / time_ns * 1e9,
        total_energy_pj=energy,
        energy_per_sample_pj=energy / samples,
        area_um2=1_834_000.0,
        utilisation=0.312,
        dram_bytes=moved,
        peak_live_bytes=412_000,
        critical_path_cycles=cycles - cycles // 9,
        lower_bound_cycles=cycles - cycles // 6,
        upper_bound_cycles=cycles + cycles // 3,
        samples=samples,
        steps_per_epoch=steps_per_epoch,
    )


def _tasks(layers: tuple[MadeLayer, ...], groups: int) -> tuple[TaskRow, ...]:
    clock, tasks = _Clock(), list[TaskRow]()
    for layer in layers:
        if layer.kind == "pool":
            tasks.append(_vector(clock, layer, "F", "pool", layer.m * layer.n))
            continue
        tasks.append(_product(clock, layer, "F", groups))
        tasks.append(_vector(clock, layer, "F", "neuron", layer.m * layer.n))
    tasks.append(_vector(clock, layers[-1], "B", "loss", layers[-1].m * layers[-1].n))
    for index, layer in reversed(list(enumerate(layers))):
        if layer.kind == "pool":
            tasks.append(_vector(clock, layer, "B", "pool", 4 * layer.m * layer.n))
            continue
        tasks.append(_vector(clock, layer, "B", "neuron", layer.m * layer.n))
        if index:
            tasks.append(_product(clock, layer, "B", groups))
        tasks.append(_product(clock, layer, "W", groups))
        tasks.append(_vector(clock, layer, "U", "update", layer.k * layer.n))
    return tuple(tasks)


def _product(clock: _Clock, layer: MadeLayer, pass_: str, groups: int) -> TaskRow:
    m, k, n = {"F": (layer.m, layer.k, layer.n), "B": (layer.m, layer.n * 9, max(1, layer.k // 9))}.get(
        pass_, (layer.k, layer.m, layer.n)
    )
    folds = -(-k // 32) * -(-n // 32) if pass_ != "W" else -(-m // 32) * -(-n // 32)
    stream = folds * (m if pass_ != "W" else k)
    stalls = Stalls(dram=stream // 5 if pass_ == "F" else 0, sram_bank=stream // 13, buffer_full=stream // 29)
    worked = {"fill": 32, "stream": stream, "reload": 31 * (folds - 1), "drain": 63}
    energy = {"pe": 0.6 * m * k * n * 0.12, "accumulator": 0.05 * m * n * folds, DRAM: 4.0 * m * k}
    energy |= {"spike_buffer": 0.02 * m * k * folds, "weight_buffer": 0.5 * k * n, "state_buffer": 0.4 * m * n}
    utilisation = min(1.0, m * k * n / 1024 / stream)
    flow = "os" if pass_ == "W" else "ws"
    engine = (ARRAY, "systolic", flow)
    return _row(clock, layer.name, pass_, "synapse", engine, worked, stalls, energy, utilisation, groups)


def _vector(clock: _Clock, layer: MadeLayer, pass_: str, part: str, elements: int) -> TaskRow:
    stream = -(-elements // 32) * (2 if part == "neuron" else 1)
    stalls = Stalls(dram=stream // 2 if part == "update" else stream // 9, dependency=stream // 17)
    prices = {"lane": 1.1, "lane_state": 0.1, "state_buffer": 0.9, DRAM: 0.7}
    energy = {component: price * elements for component, price in prices.items()}
    engine, worked = (VECTOR, "vector_unit", ""), {"stream": stream, "drain": 7}
    return _row(clock, layer.name, pass_, part, engine, worked, stalls, energy, 0.71, 1)


def _row(
    clock: _Clock,
    layer: str,
    pass_: str,
    part: str,
    engine: tuple[str, str, str],
    worked: dict[str, int],
    stalls: Stalls,
    energy: dict[str, float],
    utilisation: float,
    groups: int,
) -> TaskRow:
    cycles = sum(worked.values()) + stalls.total
    start, end = clock.place(engine[0], cycles, pass_)
    parts = dict.fromkeys(Parts.model_fields, 0) | {name: count * groups for name, count in worked.items()}
    parts["stall"] = stalls.total * groups
    scaled = Stalls(**{name: count * groups for name, count in stalls.model_dump().items()})
    moved = int(energy[DRAM] / 4)
    return TaskRow(
        layer=layer,
        pass_=pass_,
        part=part,
        array=engine[0],
        engine=engine[1],
        dataflow=engine[2],
        chunks=4,
        start_cycle=start,
        end_cycle=end,
        cycles=cycles,
        parts=Parts(**parts),
        stalls=scaled,
        groups=groups,
        utilisation=utilisation,
        actions={"pe.add_16": 12},
        traffic=(TrafficRow(level=DRAM, operand="spikes", read_bytes=moved, write_bytes=moved // 2),),
        energy_pj=energy,
        binds="dram" if stalls.dram > 0.4 * cycles else "compute",
    )


def make_trace(report: Report, chunks: int = 4) -> Trace:
    """A trace that fits a report: each task computes, then stalls, ``chunks`` times over; DRAM loads in front."""
    arrays = list(dict.fromkeys(task.array for task in report.tasks))
    rows: list[tuple[int, int, int, int, int, int, int]] = []
    busy = 0
    for index, task in enumerate(report.tasks):
        stall = task.parts.stall // task.groups
        edges = np.linspace(task.start_cycle, task.end_cycle, chunks + 1).astype(int).tolist()
        for chunk, (begin, end) in enumerate(itertools.pairwise(edges)):
            split = end - (stall * (chunk + 1) // chunks - stall * chunk // chunks)
            rows.append((begin, split, index, chunk, arrays.index(task.array), Kind.COMPUTE, 0))
            rows.append((split, end, index, chunk, arrays.index(task.array), Kind.STALL, 0))
            load = max(busy, begin)
            busy = load + max(1, (end - begin) // 6)
            kind = Kind.STORE if chunk == chunks - 1 else Kind.LOAD
            rows.append((load, busy, index, chunk, len(arrays), kind, 32 * (busy - load)))
    intervals = np.array([row for row in rows if row[1] > row[0]], INTERVALS)
    intervals = intervals[np.lexsort((intervals["start"], intervals["resource"]))]
    empty_edges, empty_changes = np.zeros(0, EDGES), np.zeros(0, CHANGES)
    return Trace(intervals, empty_edges, empty_changes, len(arrays), 1, 3, max(busy, report.totals.total_cycles))
