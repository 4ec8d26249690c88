"""``explain``, ``init``, ``list``, ``schema``, ``energy``: what there is and what it means."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Overrides, Source, app, console


@app.command(epilog="Example: simsnn explain configs/experiments/quickstart.yaml")
def explain(source: Source, overrides: Overrides = None) -> None:
    """Say the machine in words: peak rates, capacities, and each layer's formula with its numbers in it."""
    from simsnn.commands.explain import explain_experiment

    console().print(explain_experiment(source, tuple(overrides or ())), highlight=False, soft_wrap=True, markup=False)


@app.command(epilog="Example: simsnn init my_experiment")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder.")] = Path("experiment"),
    preset: Annotated[str, typer.Option(help="Shipped experiment to start from.")] = "quickstart",
) -> None:
    """Write an experiment with its machine and network into a new folder, ready to edit."""
    from simsnn.commands.init import write_starter

    for path in write_starter(folder, preset):
        typer.echo(str(path))


@app.command(name="list", epilog="Example: simsnn list engines")
def list_(
    what: Annotated[str | None, typer.Argument(help="engines, neurons, presets, ...; all when left out.")] = None,
    json_: Json = False,
) -> None:
    """List what is built in: engines, neurons, layers, schedules, datasets, presets, energy tables."""
    from simsnn.commands.listing import catalogue, print_catalogue

    entries = catalogue(what)
    if json_:
        sys.stdout.write(json.dumps(entries, indent=1, sort_keys=True) + "\n")
    else:
        print_catalogue(entries, console())


@app.command(epilog="Example: simsnn schema hardware")
def schema(
    what: Annotated[str, typer.Argument(help="experiment, hardware, network, nir, sweep or report.")] = "experiment",
) -> None:
    """Print the JSON schema of a file."""
    from simsnn.commands.listing import json_schema

    sys.stdout.write(json.dumps(json_schema(what), indent=1, sort_keys=True) + "\n")


@app.command(epilog="Example: simsnn energy horowitz_45nm")
def energy(
    table: Annotated[str | None, typer.Argument(help="Price table; all names when left out.")] = None,
    json_: Json = False,
) -> None:
    """Show price tables: every row with node, voltage, source and what it rests on."""
    from simsnn.commands.energy import energy_rows, print_energy

    rows = energy_rows(table)
    if json_:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        print_energy(rows, console())
