"""Figures from what was simulated: a run of a product, one of processors in a pipeline, a small sweep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simsnn.api import simulate
from simsnn.cli import main
from simsnn.errors import SimsnnError
from simsnn.results.roofs import engine_roofs, roof_points, stored_hardware
from simsnn.results.store import list_runs
from simsnn.results.sweep_store import StoredSweep, read_sweep
from simsnn.results.sweep_table import (
    ObjectiveInfo,
    PointMetrics,
    PointStatus,
    SweepInfo,
    SweepRow,
    SweepTable,
)
from simsnn.viz.run_figures import figures_missing, figures_of
from simsnn.viz.sweep_figures import figures_of_sweep, write_sweep_figures
from tests.naive.sweeps import CYCLES_ENERGY, axis, store
from tests.pipelines import LINKS, group, machine, overrides, schedule

PRODUCT = (
    "network={layers: [{name: g0, kind: gemm, m: 64, k: 65, n: 33}]}",
    "workload={passes: [F]}",
    "activity=null",
    "simulation.level=closed_form",
)
ROWS, COLUMNS = axis("rows", 8, 16, 32, 64), axis("columns", 8, 32, 70000)


def real_sweep(folder: Path) -> None:
    """A grid of array sizes, simulated point by point."""
    rows = []
    for number, (height, width) in enumerate((h, w) for h in ROWS.values for w in COLUMNS.values):
        sizes = (f"hardware.arrays.0.rows={height}", f"hardware.arrays.0.columns={width}")
        try:
            report = simulate("quickstart", (*PRODUCT, *sizes)).report
            rows.append(SweepRow(number, report.id, (height, width), PointStatus.OK, "", PointMetrics.of(report)))
        except SimsnnError as error:
            rows.append(SweepRow(number, "", (height, width), PointStatus.REFUSED, error.message))
    info = SweepInfo(
        name="array_size",
        base="quickstart",
        base_sha256="0" * 64,
        level="closed_form",
        synthetic=False,
        axes=(ROWS, COLUMNS),
        where=None,
        sampling="grid",
        objectives=(*CYCLES_ENERGY, ObjectiveInfo(metric="utilisation", goal="max")),
        versions={},
        points=len(rows),
    )
    store(StoredSweep(folder, info, SweepTable(("rows", "columns"), tuple(rows))), folder)


def test_a_real_sweep_draws_from_its_folder_alone(tmp_path: Path) -> None:
    real_sweep(tmp_path / "array_size")
    stored = read_sweep(tmp_path / "array_size")
    assert len(stored.table.done) >= 8
    files = write_sweep_figures(stored, stored.folder)
    assert [path.stem for path in files] == [figure.name for figure in figures_of_sweep(stored)]
    assert {path.stem for path in files} >= {"lines_total_cycles", "heat_utilisation", "pareto"}
    assert all(path.stat().st_size > 5000 for path in files)


def test_runs_of_both_kinds_have_their_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "quickstart", *(word for set_ in PRODUCT for word in ("--set", set_)), "--json"]) == 0
    links = LINKS["ring"].replace("packet: 64 B", "packet: 64 B, pj_per_bit: 1.5")
    pipelined = overrides(machine(group("core", 3), links=links), schedule("spikepipe"))
    assert main(["run", "quickstart", *(word for set_ in pipelined for word in ("--set", set_)), "--json"]) == 0
    capsys.readouterr()
    product, pipeline = list_runs(tmp_path / "results" / "runs")
    assert set(figures_missing(product)) == {"density", "pipeline", "memory"}
    assert "pipeline" in {figure.name for figure in figures_of(pipeline)}
    for run in (product, pipeline):
        hardware = stored_hardware(run.folder)
        assert hardware is not None
        points = roof_points(run.report, engine_roofs(hardware))
        assert [point.task for point in points] == list(run.report.tasks)
        if run is product:
            assert points[0].ops == 64 * 65 * 33
    assert main(["compare", product.report.id, pipeline.report.id, "--json", "-o", "figures"]) == 0
    found = json.loads(capsys.readouterr().out)["waterfalls"][0]
    assert sum(row["cycles_change"] for row in found["rows"]) == found["cycles_change"]
    assert {"no task under way", "leakage", "links"} <= {row["name"] for row in found["rows"]}
    assert "other energy" not in {row["name"] for row in found["rows"]}
    change = sum(row["energy_change_pj"] for row in found["rows"])
    assert change == pytest.approx(found["energy_change_pj"], rel=1e-9)
    assert len(list((tmp_path / "figures").iterdir())) == 3
