"""``simsnn runs``, ``list`` and ``schema``: what is stored, what is built in, what files look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from simsnn.config.loader import preset_names
from simsnn.errors import ConfigError, nearest
from simsnn.results.store import list_runs

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]


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
    from simsnn.importers.nir_source import NirSource
    from simsnn.results.report import Report
    from simsnn.workload.network import NetworkConfig

    models: dict[str, type[BaseModel]] = {
        "experiment": ExperimentConfig,
        "hardware": HardwareConfig,
        "network": NetworkConfig,
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
