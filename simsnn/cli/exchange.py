"""``import``, ``trace``: files of other tools in, time traces for other tools out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Overrides, app, console


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
