"""The command line: parse, call the API, format. One file per group of commands; importing it registers them."""

from __future__ import annotations

import json
import logging
import sys

from typer.models import CommandInfo

from simsnn.cli import catalogue, checks, exchange, report, results, run, sweep
from simsnn.cli.options import app
from simsnn.errors import ConfigError, ExitCode, SimsnnError

__all__ = ["app", "entry", "main"]


def _module_of(command: CommandInfo) -> str:
    assert command.callback is not None  # every command is a function
    return command.callback.__module__


COMMANDS = (run, sweep, results, report, exchange, checks, catalogue)
"""Modules of commands, in the order of the help text."""
app.registered_commands.sort(key=lambda command: [module.__name__ for module in COMMANDS].index(_module_of(command)))


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
