"""``validate``, ``reproduce``: the simulator held against its twins and against papers."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Quiet, Verbose, app, console, start_logging
from simsnn.errors import ExitCode


@app.command(epilog="Example: simsnn validate --json")
def validate(
    json_: Json = False,
    full: Annotated[bool, typer.Option("--full", help="More cases, and what needs a checkout.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the random cases.")] = 0,
    cases: Annotated[int | None, typer.Option(min=1, help="Random cases per switch combination.")] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="List every switch combination.")] = False,
) -> None:
    """Compare every model with its slow twin: machine, switches, cases, mismatches."""
    from simsnn.commands.validate import print_validation, validate_all

    outcome = validate_all(full=full, seed=seed, cases=cases)
    if json_:
        sys.stdout.write(json.dumps(outcome.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        print_validation(outcome, console(), every=verbose)
    if outcome.mismatches:
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command(epilog="Example: simsnn reproduce h2learn --json")
def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Paper: h2learn.")],
    json_: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where; default results/NAME.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Hold the simulator against a paper's published numbers: tables, figures, checks with their standing."""
    start_logging(quiet or json_, verbose, None)
    gc.set_threshold(200_000, 50, 50)
    from simsnn.commands.progress import stage_progress
    from simsnn.commands.reproduce import print_reproduction
    from simsnn.commands.reproduce import reproduce as run_reproduction

    with stage_progress(quiet or json_) as stage:
        found, folder = run_reproduction(name, output, stage)
    if json_:
        sys.stdout.write(found.to_text())
    else:
        print_reproduction(found, console())
        if not quiet:
            console().print(f"written to {folder}", highlight=False, soft_wrap=True)
    if found.failed:
        raise typer.Exit(ExitCode.CHECK_FAILED)
