"""The worked example of docs/add_an_engine.md, run as it stands on the page."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsnn import api
from simsnn.commands.explain import explain_experiment
from simsnn.config.hardware import HardwareConfig
from simsnn.costs import OperandClass
from simsnn.engines import ENGINES
from simsnn.errors import ConfigError, UnsupportedOperation
from simsnn.workload.operation import Gemm, GemmOperation, Operand, Pass

PAGE = Path(__file__).parents[2] / "docs" / "add_an_engine.md"
M, K, N, PIPELINE = 17, 65, 33, 2


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def engine_module() -> types.ModuleType:
    module = types.ModuleType("mac_unit_of_the_page")
    sys.modules[module.__name__] = module
    exec(compile(blocks("python")[0], str(PAGE), "exec"), module.__dict__)
    return module


@pytest.fixture
def registered(engine_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    line = blocks("python")[1].splitlines()[-1]
    with monkeypatch.context() as patch:
        patch.setattr(ENGINES, "_entries", dict(ENGINES._entries))
        exec(line, {"ENGINES": ENGINES, "MacUnit": engine_module.MacUnit})
        yield engine_module.MacUnit


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "one_mac.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")
    return path


def test_the_closed_form_takes_one_edge_per_product_and_the_pipeline(registered: Any, experiment: Path) -> None:
    report = api.simulate(experiment).report
    (task,) = report.tasks
    assert report.totals.total_cycles == M * K * N + PIPELINE == 36467
    assert (task.engine, task.array) == (registered.kind, "mac0")
    assert (task.parts.stream, task.parts.drain, task.parts.stall) == (M * K * N, PIPELINE, 0)
    assert task.actions["pe.add_32"] == M * K * N
    assert report.totals.area_um2 is not None
    assert task.energy_pj["pe"] > 0


@pytest.mark.usefixtures("registered")
def test_the_event_engine_adds_the_wait_for_the_operands_and_the_last_store(experiment: Path) -> None:
    result = api.simulate(experiment, ("simulation.level=event",))
    (task,) = result.report.tasks
    rate, latency = 32, 30  # 16 GB/s and 60 ns at 500 MHz
    first = result.prepared.mapped[0].choice.moves[0].loads
    wait = sum(-(-move.bytes // rate) for move in first) + latency
    # while one chunk computes, the rows of the next arrive: the unit is far slower than the DRAM
    assert task.parts.stall == task.stalls.dram == wait
    assert task.cycles == wait + M * K * N + PIPELINE
    last = result.prepared.mapped[0].choice.moves[-1].stores
    store = sum(-(-move.bytes // rate) for move in last) + latency
    assert result.report.totals.total_cycles == task.cycles + store


@pytest.mark.usefixtures("registered")
def test_explain_shows_the_formula_and_the_units_parameters(experiment: Path) -> None:
    text = explain_experiment(str(experiment), ())
    assert "M K N = 17 x 65 x 33 = 36,465 + drain 2 = 36,467 cycles" in text
    assert "mac0: mac_unit, pipeline_cycles 2" in text


def test_the_kind_is_unknown_without_its_line(experiment: Path, registered: Any) -> None:
    assert "mac_unit" in str(HardwareConfig.model_json_schema())
    del ENGINES._entries[registered.kind]
    with pytest.raises(ConfigError, match="unknown kind 'mac_unit'") as caught:
        api.load(experiment)
    assert caught.value.where.path == "hardware.arrays.0.kind"
    assert caught.value.allowed == ("systolic", "lut", "dual_sparse")
    assert "mac_unit" not in str(HardwareConfig.model_json_schema())


@pytest.mark.usefixtures("registered")
def test_a_wrong_value_of_the_new_kind_is_located(experiment: Path) -> None:
    experiment.write_text(experiment.read_text(encoding="utf-8").replace("pipeline_cycles: 2", "pipeline_cycles: -2"))
    with pytest.raises(ConfigError, match="at least 0") as caught:
        api.load(experiment)
    assert caught.value.where.path == "hardware.arrays.0.pipeline_cycles"
    assert caught.value.where.line == 10


@pytest.mark.usefixtures("registered")
def test_layers_are_refused_with_the_units_reason(experiment: Path) -> None:
    layers = "network.layers=[{name: fc, kind: linear, features: 10}]"
    with pytest.raises(UnsupportedOperation, match="bare matrices only"):
        api.simulate(experiment, ("network.input=[64]", layers, "network.neuron=null"))


def test_the_slow_twin_agrees_on_random_shapes_and_arrivals(engine_module: types.ModuleType) -> None:
    twin: dict[str, Any] = {}
    exec(blocks("python")[2], twin)
    rng = np.random.default_rng(0)
    for _ in range(150):
        m, k, n = (int(size) for size in rng.integers(1, 7, 3))
        config = engine_module.MacUnitConfig(name="mac0", kind="mac_unit", pipeline_cycles=int(rng.integers(0, 5)))
        operation = product(m, k, n)
        plans = list(engine_module.MacUnit(config).candidates(operation))
        plan = plans[int(rng.integers(len(plans)))]
        ready = np.cumsum(rng.integers(0, 40, plan.chunk_count)) * int(rng.integers(0, 2))
        left, right = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
        row_ready = [int(ready[c]) for c in range(plan.chunk_count) for _ in range(*plan.rows(c))]
        values, edges = twin["run_mac_unit"](left, right, config.pipeline_cycles, row_ready)
        state = plan.start()
        for chunk in range(plan.chunk_count):
            _, end = plan.advance(state, chunk, int(ready[chunk]))
        assert np.array_equal(values, left @ right)
        assert edges == end == plan.parts(state).total
        assert plan.cost().cycles.total == m * k * n + config.pipeline_cycles


def product(m: int, k: int, n: int) -> GemmOperation:
    left = Operand("g0.left", OperandClass.INPUTS, m * k, 8)
    right = Operand("g0.right", OperandClass.WEIGHTS, k * n, 8)
    output = Operand("g0.output", OperandClass.CURRENTS, m * n, 32)
    return GemmOperation("g0", Pass.F, 1, None, Gemm(m, k, n), left, right, output)


def test_the_pages_file_keeps_the_projects_style(tmp_path: Path) -> None:
    path = tmp_path / "mac_unit.py"
    path.write_text(blocks("python")[0], encoding="utf-8")
    config = PAGE.parents[1] / "pyproject.toml"
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--config", str(config), str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
