"""``report``: a stored run or sweep as one HTML file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Runs, app


@app.command(epilog="Example: simsnn report latest -o report.html")
def report(
    name: Annotated[
        str, typer.Argument(metavar="RUN|SWEEP", help="Folder, run id, name of a sweep, or latest.")
    ] = "latest",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where; default report.html in the folder.")
    ] = None,
    json_: Json = False,
    root: Runs = Path("results/runs"),
    sweeps: Annotated[Path, typer.Option("--sweeps", metavar="DIR", help="Folder of sweep folders.")] = Path(
        "results/sweeps"
    ),
) -> None:
    """Write one HTML file of a run or sweep: words, machine, timeline, tables, figures; it reads nothing else."""
    from simsnn.commands.report import write_report

    page = write_report(name, root, sweeps, output)
    if json_:
        sys.stdout.write(json.dumps(page.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        typer.echo(str(page.file))
