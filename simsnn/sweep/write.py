"""The files of a sweep: table, description, wall times, summary over seeds; each whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from simsnn.results.store import writing_file
from simsnn.results.sweep_store import INFO, POINTS, SUMMARY, TIMING, StoredSweep
from simsnn.results.sweep_table import SweepRow, SweepTable, marked
from simsnn.sweep.log import Outcome
from simsnn.sweep.pareto import front_of
from simsnn.sweep.plan import SweepPlan
from simsnn.sweep.points import SweepPoint
from simsnn.sweep.summary import summary_of

Found = Sequence[tuple[SweepPoint, Outcome]]


def write_sweep(plan: SweepPlan, folder: Path, total: int, found: Found) -> StoredSweep:
    """Write what is known of a sweep.

    Parameters
    ----------
    plan : SweepPlan
        The sweep.
    folder : Path
        Its folder.
    total : int
        Points that it has, run or not.
    found : sequence of (SweepPoint, Outcome)
        Points with an outcome, by number.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    info = plan.info(total)
    rows = tuple(
        SweepRow(
            point.point, outcome.id, plan.space.labels(point.choice), outcome.status, outcome.error, outcome.metrics
        )
        for point, outcome in found
    )
    table = SweepTable(tuple(axis.name for axis in plan.axes), marked(rows, front_of(rows, plan.objectives)))
    summary = summary_of(table, info.axes)
    texts = {INFO: info.model_dump_json(indent=1) + "\n", POINTS: table.to_csv(), TIMING: _timing(found)}
    if summary is not None:
        texts[SUMMARY] = summary.to_csv()
    for name, text in texts.items():
        replace_text(folder / name, text)
    return StoredSweep(folder, info, table)


def _row(plan: SweepPlan, point: SweepPoint, outcome: Outcome) -> SweepRow:
    values = plan.space.labels(point.choice)
    return SweepRow(point.point, outcome.id, values, outcome.status, outcome.error, outcome.metrics)


def _timing(found: Found) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("point", "id", "seconds", "worker"))
    writer.writerows((point.point, outcome.id, f"{outcome.seconds:.6f}", outcome.worker) for point, outcome in found)
    return text.getvalue()


def replace_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and put it in its place.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    with writing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
