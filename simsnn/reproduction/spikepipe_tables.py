"""Tables of the SpikePipe comparison: every point, every cell, accuracy against delay."""

from __future__ import annotations

from simsnn.reproduction.outcome import Table
from simsnn.reproduction.spikepipe_accuracy import AccuracyStudy, accuracy_cells
from simsnn.reproduction.spikepipe_cells import PROCESSORS, Cell


def point_table(cells: tuple[Cell, ...]) -> Table:
    """One row per network, array size and number of processors."""
    columns = (
        "network", "array", "processors", "used_processors", "contiguous_cycles", "search_cycles", "kept_cycles",
        "exact_periods", "settled",
        "speedup", "over_lower_bound", "over_sequential", "largest_delay",
    )  # fmt: skip
    rows = tuple(
        (
            cell.workload,
            cell.size,
            point.processors,
            point.used,
            float(point.contiguous),
            float(point.search),
            float(point.kept),
            point.exact,
            point.settled,
            point.speedup,
            float(point.kept) / point.lower,
            point.sequential / float(point.kept),
            point.delay,
        )
        for cell in cells
        for point in cell.points
    )
    return Table("points", columns, rows)


def cell_table(cells: tuple[Cell, ...]) -> Table:
    """One row per network and array size: the speed-up at every number of processors and its mean."""
    columns = ("network", "array", *(f"p{count}" for count in PROCESSORS), "mean")
    rows = tuple((cell.workload, cell.size, *(p.speedup for p in cell.points), cell.mean) for cell in cells)
    return Table("speedup", columns, rows)


def accuracy_table(study: AccuracyStudy) -> Table:
    """One row per network and kind of delay, over all seeds."""
    columns = (
        "network", "dataset", "synthetic", "layers", "stages", "convention", "weights", "largest_delay", "seeds",
        "mean_accuracy", "lowest", "highest", "loss_points",
    )  # fmt: skip
    rows = []
    for cell in accuracy_cells(study.records):
        record, setting = cell.record, cell.record.setting
        rows.append(
            (
                record.network,
                record.dataset,
                record.synthetic,
                record.depth,
                setting.stages,
                setting.convention.value if setting.convention else "none",
                setting.weights.value if setting.weights else "",
                record.largest_delay,
                cell.seeds,
                cell.mean,
                cell.low,
                cell.high,
                cell.loss_points,
            )
        )
    return Table("accuracy", columns, tuple(rows))
