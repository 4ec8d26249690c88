"""A worker turns whatever happens into an outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn import api
from simsnn.errors import CapacityError, ConfigError, ModelDisagreement, Where
from simsnn.results.sweep_table import PointMetrics, PointStatus
from simsnn.sweep.evaluator import PointEvaluator
from simsnn.sweep.worker import PointWorker, Task, WorkerPlan, one_line
from tests.sweep_files import AXES, plan_of


def worker(folder: Path, axes: str = AXES) -> PointWorker:
    plan = plan_of(folder, axes)
    return PointWorker(WorkerPlan(plan.base, plan.axes, str(folder)), "me")


def test_a_point_gives_what_a_run_gives(tmp_path: Path) -> None:
    outcome = worker(tmp_path).run(Task("x", (1, 1)))
    sets = ("hardware.arrays.0.rows=16", "hardware.arrays.0.columns=8")
    assert outcome.metrics == PointMetrics.of(api.simulate(tmp_path / "base.yaml", sets).report)
    assert (outcome.id, outcome.status, outcome.error, outcome.worker) == ("x", PointStatus.OK, "", "me")
    assert outcome.seconds > 0


def test_a_refused_value_and_a_tensor_that_does_not_fit_are_refused(tmp_path: Path) -> None:
    bad = worker(tmp_path / "a", AXES.replace("[8, 16, 32]", "[8, 0]")).run(Task("x", (1, 0)))
    assert bad.status is PointStatus.REFUSED
    assert bad.error.startswith("hardware.arrays.0.rows: ")
    axes = "axes:\n  - {name: size, path: hardware.srams.0.size, values: [1 MiB, 8 B]}\n"
    small = worker(tmp_path / "b", axes).run(Task("x", (1,)))
    assert small.status is PointStatus.REFUSED
    assert small.metrics is None
    assert "\n" not in small.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("broken\nin two lines"), PointStatus.FAILED),
        (MemoryError(), PointStatus.FAILED),
        (ModelDisagreement("levels differ"), PointStatus.FAILED),
        (ConfigError("no"), PointStatus.REFUSED),
    ],
)
def test_a_bug_is_a_failed_row_with_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: PointStatus
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(PointEvaluator, "evaluate", broken)
    outcome = worker(tmp_path).run(Task("x", (0, 0)))
    assert outcome.status is status
    assert "\n" not in outcome.error
    assert ("test_sweep_worker" in outcome.detail) is (status is PointStatus.FAILED)


def test_an_error_is_one_line_without_files() -> None:
    where = Where("hardware.srams.0.size", "/somewhere/base.yaml", 7)
    error = CapacityError("too small", demand=3, bound=2, unit="B", levers=("more",), where=where)
    assert one_line(error) == "hardware.srams.0.size: too small: needs 3 B, has 2 B"
    assert len(one_line(ValueError("x" * 1000))) == 400
