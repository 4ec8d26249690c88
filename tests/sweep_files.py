"""Small sweeps for tests: a bare product on the shipped array, which costs milliseconds."""

from __future__ import annotations

from pathlib import Path

from simsnn.results.sweep_table import PointMetrics, PointStatus, SweepRow
from simsnn.sweep.plan import SweepPlan, load_plan

BASE = """\
schema: simsnn/experiment/1
name: product
network: {layers: [{name: g0, kind: gemm, m: 17, k: 65, n: 33}]}
workload: {passes: [F]}
hardware: {preset: ws32}
mapping: {F: {engine: array0, dataflow: ws}, most_chunks: 1}
simulation: {level: closed_form}
"""
AXES = """\
axes:
  - {name: rows, path: hardware.arrays.0.rows, values: [8, 16, 32]}
  - {name: columns, path: hardware.arrays.0.columns, values: [4, 8]}
"""
HEAD = "schema: simsnn/sweep/1\nname: small\nbase: base.yaml\n"


def sweep_file(folder: Path, axes: str = AXES, more: str = "", base: str = BASE) -> Path:
    """Write a sweep and its base; returns the sweep's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "base.yaml").write_text(base)
    path = folder / "sweep.yaml"
    path.write_text(HEAD + axes + more)
    return path


def plan_of(folder: Path, axes: str = AXES, more: str = "", base: str = BASE) -> SweepPlan:
    """A small sweep, loaded."""
    return load_plan(sweep_file(folder, axes, more, base))


def metrics(cycles: int = 1, energy: float = 1.0, accuracy: float | None = None) -> PointMetrics:
    """Metrics with chosen objectives."""
    return PointMetrics(cycles, float(cycles), energy, 2.5, 0.5, 64, accuracy, 1e9 / cycles, energy, 128)


def row(point: int, cycles: int, energy: float, values: tuple[int, ...] = ()) -> SweepRow:
    """A row that ran."""
    return SweepRow(point, f"{point:016x}", values, PointStatus.OK, "", metrics(cycles, energy))
