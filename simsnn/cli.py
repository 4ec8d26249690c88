"""The command line: parse, call the API, format. Heavy imports happen inside the commands."""

from __future__ import annotations

import gc
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from simsnn.errors import ConfigError, ExitCode, SimsnnError

app = typer.Typer(
    name="simsnn",
    help="Cycle-accurate simulator of accelerators that train spiking neural networks.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Source = Annotated[str, typer.Argument(metavar="FILE", help="Experiment file, or the name of a shipped one.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change one value; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="Folder for run folders.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print results only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Also log what is done.")]
LogFile = Annotated[Path | None, typer.Option("--log-file", metavar="FILE", help="Write the log to a file.")]


def _show_version(value: bool) -> None:
    if value:
        from simsnn import __version__

        typer.echo(f"simsnn {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Common options."""


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
    _logging(quiet or json_, verbose, log_file)
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

    print_report(result.report, _console())
    if not quiet:
        _console().print(f"written to {folder}", highlight=False, soft_wrap=True)


@app.command(epilog="Example: simsnn plot latest -o figures")
def plot(
    run_: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id or latest.")] = "latest",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where; default the run folder.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="png, svg or pdf.")] = "png",
    root: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of run folders.")] = Path("results/runs"),
) -> None:
    """Draw the figures of a stored run again, from its report and its live bytes."""
    from simsnn.commands.plot import plot_run

    for path in plot_run(run_, root, output, format_):
        typer.echo(str(path))


@app.command(epilog="Example: simsnn explain configs/experiments/quickstart.yaml")
def explain(source: Source, overrides: Overrides = None) -> None:
    """Say the machine in words: peak rates, capacities, and each layer's formula with its numbers in it."""
    from simsnn.commands.explain import explain_experiment

    _console().print(explain_experiment(source, tuple(overrides or ())), highlight=False, soft_wrap=True, markup=False)


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
    _logging(quiet or json_, verbose, log_file)
    from simsnn.commands.progress import training_progress
    from simsnn.commands.train import train_experiment

    with training_progress(quiet or json_) as progress:
        summary = train_experiment(source, tuple(overrides or ()), progress, output)
    if json_:
        sys.stdout.write(json.dumps(summary.to_json(), indent=1, sort_keys=True) + "\n")
    else:
        summary.print(_console())


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
        print_validation(outcome, _console(), every=verbose)
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
    _logging(quiet or json_, verbose, None)
    gc.set_threshold(200_000, 50, 50)
    from simsnn.commands.progress import stage_progress
    from simsnn.commands.reproduce import print_reproduction
    from simsnn.commands.reproduce import reproduce as run_reproduction

    with stage_progress(quiet or json_) as stage:
        found, folder = run_reproduction(name, output, stage)
    if json_:
        sys.stdout.write(found.to_text())
    else:
        print_reproduction(found, _console())
        if not quiet:
            _console().print(f"written to {folder}", highlight=False, soft_wrap=True)
    if found.failed:
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command(epilog="Example: simsnn runs --json")
def runs(
    json_: Json = False,
    root: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of run folders.")] = Path(
        "results/runs"
    ),
) -> None:
    """List the stored runs."""
    from simsnn.commands.listing import print_runs, run_rows

    rows = run_rows(root)
    if json_:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        print_runs(rows, _console())


@app.command(epilog="Example: simsnn compare 3f9c latest")
def compare(
    runs_: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders, run ids or latest; two or more.")],
    json_: Json = False,
    root: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of run folders.")] = Path("results/runs"),
) -> None:
    """Show runs side by side, with ratios to the first, and what their configurations have different."""
    from simsnn.commands.compare import compare_runs, print_comparison

    found = compare_runs(runs_, root)
    if json_:
        sys.stdout.write(json.dumps(found.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    else:
        print_comparison(found, _console())


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
        print_catalogue(entries, _console())


@app.command(epilog="Example: simsnn schema hardware")
def schema(
    what: Annotated[str, typer.Argument(help="experiment, hardware, network or report.")] = "experiment",
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
        print_energy(rows, _console())


@app.command(epilog="Example: simsnn reprice latest --set energy.arithmetic=aladdin_45nm")
def reprice(
    run_: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id or latest.")] = "latest",
    overrides: Overrides = None,
    json_: Json = False,
    root: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of run folders.")] = Path("results/runs"),
) -> None:
    """Price the stored action counts of a run under other energy tables, without simulating again."""
    from simsnn.commands.energy import print_repriced, reprice_run

    outcome = reprice_run(run_, root, tuple(overrides or ()))
    if json_:
        sys.stdout.write(json.dumps(outcome, indent=1, sort_keys=True) + "\n")
    else:
        print_repriced(outcome, _console())


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout)


def _logging(quiet: bool, verbose: bool, log_file: Path | None) -> None:
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True)
    if log_file is None:
        return
    try:
        handler = logging.FileHandler(log_file, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write the log file {log_file}: {error.strerror}", value=str(log_file)) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code of the interface contract."""
    words = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in words
    try:
        code = int(app(args=words, standalone_mode=False, prog_name="simsnn") or 0)
        return _interrupted() if code == ExitCode.INTERRUPTED else code
    except SimsnnError as error:
        _report(error, as_json)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.DONE)
    except Exception as error:  # noqa: BLE001 - the last resort: a user never sees a traceback
        return _unexpected(error, as_json)


def _interrupted() -> int:
    sys.stderr.write("interrupted: nothing was left half-written\n")
    return int(ExitCode.INTERRUPTED)


def _unexpected(error: Exception, as_json: bool) -> int:
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        _report(ConfigError(error.format_message(), remedy="see simsnn --help"), as_json)
        return int(ExitCode.BAD_INPUT)
    if type(error).__name__ == "Abort":
        return _interrupted()
    logging.getLogger("simsnn").debug("unexpected error", exc_info=error)
    bug = SimsnnError(
        f"a bug in simsnn: {type(error).__name__}: {error}", remedy="please report it; -v --log-file FILE keeps details"
    )
    bug.kind = "bug"
    _report(bug, as_json)
    return int(ExitCode.BUG)


def _report(error: SimsnnError, as_json: bool) -> None:
    text = json.dumps({"error": error.to_json()}) if as_json else f"error: {error}"
    sys.stderr.write(text + "\n")


def entry() -> None:
    """Console script."""
    sys.exit(main())
