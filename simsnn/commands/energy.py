"""``simsnn energy`` and ``simsnn reprice``: price tables, and stored counts under other ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsnn.config.loader import override, read_yaml
from simsnn.config.resolve import build
from simsnn.energy.model import reprice, table_names, table_rows
from simsnn.errors import ConfigError, nearest
from simsnn.results.store import CONFIG, find_run

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]


def energy_rows(table: str | None) -> list[Row]:
    """Every row of a table, or the names of all tables."""
    if table is None:
        return [{"role": role, "table": name} for role, names in table_names() for name in names]
    known = tuple(name for _, names in table_names() for name in names)
    if table not in known:
        raise ConfigError(f"unknown energy table {table!r}", value=table, allowed=known, nearest=nearest(table, known))
    return [_plain(dataclasses.asdict(row)) for row in table_rows(table)]


def _plain(row: Row) -> Row:
    return {key: getattr(value, "value", value) for key, value in row.items()}


def print_energy(rows: list[Row], console: Console) -> None:
    """Rows as a table."""
    from rich.table import Table

    table = Table(*rows[0], box=None, header_style="bold")
    for row in rows:
        table.add_row(
            *(
                "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
                for value in row.values()
            )
        )
    console.print(table)


def reprice_run(name: str, root: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Energy of a stored run under the tables named by the overrides (``energy.*``)."""
    from simsnn.config.experiment import ExperimentConfig
    from simsnn.pipeline_run import machine_energy

    for assignment in overrides:
        if not assignment.startswith("energy."):
            message = f"only energy tables can be changed after a run, not {assignment.split('=')[0]}"
            raise ConfigError(message, value=assignment, remedy="run again with this --set")
    run = find_run(name, root)
    document = read_yaml(run.folder / CONFIG)
    for assignment in overrides:
        override(document, assignment)
    experiment = build(ExperimentConfig, document)
    prices = machine_energy(experiment)
    priced = reprice((task.actions for task in run.report.tasks), run.report.totals.time_ns, prices)
    # what links cost stands in the hardware file, not in a table
    links = () if run.report.pipeline is None else run.report.pipeline.links
    return {
        "id": run.report.id,
        "tables": experiment.energy.model_dump(mode="json"),
        "stored_total_energy_pj": run.report.totals.total_energy_pj,
        "total_energy_pj": priced.total_pj + sum(link.energy_pj or 0.0 for link in links),
        "static_energy_pj": dict(priced.leakage),
        "tasks": [
            {"layer": task.layer, "pass": task.pass_, "part": task.part, "energy_pj": dict(energy)}
            for task, energy in zip(run.report.tasks, priced.tasks, strict=True)
        ],
    }


def print_repriced(outcome: dict[str, Any], console: Console) -> None:
    """Both totals and their ratio."""
    before, after = outcome["stored_total_energy_pj"], outcome["total_energy_pj"]
    tables = ", ".join(f"{role} {name}" for role, name in outcome["tables"].items())
    console.print(
        f"run {outcome['id']}: {before / 1e6:.4g} uJ as stored, {after / 1e6:.4g} uJ with {tables}"
        f" (x {after / before:.3f})",
        highlight=False,
    )
