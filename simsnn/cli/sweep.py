"""``sweep``, ``query``: many runs of one experiment, and questions to their table."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, LogFile, Overrides, Quiet, Verbose, app, console, start_logging
from simsnn.errors import ExitCode

Sweeps = Annotated[Path, typer.Option("--sweeps", metavar="DIR", help="Folder of sweep folders.")]


@app.command(epilog="Example: simsnn sweep configs/sweeps/array_size.yaml --workers 2")
def sweep(
    source: Annotated[str, typer.Argument(metavar="FILE", help="Sweep file, or the name of a shipped one.")],
    overrides: Overrides = None,
    json_: Json = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The sweep's folder; default results/sweeps/NAME."),
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="processes (default), serial, or dask (default with --scheduler).")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=4096, help="How many; default one per core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Running Dask cluster, tcp://host:port.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed and refused points again.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many points and how long; store nothing.")
    ] = False,
    point: Annotated[
        int | None, typer.Option(metavar="N", help="Run this point alone, as a run folder in results/runs or -o.")
    ] = None,
    figures: Annotated[bool, typer.Option(help="Draw the figures at the end.")] = True,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Run every point of a sweep; a second start goes on where the first ended."""
    start_logging(quiet or json_, verbose, log_file)
    gc.set_threshold(200_000, 50, 50)
    from simsnn.commands import sweep as body
    from simsnn.sweep.plan import load_plan
    from simsnn.sweep.runner import SweepOptions, run_sweep, sweep_folder

    plan = load_plan(source, tuple(overrides or ()))
    options = SweepOptions(executor or ("dask" if scheduler else "processes"), workers, scheduler, retry_failed)
    if point is not None:
        from simsnn.results.store import RUNS
        from simsnn.results.write import write_run

        typer.echo(str(write_run(body.run_point(plan, point), output or RUNS)))
        return
    if not (quiet or json_):
        sys.stderr.write(body.describe(plan) + "\n")
    if dry_run:
        body.print_estimate(plan, options, json_)
        return
    folder = sweep_folder(plan, output)
    try:
        with body.watching(quiet or json_) as watch:
            stored = run_sweep(plan, folder, options, watch)
    except KeyboardInterrupt:
        sys.stderr.write(f"finished points are stored in {folder}; the same command goes on\n")
        raise
    if figures:
        body.draw(stored)
    if json_:
        sys.stdout.write(json.dumps(body.outcome_json(stored), indent=1) + "\n")
    else:
        body.print_outcome(stored, console())
        if not quiet:
            console().print(f"written to {folder}", highlight=False, soft_wrap=True)
    if body.failed(stored):
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command(epilog="Example: simsnn query array_size 'rows==64 and total_energy_pj<2e9' --sort total_cycles")
def query(
    name: Annotated[str, typer.Argument(metavar="SWEEP", help="Sweep folder, name, or latest.")],
    condition: Annotated[
        str | None, typer.Argument(metavar="[CONDITION]", help="Over axes and metrics; all points when left out.")
    ] = None,
    sort: Annotated[str | None, typer.Option(metavar="COLUMN,...", help="Sort by these columns.")] = None,
    descending: Annotated[bool, typer.Option("--descending", help="Largest first.")] = False,
    columns: Annotated[str | None, typer.Option(metavar="COLUMN,...", help="Show these columns.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show this many points.")] = None,
    json_: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write .csv or .parquet instead.")
    ] = None,
    root: Sweeps = Path("results/sweeps"),
) -> None:
    """Show the points of a stored sweep that meet a condition."""
    from simsnn.commands.query import names, print_answer, query_sweep, write_answer

    answer = query_sweep(name, root, condition, sort, descending, columns, limit)
    if output is not None:
        write_answer(answer, output)
        typer.echo(str(output))
    elif json_:
        sys.stdout.write(json.dumps(answer.records(), indent=1) + "\n")
    else:
        print_answer(answer, console(), (*names(sort), *names(columns)))
