"""``simsnn report``: one HTML file of a stored run or sweep, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simsnn.commands.stored import find_stored
from simsnn.config.loader import parse_yaml
from simsnn.errors import ConfigError
from simsnn.results.store import CONFIG, LIVE_BYTES, TRACE, StorageError, StoredRun, writing_file
from simsnn.results.sweep_store import SUMMARY, StoredSweep
from simsnn.sim.census import RunMemory

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The file and its size."""

    file: Path
    bytes: int

    def to_json(self) -> dict[str, str | int]:
        """As ``report --json`` prints it."""
        return {"file": str(self.file), "bytes": self.bytes}


def write_report(name: str, runs: Path, sweeps: Path, output: Path | None) -> WrittenPage:
    """Write the page of a run or sweep.

    Parameters
    ----------
    name : str
        A folder, the id or name of a run, the name of a sweep, or ``latest``: the newest of both.
    runs, sweeps : Path
        Where they lie.
    output : Path or None
        The file; ``report.html`` in the folder without.

    Raises
    ------
    SimsnnError
        If there is no such run or sweep, its files are not what they should be, or the file cannot be written.
    """
    found = find_stored(name, runs, sweeps)
    page = output or found.folder / PAGE
    if page.is_dir():
        raise ConfigError(f"{page} is a folder, not a file", value=str(page), remedy=f"write {page / PAGE}")
    text = _sweep_text(found) if isinstance(found, StoredSweep) else _run_text(found)
    content = text.encode("utf-8")
    _write(page, content)
    return WrittenPage(page, len(content))


def _run_text(run: StoredRun) -> str:
    from simsnn.viz.html.run_page import RunContent, run_page
    from simsnn.viz.html.timeline import MOST_BARS
    from simsnn.viz.html.trace_file import read_tracks

    config, trace, memory = (run.folder / name for name in (CONFIG, TRACE, LIVE_BYTES))
    text = _read(config) if config.exists() else ""
    content = RunContent(
        run.report,
        parse_yaml(text, str(config)).tree if text else {},
        text,
        read_tracks(trace, MOST_BARS, run.report.pipeline is not None) if trace.exists() else None,
        RunMemory.load(memory) if memory.exists() else None,
    )
    return run_page(content)


def _sweep_text(sweep: StoredSweep) -> str:
    from simsnn.viz.html.sweep_page import sweep_page

    summary = sweep.folder / SUMMARY
    text = _read(summary) if summary.is_file() else ""
    try:
        return sweep_page(sweep, text)
    except OSError as error:
        raise ConfigError(f"{sweep.folder} cannot be read: {error}", value=str(sweep.folder)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", value=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8", value=str(path)) from None


def _write(path: Path, content: bytes) -> None:
    """Write the page whole or not at all, into a folder that is made where needed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", value=str(path)) from None
    with writing_file(path) as temporary:
        temporary.write_bytes(content)
