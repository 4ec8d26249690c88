"""The app, the options that commands share, and where they print. Heavy imports happen inside the commands."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from simsnn.errors import ConfigError

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
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of run folders.")]


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


def console() -> Any:
    """Where tables are printed."""
    from rich.console import Console

    return Console(file=sys.stdout)


def start_logging(quiet: bool, verbose: bool, log_file: Path | None) -> None:
    """Log to stderr, and to a file where asked."""
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
