"""``plot``, ``runs``, ``compare``, ``reprice``: what is done with stored runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Overrides, Runs, app, console


@app.command(epilog="Example: simsnn plot latest -o figures")
def plot(
    run_: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id or latest.")] = "latest",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where; default the run folder.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="png, svg or pdf.")] = "png",
    root: Runs = Path("results/runs"),
) -> None:
    """Draw the figures of a stored run again, from its report and its live bytes."""
    from simsnn.commands.plot import plot_run

    for path in plot_run(run_, root, output, format_):
        typer.echo(str(path))


@app.command(epilog="Example: simsnn runs --json")
def runs(
    json_: Json = False,
    root: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of run folders.")] = Path(
        "results/runs"
    ),
    sweeps: Annotated[Path, typer.Option("--sweeps", metavar="DIR", help="Folder of sweep folders.")] = Path(
        "results/sweeps"
    ),
    only_sweeps: Annotated[bool, typer.Option("--only-sweeps", help="List sweeps, not runs.")] = False,
) -> None:
    """List the stored runs and sweeps; with --json the runs, or the sweeps alone."""
    from simsnn.commands.listing import print_runs, print_sweeps, run_rows, sweep_rows

    if json_:
        sys.stdout.write(json.dumps(sweep_rows(sweeps) if only_sweeps else run_rows(root), indent=1) + "\n")
        return
    if not only_sweeps:
        print_runs(run_rows(root), console())
    print_sweeps(sweep_rows(sweeps), console(), said=only_sweeps)


@app.command(epilog="Example: simsnn compare 3f9c latest")
def compare(
    runs_: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders, run ids or latest; two or more.")],
    json_: Json = False,
    root: Runs = Path("results/runs"),
) -> None:
    """Show runs side by side, with ratios to the first, and what their configurations have different."""
    from simsnn.commands.compare import compare_runs, print_comparison

    found = compare_runs(runs_, root)
    if json_:
        sys.stdout.write(json.dumps(found.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    else:
        print_comparison(found, console())


@app.command(epilog="Example: simsnn reprice latest --set energy.arithmetic=aladdin_45nm")
def reprice(
    run_: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id or latest.")] = "latest",
    overrides: Overrides = None,
    json_: Json = False,
    root: Runs = Path("results/runs"),
) -> None:
    """Price the stored action counts of a run under other energy tables, without simulating again."""
    from simsnn.commands.energy import print_repriced, reprice_run

    outcome = reprice_run(run_, root, tuple(overrides or ()))
    if json_:
        sys.stdout.write(json.dumps(outcome, indent=1, sort_keys=True) + "\n")
    else:
        print_repriced(outcome, console())
