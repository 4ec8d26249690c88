"""The same table whoever evaluates the points: this process, two beside it, a Dask cluster of two workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simsnn.errors import ConfigError
from simsnn.results.sweep_store import POINTS
from simsnn.results.sweep_table import PointStatus
from simsnn.sweep.executors import ProcessExecutor
from simsnn.sweep.runner import SweepOptions, run_sweep
from simsnn.sweep.worker import PINNED, Task, WorkerPlan
from tests.sweep_files import plan_of

AXES = """\
axes:
  - {name: rows, path: hardware.arrays.0.rows, values: [0, 4, 8, 16, 32]}
  - {name: columns, path: hardware.arrays.0.columns, log2_range: [4, 32]}
  - {name: size, path: hardware.srams.0.size, values: [8 B, 32 KiB]}
"""


def test_tables_are_byte_identical_whoever_evaluates(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    plan = plan_of(tmp_path, AXES)
    texts = {}
    for executor in ("serial", "processes", "dask"):
        folder = tmp_path / executor
        stored = run_sweep(plan, folder, SweepOptions(executor, workers=2))
        texts[executor] = (folder / POINTS).read_bytes()
        assert {row.status for row in stored.table.rows} == {PointStatus.OK, PointStatus.REFUSED}
    assert texts["serial"] == texts["processes"] == texts["dask"]
    assert len(texts["serial"].splitlines()) == 41


def test_a_worker_that_dies_costs_its_point_and_is_replaced(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, AXES)
    worker = WorkerPlan(plan.base, plan.axes, str(tmp_path))
    tasks = [Task(f"{index}", (1, 0, 1)) for index in range(6)]
    found = []
    with ProcessExecutor(worker, 1) as executor:
        for outcome in executor.run(iter(tasks)):
            found.append(outcome)
            if len(found) == 2:  # the next task is handed out after this
                os.kill(executor._team[0]._process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    assert [outcome.id for outcome in found] == ["0", "1", "2", "3", "4", "5"]
    assert [outcome.status.value for outcome in found] == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert found[2].error == "the worker process ended with signal 9 (SIGKILL): out of memory?"


def test_a_worker_is_pinned_survives_a_broken_point_and_leaves_the_environment_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, AXES)
    before = dict(os.environ)
    with ProcessExecutor(WorkerPlan(plan.base, plan.axes, str(tmp_path)), 1) as executor:
        outcomes = list(executor.run([Task("x", (99, 0, 0)), Task("y", (1, 0, 1))]))
        pid = executor._team[0]._process.pid
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    assert [outcome.status for outcome in outcomes] == [PointStatus.FAILED, PointStatus.OK]
    assert outcomes[0].error == "IndexError: tuple index out of range"
    assert {f"{name}={value}" for name, value in PINNED.items()} <= set(environment)
    assert dict(os.environ) == before
    assert not Path(f"/proc/{pid}").exists()


def test_a_cluster_that_is_not_there_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("simsnn.sweep.dask_executor.CONNECT_S", 1)
    options = SweepOptions("dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"no Dask cluster with workers at tcp://127.0.0.1:9"):
        run_sweep(plan_of(tmp_path), tmp_path / "out", options)
