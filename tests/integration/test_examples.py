"""The example scripts of docs/examples do what their first lines say, as a user would start them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from simsnn.results.sweep_store import read_sweep
from simsnn.sweep.plan import load_plan

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SMALL = """
schema: simsnn/sweep/1
name: small
base: quickstart
set: {activity: null, simulation.level: closed_form}
axes:
  - {name: rows, path: hardware.arrays.0.rows, values: [8, 32]}
  - {name: columns, path: hardware.arrays.0.columns, values: [16, 32]}
  - {name: dataflow, paths: [mapping.F.dataflow, mapping.B.dataflow], values: [ws]}
objectives: [{metric: time_ns}, {metric: total_energy_pj}]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def run(script: str, folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def imported(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_script_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("[!r]*.py"):  # recorders: tests/torch
        assert f'"{path.name}"' in text or f'"{path.stem}"' in text, path.name


def test_array_size_shows_the_cycles_of_the_table(small: Path, tmp_path: Path) -> None:
    text = run("array_size.py", tmp_path, str(small))
    table = read_sweep(tmp_path / "results" / "sweeps" / "small").table
    assert len(table.done) == 4
    header, first, second, fastest, _ = text.splitlines()
    assert re.findall(r"\d+ columns", header) == ["16 columns", "32 columns"]
    found = [row.metrics.total_cycles for row in table.rows if row.metrics is not None]
    cycles = [f"{number:,}" for number in found]
    assert first.split() == ["8", "ws", *cycles[:2]]
    assert second.split() == ["32", "ws", *cycles[2:]]
    assert f"{min(found):,} cycles" in fastest


def test_pareto_draws_the_front(small: Path, tmp_path: Path) -> None:
    text = run("pareto.py", tmp_path, str(small), "front.png")
    table = read_sweep(tmp_path / "results" / "sweeps" / "small").table
    front = [row for row in table.rows if row.pareto]
    assert front
    assert len(text.splitlines()) == len(front) + 1
    for row in front:
        assert f"'rows': {row.values[0]}, 'columns': {row.values[1]}" in text
    assert (tmp_path / "front.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_python_of_the_sweeps_page_runs(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a small sweep in place of the shipped one."""
    text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(first.replace('run_sweep("array_size"', f"run_sweep({str(small)!r}").replace('"array_size"', '"small"'), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "results/sweeps/small 4 points ran"
    table = read_sweep(tmp_path / "results" / "sweeps" / "small").table
    assert lines[1].endswith(f"}} {min(row.metrics.total_cycles for row in table.done if row.metrics)}")
    compile(second, "sweeps.md", "exec")


def test_the_sweep_beside_the_pareto_script_is_one() -> None:
    plan = load_plan(EXAMPLES / "batch.yaml")
    assert len(plan.points) == 14
    assert [objective.metric for objective in plan.objectives] == ["time_ns", "energy_per_sample_pj"]


def test_own_engine_takes_area_and_no_time(tmp_path: Path) -> None:
    lines = run("own_engine.py", tmp_path).splitlines()
    (plain, plain_area), (spared, spared_area) = (re.findall(r"([\d.,]+) (?:cycles|mm2)", line) for line in lines)
    assert plain == spared
    # 34 rows for 32 are 6.25 % more elements; the accumulators below the columns are as they were
    assert 1.03 < float(spared_area) / float(plain_area) < 1.0625


def test_an_own_engine_reaches_the_workers_of_a_sweep(tmp_path: Path) -> None:
    """Processes import the script again, so its registry line runs in each of them, as the comment there says."""
    script = tmp_path / "sweep_own.py"
    text = (EXAMPLES / "own_engine.py").read_text(encoding="utf-8").partition('if __name__ == "__main__":')[0]
    call = '    print(simsnn.run_sweep("small.yaml", SPARED).table.column("status"))\n'
    script.write_text(f'{text}if __name__ == "__main__":\n{call}', encoding="utf-8")
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert found.stdout.strip() == "('ok', 'ok', 'ok', 'ok')", found.stderr


def test_slurm_sweep_asks_for_one_worker_per_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.chdir(tmp_path)
    script = imported("slurm_sweep")
    with script.cluster_of("short", "lab", "01:00:00", "2GB") as cluster:
        job = cluster.job_script()
    assert {"#SBATCH -p short", "#SBATCH -A lab", "#SBATCH -n 1", "#SBATCH -t 01:00:00"} <= set(job.splitlines())
    assert "export NUMBA_NUM_THREADS=1" in job
    assert "--nthreads 1" in job


def test_slurm_sweep_runs_points_on_the_workers_that_come(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but SLURM itself: the jobs are processes of this machine."""
    pytest.importorskip("dask_jobqueue")
    from distributed import LocalCluster

    class Local(LocalCluster):
        def scale(self, n: int = 0, jobs: int | None = None) -> None:
            super().scale(n if jobs is None else jobs)

    script = imported("slurm_sweep")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        script, "cluster_of", lambda *_: Local(0, threads_per_worker=1, processes=True, dashboard_address=None)
    )
    script.main([str(small), "--jobs", "1"])
    assert "4 points ran" in capsys.readouterr().out
    assert len(read_sweep(tmp_path / "results" / "sweeps" / "small").table.done) == 4
