"""Sweep folders for tests, written by hand: every number is synthetic and follows a simple rule of the axes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from simsnn.results.sweep_store import INFO, POINTS
from simsnn.results.sweep_table import (
    AxisInfo,
    ObjectiveInfo,
    PointMetrics,
    PointStatus,
    SweepInfo,
    SweepRow,
    SweepTable,
)

ROWS, COLUMNS, FLOWS = (8, 16, 32, 64, 128), (16, 32, 64), ("ws", "os")


def made_info(name: str = "array_size", synthetic: bool = False, points: int = 30) -> SweepInfo:
    """A sweep of rows, columns and dataflow."""
    return SweepInfo(
        name=name,
        base="experiments/quickstart.yaml",
        base_sha256="0" * 64,
        level="critical_path",
        synthetic=synthetic,
        axes=(
            AxisInfo(name="rows", paths=("hardware.arrays.0.rows",), values=ROWS),
            AxisInfo(name="columns", paths=("hardware.arrays.0.columns",), values=COLUMNS),
            AxisInfo(name="dataflow", paths=("mapping.F.dataflow", "mapping.B.dataflow"), values=FLOWS),
        ),
        where="rows * columns <= 4096",
        sampling="grid",
        objectives=(
            ObjectiveInfo(metric="total_cycles", goal="min"),
            ObjectiveInfo(metric="total_energy_pj", goal="min"),
        ),
        versions={"simsnn": "0.1.0"},
        points=points,
    )


def made_table(error: str = "weight_buffer is too small") -> SweepTable:
    """30 points: larger machines are faster and cost more; the largest is refused, one failed."""
    rows = []
    for number, values in enumerate(product(ROWS, COLUMNS, FLOWS)):
        status = PointStatus.OK
        if values[0] * values[1] > 4096:
            status = PointStatus.FAILED if values[2] == "os" else PointStatus.REFUSED
        metrics = _metrics(*values) if status is PointStatus.OK else None
        found = "" if metrics is not None else error
        rows.append(SweepRow(number, f"{number:016x}", values, status, found, metrics, _pareto(values)))
    return SweepTable(("rows", "columns", "dataflow"), tuple(rows))


def _pareto(values: tuple[int, int, str]) -> bool:
    """With one dataflow every size trades cycles for energy."""
    return values[2] == "ws" and values[0] * values[1] <= 4096


def _metrics(rows: int, columns: int, flow: str) -> PointMetrics:
    slow = 1.0 if flow == "ws" else 1.3
    cycles = int(80_000_000 * slow / (rows * columns))
    energy = (1.0e9 + 2.0e5 * rows * columns) * slow
    area = 1.0e6 + 1500.0 * rows * columns
    return PointMetrics(
        cycles,
        cycles * 2.0,
        energy,
        area,
        min(1.0, 0.9 / slow),
        17_168_784,
        None,
        64e9 / cycles,
        energy / 64,
        5_311_408,
    )


def write_sweep(folder: Path, info: SweepInfo, table: SweepTable) -> Path:
    """The files of a sweep that a report reads."""
    folder.mkdir(parents=True)
    (folder / INFO).write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / POINTS).write_text(table.to_csv(), encoding="utf-8")
    return folder
