"""Where memory goes: equal to a census of every cycle, by class; node and network; what is told without a trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsnn.api import Result, load, simulate
from simsnn.costs import OperandClass
from simsnn.errors import TraceError
from simsnn.mapping.mapped import MappedOperation
from simsnn.results.memory import run_memory, stored_tensors
from simsnn.results.memory_report import MemoryReport
from simsnn.sim.census import Census, Holdings, RunMemory
from simsnn.simulation import Prepared
from simsnn.workload.operation import GemmOperation, Operand
from tests.experiments import SYNTHETIC, layers, synthetic
from tests.naive.memory import Live, kept, tensors_alive, tiles_on_chip

NETWORK = layers(
    "{name: a, kind: conv2d, channels: 8, kernel: 3, padding: 1}",
    "{name: p, kind: max_pool, kernel: 2}",
    "{name: b, kind: conv2d, channels: 8, kernel: 3, stride: 2, padding: 1}",
    "{name: f, kind: flatten}",
    "{name: o, kind: linear, features: 5}",
)
T_OUTER = "hardware.vector_units.0.order=t_outer"
R = "mapping.R={engine: array0, dataflow: ws}"
RUNS = {
    "layer_by_layer": (),
    "encoded": ("workload.encoding=poisson",),
    "t_outer": (T_OUTER,),
    "step_by_step": ("schedule.kind=step_by_step", T_OUTER),
    "engine_pipeline": ("schedule={kind: engine_pipeline, group_samples: 1}",),
    "recompute": ("workload.stash=recompute", R),
    "recompute_t_outer": ("workload.stash=recompute", R, T_OUTER),
    "col2im": ("hardware.arrays.0.b_lowering=col2im", "hardware.arrays.0.psum=spill"),
    "small_buffers": ("hardware.srams.0.size=4 KiB", "hardware.srams.1.size=8 KiB", "hardware.srams.2.size=32 KiB"),
}


def ran(*overrides: str) -> Result:
    return simulate(synthetic(NETWORK, "workload.batch=3", "workload.timesteps=3", *overrides))


@pytest.fixture(scope="module")
def quick() -> Result:
    return ran()


def assert_equal(found: Census, wanted: Live) -> None:
    for operand, live in wanted.items():
        counter = found.counter(operand)
        place = np.searchsorted(counter.times, np.arange(len(live)), side="right") - 1
        mine = np.where(place >= 0, np.append(counter.values, 0)[place], 0)
        assert mine.tolist() == live.tolist(), operand
    total = sum(wanted.values())
    assert isinstance(total, np.ndarray)
    assert (found.peak, found.peak_cycle) == (total.max(), total.argmax())


@pytest.mark.parametrize("name", RUNS)
def test_every_census_equals_that_of_every_cycle(name: str) -> None:
    result = ran(*RUNS[name])
    mapped, execution, memory = result.prepared.mapped, result.execution, result.memory  # type: ignore[union-attr]
    assert_equal(memory.off_chip, tensors_alive(mapped, execution))
    assert_equal(memory.node, tensors_alive(mapped, execution, kept(mapped)))
    assert memory.on_chip is not None
    assert_equal(memory.on_chip, tiles_on_chip(mapped, execution))
    report = result.report.memory
    assert report is not None
    assert result.report.totals.peak_live_bytes == report.peak_bytes == memory.off_chip.peak
    assert 0 < report.peak_on_chip_bytes <= sum(s.config.size for s in result.prepared.machine.srams)  # type: ignore[operator, union-attr]


def test_tables_and_sparse_engines_equal_the_census_of_every_cycle() -> None:
    step = "workload={timesteps: 2, batch: 2, passes: [F, B, W, U], encoding: direct}"
    experiment = load("h2learn_cifar_small", (SYNTHETIC, NETWORK, step, "workload.encoding=poisson", "baselines=null"))
    result = simulate(experiment[0])
    assert isinstance(result.prepared, Prepared)
    mapped, execution, memory = result.prepared.mapped, result.execution, result.memory
    assert {"masks", "membrane"} <= {o.value for o in OperandClass if memory.off_chip.peak_of(o)}
    assert memory.on_chip is not None
    assert_equal(memory.off_chip, tensors_alive(mapped, execution))
    assert_equal(memory.node, tensors_alive(mapped, execution, kept(mapped)))
    assert_equal(memory.on_chip, tiles_on_chip(mapped, execution))
