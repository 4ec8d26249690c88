"""Sweeps for tests of figures: tables laid out by hand, with metrics that follow the axes by simple rules.

Nothing here is a model of a machine.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from simsnn.results.sweep_store import INFO, POINTS, StoredSweep
from simsnn.results.sweep_table import (
    AxisInfo,
    ObjectiveInfo,
    PointMetrics,
    PointStatus,
    Scalar,
    SweepInfo,
    SweepRow,
    SweepTable,
)

Rule = Callable[[dict[str, Scalar]], PointMetrics | PointStatus]
"""What becomes of a point with these values on its axes."""

CYCLES_ENERGY = (
    ObjectiveInfo(metric="total_cycles", goal="min"),
    ObjectiveInfo(metric="total_energy_pj", goal="min"),
)


def made_metrics(
    cycles: int, energy_pj: float, area_um2: float | None = 1e6, accuracy: float | None = None
) -> PointMetrics:
    """Metrics of a point at 500 MHz with 64 samples."""
    time_ns = cycles * 2.0
    return PointMetrics(
        total_cycles=cycles,
        time_ns=time_ns,
        total_energy_pj=energy_pj,
        area_um2=area_um2,
        utilisation=min(1.0, 2e5 / cycles),
        dram_bytes=cycles // 3,
        accuracy=accuracy,
        samples_per_s=64 / time_ns * 1e9,
        energy_per_sample_pj=energy_pj / 64,
        peak_live_bytes=40_000,
    )


def array_rule(values: dict[str, Scalar]) -> PointMetrics | PointStatus:
    """Larger arrays are faster and cost more; a very large one does not fit."""
    rows, columns = (int(values.get(name) or 16) for name in ("rows", "columns"))
    if rows * columns > 4096:
        return PointStatus.REFUSED
    if rows == 64 and columns == 16:
        return PointStatus.FAILED
    slower = 1.3 if values.get("dataflow") == "os" else 1.0
    seed = int(values.get("seed") or 0)
    cycles = int((4e8 / (rows * columns) ** 0.8 + 9000 * seed) * slower)
    energy = 1e8 + 9e3 * rows * columns + 2e5 * rows * slower
    return made_metrics(cycles, energy, area_um2=450.0 * rows * columns, accuracy=0.9 + 0.01 * seed)


def made_sweep(
    axes: Sequence[AxisInfo],
    rule: Rule = array_rule,
    *,
    name: str = "array_size",
    objectives: tuple[ObjectiveInfo, ...] = CYCLES_ENERGY,
    sampling: str = "grid",
    synthetic: bool = False,
    points: Sequence[tuple[Scalar, ...]] | None = None,
    folder: Path = Path("nowhere"),
) -> StoredSweep:
    """A sweep over the grid of some axes, or over given points, its Pareto front marked by the definition."""
    names = tuple(axis.name for axis in axes)
    places = list(itertools.product(*(axis.values for axis in axes))) if points is None else list(points)
    rows = [_row(number, place, rule(dict(zip(names, place, strict=True)))) for number, place in enumerate(places)]
    marked = [
        SweepRow(row.point, row.id, row.values, row.status, row.error, row.metrics, _on_front(row, rows, objectives))
        for row in rows
    ]
    info = SweepInfo(
        name=name,
        base="../experiments/quickstart.yaml",
        base_sha256="0123456789abcdef" * 4,
        level="critical_path",
        synthetic=synthetic,
        axes=tuple(axes),
        where=None,
        sampling=sampling,
        objectives=objectives,
        versions={"simsnn": "0.1.0"},
        points=len(rows),
    )
    return StoredSweep(folder, info, SweepTable(names, tuple(marked)))


def _row(number: int, place: tuple[Scalar, ...], found: PointMetrics | PointStatus) -> SweepRow:
    if isinstance(found, PointStatus):
        error = "tensor of 96 KiB does not fit hardware.srams.0" if found is PointStatus.REFUSED else "it broke"
        return SweepRow(number, f"id{number}", place, found, error)
    return SweepRow(number, f"id{number}", place, PointStatus.OK, "", found)


def _on_front(row: SweepRow, rows: list[SweepRow], objectives: tuple[ObjectiveInfo, ...]) -> bool:
    """No other point is as good in all objectives and better in one."""
    own = _signed(row, objectives)
    if own is None or len(objectives) < 2:
        return False
    others = [found for other in rows if other is not row and (found := _signed(other, objectives)) is not None]
    return not any(all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in others)


def _signed(row: SweepRow, objectives: tuple[ObjectiveInfo, ...]) -> tuple[float, ...] | None:
    if row.metrics is None:
        return None
    values = [getattr(row.metrics, one.metric) for one in objectives]
    if any(value is None for value in values):
        return None
    return tuple(v if one.goal == "min" else -v for v, one in zip(values, objectives, strict=True))


def axis(name: str, *values: Scalar, seed: bool = False) -> AxisInfo:
    """An axis of one path."""
    return AxisInfo(name=name, paths=(f"hardware.arrays.0.{name}",), values=values, seed=seed)


def store(stored: StoredSweep, folder: Path) -> Path:
    """Write a sweep's folder as a runner does."""
    folder.mkdir(parents=True)
    (folder / INFO).write_text(stored.info.model_dump_json(), encoding="utf-8")
    (folder / POINTS).write_text(stored.table.to_csv(), encoding="utf-8")
    return folder


ROWS = axis("rows", 8, 16, 32, 64, 128)
COLUMNS = axis("columns", 16, 32, 64)
DATAFLOW = axis("dataflow", "ws", "os")
SEEDS = axis("seed", 0, 1, 2, seed=True)
BUFFER = axis("weight_buffer", "32 KiB", "64 KiB", "128 KiB", "256 KiB")
NETWORK = axis(
    "network", "../networks/digits_conv.yaml", "../networks/digits_mlp.yaml", "../networks/spikepipe_vgg9.yaml"
)
