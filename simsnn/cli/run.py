"""``run``, ``train``: simulate an experiment, or only train its network."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from simsnn.cli.options import Json, LogFile, Output, Overrides, Quiet, Source, Verbose, app, console, start_logging


@app.command(epilog="Example: simsnn run configs/experiments/quickstart.yaml --set hardware.arrays.0.rows=64")
def run(
    source: Source,
    overrides: Overrides = None,
    json_: Json = False,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Run an experiment: train or load activity, simulate, write a run folder, print the table."""
    start_logging(quiet or json_, verbose, log_file)
    # nothing in a run is cyclic garbage worth looking for: the default thresholds cost a quarter of its time
    gc.set_threshold(200_000, 50, 50)
    from simsnn import api
    from simsnn.commands.progress import training_progress
    from simsnn.results.store import RUNS
    from simsnn.results.write import write_run

    with training_progress(quiet or json_) as progress:
        result = api.simulate(source, tuple(overrides or ()), progress=progress)
    folder = write_run(result, output or RUNS)
    if json_:
        sys.stdout.write(result.report.to_json())
        return
    from simsnn.results.terminal import print_report

    print_report(result.report, console())
    if not quiet:
        console().print(f"written to {folder}", highlight=False, soft_wrap=True)


@app.command(epilog="Example: simsnn train quickstart --json")
def train(
    source: Source,
    overrides: Overrides = None,
    json_: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Also write the trace here.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Train the network of an experiment (once; the result is stored by digest) and show what it recorded."""
    start_logging(quiet or json_, verbose, log_file)
    from simsnn.commands.progress import training_progress
    from simsnn.commands.train import train_experiment

    with training_progress(quiet or json_) as progress:
        summary = train_experiment(source, tuple(overrides or ()), progress, output)
    if json_:
        sys.stdout.write(json.dumps(summary.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        summary.print(console())
