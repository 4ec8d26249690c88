"""``plot``, ``runs``, ``compare``, ``reprice``: what is done with stored runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, Overrides, Runs, app, console
from simsnn.errors import ConfigError

Format = Annotated[str, typer.Option("--format", help="png, svg or pdf.")]


@app.command(epilog="Example: simsnn plot latest --only cycles,roofline -o figures")
def plot(
    stored: Annotated[
        str, typer.Argument(metavar="RUN|SWEEP", help="Folder, run id, name of a sweep, or latest.")
    ] = "latest",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where; default the folder of the run or sweep."),
    ] = None,
    format_: Format = "png",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME[,NAME]", help="These figures alone; --list names them.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Of a sweep: the metric to show.")] = None,
    x: Annotated[str | None, typer.Option("--x", metavar="AXIS", help="Of a sweep: the axis across.")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="AXIS", help="Of a sweep: the axis of lines or rows.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the figures that there are, and draw none.")] = False,
    root: Runs = Path("results/runs"),
    sweeps: Annotated[Path, typer.Option("--sweeps", metavar="DIR", help="Folder of sweep folders.")] = Path(
        "results/sweeps"
    ),
    json_: Json = False,
) -> None:
    """Draw the figures of a stored run or sweep again, from what its folder holds."""
    from simsnn.commands.plot import PlotRequest, draw, figure_names
    from simsnn.viz.sweep_figures import SweepView

    if list_:
        names = figure_names()
        lines = [f"{row['of']:<6}{row['name']:<13}{row['what']}" for row in names]
        typer.echo(json.dumps(names, indent=1) if json_ else "\n".join(lines))
        return
    chosen = tuple(name.strip() for names in only or () for name in names.split(",") if name.strip())
    if only and not chosen:
        raise ConfigError("--only names no figure", value=",".join(only), remedy="`simsnn plot --list` names them")
    paths = draw(PlotRequest(stored, root, sweeps, output, format_, chosen, SweepView(metric, x, y)))
    typer.echo(json.dumps([str(path) for path in paths], indent=1) if json_ else "\n".join(map(str, paths)))


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
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Draw ratios and waterfalls there.")
    ] = None,
    format_: Format = "png",
    root: Runs = Path("results/runs"),
) -> None:
    """Show runs side by side: ratios to the first, what their configurations have different, where it went."""
    from simsnn.commands.compare import compare_stored, print_compared
    from simsnn.viz.formats import check_format

    check_format(format_)
    found = compare_stored(runs_, root)
    drawn = () if output is None else found.write_figures(output, format_)
    if json_:
        sys.stdout.write(json.dumps(found.to_json(), indent=1, sort_keys=True) + "\n")
        return
    print_compared(found, console())
    for path in drawn:
        typer.echo(str(path))


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
