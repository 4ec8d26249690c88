"""``simsnn runs``, ``list`` and ``schema``: what is stored, what is built in, what files look like."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from simsnn.config.loader import preset_names
from simsnn.errors import ConfigError, nearest
from simsnn.results.store import list_runs
from simsnn.results.sweep_store import read_sweep, sweep_folders
from simsnn.results.sweep_table import PointStatus

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]
_LOG = logging.getLogger(__name__)


def run_rows(root: Path) -> list[Row]:
    """Stored runs, oldest first."""
    return [
        {
            "id": run.report.id,
            "name": run.report.name,
            "level": run.report.level,
            "synthetic": run.report.activity.synthetic,
            "activity": run.report.activity.kind,
            "total_cycles": run.report.totals.total_cycles,
            "total_energy_pj": run.report.totals.total_energy_pj,
            "folder": str(run.folder),
        }
        for run in list_runs(root)
    ]


def print_runs(rows: list[Row], console: Console) -> None:
    """Stored runs as a table."""
    from rich.table import Table

    from simsnn.results.prefix import si
    from simsnn.results.terminal import widen

    widen(console)
    if not rows:
        console.print("no runs here; `simsnn run quickstart` makes one")
        return
    table = Table("id", "name", "level", "activity", "cycles", "energy", box=None, header_style="bold")
    for row in rows:
        activity = "synthetic" if row["synthetic"] else "none" if row["activity"] == "none" else "real"
        energy = si(row["total_energy_pj"] * 1e-12, "J")
        table.add_row(row["id"], row["name"], row["level"], activity, f"{row['total_cycles']:,}", energy)
    console.print(table)


def sweep_rows(root: Path) -> list[Row]:
    """Stored sweeps by name; one that cannot be read is left out with a warning."""
    rows: list[Row] = []
    for folder in sweep_folders(root):
        try:
            stored = read_sweep(folder)
        except ConfigError as error:
            _LOG.warning("%s", error)
            continue
        found = stored.table.rows
        rows.append(
            {
                "name": stored.info.name,
                "level": stored.info.level,
                "synthetic": stored.info.synthetic,
                "axes": [axis.name for axis in stored.info.axes],
                "points": stored.info.points,
                **{status.value: sum(row.status is status for row in found) for status in PointStatus},
                "pareto": sum(row.pareto for row in found),
                "folder": str(folder),
            }
        )
    return rows


def print_sweeps(rows: list[Row], console: Console, said: bool) -> None:
    """Stored sweeps as a table; where there are none, that is told only if ``said``."""
    from rich.table import Table

    from simsnn.results.terminal import widen

    widen(console)
    if not rows:
        if said:
            console.print("no sweeps here; `simsnn sweep array_size` makes one")
        return
    table = Table("sweep", "level", "axes", "points", "ok", "failed", "refused", "front", box=None, header_style="bold")
    for row in rows:
        numbers = (row[name] for name in ("points", "ok", "failed", "refused", "pareto"))
        table.add_row(Path(row["folder"]).name, row["level"], " x ".join(row["axes"]), *map(str, numbers))
    console.print(table)


def catalogue(what: str | None) -> dict[str, list[str]]:
    """Names of everything that can be chosen, by kind of thing."""
    from simsnn.energy.model import table_names
    from simsnn.engines import ENGINES
    from simsnn.neurons import NEURONS
    from simsnn.neurons.surrogate import SURROGATES
    from simsnn.schedule.registry import SCHEDULES
    from simsnn.training.datasets import DATASETS
    from simsnn.workload.encoding import Encoding
    from simsnn.workload.layers import LAYERS
    from simsnn.workload.presets import GENERATORS

    entries: dict[str, list[str]] = {
        "engines": list(ENGINES.names()),
        "neurons": list(NEURONS.names()),
        "surrogates": [model.model_fields["kind"].default for model in SURROGATES],
        "layers": [str(model.model_fields["kind"].annotation).split("'")[1] for model in LAYERS],
        "encodings": [encoding.value for encoding in Encoding],
        "schedules": list(SCHEDULES.names()),
        "datasets": list(DATASETS.names()),
        "experiments": list(preset_names("experiments")),
        "hardware": list(preset_names("hardware")),
        "networks": [*preset_names("networks"), *GENERATORS.names()],
        "sweeps": list(preset_names("sweeps")),
        "energy_tables": [name for _, names in table_names() for name in names],
    }
    entries["presets"] = [*entries["experiments"], *entries["hardware"], *entries["networks"]]
    if what is None:
        del entries["presets"]
        return entries
    if what not in entries:
        known = tuple(entries)
        raise ConfigError(f"nothing called {what!r} to list", value=what, allowed=known, nearest=nearest(what, known))
    return {what: entries[what]}


def print_catalogue(entries: dict[str, list[str]], console: Console) -> None:
    """Names, one kind a line."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for kind, names in entries.items():
        table.add_row(kind, "  ".join(names))
    console.print(table)


def json_schema(what: str) -> dict[str, Any]:
    """JSON schema of one kind of file."""
    from simsnn.config.experiment import ExperimentConfig
    from simsnn.config.hardware import HardwareConfig
    from simsnn.config.sweep import SweepConfig
    from simsnn.importers.nir_source import NirSource
    from simsnn.results.report import Report
    from simsnn.workload.network import NetworkConfig

    models: dict[str, type[BaseModel]] = {
        "experiment": ExperimentConfig,
        "hardware": HardwareConfig,
        "network": NetworkConfig,
        "sweep": SweepConfig,
        "nir": NirSource,
        "report": Report,
    }
    if what not in models:
        known = tuple(models)
        raise ConfigError(f"no schema of {what!r}", value=what, allowed=known, nearest=nearest(what, known))
    schema = models[what].model_json_schema(by_alias=True)
    if what == "experiment":
        nir = NirSource.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        schema["$defs"] |= {"NirSource": nir} | nir.pop("$defs", {})
        _refer(schema, "network", ("#/$defs/NirSource",), {"input", "classes", "normalise"})
        _refer(schema, "hardware", (), set())
    return schema


def _refer(schema: Row, section: str, references: tuple[str, ...], options: set[str]) -> None:
    """A section of an experiment may also name a file, a preset, or something else that is read in its place."""
    text = {"type": "string"}
    named = [
        {"type": "object", "properties": {"file": text}, "required": ["file"], "additionalProperties": False},
        {
            "type": "object",
            "properties": {"preset": text} | {option: {} for option in sorted(options)},
            "required": ["preset"],
            "additionalProperties": False,
        },
    ]
    own = schema["properties"][section]
    schema["properties"][section] = {"anyOf": [own, *named, *({"$ref": place} for place in references)]}
