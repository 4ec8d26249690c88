"""``import``, ``trace``: files of other tools in, time traces for other tools out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Overrides, Runs, app, console


@app.command(name="import", epilog="Example: simsnn import model.nir --set 'dt=100 us' -o network.yaml")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NIR graph, or activity trace (.npz).")],
    overrides: Overrides = None,
    json_: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Network file to write (NIR only).")
    ] = None,
) -> None:
    """Read a NIR graph as a network, or say what an activity trace holds.

    A NIR file says nothing of these keys, which --set gives: dt, surrogate, reset, detach_reset, varied, name.
    """
    from simsnn.commands.import_file import import_file

    summary = import_file(file, tuple(overrides or ()), output)
    if json_:
        sys.stdout.write(json.dumps(summary.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        summary.print(console())


@app.command(epilog="Example: simsnn trace latest --format vcd -o run.vcd")
def trace(
    run_: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id or latest.")] = "latest",
    format_: Annotated[str, typer.Option("--format", help="perfetto or vcd.")] = "perfetto",
    time: Annotated[
        str | None, typer.Option(help="ns or cycles (perfetto); ns where a cycle is a whole number of them.")
    ] = None,
    most: Annotated[int | None, typer.Option(help="Most intervals shown; neighbours are joined to fit.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    json_: Json = False,
    root: Runs = Path("results/runs"),
) -> None:
    """Write the time trace of a stored run: for ui.perfetto.dev, or as VCD for GTKWave.

    What the run folder does not hold is simulated again from its configuration.
    """
    from simsnn.commands.trace import trace_run

    found = trace_run(run_, root, format_, time, most, output)
    if json_:
        sys.stdout.write(json.dumps(found.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        for line in found.lines():
            typer.echo(line)
