"""Whole sweeps: the table, resuming, refused and failed points, interrupts, activity shared by workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsnn import api
from simsnn.errors import ConfigError
from simsnn.results.sweep_store import INFO, LOG, POINTS, SUMMARY, read_sweep
from simsnn.results.sweep_table import PointMetrics, PointStatus
from simsnn.sweep.evaluator import PointEvaluator
from simsnn.sweep.executors import SerialExecutor
from simsnn.sweep.log import SweepLog
from simsnn.sweep.runner import SweepOptions, SweepProgress, run_sweep
from simsnn.sweep.worker import ACTIVITIES, PointWorker, Task, WorkerPlan
from tests.sweep_files import AXES, plan_of

SERIAL = SweepOptions("serial")


class Counting(SerialExecutor):
    """Counts what is evaluated."""

    ran: list[str] = []  # noqa: RUF012 - one list for the test that made it

    def run(self, tasks):  # type: ignore[no-untyped-def]
        for task in tasks:
            self.ran.append(task.id)
            yield from super().run([task])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(Counting, "ran", found)
    monkeypatch.setattr("simsnn.sweep.executors.SerialExecutor", Counting)
    return found


def test_every_row_is_the_run_of_its_point(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    stored = run_sweep(plan, tmp_path / "out", SERIAL)
    assert [row.values for row in stored.table.rows] == [(8, 4), (8, 8), (16, 4), (16, 8), (32, 4), (32, 8)]
    for row in stored.table.rows:
        sets = (f"hardware.arrays.0.rows={row.values[0]}", f"hardware.arrays.0.columns={row.values[1]}")
        assert row.metrics == PointMetrics.of(api.simulate(tmp_path / "base.yaml", sets).report)
    front = {row.point for row in stored.table.rows if row.pareto}
    best = min(stored.table.rows, key=lambda row: (row.metrics.total_cycles, row.metrics.total_energy_pj))  # type: ignore[union-attr]
    assert best.point in front
    assert read_sweep(tmp_path / "out") == stored
    assert not (tmp_path / "out" / ACTIVITIES).exists()


def test_a_second_start_runs_nothing_and_changes_nothing(tmp_path: Path, ran: list[str]) -> None:
    plan = plan_of(tmp_path)
    first = run_sweep(plan, tmp_path / "out", SERIAL)
    text = (tmp_path / "out" / POINTS).read_bytes()
    assert len(ran) == 6
    assert run_sweep(plan, tmp_path / "out", SERIAL) == first
    assert (tmp_path / "out" / POINTS).read_bytes() == text
    assert len(ran) == 6


def test_a_wider_axis_runs_only_what_is_new(tmp_path: Path, ran: list[str]) -> None:
    run_sweep(plan_of(tmp_path), tmp_path / "out", SERIAL)
    wider = run_sweep(plan_of(tmp_path, AXES.replace("[4, 8]", "[2, 4, 8]")), tmp_path / "out", SERIAL)
    assert len(ran) == len(set(ran)) == 9
    assert len(wider.table.rows) == 9


def test_points_with_one_experiment_run_once(tmp_path: Path, ran: list[str]) -> None:
    axes = "axes:\n  - {name: size, path: hardware.srams.0.size, values: [1 MiB, 1 MiB], labels: [one, other]}\n"
    stored = run_sweep(plan_of(tmp_path, axes), tmp_path / "out", SERIAL)
    assert len(ran) == 1
    one, other = stored.table.rows
    assert (one.metrics, one.id) == (other.metrics, other.id)


def test_an_interrupt_keeps_what_is_done(tmp_path: Path, ran: list[str]) -> None:
    plan = plan_of(tmp_path)
    seen: list[int] = []

    def stop(progress: SweepProgress) -> None:
        seen.append(progress.done)
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, tmp_path / "out", SERIAL, stop)
    assert seen == [0, 1, 2, 3, 4]
    partial = read_sweep(tmp_path / "out")
    assert [row.point for row in partial.table.rows] == [0, 1, 2, 3]
    assert partial.info.points == 6
    whole = run_sweep(plan, tmp_path / "out", SERIAL)
    assert whole.table.rows == run_sweep(plan, tmp_path / "fresh", SERIAL).table.rows
    assert len(ran) == 6 + 6


def test_refused_points_are_rows_with_their_reason(tmp_path: Path) -> None:
    stored = run_sweep(plan_of(tmp_path, AXES.replace("[4, 8]", "[0, 8]")), tmp_path / "out", SERIAL)
    status = [row.status for row in stored.table.rows]
    assert status == [PointStatus.REFUSED, PointStatus.OK] * 3
    assert stored.table.rows[0].error.startswith("hardware.arrays.0.columns: ")
    assert "" not in {row.id for row in stored.table.rows}
    assert len({row.id for row in stored.table.rows}) == 6


def test_failed_points_stay_until_they_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: list[str]
) -> None:
    plan = plan_of(tmp_path)
    whole = PointEvaluator.evaluate

    def sometimes(self: PointEvaluator, experiment, *rest):  # type: ignore[no-untyped-def]
        if experiment.hardware.arrays[0].rows == 16:
            raise RuntimeError("a bug")
        return whole(self, experiment, *rest)

    monkeypatch.setattr(PointEvaluator, "evaluate", sometimes)
    stored = run_sweep(plan, tmp_path / "out", SERIAL)
    assert [row.error for row in stored.table.rows if row.status is PointStatus.FAILED] == ["RuntimeError: a bug"] * 2
    monkeypatch.setattr(PointEvaluator, "evaluate", whole)
    assert run_sweep(plan, tmp_path / "out", SERIAL) == stored
    again = run_sweep(plan, tmp_path / "out", SweepOptions("serial", retry_failed=True))
    assert {row.status for row in again.table.rows} == {PointStatus.OK}
    assert len(ran) == 6 + 2


def test_a_refusal_of_the_machine_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tmp_path)

    def refuse(*_: object) -> None:
        raise ConfigError("this needs the extra 'data'")

    with monkeypatch.context() as patch:
        patch.setattr(PointEvaluator, "evaluate", refuse)
        refused = run_sweep(plan, tmp_path / "out", SERIAL)
    assert {row.status for row in refused.table.rows} == {PointStatus.REFUSED}
    again = run_sweep(plan, tmp_path / "out", SweepOptions("serial", retry_failed=True))
    assert {row.status for row in again.table.rows} == {PointStatus.OK}


def test_seeds_give_a_summary(tmp_path: Path) -> None:
    axes = AXES + "  - {name: seed, path: seed, values: [0, 1]}\n"
    stored = run_sweep(plan_of(tmp_path, axes), tmp_path / "out", SERIAL)
    assert len(stored.table.rows) == 12
    assert len((tmp_path / "out" / SUMMARY).read_text().splitlines()) == 7


def test_a_folder_of_another_sweep_is_left_alone(tmp_path: Path) -> None:
    run_sweep(plan_of(tmp_path), tmp_path / "out", SERIAL)
    before = (tmp_path / "out" / INFO).read_bytes()
    other = plan_of(tmp_path, more="")
    other = type(other)(**{**vars(other), "config": other.config.model_copy(update={"name": "other"})})
    with pytest.raises(ConfigError, match="holds the sweep 'small'"):
        run_sweep(other, tmp_path / "out", SERIAL)
    assert (tmp_path / "out" / INFO).read_bytes() == before


def test_workers_share_one_activity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    from simsnn.sweep import worker

    real = worker.resolve_activity
    monkeypatch.setattr(worker, "resolve_activity", lambda *words: made.append("x") or real(*words))
    base = (
        "schema: simsnn/experiment/1\nname: small\n"
        "network: {preset: digits_mlp}\n"
        "workload: {timesteps: 2, batch: 2, passes: [F]}\n"
        "activity: {kind: synthetic, rate: 0.2, mask_density: 0.3, gradient_density: 0.3, "
        "temporal_correlation: 0.1, spatial_correlation: 0.1, channel_correlation: 0.1}\n"
        "hardware: {preset: ws32}\nmapping: {F: {engine: array0, dataflow: ws}, neuron: {engine: vector0}}\n"
        "simulation: {level: closed_form}\n"
    )
    stored = run_sweep(plan_of(tmp_path, base=base), tmp_path / "out", SERIAL)
    assert {row.status for row in stored.table.rows} == {PointStatus.OK}, stored.table.rows[0].error
    assert len(made) == 1  # of six points
    plan = plan_of(tmp_path, base=base)
    shared = WorkerPlan(plan.base, plan.axes, str(tmp_path / "shared"))
    found = [PointWorker(shared, name).run(Task("x", (0, 0))) for name in ("one", "two")]
    assert found[0].metrics == found[1].metrics == stored.table.rows[0].metrics
    assert len(made) == 2  # of two workers
    with SweepLog(tmp_path / "out" / LOG) as log:
        assert len(log.outcomes()) == 6


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="no executor 'daks'") as caught:
        SweepOptions("daks")
    assert caught.value.nearest == "dask"
    with pytest.raises(ConfigError, match="a scheduler is for"):
        SweepOptions("processes", scheduler="tcp://127.0.0.1:1")
